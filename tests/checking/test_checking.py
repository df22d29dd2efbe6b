"""What can be said against a plugin's file, as a whole."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from damages import DAMAGES, Parts
from damages import build as build_parts
from nativeplug import Policy
from nativeplug.checking import HARDENING, Check, CheckOptions, Report, check
from nativeplug.elf import elffile
from nativeplug.loader.files import Content, FileKey, read_file
from nativeplug.trust import OriginRequirements
from plugins_with_metadata import tell
from samples import FLUSH
from signing import FAR, Signer
from support import E_MACHINE, EXPORTS_C, BuildC, CPlugin, patched

CHECKS = [
    *("origin", "architecture", "structure", "libc", "libraries", "own symbols"),
    *(f"hardening {name}" for name in HARDENING),
    *("floating point", "told", "debug information", "agreement", "declarations", "exports"),
    *("types", "interface", "probe"),
]
RISC_V = 243


def content_of(data: bytes) -> Content:
    """Return the content of a file of a made-up path."""
    return Content("/plugins/made.so", FileKey(1, 2, 3, 4, 5), data, "")


def report_of(content: Content, **wanted: Any) -> Report:
    """Return what is found of a file."""
    report = check(content, CheckOptions(**wanted))
    assert CHECKS == [each.name for each in report.checks]
    assert all(each.texts for each in report.checks)
    return report


def check_of(content: Content, name: str, **wanted: Any) -> Check:
    """Return what came of one check."""
    return next(each for each in report_of(content, **wanted).checks if each.name == name)


def verdicts(report: Report, verdict: str) -> list[str]:
    """Return the names of the checks of which something came."""
    return [each.name for each in report.checks if each.verdict == verdict]


def test_sound(c_plugin: CPlugin) -> None:
    """A plugin with nothing against it: what was checked, and what was not asked for."""
    report = report_of(
        read_file(str(c_plugin("told"))), hardening=frozenset({"nx", "relro", "no_textrel"})
    )
    assert () == report.findings
    assert [] == verdicts(report, "not checked")
    asked = ["origin", "hardening bind_now", "interface", "probe"]
    assert asked == verdicts(report, "not asked for")
    assert {"ok"} == {symbol.verdict for symbol in report.symbols}


def test_all_findings(build_c: BuildC, tmp_path: Path) -> None:
    """What is found by one check hides nothing from the others."""
    path = build_c(EXPORTS_C, "plugin", "-Wl,-z,lazy", "-Wl,-rpath,lib")
    header = tmp_path / "other.h"
    header.write_text("int add(int a); int absent(void);")
    report = report_of(
        read_file(str(path)),
        declarations=header,
        demands=OriginRequirements(sha256="0" * 64),
        hardening=frozenset(HARDENING),
        probe=True,
    )
    places = ["hardening bind_now", "hardening search_path", "exports", "types"]
    assert ["origin", *places] == verdicts(report, "finding")
    assert 6 == len(report.findings)  # where it looks for libraries is a matter of origin, too


class TestFile:
    """Files that are no plugins, or none for this process."""

    def test_damages(self, tmp_path: Path) -> None:
        """Every damage is a finding, in the words of the error that opening it raises."""
        parts = Parts(build_parts(tmp_path))
        for damage in DAMAGES:
            content = content_of(damage.make(parts)[0])
            assert content.defect is not None
            report = report_of(content, probe=True)
            assert content.defect.text in report.findings, damage.name
            assert "probe" in verdicts(report, "not checked")

    def test_random_damage(self, elf_bytes: bytes) -> None:
        """Whatever the bytes are there is a report."""
        rng = random.Random(5)  # noqa: S311 - to be repeated
        told = tell(elf_bytes, "interface greeter 1.2", "function int add(int a, int b)")
        for _ in range(300):
            data = bytearray(told)
            for _ in range(rng.randrange(1, 5)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            cut = rng.choice([len(data), rng.randrange(len(data))])
            report_of(content_of(bytes(data[:cut])), hardening=frozenset(HARDENING))

    @pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF", bytes(100)])
    def test_no_plugin(self, data: bytes) -> None:
        """What is no ELF file has one finding, and the rest could not be checked."""
        report = report_of(content_of(data), probe=True, hardening=frozenset(HARDENING))
        assert ["structure"] == verdicts(report, "finding")
        assert [each for each in CHECKS if each not in {"origin", "structure"}] == (
            verdicts(report, "not checked")
        )

    def test_other_machine(self, elf_bytes: bytes) -> None:
        """A file for another machine is a finding, and is checked all the same."""
        told = tell(elf_bytes, "function int add(int a, int b)", "function int guarded(void)")
        report = report_of(content_of(patched(told, E_MACHINE, "<H", RISC_V)), probe=True)
        assert ["architecture"] == verdicts(report, "finding")
        assert "built for RISC-V, this process is " in report.findings[0]
        unseen = ["libc", "libraries", "own symbols", "debug information", "agreement", "probe"]
        assert unseen == verdicts(report, "not checked")

    def test_aarch64(self, elf_bytes: bytes) -> None:
        """Of the machines whose files are checked, the structure is told of each."""
        other = next(each for each in (62, 183) if each != elffile.host_target().machine)
        report = report_of(content_of(patched(elf_bytes, E_MACHINE, "<H", other)))
        assert ["architecture", "structure"] == verdicts(report, "finding")
        assert report.findings[1].startswith("damaged: ")  # with the relocations of another one

    def test_damaged_text(self, elf_bytes: bytes) -> None:
        """What a plugin tells of itself and cannot be read is a finding with its place."""
        content = content_of(tell(elf_bytes, b"\xff"))
        found = check_of(content, "told")
        assert "finding" == found.verdict
        assert found.texts[0].endswith("it is not UTF-8")
        assert b"\xff" == content.data[found.offset or 0 :][:1]
        unseen = ["debug information", "agreement", "declarations", "exports", "types", "interface"]
        unseen = ["libraries", "own symbols", *unseen]  # of a file that is nowhere
        assert unseen == verdicts(report_of(content), "not checked")

    def test_unreadable_text(self, elf_bytes: bytes) -> None:
        """So is a declaration in it that is not C."""
        found = check_of(content_of(tell(elf_bytes, "function int add(doubel a)")), "told")
        assert "finding" == found.verdict
        assert "unknown type name 'doubel'" in found.texts[0]


class TestOrigin:
    """Where the file must come from."""

    @pytest.fixture
    def path(self, c_plugin: CPlugin, tmp_path: Path) -> Path:
        """Return a plugin of its own."""
        return Path(shutil.copy(c_plugin("told"), tmp_path))

    def test_good(self, path: Path, signer: Signer, tmp_path: Path) -> None:
        """Who has signed it, and what else is signed, is told; versions are not noted."""
        signer.sign(path, "version:1.2", FAR)
        demands = OriginRequirements.of(signer.policy(allow_older=True))
        said = check_of(read_file(str(path)), "origin", demands=demands).texts[0]
        key = signer.secret.public.name
        expected = f"signed by the key {key}, version 1.2, good until 2999-01-01T00:00:00Z"
        assert expected == said
        assert not (tmp_path / "state").exists()

    def test_unsigned(self, path: Path) -> None:
        """What is demanded besides is met in fewer words."""
        found = check_of(
            read_file(str(path)), "origin", demands=OriginRequirements.of(Policy(directories=["/"]))
        )
        assert ("ok", ("as it is demanded",)) == (found.verdict, found.texts)

    def test_bad(self, path: Path, signer: Signer) -> None:
        """All that stands against it is found; and what is not trusted is not loaded."""
        demands = OriginRequirements.of(signer.policy(directories=["/usr"]), "0" * 64)
        report = report_of(read_file(str(path)), demands=demands, probe=True)
        assert 3 == len(report.findings)
        assert ["probe"] == verdicts(report, "not checked")

    def test_header_of_a_signed_plugin(
        self, build_c: BuildC, tmp_path: Path, signer: Signer
    ) -> None:
        """The header beside it is not signed, so nothing is declared by it."""
        path = build_c(EXPORTS_C, "plugin", "-g0")
        (tmp_path / "plugin.h").write_text("int add(int, int);")
        content = read_file(str(path))
        assert "ok" == check_of(content, "declarations").verdict
        signer.sign(path)
        demands = OriginRequirements.of(signer.policy(allow_older=True))
        assert "not checked" == check_of(content, "declarations", demands=demands).verdict


class TestProbe:
    """Loading it, which is not done unless it is asked for."""

    def test_survived(self, c_plugin: CPlugin) -> None:
        """A plugin that can be loaded."""
        found = check_of(read_file(str(c_plugin("greeter"))), "probe", probe=True)
        done = "a process of its own has loaded and unloaded it"
        assert ("ok", (done,)) == (found.verdict, found.texts)

    def test_altered(self, build_c: BuildC) -> None:
        """A constructor that changes how the thread computes is a finding."""
        start = "__attribute__((constructor)) static void start(void)"
        path = build_c(f"{start} {{ {FLUSH} }}", "plugin", "-s")
        found = check_of(read_file(str(path)), "probe", probe=True)
        assert "finding" == found.verdict
        assert found.texts[0].startswith("its constructors make denormal numbers zero")

    def test_death(self, build_c: BuildC) -> None:
        """A constructor that ends the process is a finding, and is not run otherwise."""
        path = build_c(
            "#include <stdlib.h>\n__attribute__((constructor)) void start(void) { abort(); }"
        )
        content = read_file(str(path))
        assert () == report_of(content).findings
        found = check_of(content, "probe", probe=True)
        assert ("finding", 1) == (found.verdict, len(found.texts))
        assert "killed by SIGABRT" in found.texts[0]

    def test_refusal(self, c_plugin: CPlugin) -> None:
        """So is what the dynamic loader says of it."""
        path = c_plugin("undefined_symbol")
        found = check_of(read_file(str(path)), "probe", probe=True)
        assert (f"{path}: undefined symbol: nobody_defines_this",) == found.texts

    def test_impossible(self, c_plugin: CPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no process can be started it was not checked."""
        monkeypatch.setattr(sys, "executable", "")
        monkeypatch.delitem(sys.modules, "multiprocessing.spawn", raising=False)  # it knows one
        found = check_of(read_file(str(c_plugin("greeter"))), "probe", probe=True)
        assert "not checked" == found.verdict
        assert "cannot probe it" in found.texts[0]
