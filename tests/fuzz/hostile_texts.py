"""
What nobody should write: damaged plugins that tell of themselves, and damaged headers of cgo.

A round damages the section, the whole file, or a header, and reads it. Every damage may be
refused, by the error that is meant for it, and by no other.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import building
from batches import Note, main
from nativeplug import declare
from nativeplug.build.embed import SectionError, with_section
from nativeplug.declare.sources import from_metadata
from nativeplug.elf import metadata
from nativeplug.elf.elffile import ElfFile
from nativeplug.errors import DeclarationError, FormatError
from samples import CGO_HEADER

PLUGIN_C = """
#include <nativeplug.h>
NATIVEPLUG_INTERFACE("greeter", 1, 2);
NATIVEPLUG_TYPE(typedef struct Point { double x, y; struct Point *next; char name[8]; } Point);
NATIVEPLUG_TYPE(enum Color { RED = 1, BLUE = 7 });
NATIVEPLUG_TYPE(typedef union { Point point; enum Color color; struct { int x : 3, y; } bits; } U;)
NATIVEPLUG_CONSTANT(LIMIT, 12);
NATIVEPLUG_CONSTANT(LOWEST, -1);
NATIVEPLUG_FUNCTION(enum Color, paint, (U u, enum Color color)) { return u.color; }
NATIVEPLUG_VARIABLE(int, calls) = 7;
NATIVEPLUG_FUNCTION(double, length, (const Point *p, int n)) { return p[n].x; }
NATIVEPLUG_DECLARE(int (*handlers[4])(int code));
int (*handlers[4])(int code);
"""
# What means something to one of the readers.
WORDS = [
    *[b"\0", b"\n", b" ", b";", b",", b"*", b"(", b")", b"{", b"}", b"[", b"]", b"=", b"-", b"..."],
    *[b'"', b"'", b"\\", b"/*", b"*/", b"//", b"#", b"%:", b"\\\n", b"\xff", b"\xc3\xa9", b"\x1b"],
    *[b"nativeplug 1\0", b"nativeplug 2\0", b"interface a 1.0\0", b"type ", b"constant ", b"1e9"],
    *[b"#include <stdio.h>\n", b"#define f(x) x\n", b"#if 1\n", b"#endif\n", b"#line 3\n", b"0x"],
    *[b"struct ", b"typedef ", b"enum ", b"union ", b"const ", b"unsigned ", b"long ", b"_Bool "],
    *[b"int ", b"GoInt ", b"GoString ", b"__attribute__((packed)) ", b"_Alignas(8) ", b"extern "],
    *[b'extern "C" {', b"static_assert(1, 2);", b"_Pragma", b"sizeof", b"1 << 99", b"1 / 0"],
    *[b"/* Start of preamble", b"/* End of boilerplate cgo prologue.  */", b"__int128 ", b"..."],
]
_WORD = re.compile(rb"\w+")
# In one case of so many, a part is repeated so often.
_SELDOM, _OFTEN = 50, 3000


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return *data* with a few random changes."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start, end = _span(rng, made)
        made[start:end] = _instead(rng, made, start, end)
    return bytes(made)


def _span(rng: random.Random, data: bytearray) -> tuple[int, int]:
    """Return where to change something: a word, or anything."""
    words = [*_WORD.finditer(data)]
    if words and rng.random() < 1 / 2:
        return rng.choice(words).span()
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice([0, 1, 1, 4, 40]))


def _instead(rng: random.Random, data: bytearray, start: int, end: int) -> bytes:
    """Return what to put in the place of something: words, bytes, or another part of the data."""
    other, other_end = _span(rng, data)
    word = rng.choice([b"", rng.choice(WORDS), bytes(data[other:other_end]), rng.randbytes(1)])
    if not rng.randrange(_SELDOM):
        return word * _OFTEN
    return rng.choice([word, bytes(data[start:end]) + word, bytes(data[start:]) + word])


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that is damaged, and how it is read."""

    #: What is damaged, a part of it or all.
    data: bytes
    read: Callable[[bytes], object]
    #: What it may raise.
    errors: tuple[type[Exception], ...]


def readings(folder: Path) -> Sequence[Reading]:
    """Return what can be damaged of a plugin's file that tells of itself, and of a header."""
    source = folder / "plugin.c"
    source.write_text(PLUGIN_C)
    plugin = building.build(source).read_bytes()
    file = ElfFile.of(plugin)
    section = file.section(metadata.SECTION)
    assert section is not None
    text = plugin[section.offset : section.end]
    headers = plugin[file.header.sections_offset : file.header.sections_end]

    def read_text(content: bytes) -> None:
        read_file(with_section(plugin, metadata.SECTION, content))

    def read_file(data: bytes) -> None:
        found = metadata.read(data)
        if found is not None:
            declare.extend(declare.Declarations(), from_metadata("damaged.so", found.text))

    def read_table(headers: bytes) -> None:
        data = plugin[: file.header.sections_offset] + headers
        read_file(data)
        with_section(data, metadata.SECTION, text)

    def read_elf_header(header: bytes) -> None:
        data = header + plugin[len(header) :]
        read_file(data)
        with_section(data, metadata.SECTION, text)

    def read_header(header: bytes) -> None:
        path = folder / "damaged.h"
        path.write_bytes(header)
        declare.read(path)

    of_a_file = (FormatError, DeclarationError, SectionError)
    return [
        Reading(text, read_text, of_a_file),
        Reading(plugin[:64], read_elf_header, of_a_file),
        Reading(headers, read_table, of_a_file),
        Reading(CGO_HEADER.encode(), read_header, (DeclarationError,)),
    ]


def run(seed: int, count: int, note: Note) -> str | None:
    """Damage and read so often; return the first that ends as it must not."""
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable
    with tempfile.TemporaryDirectory() as folder:
        found = readings(Path(folder))
        os.environ["NATIVEPLUG_CACHE_DIR"] = folder
        os.environ["CC"] = "none"  # a preprocessor is no matter of ours, and slow
        for _ in range(count):
            reading = rng.choice(found)
            data = damaged(rng, reading.data)
            note(repr(data))
            try:
                reading.read(data)
            except reading.errors:
                continue
            except Exception as error:  # noqa: BLE001 - it is what is looked for
                return f"{data!r}\n{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    raise SystemExit(main(run))
