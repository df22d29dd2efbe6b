"""
The private copy of a plugin's file: the only thing of it that is ever mapped.

A file that is overwritten or truncated while it is mapped kills the process. So a copy is mapped,
which nobody changes any more, and the user's file may go its own way. It is

- one of the `copy_store`, which processes share: this is the rule;
- a file among links to what lies around the user's (`origin`), where that means something to the
  plugin: in a directory that stays until the process ends (`held`);
- a sealed memfd (memfd_create(2)), or else a file without a name, where there is no such place.

Debuggers and profilers look for what is mapped by its name, from processes of their own. So that is
a path; for what has none, it leads through the descriptor, which stays open, in /proc/PID/fd.

dlopen(3) tells loaded objects by name before it looks at the file. A name that repeats while
that is loaded would give the old object, so none does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nativeplug._util import permissions
from nativeplug._util.storage import Directory
from nativeplug.elf.dependencies import SearchPaths
from nativeplug.elf.numbers import STB_GLOBAL
from nativeplug.errors import OpenError, cannot_open
from nativeplug.loader import copy_store, dlopen, held, origin_dir
from nativeplug.loader.files import real_path

if TYPE_CHECKING:
    from nativeplug.elf.dynamic import Dynamic
    from nativeplug.elf.elffile import File

# Of Linux 6.3: without it a host that sets vm.memfd_noexec=1 refuses to map code.
_MFD_EXEC: Final = 0x10

# How much of a hash a name shows: enough to tell a plugin's versions apart.
_SHOWN_DIGITS: Final = 16

# By these a library finds where it lies, or loads what lies beside it when it is needed.
_LOOKING: Final = frozenset({"dladdr", "dladdr1", "dl_iterate_phdr", "dlinfo", "dlopen", "dlmopen"})

_ANOTHER_WAY: Final = (
    "let NATIVEPLUG_CACHE_DIR name another directory, or map the file itself with in_place=True"
)
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Image:
    """A copy that can be loaded, and stays as it is until it is closed."""

    #: What to give to dlopen(3).
    name: str
    #: Where its name is that of a descriptor, this one: another process needs it to find the file.
    descriptor: int | None
    #: The bytes that it has otherwise than the user's file, by their offsets.
    changes: Mapping[int, int]
    _undo: contextlib.ExitStack

    def close(self) -> None:
        """Give up all that is needed while it is mapped; the name may then lead nowhere."""
        self._undo.close()


def copy(
    path: str,
    data: File,
    sha256: str = "",
    *,
    file: Dynamic | None = None,
    trusted: Collection[int] | None = None,
) -> Image:
    """
    Make the private copy of a plugin's file.

    ``$NATIVEPLUG_KEEP_COPIES`` names a directory in which it is made and stays.

    Args:
        path: The user's path.
        data: The file's bytes.
        sha256: Their SHA-256; without it the copy is for this process alone.
        file: What was read of them.
        trusted: The only users that may be able to put another file in the copy's place; None
            where nobody asks for that.

    Raises:
        OpenError: The copy cannot be written: memory or the disk is full, for one.
    """
    changes = {} if file is None else find_own(data, file)
    may_look = file is not None and not _LOOKING.isdisjoint(file.imports)
    may_look = may_look and os.path.lexists(path)  # nothing lies beside bytes that were given
    source = _Source(path, real_path(path), data, changes, may_look, trusted)
    kept = os.environ.get("NATIVEPLUG_KEEP_COPIES", "") if sha256 else ""
    if kept:
        return source.image(_kept(source, kept, sha256), contextlib.ExitStack())
    with contextlib.ExitStack() as undo:
        stored = None
        if sha256:
            name = _name_of(sha256, changes)
            stored = copy_store.take(name, copy_store.label(source.place), data, changes)
        if stored is not None:
            undo.callback(stored.close)
        made = _surrounded(source, stored, undo)
        if made is None and stored is not None:
            made = source.image(stored.path, undo.pop_all())
        return made or _nameless(source)


def _name_of(sha256: str, changes: Mapping[int, int]) -> str:
    """Return what stands for a content with changes, which are others in another process."""
    if not changes:
        return sha256
    import hashlib  # brings OpenSSL

    digest = hashlib.sha256(repr(sorted(changes.items())).encode()).hexdigest()
    return f"{sha256}.{digest[:_SHOWN_DIGITS]}"


@dataclass(frozen=True, slots=True)
class _Source:
    """What is copied; see `copy`."""

    path: str
    #: Where the path leads to.
    place: str
    data: File
    #: The bytes that the copy has otherwise, by their offsets.
    changes: Mapping[int, int]
    #: It may look for what lies beside it, by means that cannot be seen.
    may_look: bool
    trusted: Collection[int] | None

    @property
    def label(self) -> str:
        return copy_store.label(self.path)

    def image(self, name: str, undo: contextlib.ExitStack, descriptor: int | None = None) -> Image:
        return Image(name, descriptor, self.changes, undo)

    def write(self, descriptor: int) -> None:
        copy_store.write(descriptor, self.data, self.changes)
        copy_store.check_executable(descriptor)


def _surrounded(
    source: _Source, stored: copy_store.Copy | None, undo: contextlib.ExitStack
) -> Image | None:
    """Make a copy that has around it what the user's file has; None where that means nothing."""
    levels, is_needed = _levels(source)
    if levels is None:
        return None
    refused = []
    for directory in _directories(source.place):
        try:
            root = held.new_path(directory, source.label)
            os.mkdir(root, 0o700)
            undo.callback(held.remove, root)
            name = _file_in(root, source, levels, stored)
        except OSError as error:  # noqa: PERF203 - at most three
            refused.append(f"{directory!r}: {error.strerror}")
        else:
            return source.image(name, undo.pop_all())
    if is_needed:
        raise _no_place(source.path, [f"{', '.join(refused)}; {_ANOTHER_WAY}"])
    return None


def _levels(source: _Source) -> tuple[int | None, bool]:
    """Return how much around the file means something to it, see `origin`; and if it says so."""
    levels = origin_dir.levels(source.place, source.data)
    if levels is not None or not source.may_look or source.trusted is not None:
        return levels, levels is not None
    return origin_dir.levels_at_hand(source.place), False


def _file_in(root: str, source: _Source, levels: int | None, stored: copy_store.Copy | None) -> str:
    """
    Make a copy in a private directory, and links to what lies around the user's file.

    Raises:
        OSError: It cannot be written there, or not be run from there; or others could put another
            one there.
    """
    if source.trusted is not None:
        _check_way(os.path.join(root, "*"), source.trusted)
    around = root
    if levels is not None:
        around = origin_dir.rebuild(os.path.join(root, "around"), source.place, levels)
    copied = os.path.join(around, os.path.basename(source.place))
    if stored is not None:
        with contextlib.suppress(OSError):  # on another file system, for one
            os.link(stored.path, copied)
            return copied
    descriptor = os.open(copied, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        source.write(descriptor)
    finally:
        os.close(descriptor)
    return copied


def _kept(source: _Source, directory: str, sha256: str) -> str:
    import shutil
    import tempfile

    # The number, as a random name could come back.
    name = f"{source.label}.{sha256[:_SHOWN_DIGITS]}.{next(_numbers)}."
    try:
        directory = os.path.abspath(directory)
        os.makedirs(directory, exist_ok=True)
        root = tempfile.mkdtemp("", name, directory)
        try:
            return _file_in(root, source, _levels(source)[0], None)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise
    except OSError as error:
        reason = f"{directory!r}: {error.strerror}; NATIVEPLUG_KEEP_COPIES names it"
        raise _no_place(source.path, [reason]) from None


def _no_place(path: str, reasons: list[str]) -> OpenError:
    reason = f"no place for a private copy: {', '.join(reasons)}"
    return OpenError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)


def _directories(place: str) -> Iterator[str]:
    """Give the directories in which a private one may be made, best first."""
    import tempfile

    # The store's, if it can be: a copy there is linked, not written again.
    copies = copy_store.directory()
    if copies is not None:
        with contextlib.suppress(OSError), Directory.open(copies) as directory:
            yield directory.path
    yield os.path.dirname(place)
    with contextlib.suppress(OSError):
        yield tempfile.gettempdir()


def _check_way(path: str, trusted: Collection[int]) -> None:
    """
    Refuse a path that others could make lead elsewhere.

    Raises:
        PermissionError: They could.
    """
    fault = next(permissions.find_writable(path, trusted, is_there=False), None)
    if fault is not None:
        raise PermissionError(errno.EACCES, fault)


def _nameless(source: _Source) -> Image:
    """
    Make a copy that is found by its descriptor alone.

    Raises:
        OpenError: There is no room for it, or no /proc to find it in.
    """
    try:
        process = os.readlink("/proc/self")  # as the /proc has it that is mounted here
    except OSError as error:
        raise _no_place(source.path, [f"'/proc/self': {error.strerror}; {_ANOTHER_WAY}"]) from None
    number = _in_memory(source)
    if number is None:
        number = _in_directory(source)
    descriptor = held.Descriptor(number)
    undo = contextlib.ExitStack()
    undo.callback(descriptor.close)
    # By the process's number, so others find the file, too. A constructor may close the
    # descriptor, and its number come back.
    name = dlopen.unused_spelling(f"/proc/{process}/fd", str(number))
    return source.image(name, undo, number)


def _in_memory(source: _Source) -> int | None:
    """Return the descriptor of a sealed memfd; None where the host refuses those."""
    try:
        descriptor = memory_file(source.label)
    except (OSError, AttributeError):  # Python itself may be built without
        return None
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, descriptor)
        try:
            copy_store.write(descriptor, source.data, source.changes)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        except OSError as error:
            raise cannot_open(source.path, error) from None
        try:
            copy_store.check_executable(descriptor)
        except OSError:
            return None
        undo.pop_all()
    return descriptor


def memory_file(name: str) -> int:
    """
    Return a descriptor of a new file in memory, which can be sealed, and mapped as code.

    Raises:
        OSError: The host refuses that.
        AttributeError: Python is built without.
    """
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a kernel that does not know the flag
            raise
    return os.memfd_create(name, flags)


def _in_directory(source: _Source) -> int:
    """Return the descriptor of a file that has no name any more."""
    import tempfile

    refused = []
    for directory in _directories(source.place):
        with contextlib.ExitStack() as undo:
            try:
                descriptor, path = tempfile.mkstemp("", f".{source.label}.", directory)
                undo.callback(os.close, descriptor)
                os.unlink(path)
                source.write(descriptor)
            except OSError as error:
                refused.append(f"{directory!r}: {error.strerror}")
            else:
                undo.pop_all()
                return descriptor
    reason = ", ".join(refused)
    raise _no_place(source.path, [f"{reason}; {_ANOTHER_WAY}"])


# Symbols that are one for the whole process (STB_GNU_UNIQUE), and how a copy gets its own.
#
# GCC gives this binding to the statics of C++ templates and inline functions. glibc binds every
# reference to such a name to the first definition that the process has loaded: a new version would
# go on with the old one's variables, and call the old one's code through them. In a private copy
# the binding is STB_GLOBAL instead, as if the plugin were compiled with ``-fno-gnu-unique``.
#
# A library that the plugin needs is one for all versions. What it has, too, stays as it is.

# These have no such symbols of anybody else's templates.
_RUNTIME: Final = re.compile(r"(?:ld-linux.*|lib(?:c|m|dl|pthread|rt|gcc_s|stdc\+\+))\.so(?:\.|$)")


def find_own(data: File, file: Dynamic) -> dict[int, int]:
    """
    Return which bytes a plugin's copy is to have otherwise, by their offsets: its bindings.

    None where a library that the plugin needs comes with it: nobody knows yet what that has.

    Args:
        data: The file's bytes.
        file: What was read of them.
    """
    if not file.unique:
        return {}
    shared: set[str] = set()
    for library in SearchPaths.of(data).names:
        found = dlopen.find_exported(library, file.unique)
        if found is None and not _RUNTIME.match(library):
            return {}
        shared.update(found or ())
    own = (at for name, at in file.unique.items() if name not in shared)
    return {at: STB_GLOBAL << 4 | data[at] & 0xF for at in own}
