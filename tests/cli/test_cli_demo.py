"""The command ``demo``, on the greeters of this checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug._util import programs
from nativeplug.cli import demo
from support import needs_go, run


def _sources() -> dict[Path, bytes]:
    """Return what is in the examples of the package."""
    files = [*demo._EXAMPLES.glob("greeter.*"), *(demo._EXAMPLES / "greeter").iterdir()]
    assert {"greeter.c", "greeter.h", "main.go", "go.mod"} <= {path.name for path in files}
    return {path: path.read_bytes() for path in files}


def _is_updated(output: str) -> bool:
    """Tell whether the kept function gave the old name, the new one, and the old one again."""
    kept = [line for line in output.splitlines() if "get_name()" in line]
    return ["nativeplug", "gopher", "nativeplug"] == [line.split("'")[-2] for line in kept]


class TestDemo:
    """The main job, shown."""

    @needs_go
    @pytest.mark.slow
    def test_both(self) -> None:
        """Both are built, opened, called, written to, and misused; Go's is updated."""
        before = _sources()
        result = run("demo")
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
        result = run("demo")
        assert 0 == result.exit_code
        assert "A plugin written in C" in result.stdout
        assert 1 == result.stderr.count("no Go toolchain found")
        assert "greeter.c is edited" in result.stdout
        assert _is_updated(result.stdout)

    def test_compiler_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """When a greeter cannot be built, the compiler's output is shown."""
        compiler = tmp_path / "mycc"
        compiler.write_text("#!/bin/sh\necho no greeting; exit 1\n")
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
        result = run("demo")
        assert 2 == result.exit_code
        assert "no greeting" in result.stderr

    def test_no_error(self) -> None:
        """A wrong call that should succeed would show its result, not an error."""
        assert "3" == demo._error_of(lambda: 3)
