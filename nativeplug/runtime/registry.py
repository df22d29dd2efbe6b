"""Which open plugin serves a file."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import TYPE_CHECKING

from nativeplug._util import forksafe
from nativeplug._util.single_flight import SingleFlight
from nativeplug.loader.files import FileKey, Key, real_path
from nativeplug.loader.options import LoadOptions
from nativeplug.runtime.history import History
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.updater import Updater

if TYPE_CHECKING:
    from nativeplug.runtime.plugin import Plugin


class Registry(SingleFlight[Key, "Plugin"]):
    """
    The open plugins: by the key of what serves, and by the file that their path names now.

    A plugin is one for a path, whatever stands there. So a file that no key is known of may
    still have its plugin, which then needs an update. Safe to use from several threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self._placing = forksafe.lock()
        #: Where to look for a plugin first: by its file's real path, and by device and inode.
        self._hints: dict[Hashable, Plugin] = {}
        #: Those whose path may lead elsewhere one day.
        self._linked: set[Plugin] = set()
        #: The generations of closed plugins, by their file's real path.
        self._left: dict[str, list[History]] = {}

    def find(self, path: str, key: FileKey) -> Plugin | None:
        """
        Return the plugin whose path names a file, now.

        Args:
            path: The file's path.
            key: The file.
        """
        candidates = [self._hints.get(real_path(path)), self._hints.get(key[:2])]
        return next((each for each in [*candidates, *self._linked] if _names(each, key)), None)

    def place(self, plugin: Plugin) -> Plugin:
        """Enter a plugin that was loaded; return that which serves the file, if there is one."""
        file, key = plugin._updates.file, plugin._updates.key
        if file is None or not isinstance(key, FileKey):
            return plugin
        with self._placing:
            found = self.find(file, key)
            if found is None:
                self._put(plugin, file, key)
        return plugin if found is None else found

    def note(self, plugin: Plugin) -> None:
        """Note what a plugin serves, after an update."""
        file, key = plugin._updates.file, plugin._updates.key
        if file is not None and isinstance(key, FileKey):
            with self._placing:
                if not plugin.closed:
                    self._take(plugin)
                    self._put(plugin, file, key)
            self.rekey(plugin, key)
            if plugin.closed:  # meanwhile, by another thread
                self.discard(plugin)

    def discard(self, value: Plugin) -> None:
        """Forget a plugin; the next to ask for its file loads afresh."""
        with self._placing:
            self._take(value)
        super().discard(value)

    def leave(self, updates: Updater) -> None:
        """Note what a closed plugin leaves in memory."""
        if updates.file is not None:
            path, history = real_path(updates.file), updates.history
            with self._placing:
                before = self._left.get(path, ())
                left = [each for each in before if each.count_mapped() and each is not history]
                self._left[path] = [*left, history]

    def take_left(self, file: str, sha256: str, options: LoadOptions) -> Loaded | None:
        """Return a generation that a closed plugin of a file has left; it is the caller's then."""
        with self._placing:
            for history in reversed(self._left.get(real_path(file), ())):
                loaded = history.release(sha256, options)
                if loaded is not None:
                    return loaded
        return None

    def _put(self, plugin: Plugin, file: str, key: FileKey) -> None:
        real = real_path(file)
        self._hints[real] = self._hints[key[:2]] = plugin
        if real != file:
            self._linked.add(plugin)

    def _take(self, plugin: Plugin) -> None:
        # A copy: a signal handler may come between, and open a plugin.
        for hint, held in [*self._hints.items()]:
            if held is plugin:
                self._hints.pop(hint, None)
        self._linked.discard(plugin)

    def after_fork(self) -> None:
        """Forget, in a child process, the loads of threads that it has not."""
        super().after_fork()
        self._left = {}  # no Go runtime survives a fork


def _names(plugin: Plugin | None, key: FileKey) -> bool:
    """Tell whether a plugin's path names a file, now."""
    file = None if plugin is None or plugin.closed else plugin._updates.file
    if file is None:
        return False
    try:
        status = os.stat(file)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == key[:2]


registry = Registry()
forksafe.in_child(registry.after_fork)
