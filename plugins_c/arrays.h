/* Purpose: declarations of arrays.c, found beside the plugin.
 * Exports: sum_*, checksum, scale.
 * Used by: arrays.c, tests and benchmarks of buffers as arguments. */
#ifndef ARRAYS_H
#define ARRAYS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int64_t sum_int32(const int32_t *xs, size_t n);
int64_t sum_int64(const int64_t *xs, size_t n);
double sum_float(const float *xs, size_t n);
double sum_double(const double *xs, size_t n);
uint32_t checksum(const uint8_t *bytes, size_t n); /* Adler-32, as zlib */
void scale(double *xs, size_t n, double k);        /* in place */

#ifdef __cplusplus
}
#endif

#endif /* ARRAYS_H */
