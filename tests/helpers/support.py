"""Places, types, texts and helpers that the tests share."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

from gates import wait_for
from nativeplug import declare
from nativeplug.call import CallContext, Function, Uses
from nativeplug.checking.declared import TypeChecks
from nativeplug.elf.elffile import ElfFile
from nativeplug.errors import OpenError
from nativeplug.loader import files, generation, loading
from nativeplug.loader.files import read_file
from nativeplug.runtime.type_info import TypeInfo

if TYPE_CHECKING:
    from click.testing import Result

    import nativeplug

ROOT = Path(__file__).parents[2]
#: The pages that users read.
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PLUGINS_C = ROOT / "plugins_c"
PLUGINS_GO = ROOT / "plugins_go"

PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CPlugin = Callable[[str], Path]
BuildC = Callable[..., Path]
Compile = Callable[..., Path]
OpenPlugin = Callable[..., "nativeplug.Plugin"]
RunPython = Callable[..., "subprocess.CompletedProcess[str]"]
Test = TypeVar("Test", bound=Callable[..., object])

# A plugin that exports symbols of every sort.
EXPORTS_C = """
int calls = 3;
__thread int per_thread;
int add(int a, int b) { return a + b; }
__attribute__((weak)) void replaceable(void) {}
__attribute__((visibility("hidden"))) int hidden(void) { return 1; }
__attribute__((visibility("protected"))) int guarded(void) { return 1; }
static int private_one(void) { return 2; }
int (*const pointer)(void) = private_one;
"""
# Offsets in the ELF header of 64 bit files, elf(5).
E_TYPE, E_MACHINE, E_PHOFF, E_SHOFF, E_PHENTSIZE, E_PHNUM, E_SHNUM = 16, 18, 32, 40, 54, 56, 60
# A plugin for the command line, with values of every kind.
KINDS_H = """
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#define LIMIT 12
enum color { RED = 1, BLUE = 7 };
typedef struct { int x; double y; } Point;
int64_t add(int64_t a, int64_t b);
uint8_t small(uint8_t n);
double half(double x);
float halff(float x);
bool negate(bool b);
char next(char c);
wchar_t wide(wchar_t c);
enum color paint(enum color c);
const char *echo(const char *text);
char *copy(const char *text);
int length_or_minus(const char *text);
void *same(void *pointer);
int apply(int (*function)(int));
Point mirror(int x, double y);
int take(Point point);
void nothing(void);
int varied(int count, ...);
extern int counter;
extern const char *label;
extern const char *broken;
extern int triple[3];
int absent(void);
"""
KINDS_C = """
#include <stdlib.h>
#include <string.h>
#include "kinds.h"
int64_t add(int64_t a, int64_t b) { return a + b; }
uint8_t small(uint8_t n) { return n; }
double half(double x) { return x / 2; }
float halff(float x) { return x / 2; }
bool negate(bool b) { return !b; }
wchar_t wide(wchar_t c) { return c; }
char next(char c) { return c + 1; }
enum color paint(enum color c) { return c; }
const char *echo(const char *text) { return text; }
char *copy(const char *text) { return strcpy(malloc(strlen(text) + 1), text); }
int length_or_minus(const char *text) { return text ? (int)strlen(text) : -1; }
void *same(void *pointer) { return pointer; }
int apply(int (*function)(int)) { return function ? function(1) : -1; }
Point mirror(int x, double y) { Point made = {-x, -y}; return made; }
int take(Point point) { return point.x; }
void nothing(void) {}
int varied(int count, ...) { return count; }
int counter = 3;
const char *label = "a label";
const char *broken = "\\xff\\xfe";
int triple[3] = {1, 2, 3};
int unheard_of(void) { return 1; }
"""


def python_of(page: str) -> str:
    """Return the Python examples of a page, as at a prompt."""
    return "\n".join(PYTHON_BLOCK.findall(page))


def needs_go(test: Test) -> Test:
    """Mark a test that builds a Go plugin: it is skipped without Go."""
    pytest.mark.usefixtures("go_toolchain")(test)
    return test


def refuse(number: int) -> Callable[..., NoReturn]:
    """Return a function that raises an OSError, as system calls do."""

    def call(*_args: object, **_options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return call


def shown(value: object) -> str:
    """
    Show a value in the name of a test: without its address, another one in each process.
    """
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def descriptors() -> int:
    """Count the open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def names(folder: Path) -> set[str]:
    """
    Name everything in *folder*.
    """
    return {path.name for path in folder.iterdir()}


def types_of(path: Path, *, is_foreign: bool = False, is_required: bool = False) -> TypeChecks:
    """Return what a plugin's file tells."""
    content = read_file(str(path))
    return TypeChecks(content, TypeInfo(str(path), content), is_foreign, is_required)


def section_header(data: bytes, name: str) -> int:
    """Return where in a file the header of a section is."""
    file = ElfFile.of(data)
    section = file.section(name)
    assert section is not None
    return file.header.sections_offset + file.sections.index(section) * file.header.section_size


def patched(data: bytes, offset: int, layout_text: str, *values: int) -> bytes:
    """Return *data* with other values at *offset*."""
    made = bytearray(data)
    struct.pack_into(layout_text, made, offset, *values)
    return bytes(made)


def go_build_info(version: str, flags: int = 2) -> str:
    """Return C text for a file that carries Go's build information."""
    size = len(version.encode().decode("unicode_escape"))
    text = f'\\xff" " Go buildinf:" "\\x08\\x{flags:02x}' + "\\0" * 16
    return f'char info[] = "{text}" "\\x{size:02x}" "{version}";\n'


def run(*arguments: str | Path, typed: str | None = None) -> Result:
    """Run a command in this process, of a user who types something."""
    from click.testing import CliRunner

    from nativeplug.cli.app import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)


def refused(result: Result, status: int = 2) -> str:
    """Check that a command failed as users may expect it, and return its one line."""
    assert status == result.exit_code, result.output
    assert "" == result.stdout
    assert 1 == result.stderr.count("\n"), result.stderr
    assert result.stderr.startswith("nativeplug: ")
    return result.stderr


def let_clock_tick(folder: Path) -> None:
    """Wait until a change of a file of now would show in its times, whose clock goes in steps."""
    probe = folder / "clock"
    probe.touch()
    before = probe.stat().st_ctime_ns

    def has_ticked() -> bool:
        probe.touch()
        return probe.stat().st_ctime_ns > before

    wait_for(has_ticked)
    probe.unlink()


def load_generation(path: Path | str) -> generation.Generation:
    """Load the file that *path* names now."""
    return loading.load_file(str(path), files.read_file(str(path)))


def call_int(loaded: generation.Generation, name: str) -> int:
    """Call a function that returns an int."""
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(loaded.address(name))())


def lies_in(loaded: generation.Generation, address: int) -> bool:
    """Tell whether an address lies in a generation."""
    start, end = loaded.span
    return start <= address < end


def error_of(path: Path | str) -> OpenError:
    """Return the error that loading a file raises."""
    with pytest.raises(OpenError) as caught:
        load_generation(path)
    return caught.value


def function_of(text: str) -> Function:
    """Return a function, declared by C text, that gives back its arguments."""
    declarations = declare.read(text)
    name, line = next(iter(declarations.lines.items()))
    scope = CallContext(declarations.ffi, "made.so")
    given_back = lambda *args: args  # noqa: E731 - short
    return Function(name, 4096, None, given_back, line, scope, 0, 0, Uses(4096, 8192))


def failing(error: BaseException, seen: list[int] | None = None) -> Any:
    """Return a function that notes its argument and raises."""

    def fail(x: int) -> int:
        if seen is not None:
            seen.append(x)
        raise error

    return fail
