"""Every reason of refusal, in every way in which a file comes: nothing of it may have run."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from unittest import mock

import damages
import refusals_files
import refusals_metadata
import refusals_places
import refusals_signed
import refusals_types
import unchecked_loading
from elf_parts import MARKER
from nativeplug.loader import files
from refusals import Compiler, Stage, attempt
from soaking import Measured, main

#: All but the damages, of which each needs the file that it damages.
REFUSALS = (
    *refusals_files.NO_FILES,
    *refusals_files.NO_PLUGINS,
    *refusals_places.PLACES,
    *refusals_signed.SIGNED,
    *refusals_metadata.TELLS,
    *refusals_metadata.DECLARATIONS,
    *refusals_types.INTERFACES,
    *refusals_types.NEW_INTERFACES,
    *refusals_types.UPDATES,
    *refusals_files.PROBED,
    *refusals_files.LOADED,
)


def refusals(scale: float, folder: Path) -> Measured:
    """Refuse plugins for every reason, in every way."""
    files._CLOCK_STEP_NS = 0  # type: ignore[misc] # nobody writes files meanwhile
    cache = mock.patch.dict(os.environ, NATIVEPLUG_CACHE_DIR=str(folder / "cache"))
    compiled = Compiler(folder)
    sound = damages.build(folder)
    every = [*REFUSALS, *refusals_files.of_damages(lambda _stage: sound)]
    tried = [(refusal, way) for refusal in every for way in refusal.ways][:: round(1 / scale)]
    run, problems, classes, otherwise = 0, [], Counter[str](), Counter[bool]()
    for number, (refusal, way) in enumerate(tried):
        place = folder / f"place{number}"
        place.mkdir()
        with cache:
            done = attempt(refusal, stage := Stage(place, compiled), way)
        run += done.has_run
        problems += done.problems
        classes[refusal.error.__name__ if way == "open" else "UpdateError"] += 1
        if way == refusal.ways[0]:
            would = _would_run(stage)
            otherwise[would] += 1
            if refusal.would_run and not would:
                problems.append(f"{refusal.name}: nothing would have run anyway")
    reasons = len({refusal.name for refusal, _ in tried})
    text = f"{run} of {len(tried):,} refusals for {reasons} reasons"
    return Measured(run, text, problems, [_told(classes), _controls(otherwise)])


def _told(classes: Counter[str]) -> str:
    return ", ".join(f"{count} by {name}" for name, count in classes.most_common())


def _controls(otherwise: Counter[bool]) -> str:
    return f"loaded unchecked, {otherwise[True]} of {otherwise.total()} files run a constructor"


def _would_run(stage: Stage) -> bool:
    """Load a file without any check, in a child of this process; say whether it runs."""
    if not stage.path.is_file():
        return False
    marker = stage.folder / "unchecked"
    with mock.patch.dict(os.environ, {MARKER: str(marker)}):
        unchecked_loading.load(stage.path.read_bytes())
    return marker.exists()


if __name__ == "__main__":
    main(refusals)
