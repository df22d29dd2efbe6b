"""Files that are refused for what they tell of themselves, or for what is declared for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nativeplug import DeclarationError, FormatError, Interface, int_
from nativeplug.elf import metadata
from nativeplug.elf.numbers import SHF_COMPRESSED, SHT_NOBITS
from plugins_with_metadata import tell
from refusals import (
    DECLARED,
    PLAIN,
    TELLING,
    Asked,
    Refusal,
    Stage,
    asking,
    put_next,
)
from support import patched, section_header

_ONCE = ("open",)
FOUND: Asked = lambda _stage: {}  # noqa: E731 - the declarations that come with the plugin


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
        at = section_header(data, metadata.SECTION)
        stage.put(patched(data, at + field, form, value))

    return put


def _header(name: str, words: str, field: int, form: str, value: int) -> Refusal:
    return Refusal(name, FormatError, words, _section_header(field, form, value))


def _undeclarable(name: str, words: str, *texts: str) -> Refusal:
    return Refusal(name, DeclarationError, words, _telling(*texts), FOUND)


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
    _header("a section that is compressed", "it is compressed", 8, "<Q", SHF_COMPRESSED),
    _header("a section that is elsewhere", "or elsewhere", 4, "<I", SHT_NOBITS),
    _header("a section behind the end", "it ends at byte", 24, "<Q", 1 << 62),
    _header("a section that is cut", "the last text has no end", 32, "<Q", 20),
    _undeclarable("a text that is not C", "cannot read this as C", "function int f("),
    _undeclarable("a type that is not there", "unknown type name", "function unknown_t f (void)"),
    _undeclarable(
        "a type that holds itself", "by value: use a pointer", "type struct S { struct S s; }"
    ),
    _undeclarable(
        "two types of one function",
        "contradicts",
        "function int f (void)",
        "function long f (void)",
    ),
)


# Declarations of the caller, and those beside the plugin.


class _Closing(Interface):
    def close(self) -> int_: ...  # type: ignore[override,empty-body]


def _declared(name: str, words: str, declarations: Any) -> Refusal:
    return Refusal(name, DeclarationError, words, put_next, asking(declarations), ways=_ONCE)


def beside(text: str | bytes) -> Callable[[Stage], None]:
    """Return what puts a plugin that tells nothing in place, with a header beside it."""

    def put(stage: Stage) -> None:
        stage.put(stage.compiled(PLAIN, "-g0"))
        data = text.encode() if isinstance(text, str) else text
        stage.path.with_suffix(".h").write_bytes(data)

    return put


def sound_beside(stage: Stage) -> bytes:
    """Return a plugin that tells nothing, and put a header beside the place for it."""
    stage.path.with_suffix(".h").write_text(DECLARED)
    return stage.compiled(PLAIN.replace("= 7", "= 6"), "-g0")


def _with_header(name: str, words: str, text: str | bytes) -> Refusal:
    put = beside(text)
    return Refusal(name, DeclarationError, words, put, FOUND, sound=sound_beside)


def _argument(name: str, words: str, error: type[Exception], **options: Any) -> Refusal:
    return Refusal(name, error, words, put_next, asking(**options), ways=_ONCE)


_NAMING = {
    "free": {"Sub": "free"},
    "hold_gil": ["Sub"],
    "save_errno": ["Sub"],
    "allow_go_results": ["Sub"],
}
DECLARATIONS = (
    _declared("declarations that are not C", "cannot read this as C", "int64_t Add("),
    _declared("a type that is not known", "unknown_t", "unknown_t Add(int64_t a);"),
    _declared("a contradiction", "Add", "int Add(int a); long Add(int a);"),
    _declared("a header that is not there", "nowhere.h", Path("/nowhere.h")),
    _declared("a member that every plugin has", "every plugin has a 'close'", _Closing),
    _argument("a digest that is none", "64 hexadecimal digits", ValueError, sha256="abc"),
    _argument("a policy that is none", "policy must be Policy", TypeError, policy=True),
    _argument("an unload that is none", "unload", ValueError, unload="now"),
    _argument("no room", "max_generations", ValueError, max_generations=0),
    *(
        _argument(
            f"{option}= for what is not declared",
            "no declaration of 'Sub'",
            DeclarationError,
            **{option: value},
        )
        for option, value in _NAMING.items()
    ),
    _argument("options that are none", "require_checked", TypeError, require_checked=["Add"]),
    _with_header("a header that is not C", "cannot read this as C", "int64_t Add("),
    _with_header("a header that is not UTF-8", "illegal character", b"int64_t Add(int64_t \xff);"),
    _with_header("a header that contradicts itself", "Add", "int Add(int a); long Add(int a);"),
    _with_header("a header of unknown types", "unknown_t", "unknown_t Add(int64_t a);"),
)
