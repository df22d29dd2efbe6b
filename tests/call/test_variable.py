"""Variables: what Python reads and writes, and what C sees of it."""

from __future__ import annotations

import copy
import gc
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nativeplug
from support import Compile, CPlugin, OpenPlugin, RunPython

quick = settings(max_examples=30)


@pytest.fixture(scope="module")
def numbers(open_plugin: OpenPlugin, c_plugin: CPlugin) -> nativeplug.Plugin:
    """Return such a plugin for all tests."""
    return open_plugin(c_plugin("variables"))


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("sign", ["int", "uint"])
@quick
@given(data=st.data())
def test_integers(numbers: Any, sign: str, bits: int, data: st.DataObject) -> None:
    """What Python writes is what C and Python read; what does not fit changes nothing."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "int" else (0, (1 << bits) - 1)
    number = data.draw(st.integers(low, high))
    name = f"{sign}{bits}"
    setattr(numbers, f"var_{name}", number)
    for wrong in (low - 1, high + 1):
        with pytest.raises(OverflowError, match=rf"variable 'var_{name}' is out of range"):
            setattr(numbers, f"var_{name}", wrong)
    assert number == getattr(numbers, f"var_{name}") == getattr(numbers, f"get_{name}")()


def test_floats(variables: Any) -> None:
    """Floats are read as Python floats, rounded to their type."""
    assert (variables.var_float, variables.var_double) == (0.5, 2.5)
    variables.var_float = 0.1
    variables.var_double = 3
    assert variables.var_float == variables.get_float() != 0.1
    assert variables.get_double() == 3.0
    variables.var_double = math.inf
    assert variables.get_double() == math.inf


def test_bool_and_char(variables: Any) -> None:
    """``bool`` takes bool, ``char`` a byte."""
    variables.flag = False
    variables.letter = b"z"
    assert (variables.flag, variables.get_flag()) == (False, False)
    assert (variables.letter, variables.get_letter()) == (b"z", b"z")


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("var_int8", "1", "variable 'var_int8' must be int, not str"),
        ("var_int8", 1.0, "variable 'var_int8' must be int, not float"),
        ("var_double", "1", "variable 'var_double' must be real number, not str"),
        ("flag", 1, "variable 'flag' must be bool, not int"),
        ("letter", "z", "variable 'letter' must be a byte string of length 1, not str"),
        ("Name", 1, "variable 'Name' must be str, bytes, a buffer, cdata or None, not int"),
        ("label", 1, "variable 'label' must be str or bytes, not int"),
        ("table", 5, "variable 'table' must be 4 items, not int"),
        ("table", None, "variable 'table' must be 'int[4]', not None"),
        ("origin", None, "variable 'origin' must be 'Point', not None"),
        ("cursor", 5, "variable 'cursor' must be None, a buffer or cdata 'int *', not int"),
        ("hook", 5, "variable 'hook' must be a callable, a callback, cdata or None, not int"),
    ],
)
def test_wrong_types(variables: Any, name: str, wrong: object, message: str) -> None:
    """A value of the wrong type is a TypeError that names the variable."""
    with pytest.raises(TypeError) as caught:
        setattr(variables, name, wrong)
    assert message == str(caught.value)


def test_const_variables(variables: Any) -> None:
    """A const variable is read, and never written."""
    assert (variables.limit, variables.version) == (100, "1.2.3")
    for name, value in (("limit", 1), ("version", "2")):
        with pytest.raises(AttributeError, match=f"variable '{name}' is const: "):
            setattr(variables, name, value)
    assert (variables.limit, variables.version) == (100, "1.2.3")


def test_readonly_memory(open_plugin: OpenPlugin, compile_c: Compile) -> None:
    """A variable that is const in the plugin alone is read, and never written."""
    plg: Any = open_plugin(
        compile_c(
            """
            struct pair { int a, b; };
            const int number = 3; const struct pair both = {1, 2}; const char text[4] = "abc";
            int target; int *const place = &target; const int few[2] = {4, 5};
            int (*const call)(void) = 0;
            """
        ),
        "struct pair { int a, b; }; extern struct pair both; extern char text[4];"
        "extern int number; extern int *place; extern int few[2]; extern int (*call)(void);"
        "extern int target;",
    )
    values = {"number": 4, "both": [3, 4], "text": "x", "place": None, "few": [1, 2], "call": None}
    for name, value in values.items():
        with pytest.raises(AttributeError, match=f"variable '{name}' lies in read-only memory, "):
            setattr(plg, name, value)
    plg.both.a, plg.few[0] = 7, 8  # of copies
    assert (3, 1, "abc", 4) == (plg.number, plg.both.a, plg.text, plg.few[0])
    plg.place[0] = 9
    assert 9 == plg.target


@quick
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@pytest.mark.slow
def test_text(numbers: Any, text: str) -> None:
    """Text that is assigned to a ``char *`` is what C reads, as long as the program runs."""
    numbers.Name = text
    gc.collect()
    assert text == numbers.Name == numbers.get_name()


def test_text_is_kept_alive(variables: Any) -> None:
    """Nothing but the variable refers to the text, and it stays."""
    variables.Name = "".join(["a", "b"] * 1000)
    filler = [bytearray(2001) for _ in range(1000)]
    gc.collect()
    assert variables.get_name() == "ab" * 1000
    assert len(filler) == 1000
    start = variables.lookup("Name").value
    variables.Name = "other"
    variables.Name = start
    assert variables.get_name() == "ab" * 1000
    variables.Name = b"bytes\0behind"
    assert variables.get_name() == "bytes"
    variables.Name = None
    assert variables.Name is None
    with pytest.raises(ValueError, match="variable 'Name': embedded null character"):
        variables.Name = "a\0b"


def test_text_that_c_changed(more: Any) -> None:
    """Text is copied anew when C has written into the copy."""
    assert more.writable is None
    more.writable = "text"
    more.shout()
    assert more.writable == "Xext"
    more.writable = "text"
    assert more.writable == "text"
    more.writable = buffer = bytearray(b"mine\0")
    more.shout()
    assert buffer == b"Xine\0"


def test_char_arrays(variables: Any) -> None:
    """An array of ``char`` holds a text and its NUL."""
    assert variables.label == "label"
    variables.label = "fifteen letters"
    assert variables.label == variables.get_label() == "fifteen letters"
    variables.label = b"raw"
    assert variables.get_label() == "raw"
    variables.label = ""
    assert variables.label == ""


def test_char_arrays_that_are_too_small(variables: Any) -> None:
    """A text that does not fit changes nothing."""
    with pytest.raises(
        ValueError, match="variable 'label' has room for 15 bytes and a NUL, not 16"
    ):
        variables.label = "sixteen letters!"
    with pytest.raises(ValueError, match="variable 'label': embedded null character"):
        variables.label = "a\0b"
    with pytest.raises(UnicodeEncodeError, match="variable 'label'"):
        variables.label = "\ud800"
    assert variables.label == "label"


def test_text_that_is_not_utf8(variables: Any) -> None:
    """The error names the variable and has the bytes."""
    variables.label = b"\xff"
    with pytest.raises(UnicodeDecodeError, match="variable 'label'") as caught:
        _ = variables.label
    assert caught.value.object == b"\xff"


def test_attributes(variables: Any) -> None:
    """A variable knows name, type and address, and shows its declaration."""
    variable = variables.lookup("Name")
    assert (variable.name, variable.type) == ("Name", "const char *")
    assert variable.address > 0
    assert repr(variable) == "<nativeplug.Variable 'const char *Name'>"
    assert "variables.h:" in variable.__doc__
    for make in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"cannot pickle .*Name.*: look it up"):
            make(variable)


def test_closed(variables: Any) -> None:
    """A variable of a closed plugin is neither read nor written."""
    variable = variables.lookup("var_int8")
    variables.close()
    with pytest.raises(nativeplug.ClosedError):
        _ = variable.value
    with pytest.raises(nativeplug.ClosedError):
        variable.value = 1


def test_writing_after_a_fork(run_python: RunPython, c_plugin: CPlugin) -> None:
    """A child process can write variables, whatever a thread of its parent held."""
    done = run_python(
        """
        import os, sys, nativeplug
        from nativeplug.call import variable
        plg = nativeplug.open(sys.argv[1])
        plg.Name = "parent"
        import threading
        held = threading.Event()
        def hold():
            with variable._lock:
                held.set()
                threading.Event().wait()
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        child = os.fork()
        if not child:
            plg.Name = "child"
            os._exit(plg.get_name() != "child")
        print(os.waitpid(child, 0)[1], plg.get_name(), flush=True)
        os._exit(0)
        """,
        c_plugin("variables"),
    )
    assert ("0 parent\n", 0) == (done.stdout, done.returncode), done.stderr
