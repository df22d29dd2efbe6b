"""
Make random calls in rounds until something is wrong: ``make fuzz``, ``make fuzz SEED=5``.

A round has a batch of each kind, in two processes at once. Its seed is the last round's plus
one, so a round that failed is repeated as the first one of another run.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from batches import run_batch

ROUNDS = 20
#: Scripts, what they make, and how many of it in a round: 5,000 prototypes in all.
BATCHES = {
    "differential": ("prototypes", 250),
    "hostile_calls": ("calls with hostile arguments", 10_000),
}


def main(arguments: Sequence[str]) -> int:
    """Run all rounds from the seed in *arguments*, or from a random one."""
    seed = int(arguments[0]) if arguments else random.SystemRandom().randrange(1_000_000_000)
    say(f"seed {seed}")
    started = time.monotonic()
    for index in range(ROUNDS):
        if problems := _round(seed + index):
            say("\n".join([*problems, f"repeat it: make fuzz SEED={seed + index}"]))
            return 1
        made = ", ".join(f"{count * (index + 1):,} {what}" for what, count in BATCHES.values())
        say(f"round {index + 1} of {ROUNDS}: {made}, {time.monotonic() - started:.0f} s")
    return 0


def _round(seed: int) -> list[str]:
    with ThreadPoolExecutor() as pool:
        batches = {
            name: pool.submit(run_batch, name, seed, count) for name, (_, count) in BATCHES.items()
        }
    problems = {name: batch.result() for name, batch in batches.items()}
    return [f"{name}: {problem}" for name, problem in problems.items() if problem is not None]


def say(text: str) -> None:
    """Print at once, also into a file or a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
