"""What the commands share that take an interface: finding it by its module and name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import ExtensionFileLoader, PathFinder
from pathlib import Path
from types import ModuleType

from nativeplug.cli.console import Failure
from nativeplug.errors import PluginError
from nativeplug.interface import Interface, is_interface


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
