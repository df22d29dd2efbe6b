"""What a plugin's file tells of itself, read when it is first needed and not twice."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import Final

from nativeplug import declare
from nativeplug.declare import Declarations, Line
from nativeplug.declare.sources import Source, beside, debugged_by, told_by
from nativeplug.errors import DeclarationError
from nativeplug.load import debug, told
from nativeplug.load.content import Content
from nativeplug.load.dwarf import Debug, has_debug
from nativeplug.load.told import InterfaceVersion

# How much text of a file is read as C, which takes ten seconds.
_MOST_TEXT: Final = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Brought:
    """The declarations that come with a plugin."""

    source: Source
    #: What they declare by themselves.
    alone: Declarations


class Reading:
    """What a plugin's file tells of itself. Safe to use from several threads."""

    __slots__ = (
        "_brought",
        "_content",
        "_debug",
        "_file",
        "_forgotten",
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
        self.told = None if content is None else told.read(content.data, path)
        # A file is large: it is kept only where there is something to be read of it yet.
        has_more = content is not None and has_debug(content.data)
        self._content = content if has_more else None
        # The SHA-256 of a content that was let go before that.
        self._forgotten: str | None = None
        self._is_signed = is_signed
        self._debug: Debug | None = None
        self._own: Declarations | None = None
        # Why there is no `own`.
        self._unreadable: DeclarationError | None = None
        self._brought: tuple[str, Brought | None] | None = None

    @property
    def interface(self) -> InterfaceVersion | None:
        """The interface that it tells that it has."""
        return None if self.told is None else self.told.interface

    @property
    def debug(self) -> Debug:
        """What its debug information tells."""
        found = self._debug
        if found is None:
            content, forgotten = self._content, self._forgotten
            if content is not None:
                found = debug.find(content)
            else:
                found = Debug() if forgotten is None else debug.find_kept(forgotten)
            if self._debug is None:  # else another thread was faster, and the content is gone
                self._debug = found
                self._content = None
                if found.reason is not None:
                    _log.warning("no debug information of %r is used: %s", self._path, found.reason)
        return self._debug or found

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
                self._own = _declared_by(told_by(self._path, text))
            except DeclarationError as error:
                self._unreadable = error
                raise copy.copy(error) from None
        return self._own

    def finish(self) -> Debug:
        """Read what may be asked for once the file was let go of."""
        return self.debug

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
                _log.warning("not compared with what %r tells itself: %s", self._path, error)
        return None if self._own is None else self._own.lines.get(name)

    def brought(self, file: str) -> Brought | None:
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

    def _find_brought(self, file: str) -> Brought | None:
        if self._file is None:  # a header in the working directory is not a system library's
            return None
        if self.told is not None and self.told.text:
            return Brought(told_by(self._path, self.told.text), self.own)
        source = None if self._is_signed else beside(file)
        if source is not None:
            return Brought(source, declare.extend(Declarations(), source))
        source = debugged_by(self._path, self.debug.text)
        try:  # nobody has written it to be read
            return Brought(source, _declared_by(source)) if source.text else None
        except DeclarationError as error:
            _log.warning("no declarations by the debug information of %r: %s", self._path, error)
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
