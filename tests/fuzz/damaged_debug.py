"""Damaged debug information: nothing that it says ends the process, raises or takes for ever."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from batches import Note, main
from nativeplug import declare
from nativeplug._util import programs
from nativeplug.elf import dwarf
from nativeplug.elf.dwarf import debug_sections
from nativeplug.errors import DeclarationError
from prototype_edits import random_prototype, source
from support import PLUGINS_C

_MOST_SECONDS = 25  # of the processor, for one file; reading ends itself after ten
_READ_EVERY = 10  # what can be told is read as declarations
_FLAGS = ("-gdwarf-5", "-gdwarf-4", "-gdwarf-2 -gstrict-dwarf", "-g -fdebug-types-section")
_SPECIAL = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\0\0\0\0\0\0\0\x80")
_PROTOTYPES = 20


def run(seed: int, count: int, note: Note) -> str | None:
    """Damage the debug information of plugins so often, and read it."""
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable
    with tempfile.TemporaryDirectory() as folder:
        plugins = [_build(Path(folder), rng, flags) for flags in _FLAGS]
    for index in range(count):
        data, what = _damaged(rng.choice(plugins), rng)
        note(f"seed {seed}, file {index}: {what}")
        begun = time.process_time()
        found = dwarf.read(data)
        if time.process_time() - begun > _MOST_SECONDS:
            return f"seed {seed}, file {index}: {time.process_time() - begun:.0f} s: {what}"
        if index % _READ_EVERY == 0:
            _declare(found.text)
    return None


def _declare(text: str) -> None:
    """Read what was told, which need not make sense."""
    try:
        declare.read(text)
    except DeclarationError:
        return


def _build(folder: Path, rng: random.Random, flags: str) -> bytes:
    compiler = programs.c_compiler()
    assert compiler is not None
    made = [random_prototype(rng, index) for index in range(_PROTOTYPES)]
    (folder / "made.c").write_text(source(made), encoding="utf-8")
    sources = [str(folder / "made.c"), str(PLUGINS_C / "structs.c")]
    options = ["-w", "-Wno-psabi", "-shared", "-fPIC", *flags.split()]
    subprocess.run([*compiler, *options, "-o", str(folder / "made.so"), *sources], check=True)
    return (folder / "made.so").read_bytes()


def _damaged(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Return a file of which one debug section is damaged, and how."""
    found = [*debug_sections.find_all(data)]
    name, section = rng.choice([each for each in found if each[0] in _READ] * 3 + found)
    made, damage = bytearray(data), rng.choice(_DAMAGES)
    changes = rng.choice((1, 1, 2, 4, 16))
    for _ in range(changes):
        damage(made, section.offset, section.end, rng)
    return bytes(made), f"{damage.__name__} x{changes} in {name}"


_READ = {".debug_info", ".debug_abbrev", ".debug_types"}
Damage = Callable[[bytearray, int, int, random.Random], None]


def _flip(made: bytearray, start: int, end: int, rng: random.Random) -> None:
    made[rng.randrange(start, end)] ^= 1 << rng.randrange(8)


def _put(made: bytearray, start: int, end: int, rng: random.Random) -> None:
    what = rng.choice(_SPECIAL)[: end - start]
    at = rng.randrange(start, end - len(what) + 1)
    made[at : at + len(what)] = what


def _copy(made: bytearray, start: int, end: int, rng: random.Random) -> None:
    size = rng.randint(1, min(32, end - start))
    source_at, at = (rng.randrange(start, end - size + 1) for _ in range(2))
    made[at : at + size] = made[source_at : source_at + size]


def _zero(made: bytearray, start: int, end: int, rng: random.Random) -> None:
    at = rng.randrange(start, end)
    made[at : min(end, at + 64)] = bytes(min(end, at + 64) - at)


_DAMAGES: tuple[Damage, ...] = (_flip, _put, _copy, _zero)


if __name__ == "__main__":
    raise SystemExit(main(run))
