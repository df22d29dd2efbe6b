"""nativeplug.testing: fakes of interfaces, and the fixture."""

# mypy: disable-error-code="empty-body"
# ruff: noqa: N802 - the names are those of C

from __future__ import annotations

import gc
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import pytest

import nativeplug
from gates import at_once
from interfaces import Greeter as Variadic
from nativeplug import ClosedError, CType, DeclarationError, Interface, InterfaceError, Plugin
from nativeplug.testing import fake
from support import CPlugin, RunPython

Point = Annotated[Any, CType("Point")]


class Tool(Interface, name="tool", version="1.2", types="typedef struct { double x, y; } Point;"):
    """Has members of every kind."""

    LIMIT: Final = 12
    Name: str
    Calls: nativeplug.int_
    table: Annotated[Any, CType("int[3]")]
    Motto: Annotated[str, nativeplug.optional]

    @property
    def limit(self) -> nativeplug.int_:
        """Cannot be written."""

    def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64:
        """Add two numbers."""

    def greet(self, who: str, loud: bool, mark: nativeplug.char) -> str | None:  # noqa: FBT001
        """Greet."""

    def move(self, point: Point, by: float) -> Point:
        """Move a point."""

    def each(self, call: Annotated[Any, CType("int (*)(int)")], count: nativeplug.int_) -> None:
        """Call something so often."""

    @nativeplug.optional
    def Shout(self) -> None:
        """Be loud."""


class Bodies:
    """What the fake does."""

    Name = "joe"
    limit = 5
    table = (1, 2, 3)
    LIMIT = 99  # is not asked

    def __init__(self) -> None:
        self.seen: list[object] = []

    def Add(self, a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    def greet(self, who: str | None, loud: bool, mark: bytes) -> str | None:  # noqa: FBT001
        """Greet whoever is there."""
        return None if who is None else f"{who} {loud} {mark!r}"

    def move(self, point: Any, by: float) -> dict[str, float]:
        """Move a point."""
        return {"x": point.x + by, "y": point.y}

    def each(self, call: Callable[[int], int], count: int) -> None:
        """Call something so often."""
        self.seen.extend(call(number) for number in range(count))


class TestFake:
    """A fake is used as a plugin that was opened as the interface."""

    def test_values(self) -> None:
        """Values come as from a plugin, and bodies get what Python code expects."""
        bodies = Bodies()
        tool = fake(Tool, bodies)
        assert 5 == tool.Add(2, 3) == tool.function("Add")(b=3, a=2)
        assert ("joe", 0, 5, 12) == (tool.Name, tool.Calls, tool.limit, tool.LIMIT)
        assert [1, 2, 3] == list(tool.table)
        assert "you True b'!'" == tool.greet("you", True, b"!")  # noqa: FBT003
        assert tool.greet(None, True, b"!") is None  # type: ignore[arg-type]  # noqa: FBT003
        assert (3.5, 2) == ((moved := tool.move({"x": 1, "y": 2}, 2.5)).x, moved.y)
        tool.each(lambda number: number * number, 3)
        assert [0, 1, 4] == bodies.seen

    def test_plugin(self) -> None:
        """It is a plugin, an instance of the interface, and has all that plugins have."""
        tool = fake(Tool, Bodies)
        assert isinstance(tool, Tool)
        assert isinstance(tool, Plugin)
        assert "<nativeplug.Plugin 'fake of Tool', generation 1>" == repr(tool)
        assert "Shout" not in tool
        assert "Add" in dir(tool)
        assert "int64_t Add(int64_t a, int64_t b)" == str(tool.function("Add").signature)
        assert [11, 12] == list(tool.function("Add").map(array("q", [1, 2]), 10))
        with tool.pin() as pinned:
            assert 5 == pinned.Add(2, 3)
        with pytest.raises(nativeplug.UpdateError):
            tool.update()

    def test_variables(self) -> None:
        """A variable is written as a plugin's is, each fake has its own."""
        one, two = fake(Tool, Bodies), fake(Tool, Bodies, Name="ann", Calls=7)
        one.Name = "eve"
        assert ("eve", "ann", 0, 7) == (one.Name, two.Name, one.Calls, two.Calls)
        with pytest.raises(AttributeError, match="'limit' is const"):
            one.limit = 3  # type: ignore[misc]

    def test_members(self) -> None:
        """Members by name come before an object's; optional ones are there when they are given."""
        tool = fake(Tool, Bodies(), Add=lambda a, b: a * b, Motto="so", Shout=lambda: None)
        assert (6, "so", None) == (tool.Add(2, 3), tool.Motto, tool.Shout())

    def test_closed(self) -> None:
        """It is closed as a plugin is."""
        with fake(Tool, Bodies) as tool:
            add = tool.Add
        with pytest.raises(ClosedError, match="plugin 'fake of Tool' is closed"):
            add(2, 3)

    def test_kept(self) -> None:
        """What came from it goes on working when nobody holds the fake any more."""
        add = fake(Tool, Bodies).function("Add")
        gc.collect()
        assert 5 == add(2, 3)

    def test_threads(self) -> None:
        """A text that is returned is that of the call, in each thread."""
        tool = fake(Tool, Bodies)

        def greet(name: str) -> Callable[[], bool]:
            expected = f"{name} False b'.'"
            return lambda: all(
                expected == tool.greet(name, False, b".")  # noqa: FBT003
                for _ in range(200)
            )

        assert [True] * 4 == at_once(*[greet(name * 50) for name in "abcd"])


class TestChecks:
    """What a plugin refuses, a fake refuses in the same words."""

    @pytest.mark.parametrize(
        "call",
        [
            lambda plg: plg.Add("2", 3),
            lambda plg: plg.Add(2),
            lambda plg: plg.Add(2, 3, 4),
            lambda plg: plg.Add(2, c=3),
            lambda plg: plg.Add(1 << 63, 0),
            lambda plg: setattr(plg, "Name", 3),
            lambda plg: setattr(plg, "Add", 3),
            lambda plg: plg.GetNam,
        ],
        ids=["type", "few", "many", "name", "range", "value", "function", "unknown"],
    )
    def test_same(self, c_plugin: CPlugin, call: Callable[[Any], object]) -> None:
        """Number, names, types and ranges of arguments; values of variables."""

        class Greeter(Interface):
            Name: str

            def GetName(self) -> str: ...

            def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64: ...

        said = []
        with nativeplug.open(c_plugin("greeter"), Greeter) as real:
            for plg in (real, fake(Greeter, GetName=str, Add=max)):
                with pytest.raises((TypeError, OverflowError, AttributeError)) as caught:
                    call(plg)
                said.append((type(caught.value), str(caught.value).replace(plg.path, "PATH")))
        (kind, text), second = said
        assert (kind, text.partition("; did")[0]) == (second[0], second[1].partition("; did")[0])

    @pytest.mark.parametrize(
        ("members", "call", "error", "words"),
        [
            ({"Add": lambda _a, _b: "5"}, ("Add", 2, 3), TypeError, r"Add\(\) result must be int"),
            ({"Add": lambda _a, _b: 1 << 63}, ("Add", 2, 3), OverflowError, r"Add\(\) result is o"),
            ({"greet": lambda *_: 3}, ("greet", "", True, b"."), TypeError, r"greet\(\) result mu"),
            ({"greet": lambda *_: "\0"}, ("greet", "", True, b"."), ValueError, "embedded null"),
            ({"move": lambda *_: {"z": 1}}, ("move", [0, 0], 1), ValueError, "no field 'z'"),
            ({"Add": lambda: 5}, ("Add", 2, 3), TypeError, "takes 0 positional arguments"),
            ({"Add": lambda _a, _b: 1 // 0}, ("Add", 2, 3), ZeroDivisionError, "division"),
        ],
        ids=["type", "range", "text", "null", "struct", "parameters", "raised"],
    )
    def test_bodies(
        self, members: dict[str, Any], call: tuple[Any, ...], error: type[Exception], words: str
    ) -> None:
        """A result that C could not give is an error of the call; so is what a body raises."""
        name, *args = call
        tool = fake(Tool, Bodies, **members)
        with pytest.raises(error, match=words):
            getattr(tool, name)(*args)

    @pytest.mark.parametrize(
        ("members", "error", "words"),
        [
            ({"Sing": abs}, TypeError, "'Sing' is no member of interface 'Tool'"),
            ({"LIMIT": 3}, TypeError, "'LIMIT' is a constant of interface 'Tool'"),
            ({"Add": 3}, TypeError, "'Add' must be callable, not int"),
            ({"Calls": "x"}, TypeError, "variable 'Calls' must be int, not str"),
            ({"table": [1, 2]}, ValueError, "variable 'table' must be 3 items, not 2"),
        ],
        ids=["unknown", "constant", "function", "variable", "array"],
    )
    def test_wrong(self, members: dict[str, Any], error: type[Exception], words: str) -> None:
        """What does not belong to the interface, or does not fit it, is refused at once."""
        with pytest.raises(error, match=words):
            fake(Tool, Bodies, **members)

    def test_missing(self) -> None:
        """A function that is missing is told as of a plugin; all of them are."""
        words = "plugin 'fake of Tool' is no 'Tool': it does not export 'greet'; it does not expor"
        with pytest.raises(InterfaceError, match=words):
            fake(Tool, Add=max)

    def test_impossible(self) -> None:
        """What Python cannot be made to look like is refused."""
        with pytest.raises(DeclarationError, match="cannot be passed to Python"):
            fake(Variadic, sum=sum, Add=max, GetName=str)

        class Opaque(Interface, types="typedef struct S S;"):
            thing: Annotated[Any, CType("S")]

        with pytest.raises(DeclarationError, match="cannot make a fake of 'S thing'"):
            fake(Opaque)


def test_fixture(c_plugin: CPlugin, tmp_path: Path, run_python: RunPython) -> None:
    """The fixture opens once in its scope, closes then, and takes up what it has left."""
    for suffix in (".so", ".h"):
        shutil.copy(c_plugin("greeter").with_suffix(suffix), tmp_path)
    (tmp_path / "conftest.py").write_text(
        "from nativeplug.testing import fixture\n"
        "greeter = fixture('greeter.so')\n"
        "again = fixture('greeter.so', scope='function')\n"
        "anew = fixture('greeter.so', scope='function', fresh=True)\n"
    )
    (tmp_path / "test_it.py").write_text(
        "seen = []\n"
        "def test_one(greeter):\n    greeter.Name = 'one'; seen.append(greeter)\n"
        "def test_two(greeter):\n    assert greeter.Name == 'one'; seen.append(greeter)\n"
        "def test_same():\n    assert seen[0] is seen[1]; seen[0].close()\n"
        "def test_again(again):\n    assert again.Name == 'one'; seen.append(again)\n"
        "def test_closed():\n    assert seen[2].closed\n"
        "def test_anew(anew):\n    assert anew.Name == 'world'\n"
    )
    code = "import os, sys, pytest; os.chdir(sys.argv[1]); sys.exit(pytest.main(['-q']))"
    done = run_python(code, tmp_path)
    assert "6 passed" in done.stdout, done.stdout
