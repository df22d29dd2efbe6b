"""Say what pyproject.toml cannot: the module that cffi compiles from ``csrc/dl``."""

from setuptools import setup

setup(cffi_modules=["csrc/dl/build.py:ffibuilder"])
