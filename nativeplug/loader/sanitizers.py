"""
Sanitizers, whose runtimes must be in a process from its start: what is loaded later ends it.

Not UndefinedBehaviorSanitizer, whose runtime can be loaded at any time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nativeplug.loader import dlopen


@dataclass(frozen=True, slots=True)
class _Sanitizer:
    """A sanitizer."""

    name: str
    #: As ``-fsanitize=`` has it.
    flag: str
    #: What its runtime begins with in the names of libraries and symbols.
    short: str

    @property
    def symbol(self) -> str:
        """What its runtime exports, and the compiler calls from each file for most of them."""
        return f"__{self.short}_init"

    @property
    def is_in_process(self) -> bool:
        """Whether its runtime is in the process, where all files find it."""
        return dlopen.is_global(self.symbol)

    def find_library(self, needed: Iterable[str]) -> str | None:
        """Return which of the libraries that a file needs is its runtime; None for none of them."""
        runtime = re.compile(rf"lib(?:clang_rt\.)?{self.short}\b")
        return next((name for name in needed if runtime.match(os.path.basename(name))), None)


_SANITIZERS: Final = (
    _Sanitizer("AddressSanitizer", "address", "asan"),
    _Sanitizer("HWAddressSanitizer", "hwaddress", "hwasan"),
    _Sanitizer("ThreadSanitizer", "thread", "tsan"),
    _Sanitizer("MemorySanitizer", "memory", "msan"),
    _Sanitizer("LeakSanitizer", "leak", "lsan"),
)


def find_missing(needed: Iterable[str], imports: Iterable[str]) -> str | None:
    """
    Say by which sanitizer a file is instrumented whose runtime is not in the process.

    Args:
        needed: The names of the libraries that the file needs.
        imports: The symbols that it takes from others.

    Returns:
        What is missing, and what to do; None when nothing is.
    """
    names, symbols = tuple(needed), frozenset(imports)
    for each in _SANITIZERS:
        library = each.find_library(names)
        if (library is None and each.symbol not in symbols) or each.is_in_process:
            continue
        runtime = library or f"the path of the runtime of {each.name}"
        return (
            f"it is built with {each.name} (-fsanitize={each.flag}), whose runtime must be in the "
            f"process from its start: start the program with LD_PRELOAD set to {runtime}, or build "
            "the plugin without"
        )
    return None


def find_in_process() -> str | None:
    """Return the name of a sanitizer that the process runs under; None for none."""
    return next((each.name for each in _SANITIZERS if each.is_in_process), None)
