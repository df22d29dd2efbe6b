"""What a plugin's file tells of the types of its symbols, and whether they are declared so."""

from __future__ import annotations

from typing import Any, Literal

from nativeplug.declare import Line, from_line
from nativeplug.declare.unit import CTYPE, FUNCTION, TEXT
from nativeplug.errors import SignatureMismatchError
from nativeplug.load.dynamic import Dynamic
from nativeplug.load.symbols import FUNCTIONS, VARIABLES

#: Who has told the type of a symbol: the plugin itself, or its debug information.
By = Literal["plugin", "dwarf"]


class Known:
    """
    What a plugin's file tells of the types of its symbols.

    Safe to use from several threads.
    """

    __slots__ = ("_file", "_path")

    def __init__(self, path: str, file: Dynamic | None) -> None:
        """
        Take a file.

        Args:
            path: The user's path, for words.
            file: What the file tells the dynamic loader; None for a system library.
        """
        self._path = path
        self._file = file

    def check(self, line: Line, ffi: Any, *, required: bool) -> By | None:
        """
        Compare a symbol's declaration with what the file tells of it.

        Args:
            line: The declaration.
            ffi: The cffi ``FFI`` that knows its types.
            required: Refuse a symbol of whose type nothing is known.

        Returns:
            Who has told the type; None when nobody does.

        Raises:
            SignatureMismatchError: They differ in what the ABI sees.
        """
        if self._file is not None:
            self._check_kind(line, ffi, self._file)
        if required:
            raise self._mismatch(
                line, None, "and the file does not tell its type, which require_checked demands"
            )
        return None

    def _check_kind(self, line: Line, ffi: Any, file: Dynamic) -> None:
        """Compare a declaration with the file's table of symbols."""
        pattern, name, _ = line
        kind = None if name in file.untyped else file.exports.get(name)
        is_function = pattern.startswith(_FUNCTION_PATTERN)
        if is_function and kind in VARIABLES:
            raise self._mismatch(line, "a variable", "but the file has a variable of that name")
        if is_function or kind is None:
            return
        if kind in FUNCTIONS:
            raise self._mismatch(line, "a function", "but the file has a function of that name")
        size = file.sizes.get(name)
        declared = _size_of(ffi, from_line(line)[CTYPE])
        if size is not None and declared > size:
            raise self._mismatch(
                line,
                f"a variable of {size} bytes",
                f"which takes {declared} bytes, but the file has {size} of it",
            )

    def _mismatch(self, line: Line, known: str | None, words: str) -> SignatureMismatchError:
        row = from_line(line)
        declared = " ".join(row[TEXT].split())
        return SignatureMismatchError(
            f"symbol {line[1]!r} of plugin {self._path!r} is declared as {declared!r}, {words}",
            path=self._path,
            symbol=line[1],
            declared=declared,
            known=known,
        )


# How the patterns of functions begin (see `to_line`).
_FUNCTION_PATTERN = f'["{FUNCTION}"'


def _size_of(ffi: Any, ctype: str) -> int:
    """Return how many bytes a variable's type takes; 0 when that is not declared."""
    try:
        return int(ffi.sizeof(ctype))
    except (ffi.error, TypeError, ValueError):
        return 0
