"""Surroundings for the copy of a plugin that finds its libraries relative to its own place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nativeplug.loader import origin_dir
from support import EXPORTS_C, Compile, names


def links(folder: Path) -> set[str]:
    """Name the links in *folder*."""
    return {path.name for path in folder.iterdir() if path.is_symlink()}


class TestLevels:
    """How far above its own directory a plugin looks."""

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("$ORIGIN", 0),
            ("$ORIGIN/lib", 0),
            ("$ORIGIN/lib/../../other", 0),  # from where lib leads to
            ("$ORIGIN/../lib", 1),
            ("$ORIGIN/..", 1),
            ("${ORIGIN}//.././../lib", 2),
            ("/usr/lib:$ORIGIN/../lib:$ORIGIN", 1),
            ("/usr/lib", None),
            ("$ORIGINAL", None),
            ("$ORIGIN2/..", None),
            ("${ORIGIN}_libs/x", 0),
            ("${ORIGIN}2/../..", 0),
            ("${ORIGIN/..", None),
        ],
    )
    @pytest.mark.parametrize("tags", ["enable", "disable"])
    def test_paths(self, compile_c: Compile, path: str, expected: int | None, tags: str) -> None:
        """It is what the paths go up at their beginnings, in RUNPATH as in RPATH."""
        plugin = compile_c(EXPORTS_C, f"-Wl,-rpath,{path},--{tags}-new-dtags")
        assert expected == origin_dir.levels(str(plugin), plugin.read_bytes())

    def test_text(self, compile_c: Compile) -> None:
        """A text elsewhere in the file says nothing."""
        plugin = compile_c('const char *text = "$ORIGIN";')
        assert None is origin_dir.levels(str(plugin), plugin.read_bytes())

    def test_libraries_in_a_circle(self, compile_c: Compile) -> None:
        """Libraries beside the plugin count, also those that need each other."""
        flags = ("-Wl,--no-as-needed,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined")
        library = compile_c("int f(void);", "-Wl,-soname,libcircle.so")
        first = compile_c("int g(void);", *flags, str(library), "-Wl,-soname,libcircle.so")
        above = compile_c("int h;", *flags, str(first), "-Wl,-rpath,$ORIGIN/../..")
        (above.parent / "libcircle.so").write_bytes(above.read_bytes())
        plugin = above.parent / "first.so"
        plugin.write_bytes(first.read_bytes())
        assert 2 == origin_dir.levels(str(plugin), plugin.read_bytes())

    def test_library_by_path(self, compile_c: Compile) -> None:
        """A library beside the plugin counts, too, where it is named by a path that leads there."""
        flags = ("-Wl,--no-as-needed,--allow-shlib-undefined",)
        library = compile_c("int f(void);", "-Wl,-soname,$ORIGIN/libup.so,-rpath,$ORIGIN/../..")
        plugin = compile_c("int g;", *flags, str(library))
        assert 0 == origin_dir.levels(str(plugin), plugin.read_bytes())
        plugin.with_name("libup.so").write_bytes(library.read_bytes())
        assert 2 == origin_dir.levels(str(plugin), plugin.read_bytes())

    def test_names_that_lead_elsewhere(self, compile_c: Compile, tmp_path: Path) -> None:
        """What a plugin needs by a path is not read, nor is what is no regular file."""
        away = tmp_path / "away.so"
        away.write_bytes(compile_c("int f;", "-Wl,-rpath,$ORIGIN/..").read_bytes())
        sonames = ["/dev/zero", str(away), "pipe.so"]
        libraries = [str(compile_c("int f;", f"-Wl,-soname,{soname}")) for soname in sonames]
        plugin = compile_c("int g;", "-Wl,-rpath,$ORIGIN,--no-as-needed", *libraries)
        os.mkfifo(plugin.with_name("pipe.so"))
        assert 0 == origin_dir.levels(str(plugin), plugin.read_bytes())

    def test_many_libraries(self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not more are looked at than a plugin can need."""
        library = compile_c("int f(void);", "-Wl,-soname,libup.so,-rpath,$ORIGIN/..")
        plugin = compile_c("int g;", "-Wl,-rpath,$ORIGIN,--no-as-needed", str(library))
        plugin.with_name("libup.so").write_bytes(library.read_bytes())
        assert 1 == origin_dir.levels(str(plugin), plugin.read_bytes())
        monkeypatch.setattr(origin_dir, "_MOST_LIBRARIES", 1)
        assert 0 == origin_dir.levels(str(plugin), plugin.read_bytes())

    @pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF"])
    def test_other_files(self, data: bytes) -> None:
        """What is no plugin has no place that means anything."""
        assert None is origin_dir.levels("/nowhere/plugin.so", data)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("/usr/lib", "/usr/lib"),
        ("lib", "lib"),
        ("", ""),
        ("$ORIGIN", "/plugins"),
        ("${ORIGIN}/../lib", "/plugins/../lib"),
        ("$ORIGINAL/lib", "$ORIGINAL/lib"),
        ("$ORIGIN2/lib", "$ORIGIN2/lib"),
        ("${ORIGIN}_libs", "/plugins_libs"),
        ("$ORIGIN/$LIB/x", "/plugins/"),
        ("/opt/${PLATFORM}", "/opt/"),
    ],
)
def test_expand(entry: str, expected: str) -> None:
    """A directory in which libraries are looked for is the one that the loader would take."""
    assert expected == origin_dir.expand(entry, "/plugins/plugin.so")


class TestRebuild:
    """A directory that looks like that of the plugin."""

    @pytest.fixture
    def plugin(self, tmp_path: Path) -> Path:
        """Give a plugin in directories with other files."""
        directory = tmp_path / "real/app/plugins"
        directory.mkdir(parents=True)
        for name in ("plugins/plugin.so", "plugins/beside.so", "lib", "../other"):
            (directory.parent / name).touch()
        return directory / "plugin.so"

    def test_own_directory(self, plugin: Path, tmp_path: Path) -> None:
        """Everything beside the plugin is linked; the plugin is not."""
        made = tmp_path / "made"
        assert str(made) == origin_dir.rebuild(str(made), str(plugin), 0)
        assert {"beside.so"} == links(made) == names(made)
        assert plugin.with_name("beside.so").samefile(made / "beside.so")

    def test_directories_above(self, plugin: Path, tmp_path: Path) -> None:
        """So is everything beside the directories that lead to it, which are made."""
        made = tmp_path / "made"
        assert str(made / "app/plugins") == origin_dir.rebuild(str(made), str(plugin), 2)
        assert ({"other"}, {"other", "app"}) == (links(made), names(made))
        assert ({"lib"}, {"lib", "plugins"}) == (links(made / "app"), names(made / "app"))
        assert {"beside.so"} == links(made / "app/plugins") == names(made / "app/plugins")
        assert 0o700 == (made / "app").stat().st_mode & 0o777

    def test_root(self, tmp_path: Path) -> None:
        """There is nothing above the root directory."""
        made = origin_dir.rebuild(str(tmp_path / "made"), "/plugin.so", 3)
        assert str(tmp_path / "made") == made
        assert names(Path("/")) == names(tmp_path / "made")

    def test_unreadable(
        self, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is linked of a directory that may not be listed."""

        def refuse(_path: str) -> None:
            raise PermissionError

        monkeypatch.setattr("os.listdir", refuse)
        origin_dir.rebuild(str(tmp_path / "made"), str(plugin), 0)
        monkeypatch.undo()
        assert set() == names(tmp_path / "made")
