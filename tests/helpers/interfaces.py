"""Interfaces that the tests share, a plugin that has the first, and the errors of others."""

# mypy: disable-error-code="empty-body"
# ruff: noqa: N802 - the names are those of C

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Final

import pytest

import nativeplug
from nativeplug import Interface, int64, int_
from nativeplug.errors import DeclarationError

PLUGIN = """
#include <stdint.h>
const char *Name = "world";
const int limit = 3;
int Calls;
int64_t Add(int64_t a, int64_t b) { return a + b; }
const char *GetName(void) { return Name; }
int sum(int count, ...) { return count; }
int close(int number) { return number; }
"""


class Greeter(Interface):
    """Greets."""

    LIMIT: Final = 12
    Name: str
    Calls: int_

    @property
    def limit(self) -> int_:
        """The largest."""

    def GetName(self) -> str:
        """Give the name."""

    def Add(self, a: int64, b: int64) -> int64:
        """Add two numbers."""

    def sum(self, count: int_, *more: Any) -> int_:
        """Add so many numbers."""


class Louder(Greeter, name="louder", version="2.10"):
    """Greets louder, if it can."""

    Motto: Annotated[str, nativeplug.optional]

    @nativeplug.optional
    def Shout(self) -> None:
        """Be loud."""


def refusal(make: Callable[[], object]) -> DeclarationError:
    """Return the error of a class that cannot be an interface."""
    with pytest.raises(DeclarationError) as caught:
        make()
    return caught.value


def make(folder: Path, code: str) -> DeclarationError:
    """Return the error of a module that defines interfaces; its code begins in line 4."""
    file = folder / "wrong.py"
    text = f"from typing import *\nimport nativeplug\nfrom nativeplug import int_\n{code}"
    file.write_text(f"from __future__ import annotations; {text}")
    module = ModuleType("wrong")
    module.__file__ = str(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "wrong", module)
        compiled = compile(file.read_text(), str(file), "exec")
        return refusal(lambda: exec(compiled, vars(module)))  # noqa: S102 - a module
