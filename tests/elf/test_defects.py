"""What is found in a plugin's file before loading it."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nativeplug.elf import defects, dynamic
from nativeplug.elf.dependencies import SearchPaths
from nativeplug.elf.elffile import ElfFile, find_section, host_target
from nativeplug.elf.numbers import PF_W, PT_LOAD
from support import (
    E_MACHINE,
    E_PHENTSIZE,
    E_PHNUM,
    E_PHOFF,
    E_SHNUM,
    E_SHOFF,
    E_TYPE,
    EXPORTS_C,
    Compile,
    RunPython,
    patched,
)


def words(data: bytes | memoryview) -> str:
    """Return what is said of a defect; nothing when there is none."""
    found = defects.find_defect(data)
    return found.text if found else ""


def loads(path: Path) -> bool:
    """Load a file in a process of its own; False when dlopen refused it or was killed."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    return done.returncode == 0


class TestFindDefect:
    """Files that cannot be loaded, and why."""

    def test_sound(self, elf_bytes: bytes) -> None:
        """Nothing is found in a sound plugin, however its bytes are held."""
        assert None is defects.find_defect(elf_bytes)
        assert None is defects.find_defect(memoryview(elf_bytes))

    def test_system_libraries(self, run_python: RunPython) -> None:
        """Nothing is found in the libraries that a process has mapped."""
        code = """
            import sqlite3, ssl
            from pathlib import Path
            from nativeplug.elf import defects
            lines = Path("/proc/self/maps").read_text().splitlines()
            mapped = {Path(line.split(maxsplit=5)[5]) for line in lines if ".so" in line}
            damaged = [path for path in mapped if defects.find_defect(path.read_bytes())]
            print(len(mapped) > 5, damaged)
        """
        ended = run_python(code)
        assert "True []\n" == ended.stdout, ended.stderr

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "the file is empty"),
            (b"\x7fE", "truncated: the file has only 2 bytes"),
            (b"\x7fELF\x02\x01", "truncated: the file has only 6 bytes"),
            (b"#!/bin/sh\n", "not an ELF file but a script"),
            (b"int add(int a, int b);\n", "not an ELF file but text"),
            ("größer ".encode() * 99, "not an ELF file but text"),
            (("x" + "ß" * 600).encode(), "not an ELF file but text"),
            (b"\x00" * 100, "not an ELF file: it begins with zero bytes (an unfinished copy?)"),
            (b"\x01\x02\x03\xff", "not an ELF file"),
            (b"MZ\x90\x00", "not an ELF file but a Windows PE file"),
            (b"\xcf\xfa\xed\xfe\x07", "not an ELF file but a Mach-O file (macOS)"),
            (b"\xca\xfe\xba\xbe\x00", "not an ELF file but a universal Mach-O file (macOS)"),
            (b"PK\x03\x04", "not an ELF file but a zip archive"),
        ],
    )
    def test_foreign(self, data: bytes, reason: str) -> None:
        """A file of another format is called by its name."""
        assert reason == words(data)

    @pytest.mark.parametrize(
        ("data", "remedy"),
        [
            (b"!<arch>\nplugin.o/", "link its objects with -shared"),
            (b"!<thin>\nplugin.o/", "link its objects with -shared"),
            (
                b"/* GNU ld script\n*/\nGROUP ( /lib/libc.so.6 /lib/libc_nonshared.a )",
                "'libc.so.6'",
            ),
            (b"INPUT(libncurses.so.6 -ltinfo)", "open 'libncurses.so.6', which it names"),
            (b"INPUT(libx.so)", "open 'libx.so', which it names"),
            (b"GROUP ( libgcc.a, libgcc_s.so.1 -lgcc )", "open 'libgcc_s.so.1', which it names"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ],
    )
    def test_remedy(self, data: bytes, remedy: str) -> None:
        """Where there is a remedy, the reason names it."""
        assert remedy in words(data)

    def test_other_machine(self, elf_bytes: bytes) -> None:
        """A file for another machine is refused with the names of both."""
        other = 183 if host_target().machine != 183 else 62
        found = words(patched(elf_bytes, E_MACHINE, "<H", other))
        name = {183: "AArch64", 62: "x86-64"}[other]
        assert f"built for {name}, this process is {host_target()}" == found

    def test_unknown_machine(self, elf_bytes: bytes) -> None:
        """A machine without a name is called by its number."""
        found = words(patched(elf_bytes, E_MACHINE, "<H", 4242))
        assert f"built for machine 4242, this process is {host_target()}" == found

    def test_other_word_size(self, elf_bytes: bytes) -> None:
        """A file of another word size is refused with both sizes."""
        found = words(patched(elf_bytes, 4, "B", 1))
        assert " 32 bit, " in found
        assert found.endswith(" 64 bit")

    def test_other_byte_order(self, elf_bytes: bytes) -> None:
        """A file of another byte order is refused with both orders."""
        found = words(patched(elf_bytes, 5, "B", 2))
        assert " big-endian, " in found
        assert found.endswith(" little-endian")

    def test_damaged_class(self, elf_bytes: bytes) -> None:
        """A header without a valid word size is damaged."""
        expected = "damaged: the ELF header gives no word size or byte order"
        assert expected == words(patched(elf_bytes, 4, "B", 9))

    def test_object_file(self, compile_c: Compile) -> None:
        """A relocatable object file is told to be linked with -shared."""
        found = words(compile_c(EXPORTS_C, "-c", shared=False).read_bytes())
        expected = "not a shared object but a relocatable object file: link it with -shared"
        assert expected == found

    @pytest.mark.parametrize("flags", [["-no-pie"], ["-fPIE", "-pie"]])
    def test_executable(self, compile_c: Compile, flags: list[str]) -> None:
        """An executable is refused, position-independent or not."""
        program = compile_c("int main(void) { return 0; }", *flags, shared=False)
        found = words(program.read_bytes())
        assert found.startswith("not a shared object but a")
        assert found.endswith("executable: link it with -shared")

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [(4, "not a shared object but a core dump"), (77, "not a shared object (ELF type 77)")],
    )
    def test_other_kinds(self, elf_bytes: bytes, kind: int, reason: str) -> None:
        """Core dumps and unknown kinds of ELF files are refused."""
        assert reason == words(patched(elf_bytes, E_TYPE, "<H", kind))

    def test_no_dynamic_section(self, elf_bytes: bytes) -> None:
        """A file without program headers is no shared object."""
        found = words(patched(elf_bytes, E_PHNUM, "<H", 0))
        assert "it has no dynamic section" in found

    def test_debug_information_only(self, compile_c: Compile) -> None:
        """A file of separate debug information is refused: dlopen would read nonsense."""
        path = compile_c(EXPORTS_C, "-g")
        subprocess.run(["objcopy", "--only-keep-debug", path], check=True)
        assert "only debug information?" in words(path.read_bytes())

    def test_odd_program_headers(self, elf_bytes: bytes) -> None:
        """Program headers of a wrong size are damage."""
        expected = "damaged: program headers of 7 bytes each"
        assert expected == words(patched(elf_bytes, E_PHENTSIZE, "<H", 7))

    def test_program_headers_outside(self, elf_bytes: bytes) -> None:
        """Program headers that end after the file are found, at any offset."""
        found = words(patched(elf_bytes, E_PHOFF, "<Q", 2**64 - 1))
        assert found.startswith("truncated: the program headers end at byte 1844674407")

    def test_segment_outside(self, elf_bytes: bytes) -> None:
        """A segment that ends after the file is told with both sizes."""
        file = ElfFile.of(elf_bytes)
        last = max(segment.end for segment in file.segments if segment.kind == PT_LOAD)
        assert last < file.header.sections_offset
        expected = f"truncated: a segment ends at byte {last}, the file has {last - 1}"
        assert expected == words(elf_bytes[: last - 1])
        assert defects.Defect(expected, last - 1, is_cut=True) == defects.find_defect(
            elf_bytes[: last - 1]
        )
        assert words(elf_bytes[:last]).startswith("truncated: the section headers end at byte ")

    def test_short_header(self, elf_bytes: bytes) -> None:
        """A file that ends within the ELF header is truncated."""
        expected = "truncated: the ELF header ends at byte 64, the file has 40"
        assert expected == words(elf_bytes[:40])

    def test_every_truncation(self, elf_bytes: bytes) -> None:
        """Every truncated plugin is refused, down to one that lacks only its last byte."""
        step = max(1, len(elf_bytes) // 50)
        lengths = [*range(0, len(elf_bytes), step), len(elf_bytes) - 1]
        assert [] == [length for length in lengths if not words(elf_bytes[:length])]

    def test_stripped_of_sections(self, elf_bytes: bytes, tmp_path: Path) -> None:
        """A file that says that it has no section headers, and ends before them, can be loaded."""
        header = ElfFile.of(elf_bytes).header
        stripped = patched(elf_bytes[: header.sections_offset], E_SHOFF, "<Q", 0)
        target = tmp_path / "stripped.so"
        target.write_bytes(patched(stripped, E_SHNUM, "<H", 0))
        assert "" == words(target.read_bytes())
        assert loads(target)

    @pytest.mark.slow
    def test_never_raises(self, elf_bytes: bytes) -> None:
        """No damaged byte of the headers makes a check raise."""
        for offset in range(64 + 56 * 12):
            for value in (0, 0x7F, 0xFF):
                damaged = patched(elf_bytes, offset, "B", value)
                defects.find_defect(damaged)
                defects.is_go(damaged)
                defects.find_unwritten(damaged)
                dynamic.read(damaged)
                SearchPaths.of(damaged)


@pytest.fixture(scope="module")
def many_pages(compile_c: Compile) -> bytes:
    """Give a plugin with pages of everything."""
    names = [f"function_{number}" for number in range(2000)]
    lines = [f"int {name}(void) {{ return {number}; }}" for number, name in enumerate(names)]
    return compile_c(
        "int data[9000] = {1}; const int constants[9000] = {1};"
        + "\n".join(lines)
        + f"int (*table[])(void) = {{{', '.join(names)}}};"
    ).read_bytes()


class Counted(bytes):
    """Bytes that note how many of them are searched."""

    searched = 0

    def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
        """Take note."""
        self.searched += end - start
        return super().find(what, start, end)


class TestUnfinished:
    """Files that are still being written."""

    def test_finished(self, elf_bytes: bytes) -> None:
        """A plugin is not, nor is anything that will never be one."""
        for data in (elf_bytes, b"text", b"#!/bin/sh\n", patched(elf_bytes, E_MACHINE, "<H", 8)):
            assert defects.find_unwritten(data) is None

    def test_cut(self, elf_bytes: bytes) -> None:
        """A part of a plugin is, down to nothing."""
        data = elf_bytes[: len(elf_bytes) // 2]
        assert all(defects.find_unwritten(data[:length]) for length in range(0, len(data), 64))

    def test_room_made_before(self, elf_bytes: bytes) -> None:
        """So is one that has its final size before it has its bytes."""
        for length in range(0, len(elf_bytes) - 64, 512):
            data = elf_bytes[:length] + bytes(len(elf_bytes) - length)
            assert defects.find_unwritten(data), words(data)
        damaged = elf_bytes[:2048] + bytes(len(elf_bytes) - 2048)
        assert words(damaged).endswith(" (an unfinished copy?)")

    @pytest.mark.parametrize("section", [".text", ".dynsym", ".dynstr", ".rela.dyn", ".symtab"])
    def test_piece_is_missing(self, many_pages: bytes, section: str) -> None:
        """So is one in whose code, symbols, names or relocations a page is still missing."""
        found = find_section(many_pages, section)
        assert found is not None
        page = -(-found.offset // 4096) * 4096
        assert page + 4096 <= found.end
        data = many_pages[:page] + bytes(4096) + many_pages[page + 4096 :]
        defect = defects.find_unwritten(data)
        assert defect is not None
        assert page - 64 < (defect.offset or 0) <= page  # there are zeros before the page, too
        assert f"a piece at byte {defect.offset} is missing" == defect.text

    @pytest.mark.parametrize("section", [".text", ".dynsym", ".symtab"])
    @pytest.mark.parametrize("is_first", [True, False], ids=["first", "last"])
    def test_piece_at_the_edge(self, many_pages: bytes, section: str, *, is_first: bool) -> None:
        """So is one that lacks the page which a section shares with its neighbours."""
        found = find_section(many_pages, section)
        assert found is not None
        page = (found.offset if is_first else found.end) & -4096
        assert min(found.end, page + 4096) - max(found.offset, page) >= 64
        data = many_pages[:page] + bytes(4096) + many_pages[page + 4096 :]
        defect = defects.find_unwritten(data)
        assert defect is not None
        assert f"a piece at byte {page} is missing" == defect.text

    def test_small(self, elf_bytes: bytes) -> None:
        """So is one whose code is less than the page that is missing."""
        text = find_section(elf_bytes, ".text")
        assert text is not None
        assert text.size < 4096
        page = text.offset & -4096
        data = elf_bytes[:page] + bytes(4096) + elf_bytes[page + 4096 :]
        defect = defects.find_unwritten(data)
        assert defect is not None
        assert f"a piece at byte {page} is missing" == defect.text

    def test_zeros_in_data(self, many_pages: bytes) -> None:
        """Data may have any number of zeros, written or not."""
        for name in (".data", ".rodata"):
            found = find_section(many_pages, name)
            assert found is not None
            assert bytes(8192) in many_pages[found.offset : found.end]
        assert defects.find_unwritten(many_pages) is None

    def test_overlapping_sections(self, elf_bytes: bytes) -> None:
        """Sections that lie over each other are searched once, however many there are."""
        file = ElfFile.of(elf_bytes)
        text = file.section(".text")
        assert text is not None
        header, count = file.target.section_header.pack(*text), 0xF000
        before = elf_bytes[: file.header.sections_offset]
        data = Counted(patched(before + header * count, E_SHNUM, "<H", count))
        assert defects.find_unwritten(data) is None
        assert text.size == data.searched

    def test_section_headers_come_last(self, elf_bytes: bytes) -> None:
        """A file that the dynamic loader would take, but lacks its last bytes, is unfinished."""
        end = ElfFile.of(elf_bytes).header.sections_end
        expected = f"truncated: the section headers end at byte {end}, the file has {end - 1}"
        assert defects.Defect(expected, end - 1, is_cut=True) == defects.find_defect(
            elf_bytes[: end - 1]
        )
        assert "truncated: the last section header is empty" == words(
            elf_bytes[: end - 64] + bytes(64)
        )

    def test_one_section_header(self, elf_bytes: bytes) -> None:
        """The only section header is empty in a file that is all there."""
        end = len(elf_bytes)
        alone = patched(patched(elf_bytes, E_SHOFF, "<Q", end), E_SHNUM, "<H", 1)
        assert "" == words(alone + bytes(64))

    @pytest.mark.parametrize("field", [(E_SHOFF, "<Q"), (E_SHNUM, "<H")])
    def test_without_sections(self, elf_bytes: bytes, field: tuple[int, str]) -> None:
        """A file that has no section headers needs none."""
        assert defects.find_unwritten(patched(elf_bytes, *field, 0)) is None

    def test_damaged(self, elf_bytes: bytes) -> None:
        """A file that is all there, and damaged, is not unfinished."""
        damaged = patched(elf_bytes, 12, "B", 9)
        assert "damaged: the ELF header's padding is not zero (byte 0x8)" == words(damaged)
        assert defects.find_unwritten(damaged) is None


class TestIsGo:
    """Plugins that bring a Go runtime."""

    def test_no(self, compile_c: Compile, elf_bytes: bytes) -> None:
        """A program that only knows Go's magic bytes is not linked by Go."""
        assert not defects.is_go(elf_bytes)
        constant = 'const char text[] = "\\xff Go buildinf:";'
        assert not defects.is_go(compile_c(constant).read_bytes())

    def test_32_bit(self) -> None:
        """The layout of 32 bit files is known too."""
        header = struct.pack("<4sBB10xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, *(0,) * 4, 52, *(0,) * 8)
        header = patched(patched(header, 42, "<HH", 32, 1), 18, "<H", 3)
        segment = struct.pack("<8I", PT_LOAD, 84, 0, 0, 20, 20, PF_W, 4)
        assert defects.is_go(header + segment + b"\xff Go buildinf:" + b"\0" * 6)
        assert not defects.is_go(header + segment + b"\0" * 20)

    @pytest.mark.parametrize("data", [b"", b"\xff Go buildinf:"])
    def test_other_files(self, data: bytes) -> None:
        """A file that is no ELF file is not linked by Go."""
        assert not defects.is_go(data)
