"""The compiler's flags for both compiled modules."""

from __future__ import annotations

import os

# Warnings are errors where a developer can mend them, never in a user's build.
_STRICT = ["-Wall", "-Wextra", "-Werror"]
_SANITIZE = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
    "-g",
]


def compile_args() -> list[str]:
    """
    Return what both modules are compiled with.

    ``NATIVEPLUG_WERROR`` makes warnings errors, ``NATIVEPLUG_SANITIZE`` adds the sanitizers.
    """
    return [
        "-std=gnu11",
        "-fvisibility=hidden",
        *(_STRICT if os.environ.get("NATIVEPLUG_WERROR") else []),
        *(_SANITIZE if os.environ.get("NATIVEPLUG_SANITIZE") else []),
    ]


def link_args() -> list[str]:
    """Return what both modules are linked with."""
    return _SANITIZE[:1] if os.environ.get("NATIVEPLUG_SANITIZE") else []
