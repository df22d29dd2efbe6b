"""Files that are refused for what they are: no plugins, damaged ones, deadly ones."""

from __future__ import annotations

import multiprocessing.spawn
import os
from collections.abc import Callable
from unittest import mock

import damages
from damages import Damage, Parts
from elf_parts import PT_NOTE
from nativeplug import FormatError, OpenError, Policy
from nativeplug.elf.elffile import ElfFile
from nativeplug.elf.numbers import PT_DYNAMIC, PT_LOAD
from nativeplug.loader import probe
from refusals import DECLARED, PLAIN, TELLING, Refusal, Stage, as_file, asking, compiled, put_next
from support import E_MACHINE, E_PHNUM, E_TYPE, patched

_FLAGS_1, _PIE = 0x6FFFFFFB, 0x0800_0000
_NO_MACHINE = 0xFEED


def _no_elf(name: str, data: bytes, words: str) -> Refusal:
    return Refusal(name, FormatError, words, as_file(data), would_run=False)


def _changed(name: str, words: str, change: Callable[[bytes], bytes]) -> Refusal:
    def put(stage: Stage) -> None:
        stage.put(change(stage.compiled(TELLING)))

    return Refusal(name, FormatError, words, put, would_run=False)


def _field(name: str, words: str, place: int, form: str, value: int) -> Refusal:
    return _changed(name, words, lambda data: patched(data, place, f"<{form}", value))


def _without_dynamic_section(data: bytes) -> bytes:
    return Parts(data).put(Parts(data).segment(PT_DYNAMIC), "I", PT_NOTE)[0]


def _cut(share: int) -> Callable[[bytes], bytes]:
    """Return what keeps so many hundredths of what is loaded of a file."""

    def cut(data: bytes) -> bytes:
        segments = ElfFile.of(data).segments
        return data[: share * max(e.end for e in segments if e.kind == PT_LOAD) // 100]

    return cut


def _in_its_place(make: Callable[[Stage], object]) -> Callable[[Stage], None]:
    """Return what removes the file, and makes something else there."""

    def put(stage: Stage) -> None:
        stage.path.unlink(missing_ok=True)
        make(stage)

    return put


_MUSL = (
    'const char name[] __attribute__((section(".interp"))) = "/lib/ld-musl-x86_64.so.1";\n' + PLAIN
)
NO_FILES = tuple(
    Refusal(name, OpenError, words, _in_its_place(make), ways=("open", "update"), would_run=False)
    for name, words, make in (
        ("no file", "No such file or directory", lambda _stage: None),
        ("a directory", "directory", lambda stage: stage.path.mkdir()),
        ("a pipe", "not a regular file", lambda stage: os.mkfifo(stage.path)),
        ("a link to itself", "Too many levels", lambda stage: stage.path.symlink_to("plugin.so")),
    )
)
NO_PLUGINS = (
    _no_elf("empty", b"", "the file is empty"),
    _no_elf("zeros", bytes(9999), "not an ELF file: it begins with zero bytes"),
    _no_elf("text", b"This is no plugin.\n", "not an ELF file but text"),
    _no_elf("a script", b"#!/bin/sh\n", "not an ELF file but a script"),
    _no_elf("an archive", b"!<arch>\n", "an ar archive"),
    _no_elf("a linker script", b"/* GNU ld script */", "a linker script"),
    _no_elf("a Git LFS pointer", b"version https://git-lfs", "a Git LFS pointer"),
    _no_elf("a DLL", b"MZ" + bytes(99), "a Windows PE file"),
    _no_elf("a dylib", b"\xcf\xfa\xed\xfe" + bytes(99), "a Mach-O file"),
    _no_elf("WebAssembly", b"\x00asm" + bytes(99), "a WebAssembly module"),
    _no_elf("noise", b"\x80\x81\xff" * 99, "not an ELF file"),
    _no_elf("the magic number alone", b"\x7fELF", "truncated: the file has only 4 bytes"),
    _changed("half an ELF header", "truncated: the ELF header ends", lambda data: data[:40]),
    *(_changed(f"{n} % of it", "truncated: ", _cut(n)) for n in (1, 10, 50, 90, 99)),
    _field("another machine", "built for ", E_MACHINE, "H", _NO_MACHINE),
    _field("another word size", "built for ", 4, "B", 1),
    _field("another byte order", "built for ", 5, "B", 2),
    _field("no word size", "no word size or byte order", 4, "B", 9),
    _field("an object file", "a relocatable object file", E_TYPE, "H", 1),
    _field("an executable", "but an executable", E_TYPE, "H", 2),
    _field("a core dump", "a core dump", E_TYPE, "H", 4),
    _field("no segments", "it has no dynamic section", E_PHNUM, "H", 0),
    _changed("no dynamic section", "it has no dynamic section", _without_dynamic_section),
    _changed(
        "a position-independent executable",
        "a position-independent executable",
        lambda data: Parts(data).add(_FLAGS_1, _PIE)[0],
    ),
    Refusal("another libc", FormatError, "built for musl", compiled(_MUSL)),
    Refusal(
        "an executable stack",
        FormatError,
        "executable stack",
        compiled(TELLING, "-Wl,-z,execstack"),
    ),
)


def of_damages(sound: Callable[[Stage], bytes]) -> tuple[Refusal, ...]:
    """Return a refusal for each damage that a file can have; *sound* gives it undamaged."""

    def refusal(damage: Damage) -> Refusal:
        def put(stage: Stage) -> None:
            stage.put(damage.make(Parts(sound(stage)))[0])

        return Refusal(
            damage.name,
            FormatError,
            rf"{damage.text} \(byte 0x",
            put,
            asking("int use(void);"),
            sound=sound,
            would_run=False,
        )

    return tuple(map(refusal, damages.DAMAGES))


def _dying(statement: str) -> str:
    """Return a plugin that ends the process in a probe, and no other."""
    head = "#define _GNU_SOURCE\n#include <pthread.h>\n#include <signal.h>\n#include <unistd.h>\n"
    die = f'static void die(void) {{ if (getenv("NATIVEPLUG_PROBE")) {{ {statement} }} }}'
    start = "__attribute__((constructor)) static void deadly(void) { die(); }"
    return f"{head}{TELLING}{die}\n{start}"


def _probed(name: str, statement: str, words: str) -> Refusal:
    put = compiled(_dying(statement), "-pthread")
    return Refusal(name, FormatError, words, put, asking(probe=True))


def _impatient(stage: Stage) -> None:
    compiled(_dying("for (;;) pause();"))(stage)
    stage.enter_context(mock.patch.object(probe, "SECONDS", 0.2))


def _without_python(stage: Stage) -> None:
    put_next(stage)
    stage.callback(multiprocessing.set_executable, multiprocessing.spawn.get_executable())
    multiprocessing.set_executable("/nowhere/python")


PROBED = (
    _probed("a crash", "signal(SIGSEGV, SIG_DFL); raise(SIGSEGV);", "killed by SIGSEGV"),
    _probed("an abort", "abort();", "killed by SIGABRT"),
    _probed("an exit", "exit(0);", "exited with status 0"),
    _probed("an exit without a word", "_exit(3);", "exited with status 3"),
    Refusal("a hang", FormatError, "did not end within 0.2 s", _impatient, asking(probe=True)),
    Refusal(
        "no probe can be made", OpenError, "/nowhere/python", _without_python, asking(probe=True)
    ),
    Refusal(
        "a crash that the policy looks for",
        FormatError,
        "killed by SIGABRT",
        compiled(_dying("abort();")),
        lambda _stage: {"declarations": DECLARED, "policy": Policy(probe=True)},
        ways=("open",),
    ),
)

LOADED = (
    Refusal(
        "an undefined symbol",
        OpenError,
        "undefined symbol: nowhere",
        compiled(f"{TELLING} void nowhere(void); void go(void) {{ nowhere(); }}"),
        would_run=False,
    ),
    Refusal(
        "a library that is missing",
        OpenError,
        "libn.so.6: cannot open shared object file",
        lambda stage: stage.put(stage.compiled(TELLING).replace(b"libc.so.6", b"libn.so.6")),
        would_run=False,
    ),
)
