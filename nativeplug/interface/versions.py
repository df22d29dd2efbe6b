"""Interface names and versions: what a plugin of another one can still serve."""

from __future__ import annotations

import re

from nativeplug.elf.metadata import InterfaceVersion

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def is_name(text: str) -> bool:
    """Tell whether a text can be an interface's name."""
    return _NAME.fullmatch(text) is not None


def parse(name: str, version: str) -> InterfaceVersion:
    """
    Read an interface's name and version.

    Raises:
        ValueError: One of them is not written as it must be.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"version {version!r} is not written 'MAJOR.MINOR', such as '1.2'")
    if not is_name(name):
        raise ValueError(f"name {name!r} is not a word of letters, digits, '_', '.' and '-'")
    return InterfaceVersion(name, int(found[1]), int(found[2]))


def find_mismatch(wanted: InterfaceVersion, told: InterfaceVersion | None) -> str | None:
    """
    Say why a plugin of an interface cannot serve where another is wanted; None when it can.

    A minor version adds members, a major one changes them; see semver.org.

    Args:
        wanted: What the host was written for.
        told: What the plugin says that it has; None where it says nothing, which will do.
    """
    if told is None:
        return None
    if told.name != wanted.name:
        why = "another interface"
    elif told.major != wanted.major:
        why = "another major version"
    elif told.minor < wanted.minor:
        why = "an older one, which lacks members"
    else:
        return None
    return f"it has interface '{told}', and '{wanted}' is wanted: {why}"
