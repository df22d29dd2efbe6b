"""The core's part in updates: who uses a generation, and the switch to another."""

from __future__ import annotations

from types import CellType

import pytest

import nativeplug
from gates import GATE_C, Gate, background
from nativeplug._core import Uses, switch
from nativeplug.call import Function
from support import BuildC, function_of


@pytest.fixture
def plg(build_c: BuildC) -> nativeplug.Plugin:
    """Give a plugin whose functions tell where they are."""
    path = build_c(
        GATE_C
        + """
        #include <stdint.h>
        static char place[8];
        int64_t one(void) { return 1; }
        int64_t two(void) { return 2; }
        int64_t gated(int arrived, int opened) { return pass_gate(arrived, opened); }
        void *inside(void) { return place; }
        void *outside(void *given) { return given; }
        int64_t many(int64_t a, int64_t b, int64_t c, int64_t d) { return a + b + c + d; }
        """
    )
    return nativeplug.open(
        path,
        "int64_t one(void); int64_t two(void); int64_t gated(int arrived, int opened);"
        "void *inside(void);"
        "void *outside(void *given); int64_t many(int64_t a, int64_t b, int64_t c, int64_t d);",
        hold_gil=["two"],
    )


def function(plg: nativeplug.Plugin, name: str) -> Function:
    """Look a function up."""
    found = plg.lookup(name)
    assert isinstance(found, Function)
    return found


class TestUses:
    """Calls under way, and addresses that were given out."""

    def test_counted(self) -> None:
        """What begins and ends is counted."""
        uses = Uses(16, 32)
        assert 0 == uses.calls

        with uses:
            with uses:
                assert 2 == uses.calls
            assert 1 == uses.calls
        assert 0 == uses.calls

    @pytest.mark.parametrize(
        ("address", "expected"), [(15, False), (16, True), (31, True), (32, False)]
    )
    def test_exported(self, address: int, expected: bool) -> None:  # noqa: FBT001
        """Only an address of the generation counts."""
        uses = Uses(16, 32)
        uses.export(address)

        assert expected is uses.is_exported

    def test_wrong_arguments(self) -> None:
        """Addresses are numbers."""
        with pytest.raises(TypeError):
            Uses("a", 2)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            Uses(1, 2).export("a")  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["one", "two", "many"])
    def test_calls_end(self, plg: nativeplug.Plugin, name: str) -> None:
        """After calls of any kind of entry none is under way."""
        target = getattr(plg, name)
        arguments = (1, 2, 3, 4) if name == "many" else ()
        for _ in range(10):
            target(*arguments)
        with pytest.raises(TypeError):
            target("too", "many", "arguments", "by", "far")

        assert 0 == plg.generations[0].calls

    def test_call_under_way(self, plg: nativeplug.Plugin) -> None:
        """A call is counted as long as it runs."""
        with Gate() as gate, background(lambda: plg.gated(gate.arrived, gate.opened)):
            gate.wait()

            assert 1 == plg.generations[0].calls
            gate.open()
        assert 0 == plg.generations[0].calls

    def test_outlived_by_a_call(self) -> None:
        """A call may end after everybody has forgotten the generation."""
        _, uses = function_of("int f(void);")._begin()
        del uses  # the function is gone too; its counter is not

    def test_pointers(self, plg: nativeplug.Plugin) -> None:
        """A pointer into the generation holds it for ever, another one does not."""
        uses = plg._symbols.loaded.uses
        plg.outside(plg.ffi.new("char[]", 8))
        assert not uses.is_exported

        plg.inside()
        assert uses.is_exported

    def test_address(self, plg: nativeplug.Plugin) -> None:
        """So does a function's address, if it is asked for."""
        found = plg.lookup("one")
        assert not plg._symbols.loaded.uses.is_exported

        assert found.address
        assert plg._symbols.loaded.uses.is_exported


class TestSwitch:
    """Functions and cells move together."""

    def test_moved(self, plg: nativeplug.Plugin) -> None:
        """A function calls its new target, and counts there."""
        one, two, uses = function(plg, "one"), function(plg, "two"), Uses(0, 1)
        cell = CellType("old")
        kept = plg.one

        switch(((one, two.address, None, 0, uses),), ((cell, "new"),))

        assert (2, 2, "new") == (one(), kept(), cell.cell_contents)
        assert (two.address, uses) == one._begin()
        assert 1 == uses.calls
        uses.end()

    def test_python_callable(self) -> None:
        """A function that Python executes gets another callable."""
        called = function_of("int f(int x);")
        assert (1,) == called(1)

        switch(((called, 4096, lambda x: x + 1, 0, Uses(0, 1)),), ())

        assert 2 == called(1)

    def test_in_the_middle_of_a_python_callable(self) -> None:
        """What was replaced while it runs is not gone before it returns."""
        called = function_of("int f(int x);")

        def replace(x: int) -> int:
            switch(((called, 4096, lambda _: 7, 0, Uses(0, 1)),), ())
            return x

        switch(((called, 4096, replace, 0, Uses(0, 1)),), ())
        del replace

        assert (3, 7) == (called(3), called(3))

    @pytest.mark.parametrize(
        "functions",
        [
            [()],
            ((1, 2, None, 0, Uses(0, 1)),),
            ((function_of("int f(void);"), 2, None, 0, None),),
            ((function_of("int f(void);"), "x", None, 0, Uses(0, 1)),),
            (7,),
        ],
    )
    def test_nothing_moves(self, functions: object) -> None:
        """One wrong move, and none is made."""
        good = function_of("int f(void);")
        first = (good, 1 << 20, None, 0, Uses(0, 1))
        moves = (first, *functions) if isinstance(functions, tuple) else functions

        with pytest.raises(TypeError):
            switch(moves, ())  # type: ignore[arg-type]
        assert 4096 == good.address

    @pytest.mark.parametrize("cells", [(7,), ((1, 2),), ((CellType(1),),)])
    def test_wrong_cells(self, cells: object) -> None:
        """The same holds for cells."""
        good = function_of("int f(void);")

        with pytest.raises(TypeError):
            switch(((good, 1 << 20, None, 0, Uses(0, 1)),), cells)  # type: ignore[arg-type]
        assert 4096 == good.address

    def test_nothing_is_lost(self) -> None:
        """What is moved away from is let go of."""
        import sys

        called, uses, invoke = function_of("int f(void);"), Uses(0, 1), lambda: 1
        cell, value = CellType(), object()
        before = [sys.getrefcount(each) for each in (uses, invoke, value)]
        switch(((called, 1, invoke, 0, uses),), ((cell, value),))
        switch(((called, 1, None, 0, Uses(0, 1)),), ((cell, None),))

        assert before == [sys.getrefcount(each) for each in (uses, invoke, value)]
