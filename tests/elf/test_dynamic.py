"""What a file tells the dynamic loader."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nativeplug.elf import dynamic, facts
from support import E_SHOFF, EXPORTS_C, Compile, CPlugin, needs_go, patched


def facts_of(data: bytes) -> dict[str, str]:
    """Return what pyelftools finds: the exports that have a place in the file."""
    return {symbol.name: symbol.kind for symbol in facts.read(io.BytesIO(data)).symbols}


class TestExports:
    """What a file exports."""

    def test_kinds(self, elf_bytes: bytes) -> None:
        """Functions and variables are told apart; hidden and static ones are not there."""
        expected = {
            **dict.fromkeys(("add", "guarded", "replaceable"), "function"),
            **dict.fromkeys(("calls", "pointer"), "variable"),
            "per_thread": "tls",
        }
        assert expected == dynamic.read(elf_bytes).exports

    @pytest.mark.slow
    def test_system_libraries(self) -> None:
        """They are those that pyelftools finds in the libraries that this process has mapped."""
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
        mapped = {line.split(maxsplit=5)[5] for line in lines if ".so" in line and "/" in line}
        files = [Path(name) for name in sorted(mapped) if "/lib" in name and Path(name).exists()]
        assert files
        for data in map(Path.read_bytes, files):
            assert facts_of(data) == dynamic.read(data).exports

    def test_sizes(self, compile_c: Compile) -> None:
        """The sizes of variables are there, where their type is written."""
        text = """
        char few[3]; long many[5]; int add(int a) { return a; }
        __asm__(".data\\n.globl bare, sized\\n.type sized, @object\\n.size sized, 7\\n"
                "bare: sized: .zero 8\\n.text\\n.globl code\\ncode: ret\\n");
        """
        found = dynamic.read(compile_c(text).read_bytes())
        assert {"few": 3, "many": 40, "sized": 7} == found.sizes
        assert {"bare", "code"} == found.untyped
        assert ("variable", "function") == (found.exports["bare"], found.exports["code"])

    def test_readonly(self, compile_c: Compile) -> None:
        """It is known which variables lie where nobody can write."""
        text = """
        const int fixed = 1; int free_ = 2; int zero; extern int other; int *const place = &zero;
        const char *const names[] = {"a", "b"}; _Thread_local int own; int add(int a) { return a; }
        """
        for flags in (["-Wl,-z,relro"], ["-Wl,-z,relro", "-Wl,-z,now"]):
            found = dynamic.read(compile_c(text, *flags).read_bytes())
            assert {"fixed", "place", "names"} == found.readonly
        assert {"fixed"} == dynamic.read(compile_c(text, "-Wl,-z,norelro").read_bytes()).readonly

    @needs_go
    def test_go(self, go_plugin: CPlugin) -> None:
        """They are those that pyelftools finds in a Go plugin, without the runtime's own."""
        data = go_plugin("greeter").read_bytes()
        found = dynamic.read(data)
        assert found.is_go
        assert "Add" in found.exports
        assert facts_of(data) == found.exports

    @pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
    def test_hash_styles(self, compile_c: Compile, style: str) -> None:
        """Both kinds of hash tables tell how many symbols there are; sections are not needed."""
        data = compile_c(EXPORTS_C, f"-Wl,--hash-style={style}").read_bytes()
        without = patched(patched(data, E_SHOFF, "<Q", 0), 60, "<HH", 0, 0)
        assert facts_of(data) == dynamic.read(without).exports

    def test_versions(self, compile_c: Compile, tmp_path: Path) -> None:
        """Of a versioned function only the default version counts; versions are no symbols."""
        script = tmp_path / "versions.map"
        script.write_text("V1 { global: twice; once; local: *; };\nV2 { } V1;\n")
        text = """
            __asm__(".symver old_once,once@V1"); int old_once(int a) { return a; }
            __asm__(".symver new_twice,twice@@V2"); int new_twice(int a) { return 2 * a; }
        """
        data = compile_c(text, f"-Wl,--version-script={script}").read_bytes()
        assert {"twice": "function"} == dynamic.read(data).exports

    def test_assembly(self, compile_c: Compile) -> None:
        """A symbol without a type is a function where it lies in code; a number is nothing."""
        text = """
            __asm__(".text\\n.globl bare\\nbare: ret\\n.data\\n.globl datum\\ndatum: .long 1\\n"
                    ".globl nothing\\n.set nothing, 0\\n");
        """
        data = compile_c(text).read_bytes()
        assert {"bare": "function", "datum": "variable"} == dynamic.read(data).exports

    def test_none(self, compile_c: Compile) -> None:
        """A file without exports has none."""
        assert {} == dynamic.read(compile_c("static int x;").read_bytes()).exports

    def test_odd_name(self, compile_c: Compile) -> None:
        """A name that is not UTF-8 is given as the file system's names are."""
        data = compile_c("int odd_name;").read_bytes().replace(b"odd_name", b"odd_n\xffme")
        assert {"odd_n\udcffme": "variable"} == dynamic.read(data).exports


class TestImports:
    """What a file takes from others, and asks for."""

    def test_names(self, compile_c: Compile) -> None:
        """They are the names that it does not define, also where it need not find them."""
        text = """
            int other(void); __attribute__((weak)) int maybe(void);
            int f(void) { return other() + (maybe ? maybe() : 0); }
        """
        assert dynamic.read(compile_c(text).read_bytes()).imports >= {"other", "maybe"}

    def test_stays(self, compile_c: Compile, elf_bytes: bytes) -> None:
        """Whether it asks not to be unloaded."""
        assert dynamic.read(compile_c(EXPORTS_C, "-Wl,-z,nodelete").read_bytes()).stays
        assert not dynamic.read(elf_bytes).stays

    def test_unique(self, compile_c: Compile, elf_bytes: bytes) -> None:
        """Its symbols that are the same in the whole process are named."""
        text = '__asm__(".data\\n.globl one\\n.type one, %gnu_unique_object\\none: .long 1\\n");'
        found = dynamic.read(compile_c(text).read_bytes())
        assert ({"one"}, {"one": "variable"}) == ({*found.unique}, found.exports)
        assert {} == dynamic.read(elf_bytes).unique


class TestDamage:
    """What is damaged is not there."""

    @pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF\x02\x01" + b"\0" * 20])
    def test_other_files(self, data: bytes) -> None:
        """A file that is no plugin has nothing."""
        expected = dynamic.Dynamic(
            is_go=False,
            is_rust=False,
            stays=False,
            unique={},
            exports={},
            addresses={},
            untyped=frozenset(),
            sizes={},
            readonly=frozenset(),
            imports=frozenset(),
        )
        assert expected == dynamic.read(data)

    def test_never_raises(self, elf_bytes: bytes) -> None:
        """No damaged byte of the tables makes it raise, or go on for ever."""
        for offset in range(0, len(elf_bytes), 7):
            for value in (0, 0xFF):
                dynamic.read(patched(elf_bytes, offset, "B", value))
