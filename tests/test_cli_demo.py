"""The command ``demo``, on the greeters of this checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug import programs
from nativeplug.cli import demo
from support import ROOT, needs_go, refused, run


class TestDemo:
    """The main job, shown."""

    @needs_go
    def test_both(self) -> None:
        """Both greeters are built, opened, looked into, called, written to, and misused."""
        result = run("demo", "--plugins", ROOT)
        assert 0 == result.exit_code, result.output
        for language in ("C", "Go"):
            assert f"A plugin written in {language}" in result.stdout
        assert 2 == result.stdout.count("TypeError: ")
        assert 2 <= result.stdout.count("'world'")
        assert 2 == result.stderr.count("building the ")

    def test_no_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without Go one line says so, and the C plugin is still shown."""
        monkeypatch.setattr(programs, "go_toolchain", lambda: None)
        result = run("demo", "--plugins", ROOT)
        assert 0 == result.exit_code
        assert "A plugin written in C" in result.stdout
        assert 1 == result.stderr.count("no Go toolchain found")

    def test_no_sources(self, tmp_path: Path) -> None:
        """Outside of a source checkout one line says what to do."""
        assert "--plugins" in refused(run("demo", "--plugins", tmp_path))

    def test_compiler_fails(self, tmp_path: Path) -> None:
        """When a greeter cannot be built, the compiler's output is shown."""
        (tmp_path / "plugins_go" / "greeter").mkdir(parents=True)
        (tmp_path / "plugins_c").mkdir()
        (tmp_path / "plugins_c" / "greeter.c").write_text("#error no greeting\n")
        (tmp_path / "plugins_c" / "greeter.h").touch()
        result = run("demo", "--plugins", tmp_path)
        assert 1 == result.exit_code
        assert "no greeting" in result.stderr

    def test_no_error(self) -> None:
        """A wrong call that should succeed would show its result, not an error."""
        assert "3" == demo._error_of(lambda: 3)
