"""
Nothing of a plugin runs before all that is asked of it has been found good.

The damages of a file are tried by `test_structure`, and in every way by the row `refusals` of
`make soak`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import damages
from refusals import Compiler, Refusal, Stage, ask, attempt, put_next
from refusals_files import of_damages
from soak_refusals import REFUSALS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    """Give what compiles each plugin once."""
    return Compiler(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no clock: nobody writes the files meanwhile."""
    monkeypatch.setattr("nativeplug.loader.files._CLOCK_STEP_NS", 0)


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refusal(refusal: Refusal, compiled: Compiler, tmp_path: Path) -> None:
    """Each reason is found in every way in which a file comes, and said in its words."""
    problems = []
    for way in refusal.ways:
        place = tmp_path / way
        place.mkdir()
        problems += attempt(refusal, Stage(place, compiled), way).problems
    assert [] == problems


def test_names() -> None:
    """There are more reasons than anybody asked for, each once."""
    every = [*REFUSALS, *of_damages(lambda _stage: b"")]
    assert [] == [name for name, count in Counter(map(str, every)).items() if 1 < count]
    assert 25 + len(damages.DAMAGES) < len(every)


class TestAttempt:
    """What finds out whether anything has run."""

    GOOD = Refusal("nothing", ValueError, "words", put_next)

    @pytest.mark.parametrize("way", GOOD.ways)
    def test_no_refusal(self, way: str, compiled: Compiler, tmp_path: Path) -> None:
        """A plugin that is not refused runs, which is noticed."""
        done = attempt(self.GOOD, Stage(tmp_path, compiled), way)
        assert done.has_run
        assert f"nothing, {way}: its constructor has run" in done.problems

    def test_silence(self, compiled: Compiler, tmp_path: Path) -> None:
        """So is one that should have run by then, and has not."""
        mute = replace(self.GOOD, put=lambda stage: stage.put(b""), has_run=True)
        done = attempt(mute, Stage(tmp_path, compiled), "open")
        assert "nothing, open: nothing has run" in done.problems
        assert not done.has_run

    def test_wrong_words(self, compiled: Compiler, tmp_path: Path) -> None:
        """Another error, and other words, are problems."""
        other = replace(self.GOOD, asked=lambda stage: {**ask(stage), "sha256": "abc"})
        (problem,) = attempt(other, Stage(tmp_path, compiled), "open").problems
        assert "'words' is expected of \"sha256 must be 64 hexadecimal digits" in problem
