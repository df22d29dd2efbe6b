"""Rollbacks: a retired generation serves again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import nativeplug
from nativeplug import UpdateError
from versions import Versions


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
        nativeplug.open(versions.path, "int64_t gated(int arrived, int opened);")
        assert 2 == plg.LIMIT
        plg.rollback()

        assert (1, 0.75, 1) == (plg.LIMIT, plg.half(1.5), plg.one())
        assert 1 == plg.gated(-1, -1)  # where there is no gate

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
