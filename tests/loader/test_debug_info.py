"""What debug information tells is read once, and kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from child_code import write_program
from gates import PATIENCE
from nativeplug import abi
from nativeplug.elf import dwarf
from nativeplug.elf.dwarf import DebugInfo, SymbolType, debug_sections
from nativeplug.loader import child, debug_info, files
from support import Compile, RunPython

SOURCE = "typedef long number; number add(number a, number b) { return a + b; } int calls;"
POINTER = abi.Pointer(abi.Record("struct s", 4, 4, ()), "struct s *")
DEBUG = DebugInfo(
    {
        "f": SymbolType("struct s *f(void)", abi.FunctionType(POINTER, ())),
        "g": SymbolType("Vec<i32> g()", abi.FunctionType(abi.VOID, None), is_c=False),
    },
    "struct s { int x; };\n",
    None,
    "1234",
)


@pytest.fixture(autouse=True)
def _much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all debug information count as much, which is read in a process of its own."""
    monkeypatch.setattr(debug_info, "_LITTLE", 0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory where it is kept."""
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path))
    return tmp_path / "debug"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Give a function that tells how often debug information was read."""
    calls = []
    run = child.run

    def note(*arguments: Any, **options: Any) -> child.Ended:
        calls.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(child, "run", note)
    return lambda: len(calls)


def test_second_time(
    compile_c: Compile, cache: Path, counted: Callable[[], int], tmp_path: Path
) -> None:
    """The second time, the file in the cache is read, which content alone names."""
    plugin = compile_c(SOURCE, "-g")
    copy = shutil.copy(plugin, tmp_path / "another.so")
    found = [debug_info.find(files.read_file(str(path))) for path in (plugin, copy)]
    assert 1 == counted()
    assert found[0].symbols["add"] == found[1].symbols["add"]
    assert "number add(number a, number b)" == found[1].symbols["add"].text
    assert 1 == len(list(cache.iterdir()))


def test_no_debug_information(compile_c: Compile, cache: Path, counted: Callable[[], int]) -> None:
    """Without debug information nothing is read, and nothing written."""
    assert DebugInfo() == debug_info.find(files.read_file(str(compile_c(SOURCE))))
    assert (0, False) == (counted(), cache.exists())


class TestUnread:
    """What cannot be read is not known, for a reason, and may be another time."""

    def check(self, compile_c: Compile, cache: Path, reason: str) -> None:
        """Check that nothing is known, and nothing kept."""
        found = debug_info.find(files.read_file(str(compile_c(SOURCE, "-g"))))
        assert {} == dict(found.symbols)
        assert reason in str(found.reason)
        assert not cache.exists()

    def test_no_python(
        self, compile_c: Compile, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A program without a Python to start, as a frozen one, reads it itself."""
        monkeypatch.setattr("sys.executable", "/nonexistent/python")
        found = debug_info.find(files.read_file(str(compile_c(SOURCE, "-g"))))
        assert "add" in found.symbols
        assert cache.exists()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            ("raise MemoryError('much')", "MemoryError: much"),
            ("os.kill(os.getpid(), 9)", "SIGKILL"),
            ("os.write(4, b'half')", "exit"),
            ("while True: pass", "did not end within 0.5 s"),
        ],
    )
    def test_ends(
        self,
        code: str,
        reason: str,
        compile_c: Compile,
        cache: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """However reading ends, this process does not."""
        program = write_program(cache.parent / "program_of_a_test.py", code)
        monkeypatch.setattr(debug_info, "_PROGRAM", program)
        monkeypatch.setattr(debug_info, "_SECONDS", 0.5 if code.startswith("while") else PATIENCE)
        self.check(compile_c, cache, reason)


def test_damage_is_kept(compile_c: Compile, cache: Path) -> None:
    """Damaged debug information is the same another time."""
    data = bytearray(compile_c(SOURCE, "-g").read_bytes())
    section = dict(debug_sections.find_all(bytes(data)))[".debug_info"]
    data[section.offset : section.offset + 12] = b"\xff" * 12
    damaged = cache.parent / "damaged.so"
    damaged.write_bytes(data)
    assert "damaged: " in str(debug_info.find(files.read_file(str(damaged))).reason)
    assert 1 == len(list(cache.iterdir()))


def test_nothing_is_imported(compile_c: Compile, run_python: RunPython) -> None:
    """What reads is imported in the other process alone."""
    code = """
        import sys
        from nativeplug.loader import debug_info, files
        debug_info._LITTLE = 0
        found = debug_info.find(files.read_file(sys.argv[1]))
        print(found.symbols["calls"].text, "elftools" in sys.modules, found.reason)
    """
    plugin = compile_c(SOURCE + "int more;", "-g")
    assert {"extern int calls False None\n"} == {run_python(code, plugin).stdout for _ in range(2)}


class TestBytes:
    """What is kept, as bytes."""

    def test_round_trip(self) -> None:
        """Everything is the same again."""
        again = debug_info.from_bytes(debug_info.to_bytes(DEBUG))
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
        again = debug_info.from_bytes(debug_info.to_bytes(DebugInfo(reason="damaged: so")))
        assert ("damaged: so", {}, 0) == (again.reason, dict(again.symbols), len(again.symbols))

    @pytest.mark.parametrize("name", ["", "h", "\t", "f\t0", "\n", "f\n", "int"])
    def test_unknown(self, name: str) -> None:
        """Other names are not there, whatever is in them."""
        assert debug_info.from_bytes(debug_info.to_bytes(DEBUG)).symbols.get(name) is None

    def test_hostile_names(self) -> None:
        """A name with what lines are made of is left out."""
        known = SymbolType("int f(void)", abi.FunctionType(abi.VOID, ()))
        kept = debug_info.from_bytes(
            debug_info.to_bytes(DebugInfo({"a\tb": known, "a\nb": known, "c": known}))
        )
        assert ["c"] == list(kept.symbols)

    @pytest.mark.parametrize(
        "data", [b"", b"\n", b"\xff\n", b"[]\n\n", b'null\n""\n', b'[0,null,null,true,0]\n""\n']
    )
    def test_damaged(self, data: bytes) -> None:
        """Other bytes are an error, also those of another version."""
        with pytest.raises(ValueError, match=r"."):
            debug_info.from_bytes(data)


def test_here_and_there(compile_c: Compile, counted: Callable[[], int]) -> None:
    """A process of its own finds what is found here."""
    data = compile_c(SOURCE, "-g").read_bytes()
    assert debug_info.to_bytes(dwarf.read(data)) == debug_info._read(data)[1]
    assert 1 == counted()


@pytest.mark.parametrize("others", [0, 1])
def test_little(compile_c: Compile, cache: Path, run_python: RunPython, others: int) -> None:
    """What is little is read here, where no other thread would have to wait for the GIL."""
    code = """
        import sys, threading
        from nativeplug.loader import debug_info, files
        done = threading.Event()
        for _ in range(int(sys.argv[2])):
            threading.Thread(target=done.wait).start()
        found = debug_info.find(files.read_file(sys.argv[1]))
        done.set()
        print(found.symbols["calls"].text, "elftools" in sys.modules)
    """
    plugin = compile_c(SOURCE, "-g")
    assert f"extern int calls {not others}\n" == run_python(code, plugin, others).stdout
    assert cache.exists()
