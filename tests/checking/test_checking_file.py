"""What is checked of a file as the dynamic loader sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elf_parts import Parts
from elf_parts import build as build_parts
from nativeplug._dl import lib
from nativeplug.checking.binary import check_hardening, check_structure, find_search_faults
from nativeplug.checking.report import HARDENING, Check
from nativeplug.elf import defects, elffile
from nativeplug.elf.hardening import WANTED
from nativeplug.loader.files import read_file
from support import EXPORTS_C, BuildC, Compile


def structure_of(data: bytes) -> dict[str, Check]:
    """Return what is checked of a file's structure, by name."""
    return {check.name: check for check in check_structure(data)}


class TestStructure:
    """What the dynamic loader follows."""

    def test_sound(self, elf_bytes: bytes) -> None:
        """A sound file that needs no libc would do for any."""
        found = structure_of(elf_bytes)
        assert {"ok"} == {check.verdict for check in found.values()}
        assert (str(elffile.host_target()),) == found["architecture"].texts
        assert ("any",) == found["libc"].texts

    def test_libc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that needs another libc than this process has is sound, and not for it."""
        parts = Parts(build_parts(tmp_path))
        assert ("glibc",) == structure_of(parts.data)["libc"].texts

        class Musl:
            """The check, in a process that has musl."""

            np_check = lib.np_check

            @staticmethod
            def np_check_libc() -> int:
                """Return its libc."""
                return lib.NP_LIBC_MUSL

        monkeypatch.setattr(defects, "lib", Musl)
        found = structure_of(parts.data)
        assert "ok" == found["structure"].verdict
        assert "finding" == found["libc"].verdict
        assert found["libc"].texts[0].startswith("built for glibc, this process has musl")
        assert parts.entry("NEEDED") == found["libc"].offset

    def test_damaged(self, elf_bytes: bytes) -> None:
        """The finding has its place."""
        parts = Parts(elf_bytes)
        found = structure_of(parts.set("STRSZ", 1 << 40)[0])
        assert ("finding", parts.entry("STRTAB")) == (
            found["structure"].verdict,
            found["structure"].offset,
        )
        assert "not checked" == found["libc"].verdict


class TestHardening:
    """What protects it; what is missing is a finding where it is wanted."""

    @pytest.mark.parametrize(
        ("name", "flags"),
        [
            ("nx", ["-Wl,-z,execstack"]),
            ("relro", ["-Wl,-z,norelro"]),
            ("bind_now", ["-Wl,-z,lazy"]),
            ("search_path", ["-Wl,-rpath,lib"]),
        ],
    )
    def test_missing(self, name: str, flags: list[str], build_c: BuildC) -> None:
        """It is a finding where it is wanted, and shown where it is not."""
        content = read_file(str(build_c(EXPORTS_C, "plugin", "-Wl,-z,now", *flags)))
        shown = {check.name: check.verdict for check in check_hardening(content, set())}
        expected = {f"hardening {each}": "ok" for each in HARDENING}
        assert expected | {f"hardening {name}": "not asked for"} == shown
        found = {check.name: check.verdict for check in check_hardening(content, {name})}
        assert expected | {f"hardening {name}": "finding"} == found

    def test_all(self, build_c: BuildC) -> None:
        """All that a policy can want is looked at."""
        content = read_file(str(build_c(EXPORTS_C)))
        checked = {check.name.removeprefix("hardening ") for check in check_hardening(content, ())}
        assert {*WANTED, "search_path"} == checked == {*HARDENING}


class TestSearchPath:
    """Where others could put libraries for it."""

    @staticmethod
    def faults(path: Path) -> list[str]:
        """Return what is said of a plugin, but for what lies above the test's directory."""
        own = f"{os.sep}pytest-of-"
        found = find_search_faults(read_file(str(path)), {0, os.geteuid()})
        return [fault for fault in found if own in fault or "relative" in fault]

    def test_safe(self, build_c: BuildC, tmp_path: Path) -> None:
        """Directories of the user's, and of the system, are safe; so is one that is not there."""
        tmp_path.chmod(0o700)
        rpath = "-Wl,-rpath,$ORIGIN:${ORIGIN}/libs:/usr/lib/$LIB"
        assert [] == self.faults(build_c(EXPORTS_C, "plugin", rpath))

    @pytest.mark.parametrize("tags", ["--enable-new-dtags", "--disable-new-dtags"])
    def test_writable(self, build_c: BuildC, tmp_path: Path, tags: str) -> None:
        """One that others can write to is told, with the entry that leads there."""
        path = build_c(EXPORTS_C, "plugin", "-Wl,-rpath,$ORIGIN/libs", f"-Wl,{tags}")
        tmp_path.chmod(0o700)
        (tmp_path / "libs").mkdir()
        (tmp_path / "libs").chmod(0o1777)
        text = f"the directory '{tmp_path}/libs' can be written by others (mode 1777): chmod go-w"
        assert [f"it looks in '$ORIGIN/libs': {text}"] == self.faults(path)

    def test_could_be_made(self, build_c: BuildC, tmp_path: Path) -> None:
        """So is one that others could make."""
        path = build_c(EXPORTS_C, "plugin", f"-Wl,-rpath,{tmp_path}/a/b")
        tmp_path.chmod(0o777)
        assert [f"it looks in '{tmp_path}/a/b': the directory '{tmp_path}'"] == [
            fault[: fault.index(" can be")] for fault in self.faults(path)
        ]

    def test_link(self, build_c: BuildC, tmp_path: Path) -> None:
        """$ORIGIN is where the file itself lies, not a link to it."""
        path = build_c(EXPORTS_C, "plugin", "-Wl,-rpath,$ORIGIN")
        place = tmp_path / "place"
        place.mkdir()
        link = place / "link.so"
        link.symlink_to(path)
        place.chmod(0o777)
        tmp_path.chmod(0o700)
        assert [] == self.faults(link)

    def test_relative(self, compile_c: Compile) -> None:
        """What is relative is wherever the program happens to be."""
        library = compile_c("", "-Wl,-soname,deep/lib.so")
        flags = ["-Wl,-rpath,lib:", "-Wl,--no-as-needed", str(library)]
        entries = ["lib", "", "deep"]
        assert [
            f"it looks in {each!r}, which is relative to the working directory" for each in entries
        ] == self.faults(compile_c(EXPORTS_C, *flags))
