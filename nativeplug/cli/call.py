"""``nativeplug call``: one call, from the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import nativeplug
from nativeplug.cli.arguments import convert_all
from nativeplug.cli.console import Failure
from nativeplug.cli.opening import Opening, opens_a_plugin

if TYPE_CHECKING:
    from nativeplug import Plugin


@click.command(
    short_help="Call a plugin's function, or print its variable.",
    # "-2" is an argument, not an option: this command has no short options.
    context_settings={"ignore_unknown_options": True},
)
@opens_a_plugin
def call(name: str, args: tuple[str, ...], **opening: Any) -> None:
    """
    Call the function NAME of PLUGIN with ARGS and print its result.

    When NAME is a variable or a constant (an integer macro, an enumerator), its value is
    printed. The declarations come from PLUGIN itself, from a header of the same name beside
    it or from its debug information, unless they are given.

    ARGS are read as the declaration says. Integers: 42, -2, 0x2a; enums also by name.
    Floating point: 2.5, 1e-3, inf. Truth: true, false. char: one character.
    Strings: the text itself; NULL is the null pointer and \\NULL the text "NULL".
    Other pointers can only be NULL; structs cannot be written.

    Text is printed as it is; several results one by line, as "name: value". Text that
    begins with a hyphen goes after "--".

    \b
    Example:
      nativeplug call libm.so.6 pow 2 0x0a --declarations "double pow(double, double);"
    """  # noqa: D301 - click's mark for lines that stay as they are
    plg = Opening.of(**opening).open()
    constants = plg._symbols.constants()  # noqa: SLF001 - as attributes they are values, not names
    if args and name in constants:
        raise Failure(f"'{name}' is a constant, it takes no arguments")
    if name in constants:
        _print(plg, constants[name])
        return
    found = plg.lookup(name)
    if args and isinstance(found, nativeplug.Variable):
        raise Failure(f"'{name}' is a variable, it takes no arguments")
    try:
        value = (
            found.value
            if isinstance(found, nativeplug.Variable)
            else found(*convert_all(plg, found, args))
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise Failure(str(error)) from error
    _print(plg, value)


def _print(plg: Plugin, value: Any) -> None:
    if value is None:
        return
    fields = _fields(plg, value)
    if fields is None:
        click.echo(_as_bytes(plg, value))
        return
    for name, field in fields.items():
        click.echo(name.encode() + b": " + _as_bytes(plg, field))


def _fields(plg: Plugin, value: Any) -> dict[str, Any] | None:
    if isinstance(value, tuple):
        names = getattr(value, "_fields", range(len(value)))
        return {str(name): field for name, field in zip(names, value, strict=True)}
    if isinstance(value, plg.ffi.CData):
        ctype = plg.ffi.typeof(value)
        if ctype.kind in {"struct", "union"} and ctype.fields:
            return {name: getattr(value, name) for name, _ in ctype.fields}
    return None


def _as_bytes(plg: Plugin, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, plg.ffi.CData):
        return _describe(plg, value).encode()
    text = "NULL" if value is None else str(value)
    # Text that is not UTF-8 leaves as the bytes that it was.
    return text.encode("utf-8", "surrogateescape")


def _describe(plg: Plugin, value: Any) -> str:
    ctype = plg.ffi.typeof(value)
    if ctype.kind == "pointer":
        return hex(int(plg.ffi.cast("uintptr_t", value))) if value else "NULL"
    if ctype.kind == "array":
        return " ".join(_as_bytes(plg, item).decode("utf-8", "replace") for item in value)
    return repr(value)
