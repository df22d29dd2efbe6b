/* Purpose: a function for each class of types and each way to be called.
 * Exports: see calls.h.
 * Used by: tests/every_call.py, for the tests that make many calls. */
#include "calls.h"

#include <errno.h>
#include <string.h>

#define DEFINE(name, result, parameters, value) \
    result name parameters                      \
    {                                           \
        return value;                           \
    }

int counter = 3;

void
nop(void)
{
}

DEFINE(add, int64_t, (int64_t a, int64_t b), a + b)
DEFINE(same, uint64_t, (uint64_t n), n)
DEFINE(paint, enum color, (enum color c), c)
DEFINE(negate, _Bool, (_Bool b), !b)
DEFINE(next, char, (char c), (char)(c + 1))
DEFINE(halff, float, (float x), x / 2)
DEFINE(half, double, (double x), x / 2)
DEFINE(fma3, double, (double a, double b, double c), a *b + c)
DEFINE(mix, double,
       (int32_t a, double b, int32_t c, double d, int32_t e, double f),
       a + b + c + d + e + f)
DEFINE(sum7, int, (int a, int b, int c, int d, int e, int f, int g),
       a + b + c + d + e + f + g)
DEFINE(echo, const char *, (const char *text), text)
DEFINE(upper, char *, (char *text), (*text -= 32, text))
DEFINE(copy, char *, (const char *text), strdup(text))
DEFINE(broken, const char *, (void), "\xff")
DEFINE(hand_back, void *, (void *p), p)
DEFINE(first, double, (const double *xs), *xs)
DEFINE(sum, double, (size_t n, const double xs[n]), n ? xs[0] + xs[n - 1] : 0)
DEFINE(fail, int, (int number), (errno = number, -1))
DEFINE(mirror, struct point, (struct point p), ((struct point){-p.x, -p.y}))
DEFINE(varied, int, (int n, ...), n)
DEFINE(apply, int, (int (*f)(int), int x), f(x))
