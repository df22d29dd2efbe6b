"""``nativeplug call``: one call, from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import nativeplug
from nativeplug.cli.arguments import convert
from nativeplug.cli.console import Failure, plugin_path

if TYPE_CHECKING:
    from nativeplug import Function, Plugin

_LIBC_FREE = "free"


@click.command(
    short_help="Call a plugin's function, or print its variable.",
    # "-2" is an argument, not an option: this command has no short options.
    context_settings={"ignore_unknown_options": True},
)
@click.argument("plugin")
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option("--declarations", metavar="TEXT", help="C text that declares NAME.")
@click.option("--header", type=click.Path(path_type=Path), help="A header that declares NAME.")
@click.option(
    "--free",
    metavar="FUNCTION[=RELEASE]",
    multiple=True,
    help="FUNCTION's result is released by RELEASE, an export of the plugin, or by libc's free.",
)
def call(  # noqa: PLR0913 - click hands over each parameter by its name
    *,
    plugin: str,
    name: str,
    args: tuple[str, ...],
    declarations: str | None,
    header: Path | None,
    free: tuple[str, ...],
) -> None:
    """
    Call the function NAME of PLUGIN with ARGS and print its result.

    When NAME is a variable, its value is printed. The declarations come from a header of
    the same name beside PLUGIN, unless they are given.

    ARGS are read as the declaration says. Integers: 42, -2, 0x2a; enums also by name.
    Floating point: 2.5, 1e-3, inf. Truth: true, false. char: one character.
    Strings: the text itself; NULL is the null pointer and \\NULL the text "NULL".
    Other pointers can only be NULL; structs cannot be written.

    Text is printed as it is; several results one by line, as "name: value". An argument
    that begins with two hyphens goes after "--".

    \b
    Example:
      nativeplug call libm.so.6 pow 2 0x0a --declarations "double pow(double, double);"
    """  # noqa: D301 - click's mark for lines that stay as they are
    if declarations is not None and header is not None:
        raise click.UsageError("--declarations and --header exclude each other")
    released = dict(_split_free(item) for item in free)
    plg = nativeplug.open(
        plugin_path(plugin), header if declarations is None else declarations, free=released
    )
    found = plg.lookup(name)
    if args and isinstance(found, nativeplug.Variable):
        raise Failure(f"'{name}' is a variable, it takes no arguments")
    try:
        value = found.value if isinstance(found, nativeplug.Variable) else _call(plg, found, args)
    except (TypeError, ValueError, OverflowError) as error:
        raise Failure(str(error)) from error
    _print(plg, value)


def _split_free(item: str) -> tuple[str, str]:
    function, _, release = item.partition("=")
    return function, release or _LIBC_FREE


def _call(plg: Plugin, function: Function, args: tuple[str, ...]) -> Any:
    signature = function.signature
    if signature.variadic and len(args) > len(signature.parameters):
        # As text they would reach C as pointers, whatever C takes them for.
        raise Failure(
            f"{function.name}() takes further arguments of undeclared types (...), "
            "which cannot be written on a command line"
        )
    values = [
        convert(text, plg.ffi.typeof(parameter.type), signature.label(index))
        for index, (text, parameter) in enumerate(zip(args, signature.parameters, strict=False))
    ]
    # Those that are too many are the function's to refuse, in its own words.
    return function(*values, *args[len(signature.parameters) :])


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
