"""Plugin, and Pin: a view of it that stays as it is."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, final

from nativeplug.errors import PluginError, UpdateError
from nativeplug.loader.files import Key
from nativeplug.runtime.candidate import Veto, no_veto
from nativeplug.runtime.follow import Following
from nativeplug.runtime.history import GenerationInfo
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.options import UpdateOptions
from nativeplug.runtime.registry import registry
from nativeplug.runtime.symbols import PluginSymbols
from nativeplug.runtime.transition import Owner
from nativeplug.runtime.updater import Outcome, Updater
from nativeplug.runtime.view import View
from nativeplug.trust import NO_REQUIREMENTS, OriginRequirements

if TYPE_CHECKING:
    from typing_extensions import Self

    from nativeplug.interface import Interface


class Plugin(View):  # not final: for type checkers, interfaces derive from it
    """
    An opened plugin: one object for one file, shared by all who open it.

    Its functions and variables are its attributes: ``plg.add(2, 3)``, ``plg.calls``,
    ``plg.calls = 7``; integer macros and enumerators too. A name that this class has itself is
    found by `lookup`. A callable that is assigned to a function's name stands in for it until it
    is deleted (see docs/testing.md). Made by `nativeplug.open`. Safe to use from several threads.

    A changed file is taken up by `update`, by the next `open`, or by itself (`follow`). Then all
    that came from the plugin, also what the program has kept, is the new version's: functions
    from their next call on.
    """

    __slots__ = ("_following", "_opened_as", "_pins", "_updates")

    _following: Following
    #: The interfaces that it was opened as, which `isinstance` asks for.
    _opened_as: set[type[Interface]]
    _pins: weakref.WeakValueDictionary[int, PluginSymbols]
    _updates: Updater

    def __new__(
        cls, loaded: Loaded, file: str | None, key: Key, options: UpdateOptions | None = None
    ) -> Self:
        """
        Make an open plugin of what was loaded.

        Args:
            loaded: The first generation.
            file: The file's absolute path; None for what has none.
            key: What was loaded.
            options: What ``open`` was told of updates.
        """
        symbols = PluginSymbols(loaded)
        loaded.serves = True
        plugin = super().__new__(cls, symbols, symbols.resolved)
        owner = Owner(plugin, plugin._pin, plugin._forget_one)
        updates = Updater(owner, file, key, symbols, options or UpdateOptions())
        object.__setattr__(plugin, "_updates", updates)
        object.__setattr__(plugin, "_opened_as", set())
        object.__setattr__(plugin, "_pins", weakref.WeakValueDictionary())
        update = partial(plugin._take_up, asked=False, finished=True)
        following = Following(plugin, symbols, updates, update)
        object.__setattr__(plugin, "_following", following)
        return plugin

    @property
    def generations(self) -> tuple[GenerationInfo, ...]:
        """
        The generations that the plugin has had, by number, each with what is known of it.

        Of those that were unloaded, the last hundred.
        """
        return self._updates.history.infos()

    def update(self) -> Outcome:
        """
        Make what the plugin's file has now the current generation.

        The file is read, whatever its time says. A new version is loaded and checked first: it
        must export everything that was looked up, as the same functions and variables of the
        same types, and its ``int nativeplug_loaded(void)``, if it has one, must return 0. Then
        state goes over (see docs/updates.md), and everything is switched in one step. Calls that
        are under way end on the generation on which they began. Safe to call from several
        threads; they take turns.

        Returns:
            ``"updated"``, or ``"unchanged"`` if the file has what serves.

        Raises:
            UpdateError: The new version cannot serve, for all of the error's ``reasons``; what
                was current serves on.
            ClosedError: The plugin was closed.
        """
        return self._take_up(asked=True)

    def _take_up(
        self,
        *,
        asked: bool,
        finished: bool = False,
        demands: OriginRequirements = NO_REQUIREMENTS,
        admit: Veto = no_veto,
    ) -> Outcome:
        """Update, also without being asked: then a version that was left is not taken up again."""
        outcome = self._updates.update(asked=asked, finished=finished, demands=demands, admit=admit)
        registry.note(self)
        return outcome

    def rollback(self, number: int | None = None) -> None:
        """
        Make a retired generation current again, as it was left; state goes over as in an update.

        The file stays as it is. Its content is taken up again by `update` only; another content
        as ever.

        Args:
            number: The generation's number; None for the one that the current one has replaced.

        Raises:
            UpdateError: There is none that is mapped, or it cannot serve.
            ClosedError: The plugin was closed.
        """
        self._updates.rollback(number)

    def pin(self) -> Pin:
        """
        Return a view that stays on the generation that serves now.

        Raises:
            ClosedError: The plugin was closed.
        """
        return self._pin(self._symbols.pinned())

    def _pin(self, symbols: PluginSymbols) -> Pin:
        """Return a view of symbols that are never switched; it is closed with the plugin."""
        self._pins[id(symbols)] = symbols
        if self._symbols.error is not None:  # by another thread, which has not seen the pin
            symbols.unpin()
            raise self._symbols.error()
        return Pin(symbols, self._updates)

    def follow(
        self, on_update: Callable[[Plugin, UpdateError | None], object] | None = None
    ) -> None:
        """
        Update the plugin by itself, in a thread, whenever its file has changed and has settled.

        A change from before is taken up, too. A file that somebody has open for writing, or that
        looks half-written, is waited for (see docs/updates.md). What happens is logged
        ("nativeplug.follow"). Following ends with `unfollow` and when the plugin is closed; a
        child process follows nothing. Safe to call from several threads; a plugin is followed
        once.

        Args:
            on_update: Called after each such update with the plugin and None, and with the
                error after each that failed; in place of what was given before.

        Raises:
            UpdateError: The package ``watchfiles`` is not installed, or the plugin is a system
                library.
            ClosedError: The plugin was closed.
        """
        self._symbols.check_open()
        self._following.start(on_update)
        if self.closed:  # by another thread meanwhile
            self._following.stop()

    def unfollow(self) -> None:
        """
        Follow the file no longer; wait until an update that this has begun has ended.

        Within an update, as in its hooks, nothing is waited for.
        """
        self._following.stop(wait=not self._updates.is_mine)

    @property
    def following(self) -> bool:
        """Whether the file is followed, in this process."""
        return self._following.is_running

    def close(self) -> None:
        """
        Close the plugin for everyone who holds it; closing it again does nothing.

        Everything that came from it raises `ClosedError` from then on; calls that are under
        way end as usual. The code stays in memory, unless the plugin was opened with
        ``unload="when_idle"``. The next `open` gives another object, and loads the file afresh
        unless it is told ``fresh=False``. Safe to call from several threads.
        """
        self._disown(self._closed("plugin"))
        self._following.stop(wait=False)
        self._updates.close()
        registry.leave(self._updates)

    def _disown(self, error: Callable[[], PluginError]) -> None:
        """Make all that came from the plugin raise; it is nobody's plugin any more."""
        self._symbols.disable(error)
        registry.discard(self)  # not before: an update that ends now would enter it again
        # Those that are made from now on see the error. (A copy: others may end meanwhile.)
        for pinned in [ref() for ref in self._pins.valuerefs()]:
            if pinned is not None:
                pinned.disable(error)
                pinned.unpin()
        self._forget()


@final
class Pin(View):
    """
    A view of a plugin that stays on one generation, and keeps that loaded.

    Used as the plugin itself. It ends with `close`, with a ``with`` statement, when the plugin is
    closed, or when the garbage collector finds that nothing of it is kept any more.
    """

    __slots__ = ("_updates",)

    _updates: Updater

    def __new__(cls, symbols: PluginSymbols, updates: Updater) -> Pin:
        """Make a view of symbols that are never switched."""
        pin = super().__new__(cls, symbols, symbols.resolved)
        object.__setattr__(pin, "_updates", updates)
        return pin

    def close(self) -> None:
        """Make everything that came from the pin raise `ClosedError`; calls under way go on."""
        self._symbols.disable(self._closed("pin of plugin"))
        self._forget()
        self._symbols.unpin()
        self._updates.unload()
