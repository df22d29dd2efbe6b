"""
Where a plugin's file comes from, judged before anything of it runs.

The judgement is about the bytes that were read, which are those that are mapped, and about the very
file that they were read from. So it does not matter what happens to the file meanwhile.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from nativeplug._util import permissions
from nativeplug.elf import hardening
from nativeplug.errors import FormatError, OriginError
from nativeplug.loader import origin_dir
from nativeplug.loader.files import Content
from nativeplug.trust import libraries
from nativeplug.trust.comment import Comment, written
from nativeplug.trust.minisign import MOST_BYTES, SUFFIX, SignatureFile, UntrustedError
from nativeplug.trust.policy import Policy
from nativeplug.trust.version_store import Entry

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of a file's origin."""

    #: The path that it was judged by.
    path: str
    #: The policy that it was judged by.
    policy: Policy
    #: The number of the key that has signed it; None where no signature was demanded.
    key: str | None = None
    #: What else was signed: all of it, and what of it we know.
    trusted_comment: str | None = None
    version: str | None = None
    expires: datetime | None = None
    _entry: Entry | None = None

    def check_again(self) -> None:
        """
        Check just before it is loaded that no newer version was accepted meanwhile.

        Raises:
            OriginError: One was, or that cannot be known.
        """
        if self._entry is not None:
            with _refusing(self.path):
                self._entry.check(self.version)

    def accept(self) -> None:
        """
        Note that the file is loaded and serves, so that no older version is loaded after it.

        Raises:
            OriginError: It has become too old meanwhile, or nothing can be noted.
        """
        if self._entry is not None:
            with _refusing(self.path):
                self._entry.advance(self.version)


def check(content: Content, policy: Policy, sha256: str | None = None) -> Verified:
    """
    Judge the origin of a file.

    Args:
        content: What was read of it.
        policy: What is demanded.
        sha256: The SHA-256 that it must have, in lower-case digits; None for any.

    Raises:
        OriginError: It is not what is demanded, for all of the error's ``reasons``.
    """
    reasons = [*_find_faults_of_content(content.sha256, sha256)]
    reasons += _find_faults_of_place(content, policy)
    reasons += _find_faults_of_libraries(content, policy, sha256)
    verified = Verified(content.path, policy)
    if policy.public_keys is not None:
        verified, more = _judge_signature(content, policy)
        reasons += more
    reasons += hardening.find_missing(content.data, frozenset(policy.hardening or ()))
    if policy.toolchains is not None and not reasons:  # a parser for debuggers: trusted files only
        reasons += _find_faults_of_toolchain(content.data, policy)
    if reasons:
        raise refusal(content.path, *reasons)
    return verified


def check_pin(path: str, found: str, sha256: str | None) -> None:
    """
    Refuse a content that is not the one that must be.

    Raises:
        OriginError: It is another one.
    """
    reasons = [*_find_faults_of_content(found, sha256)]
    if reasons:
        raise refusal(path, *reasons)


def check_system(soname: str, policy: Policy, sha256: str | None = None) -> None:
    """
    Refuse a system library where something is demanded of a file.

    The system's own search finds it, and what it found last time is shared: there is no file
    of which it could be said that it is what runs.

    Raises:
        OriginError: There is a demand, and the policy does not allow it all the same.
    """
    if sha256 is not None:
        raise refusal(soname, "it is a system library, whose content cannot be pinned")
    if policy.judges_files and not policy.allow_system:
        raise refusal(
            soname,
            "it is a system library, whose origin cannot be checked: "
            "open it by its path, or with a policy that has allow_system=True",
        )


def refusal(path: str, *reasons: str) -> OriginError:
    """Return the error for a file that is not what is demanded."""
    reason = "; ".join(reasons)
    return OriginError(
        f"cannot open plugin {path!r}: {reason}", path=path, reason=reason, reasons=reasons
    )


@contextlib.contextmanager
def _refusing(path: str) -> Iterator[None]:
    try:
        yield
    except UntrustedError as error:
        raise refusal(path, str(error)) from None


def _find_faults_of_content(found: str, sha256: str | None) -> Iterator[str]:
    if sha256 not in {None, found}:
        yield f"its SHA-256 is {found}, and {sha256} is demanded"


def _find_faults_of_place(content: Content, policy: Policy) -> Iterator[str]:
    if (
        policy.directories is None
        and policy.owners is None
        and not policy.refuse_writable_by_others
    ):
        return
    place = content.place
    if place is None or place.path is None:
        yield "where it lies cannot be known: it was opened from bytes, or there is no /proc"
        return
    if policy.directories is not None:
        above = os.path.dirname(place.path)
        if not any(_lies_in(above, str(each)) for each in policy.directories):
            yield f"it lies in {above!r}, which is none of the directories that are allowed"
    trusted = _trusted(policy)
    if policy.owners is not None:
        owner = place.access.owner
        if owner not in policy.owners:
            owners = ", ".join(map(str, sorted(policy.owners)))
            yield f"it belongs to user {owner}, and only files of {owners} are allowed"
        elif (fault := place.access.find_fault_of_owner(trusted)) is not None:
            yield f"whose it is cannot be known: it {fault}"
    if policy.refuse_writable_by_others:
        fault = place.access.find_fault(trusted)
        if fault is not None:
            yield f"the file {fault}"
        yield from dict.fromkeys(
            [
                *permissions.find_writable(content.path, trusted),
                *permissions.find_writable(place.path, trusted),
            ]
        )


def _trusted(policy: Policy) -> frozenset[int]:
    """Return the users that may write to what is run."""
    return frozenset({0, os.geteuid(), *(policy.owners or ())})


def _find_faults_of_libraries(
    content: Content, policy: Policy, sha256: str | None
) -> Iterator[str]:
    """Refuse what is loaded from where others may write, where that matters."""
    data, place = content.data, content.path
    if content.place is not None and content.place.path is not None:
        place = content.place.path
    if policy.refuse_writable_by_others:
        yield from libraries.find_faults(data, place, _trusted(policy))
    elif policy.public_keys is not None or sha256 is not None:
        yield from libraries.find_relative(data, place)
        if origin_dir.is_relative(data):
            yield (
                "it looks for libraries relative to its own place ($ORIGIN), where others could "
                "put theirs: demand refuse_writable_by_others as well"
            )


def _lies_in(directory: str, allowed: str) -> bool:
    return f"{directory}/".startswith(f"{allowed.rstrip('/')}/")


def _judge_signature(content: Content, policy: Policy) -> tuple[Verified, list[str]]:
    """Return what is signed, and what is wrong with it."""
    name = os.path.basename(content.path)
    try:
        signature = SignatureFile.parse(_read_signature(content))
        key = signature.verify(content.data, policy.keys)
        comment = Comment.parse(signature.comment)
    except UntrustedError as error:
        return Verified(content.path, policy), [str(error)]
    entry = None if policy.allow_older else Entry(str(key), name)
    verified = Verified(
        content.path, policy, key.name, signature.comment, comment.version, comment.expires, entry
    )
    return verified, [*_find_faults_of_comment(comment, name, policy, entry)]


def _find_faults_of_comment(
    comment: Comment, name: str, policy: Policy, entry: Entry | None
) -> Iterator[str]:
    if comment.file is None:
        yield f"its signature does not say which file it is for: it must have 'file:{name}'"
    elif comment.file != name:
        yield f"its signature is for the file {comment.file!r}, not for {name!r}"
    now = datetime.fromtimestamp(time.time(), timezone.utc)
    if comment.expires is None and policy.require_expiry:
        yield "its signature does not say when it expires"
    elif comment.expires is not None and comment.expires <= now:
        yield f"its signature expired at {written(comment.expires)}, and it is {written(now)}"
    if comment.version is None and policy.require_version:
        yield "its signature tells no version"
    if entry is not None and comment.file == name:
        try:
            entry.check(comment.version)
        except UntrustedError as error:
            yield str(error)


def _read_signature(content: Content) -> bytes:
    """
    Return the signature file of a plugin: beside the path that was opened, else beside the file.

    Raises:
        UntrustedError: There is none, or it cannot be read.
    """
    beside = content.path + SUFFIX
    real = content.place.path if content.place is not None else None
    if real is not None and not os.path.lexists(beside):
        beside = real + SUFFIX
    try:
        return read_signature(beside)
    except FileNotFoundError:
        name = os.path.basename(content.path + SUFFIX)
        raise UntrustedError(f"it is not signed: there is no {name!r} beside it") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UntrustedError(f"cannot read its signature {beside!r}: {reason}") from None


def read_signature(path: str) -> bytes:
    """
    Read a signature file, but not more than one can have.

    Raises:
        OSError: It cannot be read, or is not a regular one.
    """
    descriptor = os.open(path, _READ)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return file.read(MOST_BYTES + 1)


def _find_faults_of_toolchain(data: File, policy: Policy) -> Iterator[str]:
    from nativeplug.elf import facts  # needs pyelftools

    patterns = sorted(map(str, policy.toolchains or ()))
    try:
        found = facts.read(io.BytesIO(data)).toolchain
    except FormatError as error:
        yield error.reason
        return
    if found is None or not any(fnmatchcase(found, pattern) for pattern in patterns):
        made = (
            "does not say by which toolchain it was made" if found is None else f"is of {found!r}"
        )
        yield f"it {made}; allowed is {', '.join(map(repr, patterns))}"
