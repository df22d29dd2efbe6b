"""Damaged and hostile debug information."""

from __future__ import annotations

import pytest

from batches import run_batch
from nativeplug.elf import dwarf
from nativeplug.elf.dwarf import debug_sections, entries
from nativeplug.elf.dwarf.entries import Budget
from support import Compile

_SEED, _FILES = 20261127, 50
_SOURCE = "typedef struct { int x; } T; T f(T *t) { return *t; } int v;"


@pytest.mark.slow
def test_random_damage() -> None:
    """Whatever is damaged, reading ends, raises nothing, and its text ends no process."""
    assert run_batch("damaged_debug", _SEED, _FILES) is None


def overwritten(data: bytes, name: str, content: bytes) -> bytes:
    """Return a file with another beginning of a section."""
    section = dict(debug_sections.find_all(data))[name]
    return data[: section.offset] + content + data[section.offset + len(content) :]


def test_reason(compile_c: Compile) -> None:
    """Of damaged debug information nothing is known, and it is said why."""
    data = compile_c(_SOURCE, "-g").read_bytes()
    found = dwarf.read(overwritten(data, ".debug_info", b"\xff" * 12))
    assert {} == found.symbols
    assert found.reason is not None
    assert found.reason.startswith("damaged: ")


def test_without_abbreviations(compile_c: Compile) -> None:
    """Entries that nothing explains are damage too."""
    data = compile_c(_SOURCE, "-g").read_bytes()
    assert dwarf.read(overwritten(data, ".debug_abbrev", bytes(40))).reason is not None


def test_enumerator_without_a_number(compile_c: Compile) -> None:
    """An enumerator whose value is a block of bytes makes its type unknown, and takes no time."""
    data = compile_c("enum e { ZERO }; void f(enum e x) { (void)x; } int v;", "-g").read_bytes()
    abbreviations = dict(debug_sections.find_all(data))[".debug_abbrev"]
    start, end = abbreviations.offset, abbreviations.end
    const_value_as_data1, as_block1 = b"\x1c\x0b", b"\x1c\x0a"
    assert 1 == data.count(const_value_as_data1, start, end)
    damaged = data[start:end].replace(const_value_as_data1, as_block1)
    found = dwarf.read(data[:start] + damaged + data[end:])
    assert {"f": False, "v": True} == {name: known.is_c for name, known in found.symbols.items()}


class TestBudget:
    """What may be spent on a file."""

    def test_entries(self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        """More entries than that are not read, now or later."""
        monkeypatch.setattr(entries.Budget, "__init__", _poor)
        found = dwarf.read(compile_c(_SOURCE, "-g").read_bytes())
        assert ("more entries than a plugin's exports need", True) == (
            found.reason,
            found.is_final,
        )

    def test_time(self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        """When time runs out, it may be enough another day."""
        monkeypatch.setattr(entries, "_MOST_SECONDS", -1.0)
        monkeypatch.setattr(entries, "_CHECK_EVERY", 1)
        found = dwarf.read(compile_c(_SOURCE, "-g").read_bytes())
        assert found.reason is not None
        assert (True, False) == ("takes more than" in found.reason, found.is_final)


def _poor(self: Budget, *_: object) -> None:
    self.entries, self.deadline, self._steps = 3, float("inf"), 0


def test_nested(compile_c: Compile) -> None:
    """Types within types are not followed without end."""
    text = f"int f(int {'*' * 200}p) {{ return !p; }} int g(int {'*' * 20}p) {{ return !p; }}"
    found = dwarf.read(compile_c(text, "-g").read_bytes())
    assert found.reason is None
    assert ["g"] == list(found.symbols)
