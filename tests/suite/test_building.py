"""What the tests build is built once in a session, and each caller has a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import building
from gates import GATES
from nativeplug import BuildError
from support import RunPython, names

TEXT = "int f(void) { return 1; }"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory of a session that has built nothing yet."""
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setenv(building.VARIABLE, str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a C file."""
    path = tmp_path / "made.c"
    path.write_text(TEXT)
    return path


def built(kept: Path) -> int:
    """Count what was built."""
    return len([path for path in kept.iterdir() if path.is_dir() and not path.suffix])


def test_once(kept: Path, source: Path, tmp_path: Path) -> None:
    """A text is built once; each caller has a file of its own, and nothing else beside it."""
    first = building.build(source)
    second = tmp_path / "second"
    second.mkdir()
    again = building.build(source, second / first.name)
    assert 1 == built(kept)
    assert first.read_bytes() == again.read_bytes()
    assert not first.samefile(again)
    assert {first.name} == names(second)


def test_whoever_asks(kept: Path, source: Path, tmp_path: Path) -> None:
    """What is built does not depend on where: two versions of a text have the same size."""
    far = tmp_path / "a directory with a long name" / source.name
    far.parent.mkdir()
    far.write_text(TEXT.replace("1", "2"))
    sizes = {building.build(path).stat().st_size for path in (source, far)}
    assert (2, 1) == (built(kept), len(sizes))


def test_replaced(kept: Path, source: Path) -> None:
    """Whoever has the old file open, or mapped, keeps it."""
    target = building.build(source)
    with target.open("rb") as old:
        before = old.read()
        source.write_text(TEXT.replace("1", "2"))
        building.build(source, target)
        old.seek(0)
        assert before == old.read() != target.read_bytes()
    assert 2 == built(kept)


@pytest.mark.parametrize("changed", ["header", "flag", "setting", "name", "way"])
def test_anew(
    changed: str, kept: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever may make another file of it is looked at."""
    building.build(source)
    if changed == "header":
        (tmp_path / "made.h").write_text("")
    elif changed == "setting":
        monkeypatch.setenv("CFLAGS", "-O1")
    if changed == "way":
        building.compile_c(source, tmp_path / "made.so", "-shared")
    else:
        target = tmp_path / ("other.so" if changed == "name" else "made.so")
        building.build(source, target, flags=["-O0"] if changed == "flag" else [])
    assert 2 == built(kept)


def test_flags_that_name_files(kept: Path, source: Path, tmp_path: Path) -> None:
    """What flags name may have changed, so nothing is kept."""
    building.build(source, flags=[f"-L{tmp_path}"])
    assert 0 == built(kept)


def test_failure(kept: Path, source: Path) -> None:
    """What does not compile is tried again."""
    source.write_text("int f(void) {")
    for _ in range(2):
        with pytest.raises(BuildError):
            building.build(source)
    assert 0 == built(kept)


def test_session(run_python: RunPython) -> None:
    """The directory goes with the process that made it, not with those that it starts."""
    code = """
        import os, subprocess, sys
        import building
        is_child = "child" in sys.argv
        if not is_child:
            del os.environ[building.VARIABLE]
        with building.session():
            folder = os.environ[building.VARIABLE]
            if not is_child:
                subprocess.run([*sys.orig_argv, "child"], check=True)
        print(os.path.isdir(folder))
    """
    done = run_python(code, env=GATES)
    assert ("True\nFalse\n", "") == (done.stdout, done.stderr)
