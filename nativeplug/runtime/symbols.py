"""A plugin's symbols: what is declared, resolved in the generation that serves."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from types import CellType
from typing import Any, Final

from nativeplug._util import forksafe
from nativeplug.call import PENDING, Callback, Function, Variable
from nativeplug.declare import Declarations, Used
from nativeplug.declare.sources import Source
from nativeplug.declare.unit import is_function
from nativeplug.errors import DeclarationError, PluginError, SignatureMismatchError
from nativeplug.loader.generation import Generation
from nativeplug.runtime.binding import Resolver, SwitchPlan, SymbolTable
from nativeplug.runtime.declared import Declared
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.options import FunctionOptions, UpdateOptions

_TOO_LATE: Final = "give it to the first open, or close the plugin and open it again"
_NOTHING: Mapping[str, PluginError] = {}

# Held for steps that neither wait nor run anybody else's code, so one will do for all.
_lock = forksafe.lock()


def _noted(notes: list[Used], find: Callable[[], Used]) -> Used:
    """Return what is found, and note it."""
    found = find()
    notes.append(found)
    return found


def _has_own_types(symbol: Function | Variable) -> bool:
    """Tell whether values of a symbol are of types that belong to one ``FFI``."""
    if isinstance(symbol, Variable):
        return _is_own(symbol.ctype)
    return _is_own(symbol.scope.ffi.typeof(symbol.declaration.pointer))


def _is_own(ctype: Any) -> bool:
    """Tell whether a type is, or is made of, a struct, union or enum."""
    if ctype.kind in {"pointer", "array"}:
        return _is_own(ctype.item)
    if ctype.kind == "function":
        return any(map(_is_own, (*ctype.args, ctype.result)))
    return ctype.kind in {"struct", "union", "enum"}


def _resolve_nothing(_binding: Resolver) -> SymbolTable:
    return {}


class PluginSymbols:
    """The functions and variables of a plugin. Safe to use from several threads."""

    def __init__(self, loaded: Loaded, given: Declared | None = None) -> None:
        # What serves, and what is declared: in one cell, that an update moves with all the rest.
        self._serving = CellType((loaded, given or Declared.nothing(loaded.generation.path)))
        #: What was looked up.
        self.resolved: SymbolTable = {}
        #: Makes the error that every use raises; None while the plugin is open.
        self.error: Callable[[], PluginError] | None = None
        #: Declarations were found, so none need be looked for again.
        self.is_declared = False
        #: What ``open`` was told of updates so far. Replaced as a whole.
        self.update_options = UpdateOptions()
        self._counts_held = False
        # What was used of what is declared, besides `resolved`: constants, and types.
        self._constants_read: set[str] = set()
        self._types_used = False
        # What `exported` has found, and of what.
        self._listed: tuple[object, tuple[str, ...]] = None, ()

    @property
    def loaded(self) -> Loaded:
        """The generation that serves."""
        loaded, _ = self._both()
        return loaded

    @property
    def given(self) -> Declared:
        """What ``open`` was given for the plugin so far."""
        _, given = self._both()
        return given

    def _both(self) -> tuple[Loaded, Declared]:
        both: tuple[Loaded, Declared] = self._serving.cell_contents
        return both

    @property
    def generation(self) -> Generation:
        """The loaded file that serves."""
        return self.loaded.generation

    @property
    def declarations(self) -> Declarations:
        """Everything that is declared for the plugin so far."""
        return self.given.declarations

    def check_open(self) -> None:
        """Raise the error of a plugin that was closed."""
        if self.error is not None:
            raise self.error()

    def constants(self) -> Mapping[str, int]:
        """Return the declared integer macros and enumerators."""
        self.check_open()
        return self.declarations.constants

    def constant(self, name: str) -> int | None:
        """Return the value of a constant, which counts as used; None when there is none."""
        value = self.constants().get(name)
        if value is not None:
            self._constants_read.add(name)
        return value

    @property
    def ffi(self) -> Any:
        """The ``FFI`` that knows the types, which count as used."""
        self.check_open()
        self._types_used = True
        return self.declarations.ffi

    def _used(self) -> Used:
        """Return what was used of what is declared."""
        symbols = self.resolved.copy()
        types = self._types_used or any(map(_has_own_types, symbols.values()))
        return Used(frozenset(symbols), frozenset(self._constants_read), types)

    def add(
        self,
        source: Source | None,
        alone: Declarations | None,
        options: FunctionOptions,
        conform: Callable[[Resolver], SymbolTable] = _resolve_nothing,
    ) -> None:
        """
        Add declarations and options; see `Declared.plus`.

        Args:
            source: Where declarations come from; None when there are none to add.
            alone: What *source* declares by itself, where that is known already.
            options: What ``open`` was told besides.
            conform: Resolves what must be there, by what is declared then; what it raises is
                raised.

        Raises:
            DeclarationError: They contradict what was used of the plugin's declarations; nothing
                is added then.
            SignatureMismatchError: They demand that what was looked up is checked, and it is not.
        """
        while True:
            both = loaded, before = self._both()
            counts_held = self._counts_held
            used: list[Used] = []
            after = before.plus(source, alone, options, partial(_noted, used, self._used))
            after.check_names()
            with loaded.uses:
                if not self._serves(loaded):
                    continue
                found = conform(Resolver(after, loaded, counts_held))
            with _lock:
                self.check_open()
                # Else another thread was faster.
                same = self._both() is both and self._counts_held is counts_held
                if same and all(each == self._used() for each in used):
                    self._check_in_time(after.options)
                    self._serving.cell_contents = loaded, after
                    self.is_declared = bool(after.declarations.origins)
                    for name, symbol in found.items():
                        self.resolved.setdefault(name, symbol)
                    return

    def _check_in_time(self, options: FunctionOptions) -> None:
        """Refuse an option that comes too late for its function or variable."""
        before = self.given.options
        for name, symbol in self.resolved.items():
            if options.require_checked and symbol.checked is None:
                path = self.generation.path
                raise SignatureMismatchError(
                    f"symbol {name!r} of plugin {path!r} was looked up, and the plugin does not "
                    "tell its type, which require_checked demands now",
                    path=path,
                    symbol=name,
                )
            if not isinstance(symbol, Function):
                continue
            if name in options.free and name not in before.free:
                raise DeclarationError(
                    f"free= for {name!r} comes too late: it was looked up as a function whose "
                    f"result is borrowed; {_TOO_LATE}"
                )
            for option in ("hold_gil", "save_errno"):
                if name in getattr(options, option) and name not in getattr(before, option):
                    raise DeclarationError(
                        f"{option}= for {name!r} comes too late: it was looked up without; "
                        f"{_TOO_LATE}"
                    )

    def configure(self, more: UpdateOptions) -> tuple[UpdateOptions, UpdateOptions]:
        """
        Add what ``open`` was told of updates; see `UpdateOptions.plus`.

        Returns:
            The options before and after.

        Raises:
            DeclarationError: It comes too late.
        """
        with _lock:
            before, after = self.update_options, self.update_options.plus(more)
            if after.unload == "when_idle":
                self._count_held()
            self.update_options = after
            return before, after

    def take_back(self, after: UpdateOptions, before: UpdateOptions) -> None:
        """Set back what `configure` has returned, unless others have added to it."""
        with _lock:
            if self.update_options is after:
                self.update_options = before

    def _count_held(self) -> None:
        """
        Count also the calls that hold the GIL, from now on.

        Raises:
            DeclarationError: There are functions that do not.
        """
        for name, symbol in self.resolved.items():
            if not self._counts_held and isinstance(symbol, Function) and symbol.hold_gil:
                raise DeclarationError(
                    f"unload= comes too late: {name!r} was looked up as a function that holds "
                    f"the GIL, and whose calls are not counted; {_TOO_LATE}"
                )
        self._counts_held = True

    def lookup(self, name: str) -> Function | Variable:
        """Resolve a symbol, unless it is resolved; see `Plugin.lookup`."""
        if not isinstance(name, str):
            raise TypeError(f"a symbol's name must be str, not {type(name).__name__}")
        return self.resolved.get(name) or self.resolve(name)

    def resolve(self, name: str) -> Function | Variable:
        """Resolve a symbol; see `Plugin.lookup`."""
        while True:
            both = loaded, given = self._both()
            counts_held = self._counts_held
            with loaded.uses:
                if not self._serves(loaded):
                    continue
                symbol = Resolver(given, loaded, counts_held).resolve(name)
            with _lock:
                # Another thread may have closed or updated it, or declared or asked for more.
                same = self._both() is both and self._counts_held is counts_held
                if self.error is None and same:
                    return self.resolved.setdefault(name, symbol)

    def is_function(self, name: str) -> bool:
        """Tell whether a name is declared as a function."""
        return is_function(self.declarations.lines[name])

    def peek(self, name: str) -> tuple[Any] | None:
        """Return a variable's value, if that can be had without looking the variable up."""
        while True:
            loaded, given = self._both()
            with loaded.uses:
                if self._serves(loaded):
                    symbol = Resolver(given, loaded, self._counts_held).resolve(name)
                    plain = isinstance(symbol, Variable) and symbol.is_plain
                    return (symbol.value,) if plain else None  # type: ignore[union-attr]

    def _serves(self, loaded: Loaded) -> bool:
        """Tell, once it is in use, whether a generation still serves, and so is loaded."""
        self.check_open()
        return self.loaded is loaded

    def callback(self, ctype: str, function: Callable[..., object]) -> Callback:
        """Make a function pointer that may outlive a call; see `Plugin.callback`."""
        ffi = self.ffi
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
        while True:
            loaded, given = self._both()
            with loaded.uses:
                if self._serves(loaded):
                    return name in given.declarations.lines and loaded.generation.has(name)

    def exported(self) -> tuple[str, ...]:
        """Return the names that are declared and exported, in the declarations' order."""
        while True:
            both = loaded, given = self._both()
            with loaded.uses:
                if self._serves(loaded):
                    of, names = self._listed
                    if of is not both:  # asking the loader takes long
                        names = tuple(filter(loaded.generation.has, given.declarations.lines))
                        self._listed = both, names
                    return names

    def switch(
        self,
        loaded: Loaded,
        given: Declared,
        before: Declared,
        moves: SwitchPlan,
        lost: Mapping[str, PluginError] = _NOTHING,
    ) -> bool:
        """
        Let another generation serve, from the next call on, with what was resolved moved there.

        Args:
            loaded: The generation.
            given: What is declared from now on.
            before: What was declared when all this was prepared.
            moves: Where what is resolved moves.
            lost: What does not move, with the error that every use raises from then on.

        Returns:
            Whether it was done: not when more was declared or looked up meanwhile.

        Raises:
            PluginError: The plugin was closed.
        """
        with _lock:
            self.check_open()
            if (
                self.given is not before
                or self.resolved.keys() != moves.checked.keys() | lost.keys()
            ):
                return False
            for name, error in lost.items():
                self.resolved.pop(name).disable(partial(copy.copy, error))
            # An interrupt may come at any point: then both may serve, and none is unloaded.
            old, loaded.serves = self.loaded, True
            old.given = before
            moves.make((self._serving, (loaded, given)))
            for name, by in moves.checked.items():
                self.resolved[name].checked = by
            old.serves = False
            return True

    def pinned(self) -> PluginSymbols:
        """Return symbols of their own for the generation that serves now, which they keep."""
        while True:
            loaded, given = self._both()
            with loaded.uses:
                if self._serves(loaded):
                    return self.pinned_to(loaded, given)

    def pinned_to(self, loaded: Loaded, given: Declared) -> PluginSymbols:
        """
        Return symbols of their own for a generation, which they keep.

        Args:
            loaded: The generation, which nobody unloads meanwhile.
            given: What is declared for it.
        """
        self._types_used = True  # by what comes from the pin
        scope = given.scope.copy()
        loaded.pin(scope)
        symbols = PluginSymbols(loaded, given.with_scope(scope))
        symbols._counts_held = self._counts_held
        scope.holder = symbols  # what is kept of the pin can still be closed
        return symbols

    def unpin(self) -> None:
        """Keep the generation no longer, if these are symbols of a pin."""
        self.loaded.unpin(self.given.scope)

    def disable(self, error: Callable[[], PluginError]) -> None:
        """Make everything that came from the plugin raise what *error* makes."""
        with _lock:
            if self.error is not None:
                return
            self.error = error
            for symbol in self.resolved.values():
                symbol.disable(error)
