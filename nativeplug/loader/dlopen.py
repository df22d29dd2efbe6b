"""
The dynamic loader's handles: all calls that take one, or give one, as Python has them.

Together with `generation`, which keeps them, the only Python that touches one.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from itertools import compress
from pathlib import Path

from _cffi_backend import FFI

from nativeplug._dl import ffi, lib

#: For dlopen(3), where nothing else is asked for.
FLAGS = lib.RTLD_NOW | lib.RTLD_LOCAL
_TEXT_SIZE = 8192  # of the loader's messages: a path (PATH_MAX is 4096) and some words


_numbers = itertools.count()


def unused_spelling(directory: str, name: str) -> str:
    """
    Return a path of a file by which this process has loaded nothing, nor ever will.

    dlopen(3) compares names before it looks at files. So a number that never repeats is written
    between directory and name, in binary and in what a path may have without meaning anything:
    ``/`` and ``/.``.
    """
    bits = f"{next(_numbers):b}"
    return f"{directory}{bits.replace('0', '/').replace('1', '/.')}/{name}"


def open_file(name: str | None, flags: int = FLAGS) -> tuple[FFI.CData, str]:
    """
    Return the handle of what dlopen(3) loads, or NULL and the loader's text.

    Args:
        name: A path or a soname; None for the program itself.
        flags: As dlopen(3) has them.
    """
    text = ffi.new("char[]", _TEXT_SIZE)
    handle = lib.np_dl_open(
        ffi.NULL if name is None else os.fsencode(name), flags, text, _TEXT_SIZE
    )
    return handle, _text(text)


def is_global(name: str) -> bool:
    """Tell whether a symbol is in the process where every file finds it, as dlopen(3) has it."""
    program = lib.np_dl_open(ffi.NULL, FLAGS, ffi.NULL, 0)
    return symbol(program, name.encode())[0] != lib.NP_DL_ABSENT


def close(handle: FFI.CData) -> str | None:
    """Unmap what a handle stands for; return None when it is gone, else why it is not."""
    text = ffi.new("char[]", _TEXT_SIZE)
    if lib.np_dl_close(handle, text, _TEXT_SIZE):
        return _text(text) or "the dynamic loader keeps it mapped"
    return None


def symbol(handle: FFI.CData, name: bytes) -> tuple[int, int, str]:
    """Return one of NP_DL_*, the symbol's address, and the loader's text."""
    address, text = ffi.new("void **"), ffi.new("char[]", _TEXT_SIZE)
    found = lib.np_dl_symbol(handle, name, address, text, _TEXT_SIZE)
    return found, int(ffi.cast("uintptr_t", address[0])), _text(text)


def find_exported(library: str, names: Iterable[str]) -> list[str] | None:
    """
    Return which of these names a library exports, or one that it needs.

    Returns:
        None when the library is not loaded.
    """
    wanted = [*names]
    texts = [ffi.new("char[]", name.encode("utf-8", "surrogateescape")) for name in wanted]
    found = ffi.new("_Bool[]", len(wanted))
    if not lib.np_dl_exports(os.fsencode(library), texts, len(wanted), found):
        return None
    return list(compress(wanted, found))


def path_of(handle: FFI.CData) -> str:
    """Return the path of the file that was loaded."""
    path = ffi.new("char[]", _TEXT_SIZE)
    lib.np_dl_path(handle, path, _TEXT_SIZE)
    return _text(path)


def bytes_of(handle: FFI.CData) -> bytes:
    """Return what is in the file that was loaded; nothing where it cannot be read."""
    try:
        return Path(path_of(handle)).read_bytes()
    except OSError:  # the vDSO, for one, is no file
        return b""


def libc_free() -> int:
    """Return the address of libc's free, whatever a plugin exports under that name."""
    return int(ffi.cast("uintptr_t", lib.np_dl_free_address()))


def _text(buffer: FFI.CData) -> str:
    return os.fsdecode(ffi.string(buffer))


# They are called without the GIL, in C alone.
os.register_at_fork(
    before=lib.np_fork_before,
    after_in_parent=lib.np_fork_in_parent,
    after_in_child=lib.np_fork_in_child,
)
