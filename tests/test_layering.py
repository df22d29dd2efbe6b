"""Who may import whom: section 5 of the design."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "nativeplug"

# What each room may import of the others. A module is a room of its own where none is named
# for its directory. `declare` reaches `call` by its value types, which its package re-exports.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "programs": set(),
    "directories": set(),
    "access": {"directories"},
    "storage": {"access"},
    "abi": set(),
    "kept": {"directories", "storage"},
    "load": {"errors", "directories", "access", "storage", "kept", "abi", "_dl"},
    "declare": {"errors", "programs", "kept", "abi"},
    "call": {"errors", "_core", "declare"},
    "cache": {"errors"},
    "options": {"errors"},
    "symbols": {"errors", "abi", "options", "load", "declare", "call"},
    "trust": {"errors", "directories", "access", "storage", "load"},
    "update": {"errors", "directories", "load", "declare", "call", "symbols", "trust", "interface"},
    "interface": {"errors", "declare", "load.symbols", "load.told"},
    "checking": {"errors", "abi", "declare", "load", "trust", "interface", "symbols"},
    "plugin": {"errors", "directories", "_core", "options", "load", "declare", "call", "cache"}
    | {"symbols", "trust", "update", "interface"},
    # What `open` does, with Python in place of a file.
    "testing": {"", "errors", "_core", "options", "load", "declare", "call", "symbols", "trust"}
    | {"interface", "plugin"},
    # It reads files and headers, and loads nothing.
    "build": {"errors", "programs", "directories", "storage", "declare"}
    | {
        f"load.{module}"
        for module in ("content", "dynamic", "layout", "sections", "symbols", "told")
    },
    "": {"errors", "directories", "_core", "call", "trust", "update", "interface", "plugin"},
    "cli": {"", "errors", "programs", "storage", "load", "declare", "call", "plugin", "build"}
    | {"trust", "interface"}
    | {"checking"}
    # What `bench` needs to call one function in several ways; and what a file is known to tell.
    | {"options", "symbols"},
    "__main__": {"cli"},
}

# Imported by type checkers alone: what is opened as an interface is a plugin.
FOR_TYPES = {("nativeplug.interface.interface", "nativeplug.plugin.plugin")}


def room_of(name: str) -> str:
    """Return the room of a module: the part of its name after ``nativeplug.``."""
    return name.partition(".")[2].partition(".")[0]


def module_of(path: Path) -> str:
    """Return the name of the module in a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def import_statements(source: str) -> list[ast.Import | ast.ImportFrom]:
    """Return the import statements of a module's text, anywhere in it."""
    nodes = ast.walk(ast.parse(source))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(source: str, modules: set[str]) -> Iterator[str]:
    """Give the modules of the package that a module's text imports."""
    for node in import_statements(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            assert not node.level, "imports are absolute"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in modules else str(node.module)


def violations(sources: dict[str, str]) -> list[str]:
    """Return what breaks the rules, a line each."""
    found = []
    modules = {*sources, "nativeplug._core", "nativeplug._dl"}
    for module, source in sources.items():
        room = room_of(module)
        for name in imports(source, modules):
            if name.partition(".")[0] != "nativeplug" or room_of(name) == room != "":
                continue
            if (module, name) in FOR_TYPES:
                continue
            if {room_of(name), name.partition(".")[2]}.isdisjoint(ALLOWED[room]):
                found.append(f"{module} imports {name}")
    return found


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Give the text of each module of the package."""
    return {module_of(path): path.read_text() for path in PACKAGE.rglob("*.py")}


def test_rules_are_kept(sources: dict[str, str]) -> None:
    """No room imports what stands above or beside it."""
    assert [] == violations(sources)


def test_every_room_has_a_rule(sources: dict[str, str]) -> None:
    """The rules speak of the rooms that there are."""
    assert set(ALLOWED) == {room_of(module) for module in sources}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("nativeplug.errors", "import os, nativeplug.load.key"),
        ("nativeplug.errors", "import nativeplug"),
        ("nativeplug.abi.types", "from nativeplug.load import dwarf"),
        ("nativeplug.load.elf", "from nativeplug.declare import Declarations"),
        ("nativeplug.load.elf", "from nativeplug import plugin"),
        ("nativeplug.declare.ctext", "def f():\n    from nativeplug.call import Function"),
        ("nativeplug.call.plan", "from nativeplug.load.handle import libc_free"),
        ("nativeplug.call.plan", "from nativeplug._dl import lib"),
        ("nativeplug.plugin", "from nativeplug import _dl"),
        ("nativeplug.cache", "from nativeplug.symbols import Symbols"),
        ("nativeplug.symbols", "from nativeplug.plugin import Plugin"),
        ("nativeplug.update.follow", "from nativeplug.plugin import Plugin"),
        ("nativeplug.symbols", "from nativeplug.update.follow import Follower"),
        ("nativeplug.plugin", "import nativeplug.cli.app"),
        ("nativeplug.interface.fit", "from nativeplug.plugin.plugin import Plugin"),
        ("nativeplug.trust", "from nativeplug.plugin import Plugin"),
        ("nativeplug.checking.file", "from nativeplug.plugin import Plugin"),
        ("nativeplug.update.swap", "from nativeplug.checking import check"),
        ("nativeplug.load.content", "from nativeplug.trust import Policy"),
        ("nativeplug.build", "from nativeplug.load import facts"),
        ("nativeplug.build", "from nativeplug.load.loading import load_file"),
        ("nativeplug.programs", "from nativeplug.errors import BuildError"),
        ("nativeplug.cli.app", "from nativeplug.cache import Cache"),
    ],
)
def test_violations_are_noticed(sources: dict[str, str], module: str, line: str) -> None:
    """A forbidden import is found wherever it stands."""
    assert [f"{module} imports"] == [
        found.rpartition(" ")[0] for found in violations({**sources, module: line})
    ]


def test_only_load_touches_handles(sources: dict[str, str]) -> None:
    """
    The system's calls are made by few modules; ctypes is there to be measured.

    (A child process uses it, too: in text.)
    """
    users = {
        (module, name.rpartition(".")[2])
        for module, source in sources.items()
        for name in imports(source, {*sources, "nativeplug._dl"})
        if name in {"nativeplug._dl", "ctypes"}
    }
    measured = {(f"nativeplug.cli.{module}", "ctypes") for module in ("ctypes_types", "ways")}
    rooms = ("child", "generation", "handle", "loading", "structure")
    assert {(f"nativeplug.load.{room}", "_dl") for room in rooms} | measured == users


# What is installed with the package, by the names of its modules; other packages are extras.
INSTALLED = {"_cffi_backend", "cffi", "pycparser", "elftools"}
EXTRAS = {
    "update": {"watchfiles"},
    "trust": {"cryptography"},
    "build": {"go"},
    "programs": {"go"},
    "cli": {"click", "rich", "matplotlib", "numpy", "cryptography"},
    "testing": {"pytest"},
}


def run_time_imports(node: ast.AST) -> Iterator[str]:
    """Give the modules that a piece of code imports when it runs; type checkers see more."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield str(child.module)
        yield from run_time_imports(child)


def test_only_what_is_installed_is_imported(sources: dict[str, str]) -> None:
    """The package runs with its dependencies alone; what extras bring is imported where it says."""
    known = INSTALLED | sys.stdlib_module_names | {"nativeplug"}
    found = {
        (module, name)
        for module, source in sources.items()
        for name in run_time_imports(ast.parse(source))
        if name.partition(".")[0] not in known | EXTRAS.get(room_of(module), set())
    }
    assert set() == found
