"""
A generation: one loaded copy of a plugin's file.

The only Python that touches an operating system's handle. A generation is never unloaded:
a thread may be inside its code, addresses of it may be held anywhere, and Go's runtime,
Rust's and many a C++ library cannot be unloaded at all.
"""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from nativeplug._dl import ffi, lib
from nativeplug.errors import FormatError, OpenError, SymbolNotFoundError
from nativeplug.load import elf, facts, image

if TYPE_CHECKING:
    from nativeplug.load.key import FileKey

_FLAGS = lib.RTLD_NOW | lib.RTLD_LOCAL
_TEXT_SIZE = 4096  # of the loader's messages: two paths and some words
_NEAREST = 3


@dataclass(frozen=True, eq=False)
class Generation:
    """One loaded copy of a plugin's file. Immutable; safe to use from several threads."""

    #: The user's path or soname.
    path: str
    #: It was linked by Go and brings a Go runtime.
    is_go: bool
    _handle: object = field(repr=False)
    _descriptor: int | None = field(repr=False)

    @cached_property
    def exports(self) -> frozenset[str]:
        """
        The names that the file exports.

        Raises:
            FormatError: The file's symbol table is damaged.
        """
        if self._descriptor is None:
            return frozenset(facts.exported_names(_path_of(self._handle)))
        size = os.fstat(self._descriptor).st_size
        file = io.BytesIO(os.pread(self._descriptor, size, 0))
        return frozenset(facts.exported_names(file))

    def address(self, symbol: str) -> int:
        """
        Return the address of a symbol that the file exports.

        What only the file's dependencies export is not found, except in a system library:
        those are split and joined as the system sees fit.

        Raises:
            SymbolNotFoundError: The file does not export it, or its address is NULL.
        """
        address, reason = self._find(symbol)
        if reason is not None:
            raise self.not_found(symbol, reason)
        if not address:
            raise SymbolNotFoundError(
                f"cannot use symbol {symbol!r} of plugin {self.path!r}: its address is NULL",
                path=self.path,
                symbol=symbol,
            )
        return address

    def has(self, symbol: str) -> bool:
        """Tell whether the file exports a symbol that can be used."""
        address, _ = self._find(symbol)
        return address != 0

    def _find(self, symbol: str) -> tuple[int, str | None]:
        """Return the symbol's address; or 0 and why there is no such symbol."""
        name = symbol.encode("utf-8", "surrogateescape")
        if b"\0" in name:
            return 0, "a symbol's name has no NUL character"
        address, text = ffi.new("void **"), ffi.new("char[]", _TEXT_SIZE)
        found = lib.np_dl_symbol(self._handle, name, address, text, _TEXT_SIZE)
        if found == lib.NP_DL_ABSENT:
            return 0, _text(text).replace(_path_of(self._handle), self.path)
        if found == lib.NP_DL_FOREIGN and self._descriptor is not None:
            return 0, f"the file does not export it, only its dependency {_text(text)!r} does"
        return int(ffi.cast("uintptr_t", address[0])), None

    def not_found(
        self, symbol: str, reason: str, known: Iterable[str] = ()
    ) -> SymbolNotFoundError:
        """Return the error for a symbol that does not exist, with the closest that do."""
        nearest = self._nearest(symbol, known)
        hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
        return SymbolNotFoundError(
            f"cannot find symbol {symbol!r} in plugin {self.path!r}: {reason}{hint}",
            path=self.path,
            symbol=symbol,
            nearest=nearest,
        )

    def _nearest(self, symbol: str, known: Iterable[str]) -> tuple[str, ...]:
        try:
            names = {*known, *self.exports}
        except FormatError:  # a help for people must not hide what it should help with
            names = set(known)
        return tuple(difflib.get_close_matches(symbol, names, _NEAREST))


def load_file(path: str, key: FileKey) -> Generation:
    """
    Load a private copy of a plugin's file; its constructors run without the GIL.

    Args:
        path: The user's path.
        key: The file that is meant.

    Raises:
        FormatError: The file is no plugin for this process.
        OpenError: It cannot be read or loaded; with the dynamic loader's text.
        FileChangedError: *path* names another file now.
    """
    data = image.read_file(path, key)
    defect = elf.find_defect(data)
    if defect is not None:
        raise _format_error(path, defect, data)
    copy = image.copy(path, data)
    try:
        handle, text = _open(copy.name)
    finally:
        if copy.temporary is not None:
            os.unlink(copy.temporary)
    if handle == ffi.NULL:
        os.close(copy.descriptor)
        raise _open_error(path, text.replace(copy.name, path))
    return Generation(path, elf.is_go(data), handle, copy.descriptor)


def load_system(soname: str) -> Generation:
    """
    Load a system library by the system's own search; its copy is shared.

    Raises:
        OpenError: There is none, or it cannot be loaded.
    """
    handle, text = _open(soname)
    if handle == ffi.NULL:
        hint = ""
        if os.path.exists(soname):
            hint = f"; for the file in the working directory write {'./' + soname!r}"
        raise _open_error(soname, text + hint)
    return Generation(soname, is_go=False, _handle=handle, _descriptor=None)


def _open(name: str) -> tuple[object, str]:
    text = ffi.new("char[]", _TEXT_SIZE)
    handle = lib.np_dl_open(os.fsencode(name), _FLAGS, text, _TEXT_SIZE)
    return handle, _text(text)


def _path_of(handle: object) -> str:
    path = ffi.new("char[]", _TEXT_SIZE)
    lib.np_dl_path(handle, path, _TEXT_SIZE)
    return _text(path)


def _text(buffer: object) -> str:
    return os.fsdecode(ffi.string(buffer))


def _open_error(path: str, text: str) -> OpenError:
    reason = text or "the dynamic loader gives no reason"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)


def _format_error(path: str, defect: str, data: bytes) -> FormatError:
    return FormatError(f"cannot open plugin {path!r}: {defect}", path=path, reason=defect)


def libc_free() -> int:
    """Return the address of libc's free, whatever a plugin exports under that name."""
    return int(ffi.cast("uintptr_t", lib.np_dl_free_address()))
