"""What debug information tells of types: against declarations, libabigail and the clock."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from edits import Prototype, declarations, edited, random_prototype, source
from nativeplug import abi, declare, programs
from nativeplug.declare.abitypes import abi_of
from nativeplug.load import dwarf
from soaking import Measured, main, times

_SEED = 7
_BATCH = 100  # prototypes in a file


def prototypes(scale: float, folder: Path) -> Measured:
    """Declare 2,000 functions as they are, and each with one edit that the ABI sees."""
    rng = random.Random(_SEED)  # noqa: S311 - it must be repeatable
    total, edits = times(2_000, scale), Counter[str]()
    wrong: list[str] = []
    compilers = [*filter(None, (programs.c_compiler(), _clang()))]
    for index, start in enumerate(range(0, total, _BATCH)):
        made = [random_prototype(rng, at) for at in range(start, min(start + _BATCH, total))]
        changed = [edited(each, rng) for each in made]
        edits.update(each.edit for each in changed)
        compiler = compilers[index % len(compilers)]
        wrong += _judge(made, changed, _build(folder, source(made), compiler))
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


if __name__ == "__main__":
    main(prototypes)
