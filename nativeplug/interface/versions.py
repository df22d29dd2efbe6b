"""Interface names and versions: what a plugin of another one can still serve."""

from __future__ import annotations

import re

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)

#: An interface's name, its major and its minor version.
Version = tuple[str, int, int]


def parse(name: str, version: str) -> Version:
    """
    Read an interface's name and version.

    Raises:
        ValueError: One of them is not written as it must be.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"version {version!r} is not written 'MAJOR.MINOR', such as '1.2'")
    if not _NAME.fullmatch(name):
        raise ValueError(f"name {name!r} is not a word of letters, digits, '_', '.' and '-'")
    return name, int(found[1]), int(found[2])


def find_mismatch(wanted: Version, told: Version | None) -> str | None:
    """
    Say why a plugin of an interface cannot serve where another is wanted; None when it can.

    A minor version adds members, a major one changes them; see semver.org.

    Args:
        wanted: What the host was written for.
        told: What the plugin says that it has; None where it says nothing, which will do.
    """
    if told is None or (told[:2] == wanted[:2] and told[2] >= wanted[2]):
        return None
    if told[0] != wanted[0]:
        why = "another interface"
    elif told[1] != wanted[1]:
        why = "another major version"
    else:
        why = "an older one, which lacks members"
    return f"it has interface {shown(told)!r}, and {shown(wanted)!r} is wanted: {why}"


def shown(version: Version) -> str:
    """Return an interface's name and version as people write them."""
    name, major, minor = version
    return f"{name} {major}.{minor}"
