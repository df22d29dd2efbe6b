"""Whether a plugin is what an interface demands: everything that stands against it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Protocol, TypeVar

from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.elf.symbols import FUNCTIONS, VARIABLES, hint_missing
from nativeplug.errors import InterfaceError, PluginError, SymbolNotFoundError
from nativeplug.interface.base import Interface, contents_of
from nativeplug.interface.c_header import Contents
from nativeplug.interface.members import Member, error_about
from nativeplug.interface.versions import find_mismatch

_Symbol = TypeVar("_Symbol")
# The kinds that a member of a kind is not.
_OTHERS = {"function": VARIABLES, "variable": FUNCTIONS}


class Exported(Protocol):
    """What a file exports."""

    @property
    def exports(self) -> Mapping[str, str]:
        """The names, each with its kind."""

    @property
    def untyped(self) -> Container[str]:
        """Those whose kind the file does not tell."""

    @property
    def is_rust(self) -> bool:
        """The Rust compiler has made it."""


def _words_of(error: PluginError, member: Member, file: Exported) -> str:
    is_missing = isinstance(error, SymbolNotFoundError) and member.name not in file.exports
    return _missing(member, file) if is_missing else str(error)


def _missing(member: Member, file: Exported) -> str:
    hint = hint_missing(member.name, file.exports, is_rust=file.is_rust)
    return f"it does not export {member.name!r}{hint}"


def find_missing(contents: Contents, file: Exported) -> Iterator[str]:
    """
    Say which members a file does not export, and which are of another kind in it.

    Nothing of the plugin has to run for that.

    Args:
        contents: What the interface has.
        file: What the file exports.
    """
    for member in _exported_members(contents):
        if member.name not in file.exports:
            yield from () if member.is_optional else (_missing(member, file),)
        elif member.name not in file.untyped:
            yield from _find_other_kind(member, file.exports)


def _exported_members(contents: Contents) -> list[Member]:
    return [member for member in contents.members.values() if member.kind != "constant"]


def _find_other_kind(member: Member, exports: Mapping[str, str]) -> Iterator[str]:
    kind = "function" if exports[member.name] in FUNCTIONS else "variable"
    if kind != member.kind:
        yield f"{member.name!r} is a {kind} in it"


def check_names(interface: type[Interface], own: type) -> None:
    """
    Refuse members that could not be attributes of a plugin.

    Args:
        interface: The interface.
        own: The class of plugins, whose own attributes come first.

    Raises:
        DeclarationError: A member has the name of one of those.
    """
    for name in contents_of(interface).members:
        if hasattr(own, name):
            raise error_about(
                interface,
                name,
                f"every plugin has a {name!r} of its own: declare it in types=, and look it up "
                f"by lookup({name!r})",
            )


def check_file(
    interface: type[Interface],
    path: str,
    file: Exported,
    told: InterfaceVersion | None,
    check: Callable[[str], object],
) -> None:
    """
    Refuse a file that is not what an interface demands; nothing of it has to run for that.

    Args:
        interface: The interface.
        path: The plugin's path, for words.
        file: What the file exports.
        told: The interface that the file tells that it has.
        check: Compares a member's type with what the file tells of it, and raises.

    Raises:
        InterfaceError: It is not that; with all findings.
    """
    contents = contents_of(interface)
    findings = [*_find_other_version(contents, told)]
    findings += find_missing(contents, file)
    for member in _exported_members(contents):
        if file.exports.get(member.name) in {None, *_OTHERS[member.kind]}:
            continue
        try:
            check(member.name)
        except PluginError as error:
            findings.append(str(error))
    _refuse(interface, path, findings)


def check_version(interface: type[Interface], path: str, told: InterfaceVersion | None) -> None:
    """
    Refuse a plugin that tells that it has another interface.

    Raises:
        InterfaceError: It does.
    """
    _refuse(interface, path, [*_find_other_version(contents_of(interface), told)])


def _find_other_version(contents: Contents, told: InterfaceVersion | None) -> Iterator[str]:
    mismatch = None if contents.version is None else find_mismatch(contents.version, told)
    if mismatch is not None:
        yield mismatch


def conform(
    interface: type[Interface],
    path: str,
    file: Exported,
    constants: Mapping[str, int],
    resolve: Callable[[str], _Symbol],
) -> dict[str, _Symbol]:
    """
    Resolve every member of an interface.

    Args:
        interface: The interface.
        path: The plugin's path, for words.
        file: What the file exports.
        constants: The constants that are declared for the plugin.
        resolve: Resolves a function or variable.

    Returns:
        The functions and variables by name, without the optional ones that the plugin lacks.

    Raises:
        InterfaceError: The plugin is not what the interface demands; with all findings.
    """
    contents = contents_of(interface)
    symbols, findings = {}, []
    for member in _exported_members(contents):
        if member.is_optional and member.name not in file.exports:
            continue
        try:
            symbols[member.name] = resolve(member.name)
        except PluginError as error:
            findings.append(_words_of(error, member, file))
    findings += _find_other_constants(interface, constants)
    _refuse(interface, path, findings)
    return symbols


def _find_other_constants(
    interface: type[Interface], constants: Mapping[str, int]
) -> Iterator[str]:
    for member in contents_of(interface).members.values():
        value = getattr(interface, member.name, None)
        if member.kind == "constant" and constants.get(member.name) != value:
            declared = constants.get(member.name)
            yield f"the constant {member.name!r} is {value} in Python and {declared} in types="


def _refuse(interface: type[Interface], path: str, findings: list[str]) -> None:
    if findings:
        raise InterfaceError(
            f"plugin {path!r} is no {interface.__qualname__!r}: {'; '.join(findings)}",
            path=path,
            findings=tuple(findings),
        )
