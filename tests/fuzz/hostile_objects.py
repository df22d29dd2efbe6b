"""Objects that nobody should pass."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any


class IntSub(int):
    """A subclass."""


class FloatSub(float):
    """A subclass."""


class StrSub(str):
    """A subclass that does not tell the truth."""

    __slots__ = ()

    def __contains__(self, _other: object) -> bool:
        """Lie."""
        return False

    def encode(self, *_args: object) -> bytes:
        """Lie."""
        return b"lie\0"


class BytesSub(bytes):
    """A subclass that does not tell the truth."""

    def __len__(self) -> int:
        """Lie."""
        return 1


class Liar(int):
    """An int that is less and more than anything."""

    def __lt__(self, _other: object) -> bool:
        """Lie."""
        return True

    __le__ = __gt__ = __ge__ = __eq__ = __lt__
    __hash__ = None  # type: ignore[assignment]

    def __index__(self) -> int:
        """Lie."""
        return 0


class Index:
    """Has ``__index__``, which does something."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __index__(self) -> int:
        """Do it."""
        return self.action()  # type: ignore[no-any-return]


class Float:
    """Has ``__float__``, which does something."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action

    def __float__(self) -> float:
        """Do it."""
        return self.action()  # type: ignore[no-any-return]


class Both(Index, Float):
    """Has both."""


class Int:
    """Has ``__int__`` and ``__trunc__``, which count for nothing."""

    def __int__(self) -> int:
        """Return a number."""
        return 1

    __trunc__ = __int__


class NoIndex(Index):
    """Refuses to be an integer, as Python has it: by None."""

    __index__ = None  # type: ignore[assignment]


class LateIndex:
    """Has ``__index__`` where Python does not look: in the instance."""

    def __init__(self) -> None:
        self.__index__ = lambda: 1


class Touchy:
    """Fails whatever is asked of it."""

    def _fail(self, *_args: object) -> Any:
        raise ZeroDivisionError("touchy")

    __bool__ = __len__ = __iter__ = __eq__ = __hash__ = __repr__ = __str__ = _fail
    __bytes__ = __int__ = __getattr__ = __call__ = __contains__ = __getitem__ = _fail


class Pretends:
    """Claims to be of another class."""

    def __init__(self, claimed: type) -> None:
        self._claimed = claimed

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Lie."""
        return self._claimed


class OwnTypeError(TypeError):
    """An error with arguments of its own."""

    def __init__(self, _code: int, _reason: str) -> None:
        super().__init__("own")


class Struct(ctypes.Structure):
    """Two doubles."""

    _fields_ = (("x", ctypes.c_double), ("y", ctypes.c_double))


class Union(ctypes.Union):
    """A number."""

    _fields_ = (("i", ctypes.c_int), ("d", ctypes.c_double))


def fail(error: BaseException) -> Any:
    """Raise *error*."""
    try:
        raise error
    finally:
        del error  # its traceback holds this frame, and those below it, with all arguments


def released() -> memoryview:
    """Return a view that sees nothing any more."""
    view = memoryview(bytes(8))
    view.release()
    return view
