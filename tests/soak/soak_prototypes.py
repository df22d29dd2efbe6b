"""Random prototypes, declared rightly and wrongly, of plugins whose types somebody tells."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nativeplug
from nativeplug import DeclarationError, PluginError, SignatureMismatchError
from nativeplug._util import programs
from nativeplug.elf import dwarf
from plugins_with_metadata import INCLUDE
from prototype_edits import (
    PRELUDE_C,
    TYPES_C,
    Prototype,
    declarations,
    edited,
    random_prototype,
    source,
)
from rewordings import reworded
from soaking import Measured, main, times

_SEED = 7
_PROTOTYPES, _IN_A_FILE = 2_000, 100
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to build a plugin whose types somebody tells."""

    #: Who: what `Function.checked` says.
    by: str
    command: tuple[str, ...]
    text: Callable[[Sequence[Prototype]], str]


def _ways() -> Iterator[_Way]:
    compiler = tuple(programs.c_compiler() or ())
    clang = [("clang",)] if shutil.which("clang") else []
    # Optimised, a function may call one of the same body, or take its place.
    for command, level in itertools.product([compiler, *clang], ("-O0", "-O2")):
        yield _Way("dwarf", (*command, level, "-g"), source)
    yield _Way("plugin", (*compiler, "-O0", "-g0", INCLUDE), _telling_source)


def _ways_without_types() -> Iterator[tuple[str, ...]]:
    """Give ways to build with debug information that is for lines and inlined calls alone."""
    compiler = tuple(programs.c_compiler() or ())
    for level in ("-O0", "-O2"):
        yield (*compiler, level, "-g1")
        if shutil.which("clang"):
            yield "clang", level, "-g1"
            yield "clang", level, "-gline-tables-only", "-fdebug-info-for-profiling"


def _telling_source(made: Sequence[Prototype]) -> str:
    """Return a C file with all functions, which tells of them by the macros of nativeplug.h."""
    types = "".join([TYPES_C, *(each.types() for each in made)]).splitlines()
    told = (f"NATIVEPLUG_TYPE({line})\n" for line in types)
    parts = [PRELUDE_C, "#include <nativeplug.h>\n", *told, *map(_telling_definition, made)]
    return "".join(parts)


def _telling_definition(function: Prototype) -> str:
    text, definition = str(function), function.definition()
    if "(*" in text.partition(function.name)[0]:  # it returns a pointer to a function
        return f"NATIVEPLUG_DECLARE({text});\n{definition}"
    result, name, parameters = text.partition(function.name)
    body = definition.removeprefix(text)
    return f"NATIVEPLUG_FUNCTION({result}, {name}, {parameters}){body}"


def prototypes(scale: float, folder: Path) -> Measured:
    """
    Look 2,000 functions up: declared as they are, in other words, and as something else.

    All of them twice: their types are told by debug information, and by the macros of
    nativeplug.h. Debug information without types must say nothing of them. The edits are one
    each, which the ABI does not see, or sees.
    """
    rng = random.Random(_SEED)  # noqa: S311 - it must be repeatable
    total, edits = times(_PROTOTYPES, scale), Counter[str]()
    *by_debug_information, by_macros = _ways()
    without_types = [*_ways_without_types()]
    wrong: list[str] = []
    for index, start in enumerate(range(0, total, _IN_A_FILE)):
        made = [random_prototype(rng, at) for at in range(start, min(start + _IN_A_FILE, total))]
        same, others = ([edit(each, rng) for each in made] for edit in (reworded, edited))
        edits.update(each.edit for each in (*same, *others))
        untyped = without_types[index % len(without_types)]
        plugin = _build(folder / f"untyped{index}.so", _Way("dwarf", untyped, source), made)
        wrong += _judge_untyped(plugin)
        for way in (by_debug_information[index % len(by_debug_information)], by_macros):
            plugin = _build(folder / f"{way.by}{index}.so", way, made)
            for declared in (None, made, same):
                wrong += _judge(plugin, way.by, made, declared)
            wrong += _judge_wrong(plugin, way.by, made, others)
    text = f"{len(wrong)} of {2 * total:,} each declared rightly, in other words, and wrongly"
    counts = [f"{name}: {edits[name]}" for name in sorted(edits)]
    return Measured(len(wrong), text, wrong[:_SHOWN], counts)


def _build(target: Path, way: _Way, made: Sequence[Prototype]) -> Path:
    written = target.with_suffix(".c")
    written.write_text(way.text(made), encoding="utf-8")
    # gcc tells of every struct that other versions of it pass otherwise, warnings or not.
    flags = "-w", "-Wno-psabi", "-shared", "-fPIC", "-o", str(target), str(written)
    subprocess.run([*way.command, *flags], check=True)
    return target


def _judge(
    plugin: Path, by: str, made: Sequence[Prototype], declared: Sequence[Prototype] | None
) -> Iterator[str]:
    """
    Give what is refused though it is declared rightly.

    Args:
        plugin: The plugin.
        by: Who tells its types.
        made: Its functions.
        declared: As what they are declared; None as what the plugin brings.
    """
    text = None if declared is None else declarations(declared)
    with nativeplug.open(plugin, text) as plg:
        for function, other in zip(made, declared or made, strict=True):
            found = _look_up(plg, function.name)
            if found != by:
                yield f"refused, {by}: {_shown(function)}, {_shown(other)}: {found}"


def _judge_wrong(
    plugin: Path, by: str, made: Sequence[Prototype], declared: Sequence[Prototype]
) -> Iterator[str]:
    """Give what is accepted though it is declared wrongly; see `_judge`."""
    with nativeplug.open(plugin, declarations(declared)) as plg:
        for function, other in zip(made, declared, strict=True):
            found = _look_up(plg, function.name)
            if not isinstance(found, SignatureMismatchError):
                yield f"accepted, {by}: {_shown(function)}, {_shown(other)}: {found}"


def _judge_untyped(plugin: Path) -> Iterator[str]:
    """Give what is said to be known of functions whose types were left out."""
    found = dwarf.read(plugin.read_bytes())
    yield from filter(None, [found.reason])
    yield from (f"told by {plugin.name}: {known.text}" for known in found.symbols.values())


def _look_up(plg: nativeplug.Plugin, name: str) -> str | PluginError | None:
    """Look a symbol up; return who has told its type, or what was raised."""
    try:
        return plg.lookup(name).checked
    except DeclarationError as error:
        if "cffi cannot pass" not in str(error):
            return error
        # That was said after it had agreed with what is known, by which it is judged here.
        symbols = plg._symbols
        line, ffi = symbols.declarations.lines[name], symbols.declarations.ffi
        return symbols.loaded.known.check(line, ffi, required=True)
    except PluginError as error:
        return error


def _shown(function: Prototype) -> str:
    return f"{function.edit} {function.types()}{function}".replace("\n", " ").lstrip()


if __name__ == "__main__":
    main(prototypes)
