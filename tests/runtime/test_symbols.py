"""A plugin's symbols: declarations and options that add up."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from gates import at_once
from nativeplug import Callback, ClosedError, DeclarationError, Function, Plugin, declare
from nativeplug.declare import Declarations
from nativeplug.runtime.binding import Resolver
from nativeplug.runtime.options import FunctionOptions
from support import BuildC, CPlugin

TEXT = """
    #define _GNU_SOURCE
    #include <stdlib.h>
    #include <string.h>
    typedef struct { int x, y; } Point;
    int freed;
    int one(void) { return 1; }
    int two(void) { return 2; }
    int sum(Point *p) { return p->x + p->y; }
    char *text(void) { return strdup("text"); }
    char *other(void) { return strdup("other"); }
    void release(char *text) { freed++; free(text); }
"""


@pytest.fixture
def path(build_c: BuildC) -> Iterator[Path]:
    """Give a plugin's file; the plugin is closed after the test."""
    made = build_c(TEXT)
    yield made
    nativeplug.open(made).close()


class TestDeclarations:
    """Each open may add declarations."""

    def test_none(self, build_c: BuildC) -> None:
        """Without declarations there are no names, and the plugin is open."""
        plg = nativeplug.open(build_c(TEXT, "plugin", "-g0"))
        assert [] == list(plg)
        assert not plg.closed

    def test_further(self, path: Path) -> None:
        """Further declarations are added to the same plugin, and what was looked up stays."""
        first = nativeplug.open(path, "int one(void);")
        one = first.one
        second = nativeplug.open(path, "int two(void);")
        assert first is second
        assert (one, 1, 2) == (first.one, first.one(), first.two())
        assert ["one", "two"] == list(first)

    def test_that_need_the_first(self, path: Path) -> None:
        """Further declarations may use the types and constants of the first."""
        plg = nativeplug.open(path, "typedef struct { int x, y; } Point; enum { N = 3 };")
        nativeplug.open(path, "int sum(Point *p); extern int freed; int f(int xs[N]);")
        assert 7 == plg.sum(plg.ffi.new("Point *", (3, 4)))

    def test_same(self, path: Path) -> None:
        """The same declarations again, also in other words, change nothing."""
        plg = nativeplug.open(path, "int one(void);")
        before = plg.lookup("one")
        for text in ("int one(void);", "int   one ( void ) ;", "extern int one(void);"):
            assert plg is nativeplug.open(path, text)
        assert plg is nativeplug.open(path)
        assert before is plg.lookup("one")

    @pytest.mark.parametrize(
        "text",
        ["long one(void);", "int one(int x);", "extern int one;", "int two(void); char one;"],
    )
    def test_contradicting(self, path: Path, text: str) -> None:
        """What contradicts a function that was looked up is refused, and nothing is added."""
        plg = nativeplug.open(path, "int one(void);")
        plg.lookup("one")
        with pytest.raises(DeclarationError, match="one"):
            nativeplug.open(path, text)
        assert ["one"] == list(plg)
        assert 1 == plg.one()

    def test_wrong(self, path: Path) -> None:
        """A mistake in further declarations is refused, and the plugin stays open."""
        plg = nativeplug.open(path, "int one(void);")
        with pytest.raises(DeclarationError) as caught:
            nativeplug.open(path, "int one(void);\nint two(")
        assert 2 == caught.value.line
        assert 1 == plg.one()

    def test_header_beside(self, path: Path) -> None:
        """The header beside the file is read when nothing else is declared."""
        path.with_suffix(".h").write_text("int one(void);")
        assert ["one"] == list(nativeplug.open(path))
        nativeplug.open(path).close()
        assert ["two"] == list(nativeplug.open(path, "int two(void);"))
        assert ["two"] == list(nativeplug.open(path))

    def test_in_threads(self, path: Path) -> None:
        """Declarations that threads add at once are all there."""
        names = [f"f{number}" for number in range(32)]
        at_once(*[partial(nativeplug.open, path, f"int {name}(void);") for name in names])
        declared = nativeplug.open(path)._symbols.declarations.symbols
        assert set(names) == set(declared)

    def test_lookup_in_threads(self, path: Path) -> None:
        """Threads that look up one name get one object."""
        plg = nativeplug.open(path, "int one(void);")
        found = at_once(*[lambda: plg.lookup("one")] * 16)
        assert {plg.lookup("one")} == {*found}


class TestMeanwhile:
    """What changes while a name is resolved counts."""

    def test_options(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A function whose option came while it was resolved has the option."""
        plg = nativeplug.open(path, "char *text(void); void release(char *); extern int freed;")
        resolve = Resolver.resolve

        def meanwhile(*args: Any) -> object:
            monkeypatch.undo()
            nativeplug.open(path, free={"text": "release"})
            return resolve(*args)

        monkeypatch.setattr(Resolver, "resolve", meanwhile)
        assert "text" == plg.text()
        assert 1 == plg.freed

    def test_declarations(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Declarations that another thread added while these were read are kept."""
        plg = nativeplug.open(path, "int one(void);")
        extend = declare.extend

        def meanwhile(*args: Any) -> Declarations:
            monkeypatch.undo()
            read = extend(*args)
            nativeplug.open(path, "extern int freed;")
            return read

        monkeypatch.setattr(declare, "extend", meanwhile)
        nativeplug.open(path, "int two(void);")
        assert ["one", "freed", "two"] == list(plg)

    def test_close(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that is resolved when the plugin is closed is not given."""
        plg = nativeplug.open(path, "int one(void);")
        resolve = Resolver.resolve

        def meanwhile(*args: Any) -> object:
            plg.close()
            return resolve(*args)

        monkeypatch.setattr(Resolver, "resolve", meanwhile)
        with pytest.raises(ClosedError):
            plg.lookup("one")

    def test_unloading(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """A function that holds the GIL, resolved when unloading is asked for, counts its calls."""
        path = build_c("int ask(unsigned long call) { return ((int (*)(void))call)(); }")
        plg: Any = nativeplug.open(path, "int ask(unsigned long call);", hold_gil=["ask"])
        calls = ctypes.PYFUNCTYPE(ctypes.c_int)(lambda: plg._symbols.loaded.uses.calls)
        number = ctypes.cast(calls, ctypes.c_void_p).value
        resolve = Resolver.resolve

        def meanwhile(*args: Any) -> object:
            monkeypatch.undo()
            found = resolve(*args)
            nativeplug.open(path, unload="when_idle")
            return found

        monkeypatch.setattr(Resolver, "resolve", meanwhile)
        ask = plg.lookup("ask")
        assert ask.hold_gil
        assert 1 == ask(number)


class TestFree:
    """free= says whose results the caller owns."""

    DECLARATIONS = "char *text(void); char *other(void); void release(char *); extern int freed;"

    def test_released(self, path: Path) -> None:
        """The plugin's own function releases each result, within the call."""
        plg = nativeplug.open(path, self.DECLARATIONS, free={"text": "release"})
        assert ["text", "text", "other"] == [plg.text(), plg.text(), plg.other()]
        assert 2 == plg.freed

    def test_libc(self, path: Path) -> None:
        """The libc's free releases as well."""
        plg = nativeplug.open(path, self.DECLARATIONS, free={"text": "free"})
        assert ["text", 0] == [plg.text(), plg.freed]

    def test_later(self, path: Path) -> None:
        """It may be given later, for a function that was not looked up, and again."""
        plg = nativeplug.open(path, self.DECLARATIONS)
        plg.other()
        for _ in range(2):
            nativeplug.open(path, free={"text": "release"})
        plg.text()
        assert 1 == plg.freed

    def test_too_late(self, path: Path) -> None:
        """It is refused for a function that was looked up as one that lends its results."""
        plg = nativeplug.open(path, self.DECLARATIONS)
        plg.text()
        with pytest.raises(DeclarationError, match="free= for 'text' comes too late"):
            nativeplug.open(path, free={"text": "release"})
        assert "text" == plg.text()
        assert 0 == plg.freed

    def test_contradicting(self, path: Path) -> None:
        """Two opinions on who releases are refused; the first counts."""
        plg = nativeplug.open(path, self.DECLARATIONS, free={"text": "release"})
        with pytest.raises(DeclarationError, match="cannot be released by 'free'"):
            nativeplug.open(path, free={"text": "free"})
        plg.text()
        assert 1 == plg.freed

    def test_undeclared(self, path: Path) -> None:
        """A function that is not declared is a mistake in its name."""
        with pytest.raises(DeclarationError, match="no declaration of 'txt'"):
            nativeplug.open(path, self.DECLARATIONS, free={"txt": "free"})

    def test_releaser_missing(self, path: Path) -> None:
        """A function to release with must be there when it is needed."""
        plg = nativeplug.open(path, self.DECLARATIONS, free={"text": "missing"})
        with pytest.raises(nativeplug.SymbolNotFoundError, match="'missing'"):
            plg.text()

    def test_no_text(self, path: Path) -> None:
        """A function that returns no text has nothing to release."""
        plg = nativeplug.open(path, "int one(void);", free={"one": "free"})
        with pytest.raises(DeclarationError, match="free= is for functions that return"):
            plg.one()


class TestOptions:
    """What open is told is checked before anything else."""

    @pytest.mark.parametrize("free", ["text", 3, ["text"], {"text": 3}, {3: "free"}, {"text": abs}])
    def test_free(self, path: Path, free: object) -> None:
        """free= is a mapping of names to names."""
        with pytest.raises(TypeError, match="free must map names of functions to names"):
            nativeplug.open(path, free=free)  # type: ignore[call-overload]

    @pytest.mark.parametrize("allowed", ["Name", 3, None, [3], {"Name": 1, 3: 4}])
    def test_go_results(self, path: Path, allowed: object) -> None:
        """allow_go_results= is a bool or a collection of names, never one name."""
        with pytest.raises(TypeError, match="allow_go_results must be a bool or a collection"):
            nativeplug.open(path, allow_go_results=allowed)  # type: ignore[call-overload]

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ((), ["a"], "a"),
            (["a"], ["b"], "ab"),
            (["a"], False, "a"),
            (["a"], True, "abc"),
            (True, ["a"], "abc"),
            (False, False, ""),
        ],
    )
    @pytest.mark.parametrize("option", ["allow_go_results", "hold_gil", "save_errno"])
    def test_sum(self, option: str, first: object, second: object, expected: str) -> None:
        """Options add up."""
        options = [FunctionOptions.of(free=None, **{option: one}) for one in (first, second)]
        whole = getattr(options[0].plus(options[1]), option)
        assert expected == "".join(name for name in "abc" if name in whole)

    @pytest.mark.parametrize(("allowed", "expected"), [(True, True), ((), False), (["a"], True)])
    def test_permission(self, allowed: object, expected: bool) -> None:  # noqa: FBT001
        """True permits every function, a collection those in it."""
        options = FunctionOptions.of(free=None, allow_go_results=allowed)
        assert expected == ("a" in options.allow_go_results)

    def test_go_result_refused(self, go_plugin: CPlugin) -> None:
        """A Go result is refused at lookup, and given where the caller vouches for it."""
        path = go_plugin("strings")
        with nativeplug.open(path) as plg, pytest.raises(DeclarationError, match="Go value"):
            plg.lookup("Constant")
        with nativeplug.open(path, allow_go_results=["Constant"]) as plg:
            assert isinstance(plg.lookup("Constant"), Function)
        with nativeplug.open(path, allow_go_results=True) as plg:
            assert isinstance(plg.Constant(), str)

    def test_go_result_undeclared(self, go_plugin: CPlugin) -> None:
        """A name that is not declared is a mistake."""
        with pytest.raises(DeclarationError, match="no declaration of 'qqqq'"):
            nativeplug.open(go_plugin("greeter"), allow_go_results=["qqqq"])


class TestCallback:
    """callback() makes function pointers that outlive calls."""

    @pytest.fixture
    def plg(self, c_plugin: CPlugin) -> Plugin:
        """Give a plugin that keeps callbacks."""
        return nativeplug.open(c_plugin("callbacks"))

    def test_kept(self, plg: Plugin) -> None:
        """C calls it until it is told not to."""
        events: list[int] = []

        def handle(event: int) -> int:
            events.append(event)
            return 7

        callback = plg.callback("handler_t", handle)
        assert isinstance(callback, Callback)
        plg.register_handler(callback)
        try:
            assert 7 == plg.fire(3)
        finally:
            plg.register_handler(None)
        assert -1 == plg.fire(4)
        assert [3] == events

    @pytest.mark.parametrize(
        ("ctype", "function", "error", "message"),
        [
            ("int", abs, DeclarationError, "'int' is not a function pointer's type"),
            ("qqqq", abs, DeclarationError, "cannot read 'qqqq' as a C type"),
            ("int (*)(", abs, DeclarationError, "as a C type"),
            ("handler_t", 3, TypeError, "a callback must be callable, not int"),
        ],
    )
    def test_refused(
        self, plg: Plugin, ctype: str, function: Callable[..., object], error: type, message: str
    ) -> None:
        """What is no function pointer, or no callable, is refused."""
        with pytest.raises(error) as caught:
            plg.callback(ctype, function)
        assert message in str(caught.value)


class TestWhatCannotBeServed:
    """What the declarations say that only C can handle is refused when it is looked up."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('int one(void) __asm__("two");', "its asm label names the symbol 'two'"),
            ("int one(void) __attribute__((ms_abi));", "its attribute 'ms_abi' changes how"),
            ("struct Opaque one(void);", "result type 'struct Opaque' is opaque"),
        ],
    )
    def test_at_lookup(self, path: Path, text: str, expected: str) -> None:
        """It is a DeclarationError that names the place, and no error before."""
        plg = nativeplug.open(path, text + " int two(void);")
        assert 2 == plg.two()
        with pytest.raises(DeclarationError, match=f"^<declarations>:1:.*{expected}"):
            plg.lookup("one")

    def test_released_by_a_variable(self, path: Path) -> None:
        """A result cannot be released by a variable."""
        plg = nativeplug.open(path, "char *text(void);", free={"text": "freed"})
        with pytest.raises(DeclarationError, match="cannot release by 'freed': that is a variable"):
            plg.text()

    def test_released_result_of_a_variable(self, path: Path) -> None:
        """A variable has no result to release."""
        with pytest.raises(DeclarationError, match="'freed', which an option of open names, is a"):
            nativeplug.open(path, "extern int freed;", free={"freed": "free"})

    @pytest.mark.parametrize("release", ["int release(void)", "int release(int a)"])
    def test_released_by_the_wrong_function(self, path: Path, release: str) -> None:
        """A result is released by a function that takes one pointer, as far as declared."""
        plg = nativeplug.open(path, f"char *text(void); {release};", free={"text": "release"})
        with pytest.raises(DeclarationError, match="it does not take one pointer"):
            plg.text()

    def test_void_parameter(self, path: Path) -> None:
        """A parameter that is void, with a name, is no parameter."""
        plg = nativeplug.open(path, "int one(void nothing);")
        with pytest.raises(DeclarationError, match="void has no values"):
            plg.one()
