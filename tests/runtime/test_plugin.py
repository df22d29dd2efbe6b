"""The plugin object: a plugin's symbols as attributes."""

from __future__ import annotations

import copy
import pickle
import rlcompleter
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import nativeplug
from nativeplug import Plugin, SymbolNotFoundError, Variable
from support import BuildC, CPlugin, RunPython

TEXT = """
    int value = 3;
    int _hidden = 4;
    int twice(int x) { return 2 * x; }
    int path(void) { return 7; }
    int closed = 8;
    int undeclared(void) { return 9; }
"""
DECLARATIONS = """
    #define LIMIT 10
    enum colour { RED, GREEN = 5 };
    extern int value, _hidden, closed;
    int twice(int x);
    int path(void);
    int missing(void);
"""


@pytest.fixture
def plg(build_c: BuildC) -> Iterator[Plugin]:
    """Give an open plugin."""
    with nativeplug.open(build_c(TEXT), DECLARATIONS) as opened:
        yield opened


class TestReading:
    """A name after the dot is a symbol or a constant."""

    def test_function(self, plg: Plugin) -> None:
        """A function is called; it stays the same object, bound to the one of lookup."""
        assert 6 == plg.twice(3)
        assert plg.twice is plg.twice
        assert plg.twice.__self__ is plg.lookup("twice")
        assert isinstance(plg.twice, types.BuiltinFunctionType)

    def test_variable(self, plg: Plugin) -> None:
        """A variable is read each time."""
        assert 3 == plg.value
        variable = plg.lookup("value")
        assert isinstance(variable, Variable)
        variable.value = 5
        assert 5 == plg.value
        assert variable is plg.lookup("value")

    def test_constants(self, plg: Plugin) -> None:
        """Integer macros and enumerators are ints."""
        assert (10, 0, 5) == (plg.LIMIT, plg.RED, plg.GREEN)

    def test_underscore(self, plg: Plugin) -> None:
        """A name that begins with an underscore is a symbol like any other."""
        assert 4 == plg._hidden

    def test_own_names(self, plg: Plugin) -> None:
        """Names of the class itself are found by lookup."""
        assert plg.path.endswith("plugin.so")
        assert 7 == plg.lookup("path")()  # type: ignore[operator]
        assert plg.closed is False
        assert 8 == plg.lookup("closed").value  # type: ignore[union-attr]

    def test_unknown(self, plg: Plugin) -> None:
        """A name that is not there is an AttributeError with the closest that are."""
        assert not hasattr(plg, "qqqq")
        with pytest.raises(AttributeError, match="did you mean 'twice'") as caught:
            plg.twise  # noqa: B018
        assert isinstance(caught.value, SymbolNotFoundError)
        assert ("twice",) == caught.value.nearest

    def test_undeclared(self, plg: Plugin) -> None:
        """A symbol that is exported but not declared says so, and how to declare it."""
        with pytest.raises(SymbolNotFoundError, match="is exported but not declared") as caught:
            plg.undeclared  # noqa: B018
        advice = f"nativeplug.open({plg.path!r}, 'RESULT undeclared(PARAMETERS);')"
        assert str(caught.value).endswith(advice)
        known = advice.replace("RESULT", "int").replace("PARAMETERS", "void")
        assert 9 == eval(known).undeclared()  # noqa: S307

    def test_undeclared_variable(self, build_c: BuildC) -> None:
        """Of a variable the advice is to declare one."""
        plg = nativeplug.open(build_c("int counted = 1;", "plugin", "-g0"))
        with pytest.raises(SymbolNotFoundError, match="extern TYPE counted;"):
            plg.counted  # noqa: B018

    def test_not_exported(self, plg: Plugin) -> None:
        """A declared symbol that the file does not export is an error when it is used."""
        with pytest.raises(SymbolNotFoundError, match="undefined symbol: missing"):
            plg.missing  # noqa: B018

    @pytest.mark.parametrize("name", ["__len__", "__array_interface__", "__wrapped__"])
    def test_special_names(self, plg: Plugin, name: str) -> None:
        """Python's own special names are not looked up."""
        with pytest.raises(AttributeError, match="'Plugin' object has no attribute") as caught:
            getattr(plg, name)
        assert not isinstance(caught.value, SymbolNotFoundError)


class TestLookup:
    """lookup() finds what attributes cannot."""

    def test_constant(self, plg: Plugin) -> None:
        """A constant is no symbol, and the error says so."""
        with pytest.raises(SymbolNotFoundError, match=r"'LIMIT' of plugin .* is a constant"):
            plg.lookup("LIMIT")

    @pytest.mark.parametrize("name", [None, 3, b"twice", ["twice"]])
    def test_wrong_type(self, plg: Plugin, name: object) -> None:
        """A name is a str."""
        with pytest.raises(TypeError, match="a symbol's name must be str, not"):
            plg.lookup(name)  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["", "twice\0", "\udcff", "tw ice"])
    def test_odd_names(self, plg: Plugin, name: str) -> None:
        """A name that no symbol can have is not found."""
        with pytest.raises(SymbolNotFoundError, match="cannot find symbol"):
            plg.lookup(name)

    @pytest.mark.parametrize("declaration", ["int null_symbol(void);", "extern int null_symbol;"])
    def test_null(self, c_plugin: CPlugin, run_python: RunPython, declaration: str) -> None:
        """A symbol whose address is NULL is an error, not a crash."""
        code = """
            import sys, nativeplug
            plg = nativeplug.open(sys.argv[1], sys.argv[2] + "int ordinary(void);")
            try:
                plg.null_symbol
            except nativeplug.SymbolNotFoundError as error:
                print(error)
            print("null_symbol" in plg, list(plg), plg.ordinary())
        """
        path = c_plugin("null_symbol")
        done = run_python(code, path, declaration)
        assert "" == done.stderr
        expected = f"cannot use symbol 'null_symbol' of plugin '{path}': its address is NULL"
        assert [expected, "False ['ordinary'] 1"] == done.stdout.splitlines()

    @pytest.mark.parametrize("name", ["null_symbol", "ordinary"])
    def test_null_undeclared(self, c_plugin: CPlugin, name: str) -> None:
        """Without a declaration a NULL symbol is as good as none, another is advertised."""
        plg = nativeplug.open(c_plugin("null_symbol"), "int f(void);")
        expected = "neither declared" if name == "null_symbol" else "exported but not declared"
        with pytest.raises(SymbolNotFoundError, match=expected):
            plg.lookup(name)

    def test_of_a_dependency(self, c_plugin: CPlugin) -> None:
        """What only a dependency exports is not the plugin's, although it is declared."""
        plg = nativeplug.open(c_plugin("owned_strings"), "void *malloc(unsigned long size);")
        with pytest.raises(SymbolNotFoundError, match="only its dependency"):
            plg.malloc  # noqa: B018
        assert "malloc" not in plg


class TestKinds:
    """function() and variable() give one kind of symbol."""

    def test_function(self, plg: Plugin) -> None:
        """A function is what lookup gives, and what the attribute is bound to."""
        assert plg.function("twice") is plg.lookup("twice") is plg.twice.__self__
        assert 7 == plg.function("path")()

    def test_variable(self, plg: Plugin) -> None:
        """A variable is what lookup gives."""
        assert plg.variable("value") is plg.lookup("value")
        assert 8 == plg.variable("closed").value

    def test_other_kind(self, plg: Plugin) -> None:
        """The other kind is an error that shows it and says how to get it."""
        with pytest.raises(SymbolNotFoundError) as caught:
            plg.function("value")
        expected = (
            f"cannot find function 'value' in plugin {plg.path!r}: it is a variable, "
            "<nativeplug.Variable 'int value'>; ask for it by variable('value')"
        )
        assert (expected, plg.path, "value") == (
            str(caught.value), caught.value.path, caught.value.symbol
        )  # fmt: skip
        with pytest.raises(SymbolNotFoundError, match=r"it is a function, .* by function\('twice'"):
            plg.variable("twice")

    @pytest.mark.parametrize("kind", ["function", "variable"])
    def test_missing(self, plg: Plugin, kind: str) -> None:
        """What lookup refuses is refused in the same words, on pins too."""
        with plg.pin() as pinned:
            for view in (plg, pinned):
                with pytest.raises(SymbolNotFoundError, match="did you mean 'twice'"):
                    getattr(view, kind)("twise")
                with pytest.raises(TypeError, match="must be str"):
                    getattr(view, kind)(3)


class TestWriting:
    """Variables are written, and nothing else."""

    def test_variable(self, plg: Plugin) -> None:
        """What is assigned is in the plugin's memory."""
        plg.value = 12
        assert 12 == plg.value

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("twice", "'twice' in plugin .* is a function: <nativeplug.Function 'int twice"),
            ("path", "attribute 'path' of a plugin cannot be set"),
            ("lookup", "attribute 'lookup' of a plugin cannot be set"),
            ("LIMIT", "'LIMIT' of plugin .* is a constant"),
            ("qqqq", "cannot find symbol 'qqqq'"),
            ("__doc__", "attribute '__doc__' of a plugin cannot be set"),
        ],
    )
    def test_refused(self, plg: Plugin, name: str, error: str) -> None:
        """What is no variable cannot be set."""
        with pytest.raises(AttributeError, match=error):
            setattr(plg, name, 1)

    def test_wrong_value(self, plg: Plugin) -> None:
        """A value that does not fit is an error that names the variable, and changes nothing."""
        with pytest.raises(TypeError, match="'value'"):
            plg.value = "text"
        assert 3 == plg.value

    @pytest.mark.parametrize("name", ["value", "twice", "qqqq", "path"])
    def test_delete(self, plg: Plugin, name: str) -> None:
        """Nothing can be deleted."""
        with pytest.raises(AttributeError, match="cannot be deleted"):
            delattr(plg, name)
        assert 6 == plg.twice(3)


class TestNames:
    """What is declared and exported is listed."""

    def test_contains(self, plg: Plugin) -> None:
        """``in`` tells whether a name is declared and exported."""
        assert "twice" in plg
        assert "value" in plg
        assert [] == [name for name in ("missing", "undeclared", "LIMIT", "", 3) if name in plg]

    def test_iteration(self, plg: Plugin) -> None:
        """A plugin is iterated in the order of its declarations."""
        assert ["value", "_hidden", "closed", "twice", "path"] == list(plg)

    def test_dir(self, plg: Plugin) -> None:
        """dir() has symbols, constants and methods, not what is ours or missing."""
        assert {"twice", "value", "LIMIT", "RED", "GREEN", "lookup", "close"} <= set(dir(plg))
        assert {"missing", "_symbols"}.isdisjoint(dir(plg))

    def test_completion(self, plg: Plugin) -> None:
        """A prompt's tab key completes names."""
        completer = rlcompleter.Completer({"plg": plg})
        assert "plg.twice(" == str(completer.complete("plg.tw", 0)).removesuffix(")").removesuffix(
            "x"
        )

    def test_repr(self, plg: Plugin) -> None:
        """The text of a plugin names its file and what serves."""
        assert f"<nativeplug.Plugin {plg.path!r}, generation 1>" == repr(plg)
        assert 1 == plg.generation


class TestObject:
    """A plugin belongs to its process."""

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
    def test_no_copies(self, plg: Plugin, duplicate: Callable[[Any], object]) -> None:
        """It can be neither copied nor pickled, and the error says what to do."""
        with pytest.raises(TypeError, match=r"cannot pickle .*: open it in the other process"):
            duplicate(plg)

    def test_hash(self, plg: Plugin) -> None:
        """It is equal to itself alone, and can be a key."""
        assert {plg: 1}[nativeplug.open(plg.path)] == 1
        assert weakref.ref(plg)() is plg

    def test_ffi(self, plg: Plugin) -> None:
        """It has the FFI that knows its types."""
        assert "enum colour" == plg.ffi.typeof("enum colour").cname
