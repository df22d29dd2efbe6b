/* A shared object of its own, so that no system can inline what it calls. */
#include "native.h"

#include <string.h>

void
nop(void)
{
}

int64_t
add(int64_t a, int64_t b)
{
    return a + b;
}

double
half(double x)
{
    return x / 2;
}

double
fma3(double x, double y, double z)
{
    return x * y + z;
}

double
mixed(int32_t a, double x, int32_t b, double y, int32_t c, double z)
{
    return a * x + b * y + c * z;
}

const char *
label(void)
{
    return "a label";
}

int64_t
length(const char *text)
{
    return (int64_t)strlen(text);
}

uint8_t
flip(uint8_t bits, _Bool all)
{
    return bits ^ (all ? 0xff : 0x0f);
}

/* Newton's method for a square root: each division waits for the one before.
 */
double
slow(double x)
{
    double root = x;
    for (int i = 0; i < 16; i++) {
        root = (root + x / root) / 2;
    }
    return root;
}
