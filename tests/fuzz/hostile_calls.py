"""Call functions with arguments that nobody should pass, and compare what the invokers say."""

from __future__ import annotations

import os
import random
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import building
import hostile
import nativeplug
import prototypes
from batches import Note, main
from both_invokers import comparable
from gates import background
from prototypes import VOID, Group, Prototype

PROTOTYPES, PARAMETERS = 100, 8
_WITHIN = 50  # calls within a call
HELD = "after the call a buffer is held"
_ADDRESS = re.compile(r"0x[0-9a-f]{3,}")


class Way:
    """A plugin that is called by one invoker, and what arguments may spoil."""

    def __init__(self, invoker: str, plugin: Path, declared: str) -> None:
        #: What happened in the call, apart from its result.
        self.events: list[str] = []
        #: Who served the calls.
        self.invokers: set[str] = set()
        #: What arguments may view and resize.
        self.buffer = bytearray(16)
        self._call: Callable[[], object] = int
        self._left = 0  # calls that may still be made within this one
        self._invoker, self._plugin, self._declared = invoker, plugin, declared
        self.plg = nativeplug.open(plugin, declared)

    def outcome(self, call: Call) -> list[object]:
        """Make a call, and return what it gives back or raises, and everything else it did."""
        if self.plg.closed:
            self.plg = nativeplug.open(self._plugin, self._declared)
        self.plg.seen = 0
        self.events.clear()
        self._left = _WITHIN
        os.environ["NATIVEPLUG_INVOKER"] = self._invoker  # read when a symbol is resolved
        function: Any = self.plg.lookup(call.prototype.name)
        self.invokers.add(function.invoker)
        known = {**hostile.NAMES, "way": self, "ffi": self.plg.ffi}
        self._call = partial(
            function,
            *(eval(text, known) for text in call.by_position),  # noqa: S307 - the texts are ours
            **{name: eval(text, known) for name, text in call.by_name.items()},  # noqa: S307
        )
        result: object
        try:
            result = comparable(self.plg.ffi, call.prototype.result, self._call())
        except BaseException as error:  # noqa: BLE001 - exceptions are what is tested
            result = self._described(error)
        self._call = int
        self.resize(HELD)
        return [result, None if self.plg.closed else self.plg.seen, *self.events]

    def _described(self, error: BaseException | None) -> str:
        chain = []
        while error is not None:
            chain.append(f"{type(error).__name__}: {error}".replace(str(self._plugin), "PLUGIN"))
            error = error.__cause__
        return _ADDRESS.sub("0x...", " because of ".join(chain))

    # What arguments do in the middle of a call. Each returns what is a number for all types.

    def close(self) -> int:
        """Close the plugin."""
        self.plg.close()
        return 1

    def resize(self, failure: str = "in the call a buffer is held") -> int:
        """Resize what another argument may view."""
        try:
            self.buffer.extend(bytes(1 << 16))
            del self.buffer[16:]
        except BufferError:
            self.events.append(failure)
        return 1

    def again(self) -> int:
        """Make the call again, in which this may happen again."""
        self._left -= 1
        if self._left > 0:
            self._call()
        return 1

    def in_thread(self) -> int:
        """Make the call again in another thread."""
        if self._left > 0:
            with background(self._again_quietly):
                pass
        return 1

    def _again_quietly(self) -> None:
        try:
            self.again()
        except BaseException as error:  # noqa: BLE001 - exceptions are what is tested
            self.events.append(self._described(error))


@dataclass(frozen=True)
class Call:
    """A call: a function, and expressions for its arguments."""

    prototype: Prototype
    by_position: Sequence[str]
    by_name: dict[str, str]

    def __str__(self) -> str:
        """Return the call as Python code, below the declaration."""
        named = [f"{name}={text}" for name, text in self.by_name.items()]
        return f"{self.prototype}\n{self.prototype.name}({', '.join([*self.by_position, *named])})"


def random_call(rng: random.Random, prototype: Prototype, further: Sequence[str]) -> Call:
    """Return a call with some arguments that are wrong; they may be *further* expressions."""
    share = rng.choice([0.05, 0.2, 0.6, 1])
    texts = [
        hostile.wrong(rng, ctype, further) if rng.random() < share else hostile.fitting(rng, ctype)
        for ctype in prototype.parameters
    ]
    kind = rng.randrange(16)
    if kind == 0:
        return Call(prototype, texts[: rng.randint(0, len(texts))], {})
    if kind == 1:
        return Call(prototype, [*texts, "1", "None"][: len(texts) + rng.randint(1, 2)], {})
    if kind == 2:
        first = rng.randint(0, len(texts))
        named = {f"a{index}": text for index, text in enumerate(texts[first:], first)}
        named.pop(rng.choice([*named, "a0"]), None)
        return Call(prototype, texts[: first + rng.randint(0, 1)], named)
    if kind == 3:
        return Call(prototype, texts[:-1], {rng.choice(["b", "a0", "self"]): "1"})
    return Call(prototype, texts, {})


def ways(functions: Sequence[Prototype], folder: Path) -> list[Way]:
    """Return a way of each invoker; each has a copy of the plugin."""
    source = folder / "plugin.c"
    source.write_text(prototypes.source(functions))
    plugin = building.build(source, flags=["-DPOINTERS_LEAD_NOWHERE", "-O1", "-g0"])
    declared = prototypes.declarations(functions)
    return [
        Way(invoker, Path(shutil.copy(plugin, folder / f"{invoker}.so")), declared)
        for invoker in ("core", "cffi")
    ]


def _can_be_declared(function: Prototype) -> bool:
    """Tell whether what gives an array its length is an integer parameter before it."""
    first, *others = [*function.parameters, VOID]
    is_counted = any(ctype.length == "a0" for ctype in others)
    return first.length != "a0" and (first.group is Group.INTEGER or not is_counted)


def run(seed: int, count: int, note: Note) -> str | None:
    """Make so many calls in each way; return the first of which the outcome differs."""
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable
    functions = [
        replace(function, returned=None)
        for function in prototypes.prototypes(rng, PROTOTYPES, PARAMETERS, [*hostile.FURTHER])
        if _can_be_declared(function)
    ]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Of methods that return a subclass; whether they come once or twice is Python's.
        warnings.simplefilter("ignore", DeprecationWarning)
        both = ways(functions, Path(folder))
        for index in range(count):
            further = hostile.CALLBACKS if index > count / 2 else []
            call = random_call(rng, rng.choice(functions), further)
            note(str(call))
            wanted, got = (way.outcome(call) for way in both)
            if wanted != got or HELD in wanted:
                return f"{call}\ncore: {wanted}\ncffi: {got}"
        assert [{"core", "cffi"}, {"cffi"}] == [way.invokers for way in both]
    return None


if __name__ == "__main__":
    raise SystemExit(main(run))
