"""Updates: what was kept serves the new version, or nothing has changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import nativeplug
from nativeplug import ClosedError, DeclarationError, SymbolNotFoundError, UpdateError
from support import RunPython
from versions import DECLARED, FORKING, Versions, refused


@pytest.fixture(params=["core", "cffi"])
def versions(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Versions:
    """Give a plugin's file, to be called by each invoker."""
    monkeypatch.setenv("NATIVEPLUG_INVOKER", request.param)
    return Versions(tmp_path)


@pytest.fixture
def plg(versions: Versions) -> Iterator[nativeplug.Plugin]:
    """Give an open plugin whose version is 1."""
    versions.put(1)
    with versions.open() as plugin:
        yield plugin


class TestWhatIsKept:
    """Everything that came from the plugin before serves the new version."""

    def test_functions(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A kept attribute and a kept Function call new code, and stay the same objects."""
        attribute, function, struct = plg.version, plg.lookup("version"), plg.triple
        assert (1, 1, 1) == (attribute(), function(), struct().b)  # type: ignore[operator]

        versions.put(2)

        assert "updated" == plg.update()
        assert (2, 2, 2) == (attribute(), function(), struct().c)  # type: ignore[operator]
        assert attribute is plg.version
        assert function is plg.lookup("version")
        assert 2 == plg.generation

    def test_variables(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A kept Variable and the attribute are the new version's memory."""
        kept = plg.lookup("number")
        plg.number = 11
        versions.put(2)
        plg.update()

        assert (2, 2) == (plg.number, kept.value)  # type: ignore[union-attr]

        plg.number = 12

        assert 12 == kept.value  # type: ignore[union-attr]

    def test_address(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Addresses are those of what serves now."""
        kept = [plg.lookup("version"), plg.lookup("number")]
        before = [each.address for each in kept]
        versions.put(2)
        plg.update()

        assert not {*before} & {each.address for each in kept}

    def test_what_is_looked_up_later(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What was never looked up may vanish, and what is new can be declared."""
        plg.version()
        versions.put(2, "int64_t fresh(void) { return 22; }")
        plg.update()

        assert 22 == nativeplug.open(versions.path, "int64_t fresh(void);").fresh()
        assert 2 == plg.triple().a

    def test_released_by_the_plugin(self, versions: Versions) -> None:
        """A result is released by the version that has made it, also in the middle of an update."""
        more = """
            int64_t released;
            char *text(int64_t milliseconds) {{
                usleep(milliseconds * 1000); return strdup("{}"); }}
            void give_back(char *text) {{ released++; free(text); }}
        """
        declared = (
            "char *text(int64_t milliseconds); void give_back(char *text); extern int64_t released;"
        )
        versions.put(1, more.format("one"))
        plg = versions.open(declared, free={"text": "give_back"})
        seen: list[str] = []
        with plg.pin() as old:
            thread = threading.Thread(target=lambda: seen.append(plg.text(300)))
            thread.start()
            while not plg.generations[0].calls:
                pass
            versions.put(2, more.format("two"))
            plg.update()
            thread.join()

            assert (["one"], 1, 0) == (seen, old.released, plg.released)
            assert ("two", 1) == (plg.text(0), plg.released)


class TestUnchanged:
    """The content counts, not the file."""

    def test_same_content(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A file that was touched, or replaced by its like, is no new version."""
        assert "unchanged" == plg.update()

        os.utime(versions.path)
        assert "unchanged" == plg.update()

        versions.put(1)
        assert "unchanged" == plg.update()
        assert plg is nativeplug.open(versions.path)
        assert 1 == len(plg.generations)

    def test_same_marks(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """New content is noticed under the same inode, size and time."""
        plg.version()
        before = os.stat(versions.path)
        data = versions.build(2).read_bytes()
        with open(versions.path, "r+b") as file:
            file.write(data)
        os.utime(versions.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = os.stat(versions.path)

        assert (before.st_ino, before.st_size, before.st_mtime_ns) == (
            after.st_ino,
            after.st_size,
            after.st_mtime_ns,
        )
        assert "updated" == plg.update()
        assert 2 == plg.version()


class TestRefusal:
    """A bad version changes nothing."""

    def test_missing_symbol(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What is in use must be exported; all that is missing is told."""
        plg.version()
        plg.number  # noqa: B018 - reading it is a lookup
        versions.path.write_bytes(
            versions.build(2)
            .read_bytes()
            .replace(b"\0version\0", b"\0verzion\0")
            .replace(b"\0number\0", b"\0nunber\0")
        )

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


class TestHooks:
    """The program's hooks, around the switch."""

    def test_order(self, versions: Versions) -> None:
        """One sees the old version, the other the new one."""
        seen: list[tuple[str, int]] = []
        versions.put(1)
        plg = versions.open(
            before_update=lambda plg: seen.append(("before", plg.version())),
            after_update=lambda plg: seen.append(("after", plg.version())),
        )
        versions.put(2)
        plg.update()

        assert [("before", 1), ("after", 2)] == seen

    def test_refusing(self, versions: Versions) -> None:
        """What `before_update` raises refuses the update."""

        def refuse(_plg: object) -> None:
            raise ValueError("not now")

        versions.put(1)
        plg = versions.open(before_update=refuse)
        versions.put(2)
        error = refused(plg)

        assert ("before_update raised ValueError: not now",) == error.reasons
        assert isinstance(error.__cause__, ValueError)
        assert 1 == plg.version()

    def test_taking_back(self, versions: Versions) -> None:
        """What `after_update` raises brings the old version back."""
        seen = []

        def refuse(plg: nativeplug.Plugin) -> None:
            seen.append((plg.version(), plg.generation))
            raise ValueError("not so")

        versions.put(1)
        plg = versions.open(after_update=refuse)
        versions.put(2)

        assert ("after_update raised ValueError: not so",) == refused(plg).reasons
        assert [(2, 2)] == seen
        assert (1, 1) == (plg.version(), plg.number)
        assert ["current", "unloaded"] == [each.state for each in plg.generations]

    def test_looked_up_and_taken_back(self, versions: Versions) -> None:
        """What only the new version has, or declares so, is lost when it is taken back."""
        kept: list[object] = []

        def use(plg: nativeplug.Plugin) -> None:
            kept.extend([plg.half, plg.fresh, plg.triple])
            assert (10, 7, 2) == (plg.half(21), plg.fresh(), plg.triple().a)
            raise ValueError("no")

        versions.put(1, "double half(double x) { return x / 2; }")
        versions.header("double half(double x);\n")
        plg = nativeplug.open(versions.path, after_update=use)
        versions.put(2, "int half(int x) { return x / 2; } int fresh(void) { return 7; }")
        versions.header("int half(int x);\nint fresh(void);\n")
        refused(plg)

        half, fresh, triple = kept
        assert (1, 0.75) == (triple().a, plg.half(1.5))  # type: ignore[operator]
        with pytest.raises(DeclarationError):
            half(21)  # type: ignore[operator]
        with pytest.raises(DeclarationError, match="does not export 'fresh', which is in use"):
            fresh()  # type: ignore[operator]
        with pytest.raises(SymbolNotFoundError):
            plg.fresh  # noqa: B018 - reading it is a lookup

    def test_paired(self, versions: Versions) -> None:
        """Where one was called the other is too, though the update is refused meanwhile."""
        seen: list[tuple[str, int]] = []
        versions.put(1, "void *nativeplug_save(size_t *size) { *size = 1; return 0; }")
        plg = versions.open(
            before_update=lambda plg: seen.append(("before", plg.generation)),
            after_update=lambda plg: seen.append(("after", plg.generation)),
        )
        versions.put(2, "int nativeplug_restore(const void *d, size_t n) { return 0; }")

        assert ("nativeplug_save() of the old version returned NULL",) == refused(plg).reasons
        assert [("before", 1), ("after", 1)] == seen

    def test_interrupt(self, versions: Versions) -> None:
        """Ctrl-C in a hook is no refusal, and changes nothing either."""

        def interrupt(_plg: object) -> None:
            raise KeyboardInterrupt

        versions.put(1)
        plg = versions.open(after_update=interrupt)
        versions.put(2)

        with pytest.raises(KeyboardInterrupt):
            plg.update()
        assert (1, 1) == (plg.version(), plg.generation)

    def test_used_meanwhile(self, versions: Versions) -> None:
        """What is looked up, and declared, while an update is under way moves with the rest."""
        kept = []

        def use(plg: nativeplug.Plugin) -> None:
            again = nativeplug.open(versions.path, "int64_t fresh(void);")
            kept.extend([again is plg, plg.triple, plg.fresh])

        fresh = "int64_t fresh(void) {{ return {}; }}"
        versions.put(1, fresh.format(11))
        plg = versions.open(before_update=use)
        versions.put(2, fresh.format(22))
        plg.update()

        same, triple, moved = kept
        assert (True, 2, 22) == (same, triple().a, moved())

    def test_update_inside(self, versions: Versions) -> None:
        """An update from within a hook would wait for itself."""
        versions.put(1)
        plg = versions.open(before_update=lambda plg: plg.update())
        versions.put(2)

        assert "an update of it is under way in this thread" in str(refused(plg))


class TestTogether:
    """Many threads at once."""

    def test_call_under_way(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A call ends where it has begun; one that begins after the update is new."""
        slowly, seen = plg.slowly, []
        thread = threading.Thread(target=lambda: seen.append(slowly(400)))
        thread.start()
        while not plg.generations[0].calls:
            pass
        versions.put(2)
        plg.update()

        assert (2, 1) == (slowly(0), plg.generations[0].calls)
        thread.join()
        assert [1] == seen
        assert 0 == plg.generations[0].calls

    def test_updates(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Those who update at once take turns: one loads, the others find nothing to do."""
        versions.put(2)
        outcomes: list[str] = []
        gate = threading.Barrier(4)

        def update() -> None:
            gate.wait()
            outcomes.append(plg.update())

        threads = [threading.Thread(target=update) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert ["unchanged"] * 3 + ["updated"] == sorted(outcomes)
        assert 2 == len(plg.generations)

    def test_map(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """All of one `map` is made by one version."""
        from array import array

        slowly = plg.lookup("slowly")
        if slowly.invoker != "core":  # type: ignore[union-attr]
            return  # cffi makes no loops
        updating = threading.Thread(target=plg.update)

        def begin(done: int, _total: int) -> None:
            if done >= 8 and not updating.ident:
                updating.start()
                updating.join()

        versions.put(2)
        found = slowly.map(array("q", [1] * 40), progress=begin)  # type: ignore[union-attr]

        assert ([1] * 40, 2) == (found.tolist(), plg.version())

    def test_fork(self, versions: Versions, run_python: RunPython) -> None:
        """A child has the generations of its parent, and updates by itself."""
        versions.put(1)
        data = versions.build(2)
        code = """
            import os, sys, nativeplug
            path, following, declared = sys.argv[1:]
            plg = nativeplug.open(path, declared, follow=True)
            version = plg.version
            child = os.fork()
            if not child:
                assert [1] == [each.number for each in plg.generations]
                assert not plg.following
                os.replace(following, path)
                assert "updated" == plg.update()
                assert (2, 2) == (version(), plg.generation)
                os._exit(0)
            assert 0 == os.waitpid(child, 0)[1]
            plg.unfollow()
            plg.update()
            assert 2 == version()
        """
        result = run_python(code, versions.path, data, DECLARED, env=FORKING)

        assert (0, "") == (result.returncode, result.stderr)


class TestRollback:
    """A retired generation serves again."""

    def test_back(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Everything goes back, and the variables are as they were left."""
        version = plg.version
        plg.number = 11
        versions.put(2)
        plg.update()
        plg.rollback()

        assert (1, 1, 11) == (version(), plg.generation, plg.number)
        assert ["current", "retired"] == [each.state for each in plg.generations]

    def test_stays(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Opening the file does not undo it; an update does, or another file."""
        versions.put(2)
        plg.update()
        plg.rollback()

        assert plg is nativeplug.open(versions.path)
        assert 1 == plg.version()

        assert "updated" == plg.update()
        assert (2, 3) == (plg.version(), plg.generation)

        plg.rollback()
        versions.put(4)
        nativeplug.open(versions.path)
        assert 4 == plg.version()

    def test_by_number(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Any generation that is retired and mapped can be named."""
        for number in (2, 3):
            versions.put(number)
            plg.update()

        plg.rollback(1)
        assert 1 == plg.version()
        plg.rollback(3)
        assert 3 == plg.version()

    def test_one_after_the_other(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Each goes back to what the current generation has replaced, like undoing."""
        for number in (2, 3):
            versions.put(number)
            plg.update()
        plg.rollback()
        assert 2 == plg.version()
        versions.put(4)
        plg.update()

        for expected in (2, 1):
            plg.rollback()
            assert expected == plg.version()
        with pytest.raises(UpdateError, match="no earlier generation"):
            plg.rollback()

    def test_left_behind(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """A content that was left stays left, whatever becomes of the file's times."""
        versions.put(2)
        plg.update()
        plg.rollback()
        for _ in range(2):
            versions.put(2)
            assert plg is nativeplug.open(versions.path)
            assert 1 == plg.version()

        assert "updated" == plg.update()
        assert 2 == plg.version()
        plg.rollback()
        assert 1 == plg.version()

    def test_declarations(self, versions: Versions) -> None:
        """What is declared goes back too; what is in use by another declaration stays."""
        versions.put(1, "double half(double x) { return x / 2; } int one(void) { return 1; }")
        versions.header("#define LIMIT 1\ndouble half(double x);\nint one(void);\n")
        plg = nativeplug.open(versions.path)
        plg.version()
        versions.put(2, "int half(int x) { return x / 2; } int one(void) { return 1; }")
        versions.header("#define LIMIT 2\nint half(int x);\nint one(void);\n")
        plg.update()
        nativeplug.open(versions.path, "int64_t slowly(int64_t milliseconds);")
        assert 2 == plg.LIMIT
        plg.rollback()

        assert (1, 0.75, 1) == (plg.LIMIT, plg.half(1.5), plg.one())
        assert 1 == plg.slowly(0)

        versions.put(3, "int half(int x) { return x / 2; } int one(void) { return 1; }")
        with pytest.raises(UpdateError, match=r"'int half.int x.' contradicts 'double half"):
            plg.update()

    def test_declared_otherwise(self, versions: Versions) -> None:
        """A version that declares what is in use otherwise cannot serve again."""
        versions.put(1, "double half(double x) { return x / 2; }")
        versions.header("double half(double x);\n")
        plg = nativeplug.open(versions.path)
        plg.version()
        versions.put(2, "int half(int x) { return x / 2; } int fresh(void) { return 2; }")
        versions.header("int half(int x);\nint fresh(void);\n")
        plg.update()
        assert (10, 2) == (plg.half(21), plg.fresh())

        with pytest.raises(UpdateError) as caught:
            plg.rollback()
        assert 2 == len(caught.value.reasons)
        assert (10, 2) == (plg.half(21), plg.version())

    def test_nowhere(self, plg: nativeplug.Plugin) -> None:
        """There may be none."""
        with pytest.raises(UpdateError, match="no earlier generation is retired and still mapped"):
            plg.rollback()
        with pytest.raises(UpdateError, match="no generation 7 is retired"):
            plg.rollback(7)
        assert 1 == plg.version()

    def test_missing_symbol(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """What was looked up since must be there."""
        versions.put(2, "int64_t fresh(void) { return 22; }")
        plg.update()
        fresh = nativeplug.open(versions.path, "int64_t fresh(void);").fresh

        with pytest.raises(UpdateError, match="it does not export 'fresh'"):
            plg.rollback()
        assert (22, 2) == (fresh(), plg.generation)
