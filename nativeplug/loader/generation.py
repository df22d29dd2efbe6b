"""
A generation: one loaded copy of a plugin's file.

A generation stays mapped unless
somebody unloads it who knows that no thread is inside its code and no address of it is held;
Go's runtime, Rust's and many a C++ library cannot be unloaded at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from _cffi_backend import FFI

from nativeplug._dl import ffi, lib
from nativeplug.elf import dynamic
from nativeplug.elf.dynamic import Dynamic
from nativeplug.elf.symbols import FUNCTIONS, VARIABLES, hint_missing
from nativeplug.errors import SymbolNotFoundError
from nativeplug.loader import dlopen
from nativeplug.loader.messages import in_users_words
from nativeplug.loader.options import LoadOptions

if TYPE_CHECKING:
    from datetime import datetime

    from nativeplug.elf.symbols import Kind
    from nativeplug.loader.private_copy import Image

_NEAREST = 3


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
    #: A process of its own has loaded it first, and has unloaded it, unless it stays mapped.
    is_probed: bool = field(default=False, kw_only=True)
    #: How it was loaded.
    options: LoadOptions = field(default_factory=LoadOptions, kw_only=True)
    #: What is mapped; None for a system library.
    copy: Image | None = field(default=None, kw_only=True, repr=False)
    #: When it was loaded, in seconds since 1970.
    _loaded_at: float = field(init=False, repr=False, default_factory=time.time)
    #: Where it lies in memory.
    _span: Any = field(init=False, repr=False)

    @property
    def loaded_at(self) -> datetime:
        """When it was loaded."""
        from datetime import datetime, timezone

        return datetime.fromtimestamp(self._loaded_at, timezone.utc)

    @property
    def starts_threads(self) -> bool:
        """Whether it may have threads of its own; a system library is not looked at."""
        return self._file is not None and starts_threads(self._file)

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
            file = dynamic.read(dlopen.bytes_of(self._handle))
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
        if self.resident is None and self.mapped_bytes:
            reason = self._close()
            if reason is not None:
                object.__setattr__(self, "resident", reason)
                return reason
            if self.copy is not None:
                self.copy.close()
            object.__setattr__(self, "_span", ffi.new("struct np_dl_span *"))
        return self.resident

    def _close(self) -> str | None:
        """Give up the handle, once; say why the dynamic loader keeps what it stands for."""
        mine = self._handle
        if mine != ffi.NULL:
            object.__setattr__(self, "_handle", ffi.NULL)  # first: nobody is to come to it now
            return dlopen.close(mine)
        # An interrupt has come: after that, as a rule, since destructors may take long.
        if self.copy is not None and dlopen.find_exported(self.copy.name, ()) is not None:
            return "unloading it was interrupted"
        return None

    def wait_for_init(self, seconds: float) -> bool:
        """
        Wait until Go's init functions have run; they do so in a thread, once it is loaded.

        Python runs meanwhile, and Ctrl-C ends the wait. The first call of an export waits for
        them, too, but for ever.

        Returns:
            Whether they have; True where there is no Go, in the file and in what it needs.

        Raises:
            RuntimeError: No thread can be started.
        """
        found, _, _ = dlopen.symbol(self._handle, b"_cgo_wait_runtime_init_done")
        if found == lib.NP_DL_ABSENT:
            return True
        # C has no limit for that, so a thread waits, which is left behind if it must.
        waiting = threading.Thread(
            target=lib.np_dl_wait_for_go, args=(self._handle,), name="nativeplug-go", daemon=True
        )
        waiting.start()
        waiting.join(seconds)
        return not waiting.is_alive()

    def own_function(self, symbol: str) -> int:
        """Return the address of a function that the file itself exports; 0 where it does not."""
        found: int = lib.np_dl_own_address(self._handle, symbol.encode(), self._span)
        return 0 if found and self.is_variable(symbol) else found

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
        found, address, text = dlopen.symbol(self._handle, name)
        if found == lib.NP_DL_ABSENT:
            return None, in_users_words(text, dlopen.path_of(self._handle), self.path)
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
        is_rust = self.file.is_rust
        hint = hint_missing(symbol, self.exports, is_rust=is_rust, nearest=nearest)
        return SymbolNotFoundError(
            f"cannot find symbol {symbol!r} in plugin {self.path!r}: {reason}{hint}",
            path=self.path,
            symbol=symbol,
            nearest=nearest,
        )


# What a file tells about being unloaded: whether it may be, as nobody would come back to it.


_STARTS_THREADS = "starts threads"
# What leaves addresses of the file's code behind, where the dynamic loader does not tidy up as
# it does after atexit(3) and pthread_atfork(3); and what the file does by it.
_LASTING = {
    "pthread_create": _STARTS_THREADS,
    "thrd_create": _STARTS_THREADS,
    # std::thread, of libstdc++
    "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE": (
        _STARTS_THREADS
    ),
    "__cxa_thread_atexit_impl": "has destructors that run as threads end",
    "__cxa_thread_atexit": "has destructors that run as threads end",
    "pthread_key_create": "has data of each thread",
    "tss_create": "has data of each thread",
    "signal": "handles signals",
    "__sysv_signal": "handles signals",  # what glibc makes of signal() in strict C
    "sysv_signal": "handles signals",
    "bsd_signal": "handles signals",
    "ssignal": "handles signals",
    "sigset": "handles signals",
    "sigaction": "handles signals",
    "timer_create": "sets timers",
    "mq_notify": "waits for messages",
    "getaddrinfo_a": "looks up names meanwhile",
    "on_exit": "runs when the program ends",
}
# Of OpenMP: what gcc and clang make of "#pragma omp parallel".
_OPENMP = {"GOMP_parallel", "__kmpc_fork_call"}


def starts_threads(file: Dynamic) -> bool:
    """Tell whether a file may start threads, as far as its imports tell."""
    starting = {name for name, words in _LASTING.items() if words == _STARTS_THREADS}
    return not file.imports.isdisjoint(starting | _OPENMP)


def find_resident_reason(file: Dynamic, *, is_shared: bool = False) -> str | None:
    """
    Say why a file has to stay mapped once it is loaded.

    What it does through a library of its own, or by a name that it asks for as it runs, cannot
    be seen.

    Args:
        file: What was read of it.
        is_shared: It keeps symbols that are one for the whole process; see `unique`.

    Returns:
        The reason, in plain words; None when nothing speaks against unloading it.
    """
    if file.is_go:
        return "Go cannot be unloaded"
    if file.stays:
        return "the file says so (DF_1_NODELETE)"
    if is_shared:
        return "it shares STB_GNU_UNIQUE symbols with a library"
    for name, words in _LASTING.items():
        if name in file.imports:
            return f"it {words} (imports {name})"
    return None
