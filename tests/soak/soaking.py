"""What the rows of `make soak` share: a scenario in a process of its own, and what it measures."""

from __future__ import annotations

import faulthandler
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import building
from batches import run_script

_SECONDS = 1800  # before a scenario is said to hang


@dataclass(frozen=True, slots=True)
class Measured:
    """What a scenario has found."""

    #: What is compared with the most that is allowed.
    figure: float
    #: The same in words.
    text: str
    #: What must not be, whatever the figure is.
    problems: Sequence[str] = ()
    #: What the figure is made of.
    details: Sequence[str] = ()


#: Runs at full size or at a part of it, and has an empty directory for that.
Scenario = Callable[[float, Path], Measured]


def main(*scenarios: Scenario) -> None:
    """Be the process of one of the scenarios, which the command line names."""
    name, scale = sys.argv[1:]
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    found = {scenario.__name__: scenario for scenario in scenarios}
    with building.session(), tempfile.TemporaryDirectory() as folder:
        measured = found[name](float(scale), Path(folder))
    sys.stdout.write(json.dumps(asdict(measured)))


def measure(script: str, name: str, scale: float) -> Measured:
    """
    Run a scenario in a process of its own.

    Args:
        script: The name of a module in this directory that ends in `main`.
        name: The scenario.
        scale: 1 for the full size.
    """
    output, ended = run_script(script, name, str(scale))
    if ended is not None:
        return Measured(float("inf"), ended.splitlines()[0], [ended])
    return Measured(**json.loads(output))


def times(count: int, scale: float) -> int:
    """Return how often to do what is done *count* times at full size."""
    return max(1, round(count * scale))
