"""What a plugin's file tells of the types of its symbols, and whether they are declared so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from nativeplug import abi
from nativeplug.declare import Line, abi_of, from_line
from nativeplug.declare.unit import CTYPE, TEXT, is_function
from nativeplug.errors import SignatureMismatchError
from nativeplug.load.content import Content
from nativeplug.load.symbols import FUNCTIONS, VARIABLES
from nativeplug.symbols.reading import Reading

#: Who has told the type of a symbol: the plugin itself, or its debug information.
By = Literal["plugin", "dwarf"]

_SAYS: Final = {"plugin": "the plugin itself tells", "dwarf": "its debug information tells"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one symbol."""

    by: By
    #: Its declaration in C.
    text: str
    type: abi.Type


class Known(Reading):
    """
    What a plugin's file tells of the types of its symbols.

    The plugin's own section comes before its debug information. Safe to use from several threads.
    """

    __slots__ = ("_agreed",)

    def __init__(self, path: str, content: Content | None, *, is_signed: bool = False) -> None:
        """Take a file; see `Reading`."""
        super().__init__(path, content, is_signed=is_signed)
        # Which patterns of declarations agree with what is known, each with its `_key_of`.
        self._agreed: dict[tuple[str, object], By] = {}

    def find(self, name: str) -> Evidence | None:
        """Return what is known of a symbol; None when nothing is."""
        line = self._own_line(name)
        type_ = None if line is None else abi_of(self.own.ffi, line)
        if line is not None and type_ is not None:
            return Evidence("plugin", _text(line), type_)
        known = self.debug.symbols.get(name)
        if known is None:
            return None
        return Evidence("dwarf", known.text.removeprefix("extern "), known.type)

    def _key_of(self, name: str) -> object:
        """Return what is the same for all symbols of which the same is known; None for nothing."""
        if (line := self._own_line(name)) is not None:
            return line[0]
        known = self.debug.symbols.get(name)
        return None if known is None else id(known.type)  # which `debug` keeps, each type once

    def check(self, line: Line, ffi: Any, *, required: bool) -> By | None:
        """
        Compare a symbol's declaration with what is known of it.

        Args:
            line: The declaration.
            ffi: The cffi ``FFI`` that knows its types.
            required: Refuse a symbol of whose type nothing is known.

        Returns:
            Who has told the type; None when nobody does.

        Raises:
            SignatureMismatchError: They differ in what the ABI sees.
        """
        pattern, name, _ = line
        if self._file is not None:
            self.check_kind(line, ffi)
        of_known = self._key_of(name)
        # Most are declared as one before them, and are known to be like that one.
        by = self._agreed.get((pattern, of_known)) or self._compare(line, ffi, of_known)
        if by is None and required:
            words = "and the plugin does not tell its type, which require_checked demands"
            advice = self._unreadable or "build it with -g or by nativeplug.h"
            raise self._mismatch(line, None, f"{words}: {advice}")
        return by

    def _compare(self, line: Line, ffi: Any, of_known: object) -> By | None:
        """Compare a declaration with what is known, and note it where they agree."""
        key = line[0], of_known
        if line[0] == of_known:  # the plugin itself has declared it
            self._agreed[key] = "plugin"
            return "plugin"
        known = self.find(line[1])
        declared = None if known is None else abi_of(ffi, line)
        if known is None or declared is None:
            return None
        difference = abi.differ(declared, known.type)
        if difference is not None:
            words = f"but {_SAYS[known.by]} {known.text!r}: {difference}"
            raise self._mismatch(line, known.text, words)
        if not _is_whole(known.type):
            return None
        if isinstance(of_known, str) is (known.by == "plugin"):  # or it is not what is compared
            self._agreed[key] = known.by
        return known.by

    def find_changes(self, before: Known, names: Iterable[str]) -> dict[str, str]:
        """
        Say which symbols are of another type than in the version before, where both tell it.

        Args:
            before: What is known of that version.
            names: The symbols that matter.
        """
        changes = {}
        for name in names:
            old, new = before.find(name), self.find(name)
            difference = None if old is None or new is None else abi.differ(old.type, new.type)
            if difference is not None and old is not None and new is not None:
                changes[name] = (
                    f"{name!r} is {new.text!r} in it, and was {old.text!r}: {difference}"
                )
        return changes

    def check_kind(self, line: Line, ffi: Any) -> None:
        """
        Compare a symbol's declaration with the file's table of symbols; see `check`.

        Raises:
            SignatureMismatchError: It is a function there and not here, or the reverse, or a
                variable that is larger here.
        """
        file, name = self._file, line[1]
        kind = None if file is None or name in file.untyped else file.exports.get(name)
        declared_function = is_function(line)
        if file is None or kind is None or (declared_function and kind in FUNCTIONS):
            return
        if declared_function and kind in VARIABLES:
            raise self._mismatch(line, "a variable", "but the file has a variable of that name")
        if kind in FUNCTIONS:
            raise self._mismatch(line, "a function", "but the file has a function of that name")
        size, declared = file.sizes.get(name), _size_of(ffi, from_line(line)[CTYPE])
        if size is not None and declared > size:
            words = f"which takes {declared} bytes, but the file has {size} of it"
            raise self._mismatch(line, f"a variable of {size} bytes", words)

    def _mismatch(self, line: Line, known: str | None, words: str) -> SignatureMismatchError:
        name, declared = line[1], _text(line)
        return SignatureMismatchError(
            f"symbol {name!r} of plugin {self._path!r} is declared as {declared!r}, {words}",
            path=self._path,
            symbol=name,
            declared=declared,
            known=known,
        )


def _text(line: Line) -> str:
    return " ".join(str(from_line(line)[TEXT]).split())


def _is_whole(type_: abi.Type) -> bool:
    """Tell whether all of a type is known; not of the parameters of ``int f()``."""
    return not isinstance(type_, abi.FunctionType) or type_.parameters is not None


def _size_of(ffi: Any, ctype: str) -> int:
    """Return how many bytes a variable's type takes; 0 when that is not declared."""
    try:
        return int(ffi.sizeof(ctype))
    except (ffi.error, TypeError, ValueError):
        return 0
