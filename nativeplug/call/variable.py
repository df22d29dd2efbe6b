"""Variable: a symbol with a type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _cffi_backend

from nativeplug.call.callback import Callback
from nativeplug.call.convert import decode, from_c, to_c
from nativeplug.call.plan import Kind, Value, kind_of
from nativeplug.declare import VariableDeclaration


class Variable:
    """
    A variable that a plugin exports; its value lives in the plugin's memory.

    Numbers, ``char *`` and arrays of ``char`` are read as Python values. Other arrays, structs
    and unions are read as cffi ``cdata`` that show the variable itself, and written as a whole
    from lists, dicts or ``cdata``. Reading and writing are as atomic as C makes them.
    """

    def __init__(
        self, ffi: Any, declaration: VariableDeclaration, address: int, kept: dict[object, object]
    ) -> None:
        """*kept* keeps alive what the variable's values point to, as long as the plugin."""
        ctype = ffi.typeof(declaration.type)
        label = f"variable {declaration.name!r}"
        self._ffi = ffi
        self._value = Value(ctype, kind_of(ctype), label)
        self._pointer = ffi.cast(_cffi_backend.new_pointer_type(ctype), address)
        self._read_c = from_c(ffi, self._value)
        self._to_c = to_c(ffi, self._value)
        self._kept = kept
        self._readonly = declaration.readonly
        self._error: Callable[[], Exception] | None = None
        #: The variable's name.
        self.name = declaration.name
        #: Its type in C.
        self.type = declaration.type
        #: Where it lies in memory.
        self.address = address
        self.__doc__ = f"{declaration.text}\n\nDeclared at {declaration.place}."

    def __repr__(self) -> str:
        """Show the declaration."""
        return f"<nativeplug.Variable {(self.__doc__ or '').partition(chr(10))[0]!r}>"

    @property
    def value(self) -> Any:
        """
        The value now.

        Text that is assigned to a ``char *`` is copied, and stays allocated as long as the
        program runs: C may have kept the pointer.

        Raises:
            TypeError: On writing: the type is wrong.
            OverflowError: On writing: an integer does not fit.
            ValueError: On writing: a text does not fit its array, or has a NUL character.
            AttributeError: On writing: the variable is const.
            ClosedError: The plugin was closed.
        """
        self._check_open()
        if self._is_text_array:
            return self._array_text()
        if self._value.ctype.kind == "array" and self._value.ctype.length is None:
            item = _cffi_backend.new_pointer_type(self._value.ctype.item)
            return self._ffi.cast(item, self._pointer)
        value = self._pointer[0]
        return value if self._read_c is None else self._read_c(value)

    @value.setter
    def value(self, given: Any) -> None:
        self._check_open()
        if self._readonly:
            raise AttributeError(f"{self._value.label} is const: {self.type}")
        if self._is_text_array:
            self._write_text(given)
        elif self._value.kind is Kind.OTHER:
            self._write_whole(given)
        else:
            self._pointer[0] = self._converted(given)

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error()

    def retire(self, error: Callable[[], Exception]) -> None:
        """Make every further use raise what *error* makes."""
        self._error = error

    @property
    def _is_text_array(self) -> bool:
        return self._value.ctype.kind == "array" and self._value.ctype.item.cname == "char"

    def _array_text(self) -> str:
        length = self._value.ctype.length
        start = self._ffi.cast("char *", self._pointer)
        data = self._ffi.string(start) if length is None else self._ffi.string(start, length)
        return decode(data, self._value.label)

    def _write_text(self, given: object) -> None:
        """Write text and its NUL into an array of ``char``, and NULs up to its end."""
        data = given.encode() if isinstance(given, str) else given
        if not isinstance(data, bytes):
            raise TypeError(
                f"{self._value.label} must be str or bytes, not {type(given).__name__}"
            )
        length = self._value.ctype.length
        if length is None:
            raise TypeError(f"{self._value.label} cannot be written: its length is not declared")
        if isinstance(given, str) and "\0" in given:
            raise ValueError(f"{self._value.label}: embedded null character")
        if len(data) >= length:
            raise ValueError(
                f"{self._value.label} has room for {length - 1} bytes and a NUL, not {len(data)}"
            )
        self._ffi.buffer(self._pointer)[:] = data.ljust(length, b"\0")

    def _write_whole(self, given: Any) -> None:
        """Write a struct, union or array at once: a value that does not fit changes nothing."""
        ctype = self._value.ctype
        if ctype.kind == "array":
            given = self._items(given)
        try:
            new = _cffi_backend.newp(_cffi_backend.new_pointer_type(ctype), given)
        except (TypeError, ValueError, OverflowError) as error:
            raise type(error)(f"{self._value.label}: {error}") from None
        self._ffi.memmove(self._pointer, new, self._ffi.sizeof(ctype))

    def _items(self, given: Any) -> list[Any]:
        """Return the items to write into an array: as many as it has."""
        length, label = self._value.ctype.length, self._value.label
        if length is None:
            raise TypeError(f"{label} cannot be written: its length is not declared")
        try:
            items = list(given)
        except TypeError:
            raise TypeError(
                f"{label} must be {length} items, not {type(given).__name__}"
            ) from None
        if len(items) != length:
            raise ValueError(f"{label} has {length} items, not {len(items)}")
        return items

    def _converted(self, given: Any) -> Any:
        """Convert a value, and keep alive what a pointer among them points to."""
        if self._value.kind is Kind.CALLBACK and callable(given) and not self._is_pointer(given):
            raise TypeError(
                f"{self._value.label} must be a callback, cdata or None: "
                f"make one with plg.callback({self.type!r}, {given!r})"
            )
        converted = self._to_c(given, [])
        if isinstance(converted, bytes) and self._value.kind is Kind.TEXT:
            return self._kept.setdefault(converted, self._ffi.new("char[]", converted))
        if isinstance(converted, self._ffi.CData):
            self._kept[self.name] = given, converted
        return converted

    def _is_pointer(self, given: object) -> bool:
        return isinstance(given, (self._ffi.CData, Callback))

