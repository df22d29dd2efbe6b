"""Plugins that tell of themselves: by the macros of nativeplug.h, and by texts put into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nativeplug
from nativeplug import declare
from nativeplug.build.section import with_section
from nativeplug.declare import Declarations
from nativeplug.declare.sources import told_by
from nativeplug.load import told
from prototypes import COMMON_C, Prototype

INCLUDE = f"-I{nativeplug.get_include()}"
_TYPES = "\n".join(f"NATIVEPLUG_TYPE({line})" for line in COMMON_C.strip().splitlines())
_HEAD = f"""
#include <nativeplug.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
{_TYPES}
"""


def source(functions: Sequence[Prototype]) -> str:
    """Return a C file that tells of functions; they return zeros."""
    return _HEAD + "\n".join(map(_definition, functions))


def _definition(function: Prototype) -> str:
    text = str(function)
    parameters = text[text.index(f"{function.name}(") + len(function.name) : -len(";")]
    result = function.result.name
    body = "" if result == "void" else f"{result} zero; memset(&zero, 0, sizeof zero); return zero;"
    return f"NATIVEPLUG_FUNCTION({result}, {function.name}, {parameters}) {{ {body} }}"


def tell(data: bytes, *texts: str | bytes, kind: str = told.FORMAT) -> bytes:
    """Return a plugin's file with a section of texts, after that of the format."""
    parts = [text.encode() if isinstance(text, str) else text for text in (kind, *texts)]
    return with_section(data, told.SECTION, b"".join(part + b"\0" for part in parts))


def declared_by(plugin: Path) -> Declarations:
    """Return the declarations that a plugin's file tells."""
    found = told.read(plugin.read_bytes(), str(plugin))
    assert found is not None
    return declare.extend(Declarations(), told_by(str(plugin), found.text))
