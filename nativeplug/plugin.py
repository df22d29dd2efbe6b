"""Plugin and open(): the face; the only room that sees all the others."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, final

from nativeplug import declare, symbols
from nativeplug._core import PluginBase
from nativeplug.cache import Cache, ReentrantLoadError
from nativeplug.call import Callback, Function, Variable
from nativeplug.declare import Declarations
from nativeplug.declare.sources import Source, beside, from_caller
from nativeplug.errors import ClosedError, ForkError, OpenError, PluginError
from nativeplug.load.content import FileChangedError, read_file
from nativeplug.load.generation import Generation, load_file, load_system
from nativeplug.load.key import Key, SystemKey, key_of, quick_key_of
from nativeplug.options import Options
from nativeplug.symbols import Symbols

_ATTEMPTS = 100  # to read a file that others go on writing


@final
class Plugin(PluginBase):
    """
    An opened plugin: one object for one file, shared by all who open it.

    Its functions and variables are its attributes: ``plg.add(2, 3)``, ``plg.calls``,
    ``plg.calls = 7``; integer macros and enumerators too. A name that this class has itself is
    found by `lookup`. Made by `nativeplug.open`. Safe to use from several threads.
    """

    __slots__ = ()

    _symbols: Symbols

    def __new__(cls, generation: Generation) -> Plugin:
        """Make an open plugin of a loaded file."""
        symbols = Symbols(generation)
        return super().__new__(cls, symbols, symbols.resolved)

    @property
    def path(self) -> str:
        """The path or soname that the plugin was first opened by."""
        return self._symbols.generation.path

    @property
    def generation(self) -> int:
        """The number of the generation that serves new calls, counted from 1."""
        return 1

    @property
    def closed(self) -> bool:
        """Whether the plugin was closed."""
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
        self._symbols.check_open()
        return self._symbols.declarations.ffi

    def lookup(self, name: str) -> Function | Variable:
        """
        Resolve a symbol.

        Safe to call from several threads.

        Args:
            name: The name of a function or variable.

        Returns:
            The function or variable; the same object for the same name.

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
        """
        Close the plugin for everyone who holds it; closing it again does nothing.

        Everything that came from it raises `ClosedError` from then on; calls that are under
        way end as usual. The code stays in memory. The next `open` gives a fresh object.
        Safe to call from several threads.
        """
        _cache.discard(self)
        path = self.path
        self._symbols.disable(
            lambda: ClosedError(f"plugin {path!r} is closed; open it again", path=path)
        )
        self._forget()

    def __enter__(self) -> Plugin:
        """Return the plugin; the ``with`` statement closes it at its end."""
        self._symbols.check_open()
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the plugin."""
        self.close()

    def _missing(self, name: str) -> Any:
        """Resolve what is not an attribute yet: a function stays one, a variable is read."""
        if name.startswith("__"):  # Python asks every object for its own special names
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        constants = self._symbols.constants()
        if name in constants:
            return constants[name]
        symbol = self.lookup(name)
        if isinstance(symbol, Variable):
            return symbol.value
        return self._remember(name, symbol.builtin())

    def __setattr__(self, name: str, value: Any) -> None:
        """Write a variable."""
        if hasattr(type(self), name):
            raise AttributeError(f"attribute {name!r} of a plugin cannot be set")
        symbol = self.lookup(name)
        if isinstance(symbol, Function):
            raise AttributeError(  # noqa: TRY004 - what Python raises for attributes
                f"{name!r} in plugin {self.path!r} is a function: {symbol!r}"
            )
        symbol.value = value

    def __delattr__(self, name: str) -> None:
        """Refuse: what a plugin exports stays."""
        raise AttributeError(f"{name!r} in plugin {self.path!r} cannot be deleted")

    def __contains__(self, name: object) -> bool:
        """Tell whether *name* is declared and exported."""
        return isinstance(name, str) and self._symbols.is_exported(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that are declared and exported."""
        return iter(self._symbols.exported())

    def __dir__(self) -> list[str]:
        """Return what can be written after the dot."""
        own = [name for name in object.__dir__(self) if name not in _PRIVATE]
        if self.closed:
            return own
        return sorted({*own, *self, *self._symbols.constants()})

    def __repr__(self) -> str:
        """Show the path and what serves."""
        state = "closed" if self.closed else f"generation {self.generation}"
        return f"<nativeplug.Plugin {self.path!r}, {state}>"

    def __reduce__(self) -> str:
        """Refuse to be pickled: another process has no such plugin."""
        raise TypeError(f"cannot pickle {self!r}: open it in the other process")


_PRIVATE = {"_forget", "_missing", "_remember", "_symbols"}
_cache: Cache[Key, Plugin] = Cache()


def open(  # noqa: PLR0913 - most are options, which are given by name
    path: str | os.PathLike[str],
    declarations: str | os.PathLike[str] | None = None,
    *,
    free: Mapping[str, str] | None = None,
    hold_gil: Collection[str] | bool = (),
    save_errno: Collection[str] | bool = (),
    allow_go_results: Collection[str] | bool = (),
) -> Plugin:
    """
    Open a plugin.

    The same file opened again gives the same object, whichever way its path is spelled; its
    constructors run once, without the GIL. Safe to call from several threads.

    Args:
        path: A file's path; or a soname without a slash (``"libz.so.1"``) for a system library.
        declarations: C text (``str``) or a header file (``os.PathLike``); None for the header
            of the same stem beside the file, if there is one. What an open plugin is opened
            with again is added to what it has.
        free: Functions whose result the caller owns, each with the function that releases it:
            ``"free"`` for libc's, else one that the plugin exports.
        hold_gil: Functions that are called with the GIL held (True: all that can be), which
            saves some 20 ns a call. Only for short functions that never wait for anything.
        save_errno: Functions after whose calls ``errno`` is kept (True: all), for
            `nativeplug.get_errno`.
        allow_go_results: Go functions whose Go strings, slices and the like are all constants
            (True: all of them). Otherwise Go aborts the process, so they are refused.

    Returns:
        The open plugin. Dropping it closes nothing.

    Raises:
        OpenError: The file is missing or cannot be loaded; with the dynamic loader's text.
        FormatError: It is not a plugin that this process could load.
        DeclarationError: The declarations cannot be read, or contradict those of the plugin,
            which stays open then if it was.
        ForkError: It is a Go library of the system that was loaded before fork().
        TypeError: An argument is of the wrong type.

    Example:
        >>> plg = nativeplug.open("greeter.so")
        >>> plg.Add(2, 3), plg.Name
        (5, 'world')
    """
    if declarations is None and not (free or hold_gil or save_errno or allow_go_results):
        plugin = _cache.peek(quick_key_of(path))
        if plugin is not None and plugin._symbols.is_declared:
            return plugin  # nothing remains to be found for it
    options = Options.of(
        free=free, hold_gil=hold_gil, save_errno=save_errno, allow_go_results=allow_go_results
    )
    name = os.fsdecode(path)
    source = None if declarations is None else from_caller(declarations)
    for _ in range(_ATTEMPTS):
        key = key_of(path)
        try:
            return _open(name, key, source, options)
        except (FileChangedError, ClosedError):  # or another thread closed it meanwhile
            continue
    raise OpenError(
        f"cannot open plugin {name!r}: the file changes while it is read",
        path=name,
        reason="the file changes while it is read",
    )


def _open(name: str, key: Key, source: Source | None, options: Options) -> Plugin:
    known = _cache.peek(key)
    fresh = known is None or not known._symbols.is_declared
    if source is None and fresh and not isinstance(key, SystemKey):
        source = beside(name)
    # Before anything of a fresh plugin is loaded: a mistake in the declarations loses nothing.
    alone = None
    if known is None and source is not None:
        alone = declare.extend(Declarations(), source)
    try:
        plugin = _cache.get(key, lambda: _load(name, key))
    except ReentrantLoadError:
        reason = "its own constructor, or a signal handler meanwhile, opens it"
        raise OpenError(
            f"cannot open plugin {name!r}: {reason}", path=name, reason=reason
        ) from None
    if known is not None and plugin is not known:  # it was closed meanwhile
        return _open(name, key, source, options)
    plugin._symbols.add(source, alone, options)
    return plugin


def _load(name: str, key: Key) -> Plugin:
    if isinstance(key, SystemKey):
        return Plugin(load_system(key.soname))
    content = read_file(name)
    if content.key != key:
        raise FileChangedError
    return Plugin(load_file(name, content))


def _after_fork() -> None:
    """
    Make a child process one in which plugins can be used.

    Locks that other threads held are free, and every Go plugin of the parent is refused: its
    runtime's threads are gone.
    """
    _cache.after_fork()
    symbols.after_fork()
    parser = sys.modules.get("cffi.cparser")
    if parser is not None:  # another thread may have been reading declarations
        vars(parser)["lock"] = threading.Lock()
    for plugin in _cache.values():
        if plugin._symbols.generation.is_go:
            _cache.discard(plugin)
            plugin._symbols.disable(_fork_error(plugin.path))
            plugin._forget()


def _fork_error(path: str) -> Callable[[], PluginError]:
    return lambda: ForkError(
        f"plugin {path!r} was opened before fork(), which no Go runtime survives: open it again "
        "in this process, or start processes by 'spawn'",
        path=path,
    )


os.register_at_fork(after_in_child=_after_fork)
