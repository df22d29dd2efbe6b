"""Whose symbols a plugin's calls find: deep_bind and export_symbols of open."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from gates import at_once
from nativeplug import OpenError, UpdateError
from samples import SEVEN
from support import BuildC, RunPython
from versions import Versions

# Its own function `chosen`, and what its own calls of that name reach.
OWN = "int chosen(void) { return 1; }\nint reached(void) { return chosen(); }"
DECLARED = "int chosen(void); int reached(void);"
_numbers = itertools.count()
# Options are given by their names here, and symbols are found as the text declares them.
_open: Any = nativeplug.open


@pytest.fixture
def name(build_c: BuildC) -> str:
    """Give a name that the process exports a function under, one for each test: it stays."""
    made = f"chosen_{os.getpid()}_{next(_numbers)}"
    library = build_c(f"int {made}(void) {{ return 2; }}", made)
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return made


def numbered(text: str = SEVEN) -> tuple[str, str, str]:
    """
    Return a text about another function than `number`, its declaration, and its name.

    What exports its symbols is found by all that the process loads later, of other tests too.
    """
    name = f"number_{os.getpid()}_{next(_numbers)}"
    return text.replace("number", name), f"int {name}(void);", name


def renamed(text: str, name: str) -> str:
    """Return a text about another function than `chosen`."""
    return text.replace("chosen", name)


class TestDeepBind:
    """Own symbols before those of the program."""

    def test_program_wins(self, build_c: BuildC, name: str) -> None:
        """By default a plugin's own call reaches the program's function of that name."""
        plg = _open(build_c(renamed(OWN, name)), renamed(DECLARED, name))
        assert (1, 2) == (plg.lookup(name)(), plg.reached())
        plg.close()

    def test_own_wins(self, build_c: BuildC, name: str) -> None:
        """With deep_bind it reaches the plugin's own, also after a probe."""
        path = build_c(renamed(OWN, name))
        plg = _open(path, renamed(DECLARED, name), deep_bind=True, probe=True)
        assert (1, 1) == (plg.lookup(name)(), plg.reached())
        plg.close()

    def test_updates(self, versions: Versions, name: str) -> None:
        """Each further version is loaded in the same way."""
        path = versions.put(1, renamed(OWN, name))
        plg = _open(path, renamed(DECLARED, name), deep_bind=True)
        versions.put(2, renamed(OWN.replace("return 1", "return 3"), name))
        assert "updated" == plg.update()
        assert 3 == plg.reached()
        plg.close()

    def test_under_sanitizer(self, build_c: BuildC, run_python: RunPython) -> None:
        """Under a sanitizer, which would end the process, it is an error before loading."""
        code = """
            import sys, nativeplug
            try:
                nativeplug.open(sys.argv[1], "int number(void);", deep_bind=True)
            except nativeplug.OpenError as error:
                print(error.reason)
            print(nativeplug.open(sys.argv[1], "int number(void);").number())
        """
        runtime = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
        env = {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"}
        done = run_python(code, build_c(SEVEN), env=env)
        expected = (
            "deep_bind=True cannot be had: AddressSanitizer, which is in this process, ends it on "
            "RTLD_DEEPBIND\n7\n"
        )
        assert expected == done.stdout, done.stderr

    def test_other_libc(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the C library cannot, it is an error."""
        monkeypatch.delattr(os, "RTLD_DEEPBIND")
        with pytest.raises(OpenError, match=r"this C library has no RTLD_DEEPBIND \(glibc has\)$"):
            _open(build_c(SEVEN), "int number(void);", deep_bind=True)


class TestExportSymbols:
    """Symbols for files that are loaded later."""

    def open_user(self, build_c: BuildC, function: str) -> Any:
        """Open a plugin that calls a function that neither it nor its libraries have."""
        text = f"int {function}(void); int doubled(void) {{ return 2 * {function}(); }}"
        return _open(build_c(text, f"user_of_{function}"), "int doubled(void);")

    def test_found(self, build_c: BuildC) -> None:
        """A later plugin finds them; by default it does not."""
        function = f"shown_{os.getpid()}"
        path = build_c(f"int {function}(void) {{ return 21; }}")
        declared = f"int {function}(void);"
        plg = _open(path, declared)
        with pytest.raises(OpenError, match=f"undefined symbol: {function}"):
            self.open_user(build_c, function)
        plg.close()
        _open(path, declared, export_symbols=True)
        assert 42 == self.open_user(build_c, function).doubled()

    def test_never_replaced(self, build_c: BuildC) -> None:
        """It is neither updated, nor unloaded: others may call its code."""
        text, declared, name = numbered()
        path = build_c(text)
        plg = _open(path, declared, export_symbols=True, unload="when_idle")
        assert "unchanged" == plg.update()
        build_c(text.replace("7", "8"))
        reason = (
            "others may use its symbols (export_symbols=True), so it is never replaced: restart "
            "the program"
        )
        for update in (plg.update, lambda: _open(path)):
            with pytest.raises(UpdateError) as caught:
                update()
            assert (reason,) == caught.value.reasons
        assert 7 == plg.lookup(name)()
        plg.close()
        assert ["resident (others may use its symbols (export_symbols=True))"] == [
            info.state for info in plg.generations
        ]

    def test_system_library(self, run_python: RunPython) -> None:
        """A system library's symbols can be shown as well."""
        code = """
            import ctypes, nativeplug
            program = ctypes.CDLL(None)
            print(hasattr(program, "lzma_version_number"))
            nativeplug.open("liblzma.so.5", "unsigned lzma_version_number(void);",
                            export_symbols=True)
            print(hasattr(program, "lzma_version_number"))
        """
        done = run_python(code)
        assert "False\nTrue\n" == done.stdout, done.stderr


class TestAgain:
    """What was loaded in one way is not loaded in another."""

    @pytest.mark.parametrize("option", ["deep_bind", "export_symbols"])
    @pytest.mark.parametrize("first", [None, False, True])
    def test_contradiction(self, build_c: BuildC, option: str, *, first: bool | None) -> None:
        """Opening an open plugin otherwise is an error; without a word, or the same, it is not."""
        text, declared, _ = numbered()
        path, was = build_c(text), bool(first)
        plg = _open(path, declared, **{option: first})
        assert plg is _open(path, **{option: None})
        assert plg is _open(path, **{option: was})
        with pytest.raises(OpenError) as caught:
            _open(path, **{option: not was})
        reason = (
            f"it is open with {option}={was}, and was loaded so: close it before it is opened "
            f"with {option}={not was}"
        )
        assert f"cannot open plugin '{path}': {reason}" == str(caught.value)
        assert not plg.closed
        plg.close()
        _open(path, declared, **{option: not was}).close()

    @pytest.mark.parametrize("option", ["deep_bind", "export_symbols"])
    def test_taken_up(self, build_c: BuildC, option: str) -> None:
        """What a closed plugin has left is taken up if it was loaded as it is asked for now."""
        text, declared, name = numbered("static int calls; int number(void) { return ++calls; }")
        path = build_c(text)
        counts = []
        for asked in (True, None, True, False, False):
            plg = _open(path, declared, fresh=False, **{option: asked})
            counts.append(plg.lookup(name)())
            plg.close()
        assert [1, 2, 3, 1, 2] == counts

    def test_at_once(self, build_c: BuildC) -> None:
        """Of threads that open a file at once and otherwise, those that are too late fail."""
        path = build_c(SEVEN)
        ways = [True, False] * 4
        opened = at_once(*(partial(self.opened, path, deep=deep) for deep in ways))
        assert sorted(opened, key=str) in ([None] * 4 + [True] * 4, [False] * 4 + [None] * 4)

    @staticmethod
    def opened(path: Path, *, deep: bool) -> bool | None:
        """Return how a plugin was opened; None when it could not be."""
        try:
            _open(path, "int number(void);", deep_bind=deep)
        except OpenError:
            return None
        return deep

    @pytest.mark.parametrize("option", ["deep_bind", "export_symbols"])
    def test_wrong_type(self, build_c: BuildC, option: str) -> None:
        """An option that is no bool is a TypeError, and nothing is loaded."""
        with pytest.raises(TypeError, match=f"^{option} must be bool or None, not int$"):
            _open(build_c(SEVEN), **{option: 1})
