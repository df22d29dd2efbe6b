"""What a plugin's file exports."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nativeplug.load import facts
from support import E_SHOFF, EXPORTS_C, Compile, patched


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
