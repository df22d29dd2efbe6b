"""What a program demands of the files that it opens; and what holds where it names nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from nativeplug.elf.hardening import WANTED

if TYPE_CHECKING:
    from nativeplug.trust.minisign import PublicKey

_FLAGS: Final = (
    "refuse_writable_by_others",
    "require_version",
    "require_expiry",
    "allow_older",
    "require_checked",
    "probe",
    "allow_system",
)
_MOST_BYTES_OF_A_KEY: Final = 4096
# The number after that, -1 to C, stands for nobody: chown(2).
_LAST_USER: Final = 0xFFFFFFFE
_KEY_START: Final = "RW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    What a program demands of a plugin before anything of it runs.

    ``Policy()`` demands nothing. See docs/signing.md. Immutable, and equal to one that demands
    the same.

    Raises:
        TypeError: A demand is of the wrong type.
        ValueError: It cannot be met, or is not a public key.
        OSError: A public key's file cannot be read.

    Example:
        >>> nativeplug.Policy(refuse_writable_by_others=True, hardening={"nx", "relro"})
        Policy(refuse_writable_by_others=True, hardening=frozenset({...}))
    """

    #: The directories in or below which it lies, once symlinks are followed; None for any.
    directories: Collection[str | os.PathLike[str]] | None = None
    #: The users (numbers) one of whom owns it; None for any.
    owners: Collection[int] | None = None
    #: Only root, the process's user and *owners* can write to it, to what leads to it, and to the
    #: libraries in the directories that it names.
    refuse_writable_by_others: bool = False
    #: It is signed by one of these minisign keys: each text (``"RW..."``) or a file's path.
    public_keys: Collection[str | os.PathLike[str]] | None = None
    #: The signature says a version, and until when it is good.
    require_version: bool = False
    require_expiry: bool = False
    #: An older version may be run again: which were run is neither looked up nor noted.
    allow_older: bool = False
    #: The types of all that is looked up are known from the file and agree.
    require_checked: bool = False
    #: It is loaded in a process of its own first.
    probe: bool = False
    #: What its toolchain is, as ``nativeplug inspect`` shows it: patterns, as "Go go1.27*".
    toolchains: Collection[str] | None = None
    #: Of "nx", "relro", "bind_now" and "no_textrel"; or "all" of them.
    hardening: Collection[str] | Literal["all"] | None = None
    #: What cannot be checked, a system library, may be opened all the same.
    allow_system: bool = False

    def __post_init__(self) -> None:
        """Check the demands, and make them comparable."""
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be bool, not {_kind(getattr(self, name))}")
        if self.hardening == "all":
            object.__setattr__(self, "hardening", frozenset(WANTED))
        for name, convert in _COLLECTIONS.items():
            if getattr(self, name) is not None:
                self._take(name, convert)
        for name in ("require_version", "require_expiry", "allow_older"):
            if getattr(self, name) and not self.public_keys:
                raise ValueError(f"{name} is about signatures: it needs public_keys")

    def _take(self, name: str, convert: Callable[[str, Any], Any]) -> None:
        """Convert all values of a demand; their order means nothing."""
        values = getattr(self, name)
        if isinstance(values, (str, bytes, os.PathLike)) or not isinstance(values, Collection):
            raise TypeError(f"{name} must be a collection, not {_kind(values)}")
        if not values:  # of a setting that was forgotten, most likely
            raise ValueError(f"{name} is empty, which demands nothing: write None for that")
        object.__setattr__(self, name, frozenset(convert(name, value) for value in values))

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """The keys that are trusted."""
        from nativeplug.trust.minisign import PublicKey

        return tuple(PublicKey.parse(text) for text in sorted(map(str, self.public_keys or ())))

    @property
    def judges_files(self) -> bool:
        """Whether it demands anything of a file that a system library cannot show."""
        return self.refuse_writable_by_others or any(
            getattr(self, name) is not None for name in _COLLECTIONS
        )

    def __repr__(self) -> str:
        """Return the demands that it makes."""
        made = [
            f"{name}={getattr(self, name)!r}"
            for name in self.__slots__
            if getattr(self, name) != getattr(NOTHING, name)
        ]
        return f"Policy({', '.join(made)})"


def _directory(name: str, value: object) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must have paths, not {_kind(value)}")
    return os.path.realpath(os.fsdecode(value))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must have str, not {_kind(value)}")
    return value


def _number(name: str, value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{name} must have int, not {_kind(value)}")
    if not 0 <= value <= _LAST_USER:
        raise ValueError(f"{name} must have numbers of users, 0 to {_LAST_USER}, not {value}")
    return value


def _hardening(name: str, value: object) -> str:
    if _text(name, value) not in WANTED:
        raise ValueError(f"{name} must be of {', '.join(map(repr, WANTED))}, not {value!r}")
    return str(value)


def _key(name: str, value: object) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must have str or paths, not {_kind(value)}")
    from nativeplug.trust.minisign import UNTRUSTED, PublicKey, UntrustedError

    text, where = value, repr(value)
    if isinstance(value, os.PathLike):
        where = repr(os.fsdecode(value))
        with open(value, encoding="utf-8", errors="replace", newline="") as file:
            text = file.read(_MOST_BYTES_OF_A_KEY)
    try:
        return str(PublicKey.parse(str(text)))
    except UntrustedError as error:
        hint = ""
        if isinstance(value, str) and not value.startswith((_KEY_START, UNTRUSTED)):
            hint = f"; if it is a file's path, give Path({value!r})"
        raise ValueError(f"cannot use public key {where}: {error}{hint}") from None


_COLLECTIONS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "directories": _directory,
    "owners": _number,
    "public_keys": _key,
    "toolchains": _text,
    "hardening": _hardening,
}


def _kind(value: object) -> str:
    return type(value).__name__


#: The policy that demands nothing.
NOTHING: Final = Policy()
_default = NOTHING


def set_policy(policy: Policy) -> None:
    """
    Demand something of all plugins that are opened or updated from now on.

    What ``open(..., policy=...)`` is told goes before it. What is open stays open. Safe to call
    from several threads; processes that are started afresh know nothing of it.

    Raises:
        TypeError: It is not a policy.
    """
    global _default  # noqa: PLW0603 - the process's
    _default = check_type(policy)


def get_policy() -> Policy:
    """Return what is demanded of all plugins."""
    return _default


def check_type(policy: object) -> Policy:
    """
    Return a policy; any that demands nothing is the same.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"policy must be Policy, not {_kind(policy)}")
    return NOTHING if policy == NOTHING else policy
