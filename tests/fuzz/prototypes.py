"""Random C prototypes, and functions that show what reached them."""

from __future__ import annotations

import enum
import platform
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_PARAMETERS = 16
# What the argument registers of both System V x86-64 and AArch64 take.
INTEGER_REGISTERS, FLOATING_REGISTERS = 6, 8
# Where Rust and Clang leave it to the caller to widen narrow integers in registers; as int they
# show whether it does.
CALLERS_WIDEN = platform.machine() == "x86_64"
INT_BITS = 8 * struct.calcsize("i")


class Group(enum.Enum):
    """Types of which the generated C and the choice of values make no difference."""

    VOID = "void"
    BOOL = "bool"
    CHAR = "char"
    INTEGER = "integer"
    FLOAT = "float"
    DOUBLE = "double"
    TEXT = "text"
    POINTER = "pointer"
    OTHER = "other"


@dataclass(frozen=True)
class CType:
    """A C type; of an integer also its limits, of a pointer what it points to."""

    name: str
    group: Group
    low: int = 0
    high: int = 0
    #: The format of fitting buffers.
    buffer: str = ""
    #: How many items a parameter of the type is declared to have; see `declare`.
    length: str = ""

    @property
    def is_floating(self) -> bool:
        """Tell whether arguments go in floating-point registers."""
        return self.group in {Group.FLOAT, Group.DOUBLE}

    @property
    def is_narrow(self) -> bool:
        """Tell whether it is an integer type of which a register has bits to spare."""
        is_integer = self.group in {Group.BOOL, Group.CHAR, Group.INTEGER}
        return is_integer and self.high - self.low < (1 << INT_BITS - 1)

    def declare(self, name: str) -> str:
        """Return the declaration of a parameter."""
        return f"{self.name[:-1]}{name}[{self.length}]" if self.length else f"{self.name} {name}"


def integer(name: str, code: str) -> CType:
    """Return an integer type of the size and sign of a *code* of module struct."""
    bits = 8 * struct.calcsize(code)
    low = -(1 << bits - 1) if code.islower() else 0
    return CType(name, Group.INTEGER, low, low + (1 << bits) - 1)


def _integers() -> Iterator[CType]:
    # Each with the code of module struct that has its size.
    codes = {
        "signed char": "b", "unsigned char": "B", "short": "h", "unsigned short": "H",
        "int": "i", "unsigned int": "I", "long": "l", "unsigned long": "L",
        "long long": "q", "unsigned long long": "Q", "int8_t": "b", "uint8_t": "B",
        "int16_t": "h", "uint16_t": "H", "int32_t": "i", "uint32_t": "I", "int64_t": "q",
        "uint64_t": "Q", "size_t": "N", "ssize_t": "n", "ptrdiff_t": "n", "intptr_t": "n",
        "uintptr_t": "N", "enum shade": "I", "enum level": "i",
    }  # fmt: skip
    for name, code in codes.items():
        yield integer(name, code)


VOID = CType("void", Group.VOID)
INT = integer("int", "i")
TYPES = (
    CType("_Bool", Group.BOOL),
    CType("char", Group.CHAR),
    *_integers(),
    CType("float", Group.FLOAT),
    CType("double", Group.DOUBLE),
    CType("const char *", Group.TEXT),
    CType("char *", Group.TEXT),
    CType("void *", Group.POINTER, buffer="b"),
    CType("const void *", Group.POINTER, buffer="d"),
    CType("uint8_t *", Group.POINTER, buffer="B"),
    CType("int *", Group.POINTER, buffer="i"),
    CType("const double *", Group.POINTER, buffer="d"),
    CType("struct node *", Group.POINTER),
)
FLOATING = [ctype for ctype in TYPES if ctype.is_floating]
INTEGER_CLASS = [ctype for ctype in TYPES if not ctype.is_floating]

# Shared by the declarations and the definitions.
COMMON_C = """
enum shade { PALE, DARK = 7 };
enum level { BELOW = -2, ABOVE = 3 };
struct node;
struct point { double x, y; };
typedef int (*visit)(int);
"""
# Every function hashes all its arguments' bits into `seen`, and makes its result of that.
PRELUDE_C = f"""
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
{COMMON_C}
uint64_t seen;

static uint64_t mix(uint64_t hash, uint64_t bits)
{{
    hash = (hash ^ bits) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}}
static uint64_t bits_integer(uint64_t x) {{ return x; }}
#define bits_other(x) sizeof(x)
static uint64_t bits_float(float x) {{ uint32_t b; memcpy(&b, &x, sizeof b); return b; }}
static uint64_t bits_double(double x) {{ uint64_t b; memcpy(&b, &x, sizeof b); return b; }}
#ifdef POINTERS_LEAD_NOWHERE
static uint64_t bits_pointer(const void *x) {{ return x != NULL; }}
static uint64_t bits_text(const char *x) {{ return x != NULL; }}
#else
static uint64_t bits_pointer(const void *x) {{ return (uintptr_t)x; }}
static uint64_t bits_text(const char *x)
{{
    uint64_t hash = x != NULL;
    while (x != NULL && *x) {{ hash = mix(hash, (unsigned char)*x++); }}
    return hash;
}}
#endif
/* Zeros, infinities, NaNs of both kinds, denormals: what random bits hardly ever are. */
static const uint64_t rare[] = {{
    0, 1, 0x7FF0000000000000, 0x7FF8000000000000, 0x7FF80000DEADBEEF, 0x7FF0000000000001,
    0x000FFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF }};
static double make_double(uint64_t hash)
{{
    uint64_t b = hash & 1 ? hash : rare[hash >> 1 & 7] | (hash & 16) << 59;
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}}
static float make_float(uint64_t hash)
{{
    uint64_t r = rare[hash >> 1 & 7];
    uint32_t b = hash & 1 ? hash >> 32 : (uint32_t)(r >> 32 << 3 | (r & 1)) ^ (hash & 16) << 27;
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}}
static const char *make_text(uint64_t hash)
{{
    static const char *const texts[] = {{ NULL, "", "text", "\\xc3\\xa9 \\xf0\\x9f\\x90\\x8d" }};
    return texts[hash & 3];
}}
"""
_BITS = {
    Group.BOOL: "integer", Group.CHAR: "integer", Group.INTEGER: "integer", Group.FLOAT: "float",
    Group.DOUBLE: "double", Group.TEXT: "text", Group.POINTER: "pointer", Group.OTHER: "other",
}  # fmt: skip
_RESULTS = {
    Group.BOOL: "hash & 1", Group.CHAR: "hash", Group.INTEGER: "hash",
    Group.FLOAT: "make_float(hash)", Group.DOUBLE: "make_double(hash)",
    Group.TEXT: "make_text(hash)", Group.POINTER: "(uintptr_t)hash", Group.VOID: "0",
}  # fmt: skip


@dataclass(frozen=True)
class Prototype:
    """A function: its types, and how it is written."""

    index: int
    result: CType
    parameters: tuple[CType, ...]
    #: The parameter that it gives back; None: it makes its result of all arguments' bits.
    returned: int | None
    #: It takes narrow integers in registers as int: see `CALLERS_WIDEN`.
    trusting: bool

    @property
    def name(self) -> str:
        """The function's name."""
        return f"f{self.index}"

    def __str__(self) -> str:
        """Return the declaration in C."""
        return self._head(self.parameters) + ";"

    def _head(self, types: Sequence[CType]) -> str:
        listed = ", ".join(ctype.declare(f"a{index}") for index, ctype in enumerate(types))
        return f"{self.result.name} {self.name}({listed or 'void'})"

    def definition(self) -> str:
        """Return the function in C."""
        types, registers = [], INTEGER_REGISTERS if self.trusting else 0
        for ctype in self.parameters:
            types.append(INT if ctype.is_narrow and registers > 0 else ctype)
            registers -= not ctype.is_floating
        hashed = [
            f"hash = mix(hash, bits_{_BITS[ctype.group]}(a{index}));"
            for index, ctype in enumerate(self.parameters)
        ]
        value = _RESULTS[self.result.group] if self.returned is None else f"a{self.returned}"
        lines = [
            f"{self._head(types)}\n{{",
            f"uint64_t hash = mix(seen, {self.index});",
            *hashed,
            "seen = hash;",
            f"return ({self.result.name})({value});\n}}\n",
        ]
        return "\n    ".join(lines)

    @property
    def fits_registers(self) -> bool:
        """Tell whether all arguments travel in registers."""
        floating = sum(ctype.is_floating for ctype in self.parameters)
        integer = len(self.parameters) - floating
        return integer <= INTEGER_REGISTERS and floating <= FLOATING_REGISTERS


def prototypes(
    rng: random.Random, count: int, most: int = MOST_PARAMETERS, further: Sequence[CType] = ()
) -> list[Prototype]:
    """Return random prototypes of up to *most* parameters, also of *further* types."""
    others = [*INTEGER_CLASS, *further]
    return [_prototype(rng, index, most, others) for index in range(count)]


def _prototype(rng: random.Random, index: int, most: int, others: Sequence[CType]) -> Prototype:
    share = rng.choice([0, 0.3, 0.5, 0.7, 1])  # of floating-point parameters
    parameters = tuple(
        rng.choice(FLOATING if rng.random() < share else others)
        for _ in range(rng.randint(0, most))
    )
    result = rng.choice([VOID, *TYPES, *FLOATING, *FLOATING])
    alike = [at for at, ctype in enumerate(parameters) if ctype.group is result.group]
    returned = rng.choice(alike) if alike and rng.random() < 1 / 2 else None
    trusting = CALLERS_WIDEN and rng.random() < 1 / 2
    return Prototype(index, result, parameters, returned, trusting)


def declarations(functions: Sequence[Prototype]) -> str:
    """Return the declarations of all functions."""
    return "\n".join([COMMON_C, "extern uint64_t seen;", *map(str, functions)])


def source(functions: Sequence[Prototype]) -> str:
    """Return the C file with all functions."""
    return PRELUDE_C + "\n".join(function.definition() for function in functions)
