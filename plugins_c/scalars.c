/* Purpose: hand back a scalar of every C type; take many arguments.
 * Exports: id_* for every C scalar type, sum10, mix (see scalars.h).
 * Used by: tests of conversions, limits and register shapes. */
#include "scalars.h"

/* The identity function of one type. */
#define IDENTITY(name, type)   \
    type id_##name(type value) \
    {                          \
        return value;          \
    }

IDENTITY(bool, bool)
IDENTITY(char, char)
IDENTITY(schar, signed char)
IDENTITY(uchar, unsigned char)
IDENTITY(short, short)
IDENTITY(ushort, unsigned short)
IDENTITY(int, int)
IDENTITY(uint, unsigned int)
IDENTITY(long, long)
IDENTITY(ulong, unsigned long)
IDENTITY(llong, long long)
IDENTITY(ullong, unsigned long long)
IDENTITY(int8, int8_t)
IDENTITY(uint8, uint8_t)
IDENTITY(int16, int16_t)
IDENTITY(uint16, uint16_t)
IDENTITY(int32, int32_t)
IDENTITY(uint32, uint32_t)
IDENTITY(int64, int64_t)
IDENTITY(uint64, uint64_t)
IDENTITY(size, size_t)
IDENTITY(ssize, ssize_t)
IDENTITY(intptr, intptr_t)
IDENTITY(uintptr, uintptr_t)
IDENTITY(float, float)
IDENTITY(double, double)
IDENTITY(longdouble, long double)
IDENTITY(wchar, wchar_t)
IDENTITY(color, enum Color)

/* Ten integers: six travel in registers, four on the stack (x86-64). */
int64_t
sum10(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f,
      int64_t g, int64_t h, int64_t i, int64_t j)
{
    return a + b + c + d + e + f + g + h + i + j;
}

/* Integers and floats alternate; the weights betray swapped arguments. */
double
mix(int32_t a, double b, int32_t c, double d, int32_t e, double f)
{
    return a + 2 * b + 3.0 * c + 4 * d + 5.0 * e + 6 * f;
}
