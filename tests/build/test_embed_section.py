"""A section is put into a file, and nothing that is mapped changes."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from nativeplug.build.embed import SectionError, with_section
from nativeplug.elf.elffile import ElfFile, find_section
from support import E_SHOFF, E_TYPE, Compile, call_int, load_generation, patched

NAME = ".nativeplug"
E_SHNUM, E_SHSTRNDX = 60, 62
SEVEN = "int seven(void) { return 7; } int zeros[1000];\n"


def headers_of(data: bytes) -> dict[str, tuple[int, ...]]:
    """Return the section headers by name, but for where in the names that is."""
    file = ELFFile(io.BytesIO(data))
    return {
        section.name: tuple(v for k, v in section.header.items() if k != "sh_name")
        for section in file.iter_sections()
    }


class TestPut:
    """Files that take it."""

    def test_content(self, elf_bytes: bytes) -> None:
        """The section is there, and every other one is as it was."""
        made = with_section(elf_bytes, NAME, b"told")
        file = ELFFile(io.BytesIO(made))
        section = file.get_section_by_name(NAME)
        assert section is not None
        assert (b"told", 0) == (section.data(), section["sh_flags"])
        before, after = headers_of(elf_bytes), headers_of(made)
        moved = {NAME, ".shstrtab"}
        assert {k: v for k, v in before.items() if k not in moved} == {
            k: v for k, v in after.items() if k not in moved
        }

    def test_nothing_mapped_changes(self, elf_bytes: bytes) -> None:
        """In what was there, three fields of the ELF header change."""
        made = with_section(elf_bytes, NAME, b"told")
        fields = {*range(E_SHOFF, E_SHOFF + 8), *range(E_SHNUM, E_SHSTRNDX + 2)}
        changed = {at for at, (a, b) in enumerate(zip(elf_bytes, made, strict=False)) if a != b}
        assert changed <= fields
        assert ElfFile.of(elf_bytes).segments == ElfFile.of(made).segments

    def test_twice(self, elf_bytes: bytes) -> None:
        """Putting it again replaces it, and leaves nothing of the first."""
        once = with_section(elf_bytes, NAME, b"first")
        longer = with_section(once, NAME, b"the second one, which is longer")
        assert with_section(elf_bytes, NAME, b"second") == with_section(longer, NAME, b"second")
        assert once == with_section(once, NAME, b"first")

    def test_linkers_own(self, compile_c: Compile) -> None:
        """A section that the linker has put somewhere is replaced too."""
        text = (
            '__asm__(".pushsection .nativeplug,\\"\\",%progbits\\n.asciz \\"a\\"\\n.popsection");'
        )
        data = compile_c(text + SEVEN).read_bytes()
        made = with_section(data, NAME, b"b\0")
        sizes = {struct.unpack_from("<H", each, E_SHNUM)[0] for each in (data, made)}
        assert 1 == len(sizes)
        found = find_section(made, NAME)
        assert found is not None
        assert b"b\0" == made[found.offset : found.end]

    def test_tail_is_kept(self, elf_bytes: bytes) -> None:
        """What somebody has appended to the file stays."""
        once = with_section(elf_bytes, NAME, b"told") + b"appended"
        assert with_section(once, NAME, b"other").startswith(once[64:], 64)

    def test_loads(self, compile_c: Compile) -> None:
        """The file loads as before."""
        path = compile_c(SEVEN)
        path.write_bytes(with_section(path.read_bytes(), NAME, b"told"))
        assert 7 == call_int(load_generation(path), "seven")

    @pytest.mark.parametrize("options", [[], ["--strip-unneeded"], ["--strip-debug"]])
    def test_strip(self, compile_c: Compile, options: list[str]) -> None:
        """GNU strip takes the file, keeps the section, and what it leaves still loads."""
        path = compile_c(SEVEN, "-g")
        path.write_bytes(with_section(path.read_bytes(), NAME, b"told"))
        subprocess.run(["strip", *options, path], check=True)
        data = path.read_bytes()
        found = find_section(data, NAME)
        assert found is not None
        assert b"told" == data[found.offset : found.end]
        assert 7 == call_int(load_generation(path), "seven")

    def test_readelf(self, compile_c: Compile, tmp_path: Path) -> None:
        """The tools of binutils find nothing wrong."""
        path = tmp_path / "made.so"
        path.write_bytes(with_section(compile_c(SEVEN).read_bytes(), NAME, b"told\0"))
        done = subprocess.run(["readelf", "-aW", path], check=True, capture_output=True, text=True)
        assert "" == done.stderr
        assert f" {NAME} " in done.stdout

    def test_other_layout(self) -> None:
        """Files of 32 bit and of the other byte order take it too."""
        names = b"\0.shstrtab\0"
        header = struct.pack(">HHIIIIIHHHHHH", 3, 20, 1, 0, 0, 64, 0, 52, 32, 0, 40, 2, 1)
        table = bytes(40) + struct.pack(">10I", 1, 3, 0, 0, 52, len(names), 0, 0, 1, 0)
        data = b"\x7fELF\1\2\1".ljust(16, b"\0") + header + names.ljust(12, b"\0") + table
        section = ELFFile(io.BytesIO(with_section(data, NAME, b"told"))).get_section_by_name(NAME)
        assert section is not None
        assert b"told" == section.data()


class TestRefused:
    """Files that do not take it."""

    @pytest.mark.parametrize(
        ("offset", "form", "value", "reason"),
        [
            (0, "B", 0, "it is not an ELF file"),
            (E_TYPE, "<H", 2, "it is not a shared object"),
            (E_SHOFF, "<Q", 0, "it has no section headers, or damaged ones"),
            (E_SHNUM, "<H", 0, "it has no section headers, or damaged ones"),
        ],
    )
    def test_headers(
        self, elf_bytes: bytes, offset: int, form: str, value: int, reason: str
    ) -> None:
        """What is no shared object, or has no section headers, is left alone."""
        with pytest.raises(SectionError, match=reason):
            with_section(patched(elf_bytes, offset, form, value), NAME, b"")

    def test_short(self) -> None:
        """So is what is no file at all."""
        with pytest.raises(SectionError, match="it is not an ELF file"):
            with_section(b"\x7fELF\2\1\1" + bytes(20), NAME, b"")

    def test_mapped(self, elf_bytes: bytes) -> None:
        """A section that is part of the program is not taken away from it."""
        with pytest.raises(SectionError, match=r"its section \.text, are part of the program"):
            with_section(elf_bytes, ".text", b"")

    def test_names(self, elf_bytes: bytes) -> None:
        """Names of sections that are not in the file cannot get one more."""
        header = ElfFile.of(elf_bytes).header
        at = header.sections_offset + header.section_names * header.section_size + 32
        with pytest.raises(SectionError, match="its names of sections"):
            with_section(patched(elf_bytes, at, "<Q", 1 << 40), NAME, b"")
