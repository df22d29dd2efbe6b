"""
Turn C and Go sources into a plugin.

Each build happens in a temporary directory beside the output and is moved into place at its end:
a failed or interrupted build leaves the old plugin as it was, and nobody ever sees half a file.
"""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nativeplug._util import programs
from nativeplug._util.directories import get_include
from nativeplug._util.storage import Directory
from nativeplug.errors import BuildError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["build"]

_log = logging.getLogger(__name__)

# A function that nobody declared is taken to return int: that cuts pointers in half.
_C_FLAGS = (
    *("-std=gnu11", "-O2", "-g", "-fPIC", "-shared"),
    *("-Wall", "-Werror=implicit-function-declaration"),
)

# Version control stamps would fail in a checkout that belongs to somebody else, and would give
# every commit another file.
_GO_FLAGS = ("-buildmode=c-shared", "-trimpath", "-buildvcs=false")


def build(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    flags: Sequence[str] = (),
) -> Path:
    """
    Build a plugin from a C file, a directory of C files, or the directory of a Go package.

    C is compiled by ``$CC``, else ``cc``, ``gcc`` or ``clang``, with ``$CFLAGS`` and ``$LDFLAGS``.
    Go is ``go`` on ``PATH``, else the one of ``nativeplug[go]``; Go also writes a header beside
    the plugin, with the same stem.

    Args:
        source: The C file or the directory.
            A directory that holds Go files is a Go package, whatever else it holds.
        output: The plugin to write; by default it stands beside *source*, with its name:
            ``greeter.c`` and ``greeter/`` give ``greeter.so``.
        flags: Further arguments for the compiler, such as ``["-lm"]``, or for ``go build``.

    Returns:
        The path of the plugin.

    Raises:
        BuildError: There is nothing to build, or a toolchain is missing, or it failed;
            ``output`` then has all that it said. An older plugin at *output* is left as it was.

    Thread safety: safe to call from several threads; of two builds of one output the last one wins.
    """
    source = Path(source)
    target = _default_output(source) if output is None else Path(output)
    try:
        if not source.is_dir():
            return _build_c(source, [_c_file(source)], target, flags)
        if _files(source, ".go"):
            return _build_go(source, target, flags)
        return _build_c(source, _c_files(source), target, flags)
    except OSError as error:
        raise BuildError(f"cannot build '{source}': {error}") from error


def _default_output(source: Path) -> Path:
    """
    Name the plugin after its *source*, and put it beside it.
    """
    if source.name in {"", ".."}:  # "." and ".." do not say what they are called
        source = source.resolve()
    name = source.name if source.is_dir() else source.stem
    return source.with_name(f"{name}.so")


def _c_file(source: Path) -> Path:
    """
    Check that *source* is a C file.
    """
    if not source.exists():
        raise BuildError(f"cannot build '{source}': no such file or directory")
    if source.suffix == ".go":
        raise BuildError(f"cannot build '{source}': name the directory of the Go package instead")
    if source.suffix != ".c":
        raise BuildError(f"cannot build '{source}': neither a C file nor a directory")
    return source


def _c_files(folder: Path) -> list[Path]:
    """
    List the C files of *folder*, of which there must be one.
    """
    found = _files(folder, ".c")
    if not found:
        raise BuildError(f"cannot build '{folder}': the directory holds neither C nor Go files")
    return found


def _files(folder: Path, suffix: str) -> list[Path]:
    """
    List the files in *folder* that end in *suffix*, in the same order on every machine.
    """
    return sorted(path for path in folder.iterdir() if path.suffix == suffix and path.is_file())


def _build_c(source: Path, files: list[Path], target: Path, flags: Sequence[str]) -> Path:
    """
    Compile and link *files* into *target*.
    """
    compiler = _require_c_compiler(source)
    with _workshop(target) as room:
        made = Path(room, target.name)
        options = [*compiler, *_C_FLAGS, f"-I{get_include()}", *_words("CFLAGS"), "-o"]
        # The user's flags come last: they override ours, and a "-l" works only after the files.
        _run(source, [*options, made, *files, *_words("LDFLAGS"), *flags])
        made.replace(target)
    return target


def _build_go(source: Path, target: Path, flags: Sequence[str]) -> Path:
    """
    Build the Go package in *source* into *target*, and its header beside it.
    """
    toolchain = programs.go_toolchain()
    if toolchain is None:
        least = ".".join(map(str, programs.GO_MINIMUM))
        raise BuildError(
            f"cannot build '{source}': no Go toolchain of version {least} or later; "
            "install Go, or the extra 'nativeplug[go]'"
        )
    environment = go_environment(toolchain, _require_c_compiler(source))
    with _workshop(target) as room:
        made = Path(room, target.name).absolute()
        options = ["build", *_GO_FLAGS, "-o", str(made), *flags, "."]
        _run(source, [toolchain.command, *options], folder=source, environment=environment)
        header = made.with_suffix(".h")
        if header.exists():  # a package that exports nothing has none
            _tell(made, header, target)
            # Before the plugin: whoever sees the new plugin finds its declarations with it.
            header.replace(target.with_suffix(".h"))
        made.replace(target)
    return target


def _tell(made: Path, header: Path, target: Path) -> None:
    """
    Put what cgo's *header* declares into the plugin, which otherwise serves without it.
    """
    from nativeplug.build.embed import embed_source  # the parser: only Go needs it
    from nativeplug.declare.sources import from_caller

    try:
        source = replace(from_caller(header), name=str(target.with_suffix(".h")))
        embed_source(made, str(target), source, keep=True)
    except PluginError as error:
        _log.warning("%s will not tell of itself: %s", target, error)


def _require_c_compiler(source: Path) -> list[str]:
    """
    Find the C compiler, which Go needs too.
    """
    compiler = programs.c_compiler()
    if compiler is not None:
        return compiler
    wanted = os.environ.get("CC", "").strip()
    reason = f"CC='{wanted}' names no program" if wanted else "no C compiler; install gcc or clang"
    raise BuildError(f"cannot build '{source}': {reason}")


def _words(variable: str) -> list[str]:
    """
    Split an environment *variable* as a shell does.
    """
    text = os.environ.get(variable, "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BuildError(f"cannot use {variable}={text!r}: {error}") from None


def _workshop(target: Path) -> tempfile.TemporaryDirectory[str]:
    """
    Make a temporary directory on the file system of *target*: only there is a move atomic.
    """
    if not target.parent.is_dir():
        raise BuildError(f"cannot build '{target}': there is no directory '{target.parent}'")
    return tempfile.TemporaryDirectory(prefix=f".{target.stem}-", dir=target.parent)


def _run(
    source: Path,
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """
    Run a compiler, log its warnings, and turn its failure into a BuildError.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        reason = _complaint(done.stdout) or f"exit status {done.returncode}"
        raise BuildError(f"cannot build '{source}': {reason}", output=done.stdout)
    if done.stdout.strip():
        _log.warning("%s", done.stdout.strip())


def _complaint(output: str) -> str:
    """
    Pick the line of a compiler's *output* that says what is wrong.
    """
    # Go heads the complaints about a package with "# package".
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("# ")]
    errors = (line for line in lines if "error:" in line)
    return next(errors, lines[0] if lines else "").strip()


# Make the environment in which ``go build`` runs.
#
# ``GOFLAGS``, ``GOPROXY`` and the rest of the user's settings are passed on as they are.


if TYPE_CHECKING:
    from collections.abc import Sequence

    from nativeplug._util.programs import GoToolchain


def go_environment(toolchain: GoToolchain, compiler: Sequence[str]) -> dict[str, str]:
    """
    Make the environment for a build by *toolchain* with the C *compiler*.

    Args:
        toolchain: The Go toolchain.
        compiler: The C compiler for cgo, which otherwise looks for ``gcc`` alone.

    Returns:
        The whole environment, that of this process included.
    """
    return {
        **_caches(),
        **os.environ,
        **toolchain.environment,
        "CC": shlex.join(compiler),
        # Compilers look there last. Go's own variables for flags would take the place of what
        # ``go env -w`` has noted, and be part of the key of all that Go keeps.
        "CPATH": os.pathsep.join(filter(None, (os.environ.get("CPATH"), get_include()))),
        "CGO_ENABLED": "1",
        "GOTOOLCHAIN": "local",  # never download another Go
    }


def _caches() -> dict[str, str]:
    """
    Give Go a place for its caches where the user has none.

    Go finds it through ``XDG_CACHE_HOME`` and ``HOME`` (``go help cache``) and refuses to work
    when both are unset or cannot be written.
    """
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (home and str(Path(home, ".cache")))
    if home and cache and _writable(Path(home)) and _writable(Path(cache)):
        return {}
    folder = _private_folder()
    return {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}


def _writable(folder: Path) -> bool:
    """
    Tell whether *folder* can be written, or made.
    """
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def _private_folder() -> Path:
    """
    Make a directory for caches that outlives this process and that nobody else can write.
    """
    try:
        path = Path(tempfile.gettempdir(), f"nativeplug-go-{os.geteuid()}")
        with Directory.open(path) as directory:
            return Path(directory.path)
    except OSError:
        # Somebody else was faster, in a directory that is open to all: do not build from theirs.
        return Path(tempfile.mkdtemp(prefix="nativeplug-go-"))
