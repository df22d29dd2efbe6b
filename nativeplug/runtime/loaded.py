"""A generation as a plugin's symbols use it, and who still needs it."""

from __future__ import annotations

import weakref
from typing import Any

from nativeplug.call import Memory, Uses, context
from nativeplug.loader.generation import Generation
from nativeplug.runtime.declared import Declared
from nativeplug.runtime.type_info import TypeInfo

#: What a plugin exports that tells of errors of its calls; see nativeplug.h.
_TAKE_ERROR = "nativeplug_take_error"
#: What is loaded, whatever becomes of the plugin: C may hold pointers to what variables of a
#: generation were given, for as long as its code is in memory.
_mapped: set[Loaded] = set()
#: Copies of texts that variables of unloaded generations were given: C may have passed them on.
_texts: list[Any] = []


class Loaded:
    """
    A generation as a plugin's symbols use it.

    ``with loaded.uses:`` counts as a call, so it is not unloaded meanwhile. That is certain only
    where it still serves after the ``with`` was entered.
    """

    __slots__ = (
        "__weakref__",
        "_memories",
        "_pins",
        "_unwatched_since",
        "generation",
        "given",
        "kept",
        "known",
        "number",
        "serves",
        "uses",
    )

    def __init__(self, generation: Generation, number: int, known: TypeInfo) -> None:
        self.generation = generation
        #: What its file tells of the types of its symbols.
        self.known = known
        #: It is the plugin's *number*-th, counted from 1.
        self.number = number
        #: New calls go to it, or may do so yet; not those of pins.
        self.serves = False
        #: What was declared when it served last; None before.
        self.given: Declared | None = None
        #: The calls under way, and whether an address was given out.
        self.uses = Uses(*generation.span, generation.own_function(_TAKE_ERROR))
        # How much callbacks had been given when its addresses were looked for last; None: they are.
        self._unwatched_since: int | None = None
        context.watch(self.uses)
        #: What its variables point to.
        self.kept: dict[Any, Any] = {}
        self._memories: weakref.WeakSet[Memory] = weakref.WeakSet()
        self._pins: weakref.WeakSet[Any] = weakref.WeakSet()
        _mapped.add(self)

    def note_memory(self, memory: Memory) -> Memory:
        """Remember that a variable lies in this generation, as long as *memory* lives."""
        self._memories.add(memory)
        return memory

    def again(self, known: TypeInfo) -> Loaded:
        """
        Return it as the first generation of another plugin.

        Args:
            known: What its file tells, which may have been let go of.
        """
        self.number, self.known, self.given = 1, known, None
        return self

    def watch(self, *, on: bool) -> None:
        """
        Look for its addresses in what callbacks are given, or look no more.

        That costs each callback; it is done for what may be unloaded. Where it was not, and
        callbacks were given addresses meanwhile, one of it may have been among them.
        """
        since = self._unwatched_since
        if not on and since is None:
            self._unwatched_since = context.count_given()
            context.unwatch(self.uses)
        elif on and since is not None:
            context.watch(self.uses)
            self._unwatched_since = None
            if since != context.count_given():
                self.uses.export(self.generation.span[0])

    def inherit(self, old: Loaded) -> None:
        """Keep what the variables of another generation point to, whose state it has taken over."""
        if old.kept:
            self.kept[old.number] = old.kept

    def pin(self, holder: Any) -> None:
        """Keep it loaded as long as *holder* lives."""
        self._pins.add(holder)

    def unpin(self, holder: Any) -> None:
        """Let go of it, for *holder*."""
        self._pins.discard(holder)

    @property
    def resident(self) -> str | None:
        """Why it can never be unloaded; None if it can."""
        if self.uses.is_exported:
            return "an address of it was given out"
        return self.generation.resident

    @property
    def is_idle(self) -> bool:
        """Whether it does not serve, no call is under way in it, and no pin holds it."""
        return not (self.serves or self.uses.calls or self._memories or self._pins)

    def forget(self) -> None:
        """Let go of what its variables point to, but for copies of texts: it is unloaded."""
        _mapped.discard(self)
        context.unwatch(self.uses)
        _texts.extend(kept for name, kept in self.kept.items() if isinstance(name, tuple))
        self.kept = {}
