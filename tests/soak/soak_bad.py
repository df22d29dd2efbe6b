"""Bad updates, and files that are damaged: calls go on as if nothing had happened."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nativeplug import UpdateError
from nativeplug.elf.elffile import ElfFile, host_target
from nativeplug.elf.numbers import PT_LOAD
from numbered_builds import Builds, put, result
from soaking import Measured, main, times
from support import E_MACHINE, patched
from traffic import Traffic

_THREADS = 2
_CUTS = 200
_OTHERS = 300  # bad updates of each other kind, which makes 2,000 in all
_BAD = 666  # the number of a build that must never serve
_SEED = 4


@dataclass(frozen=True, slots=True)
class Bad:
    """A version of a plugin that cannot take the place of the one that serves."""

    what: str
    #: What the reason given must match.
    reason: str
    data: bytes
    header: str

    def put(self, builds: Builds) -> None:
        """Put it in place."""
        builds.header.write_text(self.header)
        put(builds.path, self.data)


def bad_updates(scale: float, folder: Path) -> Measured:
    """Refuse 2,000 bad updates, each with its reason."""
    builds = Builds(folder)
    all_bad = [*_bad_versions(folder, builds)]
    chosen = all_bad[:: round(1 / scale)]
    random.Random(_SEED).shuffle(chosen)  # noqa: S311 - it must be repeatable
    plg = builds.open()
    problems: list[str] = []
    with Traffic(plg, _THREADS) as traffic:
        for bad in chosen:
            bad.put(builds)
            problems += _refuse(plg, bad)
    served = {info.state for info in plg.generations if info.number > 1}
    if served - {"unloaded"}:
        problems.append(f"generations of bad versions are {served}")
    refused = len(chosen) - len(problems)
    text = f"{traffic.wrong:,} of {traffic.calls:,} calls, {refused:,} typed errors"
    return Measured(traffic.wrong, text, [*traffic.told, *problems[:20]])


def _refuse(plg: Any, bad: Bad) -> Iterator[str]:
    """Try an update, and tell what is wrong with its failure."""
    try:
        yield f"{bad.what}: {plg.update()}"
    except UpdateError as error:
        if error.path != plg.path or not re.search(bad.reason, "\n".join(error.reasons)):
            yield f"{bad.what}: {error}"


def _bad_versions(folder: Path, builds: Builds) -> Iterator[Bad]:
    """Give 2,000 of all kinds."""
    header, data = builds.header.read_text(), builds.data(_BAD)
    # What lies behind that, of debuggers and linkers, may be missing: nobody reads it.
    loaded = max(each.end for each in ElfFile.of(data).segments if each.kind == PT_LOAD)
    for cut in range(_CUTS):
        size = loaded * cut // _CUTS
        reason = "^truncated: " if size else "^the file is empty$"
        yield Bad(f"cut at byte {size}", reason, data[:size], header)
    kinds = [
        ("text", "not an ELF file but text", b"This is no plugin.\n", header),
        ("wrong architecture", "^built for ", _for_another_machine(data), header),
        ("missing symbol", "does not export 'held'", _variant(folder, "#define held gone"), header),
        (
            "changed signature",
            "number",
            data,
            header.replace("number(void)", "number(int64_t more)"),
        ),
        (
            "failing hook",
            r"nativeplug_loaded\(\) .* returned 5",
            _variant(folder, "int nativeplug_loaded(void) { return 5; }"),
            header,
        ),
        ("undefined symbol", "undefined symbol: nowhere", _variant(folder, _UNDEFINED), header),
    ]
    for what, reason, made, declared in kinds:
        for _ in range(_OTHERS):
            yield Bad(what, reason, made, declared)


#: It would not only fail, but end the process, if it came that far.
_UNDEFINED = """
#include <stdlib.h>
void nowhere(void);
__attribute__((constructor)) static void start(void) { abort(); }
void go(void) { nowhere(); }
"""


def _for_another_machine(data: bytes) -> bytes:
    sparc, arm = 2, 40
    machine = host_target().machine
    return patched(data, E_MACHINE, "=H", sparc if machine == arm else arm)


def _variant(folder: Path, more: str) -> bytes:
    """Return a build with further C text."""
    place = folder / f"variant {len([*folder.iterdir()])}"
    place.mkdir()
    return Builds(place, more).data(_BAD)


def damaged_files(scale: float, folder: Path) -> Measured:
    """Damage and repair the plugin's file in 1,000 ways and moments, with updates meanwhile."""
    rng, rounds = random.Random(_SEED), times(1_000, scale)  # noqa: S311 - it must be repeatable
    builds, outcomes = Builds(folder), Counter[str]()
    plg, problems = builds.open(), []
    with Traffic(plg, _THREADS) as traffic, ThreadPoolExecutor(1) as pool:
        for number in range(2, rounds + 2):
            act = rng.choice(_ACTS)
            traffic.expect(number)
            acting = pool.submit(act, builds, number, rng)
            while not acting.done():  # what is half done is read, too
                outcomes[_try_update(plg)] += 1
            outcomes[last := _try_update(plg)] += 1
            if acting.result():
                traffic.require(number)
                if plg.number() != result(number):
                    problems.append(f"{act.__name__}: {last}, build {plg.number() >> 32} serves")
    met = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    text = f"{traffic.wrong:,} of {traffic.calls:,} calls, {rounds:,} rounds: updates {met}"
    return Measured(traffic.wrong, text, [*traffic.told, *problems[:20]])


def _try_update(plg: Any) -> str:
    try:
        outcome: str = plg.update()
    except UpdateError:
        return "refused"
    return outcome


# Each does something to the file, and says whether a whole new build stands there then.


def _truncate(builds: Builds, _number: int, rng: random.Random) -> bool:
    os.truncate(builds.path, rng.randrange(len(builds.data(1))))
    return False


def _overwrite_by_noise(builds: Builds, _number: int, rng: random.Random) -> bool:
    _overwrite(builds.path, rng.randbytes(2 * len(builds.data(1))))
    return False


def _overwrite_by_build(builds: Builds, number: int, _rng: random.Random) -> bool:
    _overwrite(builds.path, builds.data(number))
    return True


def _copy_over(builds: Builds, number: int, _rng: random.Random) -> bool:
    beside = builds.path.with_name("copied")
    beside.write_bytes(builds.data(number))
    subprocess.run(["cp", beside, builds.path], check=True)
    return True


def _recreate(builds: Builds, number: int, _rng: random.Random) -> bool:
    builds.path.unlink()
    builds.path.write_bytes(builds.data(number))
    return True


def _overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(data)


_ACTS: Sequence[Callable[[Builds, int, random.Random], bool]] = (
    _truncate,
    _overwrite_by_build,
    _overwrite_by_noise,
    _copy_over,
    _recreate,
)


if __name__ == "__main__":
    main(bad_updates, damaged_files)
