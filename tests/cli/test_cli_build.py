"""The command ``build``, with real compilers."""

from __future__ import annotations

from pathlib import Path

from support import PLUGINS_C, PLUGINS_GO, needs_go, refused, run


class TestBuild:
    """Source to plugin."""

    def test_c(self, tmp_path: Path) -> None:
        """The path of the plugin is printed, and nothing else."""
        target = tmp_path / "made.so"
        result = run("build", PLUGINS_C / "greeter.c", "-o", target)
        assert (0, f"{target}\n") == (result.exit_code, result.output)
        assert target.exists()

    def test_flags(self, tmp_path: Path) -> None:
        """What follows two hyphens goes to the compiler."""
        (tmp_path / "one.c").write_text("int one(void) { return ONE; }\n")
        assert 0 == run("build", tmp_path / "one.c", "--", "-DONE=1").exit_code

    def test_compiler_output(self, tmp_path: Path) -> None:
        """When the compiler fails, its output is shown before the one line."""
        (tmp_path / "bad.c").write_text("int f(void) { return unheard_of; }\n")
        result = run("build", tmp_path / "bad.c")
        assert (2, "") == (result.exit_code, result.stdout)
        assert result.stderr.count("unheard_of") > 1
        assert result.stderr.splitlines()[-1].startswith("nativeplug: cannot build ")

    def test_missing(self, tmp_path: Path) -> None:
        """A missing source is one line."""
        assert "none.c" in refused(run("build", tmp_path / "none.c"))

    @needs_go
    def test_go(self, tmp_path: Path) -> None:
        """For Go the path of the header is printed too."""
        target = tmp_path / "made.so"
        result = run("build", PLUGINS_GO / "greeter", "-o", target)
        assert (0, f"{target}\n{tmp_path / 'made.h'}\n") == (result.exit_code, result.output)
        text = run("inspect", target).stdout
        assert "symbols of the Go runtime (see --json)" in text
        assert "GetName" in text
