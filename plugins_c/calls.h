/* Purpose: declarations of calls.c, found beside the plugin.
 * Exports: a function for each class of types, one variable.
 * Used by: calls.c, tests/every_call.py. */
#ifndef CALLS_H
#define CALLS_H
#include <stddef.h>
#include <stdint.h>
enum color { RED, BLUE = 7 };
struct point {
    double x, y;
};

void nop(void);
int64_t add(int64_t a, int64_t b);
uint64_t same(uint64_t n);
enum color paint(enum color c);
_Bool negate(_Bool b);
char next(char c);
float halff(float x);
double half(double x);
double fma3(double a, double b, double c);
double mix(int32_t a, double b, int32_t c, double d, int32_t e, double f);
int sum7(int a, int b, int c, int d, int e, int f, int g);
const char *echo(const char *text);
char *upper(char *text);
char *copy(const char *text);
const char *broken(void);
void *hand_back(void *p);
double first(const double *xs);
double sum(size_t n, const double xs[n]);
int fail(int number);
struct point mirror(struct point p);
int varied(int n, ...);
int apply(int (*f)(int), int x);
extern int counter;
#endif /* CALLS_H */
