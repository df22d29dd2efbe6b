"""From a file's content, or a soname, to a loaded generation; constructors run without the GIL."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from _cffi_backend import FFI

from nativeplug._dl import ffi
from nativeplug._util.log import logger
from nativeplug.elf import defects
from nativeplug.elf.defects import Defect
from nativeplug.elf.dependencies import SearchPaths
from nativeplug.errors import ForkError, FormatError, OpenError
from nativeplug.loader import dlopen, in_place, private_copy, sanitizers
from nativeplug.loader.files import PROGRAM, PROGRAM_NAME, Content
from nativeplug.loader.generation import Generation, find_resident_reason
from nativeplug.loader.messages import cannot_load, in_users_words
from nativeplug.loader.options import LoadOptions
from nativeplug.loader.private_copy import Image

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File
    from nativeplug.loader.probe import Probed

# Of the handle of a Go library of the system: the process that loaded it.
_processes: dict[int, int] = {}
_NO_OPTIONS = LoadOptions()
_HEADER_SIZE = 4096  # more than the loader reads before it maps anything


def _nothing() -> None:
    """Do nothing."""


def check_file(path: str, content: Content) -> None:
    """
    Refuse what is no plugin for this process.

    Args:
        path: The user's path, for words.
        content: What was read of the file.

    Raises:
        FormatError: It is none.
    """
    if content.defect is not None:
        raise _format_error(path, content.defect, content.data)


def load_file(  # noqa: PLR0913 - most are given by name
    path: str,
    content: Content,
    options: LoadOptions = _NO_OPTIONS,
    *,
    probe: bool = False,
    trusted: Collection[int] | None = None,
    ready: Callable[[], object] = _nothing,
) -> Generation:
    """
    Load a plugin's file, or a private copy of it; its constructors run without the GIL.

    Args:
        path: The user's path, for words.
        content: What was read of the file.
        options: How it is loaded.
        probe: Load the copy in a process of its own first; see `probe_copy`.
        trusted: Who may be able to write where the copy is made, or the file; see
            `private_copy.copy`.
        ready: Called when that has gone well, and it is about to be loaded here.

    Raises:
        FormatError: The file is no plugin for this process, or needs a sanitizer in it.
        OpenError: It cannot be loaded, with the dynamic loader's text; or not be probed.
    """
    check_file(path, content)
    options.check_possible(path)
    file = content.file
    _refuse_missing_sanitizer(path, content)
    if options.in_place:
        return _load_in_place(path, content, options, probe=probe, trusted=trusted, ready=ready)
    if options.in_place is None and in_place.is_loaded(content):
        logger("nativeplug.load").warning(
            "plugin %r: this process has loaded its file already, and its private copy has "
            "variables of its own: in_place=True shares them, in_place=False means it so",
            path,
        )
    for is_last in (False, True):
        with contextlib.ExitStack() as undo:
            copy = private_copy.copy(
                content.path, content.data, content.sha256, file=file, trusted=trusted
            )
            undo.callback(copy.close)
            is_shared = len(copy.changes) < len(file.unique)
            resident = options.resident or find_resident_reason(file, is_shared=is_shared)
            if probe:
                unloads = resident is None
                from nativeplug.loader.probe import probe_copy

                _refuse_death(path, probe_copy(path, copy, unloads=unloads, flags=options.flags))
            ready()
            loaded, text = _open_copy(path, copy, options)
            if loaded != ffi.NULL:
                undo.pop_all()
                break
            if is_last or os.path.exists(copy.name):
                raise cannot_load(path, text)
            # Somebody has removed the cache meanwhile: nothing has run, so once more.
    return Generation(
        path,
        file.is_go,
        content.sha256,
        resident,
        file,
        loaded,
        is_probed=probe,
        options=options,
        copy=copy,
    )


def _load_in_place(  # noqa: PLR0913 - most are given by name
    path: str,
    content: Content,
    options: LoadOptions,
    *,
    probe: bool,
    trusted: Collection[int] | None,
    ready: Callable[[], object],
) -> Generation:
    name, file = in_place.name_of(path, content, trusted), content.file
    if probe:
        from nativeplug.loader.probe import probe_name

        _refuse_death(path, probe_name(path, name, flags=options.flags))
    ready()
    loaded, text = dlopen.open_file(name, options.flags)
    if loaded == ffi.NULL:
        raise cannot_load(path, in_users_words(text, name, path))
    return Generation(
        path,
        file.is_go,
        content.sha256,
        options.resident,
        file,
        loaded,
        is_probed=probe,
        options=options,
    )


def load_system(
    soname: str, options: LoadOptions = _NO_OPTIONS, *, probe: bool = False
) -> Generation:
    """
    Load a system library by the system's own search; its copy is shared.

    Args:
        soname: Its name; that of `PROGRAM` for the program itself, which is loaded.
        options: How it is loaded, unless the process has loaded it already.
        probe: Load it in a process of its own first; see `probe_name`.

    Raises:
        OpenError: There is none, or it cannot be loaded; or not be probed.
        FormatError: The other process has died of it.
    """
    if soname == PROGRAM.soname:
        if True in (options.deep_bind, options.export_symbols, options.in_place):
            reason = "the program itself is loaded already: it can be given no such option"
            raise OpenError(
                f"cannot open plugin {PROGRAM_NAME!r}: {reason}", path=PROGRAM_NAME, reason=reason
            )
        program, _ = dlopen.open_file(None)
        is_go, resident = False, "it is the program itself"
        return Generation(PROGRAM_NAME, is_go, None, resident, None, program)
    options.check_possible(soname)
    if options.in_place is False:
        reason = "in_place=False cannot be had: a system library is shared"
        raise OpenError(f"cannot open plugin {soname!r}: {reason}", path=soname, reason=reason)
    options = replace(options, in_place=True)
    if probe:
        from nativeplug.loader.probe import probe_name

        _refuse_death(soname, probe_name(soname, soname, flags=options.flags))
    loaded, text = dlopen.open_file(soname, options.flags)
    if loaded == ffi.NULL:
        raise cannot_load(soname, text + _hint(soname, text))
    is_go = defects.is_go(dlopen.bytes_of(loaded))
    if is_go:
        _refuse_forked_go(soname, loaded)
    return Generation(
        soname, is_go, None, "a system library is shared", None, loaded, options=options
    )


def _refuse_missing_sanitizer(path: str, content: Content) -> None:
    names = SearchPaths.of(content.data).names
    reason = sanitizers.find_missing(names, content.file.imports)
    if reason is not None:
        raise FormatError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)


def _refuse_death(path: str, probed: Probed) -> None:
    reason = probed.death
    if reason is not None:
        raise FormatError(f"cannot open plugin {path!r}: {reason}", path=path, reason=reason)


def _hint(soname: str, text: str) -> str:
    """Return what may have been meant by a soname that the loader refuses."""
    library = None
    with contextlib.suppress(OSError, ValueError), open(text.partition(": ")[0], "rb") as file:
        library = defects.find_linked_library(file.read(_HEADER_SIZE))
    if library is not None:
        return f"; it is a linker script: open {library!r}, which it names"
    if os.path.exists(soname):
        return f"; for the file in the working directory write {'./' + soname!r}"
    return ""


def _refuse_forked_go(soname: str, loaded: FFI.CData) -> None:
    number = int(ffi.cast("uintptr_t", loaded))
    if _processes.setdefault(number, os.getpid()) != os.getpid():
        raise ForkError(
            f"cannot open plugin {soname!r}: it was loaded before fork(), which no Go runtime "
            "survives; start processes by 'spawn'",
            path=soname,
        )


def _open_copy(path: str, copy: Image, options: LoadOptions = _NO_OPTIONS) -> tuple[FFI.CData, str]:
    """Return the handle of a private copy, or NULL and the loader's text about the user's."""
    loaded, text = dlopen.open_file(copy.name, options.flags)
    return loaded, in_users_words(text, copy.name, path)


def _format_error(path: str, defect: Defect, data: File) -> FormatError:
    message = f"cannot open plugin {path!r}: {defect}"
    if defects.is_refused_by_header(data):
        with (  # what we found needs no place for a copy
            contextlib.suppress(OpenError),
            contextlib.closing(private_copy.copy(path, data[:_HEADER_SIZE])) as copy,
        ):
            message += f" ({_open_copy(path, copy)[1]})"
    return FormatError(message, path=path, reason=defect.text, offset=defect.offset)
