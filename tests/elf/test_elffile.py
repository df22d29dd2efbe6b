"""ELF files are read as pyelftools reads them, and damage is an error where it is asked for."""

from __future__ import annotations

import contextlib
import errno
import io
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection
from elftools.elf.segments import NoteSegment
from hypothesis import given
from hypothesis import strategies as st

from nativeplug.elf import defects, dynamic, elffile
from nativeplug.elf.elffile import AddressRanges, DamagedError, ElfFile, Section, find_section
from nativeplug.elf.numbers import (
    DT_GNU_HASH,
    DT_NEEDED,
    DT_SONAME,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMTAB,
    DT_VERDEF,
    PF_W,
    PT_DYNAMIC,
    PT_LOAD,
    SHN_UNDEF,
    SHT_NOBITS,
    VERSYM_HIDDEN,
)
from support import E_MACHINE, E_SHOFF, EXPORTS_C, Compile, patched, refuse

E_PHOFF, E_PHENTSIZE, E_PHNUM, E_SHENTSIZE, E_SHNUM, E_SHSTRNDX = 32, 54, 56, 58, 60, 62


def mapped() -> list[Path]:
    """Return the libraries that this process has mapped."""
    lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    names = {line.split(maxsplit=5)[5] for line in lines if ".so" in line and "/lib" in line}
    return [Path(name) for name in sorted(names) if Path(name).exists()]


class TestOracle:
    """Libraries are read as pyelftools reads them."""

    def parsed(self) -> Iterator[tuple[ElfFile, ELFFile]]:
        """Give the mapped libraries, read in both ways."""
        files = mapped()
        assert len(files) > 3
        for file in files:
            data = file.read_bytes()
            yield ElfFile.of(data), ELFFile(io.BytesIO(data))

    def test_segments(self) -> None:
        """The program headers are the same."""
        names = ("p_flags", "p_offset", "p_vaddr", "p_filesz", "p_align")
        for ours, theirs in self.parsed():
            expected = [tuple(each[name] for name in names) for each in theirs.iter_segments()]
            assert expected == [each[1:] for each in ours.segments]

    def test_dynamic(self) -> None:
        """The entries of the dynamic section are the same, and their texts."""
        for ours, theirs in self.parsed():
            [found] = [each for each in theirs.iter_segments() if isinstance(each, DynamicSegment)]
            tags: list[Any] = [*found.iter_tags()]
            assert [tag.entry.d_val for tag in tags][:-1] == [value for _, value in ours.dynamic]
            needed = [tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"]
            assert needed == [*ours.strings(DT_NEEDED)]
            sonames = [tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"]
            assert sonames == [*ours.strings(DT_SONAME)]

    @pytest.mark.slow
    def test_symbols(self) -> None:
        """The dynamic symbols that others can see, in their default versions, are the same."""
        bindings = {"STB_GLOBAL", "STB_WEAK", "STB_LOOS", "STB_GNU_UNIQUE"}
        visible = {"STV_DEFAULT", "STV_PROTECTED"}
        for ours, theirs in self.parsed():
            table: Any = theirs.get_section_by_name(".dynsym")
            marks: Any = theirs.get_section_by_name(".gnu.version")
            versions = [each["ndx"] for each in marks.iter_symbols()] if marks else repeat(1)
            expected = [
                (symbol.name, entry["st_value"], entry["st_size"])
                for symbol, version in zip(table.iter_symbols(), versions, strict=False)
                for entry in [symbol.entry]
                if entry["st_info"]["bind"] in bindings
                and entry["st_other"]["visibility"] in visible
                and (
                    entry["st_shndx"] == "SHN_UNDEF"
                    or isinstance(version, str)
                    or not version & VERSYM_HIDDEN
                )
            ]
            assert expected == [(each.name, each.value, each.size) for each in ours.symbols()]

    def test_versions(self) -> None:
        """The names of versions are the same."""
        seen = 0
        for ours, theirs in self.parsed():
            sections = [
                each for each in theirs.iter_sections() if isinstance(each, GNUVerDefSection)
            ]
            expected = {
                version["vd_ndx"]: next(names).name
                for section in sections
                for version, names in section.iter_versions()
                if not version["vd_flags"] & 1
            }
            assert expected == ours.version_names()
            seen += len(expected)
        assert seen > 20

    def test_build_id(self) -> None:
        """The build id is the same."""
        for ours, theirs in self.parsed():
            notes = [
                note
                for segment in theirs.iter_segments()
                if isinstance(segment, NoteSegment)
                for note in segment.iter_notes()
            ]
            ids = [str(note["n_desc"]) for note in notes if note["n_type"] == "NT_GNU_BUILD_ID"]
            assert next(iter(ids), None) == ours.build_id()

    def test_sections(self, elf_bytes: bytes) -> None:
        """Every section is found where it is; one that shares the end of a name is not it."""
        for section in ELFFile(io.BytesIO(elf_bytes)).iter_sections():
            if section.name:
                header, found = section.header, find_section(elf_bytes, section.name)
                assert found is not None
                assert (header["sh_offset"], header["sh_size"]) == (found.offset, found.size)
        assert find_section(elf_bytes, ".rela.dyn") is not None
        assert None is find_section(elf_bytes, ".dyn")
        assert None is find_section(elf_bytes, ".dynsy")

    def test_other_machines(self, elf_bytes: bytes) -> None:
        """Files for other machines are read like any other."""
        data = patched(elf_bytes, E_MACHINE, "<H", 183)
        assert "AArch64" == str(ElfFile.of(data).target)
        assert find_section(elf_bytes, ".text") == find_section(data, ".text") != None  # noqa: E711

    def test_descriptor(self, compile_c: Compile) -> None:
        """An open file is read as its bytes are; where it cannot be read, that is damage."""
        path = compile_c(EXPORTS_C)
        expected = ElfFile.of(path.read_bytes())
        descriptor = os.open(path, os.O_RDONLY)
        try:
            file = ElfFile.of_descriptor(descriptor)
            assert [*expected.symbols()] == [*file.symbols()]
            assert (expected.dynamic, expected.sections) == (file.dynamic, file.sections)
        finally:
            os.close(descriptor)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            with pytest.raises(DamagedError, match="Is a directory"):
                ElfFile.of_descriptor(directory)
        finally:
            os.close(directory)


class TestDamage:
    """What is damaged is an error where it is asked for, or is not there."""

    def read_all(self, data: bytes) -> None:
        """Read all that there is."""
        file = ElfFile.of(data)
        assert file.sections is file.sections
        uses: list[Callable[[], Any]] = [
            lambda: [*file.symbols()],
            file.version_names,
            file.build_id,
            file.section_names,
            lambda: file.strings(DT_NEEDED, DT_SONAME),
        ]
        for use in uses:
            with contextlib.suppress(DamagedError):
                use()

    @pytest.mark.parametrize("value", [0, 0x7F, 0xFF])
    def test_any_byte(self, elf_bytes: bytes, value: int) -> None:
        """No damaged byte raises anything else, or makes reading go on for ever."""
        for offset in range(0, len(elf_bytes), 5):
            # Of the headers, in which it is an error at once, the first 64 bytes are one.
            with contextlib.suppress(*[DamagedError] if offset < 64 else ()):
                self.read_all(patched(elf_bytes, offset, "B", value))

    def test_every_length(self, elf_bytes: bytes) -> None:
        """A file that was cut has its headers, or is refused."""
        end = ElfFile.of(elf_bytes).header.segments_end
        for length in range(0, len(elf_bytes), 11):
            if length >= end:
                self.read_all(elf_bytes[:length])
            else:
                with pytest.raises(DamagedError):
                    ElfFile.of(elf_bytes[:length])
                assert ElfFile.find(elf_bytes[:length]) is None

    @pytest.mark.parametrize(("offset", "value"), [(E_PHENTSIZE, 55), (E_PHNUM, 0xFFFF)])
    def test_program_headers(self, elf_bytes: bytes, offset: int, value: int) -> None:
        """Program headers that are too short, or too many for the file, are an error."""
        with pytest.raises(DamagedError, match="the program headers do not lie in the file"):
            ElfFile.of(patched(elf_bytes, offset, "<H", value))

    def test_no_program_headers(self, elf_bytes: bytes) -> None:
        """A file need not have any."""
        file = ElfFile.of(patched(elf_bytes, E_PHENTSIZE, "<HH", 0, 0))
        assert ([], [], [], {}) == (
            file.segments,
            file.dynamic,
            [*file.symbols()],
            file.version_names(),
        )
        assert file.build_id() is None
        assert () == file.strings(DT_NEEDED)

    def test_endless_hash_table(self, elf_bytes: bytes) -> None:
        """A hash table whose chains have no end is an error."""
        place = ElfFile.of(elf_bytes).table(DT_GNU_HASH)
        assert place is not None
        # One bucket, which begins with symbol 0, behind the file: zeros mark no end of a chain.
        words = (len(elf_bytes) - place) // 8
        file = ElfFile.of(patched(elf_bytes, place, "<IIII", 1, 0, words, 0) + bytes(1 << 20))
        with pytest.raises(DamagedError, match="has no end"):
            [*file.symbols()]

    def test_versions_elsewhere(self, compile_c: Compile, tmp_path: Path) -> None:
        """Versions that lead out of the file are an error."""
        script = tmp_path / "versions.map"
        script.write_text("V1 { global: one; local: *; };\n")
        data = compile_c("int one;", f"-Wl,--version-script={script}").read_bytes()
        place = ElfFile.of(data).table(DT_VERDEF)
        assert place is not None
        assert {2: "V1"} == ElfFile.of(data).version_names()
        with pytest.raises(DamagedError, match="a table does not lie in the file"):
            ElfFile.of(patched(data, place + 16, "<I", (1 << 32) - 1)).version_names()

    def test_overlapping_names(self, elf_bytes: bytes) -> None:
        """Names of sections that lie over each other are no more than the file, many times."""
        count, size = 0xF000, len(elf_bytes)
        header = Section(0, 3, 0, 0, size, 1 << 17, 0, 0, 1, 0)
        table = ElfFile.of(elf_bytes).target.section_header.pack(*header) * count
        data = elf_bytes + b"n" * (1 << 17) + table
        data = patched(data, E_SHOFF, "<Q", size + (1 << 17))
        file = ElfFile.of(patched(data, E_SHNUM, "<HH", count, 0))
        assert count == len(file.sections)
        assert sum(map(len, file.section_names())) <= 256 * count
        assert not file.has_debug_info()

    def test_many_dynamic_sections(self, elf_bytes: bytes) -> None:
        """Of several dynamic sections the last counts: they may lie over each other."""
        file = ElfFile.of(elf_bytes)
        [segment] = [each for each in file.segments if each.kind == PT_DYNAMIC]
        header = file.header
        place = header.segments_offset + file.segments.index(segment) * header.segment_size
        one = elf_bytes[place : place + header.segment_size]
        data = patched(elf_bytes, E_PHOFF, "<Q", len(elf_bytes))
        many = ElfFile.of(patched(data, E_PHENTSIZE, "<HH", len(one), 500) + one * 500)
        assert 500 == len(many.segments)
        assert file.dynamic == many.dynamic

    def test_offsets_that_no_file_has(self, elf_bytes: bytes, tmp_path: Path) -> None:
        """A segment beyond all files has nothing, also where the file is mapped."""
        file = ElfFile.of(elf_bytes)
        writable = next(
            index
            for index, each in enumerate(file.segments)
            if each.kind == PT_LOAD and each.flags & PF_W
        )
        place = file.header.segments_offset + writable * file.header.segment_size
        path = tmp_path / "far.so"
        path.write_bytes(patched(elf_bytes, place + 8, "<Q", 1 << 63))
        with path.open("rb") as opened:
            data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        assert not defects.is_go(data)
        assert not dynamic.read(data).is_go

    @pytest.mark.parametrize(
        ("offset", "form", "value"),
        [
            (E_SHOFF, "<Q", 0),
            (E_SHOFF, "<Q", 1 << 63),
            (E_SHENTSIZE, "<H", 40),
            (E_SHNUM, "<H", 0),
            (E_SHNUM, "<H", 0xFEFF),
            (E_SHSTRNDX, "<H", 0xFFFF),
            (0, "B", 0),
            (4, "B", 3),
        ],
    )
    def test_sections(self, elf_bytes: bytes, offset: int, form: str, value: int) -> None:
        """A file without section headers, or with such that are not there, has no sections."""
        assert None is find_section(patched(elf_bytes, offset, form, value), ".text")

    def test_names_elsewhere(self, elf_bytes: bytes) -> None:
        """Names that lie behind the file's end are no names."""
        header = ElfFile.of(elf_bytes).header
        at = header.sections_offset + header.section_names * header.section_size + 24
        assert None is find_section(patched(elf_bytes, at, "<Q", 1 << 62), ".text")

    def test_short(self) -> None:
        """What is too short for an ELF header has no sections."""
        with pytest.raises(DamagedError, match="the ELF header ends after the file"):
            ElfFile.of(b"\x7fELF\2\1\1" + bytes(20))
        assert None is find_section(b"", ".text")


def test_last_entry_counts(elf_bytes: bytes) -> None:
    """Of several dynamic entries of one tag the last counts, as for the dynamic loader."""
    file = ElfFile.of(elf_bytes)
    tag = file.dynamic[0][0]
    assert dict(file.dynamic)[tag] == file.value(tag)
    assert 0 == file.value(0x12345)
    assert None is file.table(0x12345)


def test_offset(elf_bytes: bytes) -> None:
    """An address lies in the file where its segment says."""
    file = ElfFile.of(elf_bytes)
    for segment in file.segments:
        if segment.kind == PT_LOAD and segment.size:
            last = segment.size - 1
            assert segment.offset + last == file.offset_of(segment.address + last)
    assert None is file.offset_of(1 << 60)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40))))
def test_address_ranges(ranges: list[tuple[int, int]]) -> None:
    """An address lies in ranges if it lies in one of them."""
    found = AddressRanges(ranges)
    for address in range(-1, 42):
        assert any(start <= address < end for start, end in ranges) is (address in found)


def test_overlapping_names_of_symbols(compile_c: Compile) -> None:
    """Names of symbols that all lie over each other are an error, and no memory is taken."""
    count = 4000
    data = compile_c("".join(f"int v{number};" for number in range(count))).read_bytes()
    file = ElfFile.of(data)
    assert count <= len([*file.symbols()])
    table, names, size = file.table(DT_SYMTAB), file.table(DT_STRTAB), file.value(DT_STRSZ)
    assert table is not None
    assert names is not None
    far = bytearray(data)
    for number in range(count):
        struct.pack_into("<I", far, table + 24 * number, 0)
    far[names : names + size] = b"n" * (size - 1) + b"\0"
    with pytest.raises(DamagedError):
        [*ElfFile.of(bytes(far)).symbols()]


def test_taken_from_others(elf_bytes: bytes) -> None:
    """What a file takes from others is among its symbols."""
    assert any(each.section == SHN_UNDEF for each in ElfFile.of(elf_bytes).symbols())


def test_end() -> None:
    """A section without bytes in the file, such as .bss, ends where it begins."""
    zeros = Section(0, SHT_NOBITS, 0, 0, 64, 8, 0, 0, 1, 0)
    assert (64, 72) == (zeros.end, zeros._replace(kind=1).end)


class TestHostTarget:
    """What this process is."""

    def test_guess(self) -> None:
        """Without /proc the guess is the same as what the program's own header says."""
        assert elffile.host_target() == elffile._guess_host_target()

    @pytest.mark.parametrize(
        "opened", [refuse(errno.ENOENT), lambda *_, **__: io.BytesIO()], ids=["absent", "empty"]
    )
    def test_no_proc(
        self, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., io.BytesIO]
    ) -> None:
        """A process that cannot read its own program falls back to the guess."""
        guess = elffile.Target(1, 2, "<")
        monkeypatch.setattr(elffile, "open", opened, raising=False)
        monkeypatch.setattr(elffile, "_guess_host_target", lambda: guess)
        assert guess is elffile.host_target.__wrapped__()
