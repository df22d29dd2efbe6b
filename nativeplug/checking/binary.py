"""What is checked of a file as the dynamic loader sees it, and by loading it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from nativeplug.checking.report import SEARCH_PATH, Check, judged, not_checked, ok
from nativeplug.elf import defects, elffile, facts, hardening
from nativeplug.elf.dependencies import SearchPaths
from nativeplug.errors import OpenError
from nativeplug.loader import linking, private_copy, probe
from nativeplug.loader.files import Content
from nativeplug.loader.generation import find_resident_reason
from nativeplug.trust import libraries

if TYPE_CHECKING:
    from nativeplug.elf.elffile import File

FLOATS: Final = "floating point"
#: What is checked of its place among others.
LINKING: Final = ("libraries", "own symbols")
# What is said of a file that has what can be wanted.
_HARDENED: Final = {
    "nx": "its stack is not executable",
    "relro": "what it relocates becomes read-only",
    "bind_now": "its functions are bound when it is loaded",
    "no_textrel": "nothing writes to its code",
}


def check_structure(data: File) -> Iterator[Check]:
    """Check what the dynamic loader follows in a file, and for which process the file is."""
    target, host = elffile.Target.of(data), elffile.host_target()
    if target is None:
        yield not_checked("architecture", "the file does not tell it")
    elif target != host:
        found = defects.find_defect(data)
        yield judged("architecture", [found.text] if found else [], str(target))
    else:
        yield ok("architecture", str(target))
    defect = defects.find_defect(data, target, defects.ANY_LIBC)
    if defect is not None:
        yield Check("structure", "finding", (defect.text,), defect.offset)
        yield not_checked("libc", "the structure is not sound")
    elif target is None or not defects.is_checked(target):
        yield ok("structure", f"header and segments; what is in them is not checked of {target}")
        yield not_checked("libc", f"it is not told of {target}")
    else:
        yield ok("structure", "all that the dynamic loader follows leads somewhere")
        yield _check_libc(data, target)


def _check_libc(data: File, target: elffile.Target) -> Check:
    defect = defects.find_defect(data, target)
    if defect is not None:
        return Check("libc", "finding", (defect.text,), defect.offset)
    libcs = [
        name for name, each in defects.LIBCS.items() if not defects.find_defect(data, target, each)
    ]
    return ok("libc", "any" if len(libcs) > 1 else libcs[0])


def check_linking(content: Content) -> Iterator[Check]:
    """Check that what a file needs of others is there, and that its own symbols stay its own."""
    if content.defect is not None:
        yield from (not_checked(name, "it cannot be loaded here") for name in LINKING)
        return
    try:
        found = linking.find(content)
    except linking.LinkingError as error:
        yield from (not_checked(name, str(error)) for name in LINKING)
        return
    yield judged("libraries", found.missing, "all that it needs of others is there")
    interposed = (
        f"its own calls of {name!r} reach the program's function of that name: hide it "
        "(static, -fvisibility=hidden, -Wl,-Bsymbolic), or open it with deep_bind=True"
        for name in sorted(_strong_functions(content, found.interposed))
    )
    yield judged("own symbols", interposed, "its own calls of what it exports stay in it")


def _strong_functions(content: Content, names: Collection[str]) -> Iterator[str]:
    """Give those of the names that are functions, but for weak ones: they may be replaced."""
    for symbol in facts.read(io.BytesIO(content.data)).functions if names else ():
        if symbol.name in names and not symbol.weak:
            yield symbol.name


def check_hardening(content: Content, wanted: Collection[str]) -> Iterator[Check]:
    """Check what a file asks for its own protection; only what is *wanted* is a finding."""
    for name, text in _HARDENED.items():
        missing = [*hardening.find_missing(content.data, frozenset({name}))]
        yield _hardening(name, missing, text, wanted)
    is_told = bool(SearchPaths.of(content.data).directories)
    text = "nobody else can write to them" if is_told else "it names no directories"
    faults = [*find_search_faults(content, {0, os.geteuid()})]
    yield _hardening(SEARCH_PATH, faults, text, wanted)


def hardening_title(name: str) -> str:
    """Return what the check of one of `HARDENING` is called."""
    return f"hardening {name}"


def _hardening(name: str, faults: list[str], text: str, wanted: Collection[str]) -> Check:
    title = hardening_title(name)
    if faults and name not in wanted:
        return Check(title, "not asked for", tuple(faults))
    return judged(title, faults, text)


def check_floats(data: File) -> Check:
    """Check whether a constructor alters how the thread that loads a file computes."""
    names = elffile.find_section(data, ".strtab")
    if names is None:
        return not_checked(FLOATS, "its own functions have no names (stripped): --probe tells")
    # What crtfastmath.o of GCC and Clang, which -ffast-math may link, has.
    start, end = (min(each, len(data)) for each in (names.offset, names.end))
    found = data.find(b"\0set_fast_math\0", start, end)
    if found < 0:
        return ok(FLOATS, "it is not linked with -ffast-math")
    text = "it is linked with -ffast-math: its constructor makes denormal numbers zero"
    return Check(FLOATS, "finding", (f"{text}, in the thread that loads it",), found + 1)


def find_search_faults(content: Content, trusted: Collection[int]) -> Iterator[str]:
    """
    Say where others could put libraries for a plugin, a reason each.

    Args:
        content: The plugin's.
        trusted: The users that may.
    """
    place = content.place.path if content.place is not None else None
    here = place or os.path.realpath(content.path)
    return libraries.find_faults(content.data, here, trusted)


def check_loading(content: Content) -> Check:
    """Load a file in a process of its own; its constructors run there."""
    path = content.path
    if content.defect is not None:
        return not_checked("probe", "it cannot be loaded here")
    try:
        made = private_copy.copy(path, content.data, content.sha256, file=content.file)
        with contextlib.closing(made) as copy:
            unloads = find_resident_reason(content.file) is None
            probed = probe.probe_copy(path, copy, unloads=unloads)
    except OpenError as error:
        return not_checked("probe", error.reason)
    findings = filter(None, (probed.death, probed.refusal, *probed.altered))
    done = "loaded and unloaded" if unloads else "loaded"
    return judged("probe", findings, f"a process of its own has {done} it")
