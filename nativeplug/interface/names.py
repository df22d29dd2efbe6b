"""
Names for C's numbers in annotations: a type checker sees ``int``, ``float`` or ``bytes``.

``def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64: ...``
"""

from __future__ import annotations

from typing import Annotated

from nativeplug.interface.ctype import CType

int8 = Annotated[int, CType("int8_t")]
int16 = Annotated[int, CType("int16_t")]
int32 = Annotated[int, CType("int32_t")]
int64 = Annotated[int, CType("int64_t")]
uint8 = Annotated[int, CType("uint8_t")]
uint16 = Annotated[int, CType("uint16_t")]
uint32 = Annotated[int, CType("uint32_t")]
uint64 = Annotated[int, CType("uint64_t")]
size = Annotated[int, CType("size_t")]
ssize = Annotated[int, CType("ssize_t")]
intptr = Annotated[int, CType("intptr_t")]
uintptr = Annotated[int, CType("uintptr_t")]
schar = Annotated[int, CType("signed char")]
uchar = Annotated[int, CType("unsigned char")]
short = Annotated[int, CType("short")]
ushort = Annotated[int, CType("unsigned short")]
int_ = Annotated[int, CType("int")]
uint = Annotated[int, CType("unsigned int")]
long = Annotated[int, CType("long")]
ulong = Annotated[int, CType("unsigned long")]
longlong = Annotated[int, CType("long long")]
ulonglong = Annotated[int, CType("unsigned long long")]
float32 = Annotated[float, CType("float")]
float64 = Annotated[float, CType("double")]
#: One byte, as `bytes` of length 1.
char = Annotated[bytes, CType("char")]
