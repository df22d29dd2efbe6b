"""Arguments that nobody should pass."""

from __future__ import annotations

import os

import pytest

from batches import run_batch

SEED = int(os.environ.get("SEED", "3"))
CALLS = 3000


@pytest.mark.slow
def test_invokers_agree() -> None:
    """Every invoker refuses the same arguments in the same words, and none crashes."""
    problem = run_batch("hostile_calls", SEED, CALLS)
    assert None is problem, f"repeat it with SEED={SEED}:\n{problem}"
