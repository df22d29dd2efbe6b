"""Files whose tables are damaged a little: what loading them does to a process."""

from __future__ import annotations

import io
import itertools
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nativeplug
import unchecked_loading
from nativeplug import FormatError, OpenError
from nativeplug.elf import defects
from nativeplug.loader import files
from numbered_builds import put
from soak_files import subjects, told
from soaking import Measured, main, times

_SEED = 5
_MUTANTS = 20_000
_MUTATED = 8  # libraries of the system, beside a plugin in C and one in Go
_MOST_CHANGES = 4  # bytes
_TOLD = 10
_AT_A_HOST = 40  # mutants; what was opened stays mapped, and Go's runtimes are not many
_SECONDS = 60  # before a host is said to hang: a probe has 30
# The sections that mutants differ in, and what they are called here.
_TABLES = {
    ".dynamic": "dynamic section",
    ".dynsym": "symbols",
    ".hash": "hash tables",
    ".gnu.hash": "hash tables",
    ".rela.dyn": "relocations",
    ".rela.plt": "relocations",
    ".relr.dyn": "relocations",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file."""

    name: str
    region: str
    data: bytes

    def __str__(self) -> str:
        """Say what is damaged."""
        return f"{self.name}, {self.region}"


def mutants(scale: float, folder: Path) -> Measured:
    """Change 1 to 4 bytes where the tables are, 20,000 times, and load what is accepted."""
    count = times(_MUTANTS, scale)
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    killed = []
    for mutant in _mutants(folder, count):
        outcome = (
            "refused" if defects.find_defect(mutant.data) else unchecked_loading.load(mutant.data)
        )
        tallies[mutant.region][outcome] += 1
        if outcome.startswith("killed"):
            killed.append(f"{mutant}: {outcome}")
    lines = [f"{region}: {told(tally)}" for region, tally in sorted(tallies.items())]
    share = 100 * len(killed) / count
    text = f"{share:.2f} % ({len(killed)} of {count:,})"
    return Measured(share, text, details=[*lines, *killed[:_TOLD]])


def mutants_probed(scale: float, folder: Path) -> Measured:
    """Open what the check lets pass of these, with a probe, in processes that must survive."""
    files._CLOCK_STEP_NS = 0  # type: ignore[misc] # nobody writes them meanwhile
    place = folder / "plugins"
    place.mkdir()
    tally, killed, hosts = Counter[str](), [], 0
    count = times(_MUTANTS, scale)
    more = (each for each in _mutants(folder, count) if not defects.find_defect(each.data))
    waiting: list[Mutant] = []
    while waiting := [*waiting, *itertools.islice(more, _AT_A_HOST - len(waiting))]:
        outcomes, ended = _host(waiting, place)
        hosts += 1
        tally.update(outcomes)
        if ended is not None:  # it is the one that was next
            outcomes.append(ended)
            killed.append(f"{waiting[len(outcomes) - 1]}: {ended}")
        del waiting[: len(outcomes)]
    tally["refused"] = count - tally.total() - len(killed)
    text = f"{len(killed)} of {hosts:,}, {count:,} files"
    return Measured(len(killed), text, details=[told(tally), *killed[:_TOLD]])


def _mutants(folder: Path, count: int) -> Iterator[Mutant]:
    rng = random.Random(_SEED)  # noqa: S311 - it must be repeatable
    found = [(name, data, _regions(data)) for name, data in subjects(folder, _MUTATED)]
    for _ in range(count):
        name, data, regions = rng.choice(found)
        region = rng.choice(sorted(regions))
        yield Mutant(name, region, _mutate(data, rng.choice(regions[region]), rng))


def _regions(data: bytes) -> dict[str, list[range]]:
    """Return where the header and the tables of a file are."""
    from elftools.elf.elffile import ELFFile

    file = ELFFile(io.BytesIO(data))
    start, size = file.header.e_phoff, file.header.e_phentsize
    regions = {
        "header": [range(file.header.e_ehsize)],
        "program headers": [range(start, start + size * file.header.e_phnum)],
    }
    for section in file.iter_sections():
        if section.name in _TABLES and section["sh_size"]:
            place = section["sh_offset"]
            found = range(place, place + section["sh_size"])
            regions.setdefault(_TABLES[section.name], []).append(found)
    return regions


def _mutate(data: bytes, region: Sequence[int], rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.randint(1, _MOST_CHANGES)):
        made[rng.choice(region)] = rng.randrange(256)
    return bytes(made)


def _host(files: Sequence[Mutant], place: Path) -> tuple[list[str], str | None]:
    """
    Open files in a child of this process, which must have one thread.

    Returns:
        What came of each; and, unless all were opened, how the child ended.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            _be_host(files, place, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, encoding="ascii") as answers:
        outcomes = answers.read().splitlines()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return outcomes, f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    ended = os.WEXITSTATUS(status)
    return outcomes, f"killed: exit status {ended}" if ended else None


def _be_host(files: Sequence[Mutant], place: Path, writing: int) -> None:
    for number, mutant in enumerate(files):
        signal.alarm(_SECONDS)
        path = place / f"plugin{number}.so"
        put(path, mutant.data)
        os.write(writing, f"{_open(path)}\n".encode())
    os._exit(0)


def _open(path: Path) -> str:
    try:
        nativeplug.open(path, "int nothing(void);", probe=True)
    except FormatError:  # the check has let it pass
        return "died in the probe"
    except OpenError:
        return "not loaded"
    return "opened"


if __name__ == "__main__":
    main(mutants, mutants_probed)
