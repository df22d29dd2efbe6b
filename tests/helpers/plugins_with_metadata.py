"""Plugins that tell of themselves: by the macros of nativeplug.h, and by texts put into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nativeplug
from nativeplug import declare
from nativeplug.build.embed import with_section
from nativeplug.declare import Declarations
from nativeplug.declare.sources import from_metadata
from nativeplug.elf import metadata
from prototypes import COMMON_C, Prototype
from support import BuildC

INCLUDE = f"-I{nativeplug.get_include()}"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fvisibility=hidden", INCLUDE]
# Every macro, and what it tells. One text is longer than ISO C lets literals be.
_LONG = f"struct Long {{ {' '.join(f'int member_{number};' for number in range(300))} }}"
MACROS = f"""
#include <nativeplug.h>
NATIVEPLUG_TYPE({_LONG});
"""
MACROS += r"""
#include <stdbool.h>
#include <stdint.h>
#define WIDTH 8
#define VERSION 2
#define ADD plugin_add
NATIVEPLUG_INTERFACE("greeter", 1, VERSION);
NATIVEPLUG_TYPE(typedef struct { double x, y; char name[WIDTH]; } Point;)
NATIVEPLUG_TYPE(struct Node { int value; struct Node *next; });
NATIVEPLUG_CONSTANT(LIMIT, WIDTH + 4);
NATIVEPLUG_CONSTANT(QUOTE, '"');
NATIVEPLUG_CONSTANT(BACKSLASH, '\\');
NATIVEPLUG_VARIABLE(int, calls) = 7;
NATIVEPLUG_VARIABLE(const int, fixed) = 8;
NATIVEPLUG_VARIABLE(const char *, name) = "world";
NATIVEPLUG_FUNCTION(int64_t, ADD, (int64_t a, int64_t b)) { return a + b; }
NATIVEPLUG_FUNCTION(double, length, (Point p, bool negative)) { return negative ? -p.x : p.x; }
NATIVEPLUG_FUNCTION(struct Node *, next, (struct Node *node)) { return node->next; }
NATIVEPLUG_FUNCTION(int, seven, (void)) { return calls; }
NATIVEPLUG_DECLARE(int (*handlers[4])(int code));
int (*handlers[4])(int code);
"""
MACROS_TELL = f"\n{_LONG};\n"
MACROS_TELL += r"""typedef struct { double x, y; char name[8]; } Point;
struct Node { int value; struct Node *next; };
enum { LIMIT = 8 + 4 };
enum { QUOTE = '"' };
enum { BACKSLASH = '\\' };
extern int calls;
extern const int fixed;
extern const char * name;
int64_t plugin_add (int64_t a, int64_t b);
double length (Point p, bool negative);
struct Node * next (struct Node *node);
int seven (void);
extern int (*handlers[4])(int code);
"""
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

#: A plugin of whose types somebody may tell.
KNOWN_C = """
    #include <stdlib.h>
    struct point { double x, y; };
    int add(int a, int b) { return a + b; }
    double sum(struct point p) { return p.x + p.y; }
    char *made(void) { return calloc(1, 8); }
    int calls = 3;
    long twice(long x) { return 2 * x; }
"""
KNOWN_H = """
    struct point { double x, y; };
    int add(int a, int b);
    double sum(struct point p);
    char *made(void);
    extern int calls;
"""
#: What it tells of itself: not all.
KNOWN_TOLD = (
    "type struct point { double x, y; }",
    "function int add(int a, int b)",
    "function double sum(struct point p)",
    "function char *made(void)",
    "variable int calls",
)
KNOWN_NAMES = {"add", "sum", "made", "calls"}


def source(functions: Sequence[Prototype]) -> str:
    """Return a C file that tells of functions; they return zeros."""
    return _HEAD + "\n".join(map(_definition, functions))


def _definition(function: Prototype) -> str:
    text = str(function)
    parameters = text[text.index(f"{function.name}(") + len(function.name) : -len(";")]
    result = function.result.name
    body = "" if result == "void" else f"{result} zero; memset(&zero, 0, sizeof zero); return zero;"
    return f"NATIVEPLUG_FUNCTION({result}, {function.name}, {parameters}) {{ {body} }}"


def tell(data: bytes, *texts: str | bytes, kind: str = metadata.FORMAT) -> bytes:
    """Return a plugin's file with a section of texts, after that of the format."""
    parts = [text.encode() if isinstance(text, str) else text for text in (kind, *texts)]
    return with_section(data, metadata.SECTION, b"".join(part + b"\0" for part in parts))


def declared_by(plugin: Path) -> Declarations:
    """Return the declarations that a plugin's file tells."""
    found = metadata.read(plugin.read_bytes(), str(plugin))
    assert found is not None
    return declare.extend(Declarations(), from_metadata(str(plugin), found.text))


def build_known(build_c: BuildC, *by: str | None) -> Path:
    """
    Build `KNOWN_C`.

    Args:
        build_c: Builds it.
        by: Who tells the types: "plugin", "dwarf", both or nobody.
    """
    path = build_c(KNOWN_C, "plugin", "-g" if "dwarf" in by else "-g0")
    if "plugin" in by:
        path.write_bytes(tell(path.read_bytes(), *KNOWN_TOLD))
    return path
