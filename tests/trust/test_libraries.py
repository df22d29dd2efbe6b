"""Where the libraries of a plugin come from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nativeplug.trust import libraries
from support import BuildC

OURS = frozenset({0, os.geteuid()})


@pytest.fixture
def library(build_c: BuildC, tmp_path: Path) -> Path:
    """Give a library, in a directory of its own that nobody else can write to."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "libs"
    folder.mkdir(mode=0o755)
    built = build_c("int f(void) { return 1; }", "libf", "-Wl,-soname,libf.so")
    return built.rename(folder / "libf.so")


@pytest.fixture
def plugin(build_c: BuildC, library: Path) -> Path:
    """Give a plugin that needs it."""
    return needing(build_c, library, "plugin", "$ORIGIN/libs")


def needing(build_c: BuildC, library: Path, name: str, rpath: str, *flags: str) -> Path:
    """Build a plugin that needs a library, and looks for it in *rpath*."""
    wanted = ("-Wl,--no-as-needed,--allow-shlib-undefined", str(library), f"-Wl,-rpath,{rpath}")
    return build_c(f"int {name}(void) {{ return 1; }}", name, *wanted, *flags)


def faults(path: Path) -> list[str]:
    """Return what is said of a plugin, but for what lies above the test's directory."""
    return [*_own(libraries.find_faults(path.read_bytes(), str(path), OURS))]


def _own(found: Iterator[str]) -> Iterator[str]:
    words = (f"{os.sep}pytest-of-", "relative", "more than")
    return (fault for fault in found if any(word in fault for word in words))


def writable(path: Path, what: str = "") -> str:
    """Make something writable by others, and return what is said of it."""
    path.chmod(path.stat().st_mode | 0o022)
    return f"{what}{str(path)!r} can be written by others (mode {path.stat().st_mode & 0o7777:04o})"


class TestLibraries:
    """What lies where a plugin looks."""

    def test_safe(self, plugin: Path) -> None:
        """Nothing is said of what nobody else can write to."""
        assert [] == faults(plugin)

    def test_directory(self, plugin: Path, library: Path) -> None:
        """A directory that others can write to is told once, with the entry that leads there."""
        expected = writable(library.parent, "it looks in '$ORIGIN/libs': the directory ")
        assert [f"{expected}: chmod go-w"] == faults(plugin)

    def test_library(self, plugin: Path, library: Path) -> None:
        """So is a library."""
        expected = writable(library, "its library ")
        assert [f"{expected}: chmod go-w"] == faults(plugin)

    def test_stranger(self, plugin: Path, library: Path) -> None:
        """So is one that belongs to somebody else."""
        found = libraries.find_faults(plugin.read_bytes(), str(plugin), {os.geteuid() + 1})
        expected = f"its library {str(library)!r} belongs to user {os.geteuid()}, who is not"
        assert [expected] == [each[: len(expected)] for each in found if expected in each]

    def test_link(self, plugin: Path, library: Path, tmp_path: Path) -> None:
        """Of a library that is a link, what counts is where it leads, and what lies there."""
        away = tmp_path / "away"
        away.mkdir()
        library.rename(away / "real.so")
        library.symlink_to("../away/real.so")
        assert [] == faults(plugin)
        expected = writable(away, f"its library {str(library)!r}: the directory ")
        assert [f"{expected}: chmod go-w"] == faults(plugin)
        away.chmod(0o755)
        (away / "real.so").chmod(0o666)
        [fault] = faults(plugin)
        assert fault.startswith(
            f"its library {str(library)!r} can be written by others (mode 0666)"
        )

    def test_loose_link(self, plugin: Path, library: Path) -> None:
        """One that leads nowhere is told."""
        library.unlink()
        library.symlink_to("none.so")
        words = "cannot be looked at: No such file or directory"
        way, itself = faults(plugin)
        assert words in way
        assert f"its library {str(library)!r} {words}" == itself

    @pytest.mark.parametrize("below", ["glibc-hwcaps/x86-64-v3", "tls/x86_64", "haswell"])
    def test_variants(self, plugin: Path, library: Path, below: str) -> None:
        """Variants for some processors count, which the dynamic loader prefers."""
        folder = library.parent / below
        folder.mkdir(parents=True)
        (library.parent / "readme").touch()
        variant = library.rename(folder / "libf.so")
        assert [] == faults(plugin)
        assert [f"{writable(variant, 'its library ')}: chmod go-w"] == faults(plugin)

    def test_deep(self, build_c: BuildC, plugin: Path, library: Path) -> None:
        """What a library needs is judged as well, and where it looks."""
        deep = needing(build_c, plugin, "deep", "$ORIGIN:lib")
        deep.rename(library.parent / "libf.so")
        plugin.rename(library.parent / "plugin.so")  # by its own name, as it has no soname
        top = needing(build_c, library, "top", "$ORIGIN/libs")
        relative = "looks in 'lib', which is relative to the working directory"
        assert [f"its library {str(library)!r} {relative}"] == faults(top)

    def test_inherited(self, build_c: BuildC, library: Path, tmp_path: Path) -> None:
        """An RPATH is for what libraries need, too."""
        middle = needing(build_c, library, "libmiddle", "/usr/lib", "-Wl,-soname,libmiddle.so")
        middle.rename(tmp_path / "libs" / "libmiddle.so")
        old = "-Wl,--disable-new-dtags"
        top = needing(build_c, tmp_path / "libs/libmiddle.so", "top", "$ORIGIN/libs", old)
        assert [] == faults(top)
        assert [f"{writable(library, 'its library ')}: chmod go-w"] == faults(top)

    def test_path(self, build_c: BuildC, library: Path) -> None:
        """A library that is named by a path is judged there."""
        named = build_c("int g;", "named", f"-Wl,-soname,{library}")
        top = needing(build_c, named, "top", "/usr/lib")
        assert [f"{writable(library, 'its library ')}: chmod go-w"] == faults(top)

    def test_too_many(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is an end to looking, and that is told."""
        monkeypatch.setattr(libraries, "_MOST", 0)
        assert ["it needs more than 0 libraries or directories"] == faults(plugin)

    def test_up_and_down(self, build_c: BuildC, library: Path) -> None:
        """Libraries that look in their own directory by way of the one above come to an end."""
        again = needing(build_c, library, "again", "$ORIGIN/../libs", "-Wl,-soname,libf.so")
        again.rename(library)
        top = needing(build_c, library, "top", "$ORIGIN/libs")
        assert [] == faults(top)

    def test_circle(self, plugin: Path, library: Path) -> None:
        """Directories that lead in circles come to an end."""
        for name in ("tls", "haswell", "x86_64"):
            (library.parent / name).symlink_to(".")
        assert ["it needs more than 256 libraries or directories"] == faults(plugin)


def test_relative(build_c: BuildC, tmp_path: Path) -> None:
    """What is relative, or empty, is looked for in the working directory."""
    library = build_c("int f;", "library", "-Wl,-soname,deep/lib.so")
    path = needing(build_c, library, "plugin", "lib::$ORIGIN:/usr/lib:lib")
    words = "which is relative to the working directory"
    expected = [f"it looks in {each!r}, {words}" for each in ("lib", "", "deep")]
    assert expected == [*libraries.find_relative(path.read_bytes(), str(path))]
    tmp_path.chmod(0o700)
    assert expected == faults(path)
