"""open(): a path and declarations -> the open Plugin."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping

from nativeplug import declare, symbols
from nativeplug.cache import ReentrantLoadError
from nativeplug.declare import Declarations
from nativeplug.declare.sources import Source, beside, from_caller
from nativeplug.errors import ClosedError, ForkError, OpenError, PluginError
from nativeplug.load.content import FileChangedError, read_file
from nativeplug.load.generation import load_file, load_system
from nativeplug.load.key import FileKey, Key, SystemKey, key_of, quick_key_of
from nativeplug.options import Options
from nativeplug.plugin.files import files
from nativeplug.plugin.plugin import Plugin
from nativeplug.symbols import Known, Loaded
from nativeplug.update import Hook, Settings, Unload

_ATTEMPTS = 100  # to read a file that others go on writing
#: What `Settings.plus` takes.
_Updating = tuple[Unload | None, int | None, Hook | None, Hook | None]
_NOTHING: _Updating = (None, None, None, None)


def open(  # noqa: PLR0913 - most are options, which are given by name
    path: str | os.PathLike[str],
    declarations: str | os.PathLike[str] | None = None,
    *,
    free: Mapping[str, str] | None = None,
    hold_gil: Collection[str] | bool = (),
    save_errno: Collection[str] | bool = (),
    allow_go_results: Collection[str] | bool = (),
    require_checked: bool = False,
    follow: bool = False,
    unload: Unload | None = None,
    max_generations: int | None = None,
    before_update: Hook | None = None,
    after_update: Hook | None = None,
) -> Plugin:
    """
    Open a plugin.

    The same file opened again gives the same object, whichever way its path is spelled; its
    constructors run once, without the GIL. When the file has changed, the object is updated
    first; see `Plugin.update`. Safe to call from several threads.

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
        require_checked: Refuse symbols of whose types the plugin tells nothing (`Function.checked`
            is None).
        follow: Update the plugin by itself whenever its file has changed; see `Plugin.follow`.
        unload: When to unload a version that serves no more: ``"never"`` (where nothing else was
            said), or ``"when_idle"``: as soon as no call is under way in it, no pin holds it and
            no address of it was given out, if the file can be unloaded (see docs/updates.md).
        max_generations: How many versions may be mapped at once; 100 where nothing was said. One
            more is refused.
        before_update: Called with the plugin before another version is switched to; what it
            raises refuses the update.
        after_update: Called with the plugin after the switch; what it raises takes it back.

    Returns:
        The open plugin. Dropping it closes nothing.

    Raises:
        OpenError: The file is missing or cannot be loaded; with the dynamic loader's text.
        FormatError: It is not a plugin that this process could load.
        DeclarationError: The declarations cannot be read, or contradict those of the plugin,
            which stays open then if it was.
        UpdateError: The file has changed, and the plugin cannot be updated: it serves on.
        ForkError: It is a Go library of the system that was loaded before fork().
        TypeError: An argument is of the wrong type.
        ValueError: *unload* or *max_generations* is none that there is.

    Example:
        >>> plg = nativeplug.open("greeter.so")
        >>> plg.Add(2, 3), plg.Name
        (5, 'world')
    """
    updating = unload, max_generations, before_update, after_update
    if (
        declarations is None
        and updating == _NOTHING
        and not (free or hold_gil or save_errno or allow_go_results or require_checked or follow)
    ):
        plugin = files.peek(quick_key_of(path))
        if plugin is not None and plugin._symbols.is_declared and not plugin.closed:
            return plugin  # nothing remains to be found for it
    options = Options.of(
        free=free,
        hold_gil=hold_gil,
        save_errno=save_errno,
        allow_go_results=allow_go_results,
        require_checked=require_checked,
    )
    Settings().plus(*updating)  # a mistake in them is told before anything is loaded
    name = os.fsdecode(path)
    source = None if declarations is None else from_caller(declarations)
    for _ in range(_ATTEMPTS):
        key = key_of(path)
        # Or another thread closed it meanwhile.
        with contextlib.suppress(FileChangedError, ClosedError):
            plugin = _open(name, key, source, options, updating)
            if follow:
                plugin.follow()
            return plugin
    raise OpenError(
        f"cannot open plugin {name!r}: the file changes while it is read",
        path=name,
        reason="the file changes while it is read",
    )


def _open(
    name: str, key: Key, source: Source | None, options: Options, updating: _Updating
) -> Plugin:
    known = _find(name, key)
    if known is not None:
        known._updates.configure(*updating)
    fresh = known is None or not known._symbols.is_declared
    if source is None and fresh and not isinstance(key, SystemKey):
        source = beside(name)
    # Before anything of a fresh plugin is loaded: a mistake in the declarations loses nothing.
    alone = None
    if known is None and source is not None:
        alone = declare.extend(Declarations(), source)
    within = known is not None and known._updates.is_mine
    plugin = known if known is not None and within else _get(name, key, updating)
    if known is not None and plugin is not known:  # it was closed meanwhile
        return _open(name, key, source, options, updating)
    plugin._symbols.add(source, alone, options)
    return plugin


def _find(name: str, key: Key) -> Plugin | None:
    """Return the open plugin of a file, whether it serves what the file has now or not."""
    known = files.peek(key)
    if known is not None and known.closed:  # while it was entered
        files.discard(known)
        known = None
    return files.find(name, key) if known is None and isinstance(key, FileKey) else known


def _get(name: str, key: Key, updating: _Updating) -> Plugin:
    """Return the open plugin that serves what a file has now."""
    try:
        plugin = files.get(key, lambda: _load(name, key, updating))
    except ReentrantLoadError:
        reason = "its own constructor, or a signal handler meanwhile, opens it"
        raise OpenError(
            f"cannot open plugin {name!r}: {reason}", path=name, reason=reason
        ) from None
    if plugin.closed:  # while it was entered
        files.discard(plugin)
    plugin._updates.configure(*updating)
    return plugin


def _load(name: str, key: Key, updating: _Updating) -> Plugin:
    """Load a file, or update the plugin that its path has already."""
    settings = Settings().plus(*updating)
    if isinstance(key, SystemKey):
        loaded = Loaded(load_system(key.soname), 1, Known(key.soname, None))
        return Plugin(loaded, None, key, settings)
    found = files.find(name, key)
    if found is None:
        content = read_file(name)
        if content.key != key:
            raise FileChangedError
        loaded = Loaded(load_file(name, content), 1, Known(name, content.file))
        plugin = Plugin(loaded, _absolute(name), key, settings)
        found = files.place(plugin)
        if found is plugin:
            return plugin
        plugin.close()  # another thread has opened what the path named before
    found._take_up(asked=False)
    if found._updates.key != key:
        raise FileChangedError
    return found


def _absolute(name: str) -> str:
    """Return a path that is right in every working directory; ".." stays, it may follow a link."""
    return os.path.join(os.getcwd(), name)


def _after_fork() -> None:
    """
    Make a child process one in which plugins can be used.

    Locks that other threads held are free, and every Go plugin of the parent is refused: its
    runtime's threads are gone.
    """
    files.after_fork()
    symbols.after_fork()
    parser = sys.modules.get("cffi.cparser")
    if parser is not None:  # another thread may have been reading declarations
        vars(parser)["lock"] = threading.Lock()
    for plugin in files.values():
        if plugin._symbols.loaded.generation.is_go:
            plugin._disown(_fork_error(plugin.path))


def _fork_error(path: str) -> Callable[[], PluginError]:
    return lambda: ForkError(
        f"plugin {path!r} was opened before fork(), which no Go runtime survives: open it again "
        "in this process, or start processes by 'spawn'",
        path=path,
    )


os.register_at_fork(after_in_child=_after_fork)
