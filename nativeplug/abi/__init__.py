"""Types as the ABI sees them, and whether two of them agree. Imports nothing of ours."""

from nativeplug.abi.compare import differ
from nativeplug.abi.table import TypeTable
from nativeplug.abi.types import (
    POINTER_SIZE,
    VOID,
    Array,
    Enumeration,
    Field,
    FunctionType,
    Pointer,
    Record,
    Scalar,
    Type,
    size_of,
)

__all__ = [
    "POINTER_SIZE",
    "VOID",
    "Array",
    "Enumeration",
    "Field",
    "FunctionType",
    "Pointer",
    "Record",
    "Scalar",
    "Type",
    "TypeTable",
    "differ",
    "size_of",
]
