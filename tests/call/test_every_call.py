"""The calls of which others make many."""

from __future__ import annotations

from pathlib import Path

import pytest

from every_call import INVOKERS, actions, open_with


@pytest.mark.parametrize("invoker", INVOKERS)
@pytest.mark.parametrize("hold_gil", [True, False])
def test_every_call(tmp_path: Path, invoker: str, hold_gil: bool) -> None:  # noqa: FBT001 - a parameter
    """Each of the calls succeeds, or fails, as its name says."""
    for action in actions(open_with(invoker, tmp_path, hold_gil=hold_gil)).values():
        action()
