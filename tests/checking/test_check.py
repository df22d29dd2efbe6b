"""What refuses an update: the old version serves as if nothing had happened."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nativeplug
from nativeplug import ClosedError
from versions import DECLARED, Versions, refused

pytestmark = pytest.mark.slow


@pytest.fixture
def versions(called_by_each: Versions) -> Versions:
    """Give a plugin's file, to be called by each invoker."""
    return called_by_each


@pytest.fixture
def plg(versions: Versions) -> Iterator[nativeplug.Plugin]:
    """Give an open plugin whose version is 1."""
    versions.put(1)
    with versions.open() as plugin:
        yield plugin


#: A constructor that says goodbye, and leaves a mark in the file that $TRIES names.
_DEADLY = """
#include <stdio.h>
__attribute__((constructor)) static void start(void) {
    FILE *tries = fopen(getenv("TRIES"), "a");
    fputc('x', tries);
    fclose(tries);
    fputs("sorry\\n", stderr);
    abort();
}
"""


class TestRefusal:
    """A bad version changes nothing."""

    def test_missing_symbol(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What is in use must be exported; all that is missing is told."""
        plg.version()
        plg.number  # noqa: B018 - reading it is a lookup
        versions.put(2, 'asm(".hidden version, number");')

        error = refused(plg)

        assert {
            "it does not export 'version', which is in use",
            "it does not export 'number', which is in use",
        } == {*error.reasons}
        assert f"cannot update plugin {plg.path!r}: it does not export" in str(error)
        assert (1, 1) == (plg.version(), plg.number)
        assert 1 == len(plg.generations)

    def test_other_kind(self, versions: Versions) -> None:
        """A function that has become a variable, or the reverse, is none that could be called."""
        versions.put(1, "int f(void) { return 1; } int v = 1;")
        plg = versions.open("int f(void); extern int v;")
        assert (1, 1) == (plg.f(), plg.v)
        versions.put(2, "int v(void) { return 1; } int f = 1;")

        assert {"'f' is a variable in it", "'v' is a function in it"} == {*refused(plg).reasons}
        assert 1 == plg.f()

    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            (lambda data: data[:1000], "truncated"),
            (lambda _: b"", "the file is empty"),
            (lambda _: b"hello", "not an ELF file but text"),
            (lambda data: data[:18] + b"\xb7\0" + data[20:], "built for AArch64"),
        ],
        ids=["truncated", "empty", "text", "other machine"],
    )
    def test_no_plugin(
        self, plg: nativeplug.Plugin, versions: Versions, damage: object, reason: str
    ) -> None:
        """A file that is no plugin is refused before it is loaded."""
        data = versions.build(2).read_bytes()
        versions.path.write_bytes(damage(data))  # type: ignore[operator]

        assert refused(plg).reasons[0].startswith(reason)
        assert 1 == plg.version()

    def test_missing_file(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A file that is gone is no version."""
        versions.path.unlink()

        assert ("No such file or directory",) == refused(plg).reasons
        assert 1 == plg.version()

    def test_not_loadable(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What the dynamic loader refuses is told in its words."""
        versions.put(2, "int nowhere(void); int caller(void) { return nowhere(); }")

        (reason,) = refused(plg).reasons

        assert f"{versions.path}: undefined symbol: nowhere" == reason
        assert 1 == len(plg.generations)

    def test_deadly(
        self,
        plg: nativeplug.Plugin,
        versions: Versions,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A version whose constructor kills is refused; the next to open does not try again."""
        tries = tmp_path / "tries"
        monkeypatch.setenv("TRIES", str(tries))
        versions.put(2, _DEADLY)
        reason = "loading it in a process of its own ended that: killed by SIGABRT (Aborted): sorry"

        assert (reason,) == refused(plg).reasons
        with pytest.raises(nativeplug.UpdateError, match="killed by SIGABRT"):
            nativeplug.open(versions.path)
        assert 1 == plg.version() == len(tries.read_text())
        assert (reason,) == refused(plg).reasons
        assert (2, 1) == (len(tries.read_text()), len(plg.generations))

        versions.put(3)

        assert "updated" == plg.update()
        assert 3 == plg.version()

    def test_no_probe(
        self, plg: nativeplug.Plugin, versions: Versions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where no probe can be made, that is said; it can be done without."""
        monkeypatch.setattr(sys, "executable", "")
        monkeypatch.delitem(sys.modules, "multiprocessing.spawn", raising=False)
        versions.put(2)

        (reason,) = refused(plg).reasons

        assert reason.startswith("cannot probe it: there is no Python to start: ")
        assert reason.endswith("; probe=False does without")
        assert 1 == plg.version()
        assert plg is nativeplug.open(versions.path, probe=False)
        assert 2 == plg.version() == plg.generation

    def test_hook(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A version that is not ready is refused, and unloaded again."""
        versions.put(2, "int nativeplug_loaded(void) { return 3; }")

        assert ("nativeplug_loaded() of the new version returned 3",) == refused(plg).reasons
        assert ["current", "unloaded"] == [each.state for each in plg.generations]
        assert 1 == plg.version()

        versions.put(3, "int nativeplug_loaded(void) { return 0; }")

        assert "updated" == plg.update()
        assert 3 == plg.generation == plg.version()

    def test_too_many(self, versions: Versions) -> None:
        """At the limit the current generation serves on."""
        versions.put(1)
        plg = versions.open(max_generations=2)
        versions.put(2)
        plg.update()
        versions.put(3)

        assert "2 generations of it are mapped, and max_generations is 2" in str(refused(plg))
        assert 2 == plg.version()

        versions.put(2)
        assert "unchanged" == plg.update()

    def test_system_library(self) -> None:
        """What all share is not replaced."""
        zlib = nativeplug.open("libz.so.1", "const char *zlibVersion(void);")

        assert "system library, which is never updated" in str(refused(zlib))
        assert ["current"] == [each.state for each in zlib.generations]
        assert zlib.generations[0].sha256 is None

    def test_closed(self, versions: Versions) -> None:
        """A closed plugin is not updated, also when it is closed in the middle."""
        versions.put(1)
        plg = versions.open(before_update=lambda plugin: plugin.close())
        versions.put(2)

        for _ in range(2):
            with pytest.raises(ClosedError):
                plg.update()
        assert ["retired", "unloaded"] == [each.state for each in plg.generations]
        with versions.open() as fresh:
            assert 2 == fresh.version()


class TestDeclarations:
    """A new version may bring a new header."""

    @pytest.fixture
    def plg(self, versions: Versions) -> Iterator[nativeplug.Plugin]:
        """Give a plugin that brings its header."""
        versions.put(1)
        versions.header("#define LIMIT 1\nint64_t gone(void);\n")
        with nativeplug.open(versions.path) as plugin:
            assert 1 == plugin.version()
            yield plugin

    def test_new_function(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What the new header declares can be used; kept functions take values as before."""
        triple = plg.ffi.new("Triple *", [1, 2, 3])
        versions.put(2, "int64_t sum(const Triple *t) { return t->a + t->b + t->c; }")
        versions.header("#define LIMIT 2\nint64_t sum(const Triple *t);\n")

        assert "updated" == plg.update()
        assert (6, 2, 2) == (plg.sum(triple), plg.LIMIT, plg.version())
        assert "gone" not in plg

    def test_unused_function(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What nobody has looked up may be declared otherwise."""
        versions.put(2, "double gone(double x) { return x / 2; }")
        versions.header("double gone(double x);\n")

        assert "updated" == plg.update()
        assert 0.75 == plg.gone(1.5)

    def test_changed_function(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What is in use must be declared as it was."""
        versions.put(2)
        header = versions.path.with_suffix(".h")
        header.write_text(DECLARED.replace("version(void)", "version(int x)"))

        (reason,) = refused(plg).reasons

        assert "'int64_t version(int x)' contradicts 'int64_t version(void)'" in reason
        assert 1 == plg.version()

    def test_changed_type(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A struct whose members change would make the program's values wrong."""
        versions.put(2)
        header = versions.path.with_suffix(".h")
        header.write_text(DECLARED.replace("a, b, c", "a, b"))

        assert "Triple" in refused(plg).reasons[0]

    def test_unreadable(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A header that cannot be read, and a file that is none: both are told."""
        versions.path.with_suffix(".h").write_text("int f(;")
        versions.path.write_text("text")

        reasons = refused(plg).reasons

        assert "not an ELF file but text" == reasons[0]
        assert "plugin.h:1:" in reasons[1]

    def test_no_header_any_more(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Without a header what was declared stays."""
        versions.path.with_suffix(".h").unlink()
        versions.put(2)

        assert "updated" == plg.update()
        assert 2 == plg.version()
