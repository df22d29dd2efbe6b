"""Everything nativeplug raises."""

from __future__ import annotations

import copy
import errno
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import nativeplug
from nativeplug import errors

EXAMPLES: list[tuple[errors.PluginError, dict[str, object]]] = [
    (
        errors.OpenError("message", path="p.so", reason="gone", errno=errno.ENOENT),
        {"path": "p.so", "reason": "gone", "errno": errno.ENOENT, "filename": "p.so"},
    ),
    (
        errors.FormatError("message", path="p.so", reason="cut", offset=64),
        {"path": "p.so", "reason": "cut", "errno": None, "strerror": "cut", "offset": 64},
    ),
    (
        errors.OriginError("message", path="p.so", reason="a; b", reasons=("a", "b")),
        {"path": "p.so", "reason": "a; b", "errno": None, "reasons": ("a", "b")},
    ),
    (
        errors.SymbolNotFoundError("message", path="p.so", symbol="ad", nearest=("add",)),
        {"path": "p.so", "symbol": "ad", "nearest": ("add",), "name": "ad"},
    ),
    (
        errors.DeclarationError("message", file="p.h", line=3, column=7),
        {"file": "p.h", "line": 3, "column": 7},
    ),
    (
        errors.SignatureMismatchError("message", path="p.so", symbol="f", declared="a", known="b"),
        {"path": "p.so", "symbol": "f", "declared": "a", "known": "b"},
    ),
    (
        errors.InterfaceError("message", path="p.so", findings=("gone", "bad")),
        {"path": "p.so", "symbol": None, "findings": ("gone", "bad")},
    ),
    (errors.ClosedError("message", path="p.so"), {"path": "p.so"}),
    (errors.ForkError("message", path="p.so"), {"path": "p.so"}),
    (
        errors.UpdateError("message", path="p.so", reasons=("gone", "bad")),
        {"path": "p.so", "reasons": ("gone", "bad")},
    ),
    (
        errors.PluginRaised("message", path="p.so", symbol="f", text="no\nway"),
        {"path": "p.so", "symbol": "f", "text": "no\nway"},
    ),
    (errors.BuildError("message", output="cc: no"), {"output": "cc: no"}),
]
BUILTINS = {
    "OpenError": OSError,
    "FormatError": nativeplug.OpenError,
    "OriginError": nativeplug.OpenError,
    "SignatureMismatchError": TypeError,
    "InterfaceError": nativeplug.SignatureMismatchError,
    "SymbolNotFoundError": AttributeError,
    "DeclarationError": ValueError,
    "ClosedError": ValueError,
    "ForkError": RuntimeError,
    "UpdateError": nativeplug.PluginError,
    "PluginRaised": nativeplug.PluginError,
    "BuildError": RuntimeError,
}

each = pytest.mark.parametrize(
    ("error", "attributes"), EXAMPLES, ids=[type(error).__name__ for error, _ in EXAMPLES]
)


def test_all_are_examples() -> None:
    """The examples of this module are all the classes that there are."""
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value is not errors.PluginError
    }
    assert defined == {type(error).__name__ for error, _ in EXAMPLES} == set(BUILTINS)


@each
def test_attributes(error: errors.PluginError, attributes: dict[str, object]) -> None:
    """An error carries what it was made with."""
    assert attributes == {name: getattr(error, name) for name in attributes}


@each
def test_message(error: errors.PluginError, attributes: dict[str, object]) -> None:  # noqa: ARG001
    """An error's text is its message, whatever the builtin makes of it."""
    assert "message" == str(error)
    assert ("message",) == error.args


@each
def test_classes(error: errors.PluginError, attributes: dict[str, object]) -> None:  # noqa: ARG001
    """An error is a PluginError, the builtin that a caller expects, and public."""
    name = type(error).__name__
    assert isinstance(error, (nativeplug.PluginError,))
    assert isinstance(error, BUILTINS[name])
    assert type(error) is getattr(nativeplug, name)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
@each
def test_duplicates(
    error: errors.PluginError, attributes: dict[str, object], duplicate: Callable[[Any], Any]
) -> None:
    """A copy, also one in another process, has class, text and attributes."""
    other = duplicate(error)
    assert other is not error
    assert type(error) is type(other)
    assert str(error) == str(other)
    assert attributes == {name: getattr(other, name) for name in attributes}


def test_duplicates_have_notes() -> None:
    """A copy has what was added to the error besides."""
    error = errors.ClosedError("message", path="p.so")
    vars(error)["__notes__"] = ["a note"]  # as add_note does, of Python 3.11
    assert ["a note"] == vars(copy.copy(error))["__notes__"]


def test_defaults() -> None:
    """What is not known is None, or empty."""
    error = errors.DeclarationError("message")
    assert (None, None, None) == (error.file, error.line, error.column)
    assert () == errors.SymbolNotFoundError("message", path="p", symbol="s").nearest
    assert "" == errors.BuildError("message").output
