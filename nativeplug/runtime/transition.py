"""
The swap: another generation serves from one call to the next, or all stays as it was.

Whatever can fail comes before the switch, but the program's own ``after_update``. When that
fails, everything is switched back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from nativeplug.errors import (
    ClosedError,
    DeclarationError,
    PluginError,
    UpdateError,
)
from nativeplug.runtime import handover
from nativeplug.runtime.binding import Resolver, SwitchPlan, SymbolTable
from nativeplug.runtime.candidate import find_changes, reasons_of
from nativeplug.runtime.declared import Declared
from nativeplug.runtime.history import History
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.options import Hook
from nativeplug.runtime.symbols import PluginSymbols

#: What is declared after a swap, by what was before it and by what is looked up.
Derive = Callable[[Declared, SymbolTable], Declared]
_Prepared = tuple[Declared, Declared, SwitchPlan]


def refusal(path: str, *reasons: str) -> UpdateError:
    """Return the error for an update that is not made."""
    return UpdateError(
        f"cannot update plugin {path!r}: {'; '.join(reasons)}", path=path, reasons=reasons
    )


@contextlib.contextmanager
def refusing(path: str) -> Iterator[None]:
    """Turn what goes wrong inside into a refusal; a plugin that was closed is none."""
    try:
        yield
    except (UpdateError, ClosedError):
        raise
    except (PluginError, handover.HandoverError) as error:
        raise refusal(path, *reasons_of(error)) from error


def given_again(loaded: Loaded, before: Declared, resolved: SymbolTable) -> Declared:
    """
    Return what is declared once a generation serves again.

    Args:
        loaded: The generation.
        before: What is declared for the one that it replaces.
        resolved: What the program has looked up.

    Raises:
        UpdateError: What is declared contradicts what was.
    """
    if loaded.given is None:
        return before
    problems = before.contradictions(loaded.given, resolved)
    if problems:
        raise refusal(loaded.generation.path, *map(str, problems.values()))
    return before.returned(loaded.given, resolved)


class Owner(NamedTuple):
    """What an update needs of the plugin that it is of."""

    #: What the program's hooks are given: the plugin itself.
    plugin: object
    #: Returns a view of symbols, for as long as a ``with`` statement runs.
    view: Callable[[PluginSymbols], contextlib.AbstractContextManager[object]]
    #: Forgets what an attribute was, because it cannot be used any more.
    forget: Callable[[str], None]


class Transition:
    """One swap of the generation that serves a plugin."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that takes part
        self,
        owner: Owner,
        symbols: PluginSymbols,
        history: History,
        loaded: Loaded,
        derive: Derive,
        accept: Callable[[], object],
    ) -> None:
        """
        Prepare nothing yet.

        Args:
            owner: The plugin.
            symbols: What is switched.
            history: What is told of it.
            loaded: What is to serve.
            derive: Returns what is declared then.
            accept: Called when it serves, and the program has accepted that.
        """
        self._owner = owner
        self._symbols = symbols
        self._history = history
        self._loaded = loaded
        self._derive = derive
        self._accept = accept
        # What serves, and what ``open`` was told of updates.
        self._old = symbols.loaded
        self._options = symbols.update_options

    def make(self, *, announce: bool) -> None:
        """
        Make it.

        Args:
            announce: It is new: ask it first whether it is ready, and then the program.

        Raises:
            UpdateError: It was not made, or taken back.
            ClosedError: The plugin was closed.
        """
        self._old.known.finish()  # it may serve again
        with self._old.uses, refusing(self._old.generation.path):
            self._symbols.check_open()  # or it may be unloaded already
            prepared = self._prepare()
            if announce:
                handover.announce(self._loaded)
                self._check(prepared)
            self._call(self._options.before_update, "before_update", self._owner.plugin)
            try:
                handover.hand_over(self._old, self._loaded)
                self._switch(prepared)
            except BaseException:
                # Whoever has paused something before can go on with it.
                self._call(self._options.after_update, "after_update", self._owner.plugin)
                raise
            self._finish()

    def _finish(self) -> None:
        try:
            self._history.serve(self._loaded)
            self._call(self._options.after_update, "after_update", self._owner.plugin)
            self._accept()
        except BaseException:
            self._switch_back()
            self._history.serve(self._symbols.loaded)
            raise

    def _check(self, prepared: _Prepared) -> None:
        """Let the program look at what is to serve."""
        check = self._options.check_update
        if check is not None:
            symbols = self._symbols.pinned_to(self._loaded, prepared[0])
            with self._owner.view(symbols) as pin:
                if self._call(check, "check_update", pin) is False:
                    raise refusal(self._old.generation.path, "check_update returned False")

    def _call(self, hook: Hook | None, name: str, view: object) -> object:
        """Call a hook with the plugin, or with a view of it; return what it returns."""
        try:
            return None if hook is None else hook(view)
        except Exception as error:
            reason = f"{name} raised {type(error).__name__}: {error}"
            raise refusal(self._old.generation.path, reason) from error

    def _prepare(self) -> _Prepared:
        """Find out where everything moves, or why it cannot."""
        before, resolved = self._symbols.given, self._symbols.resolved.copy()
        given = self._derive(before, resolved)
        changes = self._changes(self._old, self._loaded, resolved)
        kept = {name: resolved[name] for name in resolved.keys() - changes.keys()}
        moves, problems = Resolver(given, self._loaded).moves(kept)
        if changes or problems:
            reasons = *changes.values(), *map(str, problems.values())
            raise refusal(self._old.generation.path, *reasons)
        return given, before, moves

    @staticmethod
    def _changes(old: Loaded, new: Loaded, resolved: SymbolTable) -> dict[str, str]:
        return find_changes(old.generation.exports, new.generation.exports, resolved)

    def _switch(self, prepared: _Prepared) -> None:
        """Switch, also what other threads declare and look up meanwhile."""
        while not self._symbols.switch(self._loaded, *prepared):
            prepared = self._prepare()

    def _switch_back(self) -> None:
        """Switch back; what there was not before, and was looked up since, can only be lost."""
        served = self._old.given
        while self._symbols.error is None and served is not None:
            before, resolved = self._symbols.given, self._symbols.resolved.copy()
            changes = self._changes(self._loaded, self._old, resolved)
            lost: dict[str, PluginError] = {
                **before.contradictions(served, resolved),
                **{name: DeclarationError(reason) for name, reason in changes.items()},
            }
            given = before.returned(served, resolved.keys() - lost.keys())
            kept = {name: resolved[name] for name in resolved.keys() - lost.keys()}
            moves, problems = Resolver(given, self._old).moves(kept)
            lost |= problems
            if self._symbols.switch(self._old, given, before, moves, lost):
                for name in lost:
                    self._owner.forget(name)
                return
