"""The command ``demo``, on the greeters of this checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug import programs
from nativeplug.cli import demo
from support import ROOT, needs_go, refused, run


def _sources() -> dict[Path, bytes]:
    """Return what is in the greeters of this checkout."""
    files = [*(ROOT / "plugins_c").glob("greeter.*"), *(ROOT / "plugins_go/greeter").iterdir()]
    return {path: path.read_bytes() for path in files}


def _is_updated(output: str) -> bool:
    """Tell whether the kept function gave the old name, the new one, and the old one again."""
    kept = [line for line in output.splitlines() if "get_name()" in line]
    return ["nativeplug", "gopher", "nativeplug"] == [line.split("'")[-2] for line in kept]


class TestDemo:
    """The main job, shown."""

    @needs_go
    def test_both(self) -> None:
        """Both are built, opened, called, written to, and misused; Go's is updated."""
        before = _sources()
        result = run("demo", "--plugins", ROOT)
        assert 0 == result.exit_code, result.output
        for language in ("C", "Go"):
            assert f"A plugin written in {language}" in result.stdout
        assert 2 == result.stdout.count("TypeError: ")
        assert 4 <= result.stdout.count("'world'")
        assert 3 == result.stderr.count("building the ")
        assert "greeter/variables.c is edited" in result.stdout
        assert _is_updated(result.stdout)
        assert before == _sources()

    def test_no_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without Go one line says so; the C plugin is still shown, and updated."""
        monkeypatch.setattr(programs, "go_toolchain", lambda: None)
        result = run("demo", "--plugins", ROOT)
        assert 0 == result.exit_code
        assert "A plugin written in C" in result.stdout
        assert 1 == result.stderr.count("no Go toolchain found")
        assert "greeter.c is edited" in result.stdout
        assert _is_updated(result.stdout)

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
