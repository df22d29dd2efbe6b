"""Updating a plugin by itself, and telling what came of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from nativeplug.errors import ClosedError, OpenError, UpdateError
from nativeplug.load import elf
from nativeplug.load.content import (
    SUFFIX,
    Content,
    FileChangedError,
    UnfinishedError,
    read_file,
)
from nativeplug.load.key import never_updated
from nativeplug.update.follow import Follower, Observer

_log = logging.getLogger("nativeplug.follow")

#: What is told of an update: the plugin, and what went wrong.
OnUpdate = Callable[[Any, UpdateError | None], object]


class Following:
    """Updates one plugin whenever its file has changed. Safe to use from several threads."""

    def __init__(self, plugin: Any, file: str | None, prepare: Callable[[Content], None]) -> None:
        """
        Follow nothing yet.

        Args:
            plugin: What is updated.
            file: The file's absolute path; None for what has none.
            prepare: Does what can be done before an update to a content is asked for.
        """
        self._plugin = plugin
        self._prepare_for = prepare
        self._follower = None
        if file is not None:
            seen = partial(self._prepare, file)
            self._follower = Follower(Observer(file, self._take_up, seen=seen, beside=SUFFIX))
        self._on_update: OnUpdate | None = None
        self._said = ""

    @property
    def is_running(self) -> bool:
        """Whether the file is followed, in this process."""
        return self._follower is not None and self._follower.running

    def start(self, on_update: OnUpdate | None) -> None:
        """
        Follow the plugin's file.

        Raises:
            UpdateError: The package ``watchfiles`` is not installed, or the plugin has no file.
        """
        if on_update is not None:
            self._on_update = on_update
        if self._follower is None:
            raise self._refusal(str(never_updated(self._plugin._updates.key)))  # noqa: SLF001
        resident = self._plugin._symbols.generation.options.resident  # noqa: SLF001
        if resident is not None:
            raise self._refusal(f"{resident}, so it is never updated")
        self._follower.start()

    def _refusal(self, reason: str) -> UpdateError:
        path = self._plugin.path
        return UpdateError(f"cannot follow plugin {path!r}: {reason}", path=path, reasons=(reason,))

    def stop(self, *, wait: bool = True) -> None:
        """Follow the file no longer."""
        if self._follower is not None:
            self._follower.stop(None if wait else 0)

    def _prepare(self, file: str) -> None:
        """Use the time until the file has settled, unless it is cut anyway."""
        with contextlib.suppress(OpenError, FileChangedError):
            content = read_file(file)
            if elf.find_unwritten(content.data) is None:
                self._prepare_for(content)

    def _take_up(self) -> bool:
        """Update the plugin; tell whether nothing remains to be done until its file changes."""
        try:
            outcome = self._plugin._take_up(asked=False, finished=True)  # noqa: SLF001 - for this
        except UnfinishedError as error:
            self._say(error)
            return not error.passes
        except ClosedError:
            return True
        except UpdateError as error:
            _log.warning("%s", error)
            self._tell(error)
        else:
            if outcome == "updated":
                number = self._plugin.generation
                _log.info("plugin %r: generation %d serves", self._plugin.path, number)
                self._tell(None)
            else:
                _log.debug("plugin %r: its file has what serves", self._plugin.path)
        self._said = ""
        return True

    def _say(self, error: UnfinishedError) -> None:
        """Log, but not again and again, why the file is not taken up."""
        if error.reason != self._said:
            self._said = error.reason
            level = logging.INFO if error.passes else logging.WARNING
            _log.log(level, "plugin %r: waiting for its file: %s", self._plugin.path, error.reason)

    def _tell(self, error: UpdateError | None) -> None:
        if self._on_update is None:
            return
        try:
            self._on_update(self._plugin, error)
        except Exception:  # noqa: BLE001 - the program's own
            _log.exception("on_update of plugin %r failed", self._plugin.path)
