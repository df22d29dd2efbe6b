"""The structural check of a plugin's file."""

from __future__ import annotations

import pytest

import damages
from nativeplug.load import layout, structure

HOST = layout.host_target()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> damages.Parts:
    """Return a plugin that has something of everything."""
    return damages.Parts(damages.build(tmp_path_factory.mktemp("damages")))


def test_sound(parts: damages.Parts) -> None:
    """Nothing is found in it."""
    assert None is structure.find_defect(parts.data, HOST)


@pytest.mark.parametrize("damage", damages.DAMAGES, ids=lambda damage: damage.name)
def test_damage(parts: damages.Parts, damage: damages.Damage) -> None:
    """Each damage is found, said in words, and its place given."""
    data, place = damage.make(parts)
    found = structure.find_defect(data, HOST)
    assert found is not None
    assert place == found.offset, found.text
    assert damage.matches(found.text, place), found.text
