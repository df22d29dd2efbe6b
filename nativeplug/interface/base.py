"""Interface: a Python class that says what a plugin exports."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard
from weakref import WeakKeyDictionary

from nativeplug.declare.sources import Source
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.errors import DeclarationError
from nativeplug.interface import c_header, members, versions
from nativeplug.interface.c_header import Contents
from nativeplug.interface.members import Member

if TYPE_CHECKING:
    from typing_extensions import Self

    from nativeplug.runtime.plugin import Plugin

    class _Opened(Plugin):
        """
        What every plugin has, and nothing else: a name that an interface lacks is an error.

        Type checkers call the special methods of `Plugin`, which take every name, no methods
        where these are None.
        """

        __getattribute__: None  # type: ignore[assignment,misc]
        __setattr__: None  # type: ignore[assignment,misc]
else:
    _Opened = object


class _InterfaceType(type):
    """The class of interfaces: a plugin is an instance of those that it was opened as."""

    def __instancecheck__(cls, instance: Any) -> bool:
        """Tell whether an object was opened as this interface, or as one derived from it."""
        if not hasattr(type(instance), "_opened_as"):
            return False
        return any(issubclass(interface, cls) for interface in instance._opened_as)  # noqa: SLF001 - for this


class Interface(_Opened, metaclass=_InterfaceType):
    """
    What a host expects of a plugin, and what the plugin's author promises.

    Derive a class; its annotated names are variables, its methods functions, its properties
    variables that are const, its ``Final`` integers constants::

        class Greeter(nativeplug.Interface, name="greeter", version="1.2"):
            Name: str
            def GetName(self) -> str: ...
            def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64: ...

    ``nativeplug.open(path, Greeter)`` opens a plugin that has all of them, and type checkers see
    it as a ``Greeter``; so does ``isinstance``. The class cannot be called: what is opened is a
    `Plugin`.

    Class arguments:
        name: What the interface is called where plugins tell of it.
        version: Its version, ``"MAJOR.MINOR"``; goes together with *name*. A plugin of another
            major version, or of a lower minor version, is refused. Both are inherited.
        types: C text of the types that members use; it stands before the members.

    Raises:
        DeclarationError: A member cannot be told in C; with its place.
        TypeError: An argument is of the wrong type.
    """

    def __init_subclass__(cls, *, name: str = "", version: str = "", types: str = "") -> None:
        """Read the body of a class that was derived."""
        super().__init_subclass__()
        for argument, given in (("name", name), ("version", version), ("types", types)):
            if not isinstance(given, str):
                raise TypeError(
                    f"{argument} of interface {cls.__qualname__!r} must be str, not "
                    f"{type(given).__name__}"
                )
        _read[cls] = _contents(cls, _version(cls, name, version), types)

    def __new__(cls, *_args: Any, **_options: Any) -> Self:
        """Refuse: an interface is what a plugin is opened as."""
        raise TypeError(
            f"interface {cls.__qualname__!r} has no objects: nativeplug.open(path, "
            f"{cls.__qualname__}) opens a plugin as one"
        )


# What was read of each interface; not in the class itself, whose names are the members'.
_own: WeakKeyDictionary[type, tuple[str, Mapping[str, Member]]] = WeakKeyDictionary()
_read: WeakKeyDictionary[type, Contents] = WeakKeyDictionary()
_sources: WeakKeyDictionary[type, Source] = WeakKeyDictionary()


def _version(cls: type, name: str, version: str) -> InterfaceVersion | None:
    if not name and not version:
        return next((_read[base].version for base in cls.__mro__[1:] if base in _read), None)
    try:
        return versions.parse(name, version)
    except ValueError as error:
        raise members.error_about(cls, None, str(error)) from None


def _contents(cls: type, version: InterfaceVersion | None, types: str) -> Contents:
    """Return what a class has, with what it inherits: the bases' members come first."""
    strangers = [base for base in cls.__mro__ if not issubclass(base, Interface)]
    if strangers != [object]:
        problem = f"it derives from {strangers[0].__qualname__!r}, which is no interface"
        raise members.error_about(cls, None, problem)
    _own[cls] = types.strip("\n"), {member.name: member for member in members.read(cls)}
    found: dict[str, Member] = {}
    texts: dict[str, None] = {}
    for text, each in (_own[base] for base in reversed(cls.__mro__) if base in _own):
        found |= each
        texts |= {text: None} if text else {}
    title = f"{cls.__module__}.{cls.__qualname__}"
    return Contents(title, cls.__doc__ or "", version, tuple(texts), found)


def is_interface(value: object) -> TypeGuard[type[Interface]]:
    """Tell whether a value is a class that derives from `Interface`, or that class."""
    return isinstance(value, type) and issubclass(value, Interface)


def contents_of(interface: type[Interface]) -> Contents:
    """
    Return what an interface has.

    Raises:
        TypeError: It is `Interface` itself, which has nothing.
    """
    if interface is Interface:
        raise TypeError("nativeplug.Interface demands nothing: derive a class from it")
    return _read[interface]


def declarations_of(interface: type[Interface]) -> str:
    """Return the C header of an interface: what a plugin's author includes."""
    return source_of(interface).text


def interface_version(interface: type[Interface]) -> InterfaceVersion | None:
    """Return an interface's name, major and minor version; None when it has no name."""
    return contents_of(interface).version


def source_of(interface: type[Interface]) -> Source:
    """Return an interface as the source of declarations that it is."""
    if interface not in _sources:
        contents = contents_of(interface)
        _sources[interface] = Source(c_header.write(contents), f"<interface {contents.title}>")
    return _sources[interface]


@contextlib.contextmanager
def telling_members(interface: type[Interface]) -> Iterator[None]:
    """Make an error about the C text of an interface one about the member that it is of."""
    try:
        yield
    except DeclarationError as error:
        source = source_of(interface)
        if error.file != source.name or error.line is None:
            raise
        name = c_header.member_at(contents_of(interface), error.line)
        place = f"{error.file}:{error.line}:{error.column}: "
        problem = str(error).removeprefix(place)
        if name is None:
            problem = f"types=: {problem}"
        raise members.error_about(interface, name, problem) from None
