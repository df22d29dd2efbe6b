"""The structural check of a plugin's file."""

from __future__ import annotations

import re

import pytest

import damages
from batches import run_batch
from damages import Parts
from elf_parts import (
    P_OFFSET,
    PT_GNU_EH_FRAME,
    PT_GNU_RELRO,
    PT_PHDR,
    PT_TLS,
    R_ADDEND,
    R_INFO,
    RELATIVE,
    ST_INFO,
    ST_SHNDX,
    ST_VALUE,
    TAGS,
    WORD,
)
from nativeplug._dl import lib
from nativeplug.elf import defects, elffile
from nativeplug.elf.numbers import PT_DYNAMIC
from support import E_MACHINE, E_PHOFF, EXPORTS_C, Compile, patched

HOST = elffile.host_target()
X86_64, AARCH64 = elffile.Target(62, 64, "<"), elffile.Target(183, 64, "<")
# Relocations of x86-64, and those of AArch64 that do the same.
SAME_ON_AARCH64 = {0: 0, 1: 257, 6: 1025, 7: 1026, 8: 1027, 16: 1028, 17: 1029, 18: 1030, 36: 1031}


def text_of(data: bytes, target: elffile.Target = HOST, libc: int | None = None) -> str:
    """Return what is said of a file; nothing when nothing is found."""
    found = defects.find_structure_defect(data, target, libc)
    return found.text if found else ""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Return a plugin that has something of everything."""
    return Parts(damages.build(tmp_path_factory.mktemp("damages")))


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Return the same plugin with System V's hash table alone."""
    folder = tmp_path_factory.mktemp("hashed")
    return Parts(damages.build(folder, "-Wl,--hash-style=sysv"))


class TestDamages:
    """What is found in a damaged file."""

    def test_sound(self, parts: Parts) -> None:
        """Nothing is found in the one that is damaged here."""
        assert "" == text_of(parts.data)
        assert None is defects.find_structure_defect(memoryview(parts.data), HOST)

    @pytest.mark.parametrize("damage", damages.DAMAGES, ids=lambda damage: damage.name)
    def test_damage(self, parts: Parts, damage: damages.Damage) -> None:
        """Each damage is found, said in words, and its place given."""
        data, place = damage.make(parts)
        found = defects.find_structure_defect(data, HOST)
        assert found is not None
        assert place == found.offset, found.text
        assert damage.matches(found.text, place), found.text
        assert defects.find_defect(data) is not None

    def test_packed(self, parts: Parts) -> None:
        """Packed relocations of the file's own addresses are as they should be."""
        assert "" == text_of(parts.with_packed(parts.address("values")).data)

    def test_what_linkers_leave_out(self, parts: Parts) -> None:
        """Where in the file what becomes read-only is need not be told: mold may not."""
        place = parts.segment(PT_GNU_RELRO) + P_OFFSET
        assert "" == text_of(parts.put(place, "Q", 0)[0])
        assert "not in a writable segment" in text_of(parts.put(place, "Q", 8)[0])

    def test_sections_of_thread_local_variables(self, parts: Parts) -> None:
        """The section of thread-local variables may be named in their relocations: gold does."""
        place = parts.symbol("per_thread") + ST_INFO
        section, data = 3, 1
        named = Parts(parts.put(place, "B", 0x10 | section)[0])
        assert "" == text_of(named.data)
        assert "for another kind of symbol" in text_of(parts.put(place, "B", 0x10 | data)[0])

        named = Parts(named.put(named.symbol("another") + ST_INFO, "B", 0x10 | section)[0])
        without = named.put(named.segment(PT_TLS), "I", 0)[0]
        assert "thread-local variable, of which the file has none" in text_of(without)

    @pytest.mark.parametrize("symbol", ["fclose", None])
    def test_functions_by_symbols(self, parts: Parts, symbol: str | None) -> None:
        """Functions that are called may be another file's, or this one's by a symbol."""
        free = patched(parts.data, parts.relocation(RELATIVE), "<Q", parts.address("values"))
        word = parts.relocation(WORD, symbol=symbol or "numbers")
        data = patched(free, word, "<Q", parts.value("INIT_ARRAY"))
        if symbol is None:
            data = patched(data, word + R_INFO, "<Q", parts.index("use") << 32 | WORD)
        assert "" == text_of(data)
        assert "is not in an executable segment" in text_of(
            patched(data, word + R_ADDEND, "<Q", 1 << 20)
        )

    def test_text_relocations(self, parts: Parts) -> None:
        """A file may write to its code while it is relocated, if it says so."""
        data = patched(parts.data, parts.relocation(WORD), "<Q", parts.address("use"))
        assert "not in a writable segment" in text_of(data)
        assert "" == text_of(Parts(data).add(TAGS["TEXTREL"])[0])

    def test_many_functions(self, compile_c: Compile) -> None:
        """So many functions are called at the start of no plugin."""
        source = """asm(".section .init_array,\\"aw\\"\\n.fill 40000,8\\n.text");"""
        text = text_of(compile_c(source).read_bytes())
        assert re.fullmatch(r"damaged: DT_INIT_ARRAY has 4000[01] functions \(byte 0x\w+\)", text)

    def test_it_relies_on_nothing(self, parts: Parts) -> None:
        """What is found before by others is found here as well."""
        place = parts.segment(PT_DYNAMIC)
        assert "truncated: the ELF header ends at byte 64 (byte 0x0)" == text_of(b"\x7fELF")
        assert "not an ELF file (byte 0x0)" == text_of(bytes(64))
        assert "a little-endian file of 64 bit (byte 0x4)" in text_of(parts.put(4, "B", 1)[0])
        assert "headers of 7 bytes each (byte 0x36)" in text_of(parts.put(54, "H", 7)[0])
        assert "truncated: a segment ends after the file" in text_of(parts.data[:4096])
        assert "no dynamic section (byte 0x38)" in text_of(parts.put(place, "I", 0)[0])

    def test_own_place(self, parts: Parts) -> None:
        """Program headers that say where they are, and are there, are as they should be."""
        place, size = parts.word(E_PHOFF), 56 * len(parts.segments)
        said = (PT_PHDR, 4, place, place, place, size, size, 8)
        assert "" == text_of(parts.put(parts.segment(PT_GNU_EH_FRAME), "IIQQQQQQ", *said)[0])

    def test_fewer_versions(self, parts: Parts) -> None:
        """Each symbol has a version: the table may not end before."""
        last = max(each.address + each.size for each in parts.segments if each.kind == 1)
        assert "damaged: a symbol has the version" in text_of(parts.set("VERSYM", last - 64)[0])
        assert "damaged: there are fewer versions" in text_of(parts.set("VERSYM", last - 2)[0])


class TestHashTable:
    """System V's hash table, which older linkers write."""

    @pytest.mark.parametrize("style", ["sysv", "both"])
    def test_sound(self, style: str, compile_c: Compile) -> None:
        """Nothing is found where it stands alone or beside GNU's."""
        assert "" == text_of(compile_c(EXPORTS_C, f"-Wl,--hash-style={style}").read_bytes())

    def test_place(self, hashed: Parts) -> None:
        """It is in the file."""
        data, place = hashed.set("HASH", 0x7000_0000)
        assert f"damaged: the hash table is not in a segment that is loaded (byte 0x{place:x})" == (
            text_of(data)
        )

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            (0, 0, "sizes cannot be"),
            (4, 0, "sizes cannot be"),
            (4, 1 << 30, "sizes cannot be"),
            (4, 200, "for another number of symbols"),
        ],
    )
    def test_sizes(self, hashed: Parts, field: int, value: int, said: str) -> None:
        """It has buckets, and a chain for each symbol."""
        table = hashed.table("HASH")
        assert said in text_of(hashed.put(table + field, "I", value)[0])

    @pytest.mark.parametrize("index", [1 << 20, 3])
    def test_chains(self, hashed: Parts, index: int) -> None:
        """A chain that leads out, or back to itself, is found."""
        table = hashed.table("HASH")
        chain = table + 8 + 4 * hashed.half(table) + 4 * 3
        bucket = hashed.put(table + 8, "I", 3)[0]
        data = patched(bucket, chain, "<I", index)
        assert "damaged: a chain of the hash table leads out of it, or has no" in text_of(data)

    def test_both_agree(self, compile_c: Compile) -> None:
        """Two tables are for the same number of symbols."""
        found = Parts(compile_c(EXPORTS_C, "-Wl,--hash-style=both").read_bytes())
        table = found.table("HASH")
        data = found.put(table + 4, "I", found.half(table + 4) - 1)[0]
        assert "for another number of symbols" in text_of(data)

    def test_uncounted_symbols(self, compile_c: Compile) -> None:
        """Where no table counts the symbols, those that relocations have are checked."""
        code = "int puts(const char *); static int hidden(void) { return puts(0); }\n"
        flags = ["-Wl,--hash-style=gnu", "-nostartfiles", "-Wl,-init=hidden"]
        found = Parts(compile_c(f"{code}int (*const use)(void) = hidden;", *flags).read_bytes())
        hidden = Parts(
            compile_c(f"{code}static int (*volatile use)(void) = hidden;", *flags).read_bytes()
        )
        assert "" == text_of(found.data)
        assert "" == text_of(hidden.data)
        puts = hidden.symbol("puts")
        assert "in this one" in text_of(hidden.put(puts + ST_VALUE, "Q", 1)[0])
        assert "has the section" in text_of(hidden.put(puts + ST_SHNDX, "H", 0xFF80)[0])


class TestLibc:
    """A file that is for another libc."""

    def test_interpreter(self, compile_c: Compile) -> None:
        """The dynamic linker that it names tells."""
        code = 'const char name[] __attribute__((section(".interp"))) = "/lib/ld-musl-x86_64.so.1";'
        data = compile_c(code).read_bytes()
        place = Parts(data).content(3)
        assert f"built for musl, this process has glibc (byte 0x{place:x})" == text_of(
            data, libc=lib.NP_LIBC_GNU
        )
        assert "" == text_of(data.replace(b"/lib/ld-musl", b"/lib/ld-else"))
        assert "" == text_of(data.replace(b"/lib/ld-musl", b"/opt/ld-musl"))

    def test_glibc(self, parts: Parts) -> None:
        """What needs glibc is refused by a process that has musl."""
        said = f"built for glibc, this process has musl (byte 0x{parts.entry('NEEDED'):x})"
        assert said == text_of(parts.data, libc=lib.NP_LIBC_MUSL)
        assert "" == text_of(parts.data, libc=defects.ANY_LIBC)

    def test_own(self, parts: Parts) -> None:
        """The one of this process is known."""
        assert lib.np_check_libc() in {lib.NP_LIBC_GNU, lib.NP_LIBC_MUSL}
        assert "" == text_of(parts.data, libc=lib.np_check_libc())
        assert lib.np_check_libc() == defects.LIBCS[defects.host_libc()]


class TestMachines:
    """Other machines than this one."""

    def test_aarch64(self, compile_c: Compile) -> None:
        """A file for AArch64 has that machine's relocations."""
        found = Parts(compile_c(EXPORTS_C).read_bytes())
        data = patched(found.data, E_MACHINE, "<H", AARCH64.machine)
        for place in range(found.table("RELA"), found.table("RELA") + found.value("RELASZ"), 24):
            kind = found.half(place + 8)
            data = patched(data, place + 8, "<I", SAME_ON_AARCH64.get(kind, kind))
        assert "" == text_of(data, AARCH64)
        assert "not a shared object for this machine (byte 0x10)" == text_of(data, X86_64)

    def test_others(self, parts: Parts) -> None:
        """Files for others are not checked."""
        assert "" == text_of(parts.data[:100], elffile.Target(243, 64, "<"))
        assert "" == text_of(parts.data[:100], elffile.Target(62, 32, "<"))


@pytest.mark.slow
def test_sanitized() -> None:
    """No mutant makes the check read what is not the file, or compute what C does not define."""
    assert None is run_batch("check_fuzz", 5, 6_000)
