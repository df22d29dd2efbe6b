"""``nativeplug bench``: what a call costs, in every way in which it can be made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import nativeplug
from nativeplug.cli.arguments import convert_all
from nativeplug.cli.console import Failure, console, progress, table
from nativeplug.cli.measure import Cost, Rounds
from nativeplug.cli.opening import Opening, opens_a_plugin
from nativeplug.cli.ways import Call, Way


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


def _call(opening: Opening, name: str, args: tuple[str, ...]) -> Call:
    """Make the call for the first time: the user's mistakes show here."""
    plg = opening.open()
    found = plg.lookup(name)
    if isinstance(found, nativeplug.Variable):
        raise Failure(f"'{name}' is a variable, only functions can be measured")
    with _failures():
        arguments = convert_all(plg, found, args)
        return Call(plg, opening, found, arguments, found(*arguments))


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
    call: Call, rounds: int, ways: Mapping[str, Way], costs: Mapping[str, Cost]
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
