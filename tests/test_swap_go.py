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
