"""What a header declares is put into a plugin, which then tells of itself."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from nativeplug import declare
from nativeplug.build import build
from nativeplug.build.embed import embed
from nativeplug.declare.declarations import same_type
from nativeplug.elf import metadata
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.errors import BuildError, DeclarationError, FormatError
from plugins_with_metadata import declared_by, tell
from support import PLUGINS_C, PLUGINS_GO, BuildC, CPlugin, needs_go, patched, refuse

VERSION = InterfaceVersion("greeter", 1, 2)
PLUGIN = """
    struct P { char a; int b; };
    int calls;
    int add(int a, int b) { return a + b; }
    __thread int per_thread;
"""
HEADER = """
#include <stdint.h>
#include <time.h>
#define MASK 0xffffffffffffffff
enum { LOWEST = -5, HIGHEST = 5000000000 };
enum color { RED = 1, BLUE = 7 };
struct Opaque;
struct __attribute__((packed)) P { char a; int b; };
typedef struct __attribute__((packed)) { char a; int b; } Q;
typedef struct { struct P p; time_t when; enum color color; } R;
int add(int first, int second);
int add_all(R *r, struct Opaque *o, Q *q);
int absent(void);
extern int calls, per_thread;
"""


@pytest.fixture
def plugin(build_c: BuildC) -> Path:
    """Give a plugin."""
    return build_c(PLUGIN + "int add_all(void *r, void *o, void *q) { return 0; }")


@pytest.fixture
def header(tmp_path: Path) -> Path:
    """Give a header that declares what the plugin exports, and more."""
    path = tmp_path / "any.h"
    path.write_text(HEADER)
    return path


def interface_of(plugin: Path) -> InterfaceVersion | None:
    """Return the interface that a file tells."""
    found = metadata.read(plugin.read_bytes())
    assert found is not None
    return found.interface


class TestEmbed:
    """What is told afterwards."""

    def test_declarations(self, plugin: Path, header: Path) -> None:
        """It is what the header declares and the file exports, and all types and constants."""
        embed(plugin, header, interface=VERSION)
        found, declared = declared_by(plugin), declare.read(header)
        # It exports neither absent nor, at an address that is one for all threads, per_thread.
        assert ["add", "add_all", "calls"] == sorted(found.symbols)
        assert "int add(int first, int second)" == found.symbols["add"].text
        assert declared.constants == found.constants
        assert {*declared.types} == {*found.types}
        assert [5, 5] == [found.ffi.sizeof(name) for name in ("struct P", "Q")]
        assert VERSION == interface_of(plugin)

    @pytest.mark.parametrize("name", sorted(path.stem for path in PLUGINS_C.glob("*.h")))
    def test_plugins(self, name: str, c_plugin: CPlugin, tmp_path: Path) -> None:
        """Every plugin of ours tells what its header says."""
        plugin = Path(shutil.copy(c_plugin(name), tmp_path))
        embed(plugin, PLUGINS_C / f"{name}.h")
        found, declared = declared_by(plugin), declare.read(PLUGINS_C / f"{name}.h")
        assert declared.constants == found.constants
        for symbol, line in found.lines.items():
            rows = [declare.from_line(each) for each in (line, declared.lines[symbol])]
            assert same_type(declared.ffi, *rows)
        missing = {*declared.symbols} - {*found.symbols}
        unserved = {each for each in declared.symbols if declared.symbols[each].problem}
        assert missing <= unserved

    def test_again(self, plugin: Path, header: Path) -> None:
        """Doing it again replaces what was told, but keeps the interface unless one is given."""
        embed(plugin, header, interface=VERSION)
        header.write_text("int add(int, int);")
        embed(plugin, header)
        assert ["add"] == [*declared_by(plugin).symbols]
        assert VERSION == interface_of(plugin)
        embed(plugin, header, interface=InterfaceVersion("other", 2, 0))
        assert "other 2.0" == str(interface_of(plugin))

    def test_place(self, plugin: Path, header: Path, tmp_path: Path) -> None:
        """The file is replaced, with its mode; a symlink to it stays one, and no other stays."""
        link = tmp_path / "link.so"
        link.symlink_to(plugin)
        plugin.chmod(0o750)
        before, files = plugin.stat().st_ino, {*os.listdir(tmp_path)}
        embed(link, header)
        assert link.is_symlink()
        assert 0o750 == plugin.stat().st_mode & 0o7777
        assert before != plugin.stat().st_ino
        assert files == {*os.listdir(tmp_path)}


class TestRefused:
    """What cannot be put there; the file then stays as it was."""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("int absent(void);", "declares nothing that it exports"),
            ("int calls(void);", "it exports 'calls' as a variable, not as 'int calls(void)'"),
            ("extern int add;", "it exports 'add' as a function, not as 'int add'"),
        ],
    )
    def test_symbols(self, plugin: Path, header: Path, text: str, reason: str) -> None:
        """A header that is not the plugin's is noticed."""
        header.write_text(text)
        before = plugin.read_bytes()
        with pytest.raises(BuildError) as caught:
            embed(plugin, header)
        assert str(caught.value).startswith(f"cannot embed declarations into {str(plugin)!r}: ")
        assert str(caught.value).endswith(reason)
        assert before == plugin.read_bytes()

    def test_header(self, plugin: Path, header: Path, tmp_path: Path) -> None:
        """A header that cannot be read is refused as open would."""
        header.write_text("int add(doubel x);")
        with pytest.raises(DeclarationError, match=r"any\.h:1:9: unknown type name 'doubel'"):
            embed(plugin, header)
        with pytest.raises(DeclarationError, match="cannot read header"):
            embed(plugin, tmp_path / "none.h")

    def test_file(self, plugin: Path, header: Path, tmp_path: Path) -> None:
        """What is no plugin, or is not there, is said so."""
        with pytest.raises(BuildError, match=r"declarations into .*: No such file or directory"):
            embed(tmp_path / "none.so", header)
        os.mkfifo(tmp_path / "pipe.so")
        with pytest.raises(BuildError, match=r"declarations into .*: not a regular file"):
            embed(tmp_path / "pipe.so", header)
        data = plugin.read_bytes()
        plugin.write_bytes(patched(data, 40, "<Q", 0))
        with pytest.raises(BuildError, match="has no section headers"):
            embed(plugin, header)

    def test_damaged(self, plugin: Path, header: Path) -> None:
        """What the file tells already must be sound."""
        plugin.write_bytes(tell(plugin.read_bytes(), kind="nativeplug 9"))
        with pytest.raises(FormatError, match="'nativeplug 9'"):
            embed(plugin, header)

    def test_unreadable(self, plugin: Path, header: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What could not be read again is not put there."""
        monkeypatch.setattr("nativeplug.build.embed._type_text", lambda _: "typedef struct Q")
        before = plugin.read_bytes()
        with pytest.raises(DeclarationError, match=r"plugin\.so \(\.nativeplug\):8:13: "):
            embed(plugin, header)
        assert before == plugin.read_bytes()

    def test_no_room(
        self, plugin: Path, header: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Where the file cannot be written, nothing is left behind."""
        before = {*os.listdir(tmp_path)}
        monkeypatch.setattr("os.fchmod", refuse(errno.ENOSPC))
        with pytest.raises(BuildError, match="No space left on device"):
            embed(plugin, header)
        assert before == {*os.listdir(tmp_path)}


@needs_go
class TestGo:
    """``nativeplug build`` does it for Go by itself."""

    @pytest.mark.parametrize("name", ["greeter", "structs", "results"])
    def test_built(self, name: str, go_plugin: CPlugin) -> None:
        """A Go plugin tells what its header says, Go's types with it."""
        plugin = go_plugin(name)
        found, declared = declared_by(plugin), declare.read(plugin.with_suffix(".h"))
        assert {*declared.symbols} == {*found.symbols}
        for symbol, line in found.lines.items():
            rows = [declare.from_line(each) for each in (line, declared.lines[symbol])]
            assert rows[0][3:-2] == rows[1][3:-2]
        assert {*declared.types} == {*found.types}

    def test_macros(self, tmp_path: Path) -> None:
        """What the C files of a Go package tell by macros is kept: an interface, variables."""
        folder = Path(shutil.copytree(PLUGINS_GO / "greeter", tmp_path / "greeter"))
        (folder / "more.c").write_text(
            '#include <nativeplug.h>\nNATIVEPLUG_INTERFACE("greeter", 1, 2);\n'
            "NATIVEPLUG_VARIABLE(int, further) = 3;\n"
        )
        plugin = build(folder)
        assert VERSION == interface_of(plugin)
        assert {"further", "GetName", "Name"} <= {*declared_by(plugin).symbols}

    def test_unreadable(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A plugin whose header cannot be read is built, with a warning that names the header."""
        folder = Path(shutil.copytree(PLUGINS_GO / "greeter", tmp_path / "greeter"))

        def fail(*_args: object) -> None:
            raise DeclarationError("made up")

        monkeypatch.setattr("nativeplug.build.embed.with_section", fail)
        plugin = build(folder)
        assert None is metadata.read(plugin.read_bytes())
        assert f"{plugin} will not tell of itself: made up" in caplog.text
