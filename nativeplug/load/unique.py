"""
Symbols that are one for the whole process (STB_GNU_UNIQUE), and how a copy gets its own.

GCC gives this binding to the statics of C++ templates and inline functions. glibc binds every
reference to such a name to the first definition that the process has loaded: a new version would
go on with the old one's variables, and call the old one's code through them. In a private copy
the binding is STB_GLOBAL instead, as if the plugin were compiled with ``-fno-gnu-unique``.

A library that the plugin needs is one for all versions. What it has, too, stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nativeplug.load import handle
from nativeplug.load.searches import Searches

if TYPE_CHECKING:
    from nativeplug.load.dynamic import Dynamic
    from nativeplug.load.layout import File

_STB_GLOBAL: Final = 1
# These have no such symbols of anybody else's templates.
_RUNTIME: Final = re.compile(r"(?:ld-linux.*|lib(?:c|m|dl|pthread|rt|gcc_s|stdc\+\+))\.so(?:\.|$)")


def find_own(data: File, file: Dynamic) -> dict[int, int]:
    """
    Return which bytes a plugin's copy is to have otherwise, by their offsets: its bindings.

    None where a library that the plugin needs comes with it: nobody knows yet what that has.

    Args:
        data: The file's bytes.
        file: What was read of them.
    """
    if not file.unique:
        return {}
    shared: set[str] = set()
    for library in Searches.of(data).names:
        found = handle.find_exported(library, file.unique)
        if found is None and not _RUNTIME.match(library):
            return {}
        shared.update(found or ())
    own = (at for name, at in file.unique.items() if name not in shared)
    return {at: _STB_GLOBAL << 4 | data[at] & 0xF for at in own}
