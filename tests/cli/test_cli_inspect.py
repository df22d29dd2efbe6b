"""The command ``inspect``, on plugins that real compilers made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from building import build
from plugins_with_metadata import tell
from support import EXPORTS_C, BuildC, CPlugin, refused, run


class TestInspect:
    """What is in a plugin's file."""

    @staticmethod
    def report(*arguments: str | Path) -> dict[str, Any]:
        """Return what the command prints as JSON."""
        result = run("inspect", *arguments, "--json")
        assert 0 == result.exit_code, result.output
        made: dict[str, Any] = json.loads(result.stdout)
        return made

    def test_keys(self, kinds: Path) -> None:
        """The keys of the JSON text are the interface for programs."""
        expected = """architecture build_id byte_order constants declarations defect flags functions
            interface kind language missing needed not_exported path rpath runpath runtime_symbols
            soname toolchain variables word_size"""
        report = self.report(kinds)
        assert expected.split() == sorted(report)
        keys = "address declaration kind name place size told told_by version weak"
        assert keys.split() == sorted(report["functions"][0])

    def test_declared(self, kinds: Path) -> None:
        """An exported symbol has its declaration and the place of it."""
        report = self.report(kinds)
        header = kinds.with_suffix(".h")
        [found] = (entry for entry in report["functions"] if entry["name"] == "add")
        assert "int64_t add(int64_t a, int64_t b)" == found["declaration"]
        assert found["place"].startswith(f"{header}:8:")
        assert [str(header)] == report["declarations"]["origins"]
        assert 12 == report["constants"]["LIMIT"]

    def test_undeclared(self, kinds: Path) -> None:
        """A symbol that nobody declared is listed without a declaration."""
        report = self.report(kinds)
        open_ones = [e["name"] for e in report["functions"] if e["declaration"] is None]
        assert ["unheard_of"] == open_ones

    def test_not_exported(self, kinds: Path) -> None:
        """A declared symbol that the file lacks is listed apart."""
        assert ["absent"] == [entry["name"] for entry in self.report(kinds)["not_exported"]]

    def test_no_declarations(self, build_c: BuildC) -> None:
        """A plugin that nothing declares is listed with names alone."""
        report = self.report(build_c(EXPORTS_C, "plugin", "-g0"))
        assert {"origins": [], "problem": None} == report["declarations"]
        untold = {"declaration": None, "place": None, "told": None, "told_by": None}
        assert untold.items() <= report["functions"][0].items()
        assert report["interface"] is None

    def test_debug_information(self, bare_kinds: Path) -> None:
        """Without a header the declarations are those of the debug information."""
        report = self.report(bare_kinds)
        assert [f"{bare_kinds} (debug information)"] == report["declarations"]["origins"]
        [found] = (entry for entry in report["functions"] if entry["name"] == "add")
        assert "int64_t add(int64_t a, int64_t b)" == found["declaration"] == found["told"]
        assert "dwarf" == found["told_by"]

    def test_told(self, c_plugin: CPlugin) -> None:
        """What the plugin tells of itself comes first, with its interface."""
        path = c_plugin("told")
        report = self.report(path)
        assert "told 1.2" == report["interface"]
        assert [f"{path} (.nativeplug)"] == report["declarations"]["origins"]
        assert {"plugin"} == {entry["told_by"] for entry in report["functions"]}
        assert "told 1.2" in run("inspect", path).stdout

    def test_told_otherwise(self, c_plugin: CPlugin, tmp_path: Path) -> None:
        """How the plugin has a symbol is shown beside another declaration of it."""
        header = tmp_path / "other.h"
        header.write_text("int told_add(int a);\n")
        text = run("inspect", c_plugin("told"), header).stdout
        assert "the plugin: int64_t told_add(int64_t a, int64_t b)" in text

    @pytest.mark.parametrize(
        ("texts", "words"),
        [
            ([b"\xff"], "it is not UTF-8"),
            (["function int add(doubel a)"], "doubel"),
        ],
    )
    def test_told_badly(
        self, texts: list[str | bytes], words: str, elf_bytes: bytes, tmp_path: Path
    ) -> None:
        """What cannot be read of what the plugin tells is told, and hides nothing else."""
        path = tmp_path / "bad.so"
        path.write_bytes(tell(elf_bytes, *texts))
        report = self.report(path)
        assert words in report["declarations"]["problem"]
        assert "add" in {entry["name"] for entry in report["functions"]}

    def test_given_header(self, kinds: Path, bare_kinds: Path) -> None:
        """A given header serves a plugin that has none."""
        report = self.report(bare_kinds, kinds.with_suffix(".h"))
        assert "absent" == report["not_exported"][0]["name"]

    def test_bad_header_beside(self, bare_kinds: Path) -> None:
        """A header beside the plugin that cannot be read is told, and hides nothing else."""
        header = bare_kinds.with_suffix(".h")
        header.write_text("int add(;\n")
        try:
            report = self.report(bare_kinds)
        finally:
            header.unlink()
        assert str(header) in report["declarations"]["problem"]
        assert "add" in {entry["name"] for entry in report["functions"]}

    def test_bad_given_header(self, bare_kinds: Path, tmp_path: Path) -> None:
        """A given header that cannot be read is an error."""
        header = tmp_path / "bad.h"
        header.write_text("int add(;\n")
        assert "bad.h" in refused(run("inspect", bare_kinds, header))
        assert "none.h" in refused(run("inspect", bare_kinds, tmp_path / "none.h"))

    def test_table(self, kinds: Path) -> None:
        """The tables for people show declarations, brackets included, and what is missing."""
        text = run("inspect", kinds).stdout
        for expected in ("x86-64", "int triple[3]", "not declared", "Declared, not exported"):
            assert expected.replace("x86-64", self.report(kinds)["architecture"]) in text

    def test_missing(self, tmp_path: Path) -> None:
        """What it needs, and nobody here has, is listed, with exit status 1."""
        source = tmp_path / "needy.c"
        source.write_text("int nowhere(void);\nint ask(void) { return nowhere(); }\n")
        result = run("inspect", build(source))
        assert 1 == result.exit_code
        assert "no: nobody defines 'nowhere', which it needs" in result.stdout

    def test_never_loads(self, tmp_path: Path) -> None:
        """No code of the plugin runs."""
        source = tmp_path / "loud.c"
        source.write_text(
            "#include <stdlib.h>\n__attribute__((constructor)) void loud(void) { abort(); }\n"
        )
        assert "loud" in run("inspect", build(source)).stdout

    def test_hostile_name(self, tmp_path: Path) -> None:
        """A symbol's name cannot steer the terminal."""
        source = tmp_path / "evil.c"
        source.write_text("int plain;\n")
        data = build(source, flags=["-g0"]).read_bytes().replace(b"plain", b"pl\x1b[m")
        (tmp_path / "evil.so").write_bytes(data)
        result = run("inspect", tmp_path / "evil.so")
        assert "\x1b" not in result.stdout
        assert "pl\\x1b[m" in result.stdout

    def test_details(self, tmp_path: Path) -> None:
        """Libraries, flags and marks of symbols are shown where there are some."""
        source = tmp_path / "marked.c"
        source.write_text("__thread int own; __attribute__((weak)) void soft(void) {}\n")
        flags = ["-Wl,--no-as-needed", "-lm", "-Wl,-z,nodelete,-soname,libmarked.so.1"]
        text = run("inspect", build(source, flags=flags)).stdout
        for expected in ("libm.so.6", "NODELETE", "libmarked.so.1", "own (tls)", "soft (weak)"):
            assert expected in text

    def test_failures(self, tmp_path: Path) -> None:
        """A missing file and a file of another kind are one line each."""
        assert "No such file" in refused(run("inspect", tmp_path / "none.so"))
        assert "name a library by its path" in refused(run("inspect", "libz.so.1"))
        assert "not an ELF file but text" in refused(run("inspect", __file__))
