"""A plugin whose versions the tests put in place, one after the other."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

import building
import nativeplug
from gates import GATE_C

#: From 3.12 on Python warns of fork() in a process with threads, which is what is tested.
FORKING = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
#: What every version has.
DECLARED = """
#include <stdint.h>
typedef struct { int64_t a, b, c; } Triple;
int64_t version(void);
int64_t slowly(int64_t milliseconds);
int64_t gated(int arrived, int opened);
Triple triple(void);
extern int64_t number;
"""
_SOURCE = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
{pass_gate}
typedef struct {{ int64_t a, b, c; }} Triple;
int64_t number = {number};
int64_t version(void) {{ return {number}; }}
int64_t slowly(int64_t milliseconds) {{ usleep(milliseconds * 1000); return {number}; }}
int64_t gated(int arrived, int opened) {{ pass_gate(arrived, opened); return {number}; }}
Triple triple(void) {{ return (Triple){{{number}, {number}, {number}}}; }}
{more}
"""


class Versions:
    """A plugin's file, and what puts versions of it in place."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "plugin.so"
        self._folder = folder

    def build(self, number: int, more: str = "", *flags: str) -> Path:
        """Build a version beside the file."""
        source = self._folder / "next.c"
        more = textwrap.dedent(more)
        source.write_text(_SOURCE.format(number=number, more=more, pass_gate=GATE_C))
        return building.build(source, self._folder / "next.so", flags=["-O0", *flags])

    def put(self, number: int, more: str = "", *flags: str) -> Path:
        """Put a version in place: built beside, and renamed."""
        os.replace(self.build(number, more, *flags), self.path)
        return self.path

    def header(self, more: str = "") -> None:
        """Put a header beside the plugin."""
        self.path.with_suffix(".h").write_text(DECLARED + more)

    def open(self, more: str = "", **options: Any) -> nativeplug.Plugin:
        """Open the plugin, declared by the caller."""
        return nativeplug.open(self.path, DECLARED + more, **options)


def refused(plg: nativeplug.Plugin) -> nativeplug.UpdateError:
    """Return the error of an update that changes nothing."""
    before = plg.generation
    with pytest.raises(nativeplug.UpdateError) as caught:
        plg.update()
    assert before == plg.generation
    return caught.value
