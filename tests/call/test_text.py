"""Text both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nativeplug
from support import BuildC, Compile, CPlugin, OpenPlugin, shown

quick = settings(max_examples=40)


@pytest.fixture(scope="module")
def owned(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin whose texts the caller owns, and has released."""
    return open_plugin(c_plugin("owned_strings"), free={"echo": "free"})


@quick
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_text_comes_back(owned: Any, text: str) -> None:
    """Any text without NUL crosses the border both ways."""
    assert text == owned.echo(text)
    assert text == owned.echo(text.encode())


@pytest.fixture(scope="module")
def strings(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that takes text and gives text that it keeps."""
    return open_plugin(c_plugin("strings"))


@quick
@given(data=st.binary())
def test_bytes_arrive_up_to_their_nul(strings: Any, data: bytes) -> None:
    """Any bytes can be passed; C sees them up to the first NUL."""
    assert len(data.partition(b"\0")[0]) == strings.length(data)


def test_text_that_c_cannot_take(strings: Any) -> None:
    """A NUL inside, or half of a surrogate pair, is an error that names the argument."""
    with pytest.raises(ValueError, match=r"length\(\) argument 'text': embedded null character"):
        strings.length("a\0b")
    with pytest.raises(UnicodeEncodeError, match=r"in length\(\) argument 'text'"):
        strings.length("\ud800")


def test_other_arguments_for_text(strings: Any) -> None:
    """None is NULL; buffers and cdata are passed as they lie in memory."""
    assert strings.is_null(None) == 1
    assert strings.is_null("") == 0
    assert strings.length(bytearray(b"abc")) == 3
    assert strings.length(memoryview(b"abcd")) == 4
    assert strings.length(strings.ffi.new("char[]", b"abcde")) == 5
    assert strings.is_null(strings.ffi.NULL) == 1


@pytest.mark.parametrize("wrong", [1, 1.5, ["a"], object()], ids=shown)
def test_text_is_not_made_of(strings: Any, wrong: object) -> None:
    """What is neither text nor a buffer is a TypeError."""
    with pytest.raises(TypeError) as caught:
        strings.length(wrong)
    assert (
        "length() argument 'text' must be str, bytes, a buffer, cdata or None, "
        f"not {type(wrong).__name__}" == str(caught.value)
    )


def test_cdata_of_the_wrong_type_for_text(strings: Any) -> None:
    """A pointer to something else is refused, and said to be."""
    with pytest.raises(TypeError, match="must be cdata 'char \\*', not 'int \\*'"):
        strings.length(strings.ffi.new("int *"))


def test_borrowed_results(strings: Any) -> None:
    """A ``char *`` result is copied into a str; NULL is None."""
    assert strings.borrowed() == "grüß dich"
    assert strings.null_result() is None


def test_result_that_is_not_utf8(strings: Any) -> None:
    """The error has the bytes, and says how to have them without it."""
    with pytest.raises(UnicodeDecodeError) as caught:
        strings.not_utf8()
    assert caught.value.object == b"\xff\xfe"
    assert "not_utf8() result" in str(caught.value)
    assert "unsigned char" in str(caught.value)


def test_wide_text(open_plugin: OpenPlugin, build_c: BuildC) -> None:
    """``wchar_t *`` takes str, cdata and None."""
    plugin = build_c(
        "#include <wchar.h>\nsize_t f(const wchar_t *w) { return w ? wcslen(w) : 99; }"
    )
    plg = open_plugin(plugin, "size_t f(const wchar_t *w);")
    assert plg.f("h\N{SNOWMAN}") == 2
    assert plg.f(None) == 99
    assert plg.f(plg.ffi.new("wchar_t[]", "abc")) == 3
    with pytest.raises(TypeError, match="must be str, cdata or None, not bytes"):
        plg.f(b"abc")
    with pytest.raises(ValueError, match="embedded null character"):
        plg.f("a\0")


def test_c_cannot_write_into_bytes(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """Text for a parameter that is not const is copied: Python shares and caches its bytes."""
    plg: Any = open_plugin(
        compile_c("void shout(char *text) { if (text[0]) text[0] = 'X'; }"),
        "void shout(char *text);",
    )
    data, single = b"hello", "a".encode()  # noqa: UP012 - the one object that Python has for it
    plg.shout(data)
    plg.shout("a")
    buffer = bytearray(b"hello")
    plg.shout(buffer)
    assert b"hello" == data
    assert ord("a") == single[0]
    assert b"Xello" == bytes(buffer)
