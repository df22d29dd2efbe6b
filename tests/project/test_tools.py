"""Python's own tools, and those that everybody uses, at work on a plugin."""

from __future__ import annotations

import copy
import importlib
import inspect
import io
import os
import pickle
import pprint
import pydoc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from unittest import mock

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.extensions import autoreload
from rich.console import Console

import nativeplug
from nativeplug import Plugin
from support import BuildC, CPlugin
from versions import Versions

pytestmark = pytest.mark.slow

TEXT = """
    int value = 3;
    int path = 4;
    int twice(int x) { return 2 * x; }
    const char *broken = "\\xff";
"""
DECLARATIONS = """
    #define LIMIT 10
    extern int value, path;
    int twice(int x);
    int missing(void);
    extern const char *broken;
"""


@pytest.fixture
def plg(build_c: BuildC) -> Iterator[Plugin]:
    """Give an open plugin, of which nothing was looked up."""
    with nativeplug.open(build_c(TEXT), DECLARATIONS) as opened:
        yield opened


@runtime_checkable
class Doubler(Protocol):
    """What the plugin has."""

    value: int

    def twice(self, x: int) -> int:
        """Return twice a number."""


@runtime_checkable
class Tripler(Protocol):
    """What the plugin has not."""

    def thrice(self, x: int) -> int:
        """Return three times a number."""


class TestDict:
    """``__dict__`` is a dict, made anew each time."""

    def test_contents(self, plg: Plugin) -> None:
        """It has what can be read after the dot, but for what every plugin has itself."""
        shown = vars(plg)
        assert type(shown) is dict
        assert {"LIMIT", "value", "twice"} == shown.keys()
        assert (10, 3, 6) == (shown["LIMIT"], shown["value"], shown["twice"](3))
        assert plg.twice is vars(plg)["twice"]
        plg.value = 5
        assert 5 == vars(plg)["value"]

    def test_no_use(self, plg: Plugin) -> None:
        """Looking at it looks nothing up, so what was declared wrongly can still be corrected."""
        twice = vars(plg)["twice"]
        assert {} == plg._symbols.resolved
        assert f"<function 'twice' of {plg!r}, not looked up>" == repr(twice)
        assert "twice" == twice.__name__
        nativeplug.open(plg.path, "int twice(int x); int more(void);\n#define LIMIT 11\n")
        assert 11 == vars(plg)["LIMIT"]
        assert twice.__self__ is plg.lookup("twice")

    def test_memory(self, build_c: BuildC) -> None:
        """A variable that shows the plugin's memory is looked up."""
        path = build_c("struct { int x; } place = {5}; int *pointer; int plain;")
        text = "extern struct S { int x; } place; extern int *pointer; extern int plain;"
        with nativeplug.open(path, text) as plg:
            shown = vars(plg)
            assert {"place", "pointer"} == plg._symbols.resolved.keys()
            shown["place"].x = 6
            assert (6, 0) == (plg.place.x, shown["plain"])

    def test_copy(self, plg: Plugin) -> None:
        """What is written into it changes that dict, and nothing else."""
        vars(plg).update(twice=abs, value=9, more=1)
        assert (6, 3) == (plg.twice(3), plg.value)
        assert not hasattr(plg, "more")

    def test_closed(self, plg: Plugin) -> None:
        """A closed plugin has nothing."""
        plg.close()
        assert {} == vars(plg)
        assert inspect.getattr_static(plg, "closed") is not None

    def test_updated(self, versions: Versions) -> None:
        """After an update it has what the new version has."""
        versions.put(1)
        plg = versions.open("int more(void);")
        assert "more" not in vars(plg)
        versions.put(2, "int more(void) { return 2; }")
        plg.update()
        assert 2 == vars(plg)["more"]() == vars(plg)["number"]
        assert [*plg][-1] == "more"


class TestInspection:
    """What looks at objects sees what a plugin has."""

    def test_static(self, plg: Plugin) -> None:
        """inspect.getattr_static finds symbols and methods."""
        assert 3 == inspect.getattr_static(plg, "value")
        assert 6 == inspect.getattr_static(plg, "twice")(3)
        assert inspect.getattr_static(plg, "close") is Plugin.close
        with pytest.raises(AttributeError):
            inspect.getattr_static(plg, "missing")

    def test_protocols(self, plg: Plugin) -> None:
        """A plugin is an instance of the protocols whose members it has."""
        assert isinstance(plg, Doubler)
        assert not isinstance(plg, Tripler)

    def test_members(self, c_plugin: CPlugin) -> None:
        """inspect.getmembers gives symbols with the rest."""
        with nativeplug.open(c_plugin("greeter")) as plg:
            found = dict(inspect.getmembers(plg))
            assert ("world", plg.Add) == (found["Name"], found["Add"])
            assert "rollback" in found

    def test_help(self, plg: Plugin) -> None:
        """help() of a function shows its prototype, and of a plugin what plugins can do."""
        plain: Any = vars(pydoc)["plaintext"]
        text = pydoc.render_doc(plg.twice, renderer=plain)
        assert "twice(x)" in text
        assert "int twice(int x)" in text
        assert "rollback" in pydoc.render_doc(plg, renderer=plain)

    def test_printing(self, plg: Plugin) -> None:
        """Pprint and rich print the text of a plugin."""
        console = Console(file=io.StringIO(), width=1000)
        console.print(plg)
        assert isinstance(console.file, io.StringIO)
        assert repr(plg) == pprint.pformat(plg) == console.file.getvalue().strip()

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
    def test_copies(self, plg: Plugin, duplicate: Callable[[Any], object]) -> None:
        """Its contents in ``__dict__`` do not make it a thing that can be copied or pickled."""
        assert vars(plg)
        with pytest.raises(TypeError, match=r"cannot pickle .*: open it in the other process"):
            duplicate(plg)


class TestMock:
    """unittest.mock makes mocks of a plugin."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda plg: mock.Mock(spec=plg),
            lambda plg: mock.MagicMock(spec_set=plg),
            lambda plg: mock.create_autospec(plg, instance=True),
        ],
        ids=["spec", "spec_set", "autospec"],
    )
    def test_spec(self, c_plugin: CPlugin, make: Callable[[Any], Any]) -> None:
        """A mock has the plugin's symbols and methods, and no others."""
        with nativeplug.open(c_plugin("greeter")) as plg:
            made = make(plg)
        made.Add.return_value = 5
        assert 5 == made.Add(2, 3)
        assert made.close() is not None
        with pytest.raises(AttributeError):
            made.Sing  # noqa: B018


def completions(plg: Plugin, text: str, *, jedi: bool) -> list[str]:
    """Return what IPython offers when TAB is pressed behind *text*."""
    completer = IPCompleter(namespace={"plg": plg}, use_jedi=jedi)  # type: ignore[no-untyped-call]
    with provisionalcompleter():
        found = [each.text for each in completer.completions(text, len(text))]
    return [name.lstrip(".") for name in found]


class TestIPython:
    """IPython, and so Jupyter, completes names."""

    @pytest.mark.parametrize("jedi", [True, False], ids=["jedi", "plain"])
    def test_completion(self, plg: Plugin, *, jedi: bool) -> None:
        """Functions, variables, constants and methods are offered, whoever looks them up."""
        assert ["twice"] == completions(plg, "plg.tw", jedi=jedi)
        assert ["value"] == completions(plg, "plg.val", jedi=jedi)
        assert ["LIMIT"] == completions(plg, "plg.LI", jedi=jedi)
        assert ["rollback"] == completions(plg, "plg.roll", jedi=jedi)
        # jedi asks what the names that it offers are; others it leaves alone.
        assert plg._symbols.resolved.keys() <= {"twice", "value"}

    @pytest.mark.parametrize("jedi", [True, False], ids=["jedi", "plain"])
    def test_closed(self, plg: Plugin, *, jedi: bool) -> None:
        """Of a closed plugin there are the methods."""
        plg.close()
        assert ["closed"] == completions(plg, "plg.closed", jedi=jedi)
        assert [] == completions(plg, "plg.tw", jedi=jedi)

    def test_autoreload(
        self, build_c: BuildC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A module that opens a plugin is reloaded, and has the same plugin as before."""
        path = build_c(TEXT)
        module = tmp_path / "opens_a_plugin.py"
        text = f"import nativeplug\nplg = nativeplug.open({str(path)!r}, 'int twice(int x);')\n"
        module.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setitem(sys.modules, module.stem, mock.Mock())  # put back at the end
        del sys.modules[module.stem]
        loaded: Any = importlib.import_module(module.stem)
        reloader: Any = vars(autoreload)["ModuleReloader"]()
        before = loaded.plg
        reloader.check(check_all=True)
        module.write_text(f"{text}more = plg.twice(4)\n")
        os.utime(module, (1 << 31, 1 << 31))  # which is not when it was read
        reloader.check(check_all=True)
        assert 8 == loaded.more
        assert before is loaded.plg
        before.close()
