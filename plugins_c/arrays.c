/* Purpose: read and write the caller's arrays in place, without a copy.
 * Exports: sum_*, checksum, scale (see arrays.h).
 * Used by: tests and benchmarks of buffers as arguments. */
#include "arrays.h"

/* The sum of an array of one element type. */
#define SUM(name, element, total)                 \
    total sum_##name(const element *xs, size_t n) \
    {                                             \
        total sum = 0;                            \
        for (size_t i = 0; i < n; i++) {          \
            sum += xs[i];                         \
        }                                         \
        return sum;                               \
    }

SUM(int32, int32_t, int64_t)
SUM(int64, int64_t, int64_t)
SUM(float, float, double)
SUM(double, double, double)

/* RFC 1950, section 9. */
uint32_t
checksum(const uint8_t *bytes, size_t n)
{
    uint32_t low = 1;
    uint32_t high = 0;
    for (size_t i = 0; i < n; i++) {
        low = (low + bytes[i]) % 65521;
        high = (high + low) % 65521;
    }
    return high << 16 | low;
}

void
scale(double *xs, size_t n, double k)
{
    for (size_t i = 0; i < n; i++) {
        xs[i] *= k;
    }
}
