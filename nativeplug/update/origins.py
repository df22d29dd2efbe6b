"""What was found of the origins of a plugin's generations."""

from __future__ import annotations

import os
import weakref

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

    def note(self, loaded: Loaded, verified: Verified) -> None:
        """Remember that a generation was found good."""
        path = os.path.join(os.getcwd(), verified.path)
        self._good.setdefault(loaded, set()).add((verified.policy, path))

    def judge(self, loaded: Loaded, key: Key | None, demands: Demands, name: str) -> None:
        """
        Judge a generation that serves by the demands of a further ``open``.

        Args:
            loaded: The generation.
            key: The file that was looked at last; None within an update, which looks at another.
            demands: What is demanded.
            name: The path that is opened; it leads to the plugin's file.

        Raises:
            OriginError: It does not meet them.
            FileChangedError: The file has another content by now: ask again.
        """
        sha256 = loaded.generation.sha256
        if sha256 is None:  # of the system
            demands.check_system(name)
            return
        demands.check_pin(name, sha256)
        path = os.path.join(os.getcwd(), name)
        if demands.are_none or (demands.effective, path) in self._good.get(loaded, ()):
            return
        content = read_file(name)
        if content.sha256 != sha256:
            raise _changed(name, content, key)
        verified = demands.check(content)
        verified.note_run()
        self.note(loaded, verified)


def _changed(name: str, content: Content, key: Key | None) -> Exception:
    if key not in {None, content.key}:
        return FileChangedError()
    reason = (
        "what serves is not what its file has, since a rollback or within an update, and was "
        "not judged by this policy"
    )
    return OriginError(f"cannot open plugin {name!r}: {reason}", path=name, reason=reason)
