"""What plugins tell of themselves, whatever builds them."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nativeplug import declare
from nativeplug.elf import dynamic, metadata
from plugins_with_metadata import INCLUDE, MACROS, MACROS_TELL, STRICT
from soaking import Measured, main


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
    found = metadata.read(data)
    if found is None or (str(found.interface), f"\n{found.text}") != ("greeter 1.2", MACROS_TELL):
        return f"tells {found}"
    declared = {*declare.read(found.text).symbols}
    exported = {*dynamic.read(data).exports}
    return None if declared <= exported else f"does not export {declared - exported}"


if __name__ == "__main__":
    main(told_builds)
