"""Updates of Go plugins: each generation brings a runtime of its own, and stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nativeplug
from support import CPlugin, RunPython, needs_go

FREE = {"GetName": "free"}


@needs_go
def test_update(go_plugin: CPlugin, tmp_path: Path) -> None:
    """Kept functions and variables are the new version's, and go back with a rollback."""
    source = go_plugin("greeter")
    shutil.copy(source.with_suffix(".h"), tmp_path)
    path = Path(shutil.copy(source, tmp_path))
    plg = nativeplug.open(path, free=FREE, unload="when_idle")
    name, add, variable = plg.GetName, plg.Add, plg.lookup("Name")
    assert ("world", 5, "world") == (name(), add(2, 3), variable.value)  # type: ignore[union-attr]

    following = tmp_path / "following"
    following.write_bytes(path.read_bytes().replace(b"world\0", b"earth\0"))
    os.replace(following, path)

    assert "updated" == plg.update()
    assert ("earth", 5, "earth") == (name(), add(2, 3), variable.value)  # type: ignore[union-attr]
    states = [each.state for each in plg.generations]
    assert ["resident (Go cannot be unloaded)", "current"] == states

    plg.rollback()
    assert "world" == name()


@needs_go
def test_no_room_for_a_runtime(go_plugin: CPlugin, run_python: RunPython, tmp_path: Path) -> None:
    """When there is no more room for runtimes, the current one serves on, and help is offered."""
    path = shutil.copy(go_plugin("greeter"), tmp_path)
    code = """
        import pathlib, sys, nativeplug
        path = pathlib.Path(sys.argv[1])
        data = path.read_bytes()
        plg = nativeplug.open(path, "long long Add(long long a, long long b);")
        try:
            for number in range(80):
                path.write_bytes(data + bytes([number]))
                plg.update()
        except nativeplug.UpdateError as error:
            print(error.reasons[0])
        print(plg.Add(2, 3), plg.generation == len(plg.generations) > 10)
    """
    few = "glibc.rtld.optional_static_tls=0:glibc.rtld.nns=1"  # or two hundred would fit
    done = run_python(code, path, env={"GLIBC_TUNABLES": few})
    reason, served = done.stdout.splitlines()

    assert "5 True" == served
    assert "cannot allocate memory in static TLS block" in reason
    assert "GLIBC_TUNABLES=" in reason


class TestInit:
    """Go's init functions, which run in a thread once the file is loaded."""

    CODE = """
        import os, sys, threading, nativeplug
        from nativeplug.runtime import handover
        path, following, said, word, options = sys.argv[1:]
        plg = nativeplug.open(path, **eval(options))
        plg.Add(1, 1)  # its own init functions have run
        open(said, "w").write(word)
        os.rename(following, path)
        handover.SECONDS = 0.5 if word == "block" else handover.SECONDS
        def refuse(thread):
            raise RuntimeError("can't start new thread")
        if word == "no thread":
            threading.Thread.start = refuse
        try:
            print(plg.update(), os.path.exists("made"), plg.Add(2, 3))
        except nativeplug.UpdateError as error:
            print(*error.reasons)
            print(plg.generation, plg.Add(2, 3))
        os._exit(0)
    """

    def run(
        self, go_plugin: CPlugin, run_python: RunPython, folder: Path, word: str, **options: object
    ) -> list[str]:
        """Update to a version whose init function does what a word says; return what is told."""
        source = go_plugin("inits")
        path = Path(shutil.copy(source, folder / "plugin.so"))
        following = folder / "following.so"
        following.write_bytes(source.read_bytes() + b"x")  # another content
        shutil.copy(source.with_suffix(".h"), folder / "plugin.h")
        said = folder / "said"
        env = {"NATIVEPLUG_GO_INIT": str(said)}
        done = run_python(self.CODE, path, following, said, word, repr(options), env=env)
        return done.stdout.splitlines() or done.stderr.splitlines()

    @needs_go
    def test_fails_late(self, go_plugin: CPlugin, run_python: RunPython, tmp_path: Path) -> None:
        """A version whose init function panics after a while is refused."""
        told, served = self.run(go_plugin, run_python, tmp_path, "late")
        assert told.endswith(": panic: no database")
        assert "1 5" == served

    @needs_go
    def test_waited_for(self, go_plugin: CPlugin, run_python: RunPython, tmp_path: Path) -> None:
        """A version serves once its init functions have run."""
        told = self.run(go_plugin, run_python, tmp_path, "create made", probe=False)
        assert ["updated True 5"] == told

    @needs_go
    def test_blocks(self, go_plugin: CPlugin, run_python: RunPython, tmp_path: Path) -> None:
        """A version whose init function does not end is refused, also without a probe."""
        told = self.run(go_plugin, run_python, tmp_path, "block", probe=False)
        assert ["its init functions did not end within 0.5 s", "1 5"] == told

    @needs_go
    def test_no_thread(self, go_plugin: CPlugin, run_python: RunPython, tmp_path: Path) -> None:
        """Where no thread can be started that waits for them, the version is refused."""
        told = self.run(go_plugin, run_python, tmp_path, "no thread", probe=False)
        reason = "its init functions cannot be waited for: can't start new thread"
        assert [reason, "1 5"] == told
