"""What nobody should write into a plugin or a header is refused, by the error meant for it."""

from __future__ import annotations

import os

import pytest

from batches import run_batch

SEED = int(os.environ.get("SEED", "4"))
TEXTS = 500


@pytest.mark.slow
def test_refused() -> None:
    """Whatever is damaged, it is read or refused, and nothing crashes."""
    problem = run_batch("hostile_texts", SEED, TEXTS)
    assert None is problem, f"repeat it with SEED={SEED}:\n{problem}"
