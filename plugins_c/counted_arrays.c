/* Purpose: arrays whose length is declared; not including the header, for C
 * knows no n behind its array. Used by: tests of such arrays. */
#include <string.h>
double
sum(size_t n, const double xs[n])
{
    double result = 0;
    for (size_t i = 0; i < n; i++) {
        result += xs[i];
    }
    return result;
}

void
add(const double *a, const double *b, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = a[i] + b[i];
    }
}

int
first(const int xs[3])
{
    return xs[0];
}

int
total(int n, const unsigned char *bytes)
{
    int result = 0;
    while (n-- > 0) {
        result += bytes[n];
    }
    return result;
}

size_t
size(const char *text, size_t n)
{
    return memchr(text, 0, n) != NULL ? n : 0;
}

int
two(size_t n, const int *a, size_t m, const int *b)
{
    return (int)(n * 10 + m) + a[0] + b[0];
}

double
many(int a, int b, int c, int d, int e, size_t n, const double *xs)
{
    return xs[n - 1] + (a ^ b ^ c ^ d ^ e);
}

int
grid(int rows, int columns, const int *cells)
{
    return rows * columns * cells[0];
}
