"""What a plugin's file tells of its symbols, against what is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import SignatureMismatchError
from support import BuildC
from versions import Versions, refused

TEXT = """
    int calls = 3;
    int few[2] = {1, 2};
    int add(int a, int b) { return a + b; }
    __asm__(".section .rodata\\n.globl bare\\nbare: .long 7\\n.text\\n");
"""


@pytest.fixture
def path(build_c: BuildC) -> Path:
    """Return a plugin that has no debug information."""
    return build_c(TEXT, "plugin", "-g0")


def mismatch(path: Path, declared: str, name: str, **options: Any) -> SignatureMismatchError:
    """Return the error of a lookup."""
    plg = nativeplug.open(path, declared, **options)
    with pytest.raises(SignatureMismatchError) as caught:
        plg.lookup(name)
    with pytest.raises(SignatureMismatchError, match=name):
        getattr(plg, name)
    assert (str(path), name) == (caught.value.path, caught.value.symbol)
    return caught.value


class TestTableOfSymbols:
    """What every file tells: which names are functions, and how large variables are."""

    def test_variable_as_function(self, path: Path) -> None:
        """A variable that is declared as a function is not called."""
        error = mismatch(path, "int calls(void);", "calls")
        assert ("int calls(void)", "a variable") == (error.declared, error.known)
        assert str(error).endswith(
            "is declared as 'int calls(void)', but the file has a variable of that name"
        )

    def test_function_as_variable(self, path: Path) -> None:
        """A function that is declared as a variable is not read."""
        error = mismatch(path, "extern int add;", "add")
        assert ("int add", "a function") == (error.declared, error.known)

    @pytest.mark.parametrize(
        ("declared", "size", "known"),
        [("extern int few[3];", 12, 8), ("extern long long calls;", 8, 4)],
    )
    def test_larger_variable(self, path: Path, declared: str, size: int, known: int) -> None:
        """A variable that is declared larger than it is is not read."""
        name = "few" if "few" in declared else "calls"
        words = f"which takes {size} bytes, but the file has {known} of it"
        assert words in str(mismatch(path, declared, name))

    def test_as_it_is(self, path: Path) -> None:
        """What is declared as it is, or in part, or without a size, is used."""
        declared = "extern int calls, few[]; int add(int, int); extern const int bare;"
        plg: Any = nativeplug.open(path, declared)
        assert (3, 7, 5) == (plg.calls, plg.bare, plg.add(2, 3))
        assert 2 == plg.few[1]

    def test_shrunk_array(self, versions: Versions) -> None:
        """An update in which an array has become smaller than it is declared is refused."""
        versions.put(1, "int few[4];")
        plg: Any = versions.open("extern int few[4];")
        assert 4 == len(plg.few)
        versions.put(2, "int few[3];")
        assert "the file has 12 of it" in refused(plg).reasons[0]
        assert 4 == len(plg.few)


class TestRequired:
    """require_checked refuses symbols of whose types nothing is known."""

    def test_nothing_known(self, path: Path) -> None:
        """Functions and variables alike are refused, and the error says why."""
        for declared, name in (("int add(int, int);", "add"), ("extern int calls;", "calls")):
            error = mismatch(path, declared, name, require_checked=True)
            assert error.known is None
            assert "the plugin does not tell its type, which require_checked demands" in str(error)

    def test_not_required(self, path: Path) -> None:
        """Without it they are used, and say that nobody has checked them."""
        plg = nativeplug.open(path, "int add(int, int); extern int calls;")
        assert (None, None) == (plg.lookup("add").checked, plg.lookup("calls").checked)

    def test_wrong_type(self, path: Path) -> None:
        """It is true or false."""
        with pytest.raises(TypeError, match="require_checked must be bool, not list"):
            nativeplug.open(path, require_checked=["add"])  # type: ignore[call-overload]
