"""
What a file needs of others, and whether it is there: asked of the dynamic loader, without loading.

The loader itself looks for the libraries and binds the symbols, in a process of its own, as ldd(1)
has it do (ld.so(8), ``LD_TRACE_LOADED_OBJECTS``): constructors do not run there, nor do the
functions that choose others (STT_GNU_IFUNC).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nativeplug.elf import defects, elffile
from nativeplug.elf.dependencies import SearchPaths
from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.numbers import DT_AUDIT, DT_DEPAUDIT, PT_INTERP
from nativeplug.loader import dlopen, sanitizers
from nativeplug.loader.files import Content

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

_SECONDS: Final = 60.0
# Where linkers put the headers of a program, and the path of its loader.
_HEAD: Final = 1 << 16
_ASKED: Final = {
    "LD_TRACE_LOADED_OBJECTS": "1",
    "LD_WARN": "yes",
    "LD_BIND_NOW": "yes",
    "LD_DEBUG": "bindings",
    "LC_ALL": "C",
}
# What the loader says, elf/rtld.c and elf/dl-version.c of glibc.
_NOT_FOUND: Final = re.compile(r"\t(.+) => not found")
_VERSION: Final = re.compile(r"\S.*?: (\S.*): version `(.+)' not found \(required by (.+)\)")
_UNDEFINED: Final = re.compile(r"undefined symbol: (.+?)(?:, version (.+?))?\t\((.+)\)")
_BINDING: Final = re.compile(
    r"\s*\d+:\tbinding file (.+) \[0\] to (.+) \[0\]: normal symbol `([^']+)'"
)


class LinkingError(Exception):
    """The dynamic loader could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Linking:
    """What has become of a file's demands on others."""

    #: What it needs and this process could not give it, one text each.
    missing: tuple[str, ...]
    #: The symbols that it exports and uses itself, and that the program exports as well: its uses
    #: go there.
    interposed: frozenset[str]


def find(content: Content) -> Linking:
    """
    Ask the dynamic loader what a sound file needs.

    The program is this process: what it exports, and has loaded, counts.

    Args:
        content: What was read of the file; the loader reads it again.

    Raises:
        LinkingError: It cannot be asked.
    """
    path = os.path.abspath(content.path)
    lines = _trace(path, content.data)
    sanitizer = sanitizers.find_missing(SearchPaths.of(content.data).names, content.file.imports)
    missing = dict.fromkeys(_find_missing(lines, path))
    if sanitizer is not None:
        missing = {sanitizer: None, **missing}
    found = filter(None, map(_BINDING.fullmatch, lines))
    own = {each[3] for each in found if each[1] == each[2] == path}
    return Linking(tuple(missing), frozenset(filter(dlopen.is_global, own)))


def _trace(path: str, data: File) -> list[str]:
    """Return what the loader says of a file, by lines."""
    file = ElfFile.find(data)
    if file is None or file.target != elffile.host_target() or defects.host_libc() != "glibc":
        raise LinkingError("only glibc can be asked, and of files for this machine")
    if any(tag in {DT_AUDIT, DT_DEPAUDIT} for tag, _ in file.dynamic):
        raise LinkingError("it names libraries for auditing (DT_AUDIT), which would run")
    environment = {name: value for name, value in os.environ.items() if name != "LD_AUDIT"}
    try:
        done = subprocess.run(
            [_find_loader(), path],
            capture_output=True,
            check=False,
            env=environment | _ASKED,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LinkingError(f"the dynamic loader cannot be asked: {error}") from None
    text = os.fsdecode(done.stdout + done.stderr)
    if done.returncode:
        words = text.strip().rpartition("\n")[2]
        raise LinkingError(f"the dynamic loader gave up (status {done.returncode}): {words}")
    return text.splitlines()


def _find_loader() -> str:
    """Return the path of this process's dynamic loader, as its program names it."""
    with open("/proc/self/exe", "rb") as program:
        data = program.read(_HEAD)
    file = ElfFile.find(data)
    for segment in [] if file is None else file.segments:
        if segment.kind == PT_INTERP:
            return os.fsdecode(data[segment.offset : segment.end].rstrip(b"\0"))
    raise LinkingError("this program has no dynamic loader")


def _find_missing(lines: list[str], path: str) -> Iterator[str]:
    def who(name: str) -> str:
        return "it" if name == path else f"its library {name!r}"

    gone = [found[1] for found in map(_NOT_FOUND.fullmatch, lines) if found]
    gone = [name for name in gone if dlopen.find_exported(name, ()) is None]
    for name in gone:
        yield f"a library is not found: {name!r}"
    for found in filter(None, map(_VERSION.fullmatch, lines)):
        yield f"{found[1]!r} has no version {found[2]!r}, which {who(found[3])} needs"
    for found in filter(None, map(_UNDEFINED.fullmatch, lines)):
        if not gone and not dlopen.is_global(found[1]):
            version = f" of version {found[2]!r}" if found[2] else ""
            yield f"nobody defines {found[1]!r}{version}, which {who(found[3])} needs"
