"""
The user's file itself, mapped as it is: what ``in_place=True`` asks for.

The dynamic loader maps a file once, and tells it by device and inode. So whoever has loaded it,
by whichever path, shares its variables. What is given up for that is in docs/lifetime.md.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NoReturn

from nativeplug._util import permissions
from nativeplug._util.directories import absolute
from nativeplug._util.permissions import Access
from nativeplug.errors import OpenError, cannot_open
from nativeplug.loader import dlopen
from nativeplug.loader.files import Content, ContentKey, FileChangedError, file_key


def name_of(path: str, content: Content, trusted: Collection[int] | None) -> str:
    """
    Return by which name the dynamic loader is to map a file itself.

    The name was given to nobody: the loader compares names first, and a file that was replaced
    since would be taken for the one that is mapped.

    Args:
        path: The user's path, for words.
        content: What was read of the file, and checked.
        trusted: The only users that may be able to write to it; None for any.

    Raises:
        OpenError: It has no path, or others could write to it.
        FileChangedError: It is not what was read any more.
    """
    if isinstance(content.key, ContentKey):
        _fail(path, "in_place=True needs a file, and bytes have none")
    try:
        place = absolute(content.path)
        if file_key(place) != content.key:
            raise FileChangedError
        if trusted is not None:
            _check_writers(path, place, trusted)
    except OSError as error:
        raise cannot_open(path, error) from None
    directory, name = os.path.split(place)
    return dlopen.unused_spelling(directory, name)


def is_loaded(content: Content) -> bool:
    """Tell whether the process has loaded the very file that a content was read of."""
    if isinstance(content.key, ContentKey):
        return False
    return dlopen.find_exported(os.path.abspath(content.path), ()) is not None


def _check_writers(path: str, place: str, trusted: Collection[int]) -> None:
    fault = Access.of_path(place).find_fault(trusted)
    reason = next(permissions.find_writable(place, trusted), fault)
    if reason is not None:
        _fail(path, f"in_place=True cannot be had under a policy: {reason}")


def _fail(path: str, reason: str) -> NoReturn:
    raise OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)
