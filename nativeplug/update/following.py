"""Updating a plugin by itself, and telling what came of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from nativeplug.errors import ClosedError, OpenError, UpdateError
from nativeplug.load import elf
from nativeplug.load.content import Content, FileChangedError, read_file
from nativeplug.update.follow import Follower

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
            file: The file's absolute path; None for a system library.
            prepare: Does what can be done before an update to a content is asked for.
        """
        self._plugin = plugin
        self._file = file
        self._prepare_for = prepare
        self._follower = None if file is None else Follower(file, self._take_up, seen=self._prepare)
        self._on_update: OnUpdate | None = None

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
            reason = "it is a system library, which is never updated"
            path = self._plugin.path
            raise UpdateError(
                f"cannot follow plugin {path!r}: {reason}", path=path, reasons=(reason,)
            )
        self._follower.start()
        self._take_up()  # what has changed before

    def stop(self, *, wait: bool = True) -> None:
        """Follow the file no longer."""
        if self._follower is not None:
            self._follower.stop(None if wait else 0)

    def _prepare(self) -> None:
        """Use the time until the file has settled, unless it is not complete anyway."""
        content = self._read()
        if content is not None:
            self._prepare_for(content)

    def _take_up(self) -> None:
        """Update the plugin, unless its file is being written or is gone."""
        if self._read() is None:
            _log.debug("plugin %r: the file is not complete yet", self._plugin.path)
            return
        with contextlib.suppress(ClosedError):
            try:
                outcome = self._plugin._take_up(asked=False)  # noqa: SLF001 - for this
            except UpdateError as error:
                _log.warning("%s", error)
                self._tell(error)
                return
            if outcome == "updated":
                number = self._plugin.generation
                _log.info("plugin %r: generation %d serves", self._plugin.path, number)
                self._tell(None)

    def _read(self) -> Content | None:
        """Return what the file has; None unless that looks complete."""
        assert self._file is not None  # noqa: S101 - or nothing would be followed
        try:
            content = read_file(self._file)
        except (OpenError, FileChangedError):  # it will be looked at again when it is back
            return None
        return None if elf.is_unfinished(content.data) else content

    def _tell(self, error: UpdateError | None) -> None:
        if self._on_update is None:
            return
        try:
            self._on_update(self._plugin, error)
        except Exception:  # noqa: BLE001 - the program's own
            _log.exception("on_update of plugin %r failed", self._plugin.path)
