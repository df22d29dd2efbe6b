"""What a plugin's file tells about itself without being loaded."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import pytest

from nativeplug.elf import defects, dynamic, elffile, facts
from nativeplug.errors import FormatError, OpenError
from support import E_MACHINE, E_SHOFF, EXPORTS_C, Compile, go_build_info, patched


def reason_not_read(data: bytes) -> str | None:
    """Read a file and return why that failed; None when it did not."""
    try:
        facts.read(io.BytesIO(data))
    except FormatError as error:
        return error.reason
    return None


class TestFacts:
    """What a file tells about itself."""

    def test_plugin(self, compile_c: Compile) -> None:
        """A plugin tells its machine, word size, kind and build id."""
        found = facts.read(compile_c(EXPORTS_C, "-Wl,--build-id=0xc0ffee", "-Wl,-soname,libp.so.1"))
        assert str(elffile.host_target()) == found.architecture
        assert (64, "little", "shared object") == (found.word_size, found.byte_order, found.kind)
        assert ("c0ffee", "libp.so.1", None) == (found.build_id, found.soname, found.defect)

    def test_runtime_symbols(self, compile_c: Compile) -> None:
        """What cgo exports for Go's runtime is kept apart from what the plugin exports."""
        names = "void _cgo_panic(void) {} void crosscall2(void) {} void Hello(void) {}"
        path = compile_c(go_build_info("go1.99.9") + names)
        found = facts.read(path)
        assert ["Hello", "info"] == [symbol.name for symbol in found.symbols]
        assert ["_cgo_panic", "crosscall2"] == [s.name for s in found.runtime_symbols]
        assert {"Hello", "info"} == dynamic.read(path.read_bytes()).exports.keys()

    def test_damaged_sections(self, elf_bytes: bytes) -> None:
        """Section headers outside the file hide nothing that the loader would see."""
        damaged = patched(elf_bytes, E_SHOFF, "<Q", 2**40)
        assert facts.read(io.BytesIO(elf_bytes)).symbols == facts.read(io.BytesIO(damaged)).symbols

    def test_needed(self, compile_c: Compile) -> None:
        """Needed libraries, search paths and loader flags are told."""
        found = facts.read(
            compile_c(EXPORTS_C, "-Wl,--no-as-needed", "-lm", "-Wl,-rpath,/opt/x,-z,nodelete")
        )
        assert "libm.so.6" in found.needed
        assert "/opt/x" in {found.runpath, found.rpath}
        assert "NODELETE" in found.flags

    def test_other_machine(self, elf_bytes: bytes) -> None:
        """A file for another machine is read like any other, and its defect is told."""
        other = 183 if elffile.host_target().machine != 183 else 62
        found = facts.read(io.BytesIO(patched(elf_bytes, E_MACHINE, "<H", other)))
        assert found.architecture in {"AArch64", "x86-64"}
        assert "built for" in (found.defect or "")
        assert "add" in {symbol.name for symbol in found.symbols}

    def test_executable(self, compile_c: Compile) -> None:
        """A position-independent executable is called an executable."""
        program = compile_c("int main(void) { return 0; }", "-fPIE", "-pie", shared=False)
        assert "executable" == facts.read(program).kind

    def test_frozen(self, elf_bytes: bytes) -> None:
        """The account of a file cannot be changed."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            facts.read(io.BytesIO(elf_bytes)).kind = "other"  # type: ignore[misc]

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
        assert str(defects.find_defect(data)) == caught.value.reason

    def test_every_truncation(self, elf_bytes: bytes) -> None:
        """A truncated file is either read or a FormatError of one line, and nothing else."""
        lengths = range(0, len(elf_bytes), max(1, len(elf_bytes) // 50))
        reasons = [reason_not_read(elf_bytes[:length]) for length in lengths]
        assert any(reasons)
        assert not any("\n" in reason for reason in reasons if reason)

    @pytest.mark.slow
    def test_damaged_tables(self, elf_bytes: bytes) -> None:
        """Damage in the symbol and string tables is a FormatError or is survived."""
        damaged = (patched(elf_bytes, offset, "B", 0xFF) for offset in range(0x200, 0x600, 3))
        reasons = {reason_not_read(data) for data in damaged}
        assert None in reasons
        assert len(reasons) > 1

    def test_imports(self) -> None:
        """Importing what opens a plugin does not import pyelftools."""
        code = "import sys, nativeplug.elf.facts; print('elftools' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert b"False" == done.stdout.strip()
