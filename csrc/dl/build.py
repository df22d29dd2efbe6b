"""How cffi compiles dl.cdef and dl.c to nativeplug._dl; setup.py names it."""

from __future__ import annotations

import os
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent

# Warnings are errors where a developer can mend them, never in a user's build.
# cffi's own generated code is not clean under -Wextra's missing-field rule.
STRICT = ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]

ffibuilder = FFI()
ffibuilder.cdef((HERE / "dl.cdef").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "nativeplug._dl",
    (HERE / "dl.c").read_text(encoding="utf-8"),
    extra_compile_args=[
        "-std=gnu11",
        "-fvisibility=hidden",
        *(STRICT if os.environ.get("NATIVEPLUG_WERROR") else []),
    ],
    libraries=["dl"],
)
