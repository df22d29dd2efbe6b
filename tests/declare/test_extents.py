"""Types that come to too much are refused; cffi would take them apart until memory is full."""

from __future__ import annotations

import pytest

from nativeplug import declare
from nativeplug.errors import DeclarationError

HUGE = "struct big { char c[1048577]; };"


def chain(count: int, link: str) -> str:
    """Return typedefs that lead to each other."""
    links = (f"typedef {link.format(old=f't{n}', new=f't{n + 1}')};\n" for n in range(count))
    return "typedef int t0;\n" + "".join(links)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (f"{HUGE} int f(struct big b);", "1:38", "it passes too much by value: use a pointer"),
        (f"{HUGE} struct big f(void);", "1:45", "it passes too much"),
        (f"{HUGE} typedef struct big B; int f(B b);", "1:60", "it passes too much"),
        (f"{HUGE} typedef int (*F)(struct big b); int f(F f);", "1:47", "it passes too much"),
        (f"{HUGE} struct s {{ int (*f)(struct big b); }};", "1:41", "it passes too much"),
        (f"{HUGE} struct s {{ struct big b; }}; int f(struct s);", "1:66", "it passes too much"),
        (
            "typedef int row[1024]; struct s { struct { row r[1024], q; } u; }; int f(struct s);",
            "1:72",
            "it passes too much",
        ),
        (chain(100, "{old} *{new}"), "101:13", "more than 100 typedefs lead to each other"),
        (chain(20, "void (*{new})({old}, {old})"), "14:15", "with all typedefs taken apart, this"),
    ],
)
def test_refused(text: str, place: str, words: str) -> None:
    """What takes too long or too much memory is refused at its place."""
    with pytest.raises(DeclarationError) as caught:
        declare.read(text)
    assert str(caught.value).startswith(f"<declarations>:{place}: {words}")


def test_too_many() -> None:
    """Many that are served one by one are too many together."""
    text = "struct big { char c[1048576]; }; int f(struct big b);"
    assert declare.read(text).lines
    with pytest.raises(DeclarationError, match="it passes too much by value"):
        declare.read(f"{text} int g(int a, struct big b);")
    uses = "".join(f"t11 f{n}(t11 a);" for n in range(200))
    with pytest.raises(DeclarationError, match=r":13:\d+: with all typedefs taken apart"):
        declare.read(chain(11, "void (*{new})({old}, {old})") + uses)


def test_bounds() -> None:
    """Ten thousand parts of a type, and 2**20 values in a struct, are the most there may be."""
    # A part of its own, and those of all that it names: 1, 4, 13, ... 9841.
    types = chain(8, "void (*{new})({old}, {old}, {old})")
    of_a_type = types + "int f(t8 a{});"
    assert declare.read(of_a_type.format(", t0" * 158)).lines
    with pytest.raises(DeclarationError, match=r":10:\d+: with all typedefs taken apart"):
        declare.read(of_a_type.format(", t0" * 159))
    values = "struct big {{ char *c[{}]; }}; int f(struct big b);"
    assert declare.read(values.format(1 << 20)).lines
    with pytest.raises(DeclarationError, match="it passes too much by value"):
        declare.read(values.format((1 << 20) + 1))


@pytest.mark.parametrize(
    "text",
    [
        f"{HUGE} extern struct big b; int f(struct big *b, struct big c[2], int g(struct big *));",
        f"{HUGE} typedef struct big many[9]; int f(many m); extern many all;",
        f"{chain(99, '{old} *{new}')} int f(t99 a);",
        "struct s { int n; int rest[]; }; int f(struct s s, int a[1048577]);",
    ],
)
def test_served(text: str) -> None:
    """What is pointed to may be of any size."""
    assert declare.read(text).lines
