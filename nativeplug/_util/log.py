"""Loggers, imported when there is something to say: most programs never hear of it."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it: importing typing costs more than all of this
if TYPE_CHECKING:
    import logging


def logger(name: str) -> logging.Logger:
    """Return the logger of a name: ``nativeplug.follow``."""
    import logging

    return logging.getLogger(name)
