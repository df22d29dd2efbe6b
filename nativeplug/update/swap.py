"""
An update: a new generation is loaded, checked and made current, or all stays as it was.

Nothing that can fail comes after the switch, but the program's own ``after_update``; when that
fails, the generation that served before is switched to again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

from nativeplug.declare.sources import beside
from nativeplug.errors import ClosedError, OpenError, PluginError, UpdateError
from nativeplug.load.content import Content, FileChangedError, read_file
from nativeplug.load.generation import load_file
from nativeplug.load.key import Key
from nativeplug.symbols import Binding, Given, Loaded, Moves, Resolved, Symbols
from nativeplug.update import check, handover, reaper
from nativeplug.update.history import History
from nativeplug.update.settings import Hook, Settings

#: What `Updates.update` has done.
Outcome = Literal["updated", "unchanged"]

_ATTEMPTS = 100  # to read a file that others go on writing
#: What is declared after an update, by what was before it and by what is looked up.
_Derive = Callable[[Given, Resolved], Given]
_Prepared = tuple[Given, Given, Moves]


def _as_before(given: Given, _resolved: Resolved) -> Given:
    return given


class Updates:
    """
    All that replaces the generation that serves a plugin.

    Safe to use from several threads: one update at a time, for which the others wait.
    """

    def __init__(self, file: str | None, key: Key, symbols: Symbols) -> None:
        """
        Take what was loaded.

        Args:
            file: The file's absolute path; None for a system library.
            key: What was loaded.
            symbols: What serves the program.
        """
        self.file = file
        #: The file that was looked at last.
        self.key = key
        #: What `open` was told of updates.
        self.settings = Settings()
        self.history = History(symbols.loaded)
        self._symbols = symbols
        self._lock = threading.Lock()
        self._owner: int | None = None
        # Reentrant: a signal handler or a finalizer may open the plugin at any point.
        self._configuring = threading.RLock()

    @property
    def is_mine(self) -> bool:
        """Whether an update is under way in this thread, which must not wait for itself."""
        return self._owner == threading.get_ident()

    def after_fork(self) -> None:
        """Forget, in a child process, an update of a thread that it has not."""
        self.history.after_fork()
        self._configuring = threading.RLock()
        if not self.is_mine:
            self._lock, self._owner = threading.Lock(), None

    def update(self, plugin: Any) -> Outcome:
        """
        Make what the file has now the current generation.

        Args:
            plugin: What the program's hooks are given.

        Raises:
            UpdateError: It cannot be; the current generation goes on serving.
            ClosedError: The plugin was closed.
        """
        with self._alone() as file:
            content = self._read(file)
            if content.sha256 == self._symbols.loaded.generation.sha256:
                self.key = content.key
                return "unchanged"
            self._check_room()
            derive = self._check(file, content)
            with self._refusing():
                generation = load_file(self._symbols.loaded.generation.path, content)
            loaded = Loaded(generation, self.history.next_number())
            try:
                self._replace(plugin, loaded, derive, announce=True)
            except BaseException:
                self.history.reject(loaded)
                raise
            self.key = content.key
            return "updated"

    def rollback(self, plugin: Any, number: int | None) -> None:
        """
        Make a retired generation current again.

        Args:
            plugin: What the program's hooks are given.
            number: The generation's number; None for the one before the current one.

        Raises:
            UpdateError: There is none, or it cannot serve what was looked up since.
            ClosedError: The plugin was closed.
        """
        with self._alone():
            loaded = self.history.find_retired(number, below=self._symbols.loaded.number)
            if loaded is None:
                which = "earlier generation" if number is None else f"generation {number}"
                raise self._error(f"no {which} is retired and still mapped")
            with loaded:
                if not self.history.is_retired(loaded):  # unloaded in this moment
                    raise self._error(f"generation {loaded.number} is not mapped any more")
                self._replace(plugin, loaded, _as_before, announce=False)

    def configure(self, *given: object) -> None:
        """Add what ``open`` was told to the settings; see `Settings.plus`."""
        with self._configuring:
            self.settings = self.settings.plus(*given)
        self.unload()

    def close(self) -> None:
        """Note that the plugin was closed: nothing serves any more."""
        self.history.retire()
        self.unload()

    def unload(self) -> None:
        """Unload what serves no more, if that is asked for."""
        if self.settings.unload == "when_idle":
            reaper.unload_idle(self.history)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[str]:
        """Let one update at a time go on, of a plugin that has a file: that is given."""
        if self.is_mine:
            raise self._error("an update of it is under way in this thread")
        if self.file is None:
            raise self._error("it is a system library, which is never updated")
        with self._lock:
            self._owner = threading.get_ident()
            try:
                self._symbols.check_open()
                yield self.file
            finally:
                self._owner = None
                self.unload()

    def _error(self, *reasons: str) -> UpdateError:
        path = self._symbols.loaded.generation.path
        return UpdateError(
            f"cannot update plugin {path!r}: {'; '.join(reasons)}", path=path, reasons=reasons
        )

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn what goes wrong inside into a refusal."""
        try:
            yield
        except (UpdateError, ClosedError, FileChangedError):
            raise
        except OpenError as error:
            raise self._error(error.reason) from error
        except (PluginError, handover.HandoverError) as error:
            raise self._error(str(error)) from error

    def _read(self, file: str) -> Content:
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileChangedError), self._refusing():
                return read_file(file)
        raise self._error("the file changes while it is read")

    def _check_room(self) -> None:
        """Refuse one generation too many."""
        self.unload()
        mapped, most = self.history.count_mapped(), self.settings.max_generations
        if mapped >= most:
            raise self._error(
                f"{mapped} generations of it are mapped, and max_generations is {most}; the "
                "current one serves on: raise the limit, or restart the program"
            )

    def _check(self, file: str, content: Content) -> _Derive:
        """Refuse what can be seen to be wrong before it is loaded; say what is declared then."""
        resolved, given = self._symbols.resolved.copy(), self._symbols.given
        before = self._symbols.loaded.generation
        reasons = [*check.find_defects(content, before, resolved)]
        header = None
        try:
            header = beside(file) if given.brought else None
            check.given_by(header, given, resolved)
        except PluginError as error:
            reasons.append(str(error))
        if reasons:
            raise self._error(*reasons)
        return lambda before, resolved: check.given_by(header, before, resolved)

    def _replace(self, plugin: Any, loaded: Loaded, derive: _Derive, *, announce: bool) -> None:
        """Let another generation serve, or raise and leave all as it was."""
        old, settings = self._symbols.loaded, self.settings
        with self._refusing():
            prepared = self._prepare(loaded, derive)
            if announce:
                handover.announce(loaded)
            self._run(settings.before_update, "before_update", plugin)
            handover.hand_over(old, loaded)
            self._switch(loaded, derive, prepared)
        self.history.serve(loaded)
        try:
            self._run(settings.after_update, "after_update", plugin)
        except BaseException:
            self._switch(old, _as_before)
            self.history.serve(old)
            raise

    def _prepare(self, loaded: Loaded, derive: _Derive) -> _Prepared:
        before, resolved = self._symbols.given, self._symbols.resolved.copy()
        given = derive(before, resolved)
        moves, problems = Binding(given, loaded).moves(resolved)
        if problems:
            raise self._error(*map(str, problems))
        return given, before, moves

    def _switch(self, loaded: Loaded, derive: _Derive, prepared: _Prepared | None = None) -> None:
        """Switch, with what other threads declare and look up meanwhile."""
        while True:
            prepared = prepared or self._prepare(loaded, derive)
            if self._symbols.switch(loaded, *prepared):
                return
            prepared = None

    def _run(self, hook: Hook | None, name: str, plugin: Any) -> None:
        if hook is None:
            return
        try:
            hook(plugin)
        except Exception as error:
            raise self._error(f"{name} raised {type(error).__name__}: {error}") from error
