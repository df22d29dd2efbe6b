"""Map a plugin's file itself: in_place of open."""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import OpenError, UpdateError
from nativeplug.loader import in_place
from samples import SEVEN
from support import BuildC, CPlugin, RunPython
from versions import Versions

LEVEL = (
    "static int level; void set_level(int l) { level = l; } int get_level(void) { return level; }"
)
DECLARED = "void set_level(int level); int get_level(void);"
RESIDENT = "its file itself is mapped (in_place=True)"
_open: Any = nativeplug.open


@pytest.fixture
def path(build_c: BuildC) -> Path:
    """Give a plugin with a variable."""
    return build_c(LEVEL)


class TestShared:
    """One file, one set of variables."""

    def test_loaded_before(self, path: Path) -> None:
        """What the process has loaded already is shared, by whichever path."""
        other = ctypes.CDLL(str(path))
        other.set_level(5)
        link = path.with_name("link.so")
        link.symlink_to(path)
        with _open(link, DECLARED, in_place=True) as plg:
            assert 5 == plg.get_level()
            plg.set_level(9)
            assert 9 == other.get_level()

    def test_loaded_later(self, path: Path) -> None:
        """So is what is loaded later."""
        with _open(path, DECLARED, in_place=True) as plg:
            plg.set_level(3)
            assert 3 == ctypes.CDLL(str(path)).get_level()

    def test_needed(self, build_c: BuildC, tmp_path: Path) -> None:
        """So is what a library of the process needs."""
        core = build_c(LEVEL, "libcore", f"-Wl,-soname,libcore_{os.getpid()}.so")
        core = core.rename(tmp_path / f"libcore_{os.getpid()}.so")
        text = "int get_level(void); int user_level(void) { return get_level(); }"
        user = build_c(text, "user", str(core), "-Wl,-rpath,$ORIGIN")
        with (
            _open(user, "int user_level(void);", in_place=True) as above,
            _open(core, DECLARED, in_place=True) as plg,
        ):
            plg.set_level(11)
            assert 11 == above.user_level()

    def test_closed(self, path: Path) -> None:
        """It stays when it is closed, and is there when it is opened again."""
        with _open(path, DECLARED, in_place=True, unload="when_idle") as plg:
            plg.set_level(4)
        assert [f"resident ({RESIDENT})"] == [info.state for info in plg.generations]
        with _open(path, DECLARED, in_place=True) as plg:
            assert 4 == plg.get_level()

    def test_go(self, go_plugin: CPlugin, tmp_path: Path) -> None:
        """A Go plugin as well."""
        with _open(shutil.copy(go_plugin("greeter"), tmp_path), in_place=True) as plg:
            assert 5 == plg.Add(2, 3)

    def test_probe(self, path: Path) -> None:
        """It is probed where that is asked for."""
        with _open(path, DECLARED, in_place=True, probe=True) as plg:
            assert 0 == plg.get_level()


class TestReplaced:
    """A file that is not what is mapped any more."""

    def test_never_updated(self, versions: Versions) -> None:
        """It serves on; an update, and opening it again, say why."""
        versions.put(1)
        plg: Any = versions.open(in_place=True)
        assert "unchanged" == plg.update()
        versions.put(2)
        reason = f"{RESIDENT}, so it is never replaced: restart the program"
        for update in (plg.update, lambda: _open(versions.path, in_place=True)):
            with pytest.raises(UpdateError) as caught:
                update()
            assert (reason,) == caught.value.reasons
        assert 1 == plg.version()
        plg.close()

    def test_after_closing(self, versions: Versions) -> None:
        """Once it is closed, the new file is mapped, though the old one has its name."""
        versions.put(1)
        with versions.open(in_place=True) as plg:
            assert 1 == plg.version()
        versions.put(2)
        with _open(versions.path, "int64_t version(void);", in_place=True) as plg:
            assert 2 == plg.version()

    def test_touched(self, path: Path) -> None:
        """A file whose times alone have changed is the same."""
        with _open(path, DECLARED, in_place=True) as plg:
            path.touch()
            assert plg is _open(path)

    def test_followed(self, path: Path) -> None:
        """It is not followed."""
        with pytest.raises(ValueError, match=r"^follow=True has nothing to do: its file itself"):
            _open(path, DECLARED, in_place=True, follow=True)
        with (
            _open(path, DECLARED, in_place=True) as plg,
            pytest.raises(UpdateError, match=r"so it is never updated$"),
        ):
            plg.follow()

    def test_between(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is replaced after it was checked is checked again."""
        named = in_place.name_of

        def replaced(*args: Any) -> str:
            monkeypatch.undo()
            shutil.copy(path, path.with_name("other.so"))
            path.with_name("other.so").replace(path)
            return named(*args)

        monkeypatch.setattr(in_place, "name_of", replaced)
        with _open(path, DECLARED, in_place=True) as plg:
            assert 0 == plg.get_level()


class TestRefused:
    """Where it cannot be had."""

    def test_others_can_write(self, path: Path) -> None:
        """Under a policy nobody else may be able to write to the file."""
        policy = nativeplug.Policy(hardening={"nx"})
        path.chmod(0o666)
        with pytest.raises(OpenError, match=r"in_place=True cannot be had under a policy: .*0666"):
            _open(path, DECLARED, in_place=True, policy=policy)
        path.chmod(0o644)
        with _open(path, DECLARED, in_place=True, policy=policy) as plg:
            assert 0 == plg.get_level()

    def test_bytes(self, path: Path) -> None:
        """Bytes have no file."""
        with pytest.raises(OpenError, match=r"in_place=True needs a file, and bytes have none$"):
            _open(path.read_bytes(), DECLARED, in_place=True)

    def test_system_library(self) -> None:
        """A system library is shared in any case."""
        with pytest.raises(OpenError, match=r"in_place=False cannot be had"):
            _open("librt.so.1", in_place=False)
        with _open("librt.so.1") as plg:
            assert plg is _open("librt.so.1", in_place=True)

    def test_damaged(self, path: Path) -> None:
        """It is checked before."""
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(nativeplug.FormatError, match=r"truncated"):
            _open(path, DECLARED, in_place=True)

    def test_loader(self, c_plugin: CPlugin) -> None:
        """The dynamic loader's words are about the user's path."""
        path = c_plugin("undefined_symbol")
        with pytest.raises(OpenError) as caught:
            _open(path, in_place=True)
        assert f"{path}: undefined symbol: nobody_defines_this" == caught.value.reason

    def test_again(self, path: Path) -> None:
        """What is open as a private copy is not mapped a second time."""
        with (
            _open(path, DECLARED),
            pytest.raises(OpenError, match=r"open with in_place=False, and was loaded so"),
        ):
            _open(path, in_place=True)


class TestLoadedTwice:
    """A private copy of what the process has loaded already."""

    @pytest.mark.parametrize(("asked", "count"), [(None, 1), (False, 0), (True, 0)])
    def test_warning(
        self, path: Path, caplog: pytest.LogCaptureFixture, *, asked: bool | None, count: int
    ) -> None:
        """It is logged, unless it was asked for."""
        ctypes.CDLL(str(path))
        with (
            caplog.at_level(logging.WARNING, "nativeplug.load"),
            _open(path, DECLARED, in_place=asked),
        ):
            assert count == len(caplog.records)
        assert all("in_place=True shares them" in each.getMessage() for each in caplog.records)

    def test_others(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing is logged of other files, nor of what was opened and closed."""
        for _ in range(2):
            _open(path, DECLARED).close()
        _open(path.read_bytes(), DECLARED).close()
        assert [] == caplog.records


def test_overwritten(build_c: BuildC, run_python: RunPython) -> None:
    """What is given up: overwriting the file ends the process, where a copy would serve on."""
    code = """
        import os, sys, nativeplug
        path, in_place = sys.argv[1], sys.argv[2] == "in_place"
        plg = nativeplug.open(path, "int number(void);", in_place=in_place)
        os.truncate(path, 0)
        print(plg.number())
    """
    path = build_c(SEVEN)
    kept = path.with_name("kept.so")
    shutil.copy(path, kept)
    assert "7\n" == run_python(code, path, "copy").stdout
    env = {"ASAN_OPTIONS": "detect_leaks=0:handle_sigbus=0"}  # where Python is run under that
    assert -signal.SIGBUS == run_python(code, kept, "in_place", env=env).returncode
