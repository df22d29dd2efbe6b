"""Function: a symbol with a signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Literal, final

from nativeplug._core import FunctionBase
from nativeplug.call import buffers
from nativeplug.call.arguments import by_position
from nativeplug.call.callback import Call
from nativeplug.call.context import CallContext
from nativeplug.call.convert import reworded, to_c
from nativeplug.call.core_invoker import word_of
from nativeplug.call.plan import CallPlan, Signature
from nativeplug.call.results import raised
from nativeplug.call.text import not_text
from nativeplug.declare import FunctionDeclaration, from_line
from nativeplug.errors import PluginRaised

#: More than any machine can run at once.
MAX_THREADS = 4096


class _Doc:
    """The docstring of the class, and of each function one of its own."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __get__(self, function: Function | None, _owner: object) -> str:
        """Return the prototype and its place."""
        return self._text if function is None else function.describe()


@final
class Function(FunctionBase):
    """
    A function that a plugin exports; call it as any Python function.

    ``plg.function("add")`` gives it. ``plg.add`` is a built-in function bound to it
    (``plg.add.__self__``), because CPython calls those faster than any other. Calling either
    converts the arguments, calls the native function and converts the result. Safe to
    call from several threads, as far as the plugin's function is. The GIL is released
    around every call, unless the plugin was opened with the function in ``hold_gil``.

    Calls raise:
        TypeError: The number or the type of the arguments is wrong.
        OverflowError: An integer does not fit its parameter's type.
        ValueError: A text has a NUL character, or a buffer is too small.
        UnicodeDecodeError: The result is no text in UTF-8.
        ClosedError: The plugin was closed.
        ForkError: It is a Go plugin of the parent process.
        PluginRaised: The plugin tells of an error, by its ``nativeplug_take_error``.
        BaseException: What a callback raised in this call.
    """

    __slots__ = ("_call_plan", "checked")

    #: Who tells that it is declared rightly: ``"plugin"``, its debug information (``"dwarf"``),
    #: or nobody (None). After an update it is about the new generation.
    checked: Literal["plugin", "dwarf"] | None
    _owner: CallContext
    _call_plan: CallPlan

    @property
    def signature(self) -> Signature:
        """What it takes and gives back; ``str()`` of it is C."""
        return self.call_plan.signature

    @property
    def declaration(self) -> FunctionDeclaration:
        """What is declared; read anew from the line that is kept of it."""
        return FunctionDeclaration._make(from_line(self._declaration)[1:])

    @property
    def call_plan(self) -> CallPlan:
        """The signature compiled for calling, for all that the core leaves to Python."""
        try:
            return self._call_plan
        except AttributeError:
            self._call_plan = plan = self._owner.call_plan(self.declaration)
            return plan

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature as Python sees it; the annotations are C types."""
        return self.signature.to_python()

    def map(
        self,
        /,
        *columns: Any,
        out: Any = None,
        threads: int = 1,
        progress: Callable[[int, int], object] | None = None,
        **named: Any,
    ) -> Any:
        """
        Call the function once for each element of columns; the loop runs in C.

        The GIL is released for a few hundredths of a second at a time, unless the function
        holds it, so other threads and Ctrl-C get through.

        Args:
            columns: The arguments: buffers of one dimension (``array.array``, NumPy arrays,
                memoryviews, with or without gaps) and scalars. Their elements are of the
                declared type or safely widened to it, as ``numpy.can_cast`` has it. Scalars,
                and buffers of one element, count for all elements.
            out: A writable buffer for the results. It may be one of *columns*.
            threads: How many threads share the work, in equal parts.
            progress: Called with the number of calls made and of all, now and then.
            named: Arguments by name, except those called as one of the above.

        Returns:
            *out* if it was given, None for a function without a result, else the results: an
            ``ndarray`` when a column is one, else an ``array.array`` (truth values and
            ``char`` as bytes, "B").

        Raises:
            TypeError: A column's elements, *out*, or the function's signature is not right.
            ValueError: Lengths differ; *threads* is no number of threads.
            OverflowError: A scalar does not fit its parameter's type.
            ClosedError: The plugin was closed.
            PluginRaised: The plugin tells of an error; that call was the last, of this thread.
            BaseException: What *progress*, or a callback raised; calls stop soon after.

        Example:
            >>> from array import array
            >>> scalars = nativeplug.open("scalars.so")
            >>> scalars.function("id_double").map(array("d", [1, 2.5]))
            array('d', [1.0, 2.5])
        """
        from nativeplug.call import vectorize as loop
        from nativeplug.call import vectorize as room  # most programs never map

        self._check_open()
        if named:
            columns = by_position(self.signature, columns, named)
        if type(threads) is not int or not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"threads must be from 1 to {MAX_THREADS}, not {threads!r}")
        with ExitStack() as held:
            job = room.read(self, columns, out, held)
            loop.run(job, threads, progress)
        return job.result

    @property
    def scope(self) -> CallContext:
        """What it shares with the plugin's other functions."""
        return self._owner

    def describe(self) -> str:
        """Return the prototype, and where it comes from."""
        found, path = self.declaration, self._owner.path
        text = f"{found.text}\n\nDeclared at {found.place}, exported by {path}."
        return text.encode(errors="backslashreplace").decode()  # of names that are no UTF-8

    def builtin(self) -> Any:
        """Return a new built-in function that calls this function."""
        # Not self.signature, which is kept with all that calls by cffi need.
        annotated = Signature.of(self.declaration).to_python().parameters.values()
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in annotated]
        shown = inspect.Signature(bare)
        return self._builtin(f"{self.name}{shown}\n--\n\n{self.describe()}")

    def __repr__(self) -> str:
        """Show the prototype."""
        return f"<nativeplug.Function {self.declaration.text!r}>"

    def __copy__(self) -> Function:
        """Return the function itself, as for any Python function: a copy would not be closed."""
        return self

    def __deepcopy__(self, _memo: object) -> Function:
        """Return the function itself."""
        return self

    def __reduce__(self) -> str:
        """Refuse to be pickled: it lies at an address of this process."""
        raise TypeError(f"cannot pickle {self!r}: look it up in the other process")

    # What the core calls when a call is out of the ordinary.

    def _by_position(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return all arguments in their places."""
        return by_position(self.signature, args, kwargs)

    def _complete(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return as many arguments as there are parameters, or raise."""
        return buffers.complete(self._owner.ffi, self.call_plan, args)

    def _convert(self, index: int, given: object) -> tuple[int, int, object]:
        """Return an argument's word, its number of items or -1, and what keeps it alive."""
        ffi, value = self._owner.ffi, self.call_plan.parameters[index]
        counted = any(length.array == index for length in self.call_plan.lengths)
        if counted:
            given = buffers.pinned(ffi, given)
        converted = to_c(ffi, value)(given, Call())
        limit = buffers.limit_of(ffi, value, given) if counted else None
        return word_of(ffi, value, converted), -1 if limit is None else limit, converted

    def _reworded(self, index: int, error: Exception) -> Exception:
        """Return an error that an argument's own method raised, in our words."""
        return reworded(self.call_plan.parameters[index], error)

    def _too_short(self, index: int, given: Any, wanted: int) -> ValueError:
        """Return the error for an array with fewer items than the call says."""
        value = self.call_plan.parameters[index]
        return buffers.too_short(self._owner.ffi, value, given, wanted)

    def _raised(self, text: str) -> PluginRaised:
        """Return the error of which the plugin tells after a call."""
        return raised(self._owner.path, self.name, text)

    def _not_text(self, error: UnicodeDecodeError) -> UnicodeDecodeError:
        """Return the error for a result that is not UTF-8."""
        return not_text(self.call_plan.result.label, error)


Function.__doc__ = _Doc(Function.__doc__ or "")  # type: ignore[assignment]
