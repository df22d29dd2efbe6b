"""What the benchmarks share: the plugins, and the runner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.systems import Plugins, System, open_plugins, systems
from nativeplug.cli.measure import Candidate, Rounds

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

Interleaved = Callable[..., None]


@pytest.fixture
def interleaved(benchmark: BenchmarkFixture) -> Interleaved:
    """
    Give a function that times candidates, each once a round, and stores what they cost.

    pytest-benchmark alone times one candidate after another: what it runs and stores here is
    a round of all of them.
    """

    def run(candidates: Mapping[str, Candidate], rounds: int = 100) -> None:
        timed = Rounds(candidates)
        benchmark.pedantic(timed.run, rounds=rounds)
        benchmark.extra_info.update(
            {name: dataclasses.asdict(cost) for name, cost in timed.costs().items()}
        )

    return run


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep parsed declarations apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Plugins:
    """Open the native functions, in every form."""
    return open_plugins(tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def all_systems(plugins: Plugins) -> dict[str, System]:
    """Give every system that calls them."""
    return dict(systems(plugins))


def pytest_benchmark_update_json(
    config: pytest.Config,  # noqa: ARG001 - the hook's signature
    benchmarks: object,  # noqa: ARG001
    output_json: dict[str, Any],
) -> None:
    """Write what is read again: what the machine is, and what each candidate costs."""
    machine, ran = output_json["machine_info"], output_json["benchmarks"]
    output_json.clear()
    output_json["machine"] = {
        "processor": f"{machine['cpu'].get('count')} x {machine['cpu'].get('brand_raw')}",
        "system": f"{machine['system']} {machine['machine']}",
        "python": f"{machine['python_implementation']} {machine['python_version']}",
    }
    output_json["costs"] = {bench["name"]: bench["extra_info"] for bench in ran}
