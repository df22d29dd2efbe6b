"""
A generation: one loaded copy of a plugin's file.

The only Python that touches an operating system's handle. A generation stays mapped unless
somebody unloads it who knows that no thread is inside its code and no address of it is held;
Go's runtime, Rust's and many a C++ library cannot be unloaded at all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _cffi_backend import FFI

from nativeplug._dl import ffi, lib
from nativeplug.errors import ForkError, FormatError, OpenError, SymbolNotFoundError
from nativeplug.load import dynamic, elf, image
from nativeplug.load.content import Content
from nativeplug.load.dynamic import Dynamic
from nativeplug.load.image import Image
from nativeplug.load.probe import find_death
from nativeplug.load.structure import Defect
from nativeplug.load.symbols import FUNCTIONS, VARIABLES
from nativeplug.load.unloading import find_resident_reason
from nativeplug.load.words import cannot_load, in_users_words

if TYPE_CHECKING:
    from nativeplug.load.symbols import Kind

_FLAGS = lib.RTLD_NOW | lib.RTLD_LOCAL
_TEXT_SIZE = 8192  # of the loader's messages: a path (PATH_MAX is 4096) and some words
_NEAREST = 3
# Of the handle of a Go library of the system: the process that loaded it.
_processes: dict[int, int] = {}
_HEADER_SIZE = 4096  # more than the loader reads before it maps anything


@dataclass(frozen=True, eq=False)
class Generation:
    """
    One loaded copy of a plugin's file.

    Immutable until it is unloaded; safe to use from several threads.
    """

    #: The user's path or soname.
    path: str
    #: It was linked by Go and brings a Go runtime.
    is_go: bool
    #: The file's SHA-256, in hexadecimal digits; None for a system library.
    sha256: str | None
    #: Why it stays mapped whatever happens; None when it may be unloaded.
    resident: str | None
    #: What is in the file; None for a system library, which is read when that is asked.
    _file: Dynamic | None = field(repr=False)
    _handle: FFI.CData = field(repr=False)
    #: When it was loaded.
    loaded_at: datetime = field(init=False, default_factory=lambda: datetime.now(timezone.utc))
    #: Where it lies in memory.
    _span: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Ask the loader where it lies."""
        span = ffi.new("struct np_dl_span *")
        lib.np_dl_span(self._handle, span)
        object.__setattr__(self, "_span", span)

    @property
    def file(self) -> Dynamic:
        """What the file tells the dynamic loader; nothing where it cannot be read."""
        # Not functools.cached_property: until Python 3.12 it has a lock, and a child process
        # would wait for ever for one that another thread held at fork().
        if self._file is None:
            file = dynamic.read(_read_library(_path_of(self._handle)))
            object.__setattr__(self, "_file", file)
            return file
        return self._file

    @property
    def exports(self) -> Mapping[str, Kind]:
        """The names that the file exports, with their kinds; none where it cannot be read."""
        return self.file.exports

    @property
    def span(self) -> tuple[int, int]:
        """The address of its first byte, and that after its last; (0, 0) where there are none."""
        start, end = self._span.start, self._span.end
        return (start, end) if start < end else (0, 0)

    @property
    def mapped_bytes(self) -> int:
        """How much of the address space it takes; 0 once it is unloaded."""
        start, end = self.span
        return end - start

    def is_variable(self, symbol: str) -> bool:
        """Tell whether the file says that a symbol is a variable."""
        return self.exports.get(symbol) in VARIABLES

    def is_function(self, symbol: str) -> bool:
        """Tell whether the file says that a symbol is a function."""
        return self.exports.get(symbol) in FUNCTIONS

    def unload(self) -> str | None:
        """
        Unmap it; its destructors run without the GIL. To unload it again does nothing.

        The caller sees to it that no thread is in its code or will be, here or in a method of
        this object, and that nobody goes on using an address of it.

        Returns:
            None when it is gone from memory; else why it is not.
        """
        if self.resident is None and self._handle != ffi.NULL:
            text = ffi.new("char[]", _TEXT_SIZE)
            handle = self._handle
            object.__setattr__(self, "_handle", ffi.NULL)  # first: nobody is to come to it now
            if lib.np_dl_close(handle, text, _TEXT_SIZE):
                reason = _text(text) or "the dynamic loader keeps it mapped"
                object.__setattr__(self, "resident", reason)
            else:
                object.__setattr__(self, "_span", ffi.new("struct np_dl_span *"))
        return self.resident

    def address(self, symbol: str) -> int:
        """
        Return the address of a symbol that the file exports.

        What only the file's dependencies export is not found, except in a system library:
        those are split and joined as the system sees fit.

        Raises:
            SymbolNotFoundError: The file does not export it, or it has no address of its own.
        """
        if symbol.isascii() and "\0" not in symbol:  # what nearly every name is, at once
            own: int = lib.np_dl_own_address(self._handle, symbol.encode(), self._span)
            if own:
                return own
        address, reason = self._find(symbol)
        if address is None:
            raise self.not_found(symbol, reason)
        if reason:
            raise SymbolNotFoundError(
                f"cannot use symbol {symbol!r} of plugin {self.path!r}: {reason}",
                path=self.path,
                symbol=symbol,
            )
        return address

    def has(self, symbol: str) -> bool:
        """Tell whether the file exports a symbol that can be used."""
        return not self._find(symbol)[1]

    def _find(self, symbol: str) -> tuple[int | None, str]:
        """Return the symbol's address, None when there is none; and why it cannot be used."""
        name = symbol.encode("utf-8", "surrogateescape")
        if b"\0" in name:
            return None, "a symbol's name has no NUL character"
        if self._handle == ffi.NULL:
            return 0, "its code was unloaded"
        found, address, text = _symbol(self._handle, name)
        if found == lib.NP_DL_ABSENT:
            return None, in_users_words(text, _path_of(self._handle), self.path)
        if found == lib.NP_DL_FOREIGN and self.sha256 is not None:
            return None, f"the file does not export it, only its dependency {text!r} does"
        if found == lib.NP_DL_PLACELESS:
            return 0, "its address is in no file: it is thread-local, or an absolute number"
        return address, "" if address else "its address is NULL"

    def not_found(self, symbol: str, reason: str, known: Iterable[str] = ()) -> SymbolNotFoundError:
        """Return the error for a symbol that does not exist, with the closest that do."""
        import difflib

        names = {*known, *self.exports}
        nearest = tuple(difflib.get_close_matches(symbol, sorted(names), _NEAREST))
        hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
        return SymbolNotFoundError(
            f"cannot find symbol {symbol!r} in plugin {self.path!r}: {reason}{hint}",
            path=self.path,
            symbol=symbol,
            nearest=nearest,
        )


def _nothing() -> None:
    """Do nothing."""


def check_file(path: str, content: Content) -> None:
    """
    Refuse what is no plugin for this process.

    Args:
        path: The user's path, for words.
        content: What was read of the file.

    Raises:
        FormatError: It is none.
    """
    if content.defect is not None:
        raise _format_error(path, content.defect, content.data)


def load_file(
    path: str, content: Content, *, probe: bool = False, ready: Callable[[], object] = _nothing
) -> Generation:
    """
    Load a private copy of a plugin's file; its constructors run without the GIL.

    Args:
        path: The user's path, for words.
        content: What was read of the file.
        probe: Load the copy in a process of its own first; see `find_death`.
        ready: Called when that has gone well, and it is about to be loaded here.

    Raises:
        FormatError: The file is no plugin for this process.
        OpenError: It cannot be loaded, with the dynamic loader's text; or not be probed.
    """
    check_file(path, content)
    file = content.file
    resident = find_resident_reason(file)
    with contextlib.closing(image.copy(content.path, content.data, content.sha256)) as copy:
        death = find_death(path, copy) if probe else None
        if death is not None:
            raise FormatError(f"cannot open plugin {path!r}: {death}", path=path, reason=death)
        ready()
        handle, text = _open_copy(path, copy)
    if handle == ffi.NULL:
        raise cannot_load(path, text)
    return Generation(path, file.is_go, content.sha256, resident, file, handle)


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
        raise cannot_load(soname, text + hint)
    is_go = elf.is_go(_read_library(_path_of(handle)))
    if is_go:
        _refuse_forked_go(soname, handle)
    return Generation(soname, is_go, None, "a system library is shared", None, handle)


def _refuse_forked_go(soname: str, handle: FFI.CData) -> None:
    number = int(ffi.cast("uintptr_t", handle))
    if _processes.setdefault(number, os.getpid()) != os.getpid():
        raise ForkError(
            f"cannot open plugin {soname!r}: it was loaded before fork(), which no Go runtime "
            "survives; start processes by 'spawn'",
            path=soname,
        )


def _read_library(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # the vDSO, for one, is no file
        return b""


def _open_copy(path: str, copy: Image) -> tuple[FFI.CData, str]:
    """Return the handle of a private copy, or NULL and the loader's text about the user's."""
    handle, text = _open(copy.name)
    return handle, in_users_words(text, copy.name, path)


def _open(name: str) -> tuple[FFI.CData, str]:
    text = ffi.new("char[]", _TEXT_SIZE)
    handle = lib.np_dl_open(os.fsencode(name), _FLAGS, text, _TEXT_SIZE)
    return handle, _text(text)


def _symbol(handle: FFI.CData, name: bytes) -> tuple[int, int, str]:
    """Return one of NP_DL_*, the symbol's address, and the loader's text."""
    address, text = ffi.new("void **"), ffi.new("char[]", _TEXT_SIZE)
    found = lib.np_dl_symbol(handle, name, address, text, _TEXT_SIZE)
    return found, int(ffi.cast("uintptr_t", address[0])), _text(text)


def _path_of(handle: FFI.CData) -> str:
    path = ffi.new("char[]", _TEXT_SIZE)
    lib.np_dl_path(handle, path, _TEXT_SIZE)
    return _text(path)


def _text(buffer: FFI.CData) -> str:
    return os.fsdecode(ffi.string(buffer))


def _format_error(path: str, defect: Defect, data: bytes) -> FormatError:
    message = f"cannot open plugin {path!r}: {defect}"
    if elf.is_refused_by_header(data):
        with (  # what we found needs no place for a copy
            contextlib.suppress(OpenError),
            contextlib.closing(image.copy(path, data[:_HEADER_SIZE])) as copy,
        ):
            message += f" ({_open_copy(path, copy)[1]})"
    return FormatError(message, path=path, reason=defect.text, offset=defect.offset)


def libc_free() -> int:
    """Return the address of libc's free, whatever a plugin exports under that name."""
    return int(ffi.cast("uintptr_t", lib.np_dl_free_address()))
