"""Types that would have no end are refused; cffi would end the process for them."""

from __future__ import annotations

import pytest

from nativeplug import declare
from nativeplug.errors import DeclarationError


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("struct A { struct A a; };", "1:8", "'struct A' holds 'struct A' by value: use a pointer"),
        ("struct A { struct A a[2]; };", "1:8", "'struct A' holds 'struct A'"),
        ("union U { union U u; };", "1:7", "'union U' holds 'union U'"),
        ("struct A { union { struct A x; int y; } u; };", "1:8", "'struct A' holds 'struct A'"),
        (
            "typedef struct P P; struct P { P p; };",
            "1:18",
            "'typedef P' holds 'struct P' holds 'typedef P'",
        ),
        (
            "struct A; struct B { struct A a; }; struct A { struct B b; };",
            "1:44",
            "'struct A' holds 'struct B' holds 'struct A'",
        ),
        ("typedef struct { struct Q { struct Q q; } q; } P;", "1:48", "'struct Q' holds"),
        ("struct B { int x; }; struct A { struct B b; struct A a; };", "1:29", "'struct A' holds"),
    ],
)
def test_refused(text: str, place: str, words: str) -> None:
    """A struct that holds itself, directly or by way of others, is refused at its place."""
    with pytest.raises(DeclarationError) as caught:
        declare.read(text)
    assert str(caught.value).startswith(f"<declarations>:{place}: {words}")


@pytest.mark.parametrize(
    "text",
    [
        "struct A { struct A *a; struct A *b[2]; struct A *(*f)(struct A *); };",
        "struct A { int x; }; struct B { struct A a, b[3]; union { struct A c; struct A d; } u; };",
        "typedef struct P P; struct P { P *p; int x; }; typedef P Q; struct R { Q q; P p; };",
        "struct B { struct A a; }; struct A { int b; };",
    ],
)
def test_served(text: str) -> None:
    """Pointers to itself, and one type in several places, are usual."""
    assert declare.read(text).types


@pytest.mark.parametrize("count", [100, 1500])
def test_deep(count: int) -> None:
    """A chain of types that is longer than cffi's stack is an error too."""
    links = [f"struct S{n} {{ struct S{n + 1} s; }};" for n in range(count)]
    with pytest.raises(DeclarationError, match="more than 100 types hold each other"):
        declare.read("\n".join([*links, f"struct S{count} {{ int x; }};"]))
    links = [f"struct S{n} {{ struct S{n + 1} s; }};" for n in range(99)]
    assert declare.read("\n".join([*links, "struct S99 { int x; };"])).types
