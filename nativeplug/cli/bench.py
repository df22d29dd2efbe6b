"""``nativeplug bench``: what a call costs, in every way in which it can be made."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import nativeplug
from nativeplug.call import CallContext, Function
from nativeplug.call.plan import CallPlan, Kind, PlanValue, is_signed
from nativeplug.cli.arguments import convert_all
from nativeplug.cli.console import Failure, console, progress, table
from nativeplug.cli.measure import Candidate, Cost, Loop, Rounds
from nativeplug.cli.opening import Opening, opens_a_plugin
from nativeplug.runtime.binding import Resolver
from nativeplug.runtime.options import FunctionOptions


@click.command(
    short_help="Measure a plugin's function, called in every way.",
    # "-2" is an argument, not an option: this command has no short options.
    context_settings={"ignore_unknown_options": True},
)
@opens_a_plugin
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How often each way is measured.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs: seconds.")
@click.option(
    "--plot",
    "picture",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw bars into FILE (.png, .svg, .pdf); needs matplotlib.",
)
def bench(
    name: str,
    args: tuple[str, ...],
    *,
    rounds: int,
    as_json: bool,
    picture: Path | None,
    **opening: Any,
) -> None:
    """
    Measure a call of the function NAME of PLUGIN with ARGS.

    It is called by the core with the GIL released and held, by the cffi invoker, by ctypes
    and by cffi's ABI mode, all at the same address, and looked up by its name. In each round
    every way is measured once, in turn; an empty loop's time is subtracted, and the least of
    all rounds is what counts. The function is called many times: it should have no effects
    that add up.

    ARGS and the options are those of "nativeplug call".

    \b
    Example:
      nativeplug bench libm.so.6 pow 2 10 --declarations "double pow(double, double);"
    """  # noqa: D301 - click's mark for lines that stay as they are
    draw = _load_plot() if picture else None
    call = _call(Opening.of(**opening), name, args)
    with _failures():  # a later call may fail where the first one did not
        ways = call.ways()
        costs = _measure(ways, rounds)
    if as_json:
        click.echo(json.dumps(_report(call, rounds, ways, costs), indent=2))
    else:
        title = f"{call.function.signature}: {rounds} rounds"
        console().print(table(title, ("", "ns", "median", "ratio", "note"), _rows(ways, costs)))
    if draw and picture:
        draw(picture, name, costs)


def _call(opening: Opening, name: str, args: tuple[str, ...]) -> TimedCall:
    """Make the call for the first time: the user's mistakes show here."""
    plg = opening.open()
    found = plg.lookup(name)
    if isinstance(found, nativeplug.Variable):
        raise Failure(f"'{name}' is a variable, only functions can be measured")
    with _failures():
        arguments = convert_all(plg, found, args)
        return TimedCall(plg, opening, found, arguments, found(*arguments))


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, OverflowError, AttributeError, RuntimeError) as error:
        raise Failure(str(error)) from error


def _measure(ways: Mapping[str, Way], rounds: int) -> dict[str, Cost]:
    timed = Rounds({label: way.candidate for label, way in ways.items() if way.candidate})
    with progress(f"measuring, {rounds} rounds"):
        for _ in range(rounds):
            timed.run()
    return timed.costs()


def _rows(ways: Mapping[str, Way], costs: Mapping[str, Cost]) -> Iterator[tuple[str, ...]]:
    """Give the rows of the table; a ratio is that to the first way that can be measured."""
    baseline = next(iter(costs.values())).minimum
    for label, way in ways.items():
        if label in costs:
            least, median = costs[label].minimum, costs[label].median
            figures = (f"{least * 1e9:.1f}", f"{median * 1e9:.1f}", f"{least / baseline:.2f}")
        else:
            figures = ("-", "-", "-")
        yield (label, *figures, way.note)


def _report(
    call: TimedCall, rounds: int, ways: Mapping[str, Way], costs: Mapping[str, Cost]
) -> dict[str, Any]:
    """Return everything as JSON has it; its keys are part of the public interface."""
    return {
        "function": str(call.function.signature),
        "path": call.plg.path,
        "rounds": rounds,
        "ways": {
            label: {**(asdict(costs[label]) if label in costs else {}), "note": way.note}
            for label, way in ways.items()
        },
    }


def _load_plot() -> Callable[[Path, str, Mapping[str, Cost]], None]:
    try:
        from nativeplug.cli.plot import bars
    except ModuleNotFoundError as error:
        raise Failure("--plot needs matplotlib: pip install 'nativeplug[bench]'") from error

    def draw(picture: Path, name: str, costs: Mapping[str, Cost]) -> None:
        heights = {label: [cost.minimum] for label, cost in costs.items()}
        try:
            bars(picture, "one call", [name], heights)
        except ValueError as error:  # the suffix is of no format that matplotlib knows
            raise Failure(f"cannot draw '{picture}': {error}") from error

    return draw


# The ways in which one function of a plugin can be called, as candidates to be measured.


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
class TimedCall:
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
            scope=CallContext(opened.declarations.ffi, self.plg.path),
            options=FunctionOptions.of(free=self.opening.free, hold_gil=hold_gil),
        )
        found = Resolver(given, opened.loaded).resolve(self.function.name)
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


# A call plan's types as ctypes has them.


_BY_KIND: dict[Kind, Any] = {
    Kind.VOID: None,
    Kind.BOOL: ctypes.c_bool,
    Kind.CHAR: ctypes.c_char,
    Kind.LONG_DOUBLE: ctypes.c_longdouble,
    Kind.TEXT: ctypes.c_char_p,
    Kind.WIDE_TEXT: ctypes.c_void_p,
    Kind.POINTER: ctypes.c_void_p,
    Kind.CALLBACK: ctypes.c_void_p,
}
_FLOATS = {4: ctypes.c_float, 8: ctypes.c_double}


class InexpressibleError(Exception):
    """A call that cannot be made in some way."""


def result_and_arguments(ffi: Any, plan: CallPlan) -> tuple[Any, list[Any]]:
    """
    Return what ctypes calls ``restype`` and ``argtypes``.

    Args:
        ffi: The ``FFI`` that knows the plan's types.
        plan: The call plan of a function.

    Raises:
        InexpressibleError: ctypes does not have one of the types, or the function takes
            further arguments.
    """
    if plan.signature.variadic:
        raise InexpressibleError("ctypes does not know how '...' is passed")
    return _type(ffi, plan.result), [_type(ffi, value) for value in plan.parameters]


def _type(ffi: Any, value: PlanValue) -> Any:
    size = 0 if value.kind is Kind.VOID else ffi.sizeof(value.ctype)
    if value.kind is Kind.INTEGER:
        return getattr(ctypes, f"c_{'' if is_signed(ffi, value.ctype) else 'u'}int{8 * size}")
    if value.kind is Kind.FLOAT:
        return _FLOATS[size]
    if value.kind is Kind.WIDE and size == ctypes.sizeof(ctypes.c_wchar):
        return ctypes.c_wchar
    if value.kind in _BY_KIND:
        return _BY_KIND[value.kind]
    raise InexpressibleError(f"ctypes has no {value.ctype.cname!r}")
