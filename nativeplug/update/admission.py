"""From what was read of a file to a loaded generation: every check, in its order."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from nativeplug.load.content import Content
from nativeplug.load.generation import Generation
from nativeplug.load.loading import check_file, load_file
from nativeplug.load.options import LoadOptions
from nativeplug.symbols import Known
from nativeplug.trust import Demands, Verified

#: Raises what else stands against a content that may be loaded otherwise.
Admit = Callable[["Admission"], None]


@dataclass(frozen=True, slots=True)
class Admission:
    """
    A file's content that may be loaded: nothing of it has run.

    All that is checked are the bytes that were read once, and that are mapped then.
    """

    path: str
    content: Content
    #: What was found of its origin, by each policy.
    verified: tuple[Verified, ...]
    #: What it tells of the types of its symbols, and of its interface.
    known: Known
    #: The only users that may be able to write where its private copy is made; None for any.
    trusted: frozenset[int] | None = None

    @classmethod
    def of(cls, path: str, content: Content, demands: Demands) -> Admission:
        """
        Check a content.

        Args:
            path: The user's path, for words.
            content: What was read.
            demands: What is demanded of its origin.

        Raises:
            OriginError: It does not come from where it must.
            FormatError: It is no plugin for this process.
        """
        verified = demands.check(content)
        check_file(path, content)
        is_signed = any(each.key is not None for each in verified)
        known = Known(path, content, is_signed=is_signed)
        trusted = frozenset({0, os.geteuid()}) if demands.judge_files else None
        return cls(path, content, verified, known, trusted)

    def load(self, options: LoadOptions, *, probe: bool) -> Generation:
        """
        Load it; its constructors run.

        Args:
            options: How it is loaded.
            probe: Load it in a process of its own first, whatever the policy says.

        Raises:
            FormatError: That process died of it.
            OpenError: It cannot be loaded, or not be probed.
            OriginError: A newer version was accepted meanwhile.
        """
        return load_file(
            self.path,
            self.content,
            options,
            probe=probe or any(each.policy.probe for each in self.verified),
            trusted=self.trusted,
            ready=self._check_again,
        )

    def _check_again(self) -> None:
        for each in self.verified:
            each.check_again()

    def accept(self) -> None:
        """
        Note that it is loaded and serves: no older version is loaded after it.

        Raises:
            OriginError: That cannot be noted, or a newer version was accepted meanwhile.
        """
        for each in self.verified:
            each.accept()


def admit_all(_admission: Admission) -> None:
    """Have nothing against it."""
