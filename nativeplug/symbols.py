"""A plugin's symbols: declarations and a generation -> Functions and Variables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from nativeplug import declare
from nativeplug.call import (
    HOLD_GIL,
    PENDING,
    SAVE_ERRNO,
    Callback,
    Function,
    Invoke,
    Scope,
    Variable,
    bind,
    check_free,
    refuse_go_result,
)
from nativeplug.declare import Declarations, FunctionDeclaration, Line
from nativeplug.declare.sources import Source
from nativeplug.errors import DeclarationError, PluginError, SymbolNotFoundError
from nativeplug.load.generation import Generation, libc_free
from nativeplug.options import Options

_LIBC_FREE = "free"


@dataclass(frozen=True, slots=True)
class _Given:
    """What ``open`` was given for a plugin so far. Replaced as a whole, never changed."""

    declarations: Declarations
    scope: Scope
    sources: frozenset[Source] = frozenset()
    options: Options = field(default_factory=Options)

    @classmethod
    def nothing(cls, path: str) -> _Given:
        """Return what is given for a plugin that was opened without anything."""
        declarations = Declarations()
        return cls(declarations, Scope(declarations.ffi, path))

    def plus(self, source: Source | None, alone: Declarations | None, options: Options) -> _Given:
        """Return this and more; see `Symbols.add`."""
        whole = self.options.plus(options)
        if source is None or source in self.sources:
            return replace(self, options=whole)
        declarations = alone
        if declarations is None or self.declarations.origins:
            declarations = declare.extend(self.declarations, source)
        scope = Scope(declarations.ffi, self.scope.path)
        return _Given(declarations, scope, self.sources | {source}, whole)


# Held for steps that neither wait nor run anybody else's code, so one will do for all.
# Reentrant: a signal handler or a finalizer may use a plugin at any point.
_lock = threading.RLock()


# What variables' values point to. C may hold the pointers as long as its code is loaded, and
# that is never unloaded.
_kept_for_ever: list[dict[object, object]] = []


def after_fork() -> None:
    """Forget, in a child process, the lock that a thread of the parent may have held."""
    global _lock  # noqa: PLW0603 - there is no other way to unlock it
    _lock = threading.RLock()


class Symbols:
    """The functions and variables of a plugin's generation. Safe to use from several threads."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        #: What was looked up.
        self.resolved: dict[str, Function | Variable] = {}
        #: Makes the error that every use raises; None while the plugin is open.
        self.error: Callable[[], PluginError] | None = None
        self._given = _Given.nothing(generation.path)
        #: Declarations were found, so none need be looked for again.
        self.is_declared = False
        self._kept: dict[object, object] = {}
        _kept_for_ever.append(self._kept)

    @property
    def declarations(self) -> Declarations:
        """Everything that is declared for the plugin so far."""
        return self._given.declarations

    def check_open(self) -> None:
        """Raise the error of a plugin that was closed."""
        if self.error is not None:
            raise self.error()

    def constants(self) -> Mapping[str, int]:
        """Return the declared integer macros and enumerators."""
        self.check_open()
        return self.declarations.constants

    def add(self, source: Source | None, alone: Declarations | None, options: Options) -> None:
        """
        Add declarations and options.

        Args:
            source: Where declarations come from; None when there are none to add.
            alone: What *source* declares by itself, where that is known already.
            options: What ``open`` was told besides.

        Raises:
            DeclarationError: They contradict what the plugin has; nothing is added then.
        """
        while True:
            before = self._given
            after = before.plus(source, alone, options)
            _check_names(after)
            with _lock:
                self.check_open()
                if self._given is before:  # else another thread was faster
                    self._check_in_time(after.options)
                    self._given = after
                    self.is_declared = bool(after.declarations.origins)
                    return

    def _check_in_time(self, options: Options) -> None:
        """Refuse an option that comes too late for its function."""
        before = self._given.options
        for name, symbol in self.resolved.items():
            if not isinstance(symbol, Function):
                continue
            if name in options.free and name not in before.free:
                raise DeclarationError(
                    f"free= for {name!r} comes too late: it was looked up as a function whose "
                    "result is borrowed"
                )
            for option in ("hold_gil", "save_errno"):
                if name in getattr(options, option) and name not in getattr(before, option):
                    raise DeclarationError(
                        f"{option}= for {name!r} comes too late: it was looked up without"
                    )

    def lookup(self, name: str) -> Function | Variable:
        """Resolve a symbol, unless it is resolved; see `Plugin.lookup`."""
        if not isinstance(name, str):
            raise TypeError(f"a symbol's name must be str, not {type(name).__name__}")
        return self.resolved.get(name) or self.resolve(name)

    def resolve(self, name: str) -> Function | Variable:
        """Resolve a symbol; see `Plugin.lookup`."""
        while True:
            if self.error is not None:
                raise self.error()
            given = self._given
            symbol = self._resolve(name, given)
            with _lock:
                # Another thread may have closed it, or declared more.
                if self.error is None and self._given is given:  # type: ignore[redundant-expr]
                    return self.resolved.setdefault(name, symbol)

    def _resolve(self, name: str, given: _Given) -> Function | Variable:
        try:
            line = given.declarations.lines[name]
        except KeyError:
            raise self._undeclared(name, given.declarations) from None
        if given.options.none and (plan := given.scope.known_plans.get(line[0])) is not None:
            # Most functions come this way: called as one that is known already.
            address = self.generation.address(name)
            return Function(name, address, plan, None, line, given.scope, 0, 0)
        declaration = declare.served(line)
        address = self.generation.address(name)
        if isinstance(declaration, FunctionDeclaration):
            return self._function(declaration, line, address, given)
        return Variable(given.declarations.ffi, declaration, address, self._kept)

    def _function(
        self, declaration: FunctionDeclaration, line: Line, address: int, given: _Given
    ) -> Function:
        name, options, scope = declaration.name, given.options, given.scope
        plan, invoke = scope.core_plan(declaration, line[0]), None
        release = self._release(declaration, given) if name in options.free else 0
        flags = SAVE_ERRNO if name in options.save_errno else 0
        if plan is None:
            invoke = self._cffi_invoke(declaration, address, release, given)
            if name in options.hold_gil.names:
                raise DeclarationError(
                    f"hold_gil= cannot serve {declaration.text!r}: cffi makes the call, and it "
                    "releases the GIL"
                )
        elif name in options.hold_gil:
            flags |= HOLD_GIL
        return Function(name, address, plan, invoke, line, scope, flags, release)

    def _cffi_invoke(
        self, declaration: FunctionDeclaration, address: int, release: int, given: _Given
    ) -> Invoke:
        name, options, ffi = declaration.name, given.options, given.scope.ffi
        plan = given.scope.call_plan(declaration)
        if self.generation.is_go and name not in options.allow_go_results:
            refuse_go_result(plan, declaration.place)
        return bind(ffi, plan, address, release, save_errno=name in options.save_errno)

    def _release(self, declaration: FunctionDeclaration, given: _Given) -> int:
        """Return the address of what releases the function's result."""
        check_free(given.scope.call_plan(declaration))
        name = given.options.free[declaration.name]
        return libc_free() if name == _LIBC_FREE else self._releasing_function(name, given)

    def _releasing_function(self, name: str, given: _Given) -> int:
        address = self.generation.address(name)
        if self.generation.is_variable(name):
            raise DeclarationError(f"free= cannot release by {name!r}: that is a variable")
        declared = given.declarations.symbols.get(name)
        if isinstance(declared, FunctionDeclaration):
            taken = given.declarations.ffi.typeof(declared.pointer).args
            if [ctype.kind for ctype in taken] != ["pointer"]:
                raise DeclarationError(
                    f"free= cannot release by {declared.text!r}: it does not take one pointer"
                )
        return address

    def _undeclared(self, name: str, declarations: Declarations) -> SymbolNotFoundError:
        path = self.generation.path
        if name in declarations.constants:
            reason = f"{name!r} of plugin {path!r} is a constant, not a symbol"
            return SymbolNotFoundError(reason, path=path, symbol=name)
        if self.generation.has(name):
            is_variable = self.generation.is_variable(name)
            example = f"extern TYPE {name};" if is_variable else f"RESULT {name}(PARAMETERS);"
            return SymbolNotFoundError(
                f"symbol {name!r} of plugin {path!r} is exported but not declared: open it with "
                f"its C declaration as well, such as nativeplug.open({path!r}, {example!r})",
                path=path,
                symbol=name,
            )
        return self.generation.not_found(
            name, "it is neither declared nor exported", known=declarations.symbols
        )

    def callback(self, ctype: str, function: Callable[..., object]) -> Callback:
        """Make a function pointer that may outlive a call; see `Plugin.callback`."""
        self.check_open()
        ffi = self.declarations.ffi
        try:
            parsed = ffi.typeof(ctype)
        except ffi.error as error:
            raise DeclarationError(
                f"cannot read {ctype!r} as a C type: {str(error).splitlines()[0]}"
            ) from None
        if parsed.kind != "function":
            raise DeclarationError(f"{ctype!r} is not a function pointer's type")
        if not callable(function):
            raise TypeError(f"a callback must be callable, not {type(function).__name__}")
        return Callback(ffi, parsed, function, PENDING)

    def is_exported(self, name: str) -> bool:
        """Tell whether a name is declared and exported."""
        self.check_open()
        return name in self.declarations.symbols and self.generation.has(name)

    def exported(self) -> list[str]:
        """Return the names that are declared and exported, in the declarations' order."""
        self.check_open()
        return [name for name in self.declarations.symbols if self.generation.has(name)]

    def disable(self, error: Callable[[], PluginError]) -> None:
        """Make everything that came from the plugin raise what *error* makes."""
        with _lock:
            if self.error is not None:
                return
            self.error = error
            self.generation.close_image()
            for symbol in self.resolved.values():
                symbol.disable(error)


def _check_names(given: _Given) -> None:
    """Refuse an option that names no declared function, or releases by a declared variable."""
    symbols = given.declarations.symbols
    for name in given.options.named():
        if name not in symbols:
            raise DeclarationError(f"no declaration of {name!r}, which an option of open names")
        if not isinstance(symbols[name], FunctionDeclaration):
            raise DeclarationError(f"{name!r}, which an option of open names, is a variable")
