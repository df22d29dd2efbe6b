"""Files that are refused for other types and interfaces than the program has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nativeplug
from nativeplug import InterfaceError
from refusals import (
    PLAIN,
    SOUND,
    TELLING,
    Greeter,
    Refusal,
    Stage,
    ask,
    asking,
    compiled,
    put_next,
)
from refusals_metadata import FOUND, beside, sound_beside

# Interfaces.


def _interface(name: str, words: str, put: Callable[[Stage], object], **more: Any) -> Refusal:
    return Refusal(name, InterfaceError, words, put, asking(Greeter), **more)


def _newly(refusal: Refusal) -> Refusal:
    """Return the same of a plugin that was opened as no interface before."""
    name = f"{refusal.name}, which nobody has asked for before"
    return replace(refusal, name=name, ways=("again",), first=ask)


def _instead(old: str, new: str, text: str = TELLING, *flags: str) -> Callable[[Stage], None]:
    """Return what puts a plugin in place whose text has something instead."""
    assert old in text
    return compiled(text.replace(old, new), *flags)


_ADD = "NATIVEPLUG_FUNCTION(int64_t, Add, (int64_t a, int64_t b)) { return a + b; }"
_CALLS = "NATIVEPLUG_VARIABLE(int, Calls) = 7;"
_PLAIN_ADD = "int64_t Add(int64_t a, int64_t b) { return a + b; }"
_PLAIN_CALLS = "int Calls = 7;"
_NARROW = _PLAIN_ADD.replace("int64_t b", "int32_t b")

INTERFACES = (
    _interface("another interface", "another interface", _instead('"greeter", 1', '"other", 1')),
    _interface("another major version", "another major version", _instead("1, 2)", "2, 2)")),
    _interface("an older minor version", "an older one", _instead("1, 2)", "1, 1)")),
    _interface("a function is missing", "does not export 'Add'", _instead(_ADD, "")),
    _interface("a variable is missing", "does not export 'Calls'", _instead(_CALLS, "")),
    _interface(
        "a function in place of a variable",
        "'Calls' is a function in it",
        _instead(_CALLS, "int Calls(void) { return 7; }"),
    ),
    _interface(
        "a variable in place of a function", "'Add' is a variable in it", _instead(_ADD, "int Add;")
    ),
    *(
        _interface(f"{what}, as it tells itself", f"'{name}' .* the plugin itself tells", put)
        for what, name, put in (
            ("a narrower parameter", "Add", _instead("int64_t b))", "int32_t b))")),
            ("a floating result", "Add", _instead("FUNCTION(int64_t", "FUNCTION(double")),
            ("one parameter more", "Add", _instead("int64_t b))", "int64_t b, int c))")),
            ("further arguments", "Add", _instead("int64_t b))", "int64_t b, ...))")),
            ("a floating parameter", "Add", _instead("int64_t b))", "double b))")),
            ("an unsigned variable", "Calls", _instead("(int, Calls)", "(unsigned, Calls)")),
            ("a floating variable", "Calls", _instead("(int, Calls)", "(float, Calls)")),
        )
    ),
    _interface(
        "a narrower parameter, as debug information tells",
        "'Add' .* its debug information tells",
        _instead(_PLAIN_ADD, _NARROW, PLAIN, "-g"),
    ),
    _interface(
        "a floating variable, as debug information tells",
        "'Calls' .* its debug information tells",
        _instead(_PLAIN_CALLS, "float Calls = 7;", PLAIN, "-g"),
    ),
    _interface(
        "a smaller variable",
        "the file has 2 of it",
        _instead(_PLAIN_CALLS, "short Calls = 7;", PLAIN, "-g0"),
    ),
    _interface(
        "an older version and a missing variable",
        "does not export 'Calls'",
        compiled(TELLING.replace("1, 2)", "1, 1)").replace(_CALLS, "")),
    ),
    Refusal(
        "nothing known where that is required",
        InterfaceError,
        "which require_checked demands",
        compiled(PLAIN, "-g0"),
        asking(Greeter, require_checked=True),
    ),
)
NEW_INTERFACES = tuple(map(_newly, INTERFACES))


# What an update cannot be, while the program uses what there was.


def _update(name: str, words: str, put: Callable[[Stage], object], **more: Any) -> Refusal:
    return Refusal(name, nativeplug.UpdateError, words, put, ways=("again", "update"), **more)


def _raise(_plg: nativeplug.Plugin) -> None:
    raise RuntimeError("not now")


def _plain_sound(stage: Stage) -> bytes:
    return stage.compiled(PLAIN.replace("= 7", "= 6"), "-g0")


_USE = """
NATIVEPLUG_TYPE(struct P { int x; });
NATIVEPLUG_FUNCTION(int, Use, (struct P *p)) { return (int)p->x; }
"""
UPDATES = (
    _update("a function in use is missing", "does not export 'Add', which", _instead(_ADD, "")),
    _update("a variable in use is missing", "does not export 'Calls'", _instead(_CALLS, "")),
    _update(
        "a function in use is a variable", "'Add' is a variable in it", _instead(_ADD, "int Add;")
    ),
    _update(
        "a variable in use is a function",
        "'Calls' is a function in it",
        _instead(_CALLS, "int Calls(void) { return 7; }"),
    ),
    _update(
        "a function in use has another type, as it tells",
        "the plugin itself tells",
        _instead("int64_t b))", "int32_t b))"),
    ),
    _update(
        "a function in use has another type, as debug information tells",
        "its debug information tells",
        _instead(_PLAIN_ADD, _NARROW, PLAIN, "-g"),
        sound=_plain_sound,
    ),
    _update(
        "a variable in use is smaller",
        "the file has 2 of it",
        _instead(_PLAIN_CALLS, "short Calls = 7;", PLAIN, "-g0"),
        sound=_plain_sound,
    ),
    _update(
        "what a pointer leads to is another type, which the declaration does not tell",
        "'Use' is .* in it, and was ",
        compiled(f"{TELLING}{_USE}".replace("int x", "double x")),
        asked=asking("int Use(void *p);"),
        sound=lambda stage: stage.compiled(f"{SOUND}{_USE}"),
    ),
    _update(
        "nothing is known any more where that is required",
        "which require_checked demands",
        compiled(PLAIN, "-g0"),
        asked=asking(require_checked=True),
    ),
    _update(
        "the header declares another type",
        "Add",
        beside("int64_t Add(int64_t a); extern int Calls;"),
        asked=FOUND,
        sound=sound_beside,
    ),
    _update(
        "a hook is a variable",
        "'nativeplug_loaded' is a variable in it",
        compiled(f"{TELLING} int nativeplug_loaded;"),
    ),
    _update(
        "no room for one more",
        "max_generations is 1",
        put_next,
        asked=asking(max_generations=1),
    ),
    # Here the new version has been asked, or the program is: what can be seen was well.
    _update(
        "the new version is not ready",
        r"nativeplug_loaded\(\) .* returned 5",
        compiled(f"{TELLING} int nativeplug_loaded(void) {{ return 5; }}"),
        has_run=True,
    ),
    _update(
        "check_update raises",
        "check_update raised RuntimeError: not now",
        put_next,
        asked=asking(check_update=_raise),
        has_run=True,
    ),
    _update(
        "before_update raises",
        "before_update raised RuntimeError: not now",
        put_next,
        asked=asking(before_update=_raise),
        has_run=True,
    ),
)
