"""What a file tells about being unloaded: whether it may be, as nobody would come back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativeplug.load.dynamic import Dynamic

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
