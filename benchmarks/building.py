"""Build what is compared: the native functions and every baseline that calls them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cffi

from nativeplug import build
from nativeplug._util import programs
from nativeplug.build import toolchains

SOURCES = Path(__file__).parent / "baselines"
# Beside the packages that the baselines are built with: a new environment builds them anew.
ROOM = Path(sys.prefix, "baselines")

_OPTIMIZED = ("-O3", "-DNDEBUG")
_EXTENSION = (*_OPTIMIZED, f"-I{sysconfig.get_path('include')}", f"-I{SOURCES}")


def native() -> Path:
    """Return the shared object with the functions that every system calls."""
    return _fresh(
        "native.so", lambda made: build.build(_source("native.c"), made, flags=_OPTIMIZED)
    )


def native_declarations() -> str:
    """Return the declarations of ``native.h`` as cffi reads them: without ``#include``."""
    lines = _source("native.h").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def handwritten(*, release_gil: bool) -> Any:
    """Return the hand-written extension module, in the form that holds or releases the GIL."""
    name, flags = ("released.so", ["-DRELEASE_GIL"]) if release_gil else ("held.so", [])
    return _module("handwritten", _extension(name, _source("handwritten.c"), *flags))


def by_cython(*, binding: bool = True) -> Any:
    """Return the extension module that Cython makes; *binding* is its directive of that name."""
    name = "by_cython" if binding else "by_cython_unbound"

    def translate(made: Path) -> None:
        directive = f"binding={binding}"
        command = (sys.executable, "-m", "cython", "-3", "-X", directive)
        _run(*command, _source("by_cython.pyx"), "-o", made)

    return _module("by_cython", _extension(f"{name}.so", _fresh(f"{name}.c", translate)))


def by_cffi() -> Any:
    """Return the module that cffi makes in API mode; its functions are those of ``lib``."""

    def translate(made: Path) -> None:
        ffi = cffi.FFI()
        ffi.cdef(native_declarations())
        ffi.set_source("by_cffi", '#include "native.h"')
        ffi.emit_c_code(str(made))

    return _module("by_cffi", _extension("by_cffi.so", _fresh("by_cffi.c", translate)))


def by_pybind11() -> Any:
    """Return the extension module of pybind11, with the flags of its documentation."""
    import pybind11

    flags = (f"-I{pybind11.get_include()}", "-fvisibility=hidden", "-flto=auto")
    return _module("by_pybind11", _cplusplus("by_pybind11", *flags))


def by_nanobind() -> Any:
    """Return the extension module of nanobind, with the flags that NOMINSIZE and LTO stand for."""
    import nanobind

    sources = Path(nanobind.source_dir())
    flags = (
        f"-I{nanobind.include_dir()}",
        f"-I{sources.parent / 'ext' / 'robin_map' / 'include'}",
        *("-fvisibility=hidden", "-fno-strict-aliasing", "-fno-stack-protector", "-flto=auto"),
        str(sources / "nb_combined.cpp"),
    )
    return _module("by_nanobind", _cplusplus("by_nanobind", *flags))


def go_export() -> Path:
    """Return a plugin written in Go, with its header beside it."""
    return _fresh("go_export.so", lambda made: build.build(_source("go_export"), made))


def go_program() -> tuple[Path, Path]:
    """Return the program that measures Go's own ``plugin`` package, and its plugin."""

    def go_build(package: str, *flags: str) -> Callable[[Path], object]:
        toolchain, compiler = programs.go_toolchain(), programs.c_compiler()
        assert toolchain, "the extra 'bench' of the Makefile has Go"
        assert compiler, "the environment was made by a C compiler"
        options = ("-trimpath", "-buildvcs=false", *flags)
        environment = toolchains.go_environment(toolchain, compiler)
        return lambda made: _run(
            *(str(toolchain.command), "build", *options, "-o", str(made), package),
            cwd=_source("go_plugin"),
            env=environment,
        )

    plugin = _fresh("go_plugin.so", go_build("./plugin", "-buildmode=plugin"))
    return _fresh("go_host", go_build(".")), plugin


def functions(count: int) -> Path:
    """Return a plugin of so many functions ``int64_t f<i>(int64_t a)``, and a header beside it."""

    def generate(made: Path) -> None:
        prototypes = [f"int64_t f{i}(int64_t a)" for i in range(count)]
        source = made.with_suffix(".c")
        bodies = (f"{prototype} {{ return a; }}\n" for prototype in prototypes)
        source.write_text("#include <stdint.h>\n" + "".join(bodies))
        build.build(source, made, flags=["-O0", "-g0"])
        header = made.with_suffix(".h")
        header.write_text("".join(f"{prototype};\n" for prototype in prototypes))

    return _fresh(f"functions_{count}.so", generate)


def _source(name: str) -> Path:
    return SOURCES / name


def _fresh(name: str, make: Callable[[Path], object]) -> Path:
    """Return a file of `ROOM`, made anew when a source is younger."""
    made = ROOM / name
    sources = [Path(__file__), *(path for path in SOURCES.rglob("*") if path.is_file())]
    if not made.exists() or made.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        ROOM.mkdir(exist_ok=True)
        make(made)
        os.utime(made)
    return made


def _extension(name: str, source: Path, *flags: str) -> Path:
    return _fresh(
        name,
        lambda made: build.build(source, made, flags=[*_EXTENSION, *flags, str(native())]),
    )


def _cplusplus(name: str, *flags: str) -> Path:
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    assert compiler, "nanobind and pybind11 need a C++ compiler: apt install g++"
    return _fresh(
        f"{name}.so",
        lambda made: _run(
            *(compiler, "-std=c++17", "-fPIC", "-shared", *_EXTENSION, "-o", str(made)),
            *(str(_source(f"{name}.cpp")), *flags, str(native())),
        ),
    )


def _run(*command: str | Path, **options: Any) -> None:
    subprocess.run(command, check=True, **options)


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec, path
    assert spec.loader, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
