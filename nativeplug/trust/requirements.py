"""What one ``open`` demands of a file's origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nativeplug.errors import OriginError
from nativeplug.trust.policy import NOTHING, Policy, check_type, get_policy

# What judges is imported where something is demanded: most programs demand nothing.
if TYPE_CHECKING:
    from nativeplug.loader.files import Content
    from nativeplug.trust.verify import Verified

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OriginRequirements:
    """What was said to ``open``, once or several times."""

    #: The policies, all of which must be met; None stands for the process's, and for those who
    #: named none.
    policies: frozenset[Policy | None] = frozenset({None})
    #: The pinned content, in lower-case digits: the last one that was named.
    sha256: str | None = None

    @classmethod
    def of(cls, policy: object = None, sha256: object = None) -> OriginRequirements:
        """
        Take what ``open`` is given.

        Raises:
            TypeError: One is of the wrong type.
            ValueError: The SHA-256 is not 64 hexadecimal digits.
        """
        given = None if policy is None else check_type(policy)
        return cls(frozenset({given}), _digest(sha256))

    def plus(self, more: OriginRequirements) -> OriginRequirements:
        """Return these demands and *more*; a file has one content, so the later pin counts."""
        return OriginRequirements(self.policies | more.policies, more.sha256 or self.sha256)

    @property
    def effective(self) -> frozenset[Policy]:
        """The policies that hold now and demand something."""
        named = {get_policy() if policy is None else policy for policy in self.policies}
        return frozenset(named - {NOTHING})

    @property
    def are_none(self) -> bool:
        """Whether nothing is demanded now."""
        return self.sha256 is None and not self.effective

    @property
    def judge_files(self) -> bool:
        """Whether anything is demanded now of a file itself."""
        return self.sha256 is not None or any(policy.judges_files for policy in self.effective)

    @property
    def probe(self) -> bool:
        """Whether what is opened must be loaded in a process of its own first."""
        return any(policy.probe for policy in self.effective)

    @property
    def require_checked(self) -> bool:
        """Whether the types of all that is looked up must be known."""
        return any(policy.require_checked for policy in self.effective)

    def check(self, content: Content) -> tuple[Verified, ...]:
        """
        Judge a file; see `verify.check`.

        Returns:
            What each policy has found; nothing where nothing is demanded.

        Raises:
            OriginError: One is not met, for all of the error's ``reasons``.
        """
        if self.are_none:
            return ()
        from nativeplug.trust.verify import check, refusal

        found: list[Verified] = []
        reasons: list[str] = []
        for policy in self.effective or {NOTHING}:
            try:
                found.append(check(content, policy, self.sha256))
            except OriginError as error:  # noqa: PERF203 - seldom more than one
                reasons += error.reasons
        if reasons:
            raise refusal(content.path, *dict.fromkeys(reasons))
        return tuple(found)

    def check_pin(self, path: str, sha256: str) -> None:
        """Judge a content by its SHA-256; see `verify.check_pin`."""
        if self.sha256 is not None:
            from nativeplug.trust.verify import check_pin

            check_pin(path, sha256, self.sha256)

    def check_system(self, soname: str) -> None:
        """Judge a system library; see `verify.check_system`."""
        if not self.are_none:
            from nativeplug.trust.verify import check_system

            for policy in self.effective or {NOTHING}:
                check_system(soname, policy, self.sha256)


def _digest(sha256: object) -> str | None:
    if sha256 is None:
        return None
    if not isinstance(sha256, str):
        raise TypeError(f"sha256 must be str, not {type(sha256).__name__}")
    if _SHA256.fullmatch(sha256) is None:
        raise ValueError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    return sha256.lower()


#: Nothing was said.
NO_REQUIREMENTS: Final = OriginRequirements()
