"""Updates: what was kept serves the new version, as one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import nativeplug
from gates import PATIENCE, Gate, at_once, background
from nativeplug import DeclarationError, SymbolNotFoundError
from support import RunPython
from versions import DECLARED, FORKING, Versions, refused


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
            char *text(int arrived, int opened) {{
                pass_gate(arrived, opened); return strdup("{}"); }}
            void give_back(char *text) {{ released++; free(text); }}
        """
        declared = """
            char *text(int arrived, int opened); void give_back(char *text);
            extern int64_t released;
        """
        versions.put(1, more.format("one"))
        plg = versions.open(declared, free={"text": "give_back"})
        with plg.pin() as old, Gate() as gate:
            with background(lambda: plg.text(gate.arrived, gate.opened)) as (call,):
                gate.wait()
                versions.put(2, more.format("two"))
                plg.update()
                gate.open()

            assert ("one", 1, 0) == (call.result(), old.released, plg.released)
            assert ("two", 1) == (plg.text(gate.arrived, gate.opened), plg.released)


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
        gated = plg.gated
        with Gate() as gate, background(lambda: gated(gate.arrived, gate.opened)) as (call,):
            gate.wait()
            versions.put(2)
            plg.update()

            assert (2, 1) == (plg.version(), plg.generations[0].calls)
            gate.open()
            assert (1, 2) == (call.result(PATIENCE), gated(gate.arrived, gate.opened))
        assert 0 == plg.generations[0].calls

    def test_updates(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """Those who update at once take turns: one loads, the others find nothing to do."""
        versions.put(2)

        assert ["unchanged"] * 3 + ["updated"] == sorted(at_once(*[plg.update] * 4))
        assert 2 == len(plg.generations)

    def test_map(self, plg: nativeplug.Plugin, versions: Versions) -> None:
        """All of one `map` is made by one version."""
        from array import array

        gated = plg.lookup("gated")
        if gated.invoker != "core":  # type: ignore[union-attr]
            return  # cffi makes no loops
        versions.put(2)
        with Gate() as gate:
            columns = [array("i", [each] * 40) for each in (gate.arrived, gate.opened)]
            with background(lambda: gated.map(*columns)) as (call,):  # type: ignore[union-attr]
                gate.wait()
                plg.update()
                gate.open()

            assert ([1] * 40, 2) == (call.result().tolist(), plg.version())

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
