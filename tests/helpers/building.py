"""
Build plugins for the tests, each text once in a session, whichever of its processes asks first.

Tests of `nativeplug.build` itself call that; all others call `build` and `compile_c` of here,
which give each caller a file of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from nativeplug import build as nativeplug_build
from nativeplug._util import programs

#: Names the directory of what the session has built, which the processes that it starts inherit.
VARIABLE = "NATIVEPLUG_TESTS_BUILT"
# A package beside a Go package, in whose go.mod it takes the place of another.
_REPLACED = re.compile(r"=> \.\./(\w+)")
#: What a compiler takes from the environment.
_SETTINGS = ("CC", "CFLAGS", "LDFLAGS", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "PATH")


@contextlib.contextmanager
def session() -> Iterator[None]:
    """Keep what is built, for this process and those that it starts, until the end."""
    if VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="nativeplug-tests-") as folder:
        os.environ[VARIABLE] = folder
        yield
        del os.environ[VARIABLE]


def build(source: Path, target: Path | None = None, *, flags: Sequence[str] = ()) -> Path:
    """Build a plugin from a C file or a Go package, as `nativeplug.build.build` does."""
    target = target or source.with_suffix(".so")

    def make(source: Path, made: Path) -> None:
        nativeplug_build.build(source, made, flags=flags)

    return _once([], flags, source, target, make)


def compile_c(
    source: Path, target: Path, *flags: str, compiler: Sequence[str] | None = None
) -> Path:
    """Compile a C file with these flags alone, by the machine's compiler or another one."""
    command = compiler or programs.c_compiler()
    assert command is not None

    def make(source: Path, made: Path) -> None:
        options = [*command, "-o", str(made), str(source), *flags]
        subprocess.run(options, check=True, capture_output=True)

    return _once(command, flags, source, target, make)


def _once(
    command: Sequence[str],
    flags: Sequence[str],
    source: Path,
    target: Path,
    make: Callable[[Path, Path], None],
) -> Path:
    """
    Put a new file at *target*: a copy of what *make* made before in this session, or makes now.

    It is made in a place that does not depend on who asks: debug information names it. Flags that
    name files are taken to name others each time.
    """
    folder = os.environ.get(VARIABLE)
    if folder is None or any("/" in flag for flag in flags):
        make(source, target)
        return target
    files = {path.relative_to(source.parent): path.read_bytes() for path in _files(source)}
    built = Path(folder, _digest([*command, *flags, source.name, target.name], files))
    with open(f"{built}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            sources, room = Path(f"{built}.sources"), Path(f"{built}.new")
            for name, content in files.items():
                (sources / name).parent.mkdir(parents=True, exist_ok=True)
                (sources / name).write_bytes(content)
            room.mkdir(exist_ok=True)
            make(sources / source.name, room / target.name)
            room.rename(built)
    for file in built.iterdir():  # Go writes a header, too
        beside = target.with_name(f".{file.name}.new")
        shutil.copy(file, beside)
        os.replace(beside, target.with_name(file.name))
    return target


def _files(source: Path) -> Iterator[Path]:
    """Find what the compiler may read: a C file and the headers beside it, or a whole package."""
    if source.is_dir():
        beside = _REPLACED.findall((source / "go.mod").read_text(encoding="utf-8"))
        folders = [source, *(source.parent / name for name in beside)]
        files = [path for folder in folders for path in folder.rglob("*")]
    else:
        files = [source, *source.parent.glob("*.h")]
    return (path for path in sorted(files) if path.is_file())


def _digest(words: Sequence[str], files: Mapping[Path, bytes]) -> str:
    settings = [os.environ.get(name) for name in _SETTINGS]
    return hashlib.sha256(repr((words, settings, [*files.items()])).encode()).hexdigest()
