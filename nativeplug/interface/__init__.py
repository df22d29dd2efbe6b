"""What host and plugin agree on, as a Python class: that class -> C text, and back."""

from __future__ import annotations

from nativeplug.interface.base import (
    Interface,
    contents_of,
    declarations_of,
    interface_version,
    is_interface,
    source_of,
    telling_members,
)
from nativeplug.interface.conformance import check_file, check_names, check_version, conform
from nativeplug.interface.ctype import CType, optional
from nativeplug.interface.versions import find_mismatch

__all__ = [
    "CType",
    "Interface",
    "check_file",
    "check_names",
    "check_version",
    "conform",
    "contents_of",
    "declarations_of",
    "find_mismatch",
    "interface_version",
    "is_interface",
    "optional",
    "source_of",
    "telling_members",
]
