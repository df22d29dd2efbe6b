"""Places in the user's text, ``file:line:column``, and the errors that name them."""

from __future__ import annotations

from nativeplug.errors import DeclarationError


def error_at(file: str, line: int, column: int, message: str) -> DeclarationError:
    """Return an error about a place in the user's text; lines and columns count from 1."""
    return DeclarationError(
        f"{file}:{line}:{column}: {message}", file=file, line=line, column=column
    )


def error_in(place: str, message: str) -> DeclarationError:
    """Return an error about a *place* that is written ``file:line:column``."""
    file, line, column = place.rsplit(":", 2)
    return error_at(file, int(line), int(column), message)


def contradiction(place: str, text: str, old_place: str, old_text: str) -> DeclarationError:
    """Return the error for a declaration that contradicts an earlier one."""
    new, old = " ".join(text.split()), " ".join(old_text.split())
    return error_in(place, f"{new!r} contradicts {old!r}, declared at {old_place}")
