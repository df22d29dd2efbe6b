"""What debug information tells: the same as the header, however the compiler writes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nativeplug import abi, declare
from nativeplug._util import programs
from nativeplug.declare.abi_types import abi_of
from nativeplug.elf import dwarf
from nativeplug.errors import DeclarationError
from support import PLUGINS_C, ROOT, Compile, CPlugin, RunPython, needs_go
from told_by_dwarf import opened, told

pytestmark = pytest.mark.slow

FLAVOURS = [
    "-gdwarf-5",
    "-gdwarf-4 -O2",
    "-gdwarf-3",
    "-gdwarf-2 -gstrict-dwarf",
    "-g -O2 -flto",
    "-g -gz",
    "-g -gz=zlib-gnu",
    "-gdwarf-5 -fdebug-types-section",
    "-gdwarf-4 -fdebug-types-section",
    "-g -gdwarf64",
]
THEMES = [path.stem for path in sorted(PLUGINS_C.glob("*.h"))]


def differences(found: dwarf.DebugInfo, header: declare.Declarations) -> list[str]:
    """Compare debug information with a header, and with what it is itself as C text."""
    wrong, own = [], opened(found)
    for name, line in header.lines.items():
        if name not in own.lines:
            wrong.append(f"{name} is not told")
            continue
        declared, told_type = abi_of(header.ffi, line), abi_of(own.ffi, own.lines[name])
        assert declared is not None
        assert told_type is not None
        pairs = [(declared, found.symbols[name].type), (told_type, found.symbols[name].type)]
        pairs.append((declared, told_type))
        wrong += [f"{name}: {words}" for pair in pairs if (words := abi.differ(*pair)) is not None]
    return wrong


@pytest.mark.parametrize("flags", FLAVOURS)
def test_as_in_the_headers(flags: str, tmp_path: Path) -> None:
    """The project's plugins can be opened by debug information alone, as by their headers."""
    compiler = programs.c_compiler()
    assert compiler is not None
    wrong = []
    for theme in THEMES if flags == FLAVOURS[0] else ("structs", "variables", "scalars"):
        made, source = tmp_path / f"{theme}.so", PLUGINS_C / f"{theme}.c"
        command = [*compiler, "-shared", "-fPIC", *flags.split(), "-o", str(made), str(source)]
        subprocess.run(command, check=True)
        wrong += differences(told(made), declare.read(PLUGINS_C / f"{theme}.h"))
    assert [] == wrong


@needs_go
@pytest.mark.parametrize("theme", ["greeter", "structs", "strings"])
def test_go(theme: str, go_plugin: CPlugin) -> None:
    """A Go plugin tells of its exports as the header does that cgo wrote, and of no others."""
    plugin = go_plugin(theme)
    header = declare.find(str(plugin))
    assert header is not None
    found = told(plugin)
    assert [] == differences(found, header)
    assert set(header.lines) == set(found.symbols)
    assert found.build_id is not None


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [("struct s", "struct s", ""), ("union u", "union u", ""), ("typedef struct", "T", "T")],
)
def test_pointed_to(before: str, name: str, after: str, compile_c: Compile) -> None:
    """A record that is only pointed to must be laid out as it is declared."""

    def text(members: str) -> str:
        return f"{before} {{ {members} }} {after}; int f({name} *p)"

    known = told(compile_c(f"{text('int x, y;')} {{ return !p; }}", "-g")).symbols["f"].type
    found = []
    for members in ("int a, b;", "int x[3];"):
        declared = declare.read(f"{text(members)};")
        type_ = abi_of(declared.ffi, declared.lines["f"])
        assert type_ is not None
        found.append(abi.differ(type_, known))
    size = 4 if name == "union u" else 8
    assert found[0] is None
    assert f"they point to records of 12 and {size} bytes" in str(found[1])


class TestSymbols:
    """Which entry is about which symbol."""

    def test_aliases(self, compile_c: Compile) -> None:
        """Other names of one place have its type, unless they are of another size."""
        text = """
            int f(char a) { return a; }
            int g(char a) __attribute__((alias("f")));
            __attribute__((weak, alias("f"))) int h(char a);
            long v = 3; extern long w __attribute__((alias("v")));
            int renamed(int a) __asm__("label"); int renamed(int a) { return a; }
        """
        found = told(compile_c(text, "-g"))
        assert {
            "f": "int f(char a)",
            "g": "int g(char a)",
            "h": "int h(char a)",
            "label": "int label(int a)",
            "v": "extern long int v",
            "w": "extern long int w",
        } == {name: known.text for name, known in found.symbols.items()}

    def test_thread_local(self, compile_c: Compile) -> None:
        """A thread-local variable is known as such."""
        found = told(compile_c("__thread int x = 3; int y = 4;", "-g"))
        assert "extern _Thread_local int x" == found.symbols["x"].text
        with pytest.raises(DeclarationError, match="thread-local"):
            declare.usable(opened(found).lines["x"])

    def test_chosen_at_load(self, compile_c: Compile) -> None:
        """Of a function that is chosen when the file is loaded, nothing is known."""
        text = """
            static int one(int a) { return a; }
            static void *choose(void) { return one; }
            int f(int a) __attribute__((ifunc("choose")));
        """
        assert [] == list(told(compile_c(text, "-g")).symbols)

    def test_old_style(self, compile_c: Compile) -> None:
        """Of a function without a prototype only the result is known."""
        found = told(compile_c("int f(a) char a; { return a; }", "-g", "-std=gnu11", "-w"))
        assert (
            abi.FunctionType(abi.Scalar("integer", 4, signed=True), None) == found.symbols["f"].type
        )

    def test_static_namesake(self, compile_c: Compile, tmp_path: Path) -> None:
        """A function of the same name in another file, which is not exported, is not meant."""
        other = tmp_path / "other.c"
        other.write_text("static double f(double a) { return a; } double g(void) { return f(1); }")
        found = told(compile_c("int f(int a) { return a; }", "-g", str(other)))
        assert "int f(int a)" == found.symbols["f"].text

    def test_folded(self, compile_c: Compile) -> None:
        """A function that GCC makes call another one of the same body keeps its type."""
        text = """
            int f(int a, int b) { return a * b + a; }
            unsigned g(unsigned a, unsigned b) { return a * b + a; }
        """
        found = told(compile_c(text, "-g", "-O2"))
        assert {
            "f": "int f(int a, int b)",
            "g": "unsigned int g(unsigned int a, unsigned int b)",
        } == {name: known.text for name, known in found.symbols.items()}

    def test_in_parts(self, compile_c: Compile) -> None:
        """A function whose seldom run part lies elsewhere is known."""
        text = """
            #include <stdlib.h>
            int f(int *a, long b) {
                if (__builtin_expect(b > 3, 0)) { for (long i = 0; i < b; i++) a[i]++; abort(); }
                return *a;
            }
        """
        for version in ("-gdwarf-4", "-gdwarf-5"):
            found = told(compile_c(text, version, "-O2", "-freorder-blocks-and-partition"))
            assert "int f(int *a, long int b)" == found.symbols["f"].text

    def test_declared_only(self, compile_c: Compile) -> None:
        """What a file merely declares, and is defined without debug information, is not known."""
        text = """
            __asm__(".globl g\\n.type g, %function\\ng: .zero 4\\n.size g, 4");
            int g(int a);
            int f(int a) { return g(a) + 1; }
        """
        assert ["f"] == list(told(compile_c(text, "-g", "-O2")).symbols)

    def test_split(self, compile_c: Compile) -> None:
        """Of what is in a file beside it, nothing is known."""
        found = told(compile_c("int f(int a) { return a; }", "-g", "-gsplit-dwarf"))
        assert {} == found.symbols


class TestOtherCompilers:
    """What GCC does not write."""

    def test_clang(self, compile_c: Compile) -> None:
        """Clang writes addresses and strings by index."""
        found = told(
            compile_c("", "-x", "assembler", str(ROOT / "tests" / "helpers" / "clang_debug.s"))
        )
        assert (
            "struct point { int x; double y; };\nint f(int a, struct point *p);\n"
            "extern struct point here;\nextern _Thread_local long t;\nextern int v;\n"
        ) == found.text


class TestNothing:
    """Files without debug information."""

    def test_none(self, compile_c: Compile) -> None:
        """Nothing is known, for no reason."""
        assert dwarf.DebugInfo() == dwarf.read(compile_c("int f(void) { return 1; }").read_bytes())

    @pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n" * 9, bytes(200)])
    def test_other_files(self, data: bytes) -> None:
        """Other files have none."""
        assert dwarf.DebugInfo() == dwarf.read(data)

    def test_cheap(self, compile_c: Compile, run_python: RunPython) -> None:
        """Nothing of pyelftools is imported where there is nothing to read."""
        code = """
            import pathlib, sys
            from nativeplug.elf import dwarf
            dwarf.read(pathlib.Path(sys.argv[1]).read_bytes())
            print("elftools" in sys.modules)
        """
        plugins = [compile_c("int f;"), compile_c("int f;", "-g")]
        ended = [run_python(code, each) for each in plugins]
        assert [("False\n", ""), ("True\n", "")] == [(e.stdout, e.stderr) for e in ended]
