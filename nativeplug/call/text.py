"""Text between Python and C: UTF-8."""

from __future__ import annotations


def encode(text: str, label: str) -> bytes:
    """
    Return text for C, which ends it by a NUL.

    Raises:
        ValueError: It has a NUL inside.
        UnicodeEncodeError: It has half of a surrogate pair, which is no text in UTF-8.
    """
    if "\0" in text:
        raise ValueError(f"{label}: embedded null character")
    return to_utf8(text, label)


def to_utf8(text: str, label: str) -> bytes:
    """
    Return text as Go wants it, with a length and no NUL.

    Raises:
        UnicodeEncodeError: It has half of a surrogate pair, which is no text in UTF-8.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        error.reason += f" in {label}"
        raise


def decode(data: bytes, label: str) -> str:
    """
    Return text that C gave.

    Raises:
        UnicodeDecodeError: It is not UTF-8; the error's ``object`` has the bytes.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise not_text(label, error) from None


def not_text(label: str, error: UnicodeDecodeError) -> UnicodeDecodeError:
    """Return *error* with words that tell what is no text."""
    error.reason += f" in {label}; declare it with 'unsigned char' to have the bytes"
    return error
