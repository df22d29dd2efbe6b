/* Purpose: declarations of varargs.c, found beside the plugin.
 * Exports: sum_ints, format.
 * Used by: varargs.c, tests of variadic functions. */
#ifndef VARARGS_H
#define VARARGS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int64_t sum_ints(int count, ...); /* count arguments of type int */

/* As snprintf: the length that the whole text has. */
int format(char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif /* VARARGS_H */
