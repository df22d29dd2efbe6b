"""
Load compiled plugins by path, and use their functions and variables.

Importing this costs next to nothing: what opens plugins is imported when it is first used.
"""

from nativeplug.errors import (
    BuildError,
    ClosedError,
    DeclarationError,
    ForkError,
    FormatError,
    InterfaceError,
    OpenError,
    OriginError,
    PluginError,
    PluginRaised,
    SignatureMismatchError,
    SymbolNotFoundError,
    UpdateError,
)

TYPE_CHECKING = False  # as type checkers know it; importing typing costs more than all of this
if TYPE_CHECKING:
    from nativeplug._core import get_errno
    from nativeplug._util.directories import get_include
    from nativeplug.call import Callback, Function, Signature, Variable
    from nativeplug.interface import CType, Interface, optional
    from nativeplug.interface.names import (
        char,
        float32,
        float64,
        int8,
        int16,
        int32,
        int64,
        int_,
        intptr,
        long,
        longlong,
        schar,
        short,
        size,
        ssize,
        uchar,
        uint,
        uint8,
        uint16,
        uint32,
        uint64,
        uintptr,
        ulong,
        ulonglong,
        ushort,
    )
    from nativeplug.runtime import Pin, Plugin, open
    from nativeplug.runtime.history import GenerationInfo
    from nativeplug.trust import Policy, get_policy, set_policy

__all__ = [
    "BuildError",
    "CType",
    "Callback",
    "ClosedError",
    "DeclarationError",
    "ForkError",
    "FormatError",
    "Function",
    "GenerationInfo",
    "Interface",
    "InterfaceError",
    "OpenError",
    "OriginError",
    "Pin",
    "Plugin",
    "PluginError",
    "PluginRaised",
    "Policy",
    "Signature",
    "SignatureMismatchError",
    "SymbolNotFoundError",
    "UpdateError",
    "Variable",
    "char",
    "float32",
    "float64",
    "get_errno",
    "get_include",
    "get_policy",
    "int8",
    "int16",
    "int32",
    "int64",
    "int_",
    "intptr",
    "long",
    "longlong",
    "open",
    "optional",
    "schar",
    "set_policy",
    "short",
    "size",
    "ssize",
    "uchar",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "uintptr",
    "ulong",
    "ulonglong",
    "ushort",
]

__version__ = "0.1.0"

# Where the public names are.
_MODULES = (
    *("runtime", "call", "trust", "interface", "interface.names", "_core", "_util.directories"),
)


def __getattr__(name: str) -> object:
    """Import what opens plugins, when a public name of it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    # One after the other, as far as it takes: an ordinary program needs no interfaces.
    modules = map(import_module, (f"{__name__}.{module}" for module in _MODULES))
    value: object = next(getattr(module, name) for module in modules if hasattr(module, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, whether they were used already or not."""
    return [*globals(), *(name for name in __all__ if name not in globals())]
