"""How cffi compiles dl.cdef and the C files here to nativeplug._dl; setup.py names it."""

from __future__ import annotations

from pathlib import Path

from cffi import FFI
from flags import compile_args, link_args  # setup.py puts their directory on the path

HERE = Path(__file__).parent

ffibuilder = FFI()
ffibuilder.cdef((HERE / "dl.cdef").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "nativeplug._dl",
    (HERE / "dl.c").read_text(encoding="utf-8"),
    sources=["csrc/dl/spawn.c"],
    include_dirs=["csrc/dl"],
    depends=["csrc/dl/np_spawn.h"],
    # cffi's own generated code is not clean under -Wextra's missing-field rule.
    extra_compile_args=[*compile_args(), "-Wno-missing-field-initializers"],
    extra_link_args=link_args(),
    libraries=["dl"],
)
