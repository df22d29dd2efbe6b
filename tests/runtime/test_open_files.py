"""Open plugins whose files change, and the descriptors that they have."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import nativeplug
from nativeplug import OpenError
from samples import EIGHT, NUMBER, SEVEN
from support import BuildC, CPlugin, RunPython, descriptors


def test_no_descriptors(c_plugin: CPlugin, tmp_path: Path) -> None:
    """Open plugins need no descriptors, but for one that is for all."""
    nativeplug.open(shutil.copy(c_plugin("greeter"), tmp_path / "first.so")).close()
    before = descriptors()
    opened = [
        nativeplug.open(shutil.copy(c_plugin("greeter"), tmp_path / f"{number}.so"))
        for number in range(5)
    ]
    assert before == descriptors()
    for plg in opened:
        plg.close()


class TestFiles:
    """The user's file may go its own way while the plugin serves."""

    CODE = """
        import os, sys, nativeplug
        path, action = sys.argv[1:]
        plg = nativeplug.open(path, "int number(void); extern char text[];")
        assert plg.number() == 7
        if action == "overwrite":
            size = os.path.getsize(path)
            with open(path, "r+b") as file:
                file.write(bytes(size))
        elif action == "truncate":
            os.truncate(path, 0)
        elif action == "delete":
            os.unlink(path)
        elif action == "close descriptors":
            os.closerange(3, 4096)
        print(plg.number(), plg.text[0:1], "numbr" in plg)
    """
    TEXT = SEVEN + "char text[100000] = {'a'};"

    @pytest.mark.parametrize("action", ["overwrite", "truncate", "delete", "close descriptors"])
    def test_calls_go_on(self, build_c: BuildC, run_python: RunPython, action: str) -> None:
        """Calls go on, and memory that was not touched yet can be read."""
        done = run_python(self.CODE, build_c(self.TEXT), action)
        assert (0, "7 a False\n", "") == (done.returncode, done.stdout, done.stderr)

    def test_changed_file(self, build_c: BuildC) -> None:
        """A changed file that is opened is an update: all that was kept runs the new code."""
        path = build_c(SEVEN)
        first = nativeplug.open(path, NUMBER)
        data = build_c(EIGHT, "other").read_bytes()
        path.write_bytes(data)
        kept = first.number
        assert 7 == kept()
        assert first is nativeplug.open(path, NUMBER)
        assert (8, 8) == (kept(), first.number())

    @pytest.mark.slow
    def test_changed_at_once(self, build_c: BuildC, tmp_path: Path) -> None:
        """A file of the same size, written right after it was opened, runs the new code."""
        versions = [build_c(text, name).read_bytes() for text, name in [(SEVEN, "a"), (EIGHT, "b")]]
        assert len(versions[0]) == len(versions[1])
        path = tmp_path / "plugin.so"
        for turn in range(20):
            path.write_bytes(versions[turn % 2])
            assert 7 + turn % 2 == nativeplug.open(path, NUMBER).number()

    def test_replaced_file(self, build_c: BuildC) -> None:
        """A file that was renamed over the first runs the new code."""
        path = build_c(SEVEN)
        assert 7 == nativeplug.open(path, NUMBER).number()
        build_c(EIGHT, "new").rename(path)
        assert 8 == nativeplug.open(path, NUMBER).number()

    def test_descriptors_closed(self, build_c: BuildC, run_python: RunPython) -> None:
        """A program that closes descriptors it does not know gets the right code all the same."""
        code = """
            import os, sys, nativeplug
            numbers = []
            for _ in range(3):
                for path in sys.argv[1:]:
                    with nativeplug.open(path, "int number(void);") as plg:
                        numbers.append(plg.number())
                    os.closerange(3, 4096)
            print(numbers)
        """
        done = run_python(code, build_c(SEVEN, "seven"), build_c(EIGHT, "eight"))
        assert ("[7, 8, 7, 8, 7, 8]\n", "") == (done.stdout, done.stderr)

    def test_failures_leak_nothing(self, c_plugin: CPlugin, tmp_path: Path) -> None:
        """A hundred failed attempts of each kind leave no descriptor open."""
        (tmp_path / "text.so").write_text("text")
        before = len(os.listdir("/proc/self/fd"))
        for path in (tmp_path / "text.so", tmp_path, c_plugin("undefined_symbol"), "/nowhere"):
            for _ in range(100):
                with pytest.raises(OpenError):
                    nativeplug.open(path)
        assert before == len(os.listdir("/proc/self/fd"))
