"""Arguments that stand for ``...``."""

from __future__ import annotations

from typing import Any

import pytest

import nativeplug
from support import CPlugin, OpenPlugin, shown


@pytest.fixture(scope="module")
def varargs(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin whose functions take any number of arguments."""
    return open_plugin(c_plugin("varargs"))


def test_varargs(varargs: Any) -> None:
    """int, float, str, bytes, None and cdata stand for ``...``."""
    assert varargs.sum_ints(3, 1, -2, True) == 0  # noqa: FBT003 - what is tested
    out = varargs.ffi.new("char[]", 100)
    number = varargs.ffi.cast("short", 7)
    given = (5, 1.5, "str", b"bytes", -(1 << 63), (1 << 64) - 1, number, None)
    assert varargs.format(out, 100, "%d %.1f %s %s %lld %llu %hd %p", *given) > 0
    shown = f"5 1.5 str bytes {-(1 << 63)} {(1 << 64) - 1} 7 (nil)"
    assert shown == varargs.ffi.string(out).decode()
    assert varargs.format(None, 0, "plain") == 5


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ([1], TypeError, "argument 4 must be int, float, str, bytes, cdata or None, not list"),
        (1j, TypeError, "argument 4 must be int, float, str, bytes, cdata or None, not complex"),
        (1 << 64, OverflowError, "argument 4 is out of range for 64 bits: 18446744073709551616"),
        (-(1 << 64), OverflowError, "argument 4 is out of range for 64 bits"),
        ("a\0b", ValueError, "argument 4: embedded null character"),
        ("\ud800", UnicodeEncodeError, "in format() argument 4"),
    ],
    ids=shown,
)
def test_wrong_varargs(varargs: Any, wrong: object, error: type[Exception], message: str) -> None:
    """What has no place in ``...`` is an error that counts the argument."""
    with pytest.raises(error) as caught:
        varargs.format(None, 0, "%d", wrong)
    assert message in str(caught.value)


def test_too_few_varargs(varargs: Any) -> None:
    """The declared arguments are all needed, and are checked."""
    with pytest.raises(
        TypeError, match=r"format\(\) missing 2 required positional arguments: 'size'"
    ):
        varargs.format(None)
    with pytest.raises(TypeError, match="argument 'count' must be int, not str"):
        varargs.sum_ints("1", 1)


def test_integers_with_index_in_varargs(varargs: Any) -> None:
    """Anything with ``__index__`` is an int there too."""
    assert varargs.sum_ints(1, type("Five", (), {"__index__": lambda _: 5})()) == 5
