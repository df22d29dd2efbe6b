"""Function: a symbol with a signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from nativeplug.call.arguments import by_position
from nativeplug.call.cffi_invoker import Invoke
from nativeplug.call.signature import Signature


class Function:
    """
    A function that a plugin exports; call it as any Python function.

    Safe to call from several threads, as far as the plugin's function is. The GIL is
    released around every call.
    """

    def __init__(self, signature: Signature, address: int, invoke: Invoke, origin: str) -> None:
        self._invoke = invoke
        #: The function's name.
        self.name = self.__name__ = self.__qualname__ = signature.name
        #: What it takes and gives back; ``str()`` of it is C.
        self.signature = signature
        #: Where it lies in memory.
        self.address = address
        self.__doc__ = f"{signature}\n\n{origin}"
        self.__signature__ = signature.to_python()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """
        Call the function.

        Returns:
            The result, converted as its C type asks (see the documentation's table).

        Raises:
            TypeError: The number or the type of the arguments is wrong.
            OverflowError: An integer does not fit its parameter's type.
            ValueError: A text has a NUL character, or a buffer is too small.
            UnicodeDecodeError: The result is no text in UTF-8.
            ClosedError: The plugin was closed.
            ForkError: It is a Go plugin of the parent process.
            BaseException: What a callback raised in this call.
        """
        if kwargs:
            args = by_position(self.signature, args, kwargs)
        return self._invoke(*args)

    def __repr__(self) -> str:
        """Show the prototype."""
        return f"<nativeplug.Function {str(self.signature)!r}>"

    def __copy__(self) -> Function:
        """Return the function itself, as for any Python function: a copy would not be closed."""
        return self

    def __deepcopy__(self, _memo: object) -> Function:
        """Return the function itself."""
        return self

    def __reduce__(self) -> str:
        """Refuse to be pickled: it lies at an address of this process."""
        raise TypeError(f"cannot pickle {self!r}: look it up in the other process")

    def disable(self, error: Callable[[], Exception]) -> None:
        """Make every further call raise what *error* makes; calls under way go on."""

        def refuse(*_args: Any) -> NoReturn:
            raise error()

        self._invoke = refuse
