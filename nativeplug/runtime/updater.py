"""All that replaces the generation that serves a plugin: from its file, or from before."""

from __future__ import annotations

import contextlib
import copy
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from nativeplug._util import forksafe
from nativeplug._util.directories import absolute
from nativeplug.errors import FormatError, OriginError, PluginError, UpdateError
from nativeplug.loader.files import (
    Content,
    FileChangedError,
    Key,
    never_updated,
    read_file,
    read_finished,
)
from nativeplug.runtime import history
from nativeplug.runtime.candidate import (
    Candidate,
    Veto,
    find_faults_of_header,
    find_other_interfaces,
    find_reasons,
    given_by,
    no_veto,
    reasons_of,
)
from nativeplug.runtime.history import History
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.options import UpdateOptions
from nativeplug.runtime.symbols import PluginSymbols
from nativeplug.runtime.transition import Derive, Owner, Transition, given_again, refusal, refusing
from nativeplug.trust import NO_REQUIREMENTS, OriginRequirements, Policy

if TYPE_CHECKING:
    from nativeplug.trust.verify import Verified

#: What `Updater.update` has done.
Outcome = Literal["updated", "unchanged"]

_ATTEMPTS = 100  # to read a file that others go on writing

_instances: weakref.WeakSet[Updater] = weakref.WeakSet()


class Updater:
    """
    All that replaces the generation that serves a plugin.

    Safe to use from several threads: one update at a time, for which the others wait.
    """

    def __init__(
        self,
        owner: Owner,
        file: str | None,
        key: Key,
        symbols: PluginSymbols,
        options: UpdateOptions,
    ) -> None:
        """
        Take what was loaded.

        Args:
            owner: The plugin.
            file: The file's absolute path; None for what has none.
            key: What was loaded.
            symbols: What serves the program.
            options: What ``open`` was told of updates.
        """
        self.file = file
        #: The file that was looked at last.
        self.key = key
        self.history = History(symbols.loaded)
        self.origins = Provenance()
        self._plugin = owner
        self._symbols = symbols
        # The content of that file, the one that a rollback has left, and the one that was
        # loaded and then refused, with the options by which it was, and the error.
        self._seen = symbols.loaded.generation.sha256
        self._left: str | None = None
        self._refused: tuple[str, UpdateOptions, UpdateError] | None = None
        self._lock = forksafe.lock()
        self._owner: int | None = None
        _instances.add(self)
        self.configure(options)

    @property
    def is_mine(self) -> bool:
        """Whether an update is under way in this thread, which must not wait for itself."""
        return self._owner == threading.get_ident()

    def after_fork(self) -> None:
        """Forget, in a child process, an update of a thread that it has not."""
        if not self.is_mine:
            self._owner = None

    @property
    def options(self) -> UpdateOptions:
        """What ``open`` was told of updates so far."""
        return self._symbols.update_options

    def configure(self, more: UpdateOptions) -> None:
        """
        Add what ``open`` was told to the options, and unload what is to be unloaded then.

        Raises:
            DeclarationError: It comes too late.
        """
        self._symbols.configure(more)
        self.unload()

    @contextlib.contextmanager
    def configuring(self, more: UpdateOptions) -> Iterator[None]:
        """Add what ``open`` was told, unless it goes wrong after all."""
        before, after = self._symbols.configure(more)
        try:
            yield
        except BaseException:
            self._symbols.take_back(after, before)
            raise

    def demand(self, demands: OriginRequirements, name: str, given: Content | None = None) -> None:
        """
        Judge what serves by the demands of a further ``open``, and updates by them from now on.

        Args:
            demands: What is demanded.
            name: The path that is opened.
            given: What is opened, where that has no path.

        Raises:
            OriginError: It does not meet them; all stays as it was.
            FileChangedError: The file has another content by now: ask again.
        """
        if demands == NO_REQUIREMENTS:  # the process's policy, which updates look up themselves
            self._judge(demands, name, given)
            return
        with self._lock:  # no update is to slip through between
            self._judge(demands, name, given)
            self._symbols.configure(UpdateOptions(demands=demands))

    def _judge(self, demands: OriginRequirements, name: str, given: Content | None) -> None:
        key = None if self.is_mine else self.key
        self.origins.judge(self._symbols.loaded, key, demands, name, given)

    def update(
        self,
        *,
        asked: bool,
        finished: bool = False,
        demands: OriginRequirements = NO_REQUIREMENTS,
        admit: Veto = no_veto,
    ) -> Outcome:
        """
        Make what the file has now the current generation.

        Args:
            asked: The program asks for just that: a content that it has left by a rollback,
                or that was loaded and refused before, is tried again.
            finished: The file must not look like one that is still being written.
            demands: What it must meet, apart from what was demanded before.
            admit: Raises what else stands against it, before anything of it runs.

        Raises:
            UpdateError: It cannot be; the current generation goes on serving.
            UnfinishedError: It must be finished, and is not.
            ClosedError: The plugin was closed.
        """
        with self._alone() as file:
            content = read_finished(file) if finished else self._read(file, afresh=asked)
            known = {self._symbols.generation.sha256, None if asked else self._left}
            if content.sha256 not in known:
                self._check_known(content, asked=asked)
                self._take_up(file, content, demands, admit)
            self.key, self._seen = content.key, content.sha256
            return "unchanged" if content.sha256 in known else "updated"

    def prepare(self, content: Content) -> None:
        """
        Read what an update to a content will compare; what takes long is kept.

        Says nothing of what is wrong with it: the update will.
        """
        loaded, in_use = self._symbols.loaded, self._symbols.resolved.copy()
        with contextlib.suppress(PluginError):
            path, demands = loaded.generation.path, self.options.requirements
            known = Candidate.of(path, content, demands).known
            known.find_changes(loaded.known, in_use)

    def rollback(self, number: int | None) -> None:
        """
        Make a retired generation current again.

        Args:
            number: The generation's number; None for the one that served before.

        Raises:
            UpdateError: There is none, or it cannot serve what was looked up since.
            ClosedError: The plugin was closed.
        """
        with self._alone():
            loaded = self.history.find_retired(number)
            if loaded is None:
                which = "earlier generation" if number is None else f"generation {number}"
                raise self._refusal(f"no {which} is retired and still mapped")
            with loaded.uses:
                if not self.history.is_retired(loaded):  # unloaded in this moment
                    raise self._refusal(f"generation {loaded.number} is not mapped any more")
                self._check_returned(loaded)
                # What it is was accepted when it served first.
                self._swap(loaded, partial(given_again, loaded), _nothing, announce=False)
            self._left = self._seen

    def close(self) -> None:
        """Note that the plugin was closed: nothing serves any more."""
        self.history.close()
        self.unload()

    def unload(self) -> None:
        """Unload what was rejected, and, if that is asked for, what serves no more."""
        self.history.set_unloading(retired=self.options.unload == "when_idle")
        history.unload_idle(self.history)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[str]:
        """Let one update at a time go on, of a plugin that has a file: that is given."""
        if self.is_mine:
            raise self._refusal("an update of it is under way in this thread")
        if self.file is None:
            raise self._refusal(str(never_updated(self.key)))
        try:
            with self._lock:
                self._owner = threading.get_ident()
                try:
                    self._symbols.check_open()
                    yield self.file
                finally:
                    self._owner = None
        finally:
            self.history.serve(self._symbols.loaded)  # in case an interrupt came between
            self.unload()  # destructors may run, and do anything

    def _refusal(self, *reasons: str) -> UpdateError:
        return refusal(self._symbols.generation.path, *reasons)

    def _read(self, file: str, *, afresh: bool) -> Content:
        for _ in range(_ATTEMPTS):
            with (
                contextlib.suppress(FileChangedError),
                refusing(self._symbols.generation.path),
            ):
                return read_file(file, afresh=afresh)
        raise self._refusal("the file changes while it is read")

    def _take_up(
        self, file: str, content: Content, demands: OriginRequirements, admit: Veto
    ) -> None:
        """Load what was read, and let it serve."""
        options = self._symbols.generation.options
        if options.resident is not None:
            raise self._refusal(f"{options.resident}, so it is never replaced: restart the program")
        self._check_room()
        path = self._symbols.generation.path
        candidate, derive = self._check(file, content, self.options.requirements.plus(demands))
        try:
            with refusing(path):
                admit(candidate)
                generation = candidate.load(options, probe=self.options.probe is not False)
        except UpdateError as error:
            if isinstance(error.__cause__, FormatError):  # what has killed once, kills again
                self._refused = content.sha256, self.options, copy.copy(error)
            raise
        loaded = Loaded(generation, self.history.next_number(), candidate.known)
        self.origins.note(loaded, file, candidate.verified)
        try:
            self._swap(loaded, derive, candidate.accept, announce=True)
        except BaseException as error:
            if self._symbols.loaded is not loaded:
                self.history.reject(loaded)
                if isinstance(error, UpdateError):
                    self._refused = content.sha256, self.options, copy.copy(error)
            raise
        self._left = self._refused = None

    def _check_known(self, content: Content, *, asked: bool) -> None:
        """Refuse what was loaded and refused before, without loading it again and again."""
        if asked or self._refused is None:
            return
        sha256, options, error = self._refused
        if (sha256, options) == (content.sha256, self.options):  # not by another check_update
            raise copy.copy(error)

    def _check_room(self) -> None:
        """Refuse one generation too many."""
        self.unload()
        mapped, most = self.history.count_mapped(), self.options.most_generations
        if mapped >= most:
            raise self._refusal(
                f"{mapped} generations of it are mapped, and max_generations is {most}; the "
                "current one serves on: raise the limit, or restart the program"
            )

    def _check(
        self, file: str, content: Content, demands: OriginRequirements
    ) -> tuple[Candidate, Derive]:
        """Refuse what can be seen to be wrong before it is loaded; say what is declared then."""
        resolved, given = self._symbols.resolved.copy(), self._symbols.given
        try:
            candidate = Candidate.of(self._symbols.generation.path, content, demands)
        except PluginError as error:
            more = find_faults_of_header(file, given, resolved)
            raise self._refusal(*reasons_of(error), *more) from error
        loaded, wanted = self._symbols.loaded, self.options.interfaces
        reasons, source = find_reasons(candidate, file, loaded, given, resolved, wanted)
        if reasons:
            raise self._refusal(*reasons)
        return candidate, lambda before, resolved: given_by(source, before, resolved)

    def _check_returned(self, loaded: Loaded) -> None:
        """Refuse to return to what is not what is demanded now."""
        with refusing(self._symbols.generation.path):
            self.origins.check_returned(loaded, self.options.requirements)
        interface, wanted = loaded.known.interface, self.options.interfaces
        reasons = [*find_other_interfaces(interface, wanted)]
        if reasons:
            raise self._refusal(*reasons)

    def _swap(
        self,
        loaded: Loaded,
        derive: Derive,
        accept: Callable[[], object],
        *,
        announce: bool,
    ) -> None:
        swap = Transition(self._plugin, self._symbols, self.history, loaded, derive, accept)
        swap.make(announce=announce)


def _nothing() -> None:
    """Do nothing."""


@forksafe.in_child
def _forget_owners() -> None:
    for updates in [*_instances]:
        updates.after_fork()


# What was found of the origins of a plugin's generations.


class Provenance:
    """
    By which policies, and paths, each generation of a plugin was found good.

    A generation whose bytes were judged stays good: nobody can change them. Safe to use from
    several threads.
    """

    def __init__(self) -> None:
        self._good: weakref.WeakKeyDictionary[Loaded, set[tuple[Policy, str]]]
        self._good = weakref.WeakKeyDictionary()

    def note(self, loaded: Loaded, file: str, verified: Iterable[Verified]) -> None:
        """Remember by which policies a generation is good; *file* is its absolute path, if any."""
        good = self._good.setdefault(loaded, set())
        good.update((each.policy, file) for each in verified)

    def check_returned(self, loaded: Loaded, demands: OriginRequirements) -> None:
        """
        Judge a retired generation, whose file is not there any more, by what was found of it.

        Raises:
            OriginError: It is not the pinned one, or was not judged by what holds now.
        """
        path, sha256 = loaded.generation.path, loaded.generation.sha256
        demands.check_pin(path, str(sha256))
        judged = {policy for policy, _ in self._good.get(loaded, ())}
        if not demands.effective <= judged:
            reason = "it was not judged by the policy that holds now, and its file is gone"
            raise OriginError(f"cannot use {path!r}: {reason}", path=path, reason=reason)

    def judge(
        self,
        loaded: Loaded,
        key: Key | None,
        demands: OriginRequirements,
        name: str,
        given: Content | None = None,
    ) -> None:
        """
        Judge a generation that serves by the demands of a further ``open``.

        Args:
            loaded: The generation.
            key: The file that was looked at last; None within an update, which looks at another.
            demands: What is demanded.
            name: The path that is opened; it leads to the plugin's file.
            given: What is opened, where that has no path.

        Raises:
            OriginError: It does not meet them.
            FileChangedError: The file has another content by now: ask again.
        """
        sha256 = loaded.generation.sha256
        if sha256 is None:  # of the system
            demands.check_system(name)
            return
        demands.check_pin(name, sha256)
        path = name if given is not None else absolute(name)
        if {(policy, path) for policy in demands.effective} <= self._good.get(loaded, set()):
            return
        content = given or read_file(name)
        if content.sha256 != sha256:
            raise _changed(name, content, key)
        verified = demands.check(content)
        for each in verified:
            each.accept()
        self.note(loaded, path, verified)


def _changed(name: str, content: Content, key: Key | None) -> Exception:
    if key not in {None, content.key}:
        return FileChangedError()
    reason = (
        "what serves is not what its file has, since a rollback or within an update, and was "
        "not judged by this policy"
    )
    return OriginError(f"cannot open plugin {name!r}: {reason}", path=name, reason=reason)
