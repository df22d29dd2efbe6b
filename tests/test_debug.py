"""What debug information tells is read once, and kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nativeplug import abi
from nativeplug.load import content, debug, dwarf
from nativeplug.load.dwarf import Debug, Known
from support import Compile, RunPython

SOURCE = "typedef long number; number add(number a, number b) { return a + b; } int calls;"
POINTER = abi.Pointer(abi.Record("struct s", 4, 4, ()), "struct s *")
DEBUG = Debug(
    {
        "f": Known("struct s *f(void)", abi.FunctionType(POINTER, ())),
        "g": Known("Vec<i32> g()", abi.FunctionType(abi.VOID, None), is_c=False),
    },
    "struct s { int x; };\n",
    None,
    "1234",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory where it is kept."""
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path))
    return tmp_path / "debug"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Give a function that tells how often debug information was read."""
    calls = []
    read = dwarf.read

    def note(data: bytes) -> Debug:
        calls.append(data)
        return read(data)

    monkeypatch.setattr(dwarf, "read", note)
    return lambda: len(calls)


def test_second_time(
    compile_c: Compile, cache: Path, counted: Callable[[], int], tmp_path: Path
) -> None:
    """The second time, the file in the cache is read, which content alone names."""
    plugin = compile_c(SOURCE, "-g")
    copy = shutil.copy(plugin, tmp_path / "another.so")
    found = [debug.find(content.read_file(str(path))) for path in (plugin, copy)]
    assert 1 == counted()
    assert found[0].symbols["add"] == found[1].symbols["add"]
    assert "number add(number a, number b)" == found[1].symbols["add"].text
    assert 1 == len(list(cache.iterdir()))


def test_no_debug_information(compile_c: Compile, cache: Path, counted: Callable[[], int]) -> None:
    """Without debug information nothing is read, and nothing written."""
    assert Debug() == debug.find(content.read_file(str(compile_c(SOURCE))))
    assert (0, False) == (counted(), cache.exists())


def test_not_final(compile_c: Compile, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What time has not sufficed for is not kept."""
    monkeypatch.setattr(dwarf, "read", lambda _: Debug(reason="late", is_final=False))
    file = content.read_file(str(compile_c(SOURCE, "-g")))
    assert ("late", False) == (debug.find(file).reason, cache.exists())


def test_nothing_is_imported(compile_c: Compile, run_python: RunPython) -> None:
    """From the cache, pyelftools is not imported, and types are made when they are asked for."""
    code = """
        import sys
        from nativeplug.load import content, debug
        found = debug.find(content.read_file(sys.argv[1]))
        print(found.symbols["calls"].text, "elftools" in sys.modules)
    """
    plugin = compile_c(SOURCE + "int more;", "-g")
    answers = [run_python(code, plugin).stdout for _ in range(2)]
    assert ["extern int calls True\n", "extern int calls False\n"] == answers


class TestBytes:
    """What is kept, as bytes."""

    def test_round_trip(self) -> None:
        """Everything is the same again."""
        again = debug.from_bytes(debug.to_bytes(DEBUG))
        assert dict(DEBUG.symbols) == dict(again.symbols)
        assert (DEBUG.types, DEBUG.reason, DEBUG.build_id, True) == (
            again.types,
            again.reason,
            again.build_id,
            again.is_final,
        )
        assert DEBUG.text == again.text
        assert (2, ["f", "g"]) == (len(again.symbols), list(again.symbols))

    def test_nothing(self) -> None:
        """Nothing is known is also kept, with its reason."""
        again = debug.from_bytes(debug.to_bytes(Debug(reason="damaged: so")))
        assert ("damaged: so", {}, 0) == (again.reason, dict(again.symbols), len(again.symbols))

    @pytest.mark.parametrize("name", ["", "h", "\t", "f\t0", "\n", "f\n", "int"])
    def test_unknown(self, name: str) -> None:
        """Other names are not there, whatever is in them."""
        assert debug.from_bytes(debug.to_bytes(DEBUG)).symbols.get(name) is None

    def test_hostile_names(self) -> None:
        """A name with what lines are made of is left out."""
        known = Known("int f(void)", abi.FunctionType(abi.VOID, ()))
        kept = debug.from_bytes(debug.to_bytes(Debug({"a\tb": known, "a\nb": known, "c": known})))
        assert ["c"] == list(kept.symbols)

    @pytest.mark.parametrize(
        "data", [b"", b"\n", b"\xff\n", b"[]\n\n", b'null\n""\n', b'[0,null,null,true,0]\n""\n']
    )
    def test_damaged(self, data: bytes) -> None:
        """Other bytes are an error, also those of another version."""
        with pytest.raises(ValueError, match=r"."):
            debug.from_bytes(data)


class TestChild:
    """What is much is read in a process of its own."""

    @pytest.fixture
    def data(self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> bytes:
        """Return a file whose debug information counts as much."""
        monkeypatch.setattr(debug, "_LITTLE", 0)
        return compile_c(SOURCE, "-g").read_bytes()

    def test_same(self, data: bytes, counted: Callable[[], int]) -> None:
        """It is read there, and what it tells is the same."""
        found = debug._read(data)
        assert 0 == counted()
        assert debug.to_bytes(dwarf.read(data)) == found

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("import os; os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
            ("raise SystemExit('too bad')", "exited with status 1 too bad"),
            ("while True: pass", "did not end within 0.5 s and was killed"),
            ("pass", "exited with status 0"),
        ],
    )
    def test_death(
        self, data: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
    ) -> None:
        """If that process dies, nothing is known, for a reason; and that is not kept."""
        monkeypatch.setattr(debug, "_CODE", code)
        monkeypatch.setattr(debug, "_SECONDS", 0.5 if "while" in code else 30)
        path = cache.parent / "plugin.so"
        path.write_bytes(data)
        found = debug.find(content.read_file(str(path)))
        assert {} == dict(found.symbols)
        assert found.reason is not None
        assert words in found.reason
        assert not cache.exists()

    def test_no_process(
        self, data: bytes, counted: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A frozen program, which has no Python to start, reads it itself."""
        monkeypatch.setattr("sys.executable", "")
        assert debug._read(data) == debug.to_bytes(dwarf.read(data))
        assert 2 == counted()

    def test_little(
        self, compile_c: Compile, counted: Callable[[], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is little is read here: to start a process takes longer."""
        monkeypatch.setattr("sys.executable", "/nonexistent")
        debug._read(compile_c(SOURCE, "-g").read_bytes())
        assert 1 == counted()
