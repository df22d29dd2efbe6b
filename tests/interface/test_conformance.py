"""Opening a plugin as an interface: what is demanded, and when it is found missing."""

# mypy: disable-error-code="empty-body"
# ruff: noqa: N802 - the names are those of C

from __future__ import annotations

import inspect
import threading
from pathlib import Path
from typing import Annotated, Any, Final

import pytest

import nativeplug
from gates import PATIENCE, background, count_waiting, wait_for
from interfaces import PLUGIN, Greeter, Louder, refusal
from nativeplug import CType, Interface, InterfaceError, int_
from nativeplug.errors import DeclarationError
from nativeplug.interface import check_file
from support import BuildC, Compile, OpenPlugin

# It says that its code has run.
LOUD = """
#include <stdio.h>
#include <stdlib.h>
int Add;
__attribute__((constructor)) static void loud(void) { fclose(fopen(getenv("MARKER"), "w")); }
"""


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

    def test_untyped(self, open_plugin: OpenPlugin, compile_c: Compile) -> None:
        """What assembly exports without saying its kind is taken as it is declared."""

        class Written(Interface):
            five: int_

        path = compile_c('asm(".data\\n.globl five\\nfive: .long 5\\n.text");')
        assert 5 == open_plugin(path, Written).five

        class Called(Interface):
            def five(self) -> int_: ...

        assert nativeplug.open(path, Called).lookup("five").name == "five"

    def test_refusal_is_one_requests(
        self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who waits for the same file, and demands less of it, is not refused with the first."""
        path = compile_c("int Add(int a) { return a; }")
        refusing = threading.Event()

        def check(*arguments: Any) -> None:
            refusing.set()
            wait_for(lambda: count_waiting() == 1)
            check_file(*arguments)

        def second() -> int:
            assert refusing.wait(PATIENCE)
            return int(nativeplug.open(path, "int Add(int a);").Add(3))

        monkeypatch.setattr("nativeplug.interface.check_file", check)
        with background(second) as (later,):
            with pytest.raises(InterfaceError):
                nativeplug.open(path, Greeter)
            assert 3 == later.result(PATIENCE)

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
        plg = open_plugin(compile_c(PLUGIN, "-g0"), "int Add(int a);")
        plg.lookup("Add")
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
