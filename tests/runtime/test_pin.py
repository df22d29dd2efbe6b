"""Pins: views of a plugin that stay on one generation."""

from __future__ import annotations

import copy
import pickle

import pytest

import nativeplug
from nativeplug import ClosedError
from versions import Versions


@pytest.fixture
def plg(versions: Versions) -> nativeplug.Plugin:
    """Give an open plugin whose version is 1."""
    versions.put(1)
    return versions.open()


def test_stays(plg: nativeplug.Plugin, versions: Versions) -> None:
    """What a pin gives is its generation's, before and after updates of the plugin."""
    pin = plg.pin()
    kept = pin.version
    for number in (2, 3):
        versions.put(number)
        plg.update()
        assert (1, 1, 1, 1) == (kept(), pin.version(), pin.number, pin.triple().b)
        assert (1, number) == (pin.generation, plg.generation)
    pin.number = 11
    assert (11, 3) == (pin.lookup("number").value, plg.number)  # type: ignore[union-attr]


def test_of_the_one_that_serves(plg: nativeplug.Plugin, versions: Versions) -> None:
    """A pin is of the generation that serves when it is made."""
    versions.put(2)
    plg.update()
    first = plg.pin()
    plg.rollback()

    assert (2, 1) == (first.version(), plg.pin().version())


def test_looks_like_a_plugin(plg: nativeplug.Plugin) -> None:
    """It has what a plugin has to be used by, and no more."""
    pin = plg.pin()

    assert {*plg} == {*pin}
    assert "version" in pin
    assert "version" in dir(pin)
    assert plg.ffi is pin.ffi
    assert f"<nativeplug.Pin {plg.path!r}, generation 1>" == repr(pin)
    assert not hasattr(nativeplug.Pin, "update")
    assert isinstance(pin, nativeplug.Pin)
    for refuse in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot pickle"):
            refuse(pin)


def test_closed(plg: nativeplug.Plugin) -> None:
    """Closing a pin closes what came from it, and not the plugin."""
    with plg.pin() as pin:
        kept, variable = pin.version, pin.lookup("number")
    for use in (kept, lambda: pin.version, lambda: variable.value, pin.__enter__):  # type: ignore[union-attr]
        with pytest.raises(ClosedError, match="pin of plugin"):
            use()
    pin.close()

    assert pin.closed
    assert 1 == plg.version()


def test_closed_with_the_plugin(plg: nativeplug.Plugin) -> None:
    """Closing the plugin closes its pins."""
    pin = plg.pin()
    kept = pin.version
    plg.close()

    for use in (kept, lambda: pin.number, plg.pin):
        with pytest.raises(ClosedError):
            use()


def test_system_library() -> None:
    """A system library has pins too, though nothing replaces it."""
    zlib = nativeplug.open("libz.so.1", "const char *zlibVersion(void);")

    assert zlib.zlibVersion() == zlib.pin().zlibVersion()
