/* The functions that every system calls: one for each signature that is
 * measured. */
#include <stdbool.h>
#include <stdint.h>

void nop(void);
int64_t add(int64_t a, int64_t b);
double half(double x);
double fma3(double x, double y, double z);
double mixed(int32_t a, double x, int32_t b, double y, int32_t c, double z);
const char *label(void);
int64_t length(const char *text);
uint8_t flip(uint8_t bits, _Bool all);
double slow(double x);
