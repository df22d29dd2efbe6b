"""Where everything is in a plugin's file, and what makes damaged files of it."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nativeplug._util import programs
from nativeplug.elf.elffile import ElfFile, host_target
from nativeplug.elf.numbers import PT_DYNAMIC, PT_LOAD
from support import patched

#: The environment variable that names what the plugin's constructor creates.
MARKER = "NATIVEPLUG_TEST_MARKER"
#: A constructor that notes that it has run; not in a probe, where it does.
MARKING = f"""
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void start(void)
{{
    const char *name = getenv("NATIVEPLUG_PROBE") ? NULL : getenv("{MARKER}");
    FILE *file = name ? fopen(name, "w") : NULL;
    if (file)
        fclose(file);
}}
"""
# Something of everything that the check looks at.
_SOURCE = f"""
{MARKING}
__thread int per_thread = 5, another;
int numbers[4] = {{1, 2, 3, 4}};
int *pointer = numbers;
extern void missing(void) __attribute__((weak));
void (*perhaps)(void) = missing;
int (*elsewhere)(FILE *) = fclose;
static int hidden;
int *const own = &hidden;
static int chosen(void) {{ return 7; }}
static int (*choose(void))(void) {{ return chosen; }}
static int picked(void) __attribute__((ifunc("choose")));
int call_picked(void) {{ return picked() + hidden; }}
int use(void) {{ return per_thread++ + another++; }}
__attribute__((destructor)) static void stop(void) {{ hidden = 1; }}
unsigned long long values[2] = {{0, 1ull << 60}};
/* What a linker would make of "own": a packed relocation. */
const unsigned long long packed[4] = {{0}};
"""
_VERSIONS = "VERS_1 { global: *; };\n"

ABSENT, OUTSIDE, HUGE = 0x6FFFFDF8, 0x7000_0000, 0xFFFF_FFFF  # the first is DT_CHECKSUM
PT_INTERP, PT_NOTE, PT_PHDR, PT_TLS = 3, 4, 6, 7
PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO = 0x6474E550, 0x6474E551, 0x6474E552
TAGS = {
    "NULL": 0,
    "TEXTREL": 22,
    "NEEDED": 1,
    "PLTRELSZ": 2,
    "HASH": 4,
    "STRTAB": 5,
    "SYMTAB": 6,
    "RELA": 7,
    "RELASZ": 8,
    "RELAENT": 9,
    "STRSZ": 10,
    "SYMENT": 11,
    "INIT": 12,
    "FINI": 13,
    "REL": 17,
    "PLTREL": 20,
    "JMPREL": 23,
    "INIT_ARRAY": 25,
    "FINI_ARRAY": 26,
    "INIT_ARRAYSZ": 27,
    "FINI_ARRAYSZ": 28,
    "PREINIT_ARRAY": 32,
    "RELRSZ": 35,
    "RELR": 36,
    "RELRENT": 37,
    "GNU_HASH": 0x6FFFFEF5,
    "VERSYM": 0x6FFFFFF0,
    "RELACOUNT": 0x6FFFFFF9,
    "VERDEF": 0x6FFFFFFC,
    "VERDEFNUM": 0x6FFFFFFD,
    "VERNEED": 0x6FFFFFFE,
    "VERNEEDNUM": 0x6FFFFFFF,
}
# Fields of a program header, a symbol and a relocation, elf(5).
P_FLAGS, P_OFFSET, P_VADDR, P_FILESZ, P_MEMSZ, P_ALIGN, P_SIZE = 4, 8, 16, 32, 40, 48, 56
ST_INFO, ST_OTHER, ST_SHNDX, ST_VALUE, ST_SIZE = 4, 5, 6, 8, 16
R_INFO, R_ADDEND = 8, 16
SYMBOL_SIZE, RELOCATION_SIZE = 24, 24

# Types of relocations: a word, GLOB_DAT, JUMP_SLOT, RELATIVE, one of a thread-local variable,
# one of its place in all threads, IRELATIVE.
_TYPES = {62: (1, 6, 7, 8, 16, 18, 37), 183: (257, 1025, 1026, 1027, 1031, 1030, 1032)}
WORD, GLOB_DAT, JUMP_SLOT, RELATIVE, TLS, TLS_PLACE, IRELATIVE = _TYPES.get(
    host_target().machine, (0,) * 7
)

#: A damaged file, and where in it the damage is found.
Made = tuple[bytes, int]


def build(folder: Path, *flags: str, compiler: Sequence[str] | None = None) -> bytes:
    """Build the plugin that is to be damaged, by a compiler; None for any."""
    source, versions, plugin = folder / "made.c", folder / "made.map", folder / "made.so"
    source.write_text(_SOURCE)
    versions.write_text(_VERSIONS)
    compiler = compiler or programs.c_compiler()
    assert compiler is not None
    script = f"-Wl,--version-script={versions}"
    options = ["-shared", "-fPIC", "-Wl,--hash-style=gnu", script, *flags]
    command = [*compiler, *options, "-o", str(plugin), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return plugin.read_bytes()


class Parts:
    """Where everything is in a plugin's file, and what makes other files of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.file = ElfFile.of(data)
        self.segments = self.file.segments
        self._place = self.word(32)

    def word(self, place: int) -> int:
        """Return the eight bytes at a place as a number."""
        return int(struct.unpack_from("<Q", self.data, place)[0])

    def half(self, place: int) -> int:
        """Return the four bytes at a place as a number."""
        return int(struct.unpack_from("<I", self.data, place)[0])

    def at(self, address: int) -> int:
        """Return where in the file an address is."""
        place = self.file.offset_of(address)
        assert place is not None
        return place

    def segment(self, kind: int, index: int = 0) -> int:
        """Return where a program header is, one of its kind."""
        found = [n for n, segment in enumerate(self.segments) if segment.kind == kind]
        return self._place + P_SIZE * found[index]

    def writable(self) -> int:
        """Return where the program header of the writable segment is."""
        return self.segment(PT_LOAD, -1)

    def content(self, kind: int) -> int:
        """Return where a segment begins."""
        return self.word(self.segment(kind) + P_OFFSET)

    def entry(self, name: str) -> int:
        """Return where the entry of a tag is in the dynamic section; of NULL, the first."""
        place = self.content(PT_DYNAMIC)
        while self.word(place) != TAGS[name]:
            assert self.word(place), name
            place += 16
        return place

    def entries(self, *names: str) -> Iterator[int]:
        """Go through where the entries of tags are."""
        place = self.content(PT_DYNAMIC)
        while self.word(place):
            if self.word(place) in {TAGS[name] for name in names}:
                yield place
            place += 16

    def value(self, name: str) -> int:
        """Return the value of a tag."""
        return self.word(self.entry(name) + 8)

    def table(self, name: str) -> int:
        """Return where the table of a tag is."""
        return self.at(self.value(name))

    def symbol(self, name: str) -> int:
        """Return where a symbol is."""
        strings, place = self.table("STRTAB"), self.table("SYMTAB")
        wanted = f"{name}\0".encode()
        while not self.data.startswith(wanted, strings + self.half(place)):
            place += SYMBOL_SIZE
        return place

    def index(self, name: str) -> int:
        """Return the number of a symbol."""
        return (self.symbol(name) - self.table("SYMTAB")) // SYMBOL_SIZE

    def address(self, name: str) -> int:
        """Return the address of a symbol."""
        return self.word(self.symbol(name) + ST_VALUE)

    def relocation(self, kind: int, table: str = "RELA", symbol: str | None = None) -> int:
        """Return where the first relocation of a type is, or the first that is for a symbol."""
        place, wanted = self.table(table), symbol and self.index(symbol)
        while self.half(place + R_INFO) != kind or wanted not in {None, self.half(place + 12)}:
            place += RELOCATION_SIZE
        return place

    def last(self, place: int, following: int) -> int:
        """Return the last one of a list; *following* is where each has the way to the next."""
        while self.half(place + following):
            place += self.half(place + following)
        return place

    def put(self, place: int, form: str, *values: int, at: int | None = None) -> Made:
        """Give the file other values at a place; what is found is there, or *at* another."""
        return patched(self.data, place, f"<{form}", *values), place if at is None else at

    def set(self, name: str, value: int, at: int | None = None) -> Made:
        """Give a tag another value."""
        place = self.entry(name)
        return self.put(place + 8, "Q", value, at=place if at is None else at)

    def lack(self, name: str, at: str) -> Made:
        """Take a tag away; what is found is at another."""
        return self.put(self.entry(name), "Q", ABSENT, at=self.entry(at))

    def add(self, tag: int, value: int = 0) -> Made:
        """Add an entry to the dynamic section, which linkers leave some room for."""
        return self.put(self.entry("NULL"), "QQ", tag, value)

    def copy_segment(self, kind: int, over: int) -> Made:
        """Put a program header over another."""
        start = self.segment(kind)
        return self.put(self.segment(over), f"{P_SIZE}s", self.data[start : start + P_SIZE])  # type: ignore[arg-type]

    def with_headers(self, more: bytes = b"", count: int = 0, shift: int = 0) -> Parts:
        """Put the program headers, and more of them, at the end of the file."""
        headers = self.data[self._place : self._place + P_SIZE * len(self.segments)]
        data = self.data + bytes(-len(self.data) % 8 + shift)
        made = patched(data + headers + more, 32, "<Q", len(data))
        return Parts(patched(made, 56, "<H", len(self.segments) + count))

    def naming_libc(self, name: str) -> bytes:
        """Give the file that is needed, libc.so.6, another name that is as long."""
        place = self.table("STRTAB") + self.value("NEEDED")
        return self.data[:place] + name.encode() + self.data[place + len(name) :]

    def with_packed(self, *words: int) -> Parts:
        """Add packed relocations."""
        size = 8 * len(words)
        entries = [("RELR", self.address("packed")), ("RELRSZ", size), ("RELRENT", 8)]
        made = patched(self.data, self.at(self.address("packed")), f"<{len(words)}Q", *words)
        for index, (name, value) in enumerate(entries):
            made = patched(made, self.entry("NULL") + 16 * index, "<QQ", TAGS[name], value)
        return Parts(made)


@dataclass(frozen=True, slots=True)
class Damage:
    """A way to damage a file."""

    name: str
    #: What is said of it, as a regular expression.
    text: str
    make: Callable[[Parts], Made]

    def matches(self, text: str, place: int) -> bool:
        """Tell whether that is said of it, and of the right place."""
        return re.fullmatch(rf"{self.text} \(byte 0x{place:x}\)", text) is not None
