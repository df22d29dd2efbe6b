"""What the commands share that take an interface: finding it by its module and name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from importlib.machinery import ExtensionFileLoader, PathFinder
from pathlib import Path
from types import ModuleType

import click

import nativeplug
from nativeplug import declare
from nativeplug.call import CallContext, Uses, bind
from nativeplug.cli.console import Failure, plugin_path, read_plugin
from nativeplug.declare import Declarations, FunctionDeclaration
from nativeplug.errors import DeclarationError, PluginError
from nativeplug.interface import Interface, is_interface
from nativeplug.interface.stubs import Stubs, is_name
from nativeplug.runtime.type_info import TypeInfo


def find_interface(written: str) -> type[Interface]:
    """
    Return the interface that is written ``module:Class`` or ``path/to/file.py:Class``.

    The module is imported. The class's name can be left out where there is only one.

    Raises:
        Failure: There is none, or the module cannot be imported.
        DeclarationError: It cannot be told in C.
    """
    place, _, name = written.partition(":")
    _refuse_compiled(place)
    module = _import(place)
    interfaces = {
        key: value
        for key, value in vars(module).items()
        if is_interface(value) and value is not Interface
    }
    own = {key for key in interfaces if interfaces[key].__module__ == module.__name__}
    if not name and len(own) == 1:
        [name] = own
    if name not in interfaces:
        there = f"it has {', '.join(sorted(own))}" if own else "it has none"
        raise Failure(f"no interface {name!r} in {place!r}: {there}")
    return interfaces[name]


def _refuse_compiled(place: str) -> None:
    """Refuse a shared object: import would load ``greeter.so`` as the module ``greeter``."""
    name = place.split(".", maxsplit=1)[0]
    is_file = os.path.isfile(place) and not place.endswith(".py")
    if is_file or (name.isidentifier() and _is_compiled(name)):
        raise Failure(
            f"{place!r} is not Python source: name a module or a .py file that has the interface; "
            "'nativeplug stubs' writes the interface of a plugin"
        )


def _is_compiled(name: str) -> bool:
    """Tell whether a top-level module of the working directory is a shared object."""
    found = PathFinder.find_spec(name, [os.getcwd()])
    return found is not None and isinstance(found.loader, ExtensionFileLoader)


def _import(place: str) -> ModuleType:
    try:
        return _run(place) if place.endswith(".py") else _import_by_name(place)
    except PluginError:
        raise  # of an interface in it
    except Exception as error:
        raise Failure(f"cannot import {place!r}: {type(error).__name__}: {error}") from error


def _import_by_name(name: str) -> ModuleType:
    here = os.getcwd()
    sys.path.insert(0, here)  # as "python -m" has it
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(here)


def _run(path: str) -> ModuleType:
    stem = Path(path).stem
    name = f"{stem}_" if stem in sys.modules else stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # noqa: S101 - a .py file has one
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where annotations look for names
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


# ``nativeplug stubs``: a plugin as a Python class.


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
    known = TypeInfo(path, content)
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
    scope = CallContext(declared.ffi, path)
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


def _declarations(path: str, known: TypeInfo, header: Path | None) -> Declarations:
    if header is not None:
        return declare.read(header)
    brought = known.brought(path)
    if brought is None:
        raise Failure(
            f"no declarations of {path!r}: it tells none, there is no header beside it, and no "
            "debug information; name a header after it"
        )
    return brought.alone
