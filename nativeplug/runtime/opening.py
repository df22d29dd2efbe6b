"""open(): a path and declarations -> the open Plugin."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Protocol, TypedDict, TypeVar, cast, overload

from nativeplug._util import forksafe
from nativeplug.declare.sources import Source, from_caller
from nativeplug.errors import ClosedError, ForkError, OpenError, PluginError
from nativeplug.loader import pathless
from nativeplug.loader.files import (
    PROGRAM,
    PROGRAM_NAME,
    Content,
    FileChangedError,
    Key,
    key_of,
    quick_key_of,
)
from nativeplug.loader.options import LoadOptions
from nativeplug.runtime.options import FunctionOptions, Hook, Unload, UpdateOptions
from nativeplug.runtime.plugin import Pin, Plugin
from nativeplug.runtime.registry import registry
from nativeplug.runtime.serving import OpenRequest, serve
from nativeplug.trust import OriginRequirements, Policy, get_policy
from nativeplug.trust.policy import NOTHING

_ATTEMPTS = 100  # to read a file that others go on writing

_Path = str | os.PathLike[str]

if TYPE_CHECKING:
    from typing_extensions import Buffer, Unpack

    from nativeplug.interface import Interface

    class _Readable(Protocol):
        """What reads bytes, as `typing.BinaryIO` does."""

        def read(self) -> bytes: ...

    class _Resource(Protocol):
        """What can be read whole, as `importlib.resources.abc.Traversable` can."""

        def read_bytes(self) -> bytes: ...

    _Opened = _Path | Buffer | _Readable | _Resource | None

    _Expected = TypeVar("_Expected", bound=Interface)

    class _Options(TypedDict, total=False):
        """What `open` takes by name."""

        free: Mapping[str, str] | None
        hold_gil: Collection[str] | bool
        save_errno: Collection[str] | bool
        allow_go_results: Collection[str] | bool
        require_checked: bool
        follow: bool
        unload: Unload | None
        max_generations: int | None
        check_update: Callable[[Pin], object] | None
        before_update: Hook | None
        after_update: Hook | None
        probe: bool | None
        sha256: str | None
        policy: Policy | None
        fresh: bool
        deep_bind: bool | None
        export_symbols: bool | None
        in_place: bool | None


@overload
def open(
    path: _Opened, declarations: type[_Expected], **options: Unpack[_Options]
) -> _Expected: ...


@overload
def open(
    path: _Opened, declarations: _Path | None = None, **options: Unpack[_Options]
) -> Plugin: ...


def open(  # noqa: PLR0913 - most are options, which are given by name
    path: _Opened,
    declarations: _Path | type[Interface] | None = None,
    *,
    free: Mapping[str, str] | None = None,
    hold_gil: Collection[str] | bool = (),
    save_errno: Collection[str] | bool = (),
    allow_go_results: Collection[str] | bool = (),
    require_checked: bool = False,
    follow: bool = False,
    unload: Unload | None = None,
    max_generations: int | None = None,
    check_update: Callable[[Pin], object] | None = None,
    before_update: Hook | None = None,
    after_update: Hook | None = None,
    probe: bool | None = None,
    sha256: str | None = None,
    policy: Policy | None = None,
    fresh: bool = True,
    deep_bind: bool | None = None,
    export_symbols: bool | None = None,
    in_place: bool | None = None,
) -> Plugin | Interface:
    """
    Open a plugin.

    The same file opened again gives the same object, whichever way its path is spelled; its
    constructors run once, without the GIL. When the file has changed, the object is updated
    first; see `Plugin.update`. Safe to call from several threads.

    Args:
        path: A file's path; or a soname without a slash (``"libz.so.1"``) for a system library;
            or the file's content itself, as bytes, as what they can be read from (a file that is
            open in binary mode) or as a resource of a package (`importlib.resources.files`),
            which is never updated; or None for the program itself.
        declarations: C text (``str``), a header file (``os.PathLike``) or an interface (a class
            that derives from `nativeplug.Interface`), all of whose members the plugin must have;
            None for those that come with the plugin: what it tells itself, else the header of the
            same stem beside the file, else its debug information. What an open plugin is opened
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
        check_update: Called with a view (a `Pin`) of each new version, before it serves: calls
            through it are made in the new version, all others in the current one. What it
            raises refuses the update, and so does False. The view is closed when it returns.
        before_update: Called with the plugin before another version is switched to; what it
            raises refuses the update.
        after_update: Called with the plugin after the switch; what it raises takes it back.
        probe: Load a file in a process of its own first, where its constructors run with
            ``NATIVEPLUG_PROBE=1`` in their environment; if that process dies of it, the file
            is refused. None where nothing was said: each version that comes by an update, but
            not the first one. True: that, too, and a system library. False: none. See
            docs/safety.md.
        sha256: The SHA-256 that the file must have, 64 hexadecimal digits; updates as well.
        policy: What is demanded of the file's origin, and of updates, in place of what
            `nativeplug.set_policy` has set; ``Policy()`` demands nothing.
        fresh: What to do when the file was opened before and closed: load another copy, with
            variables of its own. False: take up again what is still in memory of the same
            content, variables as they are; constructors do not run again. Where nothing is,
            the file is loaded. Go plugins are never unloaded, and some 200 copies of all fit
            into a process.
        deep_bind: Let the plugin's calls of its own functions, and of its libraries', stay there,
            also where the program exports functions of the same names (``RTLD_DEEPBIND``).
        export_symbols: Let files that are loaded later find the plugin's symbols
            (``RTLD_GLOBAL``). It is never updated nor unloaded then. See docs/lifetime.md.
        in_place: Map the file itself, as ctypes does, not a private copy: what has loaded it
            already, or loads it later, shares its variables. It is never updated nor unloaded
            then, and overwriting it ends the process. See docs/lifetime.md.

    Returns:
        The open plugin. Dropping it closes nothing.

    Raises:
        OpenError: The file is missing or cannot be loaded, with the dynamic loader's text; or it
            cannot be probed; or it is open, and was loaded with another *deep_bind*,
            *export_symbols* or *in_place*.
        FormatError: It is not a plugin that this process could load, or the probe died of it.
        OriginError: It does not come from where it must; nothing of it has run.
        DeclarationError: The declarations cannot be read, or contradict those of the plugin,
            which stays open then if it was.
        InterfaceError: The plugin is not what the interface demands; for all of the error's
            ``findings``. What its file lacks is found before any of its code runs.
        UpdateError: The file has changed, and the plugin cannot be updated: it serves on.
        ForkError: It is a Go library of the system that was loaded before fork().
        TypeError: An argument is of the wrong type.
        ValueError: *unload*, *max_generations* or *sha256* is none that there is; or a plugin is
            to be followed that is never updated.

    Example:
        >>> plg = nativeplug.open("greeter.so")
        >>> plg.Add(2, 3), plg.Name
        (5, 'world')
    """
    # One by one, as this is all that the next `open` of an open plugin takes.
    if (
        (declarations is None and sha256 is None and unload is None)
        and (max_generations is None and check_update is None and before_update is None)
        and (after_update is None and probe is None and deep_bind is None)
        and (export_symbols is None and in_place is None)
        and ((get_policy() is NOTHING) if policy is None else policy == NOTHING)
        and not (free or hold_gil or save_errno or allow_go_results or require_checked or follow)
    ):
        plugin = registry.peek(quick_key_of(path))
        if plugin is not None and plugin._symbols.is_declared and not plugin.closed:
            return plugin  # nothing remains to be found for it
    functions = FunctionOptions.of(
        free=free,
        hold_gil=hold_gil,
        save_errno=save_errno,
        allow_go_results=allow_go_results,
        require_checked=require_checked,
    )
    updates = UpdateOptions.of(
        unload=unload,
        max_generations=max_generations,
        probe=probe,
        before_update=before_update,
        after_update=after_update,
        check_update=check_update,
    )
    load = LoadOptions(deep_bind, export_symbols, in_place)
    origin = OriginRequirements.of(policy, sha256)
    if follow and load.resident is not None:
        raise ValueError(f"follow=True has nothing to do: {load.resident}, so it is never updated")
    content = pathless.read(path)
    name = _name_of(path, content)
    source, expected = _given(declarations)
    request = OpenRequest(name, source, expected, functions, updates, origin, load, fresh, content)
    for _ in range(_ATTEMPTS):
        key = _key_of(path, content)
        # Or another thread closed it meanwhile.
        with contextlib.suppress(FileChangedError, ClosedError):
            plugin = serve(request, key)
            if follow:
                plugin.follow()
            return plugin
    raise OpenError(
        f"cannot open plugin {name!r}: the file changes while it is read",
        path=name,
        reason="the file changes while it is read",
    )


def _name_of(path: _Opened, content: Content | None) -> str:
    """Return what is opened in words."""
    if content is not None:
        return content.path
    return PROGRAM_NAME if path is None else os.fsdecode(cast("_Path", path))


def _key_of(path: _Opened, content: Content | None) -> Key:
    if content is not None:
        return content.key
    return PROGRAM if path is None else key_of(cast("_Path", path))


def _given(declarations: object) -> tuple[Source | None, type[Interface] | None]:
    """Return where the caller's declarations come from, and the interface that they are."""
    if declarations is None:
        return None, None
    if isinstance(declarations, type):
        from nativeplug import interface

        if interface.is_interface(declarations):
            interface.check_names(declarations, Plugin)
            return interface.source_of(declarations), declarations
    return from_caller(declarations), None  # type: ignore[arg-type] # it checks that


def _before_fork() -> None:
    """
    Warn of plugins whose threads a child process will not have; Go's are refused there.

    Which threads are whose cannot be found out. So it is a warning, of plugins that can start
    threads, where the process has some that are not Python's.
    """
    with contextlib.suppress(OSError):  # there is no /proc
        if len(os.listdir("/proc/self/task")) <= threading.active_count():
            return
        for plugin in registry.values():
            generation = plugin._symbols.loaded.generation
            if not plugin.closed and not generation.is_go and generation.starts_threads:
                warnings.warn(
                    f"plugin {plugin.path!r} may have threads of its own, which a child process "
                    "has not after fork(): a call that waits for them never returns there; start "
                    "processes by 'spawn', or open the plugin after fork()",
                    RuntimeWarning,
                    stacklevel=2,
                )


@forksafe.in_child
def _refuse_go() -> None:
    """Refuse every Go plugin of the parent in a child process: its runtime's threads are gone."""
    for plugin in registry.values():
        if plugin._symbols.loaded.generation.is_go:
            plugin._disown(_fork_error(plugin.path))


def _fork_error(path: str) -> Callable[[], PluginError]:
    return lambda: ForkError(
        f"plugin {path!r} was opened before fork(), which no Go runtime survives: open it again "
        "in this process, or start processes by 'spawn'",
        path=path,
    )


os.register_at_fork(before=_before_fork)
