"""What debug information tells, against what libabigail's abidw makes of it."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import building
from nativeplug import abi
from nativeplug._util import programs
from nativeplug.elf import defects, dwarf, facts
from soaking import Measured, times
from support import PLUGINS_C, PLUGINS_GO

# The class of a type, its size, and its sign or how many items there are.
Shape = tuple[str, int, Any]
# abidw tells a number's sign by its name alone, which may be Rust's.
_UNSIGNED = re.compile(r"unsigned|^u(8|16|32|64|128|size)$|^char(16|32)_t$")
# Files at full size, at most, and at any size.
_FILES, _FEWEST = 500, 5
_POINTERS = {"pointer-type-def", "reference-type-def", "function-type"}
_THROUGH = {"typedef-decl", "qualified-type-def"}


def libabigail(scale: float, folder: Path) -> Measured:
    """Compare functions and variables of the project's plugins and of the system's libraries."""
    if shutil.which("abidw") is None:
        return Measured(math.inf, "not measured: no abidw")
    files = itertools.chain(_project(folder), _system())
    compared, explained = 0, 0
    wrong: list[str] = []
    details: list[str] = []
    for path in itertools.islice(files, max(_FEWEST, times(_FILES, scale))):
        found = dwarf.read(path.read_bytes())
        other = _Abidw(path).symbols()
        both = found.symbols.keys() & other.keys()
        pairs = {name: (_shapes(found.symbols[name].type), other[name]) for name in sorted(both)}
        unlike = [name for name, (ours, theirs) in pairs.items() if ours != theirs]
        differ = [
            f"{path.name}: {name}: {found.symbols[name].text}: {other[name]}"
            for name in unlike
            if not _is_explained(*pairs[name], is_go=defects.is_go(path.read_bytes()))
        ]
        compared += len(both)
        explained += len(unlike) - len(differ)
        wrong += differ
        only = sorted(other.keys() - both - {s.name for s in facts.read(path).runtime_symbols})
        lost = f", {len(only)} told by abidw alone: {' '.join(only[:5])}" if only else ""
        details.append(f"{path.name}: {len(both)} compared, {len(differ)} differ{lost}")
    files_text = f"{compared:,} symbols in {len(details)} files"
    text = f"{len(wrong)} of {files_text} differ, {explained} more for known reasons"
    return Measured(len(wrong), text, wrong[:20], details)


def _is_explained(ours: list[Shape], theirs: list[Shape], *, is_go: bool) -> bool:
    """
    Tell whether a difference is abidw's.

    It takes an array's type from a declaration without its length, though the definition has
    one; and one ``int`` for Go's, of 8 bytes, and C's, of 4, which are in one file.
    """
    return len(ours) == len(theirs) and all(
        one == other
        or (other == ("array", 0, None) and one[0] == "array")
        or (is_go and (one, other) == (("integer", 4, True), ("integer", 8, True)))
        for one, other in zip(ours, theirs, strict=True)
    )


def _project(folder: Path) -> Iterator[Path]:
    """Give the project's plugins with debug information, by all compilers that there are."""
    compilers = [programs.c_compiler(), ["clang"] if shutil.which("clang") else None]
    for number, compiler in enumerate(filter(None, compilers)):
        for source in sorted(PLUGINS_C.glob("*.c")):
            made = folder / f"{source.stem}_{number}.so"
            yield from _compiled([*compiler, "-g", "-shared", "-fPIC"], source, made)
    for program, name, text in (("c++", "cplusplus.cc", _CPLUSPLUS), ("rustc", "rust.rs", _RUST)):
        if shutil.which(program):
            source = folder / name
            source.write_text(text, encoding="utf-8")
            options = ["--crate-type", "cdylib"] if program == "rustc" else ["-shared", "-fPIC"]
            yield from _compiled([program, "-g", *options], source, source.with_suffix(".so"))
    if programs.go_toolchain() is not None:
        for theme in ("greeter", "structs", "strings", "scalars"):
            yield building.build(PLUGINS_GO / theme, folder / f"go_{theme}.so")


def _compiled(command: list[str], source: Path, made: Path) -> Iterator[Path]:
    """Give what is made of a source; nothing where a compiler does not know all that is in it."""
    done = subprocess.run(
        [*command, "-o", str(made), str(source)], check=False, capture_output=True
    )
    if done.returncode == 0:
        yield made


_CPLUSPLUS = """
#include <cstdint>
namespace app {
struct Point { double x, y; };
enum class Mode : uint8_t { Off, On };
struct Count { int n; int get() const { return n; } };
}
extern "C" {
app::Point mirror(app::Point p) { return p; }
int reference(const app::Point &p, int &&r) { return p.x + r; }
int mode(app::Mode m, bool b, wchar_t w, char16_t c, char32_t d) { return (int)m + b + w + c + d; }
int count(app::Count c, unsigned long long *l) { return c.get() + *l; }
extern const app::Point origin;
const app::Point origin = {1, 2};
app::Mode current;
}
int mangled(app::Point *p, unsigned char u) { return p->x + u; }
"""
_RUST = """
#[repr(C)] #[derive(Clone, Copy)] pub struct Point { x: f64, y: f64 }
#[repr(C)] #[derive(Clone, Copy)] pub enum Color { Red = 1, Blue = 7 }
#[no_mangle] pub extern "C" fn add(a: i64, b: u8) -> i64 { a + b as i64 }
#[no_mangle] pub extern "C" fn mirror(p: Point) -> Point { Point { x: -p.x, y: -p.y } }
#[no_mangle] pub extern "C" fn paint(c: Color, b: bool) -> Color { if b { c } else { Color::Red } }
#[no_mangle] pub extern "C" fn echo(s: *const std::os::raw::c_char, n: usize) -> f32 { n as f32 }
#[no_mangle] pub static LIMITS: [i32; 3] = [1, 2, 3];
"""


def _system() -> Iterator[Path]:
    """Give libraries with debug information: a Python that was built here has it."""
    place = Path(sys.base_prefix, "lib")
    for path in [*sorted(place.glob("python3.*/lib-dynload/*.so")), *sorted(place.glob("*.so.*"))]:
        if dwarf.has_debug(path.read_bytes()):
            yield path


class _Abidw:
    """What abidw tells of a file."""

    def __init__(self, path: Path) -> None:
        command = ["abidw", "--no-comp-dir-path", "--no-show-locs", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        self._corpus = ET.fromstring(done.stdout)  # noqa: S314 - the system's tool wrote it
        self._types = {
            each.get("id", ""): each for each in self._corpus.iter() if each.get("id") is not None
        }

    def symbols(self) -> dict[str, list[Shape]]:
        """Return the shapes of functions (the result, the parameters) and of variables."""
        found: dict[str, list[Shape]] = {}
        for unit in self._corpus.iter("abi-instr"):
            for each in unit.iter("function-decl"):
                if each.get("elf-symbol-id"):
                    found[_symbol(each)] = self._function(each)
            for each in unit.iter("var-decl"):
                if each.get("elf-symbol-id"):
                    found[_symbol(each)] = [self._shape(each.get("type-id", ""))]
        return found

    def _function(self, function: ET.Element) -> list[Shape]:
        result = function.find("return")
        shapes = [self._shape("" if result is None else result.get("type-id", ""))]
        for parameter in function.findall("parameter"):
            if parameter.get("is-variadic") == "yes":
                shapes.append(("variadic", 0, None))
            else:
                shapes.append(self._shape(parameter.get("type-id", "")))
        return shapes

    def _shape(self, number: str) -> Shape:
        type_ = self._types.get(number)
        while type_ is not None and type_.tag in _THROUGH:
            type_ = self._types.get(type_.get("type-id", ""))
        if type_ is None or type_.get("name") == "void":
            return ("void", 0, None)
        told = type_.get("size-in-bits", "0")
        size = int(told) // 8 if told.isdigit() else 0
        if type_.tag in _POINTERS:
            return ("pointer", 8, None)
        if type_.tag == "enum-decl":
            (underlying,) = type_.iter("underlying-type")
            return ("enumeration", self._shape(underlying.get("type-id", ""))[1], None)
        if type_.tag in {"class-decl", "union-decl"}:
            return ("record", size, None)
        if type_.tag == "array-type-def":
            return ("array", size, None)
        return _scalar(type_.get("name", ""), size)


def _symbol(element: ET.Element) -> str:
    return element.get("elf-symbol-id", "").partition("@")[0]


def _scalar(name: str, size: int) -> Shape:
    if "complex" in name.lower():
        return ("complex", size, None)
    if name in {"bool", "_Bool"}:
        return ("boolean", size, None)
    if "float" in name.lower() or "double" in name or name in {"f32", "f64"}:
        return ("float", size, None)
    return ("integer", size, _UNSIGNED.search(name) is None)


def _shapes(type_: abi.Type) -> list[Shape]:
    if not isinstance(type_, abi.FunctionType):
        return [_shape(type_)]
    shapes = [_shape(each) for each in (type_.result, *(type_.parameters or ()))]
    return [*shapes, *[("variadic", 0, None)] * type_.is_variadic]


def _shape(type_: abi.Type) -> Shape:
    size = abi.size_of(type_)
    if isinstance(type_, abi.Scalar):
        kind = {"x87": "float", "x87 complex": "complex"}.get(type_.kind, type_.kind)
        return (kind, size, type_.signed if kind == "integer" else None)
    return (type(type_).__name__.lower(), size, None)
