"""What a plugin's file tells is read once, and the file is let go of."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

import nativeplug
from nativeplug import DeclarationError, SignatureMismatchError
from nativeplug.loader import files
from nativeplug.runtime import type_info
from nativeplug.runtime.type_info import TypeInfo
from plugins_with_metadata import tell
from support import BuildC
from versions import Versions

TEXT = "int add(int a, int b) { return a + b; } int calls = 3;"
DECLARED = "int add(int, int);"
UNREADABLE = r"plugin\.so \(\.nativeplug\):1:\d+: cannot read this as C"


def made(build_c: BuildC, *told_texts: str, flag: str = "-g0") -> Path:
    """Return a plugin that tells of itself."""
    path = build_c(TEXT, "plugin", flag)
    path.write_bytes(tell(path.read_bytes(), *told_texts))
    return path


def kept(versions: Versions) -> int:
    """Return how many contents of a plugin's file are in memory."""
    gc.collect()
    alive = (each for each in gc.get_objects() if isinstance(each, files.Content))
    return sum(each.path == str(versions.path) for each in alive)


class TestUnreadable:
    """What a plugin declares, and nobody can read."""

    def test_without_others(self, build_c: BuildC) -> None:
        """It is an error where the program has no declarations of its own."""
        with pytest.raises(DeclarationError, match=UNREADABLE):
            nativeplug.open(made(build_c, "function int add (int"))

    @pytest.mark.parametrize(("flag", "by"), [("-g", "dwarf"), ("-g0", None)])
    def test_beside_others(
        self, build_c: BuildC, caplog: pytest.LogCaptureFixture, flag: str, by: str | None
    ) -> None:
        """Else it is logged, once, and debug information counts."""
        path = made(build_c, "function int add (int", flag=flag)
        plg = nativeplug.open(path, f"{DECLARED} extern int calls;")
        assert (by, by) == (plg.lookup("add").checked, plg.lookup("calls").checked)
        (message,) = caplog.messages
        assert message.startswith(f"not compared with what {str(path)!r} tells itself: {path}")

    def test_required(self, build_c: BuildC) -> None:
        """Where a check is required, its error says why there is none."""
        path = made(build_c, "function int add (int")
        plg = nativeplug.open(path, DECLARED, require_checked=True)
        for _ in range(2):
            with pytest.raises(SignatureMismatchError, match=f"demands: .*{UNREADABLE}"):
                plg.lookup("add")

    def test_once(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is read once, with the same error every time."""
        known = TypeInfo("plugin.so", files.read_file(str(made(build_c, "function int f ("))))
        with pytest.raises(DeclarationError) as first:
            known.own  # noqa: B018 - it is read
        monkeypatch.delattr(type_info, "_declared_by")
        with pytest.raises(DeclarationError) as second:
            known.own  # noqa: B018 - it is not
        assert str(first.value) == str(second.value)

    def test_too_long(self, build_c: BuildC) -> None:
        """It is not read for minutes."""
        lines = [f"function int with_quite_a_long_name_{n} (int a, int b)" for n in range(25_000)]
        path = made(build_c, *lines)
        with pytest.raises(DeclarationError, match=r"of which 1048576 are read at most"):
            nativeplug.open(path)
        plg = nativeplug.open(path, DECLARED)
        assert (None, 5) == (plg.lookup("add").checked, plg.add(2, 3))


class TestMemory:
    """How long a file's bytes are kept."""

    def test_until_read(self, build_c: BuildC) -> None:
        """They are kept until its debug information was read, if there is any."""
        for flag, kept in (("-g", 1), ("-g0", 0)):
            file = files.read_file(str(build_c(TEXT, "plugin", flag)))
            before = sys.getrefcount(file)
            known = TypeInfo("plugin.so", file)
            assert kept == sys.getrefcount(file) - before
            assert (flag == "-g") is ("add" in known.debug.symbols)
            assert before == sys.getrefcount(file)

    def test_until_forgotten(self, build_c: BuildC, caplog: pytest.LogCaptureFixture) -> None:
        """What was not read by then is what was kept on disk."""
        file = files.read_file(str(build_c(f"{TEXT} int own_text;", "plugin", "-g")))
        before = sys.getrefcount(file)
        unread = TypeInfo("plugin.so", file)
        unread.forget()
        unread.forget()
        assert before == sys.getrefcount(file)
        assert {} == unread.debug.symbols
        reason = "it was not read before the file was let go of"
        assert [f"no debug information of 'plugin.so' is used: {reason}"] == caplog.messages
        assert "add" in TypeInfo("plugin.so", file).debug.symbols
        late = TypeInfo("plugin.so", file)
        late.forget()
        assert "add" in late.debug.symbols

    def test_of_updates(self, versions: Versions) -> None:
        """Nothing is kept of files that served, and all is known that may be asked of them."""
        versions.put(1, "", "-g")
        plg = versions.open()
        pin = plg.pin()
        for number in (2, 3):
            versions.put(number, "", "-g")
            assert "updated" == plg.update()
        assert 1 == kept(versions)
        assert "dwarf" == pin.lookup("version").checked
        plg.rollback()
        assert 0 == kept(versions)
        assert "dwarf" == plg.lookup("version").checked

    def test_of_others(self, versions: Versions) -> None:
        """Nothing is kept of a file that was loaded in vain, or of a plugin that was closed."""
        versions.put(1, "", "-g")
        plg = versions.open()
        versions.put(2, "int nativeplug_loaded(void) { return 1; }", "-g")
        with pytest.raises(nativeplug.UpdateError, match="nativeplug_loaded"):
            plg.update()
        assert 0 == kept(versions)
        plg.close()
        plg = versions.open()
        assert 1 == kept(versions)
        plg.close()
        assert 0 == kept(versions)
