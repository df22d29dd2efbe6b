"""What every ``open`` was told of a plugin's updates: settings that add up."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace

from nativeplug.load.told import InterfaceVersion
from nativeplug.symbols import Symbols
from nativeplug.trust import Demands
from nativeplug.update.settings import Settings


class Terms:
    """The settings of one plugin. Safe to use from several threads."""

    def __init__(self, symbols: Symbols, settings: Settings) -> None:
        #: What was said so far. Replaced as a whole.
        self.settings = settings
        self._symbols = symbols
        self._lock = threading.RLock()

    def after_fork(self) -> None:
        """Forget, in a child process, the lock that another thread may have held."""
        self._lock = threading.RLock()

    def configure(self, *given: object) -> tuple[Settings, Settings]:
        """
        Add what ``open`` was told; see `Settings.plus`.

        Returns:
            The settings before and after.

        Raises:
            DeclarationError: It comes too late.
        """
        with self._lock:
            before, settings = self.settings, self.settings.plus(*given)
            if settings.unload == "when_idle":
                self._symbols.count_held()
            self.settings = settings
            return before, settings

    @contextlib.contextmanager
    def configuring(self, *given: object) -> Iterator[None]:
        """Add what ``open`` was told, unless it goes wrong after all."""
        before, after = self.configure(*given)
        try:
            yield
        except BaseException:
            with self._lock:
                if self.settings is after:  # else others have added to it
                    self.settings = before
            raise

    def demand(self, demands: Demands) -> None:
        """Let updates meet further demands."""
        with self._lock:
            demanded = self.settings.demands.plus(demands)
            self.settings = replace(self.settings, demands=demanded)

    def expect(self, version: InterfaceVersion | None) -> None:
        """Let updates have an interface of a version, or a later one of the same major version."""
        if version is not None:
            with self._lock:
                interfaces = self.settings.interfaces | {version}
                self.settings = replace(self.settings, interfaces=interfaces)
