"""Files that are refused for what they tell of themselves, or for what is declared for them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nativeplug
from nativeplug import DeclarationError, FormatError, Interface, InterfaceError, int_
from nativeplug.load import sections, told
from refusals import (
    DECLARED,
    PLAIN,
    SOUND,
    TELLING,
    Asked,
    Greeter,
    Refusal,
    Stage,
    asking,
    compiled,
)
from support import patched
from telling import tell

_ONCE = ("open",)
_FOUND: Asked = lambda _stage: {}  # noqa: E731 - the declarations that come with the plugin


def _telling(*texts: str | bytes, **options: Any) -> Callable[[Stage], None]:
    """Return what puts a plugin in place that tells these texts."""
    return lambda stage: stage.put(tell(stage.compiled(PLAIN, "-g0"), *texts, **options))


def _damaged(name: str, words: str, *texts: str | bytes, **options: Any) -> Refusal:
    words = rf"damaged: the section .nativeplug, at byte \d+: .*{words}"
    return Refusal(name, FormatError, words, _telling(*texts, **options))


def _section_header(field: int, form: str, value: int) -> Callable[[Stage], None]:
    """Return what puts a plugin in place the header of whose section says something else."""

    def put(stage: Stage) -> None:
        data = stage.compiled(TELLING)
        section, table = sections.find(data, told.SECTION), sections.Table.of(data)
        assert section is not None
        assert table is not None
        at = table.offset + table.read(data).index(section) * table.layout.size
        stage.put(patched(data, at + field, form, value))

    return put


def _header(name: str, words: str, field: int, form: str, value: int) -> Refusal:
    return Refusal(name, FormatError, words, _section_header(field, form, value))


def _undeclarable(name: str, words: str, *texts: str) -> Refusal:
    return Refusal(name, DeclarationError, words, _telling(*texts), _FOUND)


TELLS = (
    _damaged("a text that is not UTF-8", "it is not UTF-8", b"type \xff"),
    _damaged("a text with a directive", "is not the text of", "type #include </dev/zero>"),
    _damaged("a text with a digraph", "is not the text of", "type %:include </dev/zero>"),
    _damaged("a text with an escape", "is not the text of", "type \x1b[2J"),
    _damaged("no interface", "is no interface such as", "interface one"),
    _damaged("two interfaces", "of two interfaces", "interface a 1.2", "interface a 1.3"),
    _damaged("an unknown format", "it begins with 'nativeplug 2'", kind="nativeplug 2"),
    _damaged("no format", "it begins with nothing", kind="function f"),
    _damaged("a section that is too large", "are read at most", bytes(1 << 24)),
    _header("a section that is compressed", "it is compressed", 8, "<Q", sections.SHF_COMPRESSED),
    _header("a section that is elsewhere", "or elsewhere", 4, "<I", sections.SHT_NOBITS),
    _header("a section behind the end", "it ends at byte", 24, "<Q", 1 << 62),
    _header("a section that is cut", "the last text has no end", 32, "<Q", 20),
    _undeclarable("a text that is not C", "", "function int f("),
    _undeclarable("a type that is not there", "", "function unknown_t f (void)"),
    _undeclarable("a type that holds itself", "", "type struct S { struct S s; }"),
    _undeclarable(
        "two types of one function", "", "function int f (void)", "function long f (void)"
    ),
)


# Interfaces.


def _interface(name: str, words: str, put: Callable[[Stage], object], **more: Any) -> Refusal:
    return Refusal(name, InterfaceError, words, put, asking(Greeter), **more)


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
        "several findings",
        "an older one.*does not export 'Calls'",
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


# Declarations of the caller, and those beside the plugin.


class _Closing(Interface):
    def close(self) -> int_: ...  # type: ignore[override,empty-body]


def _declared(name: str, words: str, declarations: Any) -> Refusal:
    return Refusal(name, DeclarationError, words, compiled(), asking(declarations), ways=_ONCE)


def _beside(text: str | bytes) -> Callable[[Stage], None]:
    """Return what puts a plugin that tells nothing in place, with a header beside it."""

    def put(stage: Stage) -> None:
        stage.put(stage.compiled(PLAIN, "-g0"))
        data = text.encode() if isinstance(text, str) else text
        stage.path.with_suffix(".h").write_bytes(data)

    return put


def _sound_beside(stage: Stage) -> bytes:
    stage.path.with_suffix(".h").write_text(DECLARED)
    return stage.compiled(PLAIN.replace("= 7", "= 6"), "-g0")


def _with_header(name: str, words: str, text: str | bytes) -> Refusal:
    put = _beside(text)
    return Refusal(name, DeclarationError, words, put, _FOUND, sound=_sound_beside)


def _argument(name: str, words: str, error: type[Exception], **options: Any) -> Refusal:
    return Refusal(name, error, words, compiled(), asking(**options), ways=_ONCE)


DECLARATIONS = (
    _declared("a text that is not C", "", "int64_t Add("),
    _declared("a type that is not known", "unknown_t", "unknown_t Add(int64_t a);"),
    _declared("a contradiction", "Add", "int Add(int a); long Add(int a);"),
    _declared("a header that is not there", "nowhere.h", Path("/nowhere.h")),
    _declared("a member that every plugin has", "every plugin has a 'close'", _Closing),
    _argument("a digest that is none", "64 hexadecimal digits", ValueError, sha256="abc"),
    _argument("a policy that is none", "policy must be Policy", TypeError, policy=True),
    _argument("an unload that is none", "unload", ValueError, unload="now"),
    _argument("no room", "max_generations", ValueError, max_generations=0),
    _argument("options that are none", "require_checked", TypeError, require_checked=["Add"]),
    _with_header("a header that is not C", "", "int64_t Add("),
    _with_header("a header that is not UTF-8", "", b"int64_t Add(int64_t \xff);"),
    _with_header("a header that contradicts itself", "Add", "int Add(int a); long Add(int a);"),
    _with_header("a header of unknown types", "unknown_t", "unknown_t Add(int64_t a);"),
)


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
        _beside("int64_t Add(int64_t a); extern int Calls;"),
        asked=_FOUND,
        sound=_sound_beside,
    ),
    _update(
        "a hook is a variable",
        "'nativeplug_loaded' is a variable in it",
        compiled(f"{TELLING} int nativeplug_loaded;"),
    ),
    _update(
        "no room for one more",
        "max_generations is 1",
        compiled(),
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
        "before_update raises",
        "before_update raised RuntimeError: not now",
        compiled(),
        asked=asking(before_update=_raise),
        has_run=True,
    ),
)
