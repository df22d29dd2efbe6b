"""What ``open`` is told of updates."""

from __future__ import annotations

from typing import Any

import pytest

import nativeplug
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.runtime.options import UpdateOptions
from nativeplug.trust import NO_REQUIREMENTS, OriginRequirements, Policy
from support import CPlugin


def test_nothing_said() -> None:
    """A hundred generations may be mapped, and nothing is demanded."""
    assert (100, NO_REQUIREMENTS) == (
        UpdateOptions().most_generations,
        UpdateOptions().requirements,
    )
    nothing = UpdateOptions.of(unload=None, max_generations=None, probe=None, before_update=None)
    assert UpdateOptions() == nothing == UpdateOptions().plus(nothing)


def test_adding_up() -> None:
    """What is said later counts; what is not said stays."""
    first = UpdateOptions("when_idle", 7, print, None, probe=True)
    second = UpdateOptions(None, 8, None, repr)

    options = first.plus(second)
    assert UpdateOptions("when_idle", 8, print, repr, probe=True) == options
    assert 8 == options.most_generations
    assert "never" == options.plus(UpdateOptions("never")).unload
    assert options.plus(UpdateOptions(probe=False)).probe is False
    checked = options.plus(UpdateOptions(check_update=print))
    assert print is checked.plus(UpdateOptions()).check_update


def test_hook_that_is_not_true() -> None:
    """A hook is one, whatever it says of its truth."""

    class Hook:
        def __call__(self, _plugin: object) -> None: ...

        def __bool__(self) -> bool:
            raise AssertionError

    hook = Hook()
    options = UpdateOptions(before_update=hook, after_update=hook, check_update=hook)
    assert hook is UpdateOptions().plus(options).plus(UpdateOptions()).check_update


def test_what_is_demanded() -> None:
    """Demands and interfaces add up; where nothing was said of them, they stay."""
    policy, version = Policy(owners=[0]), InterfaceVersion("greeter", 1, 2)
    demands = OriginRequirements.of(policy)
    options = UpdateOptions(demands=demands, interfaces=frozenset({version}))
    assert options == options.plus(UpdateOptions()) == UpdateOptions().plus(options)
    both = options.plus(UpdateOptions(demands=NO_REQUIREMENTS))
    assert frozenset({policy, None}) == both.requirements.policies
    later = InterfaceVersion("greeter", 2, 0)
    more = options.plus(UpdateOptions(interfaces=frozenset({later})))
    assert {version, later} == more.interfaces


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
