"""Load compiled plugins by path, and call their functions and variables."""

from nativeplug.call import Callback, Function, Signature, Variable
from nativeplug.errors import (
    BuildError,
    ClosedError,
    DeclarationError,
    FormatError,
    ForkError,
    OpenError,
    PluginError,
    SymbolNotFoundError,
)
from nativeplug.plugin import Plugin, open  # noqa: A004 - as gzip.open and wave.open

__all__ = [
    "BuildError",
    "Callback",
    "ClosedError",
    "DeclarationError",
    "ForkError",
    "FormatError",
    "Function",
    "OpenError",
    "Plugin",
    "PluginError",
    "Signature",
    "SymbolNotFoundError",
    "Variable",
    "open",
]

__version__ = "0.1.0"
