"""
Make random calls in rounds until something is wrong: ``make fuzz``, ``make fuzz SEED=5``.

A round has a batch of each kind, each in a process of its own, at once. Its seed is the last
round's plus one, so a round that failed is repeated as the first one of another run. At the
end every kind of call is made a million times, by each invoker.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from batches import run_batch
from every_call import INVOKERS

ROUNDS = 20
CALLS = 1_000_000
#: Scripts, what they make, and how many of it in a round: 5,000 prototypes in all.
BATCHES = {
    "differential": ("prototypes", 250),
    "hostile_calls": ("calls with hostile arguments", 10_000),
    "hostile_texts": ("damaged texts of plugins and headers", 2_000),
    "check_fuzz": ("damaged files", 50_000),
    "damaged_debug": ("files with damaged debug information", 500),
}


def main(arguments: Sequence[str]) -> int:
    """Run all rounds from the seed in *arguments*, or from a random one."""
    seed = int(arguments[0]) if arguments else random.SystemRandom().randrange(1_000_000_000)
    started = time.monotonic()

    def passed(problems: Sequence[str], text: str) -> bool:
        say("\n".join(problems) or f"{text}, {time.monotonic() - started:.0f} s")
        return not problems

    say(f"seed {seed}")
    for index in range(ROUNDS):
        made = ", ".join(f"{count * (index + 1):,} {what}" for what, count in BATCHES.values())
        batches = [(name, seed + index, count) for name, (_, count) in BATCHES.items()]
        if not passed(together(batches), f"round {index + 1} of {ROUNDS}: {made}"):
            say(f"repeat it: make fuzz SEED={seed + index}")
            return 1
    many = [("leaks", index, CALLS) for index, _ in enumerate(INVOKERS)]
    return 0 if passed(together(many), f"{CALLS:,} calls of every kind leave nothing") else 1


def together(batches: Sequence[tuple[str, int, int]]) -> list[str]:
    """Run batches at once, and return what went wrong."""
    with ThreadPoolExecutor() as pool:
        running = [(batch[0], pool.submit(run_batch, *batch)) for batch in batches]
    results = [(name, future.result()) for name, future in running]
    return [f"{name}: {problem}" for name, problem in results if problem is not None]


def say(text: str) -> None:
    """Print at once, also into a file or a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
