"""The command ``stubs``: a plugin as a Python class, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nativeplug
from nativeplug import Interface, declare
from nativeplug.declare.sources import Source
from nativeplug.interface import contents_of, declarations_of, interface_version
from nativeplug.loader.files import read_file
from nativeplug.runtime.type_info import TypeInfo
from plugins_with_metadata import tell
from support import PLUGINS_C, BuildC, CPlugin, needs_go, refused, run

# Names and types that Python has no words for.
ODD = """
#include <stdint.h>
typedef struct { char c; int i; } __attribute__((packed)) tight;
typedef long long mine;
struct options { int from[2]; _Bool in; };
enum level { LOW, HIGH = 7 };
#define path 3
#define DEPTH 4
extern const char *const motto;
extern mine lambda;
extern tight packed;
extern char letters[8];
extern const int grid[2][2];
int close(int number);
int float_of(_Bool self, int from, int from_, long double, enum level lambda);
int def(void);
double str(double x);
void __hidden(void);
char *take(char *text, const char *name, char c, wchar_t w, struct options);
int scaled(int lambda, const int xs[lambda], int n, const int ys[n]);
int counted(unsigned n, const int xs[n], int (*f)(int x));
__int128 large(void);
int absent(void);
"""
ODD_C = """
#include <stddef.h>
#include "odd.h"
const char *const motto = "";
mine lambda; tight packed; char letters[8]; const int grid[2][2];
int close(int number) { return number; }
int float_of(_Bool self, int from, int from_, long double d, enum level l) { return from_; }
int def(void) { return 0; }
double str(double x) { return x; }
void __hidden(void) {}
char *take(char *text, const char *name, char c, wchar_t w, struct options o) { return text; }
int scaled(int lambda, const int *xs, int n, const int *ys) { return n; }
int counted(unsigned n, const int *xs, int (*f)(int x)) { return n; }
__int128 large(void) { return 0; }
int unheard_of(void) { return 0; }
"""
# What nobody can call from Python.
UNSERVED = {"large", "number_bits_by_value"}


def run_module(text: str, monkeypatch: pytest.MonkeyPatch) -> type[Interface]:
    """Run a module that has an interface, and return that."""
    module = ModuleType("written")
    monkeypatch.setitem(sys.modules, "written", module)
    exec(compile(text, "written", "exec", dont_inherit=True), vars(module))  # noqa: S102
    [found] = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Interface)
    )
    return found


def check_round_trip(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> type[Interface]:
    """Check that a plugin's class says what its header says; return it."""
    result = run("stubs", plugin)
    assert 0 == result.exit_code, result.output
    interface = run_module(result.stdout, monkeypatch)
    content = read_file(str(plugin))
    brought = TypeInfo(str(plugin), content).brought(str(plugin))
    assert brought is not None
    declared, exports = brought.alone, content.file.exports
    # What contradicts the header, in a type or in a symbol, is refused.
    both = declare.extend(declared, Source(declarations_of(interface), "interface"))
    again = declare.read(declarations_of(interface))
    assert set(again.symbols) == declared.symbols.keys() & exports.keys() - UNSERVED
    assert both.constants == declared.constants
    assert again.constants == {name: declared.constants[name] for name in again.constants}
    return interface


@pytest.mark.parametrize("name", sorted(path.stem for path in PLUGINS_C.glob("*.h")))
def test_round_trip(name: str, c_plugin: CPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each C plugin of the project is opened as the class that is written of it."""
    interface = check_round_trip(c_plugin(name), monkeypatch)
    with nativeplug.open(c_plugin(name), interface) as plg:
        assert set(plg._symbols.resolved) == {
            member.name
            for member in contents_of(interface).members.values()
            if member.kind != "constant"
        }


@needs_go
@pytest.mark.parametrize("name", ["greeter", "structs", "strings", "results"])
def test_round_trip_go(name: str, go_plugin: CPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """So are those of Go."""
    interface = check_round_trip(go_plugin(name), monkeypatch)
    nativeplug.open(go_plugin(name), interface, allow_go_results=True).close()


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Return a plugin whose header is beside it."""
    from building import build

    (tmp_path / "odd.h").write_text(ODD)
    (tmp_path / "odd.c").write_text(ODD_C)
    return build(tmp_path / "odd.c", tmp_path / "odd.so")


def test_odd(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python has no words for is declared all the same, and looked up."""
    interface = check_round_trip(odd, monkeypatch)
    members = contents_of(interface).members
    assert {"DEPTH", "LOW", "HIGH"} == {
        name for name in members if members[name].kind == "constant"
    }
    expected = "motto packed letters grid float_of take scaled counted"
    assert sorted(expected.split()) == sorted(
        name for name in members if members[name].kind != "constant"
    )
    assert "int counted(unsigned int n, const int xs[n], int (*f)(int x))" == (
        members["counted"].text
    )
    with nativeplug.open(odd, interface) as plg:
        assert 9 == plg.lookup("close")(9)  # type: ignore[operator]
        assert 5 == plg.ffi.sizeof("tight")


def test_odd_text(odd: Path) -> None:
    """The class names C's types, and tells what it leaves out."""
    text = run("stubs", odd, "--name", "Strange").stdout
    for line in (
        '"""odd.so as a Python class, written by nativeplug stubs."""',
        "from typing import Annotated, Any, Final",
        'class Strange(nativeplug.Interface, types="""',
        "} __attribute__((packed)) tight;",
        "    # Declared, but not exported: absent",
        "    # Exported, but not declared: unheard_of",
        "    # Cannot use '__int128 large(void)': undefined type name: '__int128'",
        "    # The constant 'path' has a name that no member can have",
        "    HIGH: Final = 7",
        '    letters: Annotated[str, CType("char [8]")]',
        "    def motto(self) -> str | None: ...",
        "        self_: bool,",
        "        from_: nativeplug.int_,",
        "        from__: nativeplug.int_,",
        '        p4: Annotated[Any, CType("long double")],',
        '        lambda_: Annotated[int, CType("enum level")],',
        '        text: Annotated[Any, CType("char *")],',
        '    ) -> Annotated[str | None, CType("char *")]: ...',
    ):
        assert line in text.splitlines()


def test_stub(kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .pyi has the same members, without C's types but in their docstrings."""
    text = run("stubs", kinds, "--pyi").stdout
    assert "CType" not in text
    assert "Annotated" not in text
    expected = '    def add(self, a: int, b: int) -> int:\n        """int64_t add(int64_t a, '
    assert expected in text
    assert "    LIMIT: Final = 12\n" in text
    assert "    counter: int\n" in text
    made: dict[str, Any] = {}
    monkeypatch.setattr(nativeplug, "Interface", object)
    exec(compile(text, "stub", "exec", dont_inherit=True), made)  # noqa: S102 - it is Python
    assert "Kinds" in made


def test_output(kinds: Path, tmp_path: Path) -> None:
    """The text can be written to a file."""
    assert "" == run("stubs", kinds, "-o", tmp_path / "kinds.py").output
    assert run("stubs", kinds).stdout == (tmp_path / "kinds.py").read_text()


def test_given_header(bare_kinds: Path, kinds: Path) -> None:
    """A header can be named."""
    assert run("stubs", bare_kinds, kinds.with_suffix(".h")).stdout == run("stubs", kinds).stdout


def test_brought(bare_kinds: Path, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a header the class is what the debug information tells."""
    check_round_trip(bare_kinds, monkeypatch)
    bare = build_c("int add(int a) { return a; }", "bare", "-g0")
    words = "it tells none, there is no header beside it, and no debug information"
    assert words in refused(run("stubs", bare))


def test_told(c_plugin: CPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the plugin tells of itself comes with the name and version of its interface."""
    interface = check_round_trip(c_plugin("told"), monkeypatch)
    assert "told 1.2" == str(interface_version(interface))
    assert {"told_calls", "told_names", "told_add", "told_sum", "told_mirror", "TOLD_LIMIT"} == (
        contents_of(interface).members.keys()
    )


def test_told_name(elf_bytes: bytes, tmp_path: Path) -> None:
    """A name that no interface can have is left out."""
    path = tmp_path / "odd.so"
    path.write_bytes(tell(elf_bytes, "interface 7\\up 1.0", "function int add(int a, int b)"))
    assert "class Odd(nativeplug.Interface):\n" in run("stubs", path).stdout


def test_nothing(tmp_path: Path) -> None:
    """A plugin without anything is an empty class."""
    from building import build

    (tmp_path / "lib2none.c").write_text("")
    (tmp_path / "lib2none.h").write_text("")
    plugin = build(tmp_path / "lib2none.c", tmp_path / "lib2none.so")
    assert "'2none' cannot be a class's name in Python" in refused(run("stubs", plugin))
    text = run("stubs", plugin, "--name", "Nothing").stdout
    assert text.endswith("import nativeplug\n\n\nclass Nothing(nativeplug.Interface):\n    pass\n")


def test_never_loads(tmp_path: Path) -> None:
    """No code of the plugin runs."""
    from building import build

    (tmp_path / "loud.c").write_text(
        "#include <stdlib.h>\n__attribute__((constructor)) void loud(void) { abort(); }\n"
    )
    (tmp_path / "loud.h").write_text("void loud(void);\n")
    assert "def loud(self) -> None: ..." in run("stubs", build(tmp_path / "loud.c")).stdout
