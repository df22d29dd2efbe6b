"""How a plugin's generations replace each other: what ``open`` is told of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from nativeplug.load.told import InterfaceVersion
from nativeplug.trust import UNSAID, Demands

Unload = Literal["never", "when_idle"]
Hook = Callable[[Any], object]

#: Each costs memory, of Go two megabytes and threads, and few programs need an old one.
DEFAULT_MAX_GENERATIONS = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``open`` was told of updates."""

    #: When what serves no more is unloaded.
    unload: Unload = "never"
    #: How many generations may be mapped at once.
    max_generations: int = DEFAULT_MAX_GENERATIONS
    #: Called before, and after, another generation serves.
    before_update: Hook | None = None
    after_update: Hook | None = None
    #: Load each version in a process of its own first; None: those that come by an update.
    probe: bool | None = None
    #: What an update must satisfy as well.
    demands: Demands = UNSAID
    #: The versions of interfaces that it was opened as, which an update must have.
    interfaces: frozenset[InterfaceVersion] = frozenset()
    #: Called with a view of another version before it serves; refuses it.
    check_update: Hook | None = None

    def plus(  # noqa: PLR0913, PLR0917 - as many as open takes
        self,
        unload: object = None,
        max_generations: object = None,
        before_update: object = None,
        after_update: object = None,
        probe: object = None,
        check_update: object = None,
    ) -> Settings:
        """
        Return these settings with those that are given in place of the old ones.

        Raises:
            ValueError: *unload* is none of the words, *max_generations* less than 1.
            TypeError: A value is of the wrong type.
        """
        if unload not in (None, "never", "when_idle"):
            raise ValueError(f"unload must be 'never' or 'when_idle', not {unload!r}")
        if max_generations is not None:
            if type(max_generations) is not int:
                kind = type(max_generations).__name__
                raise TypeError(f"max_generations must be int, not {kind}")
            if max_generations < 1:
                raise ValueError(f"max_generations must be at least 1, not {max_generations}")
        if probe is not None and type(probe) is not bool:
            raise TypeError(f"probe must be bool or None, not {type(probe).__name__}")
        hooks = {
            "before_update": before_update,
            "after_update": after_update,
            "check_update": check_update,
        }
        for name, hook in hooks.items():
            if hook is not None and not callable(hook):
                raise TypeError(f"{name} must be callable, not {type(hook).__name__}")
        return Settings(
            unload or self.unload,
            max_generations or self.max_generations,
            before_update or self.before_update,  # type: ignore[arg-type]
            after_update or self.after_update,  # type: ignore[arg-type]
            self.probe if probe is None else probe,
            self.demands,
            self.interfaces,
            check_update or self.check_update,  # type: ignore[arg-type]
        )
