"""Which language and toolchain made a plugin's file."""

from __future__ import annotations

import subprocess

import pytest

from nativeplug.elf import facts, producer
from support import EXPORTS_C, Compile, go_build_info


class TestProducer:
    """What a file tells about its making."""

    def test_language_of_debug_information(self, compile_c: Compile) -> None:
        """Debug information names the language, and the compiler without its options."""
        found = facts.read(compile_c(EXPORTS_C, "-g"))
        assert "C" == found.language
        assert found.toolchain is not None
        assert " -" not in found.toolchain

    def test_unknown_language(self, compile_c: Compile) -> None:
        """Without debug information the language is left open, the compiler is not."""
        found = facts.read(compile_c(EXPORTS_C, "-g0"))
        assert None is found.language
        assert found.toolchain is not None

    def test_unknown_toolchain(self, compile_c: Compile) -> None:
        """A file that says nothing of its making is left without both."""
        path = compile_c(EXPORTS_C, "-g0")
        subprocess.run(["objcopy", "--remove-section=.comment", path], check=True)
        found = facts.read(path)
        assert (None, None) == (found.language, found.toolchain)

    def test_language_of_runtime(self, compile_c: Compile) -> None:
        """A file that needs the C++ library is written in C++."""
        found = facts.read(compile_c(EXPORTS_C, "-g0", "-Wl,--no-as-needed", "-l:libstdc++.so.6"))
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


class TestGoVersion:
    """Go's build information."""

    def test_version(self, compile_c: Compile) -> None:
        """The version is read from build information as Go 1.18 and later write it."""
        assert "Go go1.99.9" == facts.read(compile_c(go_build_info("go1.99.9"))).toolchain
        assert "Go" == facts.read(compile_c(go_build_info("go1.99.9"))).language

    @pytest.mark.parametrize(("version", "flags"), [("go1.17", 0), ("", 2), ("\\x01bad", 2)])
    def test_no_version(self, compile_c: Compile, version: str, flags: int) -> None:
        """Build information that holds no readable version leaves the toolchain open."""
        found = facts.read(compile_c(go_build_info(version, flags)))
        assert ("Go", None) == (found.language, found.toolchain)

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
