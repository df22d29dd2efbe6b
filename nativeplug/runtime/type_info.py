"""What a plugin's file tells of the types of its symbols, and whether they are declared so."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from nativeplug import declare
from nativeplug._util.log import logger
from nativeplug.declare import Declarations, Line, from_line
from nativeplug.declare.sources import Source, beside, from_debug_info, from_metadata
from nativeplug.declare.unit import CTYPE, TEXT, is_function
from nativeplug.elf import metadata
from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.elf.symbols import FUNCTIONS, VARIABLES
from nativeplug.errors import DeclarationError, SignatureMismatchError
from nativeplug.loader.files import Content

# What compares types, and what reads debug information, is imported where there is some.
if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativeplug import abi
    from nativeplug.elf.dwarf import DebugInfo, SymbolType

#: Who has told the type of a symbol: the plugin itself, or its debug information.
TypeSource = Literal["plugin", "dwarf"]

_SAYS: Final = {"plugin": "the plugin itself tells", "dwarf": "its debug information tells"}


# How much text of a file is read as C, which takes ten seconds.
_MOST_TEXT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundled:
    """The declarations that come with a plugin."""

    source: Source
    #: What they declare by themselves.
    alone: Declarations


class FileInfo:
    """What a plugin's file tells of itself. Safe to use from several threads."""

    __slots__ = (
        "_brought",
        "_content",
        "_debug",
        "_file",
        "_forgotten",
        "_has_debug",
        "_is_signed",
        "_own",
        "_path",
        "_unreadable",
        "told",
    )

    def __init__(self, path: str, content: Content | None, *, is_signed: bool = False) -> None:
        """
        Take a file.

        Args:
            path: The user's path, for words.
            content: What was read of it; None for a system library. It is kept until its debug
                information is read, if it has any, or until `forget`.
            is_signed: Its content is signed, and the header beside it is not.

        Raises:
            FormatError: What it tells about itself is damaged.
        """
        self._path = path
        self._file = None if content is None else content.file
        #: What it tells about itself.
        self.told = None if content is None else metadata.read(content.data, path)
        # A file is large: it is kept only where there is something to be read of it yet.
        file = None if content is None else ElfFile.find(content.data)
        self._has_debug = file is not None and file.has_debug_info()
        self._content = content if self._has_debug else None
        # The SHA-256 of a content that was let go before that.
        self._forgotten: str | None = None
        self._is_signed = is_signed
        self._debug: DebugInfo | None = None
        self._own: Declarations | None = None
        # Why there is no `own`.
        self._unreadable: DeclarationError | None = None
        self._brought: tuple[str, Bundled | None] | None = None

    @property
    def interface(self) -> InterfaceVersion | None:
        """The interface that it tells that it has."""
        return None if self.told is None else self.told.interface

    @property
    def debug(self) -> DebugInfo:
        """What its debug information tells."""
        found = self._debug
        if found is None:
            from nativeplug.elf.dwarf import DebugInfo
            from nativeplug.loader import debug_info

            content, forgotten = self._content, self._forgotten
            if content is not None:
                found = debug_info.find(content)
            else:
                found = DebugInfo() if forgotten is None else debug_info.find_kept(forgotten)
            if self._debug is None:  # else another thread was faster, and the content is gone
                self._debug = found
                self._content = None
                if found.reason is not None:
                    logger(__name__).warning(
                        "no debug information of %r is used: %s", self._path, found.reason
                    )
        return self._debug or found

    @property
    def _symbols(self) -> Mapping[str, SymbolType]:
        """What its debug information tells of its symbols."""
        return self.debug.symbols if self._has_debug else {}

    @property
    def own(self) -> Declarations:
        """
        What it declares itself.

        Raises:
            DeclarationError: That cannot be read.
        """
        if self._unreadable is not None:
            raise copy.copy(self._unreadable)
        if self._own is None:
            text = "" if self.told is None else self.told.text
            try:
                self._own = _declared_by(from_metadata(self._path, text))
            except DeclarationError as error:
                self._unreadable = error
                raise copy.copy(error) from None
        return self._own

    def finish(self) -> None:
        """Read what may be asked for once the file was let go of."""
        self._symbols  # noqa: B018 - it is remembered

    def forget(self) -> None:
        """
        Let go of the file.

        Debug information that was not read by then is known only if it was kept on disk.
        """
        content = self._content
        if content is not None:
            self._forgotten, self._content = content.sha256, None

    def _own_line(self, name: str) -> Line | None:
        """
        Return what it declares itself of a symbol; None when that cannot be read.

        Then `brought` has raised that, unless the program has declarations of its own.
        """
        if self.told is None:
            return None
        if self._own is None and self._unreadable is None:
            try:
                self.own  # noqa: B018 - it is remembered
            except DeclarationError as error:
                logger(__name__).warning(
                    "not compared with what %r tells itself: %s", self._path, error
                )
        return None if self._own is None else self._own.lines.get(name)

    def brought(self, file: str) -> Bundled | None:
        """
        Return the declarations that come with the plugin; None when there are none.

        These are its own, else those of the header beside it, else of its debug information.

        Args:
            file: The path beside which a header may stand.

        Raises:
            DeclarationError: They cannot be read.
        """
        if self._brought is None or self._brought[0] != file:
            self._brought = file, self._find_brought(file)
        return self._brought[1]

    def _find_brought(self, file: str) -> Bundled | None:
        if self._file is None:  # a header in the working directory is not a system library's
            return None
        if self.told is not None and self.told.text:
            return Bundled(from_metadata(self._path, self.told.text), self.own)
        source = None if self._is_signed else beside(file)
        if source is not None:
            return Bundled(source, declare.extend(Declarations(), source))
        if not self._has_debug:
            return None
        source = from_debug_info(self._path, self.debug.text)
        try:  # nobody has written it to be read
            return Bundled(source, _declared_by(source)) if source.text else None
        except DeclarationError as error:
            logger(__name__).warning(
                "no declarations by the debug information of %r: %s", self._path, error
            )
            return None


def _declared_by(source: Source) -> Declarations:
    """
    Return what a file declares.

    Raises:
        DeclarationError: It cannot be read, or not in the time that there is.
    """
    if len(source.text) > _MOST_TEXT:
        raise DeclarationError(
            f"{source.name}: it declares by {len(source.text)} characters, of which {_MOST_TEXT} "
            "are read at most: open it with the declarations that the program needs",
            file=source.name,
        )
    return declare.extend(Declarations(), source)


@dataclass(frozen=True, slots=True)
class KnownType:
    """What is known of one symbol."""

    by: TypeSource
    #: Its declaration in C.
    text: str
    type: abi.Type


class TypeInfo(FileInfo):
    """
    What a plugin's file tells of the types of its symbols.

    The plugin's own section comes before its debug information. Safe to use from several threads.
    """

    __slots__ = ("_agreed",)

    def __init__(self, path: str, content: Content | None, *, is_signed: bool = False) -> None:
        """Take a file; see `FileInfo`."""
        super().__init__(path, content, is_signed=is_signed)
        # Which patterns of declarations agree with what is known, each with its `_key_of`.
        self._agreed: dict[tuple[str, object], TypeSource] = {}

    def find(self, name: str) -> KnownType | None:
        """Return what is known of a symbol; None when nothing is."""
        from nativeplug.declare.abi_types import abi_of

        line = self._own_line(name)
        type_ = None if line is None else abi_of(self.own.ffi, line)
        if line is not None and type_ is not None:
            return KnownType("plugin", _text(line), type_)
        known = self._symbols.get(name)
        if known is None:
            return None
        return KnownType("dwarf", known.text.removeprefix("extern "), known.type)

    def _key_of(self, name: str) -> object:
        """Return what is the same for all symbols of which the same is known; None for nothing."""
        if (line := self._own_line(name)) is not None:
            return line[0]
        known = self._symbols.get(name)
        return None if known is None else id(known.type)  # which `debug` keeps, each type once

    def check(self, line: Line, ffi: Any, *, required: bool) -> TypeSource | None:
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

    def _compare(self, line: Line, ffi: Any, of_known: object) -> TypeSource | None:
        """Compare a declaration with what is known, and note it where they agree."""
        key = line[0], of_known
        if line[0] == of_known:  # the plugin itself has declared it
            self._agreed[key] = "plugin"
            return "plugin"
        if of_known is None:
            return None
        from nativeplug import abi
        from nativeplug.declare.abi_types import abi_of

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

    def find_changes(self, before: TypeInfo, names: Iterable[str]) -> dict[str, str]:
        """
        Say which symbols are of another type than in the version before, where both tell it.

        Args:
            before: What is known of that version.
            names: The symbols that matter.
        """
        from nativeplug import abi

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
    from nativeplug import abi

    return not isinstance(type_, abi.FunctionType) or type_.parameters is not None


def _size_of(ffi: Any, ctype: str) -> int:
    """Return how many bytes a variable's type takes; 0 when that is not declared."""
    try:
        return int(ffi.sizeof(ctype))
    except (ffi.error, TypeError, ValueError):
        return 0
