/* Purpose: functions with any number of arguments.
 * Exports: sum_ints, format (see varargs.h).
 * Used by: tests of variadic functions. */
#include "varargs.h"

#include <stdarg.h>
#include <stdio.h>

int64_t
sum_ints(int count, ...)
{
    int64_t sum = 0;
    va_list args;
    va_start(args, count);
    for (int i = 0; i < count; i++) {
        sum += va_arg(args, int);
    }
    va_end(args);
    return sum;
}

int
format(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int written = vsnprintf(out, size, fmt, args);
    va_end(args);
    return written;
}
