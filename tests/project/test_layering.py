"""Who may import whom: the layers of docs/architecture.md."""

from __future__ import annotations

import ast
import collections
import functools
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "nativeplug"

# What each package, or module of its own, may import of the others: from the bottom to the top.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "_util": {"errors"},
    "abi": set(),
    "elf": {"errors", "abi", "_dl"},
    "loader": {"errors", "_util", "abi", "elf", "_dl"},
    "declare": {"errors", "_util", "abi"},
    "call": {"errors", "_util", "declare", "_core"},
    "trust": {"errors", "_util", "elf", "loader"},
    "interface": {"errors", "elf.metadata", "elf.symbols", "declare"},
    "runtime": {"errors", "_util", "abi", "elf", "loader", "declare", "call", "trust", "interface"}
    | {"_core"},
    # It reads files and headers, and loads nothing.
    "build": {"errors", "_util", "elf", "loader.files", "declare"},
    "checking": {"errors", "abi", "elf", "loader", "declare", "trust", "interface"}
    | {"runtime.type_info"},
    # What `open` does, with Python in place of a file.
    "testing": {"", "errors", "elf", "loader", "declare", "call", "trust", "interface", "runtime"}
    | {"_core"},
    "": {"errors", "_util", "call", "trust", "interface", "runtime", "_core"},
    "cli": {"", "errors", "_util", "elf", "loader", "declare", "call", "trust", "interface"}
    # What `bench` needs to call one function in several ways; and what a file is known to tell.
    | {"runtime.binding", "runtime.options", "runtime.type_info", "build", "checking"},
    "__main__": {"cli"},
}

# Imported by type checkers alone: what is opened as an interface is a plugin.
FOR_TYPES = {("nativeplug.interface.base", "nativeplug.runtime.plugin")}


def package_of(name: str) -> str:
    """Return the package of a module: the part of its name after ``nativeplug.``."""
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
        package = package_of(module)
        for name in imports(source, modules):
            if name.partition(".")[0] != "nativeplug" or package_of(name) == package != "":
                continue
            if (module, name) in FOR_TYPES:
                continue
            if {package_of(name), name.partition(".")[2]}.isdisjoint(ALLOWED[package]):
                found.append(f"{module} imports {name}")
    return found


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Give the text of each module of the package."""
    return {module_of(path): path.read_text() for path in PACKAGE.rglob("*.py")}


def test_rules_are_kept(sources: dict[str, str]) -> None:
    """No package imports what stands above or beside it."""
    assert [] == violations(sources)


def test_every_package_has_a_rule(sources: dict[str, str]) -> None:
    """The rules speak of the packages that there are."""
    assert set(ALLOWED) == {package_of(module) for module in sources}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("nativeplug.errors", "import os, nativeplug.loader.files"),
        ("nativeplug.errors", "import nativeplug"),
        ("nativeplug._util.programs", "from nativeplug.loader import child"),
        ("nativeplug.abi.types", "from nativeplug.elf import dwarf"),
        ("nativeplug.elf.defects", "from nativeplug.declare import Declarations"),
        ("nativeplug.elf.defects", "from nativeplug.loader import files"),
        ("nativeplug.loader.files", "from nativeplug.trust import Policy"),
        ("nativeplug.declare.parsing", "def f():\n    from nativeplug.call import Function"),
        ("nativeplug.call.plan", "from nativeplug.loader.dlopen import libc_free"),
        ("nativeplug.call.plan", "from nativeplug._dl import lib"),
        ("nativeplug.trust", "from nativeplug.runtime import Plugin"),
        ("nativeplug.interface.conformance", "from nativeplug.runtime.plugin import Plugin"),
        ("nativeplug.interface.conformance", "from nativeplug.elf import facts"),
        ("nativeplug.runtime", "from nativeplug import _dl"),
        ("nativeplug.runtime", "import nativeplug.cli.app"),
        ("nativeplug.runtime.transition", "from nativeplug.checking import check"),
        ("nativeplug.build", "from nativeplug.loader.loading import load_file"),
        ("nativeplug.checking.binary", "from nativeplug.runtime import Plugin"),
        ("nativeplug.cli.app", "from nativeplug.runtime.registry import files"),
    ],
)
def test_violations_are_noticed(sources: dict[str, str], module: str, line: str) -> None:
    """A forbidden import is found wherever it stands."""
    assert [f"{module} imports"] == [
        found.rpartition(" ")[0] for found in violations({**sources, module: line})
    ]


def test_only_load_touches_handles(sources: dict[str, str]) -> None:
    """
    The system's calls are made by few modules.

    ctypes is there to be measured, and for child processes, which have the standard library alone.
    """
    users = {
        (module, name.rpartition(".")[2])
        for module, source in sources.items()
        for name in imports(source, {*sources, "nativeplug._dl"})
        if name in {"nativeplug._dl", "ctypes"}
    }
    loading = {f"nativeplug.loader.{name}" for name in ("child", "dlopen", "generation", "loading")}
    modules = loading | {"nativeplug.elf.defects"}
    others = {"cli.bench", "loader.child_programs.load", "loader.child_programs.start"}
    expected = {(module, "_dl") for module in modules}
    assert expected | {(f"nativeplug.{name}", "ctypes") for name in others} == users


# Late imports, and those of type checkers: what they lead to imports the module itself.
BACK = {
    ("nativeplug.interface.base", "nativeplug.runtime.plugin"),
    ("nativeplug.runtime.registry", "nativeplug.runtime.plugin"),
    ("nativeplug.call.function", "nativeplug.call.vectorize"),
    ("nativeplug.declare.preprocess", "nativeplug.declare.cc"),
}


def test_no_circles(sources: dict[str, str]) -> None:
    """No module imports, late or for types either, what imports it; but for a few."""
    edges = {(module, name) for module in sources for name in imports(sources[module], {*sources})}
    assert edges >= BACK
    importing: dict[str, list[str]] = {module: [] for module in sources}
    for module, name in edges - BACK:
        if name in sources and name != "nativeplug":
            importing[module].append(name)
    graphlib.TopologicalSorter(importing).prepare()


def test_no_two_classes_of_one_name(sources: dict[str, str]) -> None:
    """A class that is used outside its module has a name of its own."""
    found = collections.Counter(
        node.name
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [] == [name for name, count in found.items() if count > 1]


# What is installed with the package, by the names of its modules; other packages are extras.
INSTALLED = {"_cffi_backend", "cffi", "pycparser", "elftools"}
EXTRAS = {
    "runtime": {"watchfiles"},
    "trust": {"cryptography"},
    "build": {"go"},
    "_util": {"go"},
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
        if name.partition(".")[0] not in known | EXTRAS.get(package_of(module), set())
    }
    assert set() == found
