"""Places in the user's text, and the errors that name them."""

from __future__ import annotations

import pytest

from nativeplug.declare.places import contradiction, error_at, error_in, locate, marker, shown

TEXT = '\n# 7 "a.h"\nint f(void);\n  int g(void);\n# 2 "b.h"\nint h(void);\n'


@pytest.mark.parametrize(
    ("word", "expected"),
    [("f(", ("a.h", 7, 5)), ("g(", ("a.h", 8, 7)), ("h(", ("b.h", 2, 5))],
)
def test_locate(word: str, expected: tuple[str, int, int]) -> None:
    """A place counts from the last line marker before it."""
    assert expected == locate(TEXT, TEXT.index(word))


def test_locate_without_marker() -> None:
    """Text without markers has lines and columns only."""
    assert ("", 2, 3) == locate("int f;\nint g;", 9)


def test_first_line_is_no_marker() -> None:
    """What looks like a marker within a line is none."""
    assert ("", 1, 14) == locate('x # 5 "a.h"  y', 13)


@pytest.mark.parametrize("name", ['a"b.h', "a\\b.h", "a\nb.h"])
def test_marker_takes_any_name(name: str) -> None:
    """A file's name that no marker can hold is written so that it can."""
    assert '# 3 "a?b.h"' == marker(3, name)
    assert ("a?b.h", 3, 1) == locate(f"\n{marker(3, name)}\nx", 13)
    assert "a?b.h" == shown(name)


def test_error_at() -> None:
    """An error about a place has it in its message and as attributes."""
    error = error_at("a.h", 3, 4, "wrong")
    assert ("a.h:3:4: wrong", "a.h", 3, 4) == (str(error), error.file, error.line, error.column)


def test_error_in() -> None:
    """A place in text is taken apart from its end: paths may hold colons."""
    error = error_in("c:/a.h:3:4", "wrong")
    assert ("c:/a.h", 3, 4) == (error.file, error.line, error.column)


def test_contradiction() -> None:
    """Both declarations are told, each in one line."""
    error = contradiction("a.h:3:4", "struct\n{ int x; }", "b.h:1:2", "struct { long x; }")
    expected = "a.h:3:4: 'struct { int x; }' contradicts 'struct { long x; }', declared at b.h:1:2"
    assert expected == str(error)
