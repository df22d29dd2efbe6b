"""What ``open`` is told of updates."""

from __future__ import annotations

from typing import Any

import pytest

import nativeplug
from nativeplug.runtime.options import DEFAULT_MAX_GENERATIONS, UpdateOptions
from support import CPlugin


def test_nothing_said() -> None:
    """Nothing is unloaded, and a hundred generations may be mapped."""
    assert (
        UpdateOptions("never", DEFAULT_MAX_GENERATIONS, None, None, None) == UpdateOptions().plus()
    )
    assert 100 == DEFAULT_MAX_GENERATIONS


def test_adding_up() -> None:
    """What is said later counts; what is not said stays."""
    settings = (
        UpdateOptions().plus("when_idle", 7, print, None, probe=True).plus(None, 8, None, repr)
    )

    assert UpdateOptions("when_idle", 8, print, repr, probe=True) == settings
    assert "never" == settings.plus("never").unload
    assert settings.plus(probe=False).probe is False
    assert print is settings.plus(check_update=print).plus(check_update=None).check_update


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"unload": "sometimes"}, ValueError, "unload must be 'never' or 'when_idle'"),
        ({"unload": ["never"]}, ValueError, "unload must be 'never' or 'when_idle'"),
        ({"max_generations": "7"}, TypeError, "max_generations must be int, not str"),
        ({"max_generations": True}, TypeError, "max_generations must be int, not bool"),
        ({"max_generations": 0}, ValueError, "max_generations must be at least 1, not 0"),
        ({"before_update": 7}, TypeError, "before_update must be callable, not int"),
        ({"after_update": "x"}, TypeError, "after_update must be callable, not str"),
        ({"check_update": 0}, TypeError, "check_update must be callable, not int"),
        ({"probe": 1}, TypeError, "probe must be bool or None, not int"),
    ],
)
def test_wrong(c_plugin: CPlugin, given: dict[str, Any], kind: type[Exception], text: str) -> None:
    """What is wrong is told before anything is opened."""
    with pytest.raises(kind, match=text):
        nativeplug.open(c_plugin("scalars"), **given)
