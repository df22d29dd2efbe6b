"""How a plugin's file is loaded: what ``open`` is told of that, and dlopen(3) is given."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Final

from nativeplug.errors import OpenError
from nativeplug.loader import sanitizers

#: How long constructors may take where that is limited, and Go's init functions.
SECONDS = 30.0
_RESIDENT: Final = {
    "in_place": "its file itself is mapped (in_place=True)",
    "export_symbols": "others may use its symbols (export_symbols=True)",
}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """
    How a file is loaded; None for what was not said, which is as False.

    A file is loaded once, so a plugin that is open has the options of its first ``open``.
    """

    #: The file's own symbols win over those of the program: RTLD_DEEPBIND.
    deep_bind: bool | None = None
    #: Files that are loaded later find its symbols: RTLD_GLOBAL.
    export_symbols: bool | None = None
    #: The file itself is mapped, not a private copy.
    in_place: bool | None = None

    def __post_init__(self) -> None:
        """
        Check the types.

        Raises:
            TypeError: An option is neither a bool nor None.
        """
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not None and type(value) is not bool:
                kind = type(value).__name__
                raise TypeError(f"{option.name} must be bool or None, not {kind}")

    @property
    def flags(self) -> int:
        """The flags for dlopen(3)."""
        scope = os.RTLD_GLOBAL if self.export_symbols else os.RTLD_LOCAL
        return os.RTLD_NOW | scope | (os.RTLD_DEEPBIND if self.deep_bind else 0)

    @property
    def resident(self) -> str | None:
        """Why what is loaded so can be neither replaced nor unloaded; None if it can."""
        return next((text for name, text in _RESIDENT.items() if getattr(self, name)), None)

    def check_possible(self, path: str) -> None:
        """
        Refuse what this process cannot do.

        Raises:
            OpenError: For *path*, which is to be loaded so.
        """
        if not self.deep_bind:
            return
        reason = None
        if not hasattr(os, "RTLD_DEEPBIND"):
            reason = "this C library has no RTLD_DEEPBIND (glibc has)"
        elif sanitizer := sanitizers.find_in_process():
            reason = f"{sanitizer}, which is in this process, ends it on RTLD_DEEPBIND"
        if reason is not None:
            reason = f"deep_bind=True cannot be had: {reason}"
            raise OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)

    def find_contradiction(self, loaded: LoadOptions) -> str | None:
        """
        Say why a file that was loaded by some options cannot serve who asks for these.

        Args:
            loaded: Those by which it was loaded.

        Returns:
            The reason; None if it can.
        """
        for option in fields(self):
            value, was = getattr(self, option.name), bool(getattr(loaded, option.name))
            if value not in {None, was}:
                return (
                    f"it is open with {option.name}={was}, and was loaded so: close it before it "
                    f"is opened with {option.name}={value}"
                )
        return None
