"""What one ``open`` demands of a file's origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nativeplug.load.content import Content
from nativeplug.trust.judge import Verified, check, check_pin, check_system
from nativeplug.trust.policy import NOTHING, Policy, check_type, get_policy

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Demands:
    """What was said to ``open``: None where nothing was."""

    policy: Policy | None = None
    #: In lower-case digits.
    sha256: str | None = None

    @classmethod
    def of(cls, policy: object = None, sha256: object = None) -> Demands:
        """
        Take what ``open`` is given.

        Raises:
            TypeError: One is of the wrong type.
            ValueError: The SHA-256 is not 64 hexadecimal digits.
        """
        return cls(None if policy is None else check_type(policy), _digest(sha256))

    def plus(self, more: Demands) -> Demands:
        """Return these demands, with those that are given in place of the old ones."""
        return Demands(
            self.policy if more.policy is None else more.policy, more.sha256 or self.sha256
        )

    @property
    def effective(self) -> Policy:
        """The policy that holds now: the process's where none is given."""
        return get_policy() if self.policy is None else self.policy

    @property
    def are_none(self) -> bool:
        """Whether nothing is demanded now."""
        return self.sha256 is None and self.effective is NOTHING

    @property
    def judge_files(self) -> bool:
        """Whether anything is demanded now of a file itself."""
        return self.sha256 is not None or self.effective.judges_files

    def check(self, content: Content) -> Verified:
        """Judge a file; see `judge.check`."""
        return check(content, self.effective, self.sha256)

    def check_pin(self, path: str, sha256: str) -> None:
        """Judge a content by its SHA-256; see `judge.check_pin`."""
        check_pin(path, sha256, self.sha256)

    def check_system(self, soname: str) -> None:
        """Judge a system library; see `judge.check_system`."""
        check_system(soname, self.effective, self.sha256)


def _digest(sha256: object) -> str | None:
    if sha256 is None:
        return None
    if not isinstance(sha256, str):
        raise TypeError(f"sha256 must be str, not {type(sha256).__name__}")
    if _SHA256.fullmatch(sha256) is None:
        raise ValueError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    return sha256.lower()


#: Nothing was said.
UNSAID: Final = Demands()
