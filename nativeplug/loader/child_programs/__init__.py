"""
What child processes run: files that Python is started with, see `nativeplug.loader.child`.

They import the standard library alone, unless they are told from where to import more.
"""

import os


def path_of(name: str) -> str:
    """Return the path of the program that has a name: compiled, where there is no source."""
    source = os.path.join(os.path.dirname(__file__), f"{name}.py")
    return source if os.path.exists(source) else f"{source}c"
