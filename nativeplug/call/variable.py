"""Variable: a symbol with a type."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Any, Literal

import _cffi_backend

from nativeplug._core import Uses
from nativeplug._util import forksafe
from nativeplug.call import context
from nativeplug.call.aggregates import new_value
from nativeplug.call.callback import Call, Callback
from nativeplug.call.context import CallContext
from nativeplug.call.convert import from_c, to_c
from nativeplug.call.plan import Kind, PlanValue, is_sized, kind_of
from nativeplug.call.text import decode, encode
from nativeplug.declare import VariableDeclaration

#: Values that point to nothing: what they were made of need not be kept.
_PLAIN = {Kind.BOOL, Kind.CHAR, Kind.INTEGER, Kind.FLOAT, Kind.LONG_DOUBLE}

# Held for steps that neither wait nor run anybody else's code, so one will do for all.
_lock = forksafe.lock()


class Memory:
    """Where a variable lies in one generation. As long as it lives, somebody may use that."""

    __slots__ = ("__weakref__", "kept", "pointer", "readonly", "uses")

    def __init__(self, pointer: Any, kept: dict[Any, Any], uses: Uses, *, readonly: bool) -> None:
        #: A cffi pointer to the variable.
        self.pointer = pointer
        #: What the generation's variables point to, for as long as it is loaded.
        self.kept = kept
        #: Who uses the generation.
        self.uses = uses
        #: Whoever writes there ends the process, whatever is declared.
        self.readonly = readonly


class Variable:
    """
    A variable that a plugin exports; its value lives in the plugin's memory.

    Numbers, ``char *`` and arrays of ``char`` are read as Python values. Other arrays, structs
    and unions are read as cffi ``cdata`` that show the variable itself (a copy, when it is
    const), and written as a whole from lists, dicts or ``cdata``. What has no declared size is
    read as a pointer to it. Safe to use from several threads, as far as the plugin is: reading
    and writing are as atomic as C makes them. After an update it is the new generation's.
    """

    def __init__(self, scope: CallContext, declaration: VariableDeclaration) -> None:
        """Make one that lies nowhere, until its `cell` is filled with a `Memory`."""
        ffi = scope.ffi
        ctype = ffi.typeof(declaration.type)
        self._ffi = ffi
        self._scope = scope  # which lives as long as this
        self._value = PlanValue(ctype, kind_of(ctype), f"variable {declaration.name!r}")
        self._pointer_type = _cffi_backend.new_pointer_type(ctype)
        self._is_text_array = ctype.kind == "array" and ctype.item.cname == "char"
        self._is_sized = is_sized(ctype)
        self._read_c = from_c(ffi, self._value)
        self._to_c = to_c(ffi, self._value)
        self._readonly = declaration.readonly
        self._error: Callable[[], Exception] | None = None
        #: The variable's `Memory`, which an update replaces; None once the plugin is closed.
        self.cell = CellType(None)
        #: The variable's type, as cffi has it.
        self.ctype = ctype
        #: The variable's name.
        self.name = declaration.name
        #: Its type in C.
        self.type = declaration.type
        #: Who tells that it is declared rightly: ``"plugin"``, its debug information
        #: (``"dwarf"``), or nobody (None). After an update it is about the new generation.
        self.checked: Literal["plugin", "dwarf"] | None = None
        self._text = declaration.text
        self.__doc__ = f"{declaration.text}\n\nDeclared at {declaration.place}."

    def __repr__(self) -> str:
        """Show the declaration."""
        return f"<nativeplug.Variable {self._text!r}>"

    def __reduce__(self) -> str:
        """Refuse to be copied or pickled: it lies at an address of this process."""
        raise TypeError(f"cannot pickle {self!r}: look it up in the other process")

    def memory_at(
        self, address: int, kept: dict[Any, Any], uses: Uses, *, readonly: bool
    ) -> Memory:
        """Return the variable's memory in a generation."""
        pointer = self._ffi.cast(self._pointer_type, address)
        return Memory(pointer, kept, uses, readonly=readonly)

    @property
    def address(self) -> int:
        """
        Where it lies in memory now; reading it counts as holding it for ever.

        Raises:
            ClosedError: The plugin was closed.
        """
        memory = self._memory()
        context.note(self._ffi, memory.uses, memory.pointer)
        return int(self._ffi.cast("uintptr_t", memory.pointer))

    @property
    def value(self) -> Any:
        """
        The value now.

        Text that is assigned to a ``char *`` is copied, and stays allocated as long as the
        program runs: C may have kept the pointer. Anything else that is assigned to a pointer
        is kept alive until something else is.

        Raises:
            UnicodeDecodeError: On reading: a text is not UTF-8.
            TypeError: On writing: the type is wrong.
            OverflowError: On writing: an integer does not fit.
            ValueError: On writing: a text does not fit its array, or has a NUL character.
            AttributeError: On writing: the variable is const, or lies in read-only memory.
            ClosedError: The plugin was closed.
            ForkError: It is a Go plugin of the parent process.
        """
        memory = self._memory()
        if self._is_text_array:
            return self._array_text(memory)
        value = self._read(memory)
        if self._value.kind not in _PLAIN:
            context.note(self._ffi, memory.uses, value)
        return value

    @value.setter
    def value(self, given: Any) -> None:
        memory = self._writable()
        if not self._is_sized:
            raise TypeError(f"{self._value.label} cannot be written: its size is not declared")
        if self._is_text_array:
            self._write_text(memory, given)
        elif self._value.kind in _PLAIN:
            converted = self._to_c(given, Call())  # it may run Python code: update, or close
            self._writable().pointer[0] = converted
        else:
            self._write(given)

    def _read(self, memory: Memory) -> Any:
        if not self._is_sized:
            return self._start(memory)
        if (self._readonly or memory.readonly) and self._value.kind is Kind.OTHER:
            # Whoever wrote into the variable itself would crash.
            return new_value(self._value, memory.pointer[0])
        value = memory.pointer[0]
        return value if self._read_c is None else self._read_c(value)

    def _memory(self) -> Memory:
        memory: Memory | None = self.cell.cell_contents
        if memory is None:
            assert self._error is not None  # noqa: S101 - `disable` has set it before
            raise self._error()
        return memory

    def _writable(self) -> Memory:
        memory = self._memory()
        if self._readonly:
            raise AttributeError(f"{self._value.label} is const: {self._text}")
        if memory.readonly:
            raise AttributeError(
                f"{self._value.label} lies in read-only memory, and is declared without const: "
                f"{self._text}"
            )
        return memory

    @property
    def is_plain(self) -> bool:
        """Whether its values are Python's own, and show nothing of the plugin's memory."""
        return self._is_text_array or self._value.kind in {*_PLAIN, Kind.TEXT}

    def disable(self, error: Callable[[], Exception]) -> None:
        """Make every further use raise what *error* makes."""
        self._error = error
        self.cell.cell_contents = None

    def _start(self, memory: Memory) -> Any:
        """Return a pointer to what has no declared size; of an array, to its first item."""
        ctype = self._value.ctype
        if ctype.kind != "array":
            return memory.pointer
        return self._ffi.cast(_cffi_backend.new_pointer_type(ctype.item), memory.pointer)

    def _array_text(self, memory: Memory) -> str:
        start, length = self._ffi.cast("char *", memory.pointer), self._value.ctype.length
        data = self._ffi.string(start) if length is None else self._ffi.string(start, length)
        return decode(data, self._value.label)

    def _write_text(self, memory: Memory, given: object) -> None:
        """Write text and its NUL into an array of ``char``, and NULs up to its end."""
        label, length = self._value.label, self._value.ctype.length
        data = encode(given, label) if isinstance(given, str) else given
        if not isinstance(data, (bytes, bytearray)):
            raise self._value.wrong_type("str or bytes", given)
        if len(data) >= length:
            raise ValueError(f"{label} has room for {length - 1} bytes and a NUL, not {len(data)}")
        self._ffi.buffer(memory.pointer)[:] = data.ljust(length, b"\0")

    def _write(self, given: Any) -> None:
        """Write a pointer, struct, union or array, and keep alive what it points to."""
        if self._value.kind is Kind.CALLBACK and callable(given) and not self._is_pointer(given):
            raise TypeError(
                f"{self._value.label} must be a callback, cdata or None: "
                f"make one with plg.callback({self.type!r}, {given!r})"
            )
        call = Call()
        if self._value.kind is Kind.TEXT and isinstance(given, (str, bytes)):
            text = given if isinstance(given, bytes) else encode(given, self._value.label)
            converted = text
        else:
            converted = self._to_c(given, call)
        memory = self._writable()  # not before: converting may run Python code
        if isinstance(converted, bytes):
            converted = self._copy(memory, converted)
        entry = given, converted, call
        with _lock:  # or another thread's pointer would be written, and this one's kept
            memory.pointer[0] = converted
            before = memory.kept.get(self.name)
            memory.kept[self.name] = entry
        del before  # not under the lock: its end may run anybody's code

    def _is_pointer(self, given: object) -> bool:
        return isinstance(given, (self._ffi.CData, Callback))

    def _copy(self, memory: Memory, text: bytes) -> Any:
        """Return a copy of text that is never freed; the same for the same text."""
        with _lock:
            copies = memory.kept.setdefault((self.name, text), [])
            for copy in copies:
                if self._ffi.buffer(copy)[:-1] == text:  # C has not written into it
                    return copy
            copies.append(self._ffi.new("char[]", text))
            return copies[-1]
