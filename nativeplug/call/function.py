"""Function: a symbol with a signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Call the function.

        Returns:
            The result, converted as its C type asks (see the documentation's table).

        Raises:
            TypeError: The number or the type of the arguments is wrong.
            OverflowError: An integer does not fit its parameter's type.
            ValueError: A text has a NUL character, or a buffer is too small.
            ClosedError: The plugin was closed.
        """
        if kwargs:
            args = self._by_position(args, kwargs)
        return self._invoke(*args)

    def _by_position(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        try:
            return self.__signature__.bind(*args, **kwargs).args
        except TypeError as error:
            raise TypeError(f"{self.name}() {error}") from None

    def __repr__(self) -> str:
        """Show the prototype."""
        return f"<nativeplug.Function {str(self.signature)!r}>"

    def retire(self, error: Callable[[], Exception]) -> None:
        """Make every further call raise what *error* makes."""

        def refuse(*_args: Any) -> NoReturn:
            raise error()

        self._invoke = refuse
