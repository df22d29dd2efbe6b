# ruff: noqa: PYI021 - the docstrings of C are short: this file is the contract
"""
The hot path: call plans, what executes them, and what reads a plugin's attributes.

All state is the module's, one for each interpreter. Everything here is safe to use from
several threads.
"""

from collections.abc import Callable, Mapping
from types import CellType
from typing import Any, TypeAlias, final

from typing_extensions import Self, disjoint_base

#: How many integers, pointers and the like, and how many floating-point numbers a call can
#: have: as many as the ABI has registers for.
MAX_INTEGERS: int
MAX_FLOATS: int

#: Whether calls work by registers on this machine; else no plan may be executed.
SERVED: int

#: What may be asked of a function, as flags.
HOLD_GIL: int
SAVE_ERRNO: int
COUNT_HELD: int

#: Every arithmetic C type by cffi's name for it: the name of its `Kind`, its size in bytes,
#: whether it is a signed integer, and its code in buffers (PEP 3118; "" for none).
TYPES: Mapping[str, tuple[str, int, bool, str]]

#: A parameter or result: the name of its `Kind`, its size in bytes, whether it is a signed
#: integer. Of pointers: whether the target is const; what a buffer's elements must be ("s"
#: signed, "u" unsigned, "f" floating point, "b" anything, " " what only Python can tell) and
#: their size; cffi's type (else None); the index of the parameter that counts the items, or
#: -1; how many items there must be at least.
_Description: TypeAlias = tuple[str, int, bool, bool, str, int, Any, int, int]

@final
class Plan:
    """A signature compiled for calling by the core invoker. Immutable."""

    def __new__(cls, result: _Description, parameters: tuple[_Description, ...], /) -> Self:
        """
        Compile a signature.

        Raises:
            ValueError: It has more parameters than registers, or a kind that is not served.
        """

@disjoint_base
class FunctionBase:
    """
    What a `Function` is made of that a call needs.

    Calling it, or the built-in function of it, executes the plan. What is out of the
    ordinary it asks of the methods of the class that derives from it: ``_by_position``,
    ``_complete``, ``_convert``, ``_not_text``, ``_raised``, ``_reworded``, ``_too_short``.
    """

    #: The function's name.
    name: str
    __name__: str
    __qualname__: str
    #: Whether it is called with the GIL held.
    hold_gil: bool
    #: Whether errno is kept after each call.
    save_errno: bool
    _declaration: Any
    _owner: Any

    def __new__(
        cls,
        name: str,
        address: int,
        plan: Plan | None,
        invoke: Callable[..., Any] | None,
        declaration: object,
        owner: object,
        flags: int,
        release: int,
        uses: Uses,
        /,
    ) -> Self:
        """
        Make a function.

        Args:
            name: Its name.
            address: Where it lies in memory. The code must stay there while *uses* has calls.
            plan: Its call plan; None for a function that *invoke* calls.
            invoke: What is called in place of a plan, with the arguments.
            declaration: Kept as ``_declaration``.
            owner: Kept as ``_owner``.
            flags: ``HOLD_GIL``: hold the GIL during calls. ``SAVE_ERRNO``: set errno to 0
                before each call, and keep it afterwards. ``COUNT_HELD``: count calls in
                *uses* also when they hold the GIL, which takes some time.
            release: The address of a ``void (*)(void *)`` that releases a text that was
                returned; 0 when the caller does not own it.
            uses: Who uses the generation that *address* lies in.
        """

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""

    @property
    def address(self) -> int:
        """Where it lies in memory now; reading it counts as holding it for ever."""

    @property
    def invoker(self) -> str:
        """Who executes its calls: ``"core"`` or ``"cffi"``."""

    def disable(self, error: Callable[[], Exception], /) -> None:
        """Make every further call raise what *error* makes; calls under way go on."""

    def _begin(self) -> tuple[int, Uses]:
        """Begin a call: return its target, and the `Uses` whose ``end`` is to end it."""

    def _builtin(self, doc: str, /) -> Any:
        """Return a new built-in function that calls this one; *doc* as PyMethodDef has it."""

    def _invoke(self, /, *args: Any) -> Any:
        """Call by the plan, with all arguments by position, unwatched."""

    def _check_open(self) -> None:
        """Raise the error of a function that was disabled."""

    def _word(self, index: int, given: object, /) -> int:
        """Return the word that an argument is in a register; of numbers only."""

    def _run(
        self,
        target: int,
        uses: Uses,
        columns: tuple[int | tuple[memoryview, str], ...],
        out: memoryview | None,
        start: int,
        count: int,
        /,
    ) -> None:
        """
        Call once for each of *count* elements from *start* on, without the GIL.

        Args:
            target: What is called, of ``_begin``.
            uses: Of the generation that it lies in, of ``_begin``.
            columns: For each parameter a word, or a buffer of one dimension and what its
                elements are: "s" signed, "u" unsigned, "f" floating point, "o" truth values.
                A buffer of one element counts for all. Not checked: that it is long enough.
            out: Where the results go; None to drop them. Not checked: length and type.
            start: The first element.
            count: How many.
        """

@final
class Uses:
    """
    Who may be inside a generation, or hold an address of it.

    A ``with`` statement counts as a call.
    """

    def __new__(cls, start: int, end: int, take_error: int = 0, /) -> Self:
        """
        Make the uses, none yet, of a generation.

        Args:
            start: The address of its first byte.
            end: That after its last.
            take_error: The address of its ``nativeplug_take_error``; 0 where it has none.
        """

    @property
    def calls(self) -> int:
        """How many calls are under way."""

    @property
    def is_exported(self) -> bool:
        """Whether an address of the generation was given out."""

    @property
    def tells_errors(self) -> bool:
        """Whether the generation has to be asked for an error after each call."""

    def call(self, target: Any, args: tuple[Any, ...], /) -> tuple[Any, str | None]:
        """Call what cffi has made of a function; return its result, and the error that it tells."""

    def end(self) -> None:
        """Count a call that has ended, which `FunctionBase._begin` has begun."""

    def __enter__(self) -> None:
        """Count a call that begins."""

    def __exit__(self, *error: object) -> None:
        """Count a call that has ended."""

    def export(self, address: int, /) -> None:
        """Note that an address was given out, if it is one of the generation."""

@disjoint_base
class PluginBase:
    """
    What reads a plugin's attributes: a dictionary of its own, then the class, then ``_missing``.

    ``lookup`` is in that dictionary: it reads *resolved*, then calls ``resolve`` of *symbols*
    (or ``lookup``, with what is no name). ``__dict__`` is what ``_contents()`` returns.
    """

    _symbols: Any

    def __new__(cls, symbols: object, resolved: dict[str, Any], /) -> Self:
        """Make a plugin whose *symbols* keeps in *resolved* what it has resolved."""

    def __getattribute__(self, name: str, /) -> Any:
        """Read an attribute; ``_missing(name)`` gives those that are not there yet."""

    def _remember(self, name: str, value: object, /) -> Any:
        """Make *value* an attribute, unless there is one of that name; return what is there."""

    def _replace(self, name: str, value: object, /) -> None:
        """Make *value* an attribute, in place of what is there."""

    def _forget(self) -> None:
        """Remove all attributes, and all that was resolved."""

    def _forget_one(self, name: str, /) -> None:
        """Remove an attribute, if there is one of that name."""

def switch(
    functions: tuple[
        tuple[FunctionBase, int, Callable[..., Any] | None, int, Uses],
        ...,
    ],
    cells: tuple[tuple[CellType, object], ...],
    /,
) -> None:
    """
    Move functions and variables to another generation, in one step.

    No call sees some of them moved and others not.

    Args:
        functions: Each with its new address, ``invoke``, ``release`` and ``uses``.
        cells: Each with its new contents.
    """

def overlap(column: memoryview, out: memoryview, /) -> bool:
    """
    Tell whether writing *out* could change what is still to be read of *column*.

    Both have one dimension. A column that lies exactly where the output lies is no trouble:
    each element is read before it is written.
    """

def watch(watcher: Callable[..., Any], /) -> None:
    """
    Let *watcher* make every call from now on, in this interpreter.

    It gets the function and the arguments, and calls ``_invoke``. The first one stays.
    """

def get_errno() -> int:
    """
    Return C's ``errno`` as the last call that kept it left it, in this thread.

    Functions keep it that were named in ``nativeplug.open(..., save_errno=...)``: it is set to
    0 before their call and kept right after it, before anything else can change it.
    """

def set_errno(number: int, /) -> None:
    """Set what `get_errno` returns in this thread."""
