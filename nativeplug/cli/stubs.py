"""``nativeplug stubs``: a plugin as a Python class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

import nativeplug
from nativeplug import declare
from nativeplug.call import Scope, Uses, bind
from nativeplug.cli.console import Failure, plugin_path, read_plugin
from nativeplug.declare import Declarations, FunctionDeclaration
from nativeplug.errors import DeclarationError
from nativeplug.interface.stubs import Stubs, is_name
from nativeplug.symbols import Known

_WORD = re.compile(r"[^\W_]+", re.ASCII)


@click.command(short_help="Write a plugin's interface, as a Python class.")
@click.argument("plugin", type=click.Path())
@click.argument("declarations", required=False, type=click.Path(path_type=Path))
@click.option("--pyi", is_flag=True, help="Write a .pyi, for type checkers alone.")
@click.option("--name", help="The class's name; default: after the file.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.")
def stubs(
    plugin: str, declarations: Path | None, *, pyi: bool, name: str | None, output: Path | None
) -> None:
    """
    Write PLUGIN as a Python class, without loading it.

    The class is an interface: nativeplug.open(path, TheClass) opens PLUGIN, or any other
    plugin that has the same functions and variables. The types come from DECLARATIONS, a
    header file; or from the plugin itself, from a header of the same name beside it, or from
    its debug information.
    """
    path = plugin_path(plugin)
    content = read_plugin(path)
    known = Known(path, content)
    declared = _declarations(path, known, declarations)
    made = Stubs(
        _class_name(name, path),
        f"{Path(path).name} as a Python class, written by nativeplug stubs.",
        declared,
        content.file.exports,
        lambda each: hasattr(nativeplug.Plugin, each),
        dict(_find_problems(declared, path)),
        known.interface,
    )
    text = made.stub() if pyi else made.interface()
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _find_problems(declared: Declarations, path: str) -> Iterator[tuple[str, str]]:
    """Iterate over the symbols that cannot be used as they are declared, each with the reason."""
    scope = Scope(declared.ffi, path)
    for name, symbol in declared.symbols.items():
        if symbol.problem is not None:
            yield name, f"cannot use {' '.join(symbol.text.split())!r}: {symbol.problem}"
        elif isinstance(symbol, FunctionDeclaration):
            try:
                bind(scope.ffi, scope.call_plan(symbol), 0, Uses(0, 0), release=0, save_errno=False)
            except DeclarationError as error:
                yield name, str(error)


def _class_name(given: str | None, path: str) -> str:
    """Return the class's name: libmy_greeter.so is MyGreeter."""
    words = _WORD.findall(Path(path).name.split(".so", 1)[0].removeprefix("lib"))
    name = "".join(word[:1].upper() + word[1:] for word in words) if given is None else given
    if not is_name(name):
        raise Failure(f"{name!r} cannot be a class's name in Python: give another by --name")
    return name


def _declarations(path: str, known: Known, header: Path | None) -> Declarations:
    if header is not None:
        return declare.read(header)
    brought = known.brought(path)
    if brought is None:
        raise Failure(
            f"no declarations of {path!r}: it tells none, there is no header beside it, and no "
            "debug information; name a header after it"
        )
    return brought.alone
