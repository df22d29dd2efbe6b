"""For tests of programs that use plugins: a fake of an interface, and a fixture for pytest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from nativeplug import declare, interface
from nativeplug._core import Uses
from nativeplug.call import PENDING, Callback, CallContext, Variable
from nativeplug.call.callback import Call
from nativeplug.call.convert import from_c, to_c
from nativeplug.call.plan import Kind
from nativeplug.declare import Declarations, FunctionDeclaration, VariableDeclaration, usable
from nativeplug.elf.dynamic import Dynamic
from nativeplug.errors import DeclarationError
from nativeplug.interface import Interface
from nativeplug.loader.files import SystemKey
from nativeplug.loader.generation import Generation
from nativeplug.loader.options import LoadOptions
from nativeplug.runtime import Plugin
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.opening import open
from nativeplug.runtime.options import FunctionOptions, UpdateOptions
from nativeplug.runtime.serving import OpenRequest, add
from nativeplug.runtime.type_info import TypeInfo
from nativeplug.trust import NO_REQUIREMENTS

if TYPE_CHECKING:
    from nativeplug.elf.symbols import Kind as SymbolKind

__all__ = ["fake", "fixture"]

_Expected = TypeVar("_Expected", bound=Interface)


def fake(kind: type[_Expected], bodies: object = None, /, **members: object) -> _Expected:
    """
    Make an object that behaves like a plugin that was opened as an interface.

    It is a `Plugin` of which no file is loaded: its functions are Python, its variables have
    memory of their own. Arguments and values are checked as those of a plugin are, in the same
    words, and so are the results of the functions. Optional members may be left out, and
    variables are zero where nothing is given.

    Args:
        kind: The interface.
        bodies: What has members as attributes: an object, or a class that is called without
            arguments to make one.
        members: Functions and the values of variables, by name; they come before *bodies*.

    Raises:
        InterfaceError: A function is missing.
        TypeError: A name is no function or variable of the interface; a value does not fit.
        DeclarationError: A member cannot be faked, such as a function with ``...``.

    Example:
        >>> class Adder(nativeplug.Interface):
        ...     def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64: ...
        >>> import nativeplug.testing
        >>> adder = nativeplug.testing.fake(Adder, Add=lambda a, b: a + b + 1)
        >>> adder.Add(2, 3)
        6
    """
    path = f"fake of {kind.__qualname__}"
    given = _given(kind, bodies, members)
    with interface.telling_members(kind):
        source = interface.source_of(kind)
        declarations = declare.extend(Declarations(), source)
        scope = CallContext(declarations.ffi, path)
        parts = _Parts(declarations, scope, given)
        for member in interface.contents_of(kind).members.values():
            if member.kind == "function" and member.name in given:
                parts.add_function(member.name)
            elif member.kind == "variable" and (member.name in given or not member.is_optional):
                parts.add_variable(member.name)
        loaded = Loaded(_Faked(path, parts), 1, TypeInfo(path, None))
        parts.initialize(loaded.kept, loaded.uses)
        plugin = Plugin(loaded, None, SystemKey(path))
        request = OpenRequest(
            path, source, kind, FunctionOptions(), UpdateOptions(), NO_REQUIREMENTS, LoadOptions()
        )
        add(replace(request, alone=declarations), plugin)
    return cast(_Expected, plugin)


def fixture(
    path: Any, declarations: Any = None, *, scope: str = "session", **options: Any
) -> Callable[..., Plugin]:
    """
    Return a fixture for pytest that opens a plugin, and closes it at the end of its scope.

    Assign it to a name in ``conftest.py`` or in a file of tests. A Go plugin is never unloaded,
    and some 200 fit into a process, so it is opened once a session. A smaller scope begins with
    the variables as the last one has left them, unless ``fresh=True`` is given.

    Args:
        path: As for `nativeplug.open`.
        declarations: As for `nativeplug.open`.
        scope: pytest's word for how long it is open.
        options: As for `nativeplug.open`.

    Example:
        >>> greeter = nativeplug.testing.fixture("greeter.so")
    """
    import pytest

    @pytest.fixture(scope=scope)  # type: ignore[call-overload, untyped-decorator] # any scope
    def opened() -> Iterator[Plugin]:
        with open(path, declarations, **{"fresh": False, **options}) as plugin:
            yield plugin

    return cast("Callable[..., Plugin]", opened)


def _given(kind: type[Interface], bodies: object, members: Mapping[str, object]) -> dict[str, Any]:
    """Return what is given for an interface's functions and variables, by name."""
    known = interface.contents_of(kind).members
    names = [name for name, member in known.items() if member.kind != "constant"]
    for name in members:
        if name not in names:
            what = "a constant" if name in known else "no member"
            raise TypeError(f"{name!r} is {what} of interface {kind.__qualname__!r}")
    bodies = bodies() if isinstance(bodies, type) else bodies
    found = {name: getattr(bodies, name) for name in names if hasattr(bodies, name)}
    return {**found, **members}


class _Parts:
    """What a fake is made of: functions and variables, each at an address."""

    def __init__(
        self, declarations: Declarations, scope: CallContext, given: Mapping[str, object]
    ) -> None:
        self.exports: dict[str, SymbolKind] = {}
        self.addresses: dict[str, int] = {}
        self._declarations, self._scope, self._given = declarations, scope, given
        self._kept: list[object] = []

    def add_function(self, name: str) -> None:
        """Make a function whose body is in Python."""
        declaration, body = usable(self._declarations.lines[name]), self._given[name]
        assert isinstance(declaration, FunctionDeclaration)  # noqa: S101 - of a method
        if not callable(body):
            raise TypeError(f"{name!r} must be callable, not {type(body).__name__}")
        self._add(name, "function", _callback(self._scope, declaration, body))

    def add_variable(self, name: str) -> None:
        """Make a variable, which is zero."""
        ffi, declaration = self._scope.ffi, usable(self._declarations.lines[name])
        assert isinstance(declaration, VariableDeclaration)  # noqa: S101 - not a method
        try:
            memory = ffi.new(ffi.getctype(declaration.type, "(*)"))
        except (TypeError, ValueError, ffi.error) as error:
            raise DeclarationError(f"cannot make a fake of {declaration.text!r}: {error}") from None
        self._add(name, "variable", memory)

    def _add(self, name: str, kind: SymbolKind, what: Any) -> None:
        pointer = what.cdata if isinstance(what, Callback) else what
        self.exports[name] = kind
        self.addresses[name] = int(self._scope.ffi.cast("uintptr_t", pointer))
        self._kept.append(what)

    def initialize(self, kept: dict[Any, Any], uses: Uses) -> None:
        """Give the variables their values, also those that the program cannot write."""
        for name, kind in self.exports.items():
            if kind == "variable" and name in self._given:
                declaration = self._declarations.symbols[name]
                assert isinstance(declaration, VariableDeclaration)  # noqa: S101 - as above
                variable = Variable(self._scope, replace(declaration, readonly=False))
                memory = variable.memory_at(self.addresses[name], kept, uses, readonly=False)
                variable.cell.cell_contents = memory
                variable.value = self._given[name]


def _callback(
    scope: CallContext, declaration: FunctionDeclaration, body: Callable[..., Any]
) -> Callback:
    """Return a C function that calls a body with Python values, and checks its result."""
    ffi, plan = scope.ffi, scope.call_plan(declaration)
    takes = [from_c(ffi, parameter) for parameter in plan.parameters]
    gives = None if plan.result.kind is Kind.VOID else to_c(ffi, plan.result)
    last = threading.local()  # as long as the caller may read what the result points to

    def run(*args: Any) -> Any:
        values = (arg if take is None else take(arg) for take, arg in zip(takes, args, strict=True))
        result = body(*values)
        if gives is None:
            return None
        call = Call()
        converted = gives(result, call)
        if plan.result.kind is Kind.TEXT and isinstance(converted, bytes):
            converted = ffi.new("char[]", converted)
        last.kept = result, converted, call
        return converted

    return Callback(ffi, ffi.typeof(declaration.pointer), run, PENDING)


class _Faked(Generation):
    """A generation that is no file, but Python."""

    _parts: _Parts

    def __init__(self, path: str, parts: _Parts) -> None:
        file = Dynamic(
            is_go=False,
            is_rust=False,
            stays=True,
            unique={},
            exports=parts.exports,
            addresses={},
            untyped=frozenset(),
            sizes={},
            readonly=frozenset(),
            imports=frozenset(),
        )
        super().__init__(
            path, is_go=False, sha256=None, resident="a fake", _file=file, _handle=cast(Any, None)
        )
        object.__setattr__(self, "_parts", parts)

    def __post_init__(self) -> None:
        """Lie nowhere."""
        object.__setattr__(self, "_span", SimpleNamespace(start=0, end=0))

    def address(self, symbol: str) -> int:
        """Return the address of a member that was given."""
        if symbol not in self._parts.addresses:
            raise self.not_found(symbol, "the fake does not have it")
        return self._parts.addresses[symbol]

    def own_function(self, symbol: str) -> int:  # noqa: ARG002 - the base's signature
        """Return 0: no function of a file is there."""
        return 0

    def has(self, symbol: str) -> bool:
        """Tell whether a member was given."""
        return symbol in self._parts.addresses
