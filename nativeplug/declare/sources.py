"""Where declarations are found: with the caller, in a header, beside the plugin."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nativeplug.errors import DeclarationError

_HEADERS_NAME = re.compile(r"[^;(){}\n]+\.h(pp|h)?")

#: What errors call the text that a program gives to ``open``.
CALLERS_TEXT = "<declarations>"

_OTHER_NEWLINE = re.compile(r"\r\n?")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Source:
    """C text and where it comes from."""

    #: The text, with ``\\n`` at the end of each line and no byte order mark.
    text: str
    #: The header's path as errors tell it, or ``<declarations>``.
    name: str
    #: The header, when there is one.
    header: Path | None = None
    #: It was found with the plugin, and changes with it.
    is_brought: bool = False


def from_caller(declarations: str | os.PathLike[str]) -> Source:
    """
    Return the source that the caller of ``open`` gave.

    Args:
        declarations: A ``str`` is C text, an ``os.PathLike`` is a header file.

    Raises:
        DeclarationError: The header cannot be read.
        TypeError: *declarations* is neither.
    """
    if isinstance(declarations, str):
        if _HEADERS_NAME.fullmatch(declarations):
            raise DeclarationError(
                f"{declarations!r} is text to be read as C; for the header of that name give "
                f"pathlib.Path({declarations!r})"
            )
        return Source(_plain(declarations), CALLERS_TEXT)
    if isinstance(declarations, os.PathLike):
        return _read(Path(os.fsdecode(declarations)))
    raise TypeError(
        "declarations must be C text (str), a header (os.PathLike) or an interface (a class that "
        f"derives from nativeplug.Interface), not {type(declarations).__name__}"
    )


def beside(plugin: str) -> Source | None:
    """
    Return the header of the same stem beside a plugin's file; None when there is none.

    ``greeter.so`` has ``greeter.h``; ``libgreeter.so`` has ``libgreeter.h`` or ``greeter.h``.
    A symlink's own directory comes before that of the file it names.

    Raises:
        DeclarationError: There is one, and it cannot be read.
    """
    for place in _places(plugin):
        stem = place.name.split(".so", 1)[0]
        for name in dict.fromkeys((stem, stem.removeprefix("lib"))):
            header = place.with_name(f"{name}.h") if name else None
            if header is not None and header.is_file():
                return replace(_read(header), is_brought=True)
    return None


def from_metadata(plugin: str, text: str) -> Source:
    """
    Return what a plugin's file tells of itself as a source.

    Args:
        plugin: The plugin's path.
        text: What `nativeplug.elf.metadata` has read.
    """
    return Source(text, f"{plugin} (.nativeplug)", is_brought=True)


def from_debug_info(plugin: str, text: str) -> Source:
    """
    Return what a plugin's debug information tells as a source.

    Args:
        plugin: The plugin's path.
        text: What `nativeplug.loader.debug_info` has found.
    """
    return Source(text, f"{plugin} (debug information)", is_brought=True)


def _places(plugin: str) -> Iterator[Path]:
    place = Path(plugin)
    yield place
    with contextlib.suppress(OSError):  # a link that is replaced in this moment
        real = Path(os.path.realpath(plugin))
        if real != place:
            yield real


def _read(header: Path) -> Source:
    try:
        data = header.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DeclarationError(
            f"cannot read header {str(header)!r}: {reason}", file=str(header)
        ) from None
    return Source(_plain(data.decode("utf-8", "surrogateescape")), str(header), header)


def _plain(text: str) -> str:
    text = text.removeprefix(_BYTE_ORDER_MARK)
    return _OTHER_NEWLINE.sub("\n", text) if "\r" in text else text
