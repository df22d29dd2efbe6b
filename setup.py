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
    # Measured with gcc 12, all variants in one process. -O3: Function.map brings narrow columns
    # into registers by vector instructions (int32 for a double: 1.35 instead of 2.07 ns an
    # element); calls are the same with -O2. -fno-plt: calls of CPython's functions skip the
    # PLT, 2 % of a call. -flto and -fno-semantic-interposition: no difference, since all that
    # one file has for another is hidden already.
    extra_compile_args=[*compile_args(), "-O3", "-fno-plt"],
    extra_link_args=link_args(),
)
setup(ext_modules=[core], cffi_modules=["csrc/dl/build.py:ffibuilder"])
