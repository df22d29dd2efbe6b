"""Go's strings, slices and references."""

from __future__ import annotations

import array
from typing import Any

import pytest

import nativeplug
from support import Compile, CPlugin, OpenPlugin, shown


@pytest.fixture(scope="module")
def gostrings(open_plugin: OpenPlugin, go_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the Go plugin that takes strings and slices."""
    return open_plugin(go_plugin("strings"), free={"Upper": "free"}, allow_go_results=["Constant"])


@pytest.mark.parametrize(
    "text", ["text", b"bytes", bytearray(b"array"), memoryview(b"view"), "a\0b", ""], ids=shown
)
def test_go_strings(gostrings: Any, text: Any) -> None:
    """A Go string is made of str, bytes and buffers, with NULs and all."""
    assert len(text) == gostrings.Length(text)
    assert gostrings.Upper("gr\xfcn") == "GR\xdcN"


def test_go_strings_are_not_made_of(gostrings: Any) -> None:
    """What is neither text nor a buffer is a TypeError."""
    for wrong in (None, 5, ["a"]):
        with pytest.raises(TypeError, match="argument 'text' must be str, bytes or a buffer, not"):
            gostrings.Length(wrong)
    with pytest.raises(TypeError, match="C-contiguous"):
        gostrings.Length(memoryview(b"abcd")[::2])
    with pytest.raises(UnicodeEncodeError, match=r"in Length\(\) argument 'text'"):
        gostrings.Length("\ud800")
    with pytest.raises(TypeError, match="must be cdata"):
        gostrings.Length(gostrings.ffi.new("int *"))


def test_go_slices(gostrings: Any) -> None:
    """A Go slice shows the memory of a buffer; None is nil."""
    assert gostrings.Sum(array.array("d", [1, 2, 3.5])) == 6.5
    assert gostrings.SumInts(memoryview(array.array("i", [1, 2, 3]))[1:]) == 5
    assert gostrings.Sum(None) == gostrings.Sum(array.array("d")) == 0
    data = bytearray(b"abc")
    gostrings.Reverse(data)
    assert data == b"cba"
    slices = gostrings.ffi.new("GoSlice *", (gostrings.ffi.from_buffer(data), 2, 3))
    gostrings.Reverse(slices[0])
    assert data == b"bca"


def test_go_slices_are_not_made_of(gostrings: Any) -> None:
    """What lies nowhere in memory, or in pieces, is no slice."""
    for wrong in ([1.0], "text", 5):
        with pytest.raises(TypeError, match="argument 'xs' must be a buffer or None, not"):
            gostrings.Sum(wrong)
    with pytest.raises(TypeError, match="C-contiguous"):
        gostrings.Sum(memoryview(array.array("d", [1, 2, 3]))[::2])


def test_go_buffers_are_let_go(gostrings: Any) -> None:
    """A buffer that was passed to Go can be resized afterwards, also after an error."""
    data = bytearray(b"abc")
    try:
        gostrings.Checksum(data, 1)
    except TypeError:
        data.append(1)
    gostrings.Reverse(data)
    data.append(2)
    assert len(data) == 5


@pytest.mark.parametrize("name", ["Built", "Bytes", "Table", "Any", "Channel"])
def test_go_values_as_results(gostrings: Any, name: str) -> None:
    """A result in Go memory is refused at lookup: the call would abort the process."""
    with pytest.raises(nativeplug.DeclarationError, match="aborts the process") as caught:
        gostrings.lookup(name)
    assert f"allow_go_results=['{name}']" in str(caught.value)


def test_go_constants_as_results(gostrings: Any) -> None:
    """A function that is known to return constants can be allowed, and gives a str."""
    assert gostrings.Constant() == "constant"


def test_go_values_from_elsewhere(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """Only Go makes interfaces and maps; None is nil, and what Go gave can be passed back."""
    text = "typedef struct { void *t, *v; } I; int f(I i, void *m) { return !i.t && !i.v && !m; }"
    plg = open_plugin(compile_c(text), "int f(GoInterface i, GoMap m);")
    assert plg.f(None, None) == 1
    given = plg.ffi.new("GoInterface *", {"t": plg.ffi.cast("void *", 1)})[0]
    assert plg.f(given, None) == 0
    with pytest.raises(
        TypeError, match=r"f\(\) argument 'm' must be cdata 'struct GoMap_ \*' or None"
    ):
        plg.f(None, {})


def test_go_cannot_write_into_bytes(gostrings: Any) -> None:
    """A slice of a read-only buffer is one of a copy; of any other, of the buffer itself."""
    data, buffer = b"abc", bytearray(b"abc")
    gostrings.Reverse(data)
    gostrings.Reverse(buffer)
    assert (b"abc", b"cba") == (data, bytes(buffer))
