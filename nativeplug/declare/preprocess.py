"""
C text with directives -> C text without: ours for plain text, the system's for the rest.

Plain text (comments, include guards, the standard type headers, integer macros) is read by
`plain` and needs no compiler. Everything else goes through ``cc -E`` (see `cc`). Which of
the two reads a text depends on the text alone, so a header means the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nativeplug.declare import plain
from nativeplug.declare.bare import bare_text
from nativeplug.declare.goheader import clean, is_go_header
from nativeplug.declare.places import error_at
from nativeplug.declare.sources import Source


@dataclass(frozen=True, slots=True)
class Prepared:
    """C text on its way to the parser, read just far enough to tell what it depends on."""

    #: What the result depends on besides the text: what a compiler said. None without one.
    output: str | None
    #: Reads the directives.
    finish: Callable[[], plain.Preprocessed]
    #: Prepares the text for a compiler after all: cgo's headers may need one. None without.
    fallback: Callable[[], Prepared | None] = lambda: None


def preprocess(source: Source) -> Prepared:
    """
    Read the directives of C text.

    The ``#include`` lines of a header that cgo wrote are ignored: it seldom needs them.

    Raises:
        DeclarationError: It needs a preprocessor and there is none, or that one failed.
    """
    go = is_go_header(source.text)
    bare = bare_text(clean(source.text) if go else source.text, source.name)
    try:
        found = plain.read(bare, ignore_includes=go)
    except plain.NotPlainError as reason:
        prepared = _with_compiler(source, bare)
        if prepared is None:
            raise error_at(
                source.name,
                reason.line,
                1,
                f"{reason}: this needs a C preprocessor and there is no C compiler; "
                "install gcc or clang, or declare without it",
            ) from None
        return prepared
    prepared = Prepared(None, lambda: found)
    return replace(prepared, fallback=lambda: _with_compiler(source, bare)) if go else prepared


def _with_compiler(source: Source, bare: str) -> Prepared | None:
    """Return the text as the system's preprocessor reads it; None when there is no compiler."""
    from nativeplug.declare import cc  # subprocess: few declarations need it
    from nativeplug.programs import c_compiler

    if c_compiler() is None:
        return None
    output = cc.run(bare, source)
    return Prepared(output, lambda: cc.split(output, bare, source))
