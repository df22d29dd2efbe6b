"""Say what pyproject.toml cannot: the two compiled modules."""

import sys
from glob import glob

from setuptools import Extension, setup

sys.path.insert(0, "csrc")
from flags import compile_args, link_args

core = Extension(
    "nativeplug._core",
    sources=sorted(glob("csrc/core/*.c")),
    depends=[*glob("csrc/core/*.h"), *glob("csrc/core/*.def")],
    # -O3: the entries of invoke.c are worth it only once their constants are folded.
    # Every function that other files call is hidden, so neither LTO nor
    # -fno-semantic-interposition makes a measurable difference.
    extra_compile_args=[*compile_args(), "-O3"],
    extra_link_args=link_args(),
)
setup(ext_modules=[core], cffi_modules=["csrc/dl/build.py:ffibuilder"])
