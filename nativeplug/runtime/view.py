"""What plugins and pins have in common: symbols as attributes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nativeplug._core import PluginBase
from nativeplug.call import Callback, Function, Variable
from nativeplug.errors import ClosedError, PluginError, SymbolNotFoundError
from nativeplug.runtime.symbols import PluginSymbols

if TYPE_CHECKING:
    from typing_extensions import Self


class Unread:
    """
    A function of a plugin that nobody has looked up, as ``plg.__dict__`` shows it.

    It is called as the function, and then looked up.
    """

    __slots__ = ("__name__", "_view")

    def __init__(self, view: View, name: str) -> None:
        self._view, self.__name__ = view, name

    @property
    def __self__(self) -> Function:
        """The function, looked up."""
        return self._view.function(self.__name__)

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        """Call the function."""
        return self.__self__(*args, **named)

    def __repr__(self) -> str:
        """Show the name."""
        return f"<function {self.__name__!r} of {self._view!r}, not looked up>"


class View(PluginBase):
    """Symbols as attributes of an object."""

    __slots__ = ()

    _symbols: PluginSymbols

    @property
    def path(self) -> str:
        """The path or soname that the plugin was first opened by."""
        return self._symbols.generation.path

    @property
    def generation(self) -> int:
        """The number of the generation that serves new calls, counted from 1."""
        return self._symbols.loaded.number

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._symbols.error is not None

    @property
    def ffi(self) -> Any:
        """
        The cffi ``FFI`` that knows the plugin's types.

        ``plg.ffi.new("Options *")``, ``plg.ffi.buffer``, ``plg.ffi.gc``: what it makes is taken
        wherever a pointer or struct is declared.

        Raises:
            ClosedError: The plugin was closed.
        """
        return self._symbols.ffi

    def lookup(self, name: str) -> Function | Variable:
        """
        Resolve a symbol.

        Safe to call from several threads.

        Args:
            name: The name of a function or variable.

        Returns:
            The function or variable; the same object for the same name. After an update it is
            the new generation's.

        Raises:
            SymbolNotFoundError: It is not exported, not declared, or its address is NULL.
            DeclarationError: It cannot be called as declared.
            ClosedError: The plugin was closed.
            ForkError: It is a Go plugin of the parent process.
            TypeError: *name* is not a ``str``.

        Example:
            >>> add = nativeplug.open("greeter.so").lookup("Add")
            >>> add(2, 3), str(add.signature)
            (5, 'int64_t Add(int64_t a, int64_t b)')
        """
        return self._symbols.lookup(name)

    def function(self, name: str) -> Function:
        """
        Resolve a function, as `lookup` does; for type checkers it is a `Function`.

        Args:
            name: The name of a function.

        Raises:
            SymbolNotFoundError: It is a variable; and as for `lookup`.
            PluginError: As for `lookup`.

        Example:
            >>> nativeplug.open("greeter.so").function("Add").signature.result
            'int64_t'
        """
        symbol = self.lookup(name)
        if not isinstance(symbol, Function):
            raise self._other_kind("function", symbol)
        return symbol

    def variable(self, name: str) -> Variable:
        """
        Resolve a variable, as `lookup` does; for type checkers it is a `Variable`.

        Args:
            name: The name of a variable.

        Raises:
            SymbolNotFoundError: It is a function; and as for `lookup`.
            PluginError: As for `lookup`.

        Example:
            >>> nativeplug.open("greeter.so").variable("Calls").type
            'int'
        """
        symbol = self.lookup(name)
        if not isinstance(symbol, Variable):
            raise self._other_kind("variable", symbol)
        return symbol

    def _other_kind(self, wanted: str, found: Function | Variable) -> SymbolNotFoundError:
        """Return the error for a symbol that is of the other kind."""
        other = "variable" if wanted == "function" else "function"
        return SymbolNotFoundError(
            f"cannot find {wanted} {found.name!r} in plugin {self.path!r}: it is a {other}, "
            f"{found!r}; ask for it by {other}({found.name!r})",
            path=self.path,
            symbol=found.name,
        )

    def callback(self, ctype: str, function: Callable[..., object]) -> Callback:
        """
        Make a function pointer that calls a Python callable and may outlive a call.

        Args:
            ctype: The function pointer's type in C: ``"int (*)(int)"``, or a typedef's name.
            function: What it calls; arguments and result are converted as cffi does.

        Returns:
            An object to pass where that type is declared. C may call the pointer, from any
            thread, as long as the object lives: keep it.

        Raises:
            DeclarationError: *ctype* is no function pointer's type.
            TypeError: *function* is not callable.
            ClosedError: The plugin was closed.

        Example:
            >>> plg = nativeplug.open("callbacks.so")
            >>> handler = plg.callback("int (*)(int)", lambda event: event * 2)
            >>> plg.register_handler(handler)
            >>> plg.fire(21)
            42
        """
        return self._symbols.callback(ctype, function)

    def close(self) -> None:
        """Make everything that came from it raise `ClosedError`."""
        raise NotImplementedError

    def _closed(self, what: str) -> Callable[[], ClosedError]:
        """Return what makes the error of everything that came from it, once it is closed."""
        path = self.path
        return lambda: ClosedError(f"{what} {path!r} is closed; open it again", path=path)

    def __enter__(self) -> Self:
        """Return the object; the ``with`` statement closes it at its end."""
        self._symbols.check_open()
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def _missing(self, name: str) -> Any:
        """Resolve what is not an attribute yet: a function stays one, a variable is read."""
        if name.startswith("__"):  # Python asks every object for its own special names
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        constant = self._symbols.constant(name)
        if constant is not None:
            return constant
        symbol = self.lookup(name)
        if isinstance(symbol, Variable):
            return symbol.value
        return self._remember(name, symbol.builtin())

    def _contents(self) -> dict[str, Any]:
        """Return what ``__dict__`` is: every attribute that can be read, as it is now."""
        found: dict[str, Any] = {}
        with contextlib.suppress(ClosedError):
            for name in self:
                with contextlib.suppress(PluginError, UnicodeError):
                    found[name] = self._peek(name)
            found |= self._symbols.constants()
        return {name: found[name] for name in found if not hasattr(type(self), name)}

    def _peek(self, name: str) -> Any:
        """Read an attribute, without looking its symbol up where that can be avoided."""
        symbols = self._symbols
        if name not in symbols.resolved:
            if symbols.is_function(name):
                return Unread(self, name)
            if (peeked := symbols.peek(name)) is not None:
                return peeked[0]
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Write a variable, or let a callable stand in for a function until it is deleted."""
        if hasattr(type(self), name):
            raise AttributeError(f"attribute {name!r} of a plugin cannot be set")
        if self.closed and _is_native(value, name):
            return  # nothing stands in for it: so a test may put it back after all was closed
        symbol = self.lookup(name)
        if isinstance(symbol, Variable):
            symbol.value = value
        elif isinstance(value, (Function, Unread)) and _function_of(value) is symbol:
            self._replace(name, symbol.builtin())
        elif callable(value):
            self._replace(name, value)
        else:
            raise AttributeError(
                f"{name!r} in plugin {self.path!r} is a function: {symbol!r}; only a callable "
                f"can stand in for it, not {type(value).__name__}"
            )

    def __delattr__(self, name: str) -> None:
        """End the standing in for a function; what a plugin exports stays."""
        symbol = None if hasattr(type(self), name) else self._symbols.resolved.get(name)
        if not isinstance(symbol, Function) or _function_of(getattr(self, name)) is symbol:
            raise AttributeError(f"{name!r} in plugin {self.path!r} cannot be deleted")
        self._forget_one(name)

    def __contains__(self, name: object) -> bool:
        """Tell whether *name* is declared and exported."""
        return isinstance(name, str) and self._symbols.is_exported(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that are declared and exported."""
        return iter(self._symbols.exported())

    def __dir__(self) -> list[str]:
        """Return what can be written after the dot."""
        own = [name for name in dir(type(self)) if name not in _PRIVATE]
        if self.closed:
            return own
        return sorted({*own, *self, *self._symbols.constants()})

    def __repr__(self) -> str:
        """Show the path and what serves."""
        state = "closed" if self.closed else f"generation {self.generation}"
        return f"<nativeplug.{type(self).__name__} {self.path!r}, {state}>"

    def __reduce__(self) -> str:
        """Refuse to be pickled: another process has no such plugin."""
        raise TypeError(f"cannot pickle {self!r}: open it in the other process")


def _function_of(value: object) -> Function | None:
    """Return the function that a value is, or is the built-in function of."""
    found = getattr(value, "__self__", value)
    return found if isinstance(found, Function) else None


def _is_native(value: object, name: str) -> bool:
    """Tell whether a value is a plugin's function of a name, in whatever form."""
    if isinstance(value, Unread):
        return value.__name__ == name
    function = _function_of(value)
    return function is not None and function.name == name


_PRIVATE = {
    "_closed",
    "_contents",
    "_following",
    "_disown",
    "_forget",
    "_forget_one",
    "_missing",
    "_opened_as",
    "_other_kind",
    "_peek",
    "_pin",
    "_pins",
    "_remember",
    "_replace",
    "_symbols",
    "_take_up",
    "_updates",
}
