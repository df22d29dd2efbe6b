"""What a plugin's file exports."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import nativeplug
from nativeplug.checking import CheckOptions, check
from nativeplug.elf import facts
from nativeplug.elf.symbols import hint_missing
from nativeplug.loader.files import read_file
from support import E_SHOFF, EXPORTS_C, BuildC, Compile, patched

_NAMES_ALONE = (
    '; it exports C++ or Rust names alone: build functions as extern "C" (in Rust with '
    "#[no_mangle], too)"
)


class TestMangled:
    """Names that C++ and Rust write otherwise."""

    @pytest.mark.parametrize(
        "mangled",
        [
            "_Z3addii",
            "_ZL3addii",
            "_ZN4math3addEii",
            "_ZN5mylib3add17h0123456789abcdefE",
            "_RNvCsjEZ5mylib_5mylib3add",
        ],
    )
    def test_found(self, mangled: str) -> None:
        """What is exported so is told, with what to do."""
        expected = (
            f'; it exports {mangled!r}: build it as extern "C" (in Rust with #[no_mangle], too)'
        )
        assert expected == hint_missing("add", ["other", mangled], is_rust=True)

    @pytest.mark.parametrize(
        "other", ["add", "_Z4addyi", "_Z13addii", "_Z1fP3add", "_ZN4math4add2E", "3add"]
    )
    def test_others(self, other: str) -> None:
        """Other names are no reason."""
        assert "" == hint_missing("add", [other], is_rust=False)
        assert "" == hint_missing("", [other], is_rust=False)

    def test_told(self, tmp_path: Path) -> None:
        """Where a name is looked up, checked, or demanded by an interface, the hint is there."""
        path = tmp_path / "plain.so"
        source = tmp_path / "plain.cc"
        source.write_text("int add(int a, int b) { return a + b; }")
        compiler = shutil.which("g++") or shutil.which("c++")
        assert compiler is not None
        subprocess.run([compiler, "-shared", "-fPIC", source, "-o", path], check=True)
        plg = nativeplug.open(path, "int add(int a, int b);")
        hint = "; it exports '_Z3addii': build it as extern \"C\""
        with pytest.raises(nativeplug.SymbolNotFoundError, match=re.escape(hint)):
            plg.lookup("add")
        plg.close()

        class Adds(nativeplug.Interface):
            def add(self, a: nativeplug.int32, b: nativeplug.int32) -> None: ...

        with pytest.raises(nativeplug.InterfaceError, match=re.escape(hint)):
            nativeplug.open(path, Adds)
        header = tmp_path / "add.h"
        header.write_text("int add(int a, int b);")
        findings = check(read_file(str(path)), CheckOptions(header)).findings
        assert any(hint in finding for finding in findings)

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("int _Z3addii, _Z3subii;", _NAMES_ALONE),
            ("int _Z3addii, add;", ""),
            (
                '__asm__(".ident \\"rustc version 1.95.0\\"");',
                '; Rust exports what is #[no_mangle] pub extern "C"',
            ),
            ("static int unused;", ""),
        ],
        ids=["mangled", "some", "rust", "nothing"],
    )
    def test_none(self, build_c: BuildC, text: str, hint: str) -> None:
        """Where nothing is declared, a check says whether anything could be called."""
        path = build_c(text, "plain", "-g0")
        for header in (None, path.with_suffix(".h")):
            report = check(read_file(str(path)), CheckOptions(header))
            [found] = [each for each in report.checks if each.name == "exports"]
            assert (f"nothing is declared{hint}",) == found.texts
            path.with_suffix(".h").write_text("enum { RED };")

    def test_mangled_alone(self, build_c: BuildC) -> None:
        """Names that its debug information declares are no better."""
        report = check(
            read_file(str(build_c("int _Z3addii(int a, int b) { return a + b; }"))), CheckOptions()
        )
        [found] = [each for each in report.checks if each.name == "exports"]
        expected = f"all that is declared is exported{_NAMES_ALONE}"
        assert ("ok", (expected,)) == (found.verdict, found.texts)

    @pytest.mark.parametrize(
        ("ident", "expected"),
        [
            ("rustc version 1.95.0", '; Rust exports what is #[no_mangle] pub extern "C"'),
            ("GCC: 12", ""),
        ],
    )
    def test_rust(self, build_c: BuildC, ident: str, expected: str) -> None:
        """A Rust cdylib does not export what is not marked, not even mangled: the hint says so."""
        path = build_c(f'__asm__(".ident \\"{ident}\\""); int other_one(void) {{ return 1; }}')
        plg = nativeplug.open(path, "int add(int a); int other_on(void);")
        with pytest.raises(nativeplug.SymbolNotFoundError) as caught:
            plg.lookup("add")
        assert str(caught.value).endswith(f": undefined symbol: add{expected}")
        with pytest.raises(nativeplug.SymbolNotFoundError, match=r"; did you mean 'other_one'\?$"):
            plg.lookup("other_on")
        plg.close()

        class Adds(nativeplug.Interface):
            def add(self, a: nativeplug.int32) -> None: ...

        with pytest.raises(nativeplug.InterfaceError) as refused:
            nativeplug.open(path, Adds)
        assert (f"it does not export 'add'{expected}",) == refused.value.findings
        header = path.with_suffix(".h")
        header.write_text("int add(int a);")
        findings = check(read_file(str(path)), CheckOptions(header)).findings
        assert f"'add' is declared, and not exported{expected}" in [*map(str, findings)]


class TestReadExported:
    """The exported symbols of a file."""

    def test_exports(self, elf_bytes: bytes) -> None:
        """Functions and variables are told apart; hidden and static ones are not exported."""
        found = facts.read(io.BytesIO(elf_bytes))
        assert ["add", "guarded", "replaceable"] == [s.name for s in found.functions]
        assert ["calls", "per_thread", "pointer"] == [s.name for s in found.variables]
        assert ["replaceable"] == [s.name for s in found.symbols if s.weak]
        assert ["per_thread"] == [s.name for s in found.symbols if s.kind == "tls"]
        assert [4] == [s.size for s in found.symbols if s.name == "calls"]

    def test_stripped(self, elf_bytes: bytes) -> None:
        """Without section headers the exports are found through the program headers."""
        without = patched(elf_bytes, E_SHOFF, "<Q", 0)
        without = patched(without, 60, "<HH", 0, 0)  # e_shnum, e_shstrndx
        assert facts.read(io.BytesIO(elf_bytes)).symbols == facts.read(io.BytesIO(without)).symbols

    @pytest.mark.parametrize("style", ["gnu", "sysv"])
    def test_hash_styles(self, compile_c: Compile, style: str) -> None:
        """Both kinds of hash tables tell how many symbols there are."""
        data = compile_c(EXPORTS_C, f"-Wl,--hash-style={style}").read_bytes()
        without = patched(patched(data, E_SHOFF, "<Q", 0), 60, "<HH", 0, 0)
        assert "add" in {symbol.name for symbol in facts.read(io.BytesIO(without)).symbols}

    def test_versions(self, compile_c: Compile, tmp_path: Path) -> None:
        """Of a versioned function only the default version counts, with its name."""
        script = tmp_path / "versions.map"
        script.write_text("V1 { global: twice; local: *; };\nV2 { } V1;\n")
        text = """
            __asm__(".symver old_twice,twice@V1"); int old_twice(int a) { return a + a; }
            __asm__(".symver new_twice,twice@@V2"); int new_twice(int a) { return 2 * a; }
        """
        found = facts.read(compile_c(text, f"-Wl,--version-script={script}"))
        assert [("twice", "V2")] == [(s.name, s.version) for s in found.symbols]

    def test_assembly(self, compile_c: Compile) -> None:
        """A symbol without a type is a function where it lies in code."""
        text = """
            __asm__(".text\\n.globl bare\\nbare: ret\\n.data\\n.globl datum\\ndatum: .long 1\\n"
                    ".globl nothing\\n.set nothing, 0\\n");
        """
        found = {symbol.name: symbol for symbol in facts.read(compile_c(text)).symbols}
        kinds = {name: symbol.kind for name, symbol in found.items()}
        assert {"bare": "function", "datum": "variable", "nothing": "variable"} == kinds
        assert 0 == found["nothing"].address

    def test_no_exports(self, compile_c: Compile) -> None:
        """A plugin that exports nothing has no symbols."""
        assert () == facts.read(compile_c("static int unused;")).symbols
