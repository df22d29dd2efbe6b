"""Files that are damaged, and files that are not: what the check before loading makes of them."""

from __future__ import annotations

import itertools
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import building
import plugin_makers
import unchecked_loading
from nativeplug.elf import defects
from nativeplug.elf.elffile import Target, host_target
from soaking import Measured, main, times
from support import PLUGINS_C, PLUGINS_GO

_SEED = 5
_LIBRARIES, _CUTS, _CHECKS = 50, 200, 200
_LARGEST = 4 << 20  # bytes of a library that is damaged
_TOLD = 10
_AARCH64 = Target(183, 64, "<")
_WHEELS = """
numpy scipy pandas cryptography pyarrow pillow lxml grpcio tokenizers orjson pydantic-core
polars-runtime-32 cffi aiohttp psycopg2-binary pymongo regex msgpack protobuf pyyaml rpds-py
scikit-learn matplotlib h5py zstandard uvloop ziglang numba llvmlite shapely bcrypt pynacl
"""


def truncations(scale: float, folder: Path) -> Measured:
    """Cut 50 libraries and two plugins at 200 places each, and load what is accepted."""
    killed: list[str] = []
    tally = Counter[str]()
    cuts = times(_CUTS, scale**0.5)  # and as much less libraries
    for name, data in subjects(folder, times(_LIBRARIES, scale**0.5)):
        for cut in range(cuts):
            part = data[: len(data) * cut // cuts]
            outcome = "refused" if defects.find_defect(part) else unchecked_loading.load(part)
            tally[outcome] += 1
            if outcome.startswith("killed"):
                killed.append(f"{name}, {len(part)} of {len(data)} bytes: {outcome}")
    text = f"{len(killed)} of {tally.total():,}"
    return Measured(len(killed), text, details=[told(tally), *killed[:_TOLD]])


def false_refusals(scale: float, folder: Path) -> Measured:
    """Check what loads: the system's libraries, 30 wheels, plugins by all that makes them."""
    step = round(1 / scale)
    whole = step == 1
    tally, missing = _Tally(Counter(), Counter(), [], []), [] if whole else ["wheels"]
    for path in plugin_makers.libraries()[::step]:
        tally.check("the system's directories", path.name, path.read_bytes())
    for name, found in _wheels(folder / "wheels") if whole else ():
        if found is None:
            missing.append(f"the wheel of {name}")
        for path in found or ():
            tally.check("wheels", f"{name}: {path.name}", path.read_bytes())
    ways, tools = plugin_makers.find(folder / "go", download=whole)
    for number, maker in enumerate(ways[::step]):
        place = folder / f"made {number}"
        place.mkdir()
        tally.make(maker, place)
    lines = [f"{name}: {count:,}" for name, count in sorted(tally.checked.items())]
    lines += [f"not measured: no {name}" for name in (*missing, *tools)]
    lines += [f"cannot make {n} variants: {name}" for name, n in sorted(tally.unmade.items())]
    text = f"{len(tally.wrong)} of {tally.checked.total():,} files"
    return Measured(len(tally.wrong), text, tally.wrong[:_TOLD], [*lines, *tally.refused])


def check_cost(scale: float, folder: Path) -> Measured:
    """Measure the check of a Go plugin of 2 MB."""
    data = building.build(PLUGINS_GO / "greeter", folder / "go.so").read_bytes()
    native, whole = [], []
    for _ in range(times(_CHECKS, scale)):
        begun = time.perf_counter()
        assert defects.find_structure_defect(data, host_target()) is None
        middle = time.perf_counter()
        assert defects.find_defect(data) is None
        native.append(1000 * (middle - begun))
        whole.append(1000 * (time.perf_counter() - middle))
    figure = statistics.median(whole)
    details = [f"the part in C: {statistics.median(native):.3f} ms, of {len(data):,} bytes"]
    return Measured(figure, f"{figure:.3f} ms (worst {max(whole):.2f})", details=details)


@dataclass(frozen=True, slots=True)
class _Tally:
    """What was checked, and what went wrong."""

    checked: Counter[str]
    unmade: Counter[str]
    wrong: list[str]
    #: What does not load either, or not alone.
    refused: list[str]

    def check(self, group: str, name: str, data: bytes) -> None:
        """Check a file that nobody has damaged; one that does not load may be refused."""
        if Target.of(data) is None:
            return
        found = defects.find_defect(data)
        self.checked[group] += 1
        if found is not None:
            outcome = unchecked_loading.load(data)
            told = self.wrong if outcome == "loaded" else self.refused
            told.append(f"{outcome}: {group}, {name}: {found}")

    def make(self, maker: plugin_makers.Maker, folder: Path) -> None:
        """Make a plugin, and check it; not each linker has each option."""
        try:
            data = maker.make(folder)
        except subprocess.CalledProcessError:
            self.unmade[maker.name] += 1
            return
        if maker.for_aarch64 or maker.said:
            target = _AARCH64 if maker.for_aarch64 else host_target()
            found = defects.find_structure_defect(data, target)
            self.checked[maker.name] += 1
            if not str(found).startswith(str(maker.said)):
                self.wrong.append(f"{maker.name}: {found}")
            return
        self.check(maker.name, str(folder), data)


def told(tally: Mapping[str, int]) -> str:
    """Say how often there was each outcome."""
    return ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(tally.items()))


def subjects(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """Give plugins in C and Go, and so many libraries of the system that can be loaded."""
    yield "C", building.build(PLUGINS_C / "greeter.c", folder / "c.so").read_bytes()
    yield "Go", building.build(PLUGINS_GO / "greeter", folder / "go.so").read_bytes()
    paths = [path for path in plugin_makers.libraries() if path.stat().st_size <= _LARGEST]
    random.Random(_SEED).shuffle(paths)  # noqa: S311 - it must be repeatable
    loaded = (
        (path.name, data)
        for path in paths
        if defects.find_defect(data := path.read_bytes()) is None
        and unchecked_loading.load(data) == "loaded"
    )
    yield from itertools.islice(loaded, count)


def _wheels(folder: Path) -> Iterator[tuple[str, list[Path] | None]]:
    """Download wheels, and give the libraries that are in each; None where there is no wheel."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    for name in _WHEELS.split():
        place = folder / name
        place.mkdir(parents=True)
        done = subprocess.run([*pip, "-d", place, name], capture_output=True, check=False)
        if done.returncode:
            yield name, None
            continue
        for wheel in place.glob("*.whl"):
            subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, place], check=True)
        yield name, sorted(path for path in place.rglob("*.so*") if path.is_file())


if __name__ == "__main__":
    main(truncations, false_refusals, check_cost)
