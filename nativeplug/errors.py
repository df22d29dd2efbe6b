"""
Everything nativeplug raises. Imports nothing.

Every error says what was tried, names the subject in quotes and gives the
operating system's or the tool's text verbatim, in one line. Wrong arguments of
a call are not here: they are plain ``TypeError``, ``ValueError`` and
``OverflowError``, as for any Python function.
"""

from __future__ import annotations


class PluginError(Exception):
    """
    Superclass of all nativeplug errors.

    Never raised itself.
    """

    _details: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[object, ...]:
        """Support copying and pickling, which know nothing of keyword arguments."""
        details = {name: getattr(self, name) for name in self._details}
        return _restore, (type(self), self.args, details), dict(vars(self))


def _restore(
    kind: type[PluginError], args: tuple[object, ...], details: dict[str, object]
) -> PluginError:
    return kind(*args, **details)


class OpenError(PluginError, OSError):
    """A plugin's file could not be opened or loaded."""

    _details = ("path", "reason", "errno")

    def __init__(self, message: str, *, path: str, reason: str, errno: int | None = None) -> None:
        super().__init__(message)
        #: The path or soname, as the caller wrote it.
        self.path = path
        #: Why it failed: the dynamic loader's or the operating system's words.
        self.reason = reason
        #: The operating system's error number, where there is one.
        self.errno = errno
        self.strerror = reason
        self.filename = path

    def __str__(self) -> str:
        """Return the message (OSError would put the error number before it)."""
        return str(self.args[0])


class FormatError(OpenError):
    """The file is not a loadable plugin; found before any of its code ran in this process."""

    _details = ("path", "reason", "offset")

    def __init__(self, message: str, *, path: str, reason: str, offset: int | None = None) -> None:
        super().__init__(message, path=path, reason=reason)
        #: Where in the file it was found, in bytes; None where it is not in one place.
        self.offset = offset


class OriginError(OpenError):
    """The file does not come from where the program demands; found before any of its code ran."""

    _details = ("path", "reason", "reasons")

    def __init__(
        self, message: str, *, path: str, reason: str, reasons: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, path=path, reason=reason)
        #: Everything that stands against it.
        self.reasons = reasons or (reason,)


class SymbolNotFoundError(PluginError, AttributeError):
    """A name is not exported, or exported but not declared, or has no address."""

    _details = ("path", "symbol", "nearest")

    def __init__(
        self, message: str, *, path: str, symbol: str, nearest: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, name=symbol)
        #: The plugin's path or soname.
        self.path = path
        #: The name that was looked up.
        self.symbol = symbol
        #: The closest names that do exist, best first.
        self.nearest = nearest


class DeclarationError(PluginError, ValueError):
    """Declarations could not be read, contradict others, or cannot be served."""

    _details = ("file", "line", "column")

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        #: The file that holds the text; ``<declarations>`` for text of the caller.
        self.file = file
        #: The line in the user's text, counted from 1.
        self.line = line
        #: The column in the user's text, counted from 1.
        self.column = column


class SignatureMismatchError(PluginError, TypeError):
    """A symbol is declared otherwise than the plugin itself tells, or nothing is told of it."""

    _details: tuple[str, ...] = ("path", "symbol", "declared", "known")

    def __init__(
        self,
        message: str,
        *,
        path: str,
        symbol: str | None = None,
        declared: str | None = None,
        known: str | None = None,
    ) -> None:
        super().__init__(message)
        #: The plugin's path.
        self.path = path
        #: The symbol; None where it is about several.
        self.symbol = symbol
        #: How it is declared, in C.
        self.declared = declared
        #: How the plugin has it, in C; None where that is not known.
        self.known = known


class InterfaceError(SignatureMismatchError):
    """A plugin is not what an interface demands."""

    _details = ("path", "findings")

    def __init__(self, message: str, *, path: str, findings: tuple[str, ...] = ()) -> None:
        super().__init__(message, path=path)
        #: Everything that stands against it, one text each.
        self.findings = findings


class PluginRaised(PluginError):  # noqa: N818 - it tells what the plugin did, not what is wrong
    """A call has failed, as the plugin itself tells by its ``nativeplug_take_error``."""

    _details = ("path", "symbol", "text")

    def __init__(self, message: str, *, path: str, symbol: str, text: str) -> None:
        super().__init__(message)
        #: The plugin's path or soname.
        self.path = path
        #: The function that was called.
        self.symbol = symbol
        #: What the plugin tells, in its own words.
        self.text = text


class ClosedError(PluginError, ValueError):
    """The plugin was closed, and so was everything that came from it."""

    _details = ("path",)

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        #: The plugin's path or soname.
        self.path = path


class ForkError(PluginError, RuntimeError):
    """A Go plugin was used in a child process of the one that opened it."""

    _details = ("path",)

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        #: The plugin's path.
        self.path = path


class UpdateError(PluginError):
    """A plugin could not be updated, or its file not followed; what was current serves on."""

    _details = ("path", "reasons")

    def __init__(self, message: str, *, path: str, reasons: tuple[str, ...]) -> None:
        super().__init__(message)
        #: The plugin's path.
        self.path = path
        #: Everything that stands against it.
        self.reasons = reasons


class BuildError(PluginError, RuntimeError):
    """A plugin could not be built from its source."""

    _details = ("output",)

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        #: What the compiler printed.
        self.output = output


# No path is longer; and how much is shown of what is none.
_LONGEST_SHOWN = 4096
_SHOWN = 60


def cannot_open(path: str, error: OSError | ValueError) -> OpenError:
    """Return the error for a *path* that the operating system refuses."""
    reason = getattr(error, "strerror", None) or str(error)
    shown = path if len(path) <= _LONGEST_SHOWN else f"{path[:_SHOWN]}..."
    return OpenError(
        f"cannot open plugin {shown!r}: {reason}",
        path=path,
        reason=reason,
        errno=getattr(error, "errno", None),
    )
