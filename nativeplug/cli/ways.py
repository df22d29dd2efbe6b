"""The ways in which one function of a plugin can be called, as candidates to be measured."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nativeplug.call import Function, Scope
from nativeplug.call.plan import Kind
from nativeplug.cli.ctypes_types import InexpressibleError, result_and_arguments
from nativeplug.cli.measure import Candidate, Loop
from nativeplug.options import Options
from nativeplug.symbols import Binding

if TYPE_CHECKING:
    from nativeplug import Plugin
    from nativeplug.cli.opening import Opening

_INVOKER = "NATIVEPLUG_INVOKER"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to call the function."""

    #: None when it cannot be called in this way.
    candidate: Candidate | None
    #: Why it cannot, or what is odd about it.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a plugin's function that is to be measured."""

    plg: Plugin
    opening: Opening
    function: Function
    arguments: Sequence[Any]
    #: What it returned when it was first made.
    result: Any

    def ways(self) -> dict[str, Way]:
        """Return all ways by name; those of nativeplug come first."""
        makers: dict[str, Callable[[], Way]] = {
            "core, GIL released": lambda: self._by_core(hold_gil=False),
            "core, GIL held": lambda: self._by_core(hold_gil=True),
            "cffi invoker": self._by_cffi_invoker,
            "ctypes": self._by_ctypes,
            "cffi ABI mode": self._by_cffi,
        }
        looking_up = Loop("lookup(name)", lookup=self.plg.lookup, name=self.function.name)
        return {**{name: _made(make) for name, make in makers.items()}, "lookup": Way(looking_up)}

    def _by_core(self, *, hold_gil: bool) -> Way:
        function = self._resolve(hold_gil=hold_gil)
        if function.invoker != "core":
            raise InexpressibleError("the core leaves this signature to cffi")
        return self._way(function.builtin())

    def _by_cffi_invoker(self) -> Way:
        with _environment(_INVOKER, "cffi"):
            return self._way(self._resolve().builtin())

    def _by_ctypes(self) -> Way:
        self._refuse_owned()
        result, arguments = result_and_arguments(self.plg.ffi, self.function.call_plan)
        function = ctypes.CFUNCTYPE(result, *arguments)(self.function.address)
        return self._way(function, "{}.decode()")

    def _by_cffi(self) -> Way:
        self._refuse_owned()
        ffi = self.plg.ffi
        function = ffi.cast(self.function.call_plan.pointer, self.function.address)
        return self._way(function, "string({}).decode()", null=ffi.NULL, string=ffi.string)

    def _refuse_owned(self) -> None:
        if self.function.name in self.opening.free:
            raise InexpressibleError("it would not release the result")

    def _resolve(self, *, hold_gil: bool = False) -> Function:
        """Resolve the function anew: the same address, called in another way."""
        opened = self.plg._symbols  # noqa: SLF001 - not loaded twice
        given = replace(
            opened.given,
            scope=Scope(opened.declarations.ffi, self.plg.path),
            options=Options.of(free=self.opening.free, hold_gil=hold_gil),
        )
        found = Binding(given, opened.loaded).resolve(self.function.name)
        assert isinstance(found, Function)  # noqa: S101 - it was found before
        return found

    def _way(
        self, function: Callable[..., Any], text: str = "{}", null: object = None, **names: object
    ) -> Way:
        """
        Return the way that calls *function*.

        Args:
            function: What is called.
            text: What makes a text of its result.
            null: What stands for None among its arguments.
            names: What the names in *text* stand for.
        """
        given = {
            f"a{index}": null if value is None else value
            for index, value in enumerate(self.arguments)
        }
        statement = f"f({', '.join(given)})"
        if isinstance(self.result, str) and self.function.call_plan.result.kind is Kind.TEXT:
            statement = text.format(statement)
        names |= {"f": function, **given}
        result = eval(statement, dict(names))  # noqa: S307 - it is the statement above
        return Way(Loop(statement, **names), self._compare(result))

    def _compare(self, result: Any) -> str:
        plain = (bool, int, float, str)
        if not isinstance(result, plain) or not isinstance(self.result, plain):
            return ""
        # Not by "==": NaN is NaN. And the function may well return something else each time.
        same = repr(result) == repr(self.result)
        return "" if same else f"returned {result!r}, after {self.result!r}"


def _made(make: Callable[[], Way]) -> Way:
    try:
        return make()
    except (InexpressibleError, TypeError) as error:
        return Way(None, str(error))


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
