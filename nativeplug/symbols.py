"""A plugin's symbols: declarations and a generation -> Functions and Variables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nativeplug import declare
from nativeplug.call import (
    Callback,
    CallPlan,
    Function,
    PendingErrors,
    Signature,
    Variable,
    bind,
    check_free,
    compile_plan,
    refuse_go_result,
)
from nativeplug.declare import Declarations, FunctionDeclaration
from nativeplug.declare.sources import Source
from nativeplug.errors import DeclarationError, PluginError, SymbolNotFoundError
from nativeplug.load.generation import Generation, libc_free

_LIBC_FREE = "free"


@dataclass(frozen=True, slots=True)
class Options:
    """What ``open`` was told about functions, apart from their declarations."""

    #: Functions whose result the caller owns, each with the function that releases it.
    free: Mapping[str, str] = field(default_factory=dict)
    #: Go functions whose Go results are constants; True for all.
    allow_go_results: frozenset[str] | bool = frozenset()

    @classmethod
    def of(
        cls, *, free: Mapping[str, str] | None, allow_go_results: Collection[str] | bool
    ) -> Options:
        """
        Check what the caller of ``open`` gave.

        Raises:
            TypeError: It is not a mapping of names, or not a collection of names.
        """
        given = dict(free or {})
        if not all(isinstance(name, str) for pair in given.items() for name in pair):
            raise TypeError("free must map names of functions to names of functions")
        if isinstance(allow_go_results, str):
            raise TypeError("allow_go_results must be a collection of names, not str")
        if isinstance(allow_go_results, bool):
            return cls(given, allow_go_results)
        return cls(given, frozenset(allow_go_results))

    def plus(self, more: Options) -> Options:
        """
        Return these options and *more*.

        Raises:
            DeclarationError: They disagree on who releases a result.
        """
        for name in self.free.keys() & more.free.keys():
            if self.free[name] != more.free[name]:
                raise DeclarationError(
                    f"the result of {name!r} cannot be released by {more.free[name]!r}: "
                    f"the plugin was opened with {self.free[name]!r} for it"
                )
        if self.allow_go_results is True or more.allow_go_results is True:
            allowed: frozenset[str] | bool = True
        else:
            allowed = frozenset((*(self.allow_go_results or ()), *(more.allow_go_results or ())))
        return Options({**self.free, **more.free}, allowed)

    def allows_go_result(self, name: str) -> bool:
        """Tell whether a Go function is known to return nothing but constants."""
        allowed = self.allow_go_results
        return allowed if isinstance(allowed, bool) else name in allowed


class Symbols:
    """The functions and variables of a plugin's generation. Safe to use from several threads."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.declarations = Declarations()
        #: Makes the error that every use raises; None while the plugin is open.
        self.error: Callable[[], PluginError] | None = None
        self._options = Options()
        self._sources: set[Source] = set()
        self._resolved: dict[str, Function | Variable] = {}
        self._pending = PendingErrors()
        self._kept: dict[object, object] = {}
        self._lock = threading.RLock()

    def check_open(self) -> None:
        """Raise the error of a plugin that was closed."""
        if self.error is not None:
            raise self.error()

    def constants(self) -> Mapping[str, int]:
        """Return the declared integer macros and enumerators."""
        self.check_open()
        return self.declarations.constants

    def add(self, source: Source | None, given: Declarations | None, options: Options) -> None:
        """
        Add declarations and options.

        Args:
            source: Where *given* comes from; None when there are no declarations.
            given: What *source* declares by itself.
            options: What ``open`` was told besides.

        Raises:
            DeclarationError: They contradict what the plugin has; nothing is added then.
        """
        with self._lock:
            self.check_open()
            options = self._options.plus(options)
            declarations = self._declarations_with(source, given)
            self._check_names(options, declarations)
            if source is not None:
                self._sources.add(source)
            self.declarations, self._options = declarations, options

    def _declarations_with(self, source: Source | None, given: Declarations | None) -> Declarations:
        if source is None or given is None or source in self._sources:
            return self.declarations
        if not self.declarations.origins:
            return given
        return declare.extend(self.declarations, source)

    def _check_names(self, options: Options, declarations: Declarations) -> None:
        """Refuse an option that names no function, or comes too late for one."""
        allowed = options.allow_go_results
        for name in [*options.free, *(() if isinstance(allowed, bool) else allowed)]:
            if name not in declarations.symbols:
                raise DeclarationError(f"no declaration of {name!r}, which an option of open names")
        for name in options.free.keys() - self._options.free.keys():
            if name in self._resolved:
                raise DeclarationError(
                    f"free= for {name!r} comes too late: it was looked up as a function whose "
                    "result is borrowed"
                )

    def lookup(self, name: str) -> Function | Variable:
        """Resolve a symbol; see `Plugin.lookup`."""
        with self._lock:
            self.check_open()
            symbol = self._resolved.get(name)
            if symbol is None:
                symbol = self._resolved[name] = self._resolve(name)
            return symbol

    def _resolve(self, name: str) -> Function | Variable:
        declaration = self.declarations.symbols.get(name)
        if declaration is None:
            raise self._undeclared(name)
        address = self.generation.address(name)
        if isinstance(declaration, FunctionDeclaration):
            return self._function(declaration, address)
        return Variable(self.declarations.ffi, declaration, address, self._kept)

    def _function(self, declaration: FunctionDeclaration, address: int) -> Function:
        signature = Signature.of(declaration)
        plan = compile_plan(signature, self.declarations.ffi.typeof(declaration.pointer))
        if self.generation.is_go and not self._options.allows_go_result(declaration.name):
            refuse_go_result(plan, declaration.place)
        free = self._release(plan)
        invoke = bind(self.declarations.ffi, plan, address, free, self._pending)
        origin = f"Declared at {declaration.place}, exported by {self.generation.path}."
        return Function(signature, address, invoke, origin)

    def _release(self, plan: CallPlan) -> Callable[[Any], object] | None:
        """Return what releases the function's result; None when that is borrowed."""
        name = self._options.free.get(plan.signature.name)
        if name is None:
            return None
        check_free(plan)
        address = libc_free() if name == _LIBC_FREE else self.generation.address(name)
        ffi = self.declarations.ffi
        release = ffi.cast("void (*)(void *)", address)
        return lambda pointer: release(ffi.cast("void *", pointer))

    def _undeclared(self, name: str) -> SymbolNotFoundError:
        path = self.generation.path
        if name in self.generation.exports:
            return SymbolNotFoundError(
                f"symbol {name!r} of plugin {path!r} is exported but not declared: open it with "
                f"its C declaration as well, such as nativeplug.open({path!r}, 'int {name}(void);')",
                path=path,
                symbol=name,
            )
        return self.generation.not_found(
            name, "it is neither declared nor exported", known=self.declarations.symbols
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
        return Callback(ffi, parsed, function, self._pending)

    def is_exported(self, name: str) -> bool:
        """Tell whether a name is declared and exported."""
        self.check_open()
        return name in self.declarations.symbols and self.generation.has(name)

    def exported(self) -> list[str]:
        """Return the names that are declared and exported, in the declarations' order."""
        self.check_open()
        return [name for name in self.declarations.symbols if self.generation.has(name)]

    def retire(self, error: Callable[[], PluginError]) -> None:
        """Make everything that came from the plugin raise what *error* makes."""
        with self._lock:
            if self.error is not None:
                return
            self.error = error
            for symbol in self._resolved.values():
                symbol.retire(error)
