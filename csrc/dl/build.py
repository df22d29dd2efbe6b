"""How cffi compiles the C files here to nativeplug._dl; setup.py names it."""

from __future__ import annotations

from pathlib import Path

from cffi import FFI
from flags import compile_args, link_args  # setup.py puts their directory on the path

HERE = Path(__file__).parent
# setuptools wants sources relative to setup.py.
FOLDER = Path("csrc/dl")

ffibuilder = FFI()
ffibuilder.cdef((HERE / "dl.cdef").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "nativeplug._dl",
    (HERE / "dl.c").read_text(encoding="utf-8"),
    sources=sorted(str(path) for path in FOLDER.glob("*.c") if path.name != "dl.c"),
    depends=sorted(map(str, FOLDER.glob("*.h"))),
    include_dirs=[str(FOLDER)],
    # cffi's own generated code is not clean under -Wextra's missing-field rule.
    extra_compile_args=[*compile_args(), "-Wno-missing-field-initializers"],
    extra_link_args=link_args(),
    libraries=["dl", "m"],
)
