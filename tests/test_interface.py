"""Interfaces: what a class says, and what opening a plugin as one demands."""

# mypy: disable-error-code="empty-body"
# ruff: noqa: N802 - the names are those of C

from __future__ import annotations

import inspect
import re
import threading
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Final

import pytest

import nativeplug
from nativeplug import CType, Interface, InterfaceError, int64, int_
from nativeplug.errors import DeclarationError
from nativeplug.interface import check_exports, contents_of, find_mismatch, interface_version
from support import BuildC, Compile, OpenPlugin, RunPython

PLUGIN = """
#include <stdint.h>
const char *Name = "world";
const int limit = 3;
int Calls;
int64_t Add(int64_t a, int64_t b) { return a + b; }
const char *GetName(void) { return Name; }
int sum(int count, ...) { return count; }
int close(int number) { return number; }
"""
# It says that its code has run.
LOUD = """
#include <stdio.h>
#include <stdlib.h>
int Add;
__attribute__((constructor)) static void loud(void) { fclose(fopen(getenv("MARKER"), "w")); }
"""


class Greeter(Interface):
    """Greets."""

    LIMIT: Final = 12
    Name: str
    Calls: int_

    @property
    def limit(self) -> int_:
        """The largest."""

    def GetName(self) -> str:
        """Give the name."""

    def Add(self, a: int64, b: int64) -> int64:
        """Add two numbers."""

    def sum(self, count: int_, *more: Any) -> int_:
        """Add so many numbers."""


class Louder(Greeter, name="louder", version="2.10"):
    """Greets louder, if it can."""

    Motto: Annotated[str, nativeplug.optional]

    @nativeplug.optional
    def Shout(self) -> None:
        """Be loud."""


def texts(interface: type[Interface]) -> dict[str, str]:
    """Return the members of an interface, in C."""
    return {name: member.text for name, member in contents_of(interface).members.items()}


def refusal(make: Callable[[], object]) -> DeclarationError:
    """Return the error of a class that cannot be an interface."""
    with pytest.raises(DeclarationError) as caught:
        make()
    return caught.value


class TestMembers:
    """What the body of a class says in C."""

    def test_all_kinds(self) -> None:
        """Names, properties, methods and Final integers are what C has."""
        expected = {
            "LIMIT": "12",
            "Name": "const char *Name",
            "Calls": "int Calls",
            "limit": "const int limit",
            "GetName": "const char *GetName(void)",
            "Add": "int64_t Add(int64_t a, int64_t b)",
            "sum": "int sum(int count, ...)",
        }
        assert expected == texts(Greeter)

    @pytest.mark.parametrize(
        ("ctype", "variable", "readonly"),
        [
            ("Point *", "Point *x", "Point *const x"),
            ("const Point *", "const Point *x", "const Point *const x"),
            ("Point *const", "Point *const x", "Point *const x"),
            ("const int", "const int x", "const int x"),
            ("int[4]", "int x[4]", "const int x[4]"),
            ("double [2][3]", "double x[2][3]", "const double x[2][3]"),
            ("const char[]", "const char x[]", "const char x[]"),
            ("int (*)(int)", "int (*x)(int)", "int (*const x)(int)"),
            ("int (*)(int (*)(void))", "int (*x)(int (*)(void))", "int (*const x)(int (*)(void))"),
            ("int (*[4])(int)", "int (*x[4])(int)", "int (*x[4])(int)"),
            ("int (*(*)(int))(char)", "int (*(*x)(int))(char)", "int (*(*const x)(int))(char)"),
        ],
    )
    def test_names_in_types(self, ctype: str, variable: str, readonly: str) -> None:
        """A name stands where C wants it, and so does const."""
        assert variable == CType(ctype).declare("x")
        if "[4])(" not in ctype:  # an array of pointers is made const by its type alone
            assert readonly == CType(ctype).declare("x", readonly=True)

    def test_result_with_a_declarator(self) -> None:
        """A function may return what C writes around its name."""
        assert "int (*f(void))(int)" == CType("int (*)(int)").declare("f(void)")
        assert "char **f(void)" == CType("char **").declare("f(void)")

    @pytest.mark.parametrize(
        "text", ["", " ", "int; int", "struct { int x; }", "int /* */", "a\nb"]
    )
    def test_no_types(self, text: str) -> None:
        """What is more than a type, or less, is refused."""
        assert str(refusal(lambda: CType(text))).endswith("is not the name of a C type")

    def test_type_must_be_text(self) -> None:
        """A type is given as text."""
        with pytest.raises(TypeError, match="must be given as str, not int"):
            CType(3)  # type: ignore[arg-type]

    def test_inherited(self) -> None:
        """Members of the bases come first; what is said again replaces what was said."""

        class Other(Greeter, types="typedef int code;"):
            Calls: int64

        class Both(Louder, Other, types="typedef int more;"):
            pass

        assert [*texts(Greeter), "Motto", "Shout"] == [*texts(Louder)]
        assert "int64_t Calls" == texts(Both)["Calls"]
        assert ("typedef int code;", "typedef int more;") == contents_of(Both).types
        assert {"Motto", "Shout"} == {
            each.name for each in contents_of(Both).members.values() if each.is_optional
        }

    def test_real_types(self) -> None:
        """Annotations need not be texts."""
        source = (
            "import nativeplug, typing\n"
            "class Plain(nativeplug.Interface):\n"
            "    x: typing.Annotated[float, nativeplug.CType('float')]\n"
            "    y: typing.Optional[str]\n"
            "    N: typing.Final[int] = -7\n"
            "    def f(self, a: bool, b: float, /) -> None: ...\n"
        )
        made: dict[str, Any] = {"__name__": __name__}
        exec(compile(source, "plain", "exec", dont_inherit=True), made)  # noqa: S102 - not texts
        expected = ["float x", "const char *y", "(-7)", "void f(bool a, double b)"]
        assert expected == [*texts(made["Plain"]).values()]


class TestInvalid:
    """Classes that say nothing in C."""

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("x: int", "it is 'int', which does not tell the size: write nativeplug.int_"),
            ("x: bytes", "it is 'bytes', which C has several types for: write nativeplug.char"),
            ("x: list[int]", "it is 'list', which is no C type: write Annotated[Any, "),
            ("x: ['text']", "which is no C type: write Annotated[Any, nativeplug.CType('...')]"),
            ("x: Any", "is no C type: write Annotated[Any, nativeplug.CType('...')]"),
            ("x: None", "it is void, which has no values"),
            ("x: Unknown", "its types cannot be told: name 'Unknown' is not defined"),
            ("x: int_ = 3", "has the value that the plugin gives it"),
            ("x = 3", "a constant is written 'x: Final = 3'"),
            ("x = 'text'", "a str object stands for nothing that a plugin exports"),
            ("x: Final = 'text'", "a constant must be an int, not str"),
            ("x: Final = True", "a constant must be an int, not bool"),
            ("x: Final = 1 << 64", "18446744073709551616 does not fit into 64 bits"),
            ("x: Final[int]", "Final without a value: write a property"),
            ("def x(self, a) -> None: ...", "parameter 'a' has no type: write one, such as"),
            ("def x(self): ...", "the result has no type: write one, '-> None' for none"),
            ("def x(self, a: int) -> None: ...", "parameter 'a' is 'int', which does not tell"),
            ("def x(self, a: None) -> None: ...", "parameter 'a' is void, which has no values"),
            ("def x(self) -> int: ...", "the result is 'int', which does not tell the size"),
            ("def x() -> None: ...", "the first parameter of a method must be 'self'"),
            ("def x(*, self) -> None: ...", "the first parameter of a method must be 'self'"),
            ("def x(self, a: int_ = 3) -> None: ...", "parameter 'a' has a default, and C has"),
            ("def x(self, *, a: int_) -> None: ...", "parameter 'a' is given by keyword only"),
            ("def x(self, **a: int_) -> None: ...", "parameter 'a' is given by keyword only"),
            ("def x(self, *a: Any) -> None: ...", "C takes further arguments only after a first"),
            ("def x(self) -> Unknown: ...", "its types cannot be told: name 'Unknown'"),
            (
                "def x(self, a: Annotated[int_, nativeplug.optional]) -> None: ...",
                "parameter 'a' cannot be optional, only a member can",
            ),
            ("async def x(self) -> None: ...", "write a plain 'def'"),
            ("@staticmethod\n    def x() -> None: ...", "a staticmethod object stands for nothing"),
            ("class x: ...", "a type object stands for nothing that a plugin exports"),
            (
                "@property\n    def x(self) -> int_: ...\n    @x.setter\n    def x(self, y): ...",
                "a variable that can be written is declared as 'x: TYPE'",
            ),
            ("x = property(len)", "its getter is no plain function"),
            ("@property\n    def x(self): ...", "it has no type: write one, such as"),
        ],
    )
    def test_member(self, body: str, words: str, tmp_path: Path) -> None:
        """The error names class, member, file and line, and says what to write."""
        error = self.make(tmp_path, f"class Wrong(nativeplug.Interface):\n    {body}\n")
        assert words in str(error)
        assert re.match(r".*wrong\.py:\d+: interface 'Wrong', member 'x': ", str(error))
        assert str(tmp_path / "wrong.py") == error.file
        assert error.line in {5, 6, 7}  # decorators come first

    @staticmethod
    def make(folder: Path, code: str) -> DeclarationError:
        """Return the error of a module that defines interfaces."""
        import sys
        from types import ModuleType

        file = folder / "wrong.py"
        text = f"from typing import *\nimport nativeplug\nfrom nativeplug import int_\n{code}"
        file.write_text(f"from __future__ import annotations; {text}")
        module = ModuleType("wrong")
        module.__file__ = str(file)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "wrong", module)
            compiled = compile(file.read_text(), str(file), "exec")
            return refusal(lambda: exec(compiled, vars(module)))  # noqa: S102 - a module

    def test_unknown_place(self) -> None:
        """A class that was typed in has no place to name."""
        made = {"nativeplug": nativeplug, "__name__": "typed_in"}
        code = "class Wrong(nativeplug.Interface):\n    x: int\n"
        error = refusal(lambda: exec(code, made))  # noqa: S102 - as typed in
        assert str(error).startswith("interface 'Wrong', member 'x': it is 'int'")
        assert (None, None) == (error.file, error.line)

    @pytest.mark.parametrize("name", ["__call__", "__x"])
    def test_special_names(self, name: str, tmp_path: Path) -> None:
        """Python's special names, and those that it changes, are no members."""
        code = f"class Wrong(nativeplug.Interface):\n    def {name}(self) -> None: ...\n"
        error = self.make(tmp_path, code)
        assert f"member {name!r}: Python has its own ways" in str(error)

    def test_strange_base(self, tmp_path: Path) -> None:
        """What a class that is no interface has is nothing to C."""
        error = self.make(tmp_path, "class Wrong(nativeplug.Interface, dict): ...\n")
        assert "interface 'Wrong': it derives from 'dict', which is no interface" in str(error)
        assert (4, str(tmp_path / "wrong.py")) == (error.line, error.file)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("name='greeter'", "version '' is not written 'MAJOR.MINOR', such as '1.2'"),
            ("version='1.2'", "name '' is not a word"),
            ("name='greeter', version='1'", "version '1' is not written"),
            ("name='greeter', version='1.2.3'", "version '1.2.3' is not written"),
            ("name='gree\"ter', version='1.2'", "name 'gree\"ter' is not a word"),
        ],
    )
    def test_versions(self, arguments: str, words: str, tmp_path: Path) -> None:
        """Name and version go together, and are written in one way."""
        error = self.make(tmp_path, f"class Wrong(nativeplug.Interface, {arguments}): ...\n")
        assert words in str(error)

    @pytest.mark.parametrize("argument", ["name", "version", "types"])
    def test_arguments(self, argument: str) -> None:
        """Class arguments are text."""
        with pytest.raises(TypeError, match=f"{argument} of interface 'Wrong' must be str"):
            types.new_class("Wrong", (Interface,), {argument: 3})

    def test_no_objects(self) -> None:
        """An interface is never instantiated."""
        with pytest.raises(TypeError, match=r"has no objects: nativeplug\.open\(path, Greeter\)"):
            Greeter()

    def test_optional_property(self) -> None:
        """The decorator goes below @property, and says so."""
        with pytest.raises(TypeError, match="write @property above it"):
            nativeplug.optional(property(len))  # type: ignore[type-var]


class TestOpen:
    """A plugin is opened as an interface when it has all that this demands."""

    def test_opens(self, open_plugin: OpenPlugin, compile_c: Compile) -> None:
        """What is opened is the plugin, with the interface's declarations."""
        plg = open_plugin(compile_c(PLUGIN), Greeter)
        assert nativeplug.Plugin is type(plg)
        assert (5, "world", 3, 12, 2) == (
            plg.Add(2, 3),
            plg.GetName(),
            plg.limit,
            plg.LIMIT,
            plg.sum(2, 7),
        )
        plg.Calls = 7
        assert 7 == plg.Calls

    def test_again(self, open_plugin: OpenPlugin, compile_c: Compile) -> None:
        """Opened again, as it or as another one, it is the same plugin with the same functions."""
        plg = open_plugin(compile_c(PLUGIN), Greeter)
        add = plg.lookup("Add")
        assert plg is nativeplug.open(plg.path, Greeter) is nativeplug.open(plg.path, Louder)
        assert add is plg.lookup("Add")

    def test_optional(self, open_plugin: OpenPlugin, compile_c: Compile) -> None:
        """An optional member may be missing; then it is in no way there."""
        plg = open_plugin(compile_c(PLUGIN), Louder)
        assert "Motto" not in plg
        with pytest.raises(nativeplug.SymbolNotFoundError):
            _ = plg.Motto
        full = PLUGIN + 'const char *Motto = "hi"; void Shout(void) {}'
        plg = open_plugin(compile_c(full), Louder)
        assert ("hi", None, True) == (plg.Motto, plg.Shout(), "Shout" in plg)

    def test_missing_before_loading(
        self, compile_c: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the file lacks is told at once, before its constructor has run."""
        marker = tmp_path / "marker"
        monkeypatch.setenv("MARKER", str(marker))
        path = compile_c(LOUD)
        with pytest.raises(InterfaceError) as caught:
            nativeplug.open(path, Louder)
        missing = [f"it does not export {name!r}" for name in ("Name", "Calls", "limit", "GetName")]
        expected = (*missing, "'Add' is a variable in it", "it does not export 'sum'")
        assert expected == caught.value.findings
        assert f"plugin {str(path)!r} is no 'Louder': {'; '.join(expected)}" == str(caught.value)
        assert not marker.exists()
        nativeplug.open(path, "extern int Add;").close()
        assert marker.exists()

    def test_refusal_is_one_requests(
        self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who waits for the same file, and demands less of it, is not refused with the first."""
        path = compile_c("int Add(int a) { return a; }")
        refusing, waiting = threading.Event(), threading.Event()

        def check(*arguments: Any) -> None:
            refusing.set()
            assert waiting.wait(20)
            check_exports(*arguments)

        def second() -> int:
            assert refusing.wait(20)
            return int(nativeplug.open(path, "int Add(int a);").Add(3))

        wait = threading.Event.wait

        def noticed(event: threading.Event, timeout: float | None = None) -> bool:
            if timeout is None:  # as the cache waits for a load
                waiting.set()
            return wait(event, timeout)

        monkeypatch.setattr("nativeplug.interface.check_exports", check)
        with ThreadPoolExecutor(2) as pool:
            later = pool.submit(second)
            monkeypatch.setattr(threading.Event, "wait", noticed)
            with pytest.raises(InterfaceError):
                nativeplug.open(path, Greeter)
            assert 3 == later.result(20)

    def test_open_already(self, open_plugin: OpenPlugin, compile_c: Compile) -> None:
        """A plugin that is open, and does not fit, stays as it was."""
        plg = open_plugin(compile_c("int Add(int a) { return a; } int Name;"), "int Add(int a);")
        with pytest.raises(InterfaceError) as caught:
            nativeplug.open(plg.path, self.wanted())
        assert ("it does not export 'Sub'", "it does not export 'Calls'") == tuple(
            sorted(caught.value.findings, reverse=True)
        )
        assert 3 == plg.Add(3)
        assert "Sub" not in plg._symbols.declarations.symbols
        assert ["Add"] == list(plg._symbols.resolved)

    @staticmethod
    def wanted() -> type[Interface]:
        """Return an interface that has what a plugin lacks."""

        class Wanted(Interface):
            Calls: int_

            def Sub(self, a: int_) -> int_: ...

            def Add(self, a: int_) -> int_: ...

        return Wanted

    def test_contradiction(self, open_plugin: OpenPlugin, compile_c: Compile) -> None:
        """An interface that contradicts what is declared is told by its member."""
        plg = open_plugin(compile_c(PLUGIN), "int Add(int a);")
        with pytest.raises(DeclarationError, match="interface 'Greeter', member 'Add': 'int64_t "):
            nativeplug.open(plg.path, Greeter)

    def test_all_findings(self, compile_c: Compile) -> None:
        """Members that cannot be used are told together."""

        class Large(Interface):
            first: Annotated[Any, CType("int[400]")]
            second: Annotated[Any, CType("int[400]")]

        path = compile_c("int first[4], second[4];")
        with pytest.raises(InterfaceError) as caught:
            nativeplug.open(path, Large)
        assert [True, True] == ["1600 bytes" in each for each in caught.value.findings]
        nativeplug.open(path, "extern int first[4];").close()  # nothing was declared

    def test_updates_keep_it(self, build_c: BuildC, tmp_path: Path) -> None:
        """A new version without a member that nobody has used yet is refused."""

        class Wanted(Interface):
            def Add(self, a: int_) -> int_: ...

        path = build_c("int Add(int a) { return a; }")
        with nativeplug.open(path, Wanted) as plg:
            build_c("int Sub(int a) { return a; }")
            with pytest.raises(nativeplug.UpdateError, match="does not export 'Add'"):
                plg.update()
            assert 3 == plg.Add(3)
        assert tmp_path in path.parents

    def test_constants(self, compile_c: Compile) -> None:
        """An enumerator of types= must have the value that the class gives it."""

        class Colors(Interface, types="enum color { RED, GREEN = 5 };"):
            RED: Final = 0
            GREEN: Final = 5

        class Wrong(Interface, types="enum color { RED, GREEN = 5 };"):
            GREEN: Final = 6

        path = compile_c("int x;")
        with nativeplug.open(path, Colors) as plg:
            assert (0, 5) == (plg.RED, plg.GREEN)
        with pytest.raises(InterfaceError, match="'GREEN' is 6 in Python and 5 in types="):
            nativeplug.open(path, Wrong)

    def test_bad_type(self, compile_c: Compile, tmp_path: Path) -> None:
        """A type that C does not know is told by member, file and line of the class."""
        wrong = self.unknown()
        error = refusal(lambda: nativeplug.open(compile_c(PLUGIN), wrong))
        lines, first = inspect.getsourcelines(wrong)
        assert f"interface '{wrong.__qualname__}', member 'b': unknown type name 'Foo'" in str(
            error
        )
        assert (__file__, first + 2) == (error.file, error.line)
        assert "Foo" in lines[2]
        assert tmp_path.exists()

    @staticmethod
    def unknown() -> type[Interface]:
        """Return an interface with a type that nobody declares."""

        class Wrong(Interface):
            a: int_
            b: Annotated[Any, CType("Foo *")]

        return Wrong

    def test_bad_types(self, compile_c: Compile) -> None:
        """A mistake in types= is told as one."""

        class Wrong(Interface, types="typedef struct {"):
            a: int_

        error = refusal(lambda: nativeplug.open(compile_c(PLUGIN), Wrong))
        assert "Wrong'" in str(error)

    def test_other_errors(self, compile_c: Compile) -> None:
        """An error that is about no member stays as it is."""
        with pytest.raises(DeclarationError, match=r"^no declaration of 'nothing', which an opt"):
            nativeplug.open(compile_c(PLUGIN), Greeter, free={"nothing": "free"})

    def test_own_names(self, compile_c: Compile) -> None:
        """A member that every plugin has itself is refused; types= declares it."""

        class Wrong(Interface):
            def close(self, number: int_) -> int_: ...  # type: ignore[override]

        class Right(Interface, types="int close(int number);"):
            pass

        path = compile_c(PLUGIN)
        error = refusal(lambda: nativeplug.open(path, Wrong))
        assert "member 'close': every plugin has a 'close' of its own" in str(error)
        assert error.line == inspect.getsourcelines(Wrong)[1] + 1
        with nativeplug.open(path, Right) as plg:
            assert 3 == plg.lookup("close")(3)  # type: ignore[operator]

    @pytest.mark.parametrize("wrong", [3, int, ["x"]])
    def test_no_interface(self, wrong: Any, compile_c: Compile) -> None:
        """Nothing else can be given."""
        with pytest.raises(TypeError, match=r"or an interface \(a class that derives from"):
            nativeplug.open(compile_c(PLUGIN), wrong)

    def test_the_base(self, compile_c: Compile) -> None:
        """Interface itself demands nothing."""
        with pytest.raises(TypeError, match="demands nothing: derive a class from it"):
            nativeplug.open(compile_c(PLUGIN), Interface)

    def test_system_library(self) -> None:
        """A library of the system is opened as an interface, too."""

        class Zlib(Interface):
            def zlibVersion(self) -> str: ...

        class Wrong(Interface):
            def zlibVersions(self) -> str: ...

        assert nativeplug.open("libz.so.1", Zlib).zlibVersion().startswith("1.")
        with pytest.raises(InterfaceError, match="it does not export 'zlibVersions'"):
            nativeplug.open("libz.so.1", Wrong)


class TestVersions:
    """Which plugin can serve where an interface is wanted."""

    def test_inherited(self) -> None:
        """Name and version are those of the nearest base that has some."""

        class More(Louder):
            pass

        assert None is interface_version(Greeter)
        assert ("louder", 2, 10) == interface_version(Louder) == interface_version(More)

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (None, None),
            (("greeter", 1, 2), None),
            (("greeter", 1, 10), None),
            (("greeter", 1, 1), "an older one, which lacks members"),
            (("greeter", 2, 2), "another major version"),
            (("greeter", 0, 2), "another major version"),
            (("singer", 1, 2), "another interface"),
        ],
    )
    def test_mismatch(self, told: Any, expected: str | None) -> None:
        """The major version must be the same, the minor at least the same."""
        found = find_mismatch(("greeter", 1, 2), told)
        if expected is None:
            assert None is found
        else:
            name, major, minor = told
            first = f"it has interface '{name} {major}.{minor}', and 'greeter 1.2' is wanted"
            assert f"{first}: {expected}" == found


def test_stands_alone(run_python: RunPython) -> None:
    """Interfaces need nothing of what opens plugins: that is for type checkers."""
    code = "import nativeplug.interface, sys; print('nativeplug.plugin' in sys.modules)"
    assert "False\n" == run_python(code).stdout
