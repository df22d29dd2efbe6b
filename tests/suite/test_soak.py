"""The rows of `make soak` at a hundredth of their size."""

from __future__ import annotations

import pytest

import soak
import soaking
from soaking import Measured
from support import needs_go

pytestmark = pytest.mark.slow

SCALE = 0.01
ROWS = {row.scenario: row for row in soak.ROWS}


def run(name: str) -> Measured:
    """Run a row."""
    measured = soaking.measure(ROWS[name].script, name, SCALE)
    assert not measured.problems, "\n".join(measured.problems)
    return measured


def check(name: str) -> None:
    """Run a row, which must be met on any machine, whatever else that does."""
    measured = run(name)
    assert ROWS[name].is_met(measured), measured.text


@needs_go
def test_liveness() -> None:
    """The calls whose cost is compared return the same, before and after updates came."""
    run("liveness")


def test_c_updates() -> None:
    """No call is lost, mixed or stale while a C plugin is updated."""
    check("c_updates")


@needs_go
def test_go_updates() -> None:
    """No call is lost, mixed or stale while a Go plugin is updated."""
    check("go_updates")


def test_bad_updates() -> None:
    """A bad version is refused with its reason, and no call notices."""
    check("bad_updates")


def test_damaged_files() -> None:
    """Whatever is done to the file, no call notices."""
    check("damaged_files")


def test_mounts() -> None:
    """Nobody is believed who has mounted a file system, where this machine lets one be mounted."""
    measured = run("mounts")
    is_refused = measured.text == "needs root" or measured.text.startswith("cannot mount: ")
    assert is_refused or ROWS["mounts"].is_met(measured), measured


def test_same_times() -> None:
    """A rebuild that leaves the file's inode, size and time is taken up."""
    check("same_times")


def test_gap() -> None:
    """Calls go on during an update of a large plugin."""
    run("gap")


def test_follow() -> None:
    """A followed plugin runs a new file's code by itself."""
    run("follow")


def test_retired() -> None:
    """A retired generation has one copy in memory, and serves no calls."""
    check("retired")


def test_unloading() -> None:
    """Under unload="when_idle" nothing but what serves stays mapped."""
    check("unloading")


@needs_go
def test_truncations() -> None:
    """No truncated file that is accepted kills a process."""
    check("truncations")


@needs_go
def test_mutants() -> None:
    """Hardly any file with damaged tables that is accepted kills a process."""
    check("mutants")


@needs_go
def test_mutants_probed() -> None:
    """None of them kills a process that probes before it loads."""
    check("mutants_probed")


def test_refusals() -> None:
    """Nothing runs of what is refused."""
    check("refusals")


@needs_go
def test_false_refusals() -> None:
    """No file that can be loaded is refused."""
    check("false_refusals")


@needs_go
def test_check_cost() -> None:
    """The check of a large plugin takes a time that nobody feels."""
    run("check_cost")


def test_bit_flips() -> None:
    """No bit of what is signed can be another one."""
    check("bit_flips")


def test_attacker() -> None:
    """Nothing that is put in a file's place at any step runs."""
    check("attacker")


def test_interop() -> None:
    """The program minisign, where there is one, sees signatures as we do."""
    run("interop")


def test_told_builds() -> None:
    """The macros tell the same, whatever builds the plugin."""
    check("told_builds")


def test_raised_builds() -> None:
    """Errors of C++ and Rust become exceptions, as the documentation shows it."""
    check("raised_builds")


def test_prototypes() -> None:
    """Macros and debug information refuse every wrong prototype, and none in other words."""
    check("prototypes")


def test_libabigail() -> None:
    """Debug information is understood as libabigail does, where that is there."""
    run("libabigail")


@needs_go
def test_debug_cost() -> None:
    """What a Go plugin's debug information tells is read, and kept."""
    measured = soaking.measure("soak_types", "debug_cost", SCALE)
    assert "first" in measured.text, measured.text


class TestRow:
    """When a row is reached."""

    @pytest.mark.parametrize(
        ("measured", "met"),
        [
            (Measured(0, "0 of 10 calls"), True),
            (Measured(1, "1 of 10 calls"), False),
            (Measured(0, "0 of 10 calls", ["but"]), False),
            (Measured(float("inf"), "not measured"), False),
            (Measured(float("nan"), "not measured: no program"), False),
        ],
    )
    def test_is_met(self, measured: Measured, *, met: bool) -> None:
        """It is when the figure is small enough and nothing else is wrong."""
        assert met is ROWS["c_updates"].is_met(measured)

    @pytest.mark.parametrize(
        ("measured", "verdict"),
        [
            (Measured(0, "0"), "met"),
            (Measured(1, "1"), "missed"),
            (Measured(float("nan"), "no program"), "not measured"),
            (Measured(float("nan"), "no program", ["but"]), "missed"),
        ],
    )
    def test_verdict(self, measured: Measured, verdict: str) -> None:
        """What could not be measured is neither met nor missed."""
        assert verdict == soak._verdict(ROWS["c_updates"], measured)

    def test_crash(self) -> None:
        """A process that fails is a problem, with what it has said."""
        measured = soaking.measure("soak_bad", "no such scenario", SCALE)
        assert "exit status 1" == measured.text
        assert not ROWS["bad_updates"].is_met(measured)
        assert "KeyError: 'no such scenario'" in measured.problems[0]
