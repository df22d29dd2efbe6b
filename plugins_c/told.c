/* Purpose: a plugin that tells of itself: it needs no header.
 * Exports: told_*; variables told_calls, told_names; see the macros.
 * Used by: docs/authors.md, tests. */
#include <nativeplug.h>

#include <stddef.h>
#include <stdint.h>

#define NAMES 2

NATIVEPLUG_INTERFACE("told", 1, 2);

NATIVEPLUG_TYPE(typedef struct { double x, y; } ToldPoint);

NATIVEPLUG_CONSTANT(TOLD_LIMIT, 10 + NAMES);

NATIVEPLUG_VARIABLE(int, told_calls) = 0;

NATIVEPLUG_DECLARE(const char *const told_names[NAMES]);
const char *const told_names[NAMES] = {"first", "second"};

NATIVEPLUG_FUNCTION(int64_t, told_add, (int64_t a, int64_t b))
{
    told_calls++;
    return a + b;
}

NATIVEPLUG_FUNCTION(double, told_sum, (size_t n, const double xs[]))
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += xs[i];
    }
    return sum;
}

NATIVEPLUG_FUNCTION(ToldPoint, told_mirror, (ToldPoint point))
{
    return (ToldPoint){-point.x, -point.y};
}
