/* Purpose: declarations of scalars.c, found beside the plugin.
 * Exports: id_* for every C scalar type, sum10, mix; integer constants.
 * Used by: scalars.c, tests of conversions, limits and constants. */
#ifndef NUMBERS_H
#define NUMBERS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
#define ANSWER 42
#define NEGATIVE (-7)
#define FLAG_A (1 << 3)
#define FLAG_B (FLAG_A | 0x01)
#define LARGEST 0xFFFFFFFFFFFFFFFFULL
#define RATIO 1.5        /* no integer: not an attribute */
#define GREETING "hello" /* no integer: not an attribute */
enum Color { RED, GREEN = 5, BLUE };

bool id_bool(bool value);
char id_char(char value);
signed char id_schar(signed char value);
unsigned char id_uchar(unsigned char value);
short id_short(short value);
unsigned short id_ushort(unsigned short value);
int id_int(int value);
unsigned int id_uint(unsigned int value);
long id_long(long value);
unsigned long id_ulong(unsigned long value);
long long id_llong(long long value);
unsigned long long id_ullong(unsigned long long value);
int8_t id_int8(int8_t value);
uint8_t id_uint8(uint8_t value);
int16_t id_int16(int16_t value);
uint16_t id_uint16(uint16_t value);
int32_t id_int32(int32_t value);
uint32_t id_uint32(uint32_t value);
int64_t id_int64(int64_t value);
uint64_t id_uint64(uint64_t value);
size_t id_size(size_t value);
ssize_t id_ssize(ssize_t value);
intptr_t id_intptr(intptr_t value);
uintptr_t id_uintptr(uintptr_t value);
float id_float(float value);
double id_double(double value);
long double id_longdouble(long double value);
wchar_t id_wchar(wchar_t value);
enum Color id_color(enum Color value);
int64_t sum10(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f,
              int64_t g, int64_t h, int64_t i, int64_t j);
double mix(int32_t a, double b, int32_t c, double d, int32_t e, double f);
#ifdef __cplusplus
}
#endif
#endif /* NUMBERS_H */
