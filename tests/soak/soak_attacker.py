"""An attacker who puts other files in a plugin's place at every step: nothing of them runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import nativeplug
from nativeplug import OpenError, OriginError
from nativeplug.loader import files
from numbered_builds import put
from signing import Signer, build_unsigned
from soaking import Measured, main, times

_SEED = 5

# Constructors are told apart by what they leave: a bad plugin's is what must never run.
_GOOD = "int good(void) { return 1; }\n"
_BAD = """
#include <stdio.h>
__attribute__((constructor)) static void start(void) {{
    FILE *file = fopen("{marker}", "a");
    if (file) {{ fputc('!', file); fclose(file); }}
}}
int good(void) {{ return 0; }}
"""


@dataclass(frozen=True, slots=True)
class Prey:
    """A plugin's file that an attacker may write to, and all that can be put there."""

    path: Path
    good: bytes
    bad: bytes
    #: Ours of the good one, ours of another plugin, and the attacker's own of the bad one.
    signatures: tuple[bytes, ...]

    @property
    def signature(self) -> Path:
        """Where the signature file lies."""
        return self.path.with_name(f"{self.path.name}.minisig")

    def restore(self) -> None:
        """Put the good plugin and its signature in place."""
        put(self.path, self.good)
        put(self.signature, self.signatures[0])


def attacker(scale: float, folder: Path) -> Measured:
    """Open a plugin 10,000 times while a thread puts others in its place at every step."""
    marker, signer = folder / "marker", Signer()
    os.environ["NATIVEPLUG_STATE_DIR"] = str(folder / "state")
    # Without the wait for the clock nobody would see a change: the judgement alone must.
    files._CLOCK_STEP_NS = 0  # type: ignore[misc]
    prey = _make_prey(folder, marker, signer)
    pin = hashlib.sha256(prey.good).hexdigest()
    outcomes = Counter[str]()
    ways: tuple[dict[str, Any], ...] = ({"policy": signer.policy()}, {"sha256": pin})
    with ThreadPoolExecutor(1) as pool:
        attack = Attack(prey, pool)
        for number in range(times(10_000, scale)):
            if number % 4 < len(ways):  # else most opens would end at once
                prey.restore()
            demands = ways[number % len(ways)]
            with attack:
                outcome = _open(prey.path, demands)
            outcomes[f"{outcome} by {next(iter(demands))}"] += 1
    runs = len(marker.read_text()) if marker.exists() else 0
    shown = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    steps = ", ".join(f"{count:,} {name}" for name, count in attack.steps.most_common())
    tried = all(outcomes[f"{word} by {way}"] for word in ("good", "refused") for way in _WAYS)
    problems = [] if tried and _is_noticed(prey, marker) else ["bad plugins would not be noticed"]
    text = f"{runs} in {outcomes.total():,} opens"
    return Measured(runs, text, problems, [f"outcomes: {shown}", f"attacked before: {steps}"])


_WAYS = ("policy", "sha256")


def _is_noticed(prey: Prey, marker: Path) -> bool:
    """Tell whether the bad plugin leaves its mark where it does run."""
    before = len(marker.read_text()) if marker.exists() else 0
    put(prey.path, prey.bad)
    nativeplug.open(prey.path, "int good(void);")
    return marker.exists() and before < len(marker.read_text())


def _make_prey(folder: Path, marker: Path, signer: Signer) -> Prey:
    place = folder / "open to all"
    place.mkdir()
    good, bad = build_unsigned(folder, _GOOD), build_unsigned(folder, _BAD.format(marker=marker))
    name = "plugin.so"
    signatures = tuple(
        each.sign(plugin, name=signed_name).read_bytes()
        for each, plugin, signed_name in (
            (signer, good, name),
            (signer, good, "other.so"),
            (Signer(), bad, name),
        )
    )
    made = Prey(place / name, good.read_bytes(), bad.read_bytes(), signatures)
    put(place / "bad.so", made.bad)
    put(place / "good.so", made.good)
    return made


def _open(path: Path, demands: dict[str, Any]) -> str:
    """Open the plugin and close it again; say what came of it."""
    try:
        with nativeplug.open(path, "int good(void);", unload="when_idle", **demands) as plg:
            return "good" if plg.good() else "bad"
    except OriginError:
        return "refused"
    except OpenError:
        return "unreadable"


class Attack:
    """The attacker's thread, which acts before some of the calls that the steps are made of."""

    def __init__(self, prey: Prey, pool: ThreadPoolExecutor) -> None:
        self._prey = prey
        self._pool = pool
        self._rng = random.Random(_SEED)  # noqa: S311 - it must be repeatable
        self._acts = 0
        self._under_way: list[Future[None]] = []
        #: Before which calls it has acted.
        self.steps = Counter[str]()

    def __enter__(self) -> None:
        self._acts = self._rng.randrange(1, 4)
        sys.setprofile(self._step)

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)
        for act in self._under_way:
            act.result()
        self._under_way.clear()

    def _step(self, _frame: FrameType, event: str, function: Any) -> None:
        if event != "c_call" or not self._acts or function.__name__ not in _STEPS:
            return
        if self._rng.random() > _SHARE:
            return
        self._acts -= 1
        self.steps[function.__name__] += 1
        done = self._pool.submit(_act, self._rng.choice(_ACTS), self._prey, self._rng.random())
        self._under_way.append(done)
        if self._rng.random() < _WAITED_FOR:
            done.result()


#: The calls of C that are steps: of the system, of hashing, of signatures, of the dynamic loader.
_STEPS = {
    *("stat", "lstat", "open", "fstat", "pread", "read", "readlink", "close", "flock"),
    *("openssl_sha256", "verify", "memfd_create", "write", "fcntl", "np_dl_open"),
    *("link", "replace", "mkdir", "utime"),
}
_SHARE = 0.04
_WAITED_FOR = 0.5  # else both go on at the same time


def _act(act: Callable[[Prey, float], None], prey: Prey, chance: float) -> None:
    with contextlib.suppress(OSError):  # what it wanted to change is not there
        act(prey, chance)


def _rename_bad(prey: Prey, _chance: float) -> None:
    put(prey.path, prey.bad)


def _rename_good(prey: Prey, _chance: float) -> None:
    put(prey.path, prey.good)


def _overwrite(prey: Prey, chance: float) -> None:
    """Write the bad plugin over what is there, or a part of it."""
    with prey.path.open("r+b", buffering=0) as file:
        file.write(prey.bad[: int(2 * chance * len(prey.bad))])


def _overwrite_by_good(prey: Prey, _chance: float) -> None:
    with prey.path.open("r+b", buffering=0) as file:
        file.write(prey.good)


def _truncate(prey: Prey, chance: float) -> None:
    os.truncate(prey.path, int(chance * len(prey.good)))


def _link(prey: Prey, chance: float) -> None:
    beside = prey.path.with_name("link")
    beside.unlink(missing_ok=True)
    beside.symlink_to("bad.so" if chance < 0.7 else "good.so")
    os.replace(beside, prey.path)


def _remove(prey: Prey, _chance: float) -> None:
    prey.path.unlink()


def _sign(prey: Prey, chance: float) -> None:
    put(prey.signature, prey.signatures[int(chance * len(prey.signatures))])


_ACTS = (
    _rename_bad,
    _rename_bad,
    _rename_good,
    _overwrite,
    _overwrite_by_good,
    _truncate,
    _link,
    _remove,
    _sign,
    _sign,
)


if __name__ == "__main__":
    main(attacker)
