"""What a plugin tells about itself is read from its file."""

from __future__ import annotations

import contextlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prototypes
from nativeplug import declare
from nativeplug.declare.declarations import same_type
from nativeplug.elf import metadata
from nativeplug.elf.elffile import find_section
from nativeplug.elf.metadata import InterfaceVersion, Metadata
from nativeplug.elf.numbers import SHF_COMPRESSED, SHT_NOBITS
from nativeplug.errors import FormatError
from plugins_with_metadata import INCLUDE, declared_by, source, tell
from support import Compile, patched, section_header

SEED = 5


def text_of(data: bytes) -> str:
    """Return the C text that a file tells."""
    found = metadata.read(data)
    assert found is not None
    return found.text


def refusal(data: bytes) -> FormatError:
    """Return the error for what a file tells."""
    with pytest.raises(FormatError) as caught:
        metadata.read(data, "greeter.so")
    assert "greeter.so" == caught.value.path
    assert f"cannot read plugin 'greeter.so': {caught.value.reason}" == str(caught.value)
    return caught.value


def place_of(data: bytes) -> int:
    """Return where the section begins."""
    section = find_section(data, metadata.SECTION)
    assert section is not None
    return section.offset


class TestRead:
    """Texts become C."""

    def test_kinds(self, elf_bytes: bytes) -> None:
        """Each kind of text becomes a line of C; types and constants come first."""
        data = tell(
            elf_bytes,
            "function int f (struct P *p)",
            "variable int calls",
            "declare int table[LIMIT]",
            "interface greeter 1.2",
            "constant LIMIT = 8 + 4",
            "type struct P { int x; }",
        )
        text = (
            "enum { LIMIT = 8 + 4 };\n"
            "struct P { int x; };\n"
            "int f (struct P *p);\n"
            "extern int calls;\n"
            "extern int table[LIMIT];\n"
        )
        assert Metadata(InterfaceVersion("greeter", 1, 2), text) == metadata.read(data)
        assert {"LIMIT": 12} == declare.read(text).constants

    def test_nothing(self, elf_bytes: bytes) -> None:
        """A file without the section, or with a section that says nothing, tells nothing."""
        assert None is metadata.read(elf_bytes)
        assert None is metadata.read(b"")
        assert None is metadata.read(tell(elf_bytes))

    def test_interface_alone(self, elf_bytes: bytes) -> None:
        """A plugin may tell its interface and no declarations."""
        found = metadata.read(tell(elf_bytes, "interface greeter 1.2"))
        assert Metadata(InterfaceVersion("greeter", 1, 2), "") == found

    def test_several_units(self, elf_bytes: bytes) -> None:
        """Each unit has its format, linkers put zeros between, and what is the same counts once."""
        unit = ["interface a 1.0", "type struct P { int x; };", "function void f (void)"]
        data = tell(elf_bytes, *unit, "", "", "", metadata.FORMAT, *unit, "function void g (void)")
        assert "struct P { int x; };\nvoid f (void);\nvoid g (void);\n" == text_of(data)

    def test_bool(self, elf_bytes: bytes) -> None:
        """C's name for bool and C++'s are one, so that their units can tell the same."""
        data = tell(elf_bytes, "function int f (_Bool x)", "function int f (bool x)")
        assert "int f (bool x);\n" == text_of(data)

    def test_later_kinds(self, elf_bytes: bytes) -> None:
        """Kinds of texts that are not known, of which later headers may write some, do not hurt."""
        data = tell(elf_bytes, "thread_safe f", "function int f (void)", "lonely")
        assert "int f (void);\n" == text_of(data)


class TestRefused:
    """Damage is an error that says where it is."""

    @pytest.mark.parametrize(
        ("texts", "reason", "offset"),
        [
            (["type \xff".encode("latin-1")], "it is not UTF-8", 18),
            (["type a\nb"], r"'type a\nb' is not the text of a declaration", 13),
            (["type \x1b[2J"], r"'type \x1b[2J' is not the text of a declaration", 13),
            (["type #include </dev/zero>"], "'type #include </dev/zero>' is not the", 13),
            (["type %:include </dev/zero>"], "'type %:include </dev/zero>' is not the", 13),
            (["type ??=include </dev/zero>"], "'type ??=include </dev/zero>' is not the", 13),
            (["a", "interface one"], "'one' is no interface such as 'greeter 1.2'", 15),
            (["interface a b 1.2"], "'a b 1.2' is no interface such as 'greeter 1.2'", 13),
            (["interface a -1.2"], "'a -1.2' is no interface such as 'greeter 1.2'", 13),
            (
                ["interface a 1.2", "interface a 1.2", "interface a 1.3"],
                "it tells of two interfaces, 'a 1.2' and 'a 1.3'",
                45,
            ),
        ],
    )
    def test_texts(
        self, elf_bytes: bytes, texts: list[str | bytes], reason: str, offset: int
    ) -> None:
        """A text that says nothing, or what no plugin may say, is refused."""
        data = tell(elf_bytes, *texts)
        error = refusal(data)
        assert place_of(data) + offset == error.offset
        assert f"damaged: the section .nativeplug, at byte {error.offset}: {reason}" in error.reason

    def test_format(self, elf_bytes: bytes) -> None:
        """A format that is not known is named, also where there are others."""
        reason = refusal(tell(elf_bytes, kind="nativeplug 2")).reason
        assert "it begins with 'nativeplug 2' where 'nativeplug 1' is understood" in reason
        assert "'nativeplug 3'" in refusal(tell(elf_bytes, "nativeplug 3")).reason
        assert "begins with nothing" in refusal(tell(elf_bytes, kind="function f")).reason

    def test_no_end(self, elf_bytes: bytes) -> None:
        """A section that was cut is noticed."""
        data = tell(elf_bytes, "function int f (void)")
        at = data.index(b"(void)\0", place_of(data)) + len(b"(void)")
        assert "the last text has no end" in refusal(patched(data, at, "B", ord(";"))).reason

    @pytest.mark.parametrize(
        ("field", "form", "value", "reason"),
        [
            (4, "<I", SHT_NOBITS, "it is compressed, or elsewhere"),
            (8, "<Q", SHF_COMPRESSED, "it is compressed, or elsewhere"),
            (24, "<Q", 1 << 62, "it ends at byte"),
            (32, "<Q", 1 << 62, "it ends at byte"),
            (32, "<Q", 0, "the last text has no end"),
        ],
    )
    def test_header(self, elf_bytes: bytes, field: int, form: str, value: int, reason: str) -> None:
        """A section header that leads nowhere is damage too."""
        data = tell(elf_bytes, "function int f (void)")
        at = section_header(data, metadata.SECTION)
        assert reason in refusal(patched(data, at + field, form, value)).reason

    def test_too_large(self, elf_bytes: bytes) -> None:
        """A section that would take minutes to read is not read."""
        data = tell(elf_bytes, b"\0" * (1 << 24))
        assert "of which 16777216 are read at most" in refusal(data).reason


@given(st.binary(max_size=200))
def test_any_section(content: bytes) -> None:
    """Whatever a section holds, it is read or refused."""
    _read_or_refuse(tell(_smallest(), content))


@given(st.integers(0, 63), st.binary(min_size=1, max_size=8))
def test_any_header(offset: int, change: bytes) -> None:
    """Whatever an ELF header says, the file is read or refused."""
    data = bytearray(tell(_smallest(), "function int f (void)"))
    data[offset : offset + len(change)] = change
    _read_or_refuse(bytes(data))


def _read_or_refuse(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        metadata.read(data)


def _smallest() -> bytes:
    """Return a shared object that has nothing but a section with the names of sections."""
    names = b"\0.shstrtab\0"
    identification = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 80, 0, 64, 56, 0, 64, 2, 1)
    rows = [bytes(64), struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, 64, len(names), 0, 0, 1, 0)]
    return identification + header + names.ljust(16, b"\0") + b"".join(rows)


class TestInterfaceVersion:
    """Name and version."""

    def test_text(self) -> None:
        """It is written as in the section, and read from that."""
        version = InterfaceVersion("greeter", 1, 12)
        assert "greeter 1.12" == str(version)
        assert version == InterfaceVersion.parse(str(version))

    @pytest.mark.parametrize("text", ["", "greeter", "greeter 1", " 1.2", "g 1.2.3", "g 1.2 "])
    def test_no_version(self, text: str) -> None:
        """Anything else is none."""
        assert None is InterfaceVersion.parse(text)


def test_random_prototypes(compile_c: Compile) -> None:
    """What the macros tell of random functions is what their declarations say."""
    rng = random.Random(SEED)  # noqa: S311 - it must be repeatable
    functions = prototypes.prototypes(rng, 40)
    found = declared_by(compile_c(source(functions), INCLUDE))
    declared = declare.read(prototypes.declarations(functions))
    wanted = {name: row for name, row in declared.symbols.items() if name != "seen"}
    assert [*wanted] == [*found.symbols]
    for name in wanted:
        rows = [declare.from_line(each.lines[name]) for each in (found, declared)]
        assert same_type(declared.ffi, *rows), rows
