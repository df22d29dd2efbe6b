"""
What a plugin's file is, found in its first bytes before the dynamic loader sees it.

``dlopen`` of a damaged file does not fail, it kills: a truncated file ends in SIGBUS,
because the loader touches pages that the file does not have. `find_defect` therefore
runs before it, on the path of ``open``; it costs microseconds. The full account of a
file is in `facts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativeplug.load import layout

if TYPE_CHECKING:
    from nativeplug.load.layout import Bytes, Header, Segment

_ET_REL, _ET_EXEC, _ET_DYN, _ET_CORE = 1, 2, 3, 4
_NOT_SHARED = {
    _ET_REL: "not a shared object but a relocatable object file: link it with -shared",
    _ET_EXEC: "not a shared object but an executable: link it with -shared",
    _ET_CORE: "not a shared object but a core dump",
}
_DT_STRTAB, _DT_SYMTAB, _DT_FLAGS_1 = 5, 6, 0x6FFFFFFB
_DF_1_PIE = 0x08000000

# What is said of a file of which only a part is there.
_EMPTY = "the file is empty"
_TRUNCATED = "truncated: "
_ZEROS = "not an ELF file: it begins with zero bytes (an unfinished copy?)"
_NO_TABLES = "damaged: its dynamic section leads nowhere (an unfinished copy?)"

# What people pass by mistake, by its first bytes; the first match counts.
_LOOKS = (
    (b"#!", "a script"),
    (b"!<arch>\n", "an ar archive (a static library): link its objects with -shared"),
    (b"!<thin>\n", "a thin ar archive (a static library): link its objects with -shared"),
    (b"/* GNU ld script", "a linker script: open the library that it names"),
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


def find_defect(data: Bytes) -> str | None:
    """
    Say why a file cannot be loaded into this process.

    Never raises, whatever the bytes are. A file without a finding can still be
    refused by the dynamic loader.

    Args:
        data: The whole file.

    Returns:
        The reason, one line; None when there is no finding.
    """
    if bytes(data[:4]) != layout.MAGIC:
        return _describe_foreign(data)
    if len(data) < layout.TARGET_SIZE:
        return f"{_TRUNCATED}the file has only {len(data)} bytes"
    target = layout.Target.of(data)
    if target is None:
        return "damaged: the ELF header gives no word size or byte order"
    host = layout.host_target()
    if target != host:
        return f"built for {target.describe(host)}, this process is {host.describe(target)}"
    if len(data) < target.header_size:
        return _say_truncated("the ELF header ends", target.header_size, data)
    return _find_header_defect(data, layout.read_header(data, target))


def is_unfinished(data: Bytes) -> bool:
    """
    Tell whether a file looks like one that is still being written.

    Never raises. Of a file whose room was made before its bytes came, what lies after the
    tables of the dynamic section is not seen.

    Args:
        data: The whole file.
    """
    defect = find_defect(data) or ""
    return defect.startswith(_TRUNCATED) or defect in {_EMPTY, _ZEROS, _NO_TABLES}


def is_refused_by_header(data: Bytes) -> bool:
    """
    Tell whether the loader refuses a file by its ELF header alone, before it maps anything.

    Only of such a file may it be asked for its words: any other damage can kill it.

    Args:
        data: The whole file.
    """
    host = layout.host_target()
    if len(data) < host.header_size or layout.Target.of(data) != host:
        return True
    return layout.read_header(data, host).kind not in {_ET_EXEC, _ET_DYN}


def is_go(data: bytes) -> bool:
    """
    Tell whether a file was linked by Go, and so brings a Go runtime.

    Never raises.

    Args:
        data: The whole file.
    """
    return find_go_build_info(data) is not None


def find_go_build_info(data: bytes) -> int | None:
    """
    Return where Go's build information begins in a file; None when there is none.

    Never raises. Only writable segments are searched, where Go puts it: a program that
    looks for the same bytes, as this one does, has them in its constants.

    Args:
        data: The whole file.
    """
    for segment in layout.find_segments(data):
        if segment.kind == layout.PT_LOAD and segment.flags & layout.PF_W:
            found = data.find(_GO_BUILD_INFO, segment.offset, segment.end)
            if found >= 0:
                return found
    return None


def _describe_foreign(data: Bytes) -> str:
    start = bytes(data[:_LOOK_SIZE])
    if not start:
        return _EMPTY
    if layout.MAGIC.startswith(start):
        return f"{_TRUNCATED}the file has only {len(data)} bytes"
    for magic, look in _LOOKS:
        if start.startswith(magic):
            return f"not an ELF file but {look}"
    if not any(start):
        return _ZEROS
    if _is_text(start):
        return "not an ELF file but text"
    return "not an ELF file"


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "ignore")
    # A character may be cut at the end of the probe: at most three bytes of it are
    # lost.
    lost = len(start) - len(text.encode())
    return lost < _LONGEST_CHARACTER and all(
        char.isprintable() or char in "\t\r\n\f" for char in text.lstrip("\ufeff")
    )


def _find_header_defect(data: Bytes, header: Header) -> str | None:
    if header.kind != _ET_DYN:
        return _NOT_SHARED.get(header.kind, f"not a shared object (ELF type {header.kind})")
    if header.segment_size != header.target.segment_size:
        return f"damaged: program headers of {header.segment_size} bytes each"
    if header.segments_end > len(data):
        return _say_truncated("the program headers end", header.segments_end, data)
    segments = layout.read_segments(data, header)
    last = max((segment.end for segment in segments if segment.kind == layout.PT_LOAD), default=0)
    if last > len(data):
        return _say_truncated("a segment ends", last, data)
    return _find_dynamic_defect(data, header, segments)


def _say_truncated(what: str, end: int, data: Bytes) -> str:
    return f"{_TRUNCATED}{what} at byte {end}, the file has {len(data)}"


def _find_dynamic_defect(data: Bytes, header: Header, segments: list[Segment]) -> str | None:
    kinds = {segment.kind: segment for segment in segments}
    dynamic = kinds.get(layout.PT_DYNAMIC)
    if dynamic is None or layout.PT_LOAD not in kinds:
        return "not a shared object: it has no dynamic section (linked statically?)"
    if not dynamic.size:
        return "not a shared object: its dynamic section is empty (only debug information?)"
    if dynamic.end > len(data):
        return _say_truncated("the dynamic section ends", dynamic.end, data)
    entries = dict(layout.iter_dynamic(data, header.target, segments))
    if entries.get(_DT_FLAGS_1, 0) & _DF_1_PIE:
        return "not a shared object but a position-independent executable: link it with -shared"
    # The loader follows these two without looking: in a file whose room was made before its
    # bytes came, that kills.
    tables = [
        layout.file_offset(segments, entries.get(tag, -1)) for tag in (_DT_STRTAB, _DT_SYMTAB)
    ]
    return _NO_TABLES if None in tables else None
