"""fresh=False: what a closed plugin has left in memory is opened again."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from gates import PATIENCE, Gate, at_once, background
from nativeplug import ClosedError, OriginError, Plugin, Policy
from support import CPlugin, RunPython, needs_go
from versions import FORKING, Versions

BEGUN = """
    int begun = 0;
    __attribute__((constructor)) static void begin(void) { begun++; }
"""


def reopened(versions: Versions, **options: Any) -> Plugin:
    """Open the plugin again, taking up what is there."""
    return versions.open("extern int begun;", fresh=False, **options)


@pytest.fixture
def closed(versions: Versions) -> Plugin:
    """Give a plugin that was closed after its variables were changed."""
    versions.put(1, BEGUN)
    plg: Any = versions.open("extern int begun;")
    plg.number, plg.begun = 41, 7
    plg.close()
    return plg  # type: ignore[no-any-return]


class TestTakingUp:
    """The generation is the one that was there."""

    def test_state(self, versions: Versions, closed: Plugin) -> None:
        """Variables are as they were, constructors have not run; what was closed stays closed."""
        plg: Any = reopened(versions)
        assert (41, 7, 1) == (plg.number, plg.begun, plg.version())
        assert plg is not closed
        assert ([1], 1) == ([each.number for each in plg.generations], plg.generation)
        assert plg is nativeplug.open(versions.path)
        with pytest.raises(ClosedError):
            closed.version()
        plg.close()
        closed.close()
        again: Any = reopened(versions)
        assert 41 == again.number

    def test_within_update(self, versions: Versions) -> None:
        """An update of the closed plugin that ends later leaves it to the plugin that has it."""
        arrived, going_on = threading.Event(), threading.Event()

        def wait(_view: object) -> None:
            arrived.set()
            assert going_on.wait(PATIENCE)

        versions.put(1)
        one: Any = versions.open(unload="when_idle", check_update=wait)
        one.number = 41
        versions.put(2)

        def update() -> None:
            with pytest.raises(ClosedError):
                one.update()

        with background(update):
            assert arrived.wait(PATIENCE)
            versions.put(1)
            one.close()
            other: Any = versions.open(fresh=False)
            going_on.set()
        one.close()
        assert ["current"] == [each.state for each in other.generations]
        assert other.generations[0].mapped_bytes > 0
        assert 41 == other.number
        assert 1 not in [each.number for each in one.generations]

    def test_default(self, versions: Versions, closed: Plugin) -> None:
        """Without it, another copy is loaded, and then there are two to be taken up."""
        plg: Any = versions.open("extern int begun;")
        assert (1, 1) == (plg.number, plg.begun)
        plg.number = 42
        plg.close()
        latest: Any = reopened(versions)
        assert 42 == latest.number
        assert closed.closed

    @pytest.mark.usefixtures("closed")
    def test_while_open(self, versions: Versions) -> None:
        """A plugin that is open is given as it is."""
        plg = versions.open()
        assert plg is reopened(versions)

    @pytest.mark.usefixtures("closed")
    def test_other_declarations(self, versions: Versions) -> None:
        """It is declared anew: nothing is left of the former declarations."""
        plg = nativeplug.open(versions.path, "extern long long number;", fresh=False)
        assert (41, ["number"]) == (plg.number, [*plg])

    @pytest.mark.usefixtures("closed")
    def test_updated(self, versions: Versions) -> None:
        """It can be updated, rolled back and unloaded as any other."""
        plg: Any = reopened(versions, unload="when_idle")
        versions.put(2, BEGUN)
        plg.update()
        assert (2, 2) == (plg.version(), plg.generation)
        assert ["unloaded", "current"] == [each.state for each in plg.generations]
        plg.close()
        again: Any = reopened(versions)
        assert 2 == again.number

    def test_retired(self, versions: Versions, closed: Plugin) -> None:
        """What an update had retired is taken up as well, where its content is back."""
        plg: Any = reopened(versions)
        first = versions.path.read_bytes()
        versions.put(2, BEGUN)
        plg.update()
        plg.close()
        versions.path.with_suffix(".old").write_bytes(first)
        os.replace(versions.path.with_suffix(".old"), versions.path)
        again: Any = reopened(versions)
        assert (1, 41) == (again.version(), again.number)
        assert closed.closed

    @pytest.mark.usefixtures("closed")
    def test_threads(self, versions: Versions) -> None:
        """Any number of threads get the same object."""
        (plg,) = {*at_once(*[lambda: reopened(versions)] * 8)}
        assert 41 == plg.number

    def test_call_under_way(self, versions: Versions) -> None:
        """A call of the closed plugin that has not ended goes on in what is taken up."""
        versions.put(1)
        plg: Any = versions.open()
        with Gate() as gate, background(lambda: plg.gated(gate.arrived, gate.opened)) as calls:
            gate.wait()
            plg.close()
            again: Any = versions.open(fresh=False)
            assert 1 == again.generations[0].calls
            gate.open()
            assert 1 == calls[0].result(PATIENCE)

    def test_pointers(self, versions: Versions) -> None:
        """What a variable points to stays alive."""
        text = 'const char *text = "first";'
        versions.put(1, text)
        plg: Any = versions.open("extern const char *text;")
        plg.text = "second"
        plg.close()
        del plg
        assert "second" == versions.open("extern const char *text;", fresh=False).text


class TestLoading:
    """Where there is nothing to take up, the file is loaded."""

    def test_first(self, versions: Versions) -> None:
        """A file that was never open is loaded."""
        versions.put(1, BEGUN)
        plg: Any = reopened(versions)
        assert (1, 1) == (plg.number, plg.begun)

    @pytest.mark.usefixtures("closed")
    def test_other_content(self, versions: Versions) -> None:
        """A file that has changed is loaded."""
        versions.put(2, BEGUN)
        plg: Any = reopened(versions)
        assert (2, 2) == (plg.version(), plg.number)

    @pytest.mark.usefixtures("closed")
    def test_other_path(self, versions: Versions, tmp_path: Path) -> None:
        """The same content at another path is another plugin; through a link it is the same."""
        copied = shutil.copy(versions.path, tmp_path / "copy.so")
        assert 1 == nativeplug.open(copied, "extern long number;", fresh=False).number
        link = tmp_path / "link.so"
        link.symlink_to(versions.path)
        assert 41 == nativeplug.open(link, "extern long number;", fresh=False).number

    def test_unloaded(self, versions: Versions) -> None:
        """What was unloaded is gone."""
        versions.put(1, BEGUN)
        plg: Any = versions.open("extern int begun;", unload="when_idle")
        plg.number = 41
        plg.close()
        assert ["unloaded"] == [each.state for each in plg.generations]
        again: Any = reopened(versions)
        assert 1 == again.number

    @pytest.mark.usefixtures("closed")
    def test_refused(self, versions: Versions) -> None:
        """It is judged like a file that is loaded, and stays to be taken up when it is refused."""
        with pytest.raises(OriginError):
            reopened(versions, policy=Policy(directories=["/nowhere"]))
        with pytest.raises(nativeplug.DeclarationError):
            reopened(versions, hold_gil=["qqqq"])
        plg: Any = reopened(versions)
        assert 41 == plg.number

    def test_forked(self, versions: Versions, run_python: RunPython) -> None:
        """A child process takes up nothing of its parent's."""
        versions.put(1)
        code = """
            import os, sys, nativeplug
            plg = nativeplug.open(sys.argv[1], "extern long number;")
            plg.number = 41
            plg.close()
            if (child := os.fork()) == 0:
                print(nativeplug.open(sys.argv[1], "extern long number;", fresh=False).number)
                sys.stdout.flush()
                os._exit(0)
            os.waitpid(child, 0)
        """
        assert "1\n" == run_python(code, versions.path, env=FORKING).stdout


@needs_go
def test_go(go_plugin: CPlugin, run_python: RunPython) -> None:
    """A Go plugin is opened and closed any number of times: there is one copy of it."""
    code = """
        import sys, nativeplug
        places = set()
        for number in range(300):
            with nativeplug.open(sys.argv[1], fresh=False) as plg:
                assert plg.Add(number, 1) == number + 1
                places.add(plg.function("Add").address)
        print(len(places))
        try:
            for number in range(300):
                nativeplug.open(sys.argv[1]).close()
        except nativeplug.OpenError as error:
            print(error)
        print(nativeplug.open(sys.argv[1], fresh=False).Add(2, 3))
    """
    few = "glibc.rtld.optional_static_tls=0:glibc.rtld.nns=1"  # or two hundred would fit
    done = run_python(code, go_plugin("greeter"), env={"GLIBC_TUNABLES": few})
    assert "" == done.stderr
    copies, error, served = done.stdout.splitlines()
    assert ("1", "5") == (copies, served)
    assert "static TLS block; raise it with GLIBC_TUNABLES=" in error
    assert error.endswith("or open with fresh=False what was closed before")
