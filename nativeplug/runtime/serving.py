"""What `open` is asked for -> the plugin that serves it: an open one, an updated one, a new one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from nativeplug import declare
from nativeplug._util.directories import absolute
from nativeplug._util.single_flight import ReentrantLoadError
from nativeplug.declare import Declarations
from nativeplug.declare.sources import Source
from nativeplug.errors import (
    InterfaceError,
    OpenError,
    OriginError,
    PluginError,
    UpdateError,
    cannot_open,
)
from nativeplug.loader.files import Content, FileChangedError, FileKey, Key, SystemKey, read_file
from nativeplug.loader.loading import load_system
from nativeplug.loader.options import LoadOptions
from nativeplug.runtime.binding import Resolver, SymbolTable
from nativeplug.runtime.candidate import Candidate
from nativeplug.runtime.declared import Declared
from nativeplug.runtime.loaded import Loaded
from nativeplug.runtime.options import FunctionOptions, UpdateOptions
from nativeplug.runtime.plugin import Plugin
from nativeplug.runtime.registry import registry
from nativeplug.runtime.type_info import TypeInfo
from nativeplug.trust import NO_REQUIREMENTS, OriginRequirements

if TYPE_CHECKING:
    from nativeplug.interface import Interface


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What one `open` is asked for: checked, and never changed."""

    #: The path, or what stands for it in messages.
    name: str
    #: Where the caller's declarations come from; None for those that come with the plugin.
    source: Source | None
    #: The interface that the plugin is to have.
    expected: type[Interface] | None
    options: FunctionOptions
    updates: UpdateOptions
    #: What is demanded of where it comes from.
    demands: OriginRequirements
    load: LoadOptions
    #: Load the file afresh, if it is not open.
    fresh: bool = True
    #: What is opened, where it was given in place of a path.
    content: Content | None = None
    #: What *source* declares by itself, where that was read.
    alone: Declarations | None = None

    @property
    def all_options(self) -> FunctionOptions:
        """The options, with what the policy demands."""
        required = self.options.require_checked or self.demands.require_checked
        return replace(self.options, require_checked=required)

    def read(self) -> OpenRequest:
        """
        Return the same with the caller's declarations read.

        Raises:
            DeclarationError: They cannot be read.
        """
        if self.source is None:
            return self
        return replace(self, alone=declare.extend(Declarations(), self.source))

    def declared_by(self, known: TypeInfo) -> tuple[Source | None, Declarations | None]:
        """
        Return the caller's declarations, else those that come with a plugin, as `source`, `alone`.

        Raises:
            DeclarationError: Those of the plugin cannot be read.
        """
        brought = known.brought(self.name) if self.source is None else None
        return (self.source, self.alone) if brought is None else (brought.source, brought.alone)


class _OwnRefusalError(Exception):
    """What one ``open`` demands is not met; those that wait for it may demand something else."""

    def __init__(self, error: PluginError) -> None:
        super().__init__()
        self.error = error


def serve(request: OpenRequest, key: Key) -> Plugin:
    """
    Return the open plugin that serves what a file has now, with what is asked for.

    Raises:
        FileChangedError: The file is not the one of *key* any more.
        PluginError: As `open` does.
    """
    expected = request.expected
    known = _find(request.name, key)
    if known is not None:
        _check_agrees(request, known)
    with contextlib.ExitStack() as stack:
        if known is not None:
            stack.enter_context(known._updates.configuring(request.updates))
        if expected is not None:
            from nativeplug import interface

            stack.enter_context(interface.telling_members(expected))
        if known is None:
            # Before anything of it is loaded: a mistake in the declarations loses nothing.
            request = request.read()
        within = known is not None and known._updates.is_mine
        plugin = known if known is not None and within else _get(request, key)
        if known is not None and plugin is not known:  # it was closed meanwhile
            return serve(request, key)
        if known is None:
            # Another thread may have loaded it.
            _check_agrees(request, plugin)
            plugin._updates.configure(request.updates)
        plugin._updates.demand(request.demands, request.name, request.content)
        add(request, plugin)
    if known is not None:
        plugin._updates.unload()  # if that is asked for now
    return plugin


def _check_agrees(request: OpenRequest, plugin: Plugin) -> None:
    """Refuse options that contradict those by which the file of an open plugin was loaded."""
    reason = request.load.find_contradiction(plugin._symbols.generation.options)
    if reason is not None:
        name = request.name
        raise OpenError(f"cannot open plugin {name!r}: {reason}", path=name, reason=reason)


def add(request: OpenRequest, plugin: Plugin) -> None:
    """Add what is declared, and what is asked for, to what a plugin has."""
    symbols, expected = plugin._symbols, request.expected
    known, source, alone = symbols.loaded.known, request.source, request.alone
    if not symbols.is_declared:
        source, alone = request.declared_by(known)
    if expected is None:
        symbols.add(source, alone, request.all_options)
        return
    from nativeplug import interface

    interface.check_version(expected, request.name, known.interface)
    symbols.add(source, alone, request.all_options, partial(_conform, expected, plugin))
    version = interface.interface_version(expected)
    if version is not None:
        plugin._symbols.configure(UpdateOptions(interfaces=frozenset({version})))
    plugin._opened_as.add(expected)


def _conform(expected: type[Interface], plugin: Plugin, binding: Resolver) -> SymbolTable:
    """Resolve what an interface demands, unless it is resolved."""
    from nativeplug import interface

    generation, resolved = binding.loaded.generation, plugin._symbols.resolved
    return interface.conform(
        expected,
        generation.path,
        generation.file,
        binding.given.declarations.constants,
        lambda name: resolved.get(name) or binding.resolve(name),
    )


def _find(name: str, key: Key) -> Plugin | None:
    """Return the open plugin of a file, whether it serves what the file has now or not."""
    known = registry.peek(key)
    if known is not None and known.closed:  # while it was entered
        registry.discard(known)
        known = None
    return registry.find(name, key) if known is None and isinstance(key, FileKey) else known


def _get(request: OpenRequest, key: Key) -> Plugin:
    """Return the open plugin that serves what a file has now."""
    name = request.name
    try:
        plugin = registry.get(key, lambda: _load_alone(request, key))
    except _OwnRefusalError as refusal:
        raise refusal.error from None
    except ReentrantLoadError:
        reason = "its own constructor, or a signal handler meanwhile, opens it"
        raise OpenError(
            f"cannot open plugin {name!r}: {reason}", path=name, reason=reason
        ) from None
    if plugin.closed:  # while it was entered
        registry.discard(plugin)
    return plugin


def _load_alone(request: OpenRequest, key: Key) -> Plugin:
    try:
        return _load(request, key)
    except (OriginError, InterfaceError) as error:
        raise _OwnRefusalError(error) from None
    except UpdateError as error:
        if request.demands == NO_REQUIREMENTS and request.expected is None:
            raise
        raise _OwnRefusalError(error) from None


def _load(request: OpenRequest, key: Key) -> Plugin:
    """Load a file, or update the plugin that its path has already."""
    name, demands = request.name, request.demands
    options = request.updates.plus(UpdateOptions(demands=demands))
    if isinstance(key, SystemKey):
        demands.check_system(name)
        probe = options.probe is True or demands.probe
        generation = load_system(key.soname, request.load, probe=probe)
        loaded = Loaded(generation, 1, TypeInfo(name, None))
        return Plugin(loaded, None, key, options)
    found = registry.find(name, key) if isinstance(key, FileKey) else None
    if found is None:
        # First: whatever can fail must fail before anything is loaded.
        file = None if request.content is not None else _absolute(name)
        content = request.content or read_file(name)
        if content.key != key:
            raise FileChangedError
        candidate = Candidate.of(name, content, demands)
        _check(request, candidate)
        _check_names(request, candidate)
        loaded = _loaded(request, file, candidate, probe=options.probe is True)
        plugin = Plugin(loaded, file, key, options)
        try:
            candidate.accept()
        except BaseException:
            plugin.close()
            raise
        plugin._updates.origins.note(loaded, file or name, candidate.verified)
        found = registry.place(plugin)
        if found is plugin:
            return plugin
        plugin.close()  # another thread has opened what the path named before
    found._take_up(asked=False, demands=demands, admit=partial(_check, request.read()))
    if found._updates.key != key:
        raise FileChangedError
    return found


def _loaded(request: OpenRequest, file: str | None, candidate: Candidate, *, probe: bool) -> Loaded:
    """Load what may be loaded, or take up what a closed plugin has left of it."""
    if not request.fresh and file is not None:
        left = registry.take_left(file, candidate.content.sha256, request.load)
        if left is not None:
            return left.again(candidate.known)
    return Loaded(candidate.load(request.load, probe=probe), 1, candidate.known)


def _check(request: OpenRequest, candidate: Candidate) -> None:
    """Refuse what can be seen to be wrong with declarations before anything of a plugin runs."""
    known, expected, alone = candidate.known, request.expected, request.alone
    request.declared_by(known)  # which can be read, then
    if expected is None or alone is None:
        return
    from nativeplug import interface

    lines, ffi, required = alone.lines, alone.ffi, request.all_options.require_checked
    interface.check_file(
        expected,
        request.name,
        candidate.content.file,
        known.interface,
        lambda member: known.check(lines[member], ffi, required=required),
    )


def _check_names(request: OpenRequest, candidate: Candidate) -> None:
    """Refuse options that name what nobody declares."""
    if request.options == FunctionOptions():
        return
    source, alone = request.declared_by(candidate.known)
    Declared.nothing(request.name).plus(source, alone, request.options).check_names()


def _absolute(name: str) -> str:
    try:
        return absolute(name)
    except OSError as error:
        raise cannot_open(name, error) from None
