"""What debug information tells of types: against declarations, libabigail and the clock."""

from __future__ import annotations

import itertools
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from edits import Prototype, declarations, edited, random_prototype, source
from nativeplug import abi, build, declare, programs
from nativeplug.declare.abitypes import abi_of
from nativeplug.load import dwarf
from soak_abigail import libabigail
from soaking import Measured, main, times
from support import PLUGINS_GO

_SEED = 7
_BATCH = 100  # prototypes in a file
# Optimised, a function may call one of the same body, or take its place.
_LEVELS = ("-O0", "-O2")


def prototypes(scale: float, folder: Path) -> Measured:
    """Declare 2,000 functions as they are, and each with one edit that the ABI sees."""
    rng = random.Random(_SEED)  # noqa: S311 - it must be repeatable
    total, edits = times(2_000, scale), Counter[str]()
    wrong: list[str] = []
    compilers = [*itertools.product(filter(None, (programs.c_compiler(), _clang())), _LEVELS)]
    for index, start in enumerate(range(0, total, _BATCH)):
        made = [random_prototype(rng, at) for at in range(start, min(start + _BATCH, total))]
        changed = [edited(each, rng) for each in made]
        edits.update(each.edit for each in changed)
        compiler, level = compilers[index % len(compilers)]
        wrong += _judge(made, changed, _build(folder, source(made), [*compiler, level]))
    text = f"{len(wrong)} of {total:,} declared rightly and of {total:,} declared wrongly"
    return Measured(len(wrong), text, wrong[:20], [f"{name}: {edits[name]}" for name in edits])


def _clang() -> list[str] | None:
    return ["clang"] if shutil.which("clang") else None


def _build(folder: Path, text: str, compiler: Sequence[str]) -> Path:
    written, made = folder / "made.c", folder / "made.so"
    written.write_text(text, encoding="utf-8")
    command = [
        *compiler,
        "-g",
        "-w",
        "-Wno-psabi",
        "-shared",
        "-fPIC",
        "-o",
        str(made),
        str(written),
    ]
    subprocess.run(command, check=True)
    return made


def _judge(made: list[Prototype], changed: list[Prototype], plugin: Path) -> Iterator[str]:
    """Give what is accepted or refused wrongly."""
    known = dwarf.read(plugin.read_bytes())
    for prototype, found in zip(made, _differences(made, known), strict=True):
        if found is not None:
            yield f"refused: {prototype}: {found}"
    for before, after, found in zip(made, changed, _differences(changed, known), strict=True):
        if found is None:
            yield f"accepted ({after.edit}): {before.types()}{before}: {after.types()}{after}"
    own = declare.read(known.text)
    for prototype in made:
        told = abi_of(own.ffi, own.lines[prototype.name])
        if told is None or abi.differ(told, known.symbols[prototype.name].type):
            yield f"told wrongly: {prototype}: {known.symbols[prototype.name].text}"


def _differences(declared: list[Prototype], known: dwarf.Debug) -> Iterator[str | None]:
    found = declare.read(declarations(declared))
    for each in declared:
        type_ = abi_of(found.ffi, found.lines[each.name])
        if type_ is None:
            yield "it cannot be declared"
        elif each.name not in known.symbols:
            yield "it is not known"
        else:
            yield abi.differ(type_, known.symbols[each.name].type)


def debug_cost(scale: float, folder: Path) -> Measured:
    """
    Find what debug information adds to opening a Go plugin, the first time and further ones.

    Against a copy without it, each time in a process of its own.
    """
    if programs.go_toolchain() is None:
        return Measured(math.inf, "not measured: no Go")
    made = build.build(PLUGINS_GO / "greeter", folder / "greeter.so")
    plugin, bare = _without(made, "debug"), _without(made, "bare", "--strip-debug")
    os.environ["NATIVEPLUG_CACHE_DIR"] = str(folder / "cache")
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for path in (plugin, bare):
        _open_in_process(path)
    first, further, without = [], [], []
    for _ in range(max(2, times(20, scale))):
        shutil.rmtree(folder / "cache" / "debug")
        first.append(_open_in_process(plugin))
        further.append(_open_in_process(plugin))
        without.append(_open_in_process(bare))
    base = statistics.median(without)
    slow, fast = statistics.median(first) - base, statistics.median(further) - base
    text = f"first {slow:.0f} ms, then {fast:.1f} ms, over {base:.0f} ms without"
    problems = [f"first {slow:.0f} ms, of at most {_FIRST_MS}"] if slow > _FIRST_MS else []
    return Measured(fast, text, problems)


def _without(made: Path, folder: str, *options: str) -> Path:
    """Return a copy of a plugin and its header, without what it tells itself."""
    copy = made.parent / folder / made.name
    copy.parent.mkdir()
    shutil.copy(made.with_suffix(".h"), copy.parent)
    command = ["objcopy", "--remove-section=.nativeplug", *options, str(made), str(copy)]
    subprocess.run(command, check=True)
    return copy


_FIRST_MS = 400
_OPEN = """
import sys, time
import nativeplug
begun = time.perf_counter()
nativeplug.open(sys.argv[1]).lookup("Add")
print(time.perf_counter() - begun)
"""


def _open_in_process(plugin: Path) -> float:
    """Return how long a process opens a plugin and looks a function up, in milliseconds."""
    command = [sys.executable, "-c", _OPEN, str(plugin)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1e3


if __name__ == "__main__":
    main(prototypes, debug_cost, libabigail)
