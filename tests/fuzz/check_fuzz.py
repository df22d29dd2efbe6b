"""
The structural check in C on mutants of files, under the sanitizers: csrc/dl/tests/check_fuzz.c.

The files are plugins with each kind of hash table, and three libraries of the system.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import elf_parts
import plugin_makers
from batches import Note, main
from nativeplug._util import programs
from support import ROOT

_DL = ROOT / "csrc" / "dl"
_SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_LIBRARIES, _LARGEST = 3, 1 << 19  # bytes


def run(seed: int, count: int, note: Note) -> str | None:
    """Check so many mutants, from a seed on, of all the files together."""
    with tempfile.TemporaryDirectory() as folder:
        program = _compile(Path(folder))
        files = [*_files(Path(folder), random.Random(seed))]  # noqa: S311 - repeatable
        for path in files:
            command = [str(program), str(path), str(seed), str(count // len(files))]
            note(" ".join(command))
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            refused = int(done.stdout.partition(" ")[0] or 0)
            if done.returncode or not refused:
                return f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return None


def _compile(folder: Path) -> Path:
    compiler, program = programs.c_compiler(), folder / "check_fuzz"
    assert compiler is not None
    sources = [*map(str, sorted(_DL.glob("check*.c"))), str(_DL / "tests" / "check_fuzz.c")]
    options = ["-std=gnu11", "-O1", "-g", *_SANITIZE, f"-I{_DL}"]
    subprocess.run([*compiler, *options, "-o", str(program), *sources], check=True)
    return program


def _files(folder: Path, rng: random.Random) -> Iterator[Path]:
    for style in ("gnu", "sysv", "both"):
        path = folder / f"{style}.so"
        parts = elf_parts.Parts(elf_parts.build(folder, f"-Wl,--hash-style={style}"))
        path.write_bytes(parts.with_packed(parts.address("values")).data)
        yield path
    paths = [path for path in plugin_makers.libraries() if path.stat().st_size <= _LARGEST]
    yield from rng.sample(paths, min(_LIBRARIES, len(paths)))


if __name__ == "__main__":
    raise SystemExit(main(run))
