"""Traffic notices what it is there for."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from gates import wait_for
from numbered_builds import Builds, put, result
from traffic import Traffic


@pytest.fixture
def builds(tmp_path: Path) -> Builds:
    """Return builds of the plugin."""
    return Builds(tmp_path)


@pytest.fixture
def plg(builds: Builds) -> Any:
    """Return build 1, open."""
    return builds.open()


def complaint(traffic: Traffic) -> str:
    """Wait for the first complaint, without the way that was called."""
    wait_for(lambda: traffic.told)
    return traffic.told[0].partition(": ")[2]


def test_good(builds: Builds, plg: Any) -> None:
    """Calls around an update that is as it should be are right."""
    with Traffic(plg, 2) as traffic:
        builds.put(2)
        traffic.expect(2)
        plg.update()
        traffic.require(2)
        traffic.wait_for(traffic.calls + 10_000)
    assert (0, []) == (traffic.wrong, traffic.told)


def test_mixed(builds: Builds, plg: Any) -> None:
    """A result of two builds is wrong."""
    whole, mixed = (struct.pack("=q", found) for found in (result(2), 3 << 32 | 2))
    put(builds.path, builds.data(2).replace(whole, mixed))
    plg.update()
    with Traffic(plg, 1) as traffic:
        assert complaint(traffic).startswith("mixed of two builds: ")
    assert traffic.wrong >= len(traffic.told)


def test_back(builds: Builds, plg: Any) -> None:
    """A thread that has seen a build must not see an older one."""
    with Traffic(plg, 1) as traffic:
        builds.put(2)
        traffic.expect(2)
        plg.update()
        traffic.wait_for(traffic.calls + 10_000)
        plg.rollback()
        assert "build 1 after build 2" == complaint(traffic)


def test_stale(plg: Any) -> None:
    """A call that begins after an update must not be served by the old build."""
    with Traffic(plg, 1) as traffic:
        traffic.expect(2)
        traffic.require(2)
        assert "build 1 after the update to build 2" == complaint(traffic)


def test_unexpected(builds: Builds, plg: Any) -> None:
    """A build that was refused must not serve."""
    with Traffic(plg, 1) as traffic:
        builds.put(2)
        plg.update()
        assert "build 2, which may not serve" == complaint(traffic)


def test_failed(plg: Any) -> None:
    """A call must not fail."""
    with Traffic(plg, 1) as traffic:
        plg.close()
        assert complaint(traffic).startswith("ClosedError: ")
