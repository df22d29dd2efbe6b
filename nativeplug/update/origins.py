"""What was found of the origins of a plugin's generations."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

from nativeplug.directories import absolute
from nativeplug.errors import OriginError
from nativeplug.load.content import Content, FileChangedError, read_file
from nativeplug.load.key import Key
from nativeplug.symbols import Loaded
from nativeplug.trust import Demands, Policy, Verified


class Origins:
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

    def check_returned(self, loaded: Loaded, demands: Demands) -> None:
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
        demands: Demands,
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
