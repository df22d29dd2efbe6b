"""
What a plugin's file is, found before the dynamic loader sees it.

``dlopen`` of a damaged file does not fail, it kills: a truncated file ends in SIGBUS,
because the loader touches pages that the file does not have. `find_defect` therefore
runs before it, on the path of ``open``; it costs microseconds.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nativeplug._dl import ffi, lib
from nativeplug.elf import elffile
from nativeplug.elf.elffile import ElfFile, Header, Target
from nativeplug.elf.numbers import (
    DF_1_PIE,
    DT_FLAGS_1,
    DT_STRSZ,
    DT_STRTAB,
    E_MACHINE,
    E_TYPE,
    EI_CLASS,
    EM_AARCH64,
    EM_X86_64,
    ET_CORE,
    ET_DYN,
    ET_EXEC,
    ET_REL,
    PF_W,
    PT_DYNAMIC,
    PT_LOAD,
    SHF_EXECINSTR,
    SHT_DYNSYM,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativeplug.elf.elffile import Bytes, File, Section

_NOT_SHARED = {
    ET_REL: "not a shared object but a relocatable object file: link it with -shared",
    ET_EXEC: "not a shared object but an executable: link it with -shared",
    ET_CORE: "not a shared object but a core dump",
}

# The commands of a linker script that name files, up to where those end.
_LINKED = re.compile(r"\b(?:GROUP|INPUT)\s*\(([^()]*)")
_SHARED = re.compile(r"[^\s,]+\.so(?:\.[^\s,]*)?(?![^\s,])")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LONGEST_SCRIPT = 4096

_UNFINISHED = " (an unfinished copy?)"
# A page of zeros: none of 5,561 libraries has that in one of these sections, or in code.
_GAP = bytes(4096)
_PAGE = len(_GAP)
# How much of a section such a page must have: the first symbol is 24 zeros, and names end in one.
_EDGE = 64
_STEP = 1 << 20  # bytes that are searched at once: the search holds the GIL
_DENSE = {SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_DYNSYM}

# What people pass by mistake, by its first bytes; the first match counts.
_LOOKS = (
    (b"#!", "a script"),
    (b"!<arch>\n", "an ar archive (a static library): link its objects with -shared"),
    (b"!<thin>\n", "a thin ar archive (a static library): link its objects with -shared"),
    (b"/* GNU ld script", "a linker script"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with 'git lfs pull'"),
    (b"MZ", "a Windows PE file"),
    (b"\xfe\xed\xfa\xce", "a Mach-O file (macOS)"),
    (b"\xfe\xed\xfa\xcf", "a Mach-O file (macOS)"),
    (b"\xce\xfa\xed\xfe", "a Mach-O file (macOS)"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file (macOS)"),
    (b"\xca\xfe\xba\xbe", "a universal Mach-O file (macOS)"),
    (b"\x00asm", "a WebAssembly module"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
)
_LOOK_SIZE = 512
# In UTF-8; the last one in what is looked at may be cut.
_LONGEST_CHARACTER = 4
# Go has written it at the start of .go.buildinfo since Go 1.12 (debug/buildinfo in
# Go's sources).
_GO_BUILD_INFO = b"\xff Go buildinf:"
# What Go's linker exports of each package for other Go programs ("go." before Go 1.20), and the
# function that starts the runtime of a library for C (cmd/link/internal/ld in Go's sources). A
# library for C that opens Go's plugins has both.
_GO_PACKAGE = re.compile(rb"\0go[.:]link\.pkghash\.")
_GO_START = re.compile(rb"\0_rt0_\w+_lib\0")


def find_defect(
    data: Bytes, target: Target | None = None, libc: int | None = None
) -> Defect | None:
    """
    Say why a file cannot be loaded.

    Never raises, whatever the bytes are. A file without a finding can still be
    refused by the dynamic loader.

    Args:
        data: The whole file.
        target: The kind of process; None for this one.
        libc: What that has, as `find_structure_defect` takes it; None for this process's.

    Returns:
        The first finding; None when there is none.
    """
    target = elffile.host_target() if target is None else target
    found = _find_other_target(data, target)
    if found is not None:
        return found
    header = Header.of(data, target)
    found = _find_header_defect(data, header)
    if found is None:
        file = ElfFile.of(data)
        found = (
            _find_segment_defect(data, file)
            or find_structure_defect(data, target, libc)
            or _find_other_go(data, file)
        )
    lost = _find_lost_sections(data, header)
    if found is None or found.is_cut or lost is None:
        return found or lost
    return Defect(found.text + _UNFINISHED, found.offset, is_cut=True)


def find_unwritten(data: File) -> Defect | None:
    """
    Say why a file looks like one that is still being written.

    Never raises. A piece that is missing from the data of a plugin cannot be told from zeros.

    Args:
        data: The whole file.

    Returns:
        The first finding; None when there is none.
    """
    found = _find_gap(data) or find_defect(data)
    return found if found is not None and found.is_cut else None


def is_refused_by_header(data: Bytes) -> bool:
    """
    Tell whether the loader refuses a file by its ELF header alone, before it maps anything.

    Only of such a file may it be asked for its words: any other damage can kill it.

    Args:
        data: The whole file.
    """
    host = elffile.host_target()
    if len(data) < host.header_size or Target.of(data) != host:
        return True
    return Header.of(data, host).kind not in {ET_EXEC, ET_DYN}


def is_go(data: File) -> bool:
    """
    Tell whether a file was linked by Go, and so brings a Go runtime.

    Never raises.

    Args:
        data: The whole file.
    """
    file = ElfFile.find(data)
    return file is not None and find_go_build_info(data, file) is not None


def find_go_build_info(data: File, file: ElfFile) -> int | None:
    """
    Return where Go's build information begins in a file; None when there is none.

    Never raises. Only writable segments are searched, where Go puts it: a program that
    looks for the same bytes, as this one does, has them in its constants.

    Args:
        data: The whole file.
        file: The same file.
    """
    for segment in file.segments:
        if segment.kind == PT_LOAD and segment.flags & PF_W:
            found = data.find(_GO_BUILD_INFO, *_within(data, segment.offset, segment.end))
            if found >= 0:
                return found
    return None


def find_linked_library(data: Bytes) -> str | None:
    """
    Return the shared library that a linker script names, as a soname; None when it is none.

    Distributions put such scripts where a linker looks for ``libc.so``: GNU ld, "Implicit Linker
    Scripts".

    Args:
        data: The whole file, or its beginning.
    """
    text = bytes(data[:_LONGEST_SCRIPT])
    if not _is_text(text):
        return None
    command = _LINKED.search(_COMMENT.sub(" ", text.decode("utf-8", "ignore")))
    names = [] if command is None else _SHARED.findall(command[1])
    return os.path.basename(names[0]) if names else None


def _within(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return what of a range lies in a file: searches take no offsets that no file has."""
    return min(start, len(data)), min(end, len(data))


def _find_other_target(data: Bytes, host: Target) -> Defect | None:
    """Say why a file is not for this process; of one that is, all of the header is there."""
    if bytes(data[:4]) != elffile.MAGIC:
        return _describe_foreign(data)
    if len(data) < elffile.TARGET_SIZE:
        return _cut(f"the file has only {len(data)} bytes")
    target = Target.of(data)
    if target is None:
        return Defect("damaged: the ELF header gives no word size or byte order", EI_CLASS)
    if target != host:
        text = f"built for {target.describe(host)}, this process is {host.describe(target)}"
        return Defect(text, E_MACHINE)
    if len(data) < host.header_size:
        return _cut_at("the ELF header ends", host.header_size, data)
    return None


def _describe_foreign(data: Bytes) -> Defect:
    start = bytes(data[:_LOOK_SIZE])
    if not start:
        return Defect("the file is empty", is_cut=True)
    if elffile.MAGIC.startswith(start):
        return _cut(f"the file has only {len(data)} bytes")
    library = find_linked_library(data)
    if library is not None:
        text = f"not an ELF file but a linker script: open {library!r}, which it names"
        return Defect(text, 0)
    for magic, look in _LOOKS:
        if start.startswith(magic):
            return Defect(f"not an ELF file but {look}", 0)
    if not any(start):
        text = "not an ELF file: it begins with zero bytes"
        return Defect(text + _UNFINISHED, 0, is_cut=True)
    return Defect("not an ELF file but text" if _is_text(start) else "not an ELF file", 0)


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "ignore")
    # A character may be cut at the end of the probe: at most three bytes of it are
    # lost.
    lost = len(start) - len(text.encode())
    return lost < _LONGEST_CHARACTER and all(
        char.isprintable() or char in "\t\r\n\f" for char in text.lstrip("\ufeff")
    )


def _find_header_defect(data: Bytes, header: Header) -> Defect | None:
    if header.kind != ET_DYN:
        text = _NOT_SHARED.get(header.kind, f"not a shared object (ELF type {header.kind})")
        return Defect(text, E_TYPE)
    if header.segment_size != header.target.segment_size:
        return Defect(f"damaged: program headers of {header.segment_size} bytes each")
    if header.segments_end > len(data):
        return _cut_at("the program headers end", header.segments_end, data)
    return None


def _cut(text: str) -> Defect:
    return Defect(f"truncated: {text}", is_cut=True)


def _cut_at(what: str, end: int, data: Bytes) -> Defect:
    found = _cut(f"{what} at byte {end}, the file has {len(data)}")
    return Defect(found.text, len(data), is_cut=True)


def _find_segment_defect(data: Bytes, file: ElfFile) -> Defect | None:
    last = max((segment.end for segment in file.segments if segment.kind == PT_LOAD), default=0)
    if last > len(data):
        return _cut_at("a segment ends", last, data)
    kinds = {segment.kind: segment for segment in file.segments}
    dynamic = kinds.get(PT_DYNAMIC)
    if dynamic is None or PT_LOAD not in kinds:
        return Defect("not a shared object: it has no dynamic section (linked statically?)")
    if not dynamic.size:
        return Defect("not a shared object: its dynamic section is empty (only debug information?)")
    if dynamic.end > len(data):
        return _cut_at("the dynamic section ends", dynamic.end, data)
    if file.value(DT_FLAGS_1) & DF_1_PIE:
        return Defect(
            "not a shared object but a position-independent executable: link it with -shared"
        )
    return None


def _find_other_go(data: Bytes, file: ElfFile) -> Defect | None:
    """Refuse what Go has built for Go programs: nobody would start a runtime for it."""
    start = file.table(DT_STRTAB)
    if start is None:
        return None
    start, end = _within(data, start, start + file.value(DT_STRSZ))
    found = _GO_PACKAGE.search(data, start, end)
    if found is None or _GO_START.search(data, start, end):
        return None
    text = "it was built for Go programs (-buildmode=plugin): build it with -buildmode=c-shared"
    return Defect(text, found.start() + 1)


def _find_lost_sections(data: Bytes, header: Header) -> Defect | None:
    """
    Say that the section headers are missing, though the ELF header tells of some.

    The dynamic loader never reads them, but linkers put them at the end of a file: a file without
    them was cut, or is still being written.
    """
    if not header.sections_offset or not header.section_count:  # as after sstrip
        return None
    end = header.sections_end
    if end > len(data):
        return _cut_at("the section headers end", end, data)
    # The first header is always empty, the others never are.
    if header.section_count > 1 and not any(data[end - header.section_size : end]):
        return _cut("the last section header is empty")
    return None


def _find_gap(data: File) -> Defect | None:
    """
    Say that a piece of the code, the symbols, their names or the relocations is missing.

    A file that is written out of order has zeros in place of a piece that has not come yet.
    Compilers and linkers do not write so many there. In data they do.
    """
    file, end, edges = ElfFile.find(data), 0, set[int]()
    sections = [] if file is None else file.sections
    for section in sorted(sections, key=lambda each: each.offset):
        if section.kind in _DENSE or section.flags & SHF_EXECINSTR:
            start, end = max(section.offset, end), max(section.end, end)
            for at in range(start, min(end, len(data)), _STEP):
                found = data.find(_GAP, at, min(end, at + _STEP + len(_GAP) - 1))
                if found >= 0:
                    return _gap(found)
            edges.update(_edges(section))
    return next((_gap(page) for page in sorted(edges) if data[page : page + _PAGE] == _GAP), None)


def _edges(section: Section) -> Iterator[int]:
    """Give the pages of the file that a section shares with its neighbours."""
    for page in (section.offset & -_PAGE, section.end & -_PAGE):
        if min(section.end, page + _PAGE) - max(section.offset, page) >= _EDGE:
            yield page


def _gap(offset: int) -> Defect:
    return Defect(f"a piece at byte {offset} is missing", offset, is_cut=True)


# Whether everything that the dynamic loader would follow in a file leads somewhere: in C.
#
# The loader follows a file without looking, and a damaged one kills the process. `find_defect`
# walks through all of it before: csrc/dl/check.h tells what, and in which order.


_X86_64: Final = Target(EM_X86_64, 64, "<")
_AARCH64: Final = Target(EM_AARCH64, 64, "<")
# The numbers of a file are read as the process has them.
_CHECKED: Final = frozenset({_X86_64, _AARCH64}) if sys.byteorder == "little" else frozenset()
#: The C libraries that files are for, and what stands for any of them.
LIBCS: Final = {"glibc": lib.NP_LIBC_GNU, "musl": lib.NP_LIBC_MUSL}
ANY_LIBC: Final = lib.NP_LIBC_ANY


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a file cannot be loaded."""

    #: In words, one line.
    text: str
    #: Where in the file it was found, in bytes; None where it is not in one place.
    offset: int | None = None
    #: A part of the file is missing.
    is_cut: bool = False

    def __str__(self) -> str:
        """Return the words."""
        return self.text


def is_checked(target: Target) -> bool:
    """Tell whether files for a target are checked."""
    return target in _CHECKED


def host_libc() -> str:
    """Return which libc this process has, by its name in `LIBCS`."""
    number = lib.np_check_libc()
    return next(name for name in LIBCS if LIBCS[name] == number)


def find_structure_defect(data: Bytes, target: Target, libc: int | None = None) -> Defect | None:
    """
    Say what the dynamic loader would stumble over in a file.

    Never raises, whatever the bytes are; runs without the GIL, and takes a time that is
    linear in the size of the file. Safe to call from several threads.

    Args:
        data: The whole file.
        target: What it is for. Other files than those for x86-64 and AArch64 are not checked.
        libc: What it is for, one of `LIBCS` or `ANY_LIBC`; None for this process's.

    Returns:
        The first finding; None when there is none.
    """
    if not is_checked(target):
        return None
    found: Any = ffi.new("struct np_finding *")
    if libc is None:
        libc = lib.np_check_libc()
    if lib.np_check(ffi.from_buffer("uint8_t[]", data), len(data), target.machine, libc, found):
        return None
    text = os.fsdecode(ffi.string(found.text))
    return Defect(f"{text} (byte 0x{found.offset:x})", found.offset)
