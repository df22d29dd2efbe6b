"""Plugins for the tests, built from `plugins_c` and `plugins_go` by the real compilers."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import building
import nativeplug
from following import SETTLE, Calls, Follow, wait_until_nothing_follows
from gates import PATIENCE, Gate
from nativeplug._util import programs
from nativeplug.runtime.follow import Follower, Observer
from samples import (
    GATED_CONSTRUCTOR,
    MORE_VARIABLES,
    MORE_VARIABLES_DECLARED,
    PAIRS,
    PAIRS_DECLARED,
)
from signing import FAR, Deployed, Signer
from support import (
    EXPORTS_C,
    KINDS_C,
    KINDS_H,
    PLUGINS_C,
    PLUGINS_GO,
    ROOT,
    BuildC,
    Compile,
    CPlugin,
    OpenPlugin,
    RunPython,
)
from versions import Versions

SLOW_FIXTURES = {"go_toolchain", "run_python"}

# For the package of the benchmarks. At the end: nativeplug itself is what was installed.
sys.path.append(str(ROOT))


def pytest_configure(config: pytest.Config) -> None:
    """Let all processes of the session share what they build, and take the signals of Ctrl-C."""
    # A shell has what it starts in the background ignore them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # No example may depend on how long it takes.
    hypothesis.settings.register_profile("suite", deadline=None)
    hypothesis.settings.load_profile("suite")
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    stack.enter_context(building.session())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what builds Go plugins, or starts an interpreter of its own, as slow."""
    for item in items:
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else ()
        if not SLOW_FIXTURES.isdisjoint(fixtures):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Keep the collector off what pytest has collected: some hundred thousand objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - the hook's signature
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skipped test a failed one where everything that tests need must be there."""
    report = yield
    if report.skipped and os.environ.get("NATIVEPLUG_FORBID_SKIPS"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep parsed declarations, and the versions that were run, apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATIVEPLUG_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_limits() -> Iterator[None]:
    """Let what the library does in other processes take as long as a slow machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in (
            "loader.probe.SECONDS",
            "loader.debug_info._SECONDS",
            "runtime.handover.SECONDS",
        ):
            patch.setattr(f"nativeplug.{limit}", PATIENCE)
        yield


@pytest.fixture(scope="session")
def c_plugin(tmp_path_factory: pytest.TempPathFactory) -> CPlugin:
    """Give a function that builds ``plugins_c/<name>.c``, once, with its header beside it."""
    directory = tmp_path_factory.mktemp("plugins_c")

    def get(name: str) -> Path:
        plugin = directory / f"{name}.so"
        if not plugin.exists():
            header = PLUGINS_C / f"{name}.h"
            if header.exists():
                shutil.copy(header, directory)
            building.build(PLUGINS_C / f"{name}.c", plugin)
        return plugin

    return get


@pytest.fixture(scope="session")
def go_toolchain() -> programs.GoToolchain:
    """Give the Go toolchain; without one the test is skipped."""
    toolchain = programs.go_toolchain()
    if toolchain is None:
        pytest.skip("no Go toolchain: install Go 1.21 or later, or nativeplug[go]")
    return toolchain


@pytest.fixture(scope="session")
def go_plugin(
    go_toolchain: programs.GoToolchain, tmp_path_factory: pytest.TempPathFactory
) -> CPlugin:
    """Give a function that builds ``plugins_go/<name>``, once, with its header beside it."""
    assert go_toolchain.command.exists()  # or the test was skipped
    directory = tmp_path_factory.mktemp("plugins_go")

    def get(name: str) -> Path:
        plugin = directory / f"{name.replace('/', '_')}.so"
        if not plugin.exists():
            building.build(PLUGINS_GO / name, plugin)
        return plugin

    return get


@pytest.fixture(scope="module", params=["core", "cffi"])
def open_plugin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenPlugin]:
    """
    Give a function that opens a copy of a plugin, which no other module opens.

    What is tested through it holds for every invoker: each is a parameter of this fixture.
    """

    def open_copy(path: Path, *args: Any, **options: Any) -> nativeplug.Plugin:
        folder = tmp_path_factory.mktemp("copy")
        for file in path.parent.glob(f"{path.stem}.*"):
            shutil.copy(file, folder)
        opened: nativeplug.Plugin = nativeplug.open(folder / path.name, *args, **options)
        return opened

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATIVEPLUG_INVOKER", request.param)
        yield open_copy


@pytest.fixture
def build_c(tmp_path: Path) -> BuildC:
    """Give a function that builds C text: ``build_c(text, "name", *flags)`` -> the plugin."""

    def make(text: str, name: str = "plugin", *flags: str) -> Path:
        source = tmp_path / f"{name}.c"
        source.write_text(textwrap.dedent(text))
        return building.build(source, tmp_path / f"{name}.so", flags=flags)

    return make


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """
    Give a function that runs Python code in a process of its own: what may crash, or forks.

    Its output is not buffered: it stands in order with that of C, and a crash loses none.
    """

    def run(
        code: str, *args: str | Path, env: dict[str, str] | None = None, timeout: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-u",
                "-X",
                "faulthandler",
                "-c",
                textwrap.dedent(code),
                *map(str, args),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            cwd=tmp_path,  # not the checkout: "-c" puts the working directory first on sys.path
            env={**os.environ, **(env or {})},
        )

    return run


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Return a function that compiles C text with further flags and returns the file."""

    def compile_text(text: str, *flags: str, shared: bool = True) -> Path:
        folder = tmp_path_factory.mktemp("elf")
        source = folder / "plugin.c"
        source.write_text(text)
        options = ["-shared", "-fPIC"] if shared else []
        return building.compile_c(source, folder / "plugin.so", *options, *flags)

    return compile_text


@pytest.fixture(scope="session")
def elf_bytes(compile_c: Compile) -> bytes:
    """Return the bytes of a small plugin."""
    return compile_c(EXPORTS_C).read_bytes()


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plugin with its header beside it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "kinds.h").write_text(KINDS_H)
    (folder / "kinds.c").write_text(KINDS_C)
    return building.build(folder / "kinds.c")


@pytest.fixture(scope="session")
def bare_kinds(kinds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same plugin without a header."""
    return Path(shutil.copy(kinds, tmp_path_factory.mktemp("bare") / "kinds.so"))


@pytest.fixture
def variables(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return a fresh plugin with a variable of every kind."""
    return open_plugin(c_plugin("variables"))


@pytest.fixture
def more(open_plugin: OpenPlugin, compile_c: Compile) -> nativeplug.Plugin:
    """Return a fresh plugin with further kinds."""
    return open_plugin(compile_c(MORE_VARIABLES), MORE_VARIABLES_DECLARED)


@pytest.fixture(scope="module")
def callbacks(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return the plugin that calls back."""
    return open_plugin(c_plugin("callbacks"))


@pytest.fixture(scope="module")
def pairs(open_plugin: OpenPlugin, compile_c: Compile) -> nativeplug.Plugin:
    """Return a plugin that calls two callbacks in one call."""
    return open_plugin(compile_c(PAIRS), PAIRS_DECLARED)


@pytest.fixture
def greeter(c_plugin: CPlugin) -> Iterator[nativeplug.Plugin]:
    """Give an open plugin; it is closed after the test."""
    with nativeplug.open(c_plugin("greeter")) as plg:
        yield plg


@pytest.fixture
def gated(
    compile_c: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Gate]]:
    """Give a plugin whose constructor notes its runs in the file ``log`` beside, and its gate."""
    path = Path(shutil.copy(compile_c(GATED_CONSTRUCTOR), tmp_path / "gated.so"))
    monkeypatch.setenv("NATIVEPLUG_CONSTRUCTOR_LOG", str(tmp_path / "log"))
    with Gate() as gate:
        monkeypatch.setenv("NATIVEPLUG_GATE", f"{gate.arrived} {gate.opened}")
        yield path, gate


@pytest.fixture
def calls() -> Calls:
    """Give a function that notes its calls."""
    return Calls()


@pytest.fixture
def follow(calls: Calls) -> Iterator[Follow]:
    """Give a function that starts a follower, which is done with the file that it finds first."""
    made: list[Follower] = []

    def start(path: Path | str, changed: Callable[[], bool] = calls) -> Follower:
        found = threading.Event()
        function: Callable[[], object] = found.set

        def call() -> bool:
            return function() is not False

        made.append(Follower(Observer(str(path), call, settle=SETTLE)))
        made[-1].start()
        assert found.wait(PATIENCE)
        function = changed
        return made[-1]

    yield start
    for follower in made:
        follower.stop()
    wait_until_nothing_follows()


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """Give a file to follow, in a directory of its own."""
    path = tmp_path / "v1" / "plugin.so"
    path.parent.mkdir()
    path.write_text("1")
    return path


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    """Give a plugin's file, and what puts versions of it in place."""
    return Versions(tmp_path)


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signer:
    """Give a fresh key, and a version store that knows of no version."""
    monkeypatch.setenv("NATIVEPLUG_STATE_DIR", str(tmp_path / "state"))
    return Signer()


@pytest.fixture
def deployed(versions: Versions, signer: Signer, tmp_path: Path) -> Deployed:
    """Give version 1, signed with a version and a date."""
    made = Deployed(versions, signer, tmp_path)
    made.put(1, "version:1", FAR)
    return made


@pytest.fixture(params=["core", "cffi"])
def called_by_each(
    request: pytest.FixtureRequest, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> Versions:
    """Give the same, to be called by each invoker."""
    monkeypatch.setenv("NATIVEPLUG_INVOKER", request.param)
    return versions
