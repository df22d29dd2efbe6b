/* Arrays whose length is declared as C99 has it. See counted_arrays.c. */
#ifndef COUNTED_ARRAYS_H
#define COUNTED_ARRAYS_H

#include <stddef.h>
#include <stdint.h>

typedef int triple[3];

double sum(size_t n, const double xs[n]);
void add(const double a[n], const double b[n], double out[n], size_t n);
int first(const triple xs);
int total(int n, const uint8_t bytes[static n]);
size_t size(const char text[n], size_t n);
int grid(int rows, int columns, const int cells[rows * columns]);
int two(size_t n, const int a[n], size_t m, const int b[m]);
double many(int a, int b, int c, int d, int e, size_t n, const double xs[n]);

#endif
