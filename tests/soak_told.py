"""What plugins tell of themselves: random prototypes, and whatever builds plugins."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import prototypes
from nativeplug import declare
from nativeplug.build import build
from nativeplug.declare import Declarations
from nativeplug.declare.declarations import same_type
from nativeplug.load import dynamic, told
from prototypes import TYPES, VOID, CType, Prototype
from soaking import Measured, main, times
from telling import INCLUDE, MACROS, MACROS_TELL, STRICT, declared_by, source

_SEED = 1
_PROTOTYPES, _IN_A_FILE = 1_000, 250
_PARAMETERS = 8


def told_prototypes(scale: float, folder: Path) -> Measured:
    """
    Compare what macros tell of 1,000 random prototypes with these, and with an edit of each.

    The edit is one that the ABI sees. What is told must agree with the first and differ from
    the second.
    """
    rng = random.Random(_SEED)  # noqa: S311 - it must be repeatable
    functions = prototypes.prototypes(rng, times(_PROTOTYPES, scale), _PARAMETERS)
    problems: list[str] = []
    for start in range(0, len(functions), _IN_A_FILE):
        some = functions[start : start + _IN_A_FILE]
        file = folder / f"told{start}.c"
        file.write_text(source(some))
        found = declared_by(build(file, flags=["-O0", "-g0"]))
        edits = [_edited(rng, function) for function in some]
        problems += _compare(found, some, agree=True) + _compare(found, edits, agree=False)
    text = f"{len(problems)} of {len(functions)} prototypes and as many edits"
    return Measured(len(problems), text, problems)


def _compare(found: Declarations, functions: Sequence[Prototype], *, agree: bool) -> list[str]:
    """Return which functions are not told as they are, or are told as they are not."""
    declared = declare.read(prototypes.declarations(functions))
    problems = []
    for function in functions:
        rows = [declare.from_line(each.lines[function.name]) for each in (found, declared)]
        if same_type(declared.ffi, *rows) is not agree:
            told_as = found.symbols[function.name].text
            problems.append(f"{told_as!r} and {str(function)!r}: wrongly {_VERDICTS[agree]}")
    return problems


_VERDICTS = {True: "refused", False: "accepted"}


def _edited(rng: random.Random, function: Prototype) -> Prototype:
    """Return a function with one parameter more or less, or one type that is another to the ABI."""
    parameters, at = [*function.parameters], rng.randint(0, len(function.parameters))
    kind = rng.randrange(4)
    if kind == 0 or not parameters:
        parameters.insert(at, rng.choice(TYPES))
    elif kind == 1:
        del parameters[at - 1]
    elif kind == 2:
        parameters[at - 1] = _another(rng, parameters[at - 1])
    else:
        return replace(function, result=_another(rng, function.result))
    return replace(function, parameters=tuple(parameters))


def _another(rng: random.Random, ctype: CType) -> CType:
    """Return a type of another class, size or sign."""
    key = _abi_of(ctype)
    return rng.choice([each for each in (*TYPES, VOID) if _abi_of(each) != key])


def _abi_of(ctype: CType) -> tuple[object, ...]:
    return ctype.group, ctype.low, ctype.high


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to build a plugin that tells of itself."""

    name: str
    #: The program, which the machine may not have, and its arguments.
    command: tuple[str, ...]
    #: Programs without which it does not work.
    needs: tuple[str, ...] = ()
    #: What is done with the plugin.
    afterwards: tuple[str, ...] = ()
    #: It builds no plugin: the platform's files are not ELF.
    is_foreign: bool = False


_C, _CPLUSPLUS = ("c99", "c11", "c17", "gnu17"), ("c++11", "c++14", "c++17", "c++20")
_GARBAGE = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
_FREE = ("-ffreestanding", "-nostdinc++", "-fsyntax-only")
_ZIG = (sys.executable, "-m", "ziglang")


def _ways() -> Iterator[_Way]:
    for compiler, standard in itertools.product(_C_COMPILERS, _C):
        yield _Way(f"{compiler} {standard}", (compiler, f"-std={standard}"))
    for compiler, standard in itertools.product(("g++", "clang++"), _CPLUSPLUS):
        yield _Way(f"{compiler} {standard}", (compiler, "-xc++", f"-std={standard}"))
    if find_spec("ziglang"):
        yield _Way("zig cc", (*_ZIG, "cc"))
        yield _Way("zig c++", (*_ZIG, "c++", "-xc++"))
    for compiler, linker in itertools.product(("gcc", "clang"), ("bfd", "gold", "lld", "mold")):
        command = (compiler, f"-fuse-ld={linker}", *_GARBAGE)
        yield _Way(f"{compiler}, {linker}", command, (f"ld.{linker}",))
    yield _Way("gcc -flto", ("gcc", "-O2", "-flto=1"))
    yield _Way("clang -flto", ("clang", "-O2", "-flto", "-fuse-ld=lld"), ("ld.lld",))
    yield _Way("strip", ("gcc",), afterwards=("strip",))
    keeping = ("llvm-strip", "--keep-section=.nativeplug")
    yield _Way("llvm-strip --keep-section", ("gcc",), afterwards=keeping)
    for target in ("x86_64-apple-macos", "x86_64-windows-gnu", "x86_64-windows-msvc"):
        for language in ("c", "c++"):
            foreign = ("clang", f"--target={target}", f"-x{language}", *_FREE)
            yield _Way(f"{target}, {language}", foreign, is_foreign=True)


_C_COMPILERS = ("gcc", "clang", "musl-gcc", "aarch64-linux-gnu-gcc")


def told_builds(scale: float, folder: Path) -> Measured:
    """
    Build a plugin with every macro in every way that the machine has, and read what it tells.

    At less than the full size, in one way by each compiler.
    """
    (folder / "plugin.c").write_text(MACROS)
    problems, built, missing = [], [], []
    ways = [*_ways()]
    for way in ways if scale >= 1 else {way.command[0]: way for way in reversed(ways)}.values():
        programs = {way.command[0], *way.needs, *way.afterwards[:1]}
        absent = sorted(program for program in programs if not shutil.which(program))
        if absent:
            missing.append(f"not measured: {way.name}: no {' and no '.join(absent)}")
            continue
        built.append(way.name)
        problem = _try(way, folder)
        problems += [] if problem is None else [f"{way.name}: {problem}"]
    if not find_spec("ziglang"):
        missing.append("not measured: zig cc: no ziglang")
    text = f"{len(problems)} of {len(built)} ways"
    return Measured(len(problems), text, problems, [*built, *missing])


def _try(way: _Way, folder: Path) -> str | None:
    """Build in one way; return what is wrong."""
    target = folder / "plugin.so"
    made = [] if way.is_foreign else ["-shared", "-fPIC", "-o", str(target)]
    flags = [flag for flag in STRICT if not (way.is_foreign and flag.startswith("-fvisibility"))]
    commands = [[*way.command, *flags, INCLUDE, *made, str(folder / "plugin.c")]]
    commands += [[*way.afterwards, str(target)]] if way.afterwards else []
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr
    return None if way.is_foreign else _difference(target.read_bytes())


def _difference(data: bytes) -> str | None:
    found = told.read(data)
    if found is None or (str(found.interface), f"\n{found.text}") != ("greeter 1.2", MACROS_TELL):
        return f"tells {found}"
    declared = {*declare.read(found.text).symbols}
    exported = {*dynamic.read(data).exports}
    return None if declared <= exported else f"does not export {declared - exported}"


if __name__ == "__main__":
    main(told_prototypes, told_builds)
