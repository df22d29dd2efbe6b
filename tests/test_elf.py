"""What is found in a plugin's file before and without loading it."""

from __future__ import annotations

import dataclasses
import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativeplug import programs
from nativeplug.errors import FormatError, OpenError
from nativeplug.load import elf, facts, layout, producer

if TYPE_CHECKING:
    from collections.abc import Callable

    Compile = Callable[..., Path]

SOURCE = """
int calls = 3;
__thread int per_thread;
int add(int a, int b) { return a + b; }
__attribute__((weak)) void replaceable(void) {}
__attribute__((visibility("hidden"))) int hidden(void) { return 1; }
__attribute__((visibility("protected"))) int guarded(void) { return 1; }
static int private_one(void) { return 2; }
int (*const pointer)(void) = private_one;
"""
# Offsets in the ELF header of 64 bit files, elf(5).
E_TYPE, E_MACHINE, E_PHOFF, E_SHOFF, E_PHENTSIZE, E_PHNUM = 16, 18, 32, 40, 54, 56


@pytest.fixture(scope="module")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Return a function that compiles C text with further flags and returns the file."""
    compiler = programs.c_compiler()
    assert compiler is not None

    def compile_text(text: str, *flags: str, shared: bool = True) -> Path:
        folder = tmp_path_factory.mktemp("elf")
        source = folder / "plugin.c"
        source.write_text(text)
        target = folder / "plugin.so"
        options = ["-shared", "-fPIC"] if shared else []
        subprocess.run([*compiler, *options, "-o", target, source, *flags], check=True)
        return target

    return compile_text


@pytest.fixture(scope="module")
def plugin(compile_c: Compile) -> bytes:
    """Return the bytes of a small plugin."""
    return compile_c(SOURCE).read_bytes()


def patched(data: bytes, offset: int, layout_text: str, *values: int) -> bytes:
    """Return *data* with other values at *offset*."""
    made = bytearray(data)
    struct.pack_into(layout_text, made, offset, *values)
    return bytes(made)


def loads(path: Path) -> bool:
    """Load a file in a process of its own; False when dlopen refused it or was killed."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    return done.returncode == 0


def reason_not_read(data: bytes) -> str | None:
    """Read a file and return why that failed; None when it did not."""
    try:
        facts.read(io.BytesIO(data))
    except FormatError as error:
        return error.reason
    return None


class TestFindDefect:
    """Files that cannot be loaded, and why."""

    def test_sound(self, plugin: bytes) -> None:
        """Nothing is found in a sound plugin, however its bytes are held."""
        assert None is elf.find_defect(plugin)
        assert None is elf.find_defect(memoryview(plugin))

    def test_system_libraries(self) -> None:
        """Nothing is found in the libraries that this process has mapped."""
        lines = Path("/proc/self/maps").read_text().splitlines()
        mapped = {Path(line.split(maxsplit=5)[5]) for line in lines if line.endswith(".so")}
        assert mapped
        assert [] == [path for path in mapped if elf.find_defect(path.read_bytes())]

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "the file is empty"),
            (b"\x7fE", "truncated: the file has only 2 bytes"),
            (b"\x7fELF\x02\x01", "truncated: the file has only 6 bytes"),
            (b"#!/bin/sh\n", "not an ELF file but a script"),
            (b"int add(int a, int b);\n", "not an ELF file but text"),
            ("größer ".encode() * 99, "not an ELF file but text"),
            (("x" + "ß" * 600).encode(), "not an ELF file but text"),
            (b"\x00" * 100, "not an ELF file: it begins with zero bytes (an unfinished copy?)"),
            (b"\x01\x02\x03\xff", "not an ELF file"),
            (b"MZ\x90\x00", "not an ELF file but a Windows PE file"),
            (b"\xcf\xfa\xed\xfe\x07", "not an ELF file but a Mach-O file (macOS)"),
            (b"\xca\xfe\xba\xbe\x00", "not an ELF file but a universal Mach-O file (macOS)"),
            (b"PK\x03\x04", "not an ELF file but a zip archive"),
        ],
    )
    def test_foreign(self, data: bytes, reason: str) -> None:
        """A file of another format is called by its name."""
        assert reason == elf.find_defect(data)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"!<arch>\nplugin.o/", "link its objects with -shared"),
            (b"!<thin>\nplugin.o/", "link its objects with -shared"),
            (b"/* GNU ld script\n*/", "open the library that it names"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ],
    )
    def test_remedy(self, data: bytes, words: str) -> None:
        """Where there is a remedy, the reason names it."""
        assert words in (elf.find_defect(data) or "")

    def test_other_machine(self, plugin: bytes) -> None:
        """A file for another machine is refused with the names of both."""
        other = 183 if layout.host_target().machine != 183 else 62
        found = elf.find_defect(patched(plugin, E_MACHINE, "<H", other))
        name = {183: "AArch64", 62: "x86-64"}[other]
        assert f"built for {name}, this process is {layout.host_target()}" == found

    def test_unknown_machine(self, plugin: bytes) -> None:
        """A machine without a name is called by its number."""
        found = elf.find_defect(patched(plugin, E_MACHINE, "<H", 4242))
        assert f"built for machine 4242, this process is {layout.host_target()}" == found

    def test_other_word_size(self, plugin: bytes) -> None:
        """A file of another word size is refused with both sizes."""
        found = elf.find_defect(patched(plugin, 4, "B", 1)) or ""
        assert " 32 bit, " in found
        assert found.endswith(" 64 bit")

    def test_other_byte_order(self, plugin: bytes) -> None:
        """A file of another byte order is refused with both orders."""
        found = elf.find_defect(patched(plugin, 5, "B", 2)) or ""
        assert " big-endian, " in found
        assert found.endswith(" little-endian")

    def test_damaged_class(self, plugin: bytes) -> None:
        """A header without a valid word size is damaged."""
        expected = "damaged: the ELF header gives no word size or byte order"
        assert expected == elf.find_defect(patched(plugin, 4, "B", 9))

    def test_object_file(self, compile_c: Compile) -> None:
        """A relocatable object file is told to be linked with -shared."""
        found = elf.find_defect(compile_c(SOURCE, "-c", shared=False).read_bytes())
        expected = "not a shared object but a relocatable object file: link it with -shared"
        assert expected == found

    @pytest.mark.parametrize("flags", [["-no-pie"], ["-fPIE", "-pie"]])
    def test_executable(self, compile_c: Compile, flags: list[str]) -> None:
        """An executable is refused, position-independent or not."""
        program = compile_c("int main(void) { return 0; }", *flags, shared=False)
        found = elf.find_defect(program.read_bytes()) or ""
        assert found.startswith("not a shared object but a")
        assert found.endswith("executable: link it with -shared")

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [(4, "not a shared object but a core dump"), (77, "not a shared object (ELF type 77)")],
    )
    def test_other_kinds(self, plugin: bytes, kind: int, reason: str) -> None:
        """Core dumps and unknown kinds of ELF files are refused."""
        assert reason == elf.find_defect(patched(plugin, E_TYPE, "<H", kind))

    def test_no_dynamic_section(self, plugin: bytes) -> None:
        """A file without program headers is no shared object."""
        found = elf.find_defect(patched(plugin, E_PHNUM, "<H", 0)) or ""
        assert "it has no dynamic section" in found

    def test_debug_information_only(self, compile_c: Compile) -> None:
        """A file of separate debug information is refused: dlopen would read nonsense."""
        path = compile_c(SOURCE, "-g")
        subprocess.run(["objcopy", "--only-keep-debug", path], check=True)
        assert "only debug information?" in (elf.find_defect(path.read_bytes()) or "")

    def test_odd_program_headers(self, plugin: bytes) -> None:
        """Program headers of a wrong size are damage."""
        expected = "damaged: program headers of 7 bytes each"
        assert expected == elf.find_defect(patched(plugin, E_PHENTSIZE, "<H", 7))

    def test_program_headers_outside(self, plugin: bytes) -> None:
        """Program headers that end after the file are found, at any offset."""
        found = elf.find_defect(patched(plugin, E_PHOFF, "<Q", 2**64 - 1)) or ""
        assert found.startswith("truncated: the program headers end at byte 1844674407")

    def test_segment_outside(self, plugin: bytes) -> None:
        """A segment that ends after the file is told with both sizes."""
        header = layout.read_header(plugin, layout.host_target())
        last = max(s.end for s in layout.read_segments(plugin, header) if s.kind == layout.PT_LOAD)
        expected = f"truncated: a segment ends at byte {last}, the file has {last - 1}"
        assert expected == elf.find_defect(plugin[: last - 1])
        assert None is elf.find_defect(plugin[:last])

    def test_short_header(self, plugin: bytes) -> None:
        """A file that ends within the ELF header is truncated."""
        expected = "truncated: the ELF header has 64 bytes, the file has 40"
        assert expected == elf.find_defect(plugin[:40])

    def test_every_truncation(self, plugin: bytes, tmp_path: Path) -> None:
        """A truncated plugin either has a defect or can be loaded; none kills the process."""
        target = tmp_path / "truncated.so"
        lengths = range(0, len(plugin), max(1, len(plugin) // 50))
        found = {length: elf.find_defect(plugin[:length]) for length in lengths}
        for length in (length for length, defect in found.items() if defect is None):
            target.write_bytes(plugin[:length])
            assert loads(target), f"truncated to {length} bytes"
        assert {True, False} == {defect is None for defect in found.values()}

    def test_never_raises(self, plugin: bytes) -> None:
        """No damaged byte of the headers makes a check raise."""
        for offset in range(64 + 56 * 12):
            for value in (0, 0x7F, 0xFF):
                damaged = patched(plugin, offset, "B", value)
                elf.find_defect(damaged)
                elf.is_go(damaged)
                elf.needs_origin(damaged)


class TestHostTarget:
    """What this process is."""

    def test_guess(self) -> None:
        """Without /proc the guess is the same as what the program's own header says."""
        assert layout.host_target() == layout._guess_host_target()

    def test_no_proc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that cannot read its own program falls back to the guess."""

        def refuse(self: Path, mode: str) -> io.BytesIO:
            raise FileNotFoundError(self, mode)

        monkeypatch.setattr(Path, "open", refuse)
        assert layout._guess_host_target() == layout.host_target.__wrapped__()


class TestNeedsOrigin:
    """Plugins that find their libraries relative to their own place."""

    @pytest.mark.parametrize(
        "flag",
        [
            "-Wl,-rpath,$ORIGIN/lib,--enable-new-dtags",
            "-Wl,-rpath,$ORIGIN/lib,--disable-new-dtags",
            "-Wl,-rpath,/usr/lib:${ORIGIN}",
        ],
    )
    def test_yes(self, compile_c: Compile, flag: str) -> None:
        """$ORIGIN counts in RUNPATH and RPATH, in both of its spellings."""
        assert elf.needs_origin(compile_c(SOURCE, flag).read_bytes())

    def test_no(self, compile_c: Compile, plugin: bytes) -> None:
        """Neither an absolute path nor text elsewhere in the file counts."""
        text = 'const char *text = "$ORIGIN";'
        assert not elf.needs_origin(plugin)
        assert not elf.needs_origin(compile_c(text, "-Wl,-rpath,/usr/lib").read_bytes())

    @pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF\x02\x01" + b"\0" * 20])
    def test_other_files(self, data: bytes) -> None:
        """A file that is no plugin needs nothing."""
        assert not elf.needs_origin(data)


class TestIsGo:
    """Plugins that bring a Go runtime."""

    def test_no(self, compile_c: Compile, plugin: bytes) -> None:
        """A program that only knows Go's magic bytes is not linked by Go."""
        assert not elf.is_go(plugin)
        constant = 'const char text[] = "\\xff Go buildinf:";'
        assert not elf.is_go(compile_c(constant).read_bytes())

    def test_32_bit(self) -> None:
        """The layout of 32 bit files is known too."""
        header = struct.pack("<4sBB10xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, *(0,) * 4, 52, *(0,) * 8)
        header = patched(patched(header, 42, "<HH", 32, 1), 18, "<H", 3)
        segment = struct.pack("<8I", layout.PT_LOAD, 84, 0, 0, 20, 20, layout.PF_W, 4)
        assert elf.is_go(header + segment + b"\xff Go buildinf:" + b"\0" * 6)
        assert not elf.is_go(header + segment + b"\0" * 20)

    @pytest.mark.parametrize("data", [b"", b"\xff Go buildinf:"])
    def test_other_files(self, data: bytes) -> None:
        """A file that is no ELF file is not linked by Go."""
        assert not elf.is_go(data)

    def test_version(self, compile_c: Compile) -> None:
        """The version is read from build information as Go 1.18 and later write it."""
        assert "Go go1.99.9" == facts.read(compile_c(go_build_info("go1.99.9"))).toolchain
        assert "Go" == facts.read(compile_c(go_build_info("go1.99.9"))).language

    @pytest.mark.parametrize(("version", "flags"), [("go1.17", 0), ("", 2), ("\\x01bad", 2)])
    def test_no_version(self, compile_c: Compile, version: str, flags: int) -> None:
        """Build information that holds no readable version leaves the toolchain open."""
        found = facts.read(compile_c(go_build_info(version, flags)))
        assert ("Go", None) == (found.language, found.toolchain)

    def test_runtime_symbols(self, compile_c: Compile) -> None:
        """What cgo exports for Go's runtime is kept apart from what the plugin exports."""
        names = "void _cgo_panic(void) {} void crosscall2(void) {} void Hello(void) {}"
        path = compile_c(go_build_info("go1.99.9") + names)
        found = facts.read(path)
        assert ["Hello", "info"] == [symbol.name for symbol in found.symbols]
        assert ["_cgo_panic", "crosscall2"] == [s.name for s in found.runtime_symbols]
        assert ["Hello", "info"] == facts.exported_names(path)


def go_build_info(version: str, flags: int = 2) -> str:
    """Return C text for a file that carries Go's build information."""
    size = len(version.encode().decode("unicode_escape"))
    text = f'\\xff" " Go buildinf:" "\\x08\\x{flags:02x}' + "\\0" * 16
    return f'char info[] = "{text}" "\\x{size:02x}" "{version}";\n'


class TestFacts:
    """What a file tells about itself."""

    def test_plugin(self, compile_c: Compile) -> None:
        """A plugin tells its machine, word size, kind and build id."""
        found = facts.read(compile_c(SOURCE, "-Wl,--build-id=0xc0ffee", "-Wl,-soname,libp.so.1"))
        assert str(layout.host_target()) == found.architecture
        assert (64, "little", "shared object") == (found.word_size, found.byte_order, found.kind)
        assert ("c0ffee", "libp.so.1", None) == (found.build_id, found.soname, found.defect)

    def test_exports(self, plugin: bytes) -> None:
        """Functions and variables are told apart; hidden and static ones are not exported."""
        found = facts.read(io.BytesIO(plugin))
        assert ["add", "guarded", "replaceable"] == [s.name for s in found.functions]
        assert ["calls", "per_thread", "pointer"] == [s.name for s in found.variables]
        assert ["replaceable"] == [s.name for s in found.symbols if s.weak]
        assert ["per_thread"] == [s.name for s in found.symbols if s.kind == "tls"]
        assert [4] == [s.size for s in found.symbols if s.name == "calls"]

    def test_exported_names(self, plugin: bytes) -> None:
        """The exported names are sorted and the same as in the full account."""
        expected = ["add", "calls", "guarded", "per_thread", "pointer", "replaceable"]
        assert expected == facts.exported_names(io.BytesIO(plugin))

    def test_stripped(self, plugin: bytes) -> None:
        """Without section headers the exports are found through the program headers."""
        without = patched(plugin, E_SHOFF, "<Q", 0)
        without = patched(without, 60, "<HH", 0, 0)  # e_shnum, e_shstrndx
        assert facts.read(io.BytesIO(plugin)).symbols == facts.read(io.BytesIO(without)).symbols

    @pytest.mark.parametrize("style", ["gnu", "sysv"])
    def test_hash_styles(self, compile_c: Compile, style: str) -> None:
        """Both kinds of hash tables tell how many symbols there are."""
        data = compile_c(SOURCE, f"-Wl,--hash-style={style}").read_bytes()
        without = patched(patched(data, E_SHOFF, "<Q", 0), 60, "<HH", 0, 0)
        assert "add" in facts.exported_names(io.BytesIO(without))

    def test_damaged_sections(self, plugin: bytes) -> None:
        """Section headers outside the file hide nothing that the loader would see."""
        damaged = patched(plugin, E_SHOFF, "<Q", 2**40)
        assert facts.read(io.BytesIO(plugin)).symbols == facts.read(io.BytesIO(damaged)).symbols

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

    def test_needed(self, compile_c: Compile) -> None:
        """Needed libraries, search paths and loader flags are told."""
        found = facts.read(
            compile_c(SOURCE, "-Wl,--no-as-needed", "-lm", "-Wl,-rpath,/opt/x,-z,nodelete")
        )
        assert "libm.so.6" in found.needed
        assert "/opt/x" in {found.runpath, found.rpath}
        assert "NODELETE" in found.flags

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

    def test_language_of_debug_information(self, compile_c: Compile) -> None:
        """Debug information names the language, and the compiler without its options."""
        found = facts.read(compile_c(SOURCE, "-g"))
        assert "C" == found.language
        assert found.toolchain is not None
        assert " -" not in found.toolchain

    def test_unknown_language(self, compile_c: Compile) -> None:
        """Without debug information the language is left open, the compiler is not."""
        found = facts.read(compile_c(SOURCE, "-g0"))
        assert None is found.language
        assert found.toolchain is not None

    def test_unknown_toolchain(self, compile_c: Compile) -> None:
        """A file that says nothing of its making is left without both."""
        path = compile_c(SOURCE, "-g0")
        subprocess.run(["objcopy", "--remove-section=.comment", path], check=True)
        found = facts.read(path)
        assert (None, None) == (found.language, found.toolchain)

    def test_language_of_runtime(self, compile_c: Compile) -> None:
        """A file that needs the C++ library is written in C++."""
        found = facts.read(compile_c(SOURCE, "-g0", "-Wl,--no-as-needed", "-l:libstdc++.so.6"))
        assert "C++" == found.language

    def test_rust(self, compile_c: Compile) -> None:
        """The Rust compiler's comment names the language and the toolchain."""
        text = 'int x; __asm__(".section .comment\\n.asciz \\"rustc version 1.95.0 (x)\\"\\n");'
        found = facts.read(compile_c(text, "-g0"))
        assert ("Rust", "rustc version 1.95.0 (x)") == (found.language, found.toolchain)

    @pytest.mark.parametrize(
        ("written", "text", "language", "toolchain"),
        [
            ("C", "GNU C17 12.2.0 -mtune=generic -g", "C", "GNU C17 12.2.0"),
            ("C", "zig 0.13.0", "Zig", "zig 0.13.0"),
            (
                "Rust",
                "clang LLVM (rustc version 1.95.0 (5 2026))",
                "Rust",
                "rustc version 1.95.0 (5 2026)",
            ),
            ("C++", "", "C++", None),
        ],
    )
    def test_debug_producers(
        self, written: str, text: str, language: str, toolchain: str | None
    ) -> None:
        """Of what compilers write of themselves, name and version are kept."""
        expected = producer.Producer(language, toolchain)
        assert expected == producer._describe_unit(written, text)

    @pytest.mark.parametrize(
        ("rest", "toolchain"),
        [
            (b"\x08go1.99.9", "Go go1.99.9"),
            (b"\x88\x00go1.99.9", "Go go1.99.9"),
            (b"\xff" * 300, None),
            (b"", None),
        ],
    )
    def test_go_version(self, rest: bytes, toolchain: str | None) -> None:
        """The length before Go's version has any number of bytes, but not endless ones."""
        header = b"\xff Go buildinf:\x08\x02" + b"\0" * 16
        assert toolchain == producer._go_version(header + rest, 0)
        assert None is producer._go_version(header[:20], 0)

    def test_other_machine(self, plugin: bytes) -> None:
        """A file for another machine is read like any other, and its defect is told."""
        other = 183 if layout.host_target().machine != 183 else 62
        found = facts.read(io.BytesIO(patched(plugin, E_MACHINE, "<H", other)))
        assert found.architecture in {"AArch64", "x86-64"}
        assert "built for" in (found.defect or "")
        assert "add" in {symbol.name for symbol in found.symbols}

    def test_executable(self, compile_c: Compile) -> None:
        """A position-independent executable is called an executable."""
        program = compile_c("int main(void) { return 0; }", "-fPIE", "-pie", shared=False)
        assert "executable" == facts.read(program).kind

    def test_frozen(self, plugin: bytes) -> None:
        """The account of a file cannot be changed."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            facts.read(io.BytesIO(plugin)).kind = "other"  # type: ignore[misc]

    def test_missing(self, tmp_path: Path) -> None:
        """A missing file is an OpenError with the system's words and number."""
        with pytest.raises(OpenError, match="No such file or directory") as caught:
            facts.read(tmp_path / "none.so")
        assert (2, str(tmp_path / "none.so")) == (caught.value.errno, caught.value.path)

    @pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF", b"\x7fELF\x07" + b"\0" * 99])
    def test_other_formats(self, data: bytes) -> None:
        """What is not an ELF file is a FormatError that says what it is."""
        with pytest.raises(FormatError) as caught:
            facts.read(io.BytesIO(data))
        assert elf.find_defect(data) == caught.value.reason

    def test_every_truncation(self, plugin: bytes) -> None:
        """A truncated file is either read or a FormatError of one line, and nothing else."""
        lengths = range(0, len(plugin), max(1, len(plugin) // 50))
        reasons = [reason_not_read(plugin[:length]) for length in lengths]
        assert any(reasons)
        assert not any("\n" in reason for reason in reasons if reason)

    def test_damaged_tables(self, plugin: bytes) -> None:
        """Damage in the symbol and string tables is a FormatError or is survived."""
        damaged = (patched(plugin, offset, "B", 0xFF) for offset in range(0x200, 0x600, 3))
        reasons = {reason_not_read(data) for data in damaged}
        assert None in reasons
        assert len(reasons) > 1

    def test_imports(self) -> None:
        """Importing what opens a plugin does not import pyelftools."""
        code = "import sys, nativeplug.load.facts; print('elftools' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert b"False" == done.stdout.strip()
