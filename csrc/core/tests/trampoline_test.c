/* trampoline_test.c: trampoline.c by itself, without Python, so that it runs
 * wherever a C compiler does, also under an emulator (make test-aarch64).
 *
 * For each register shape there is a function that notes its arguments: once
 * with the widest types, once with narrow ones. Others take their parameters
 * in other orders, which must make no difference. Each is called with random
 * words, singly and in a loop. Exits with 1, and says what is wrong, when a
 * function sees another argument, or its result arrives as another. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "trampoline.h"

enum { ROUNDS = 200, LOOPS = 5 };

/* What the last function saw, as registers have it, and what it returns. */
static NpWord seen_integers[NP_MAX_INTEGERS], seen_floats[NP_MAX_FLOATS];
static NpWord returned;
static int calls;

/* The narrow types, by number of the parameter. */
typedef int8_t Integer0;
typedef uint16_t Integer1;
typedef bool Integer2;
typedef int64_t Integer3;
typedef uint8_t Integer4;
typedef int32_t Integer5;
typedef double Float0, Float3, Float4, Float6;
typedef float Float1, Float2, Float5, Float7;

#define WIDE_I(k) uint64_t a##k
#define WIDE_F(k) double b##k
#define NARROW_I(k) Integer##k a##k
#define NARROW_F(k) Float##k b##k
#define SEE_I(k) seen_integers[k].u = (uint64_t)a##k;
#define SEE_F(k)                                  \
    seen_floats[k].u = 0;                         \
    memcpy(&seen_floats[k], &b##k, sizeof(b##k)); \
    float_sizes[k] = sizeof(b##k);

static size_t float_sizes[NP_MAX_FLOATS];

#define EACH_I0(DO)
#define EACH_I1(DO) DO(0)
#define EACH_I2(DO) EACH_I1(DO) DO(1)
#define EACH_I3(DO) EACH_I2(DO) DO(2)
#define EACH_I4(DO) EACH_I3(DO) DO(3)
#define EACH_I5(DO) EACH_I4(DO) DO(4)
#define EACH_I6(DO) EACH_I5(DO) DO(5)
#define EACH_F0(DO)
#define EACH_F1(DO) DO(0)
#define EACH_F2(DO) EACH_F1(DO) DO(1)
#define EACH_F3(DO) EACH_F2(DO) DO(2)
#define EACH_F4(DO) EACH_F3(DO) DO(3)
#define EACH_F5(DO) EACH_F4(DO) DO(4)
#define EACH_F6(DO) EACH_F5(DO) DO(5)
#define EACH_F7(DO) EACH_F6(DO) DO(6)
#define EACH_F8(DO) EACH_F7(DO) DO(7)

/* Define a function of ni integers and nf floating-point numbers, which its
 * parameters list in some order. */
#define DEFINE(name, type, member, ni, nf, ...)      \
    static type name(__VA_ARGS__)                    \
    {                                                \
        EACH_I##ni(SEE_I) EACH_F##nf(SEE_F) calls++; \
        return (type)returned.member;                \
    }
#define WIDE(ni, nf) NP_LIST(ni, nf, WIDE_I, WIDE_F)
#define NARROW(ni, nf) NP_LIST(ni, nf, NARROW_I, NARROW_F)
#define DEFINE_SHAPE(ni, nf)                                    \
    DEFINE(wide_##ni##_##nf, uint64_t, u, ni, nf, WIDE(ni, nf)) \
    DEFINE(real_##ni##_##nf, double, d, ni, nf, WIDE(ni, nf))   \
    DEFINE(byte_##ni##_##nf, int8_t, i, ni, nf, NARROW(ni, nf)) \
    DEFINE(half_##ni##_##nf, float, f, ni, nf, NARROW(ni, nf))

#define ROW(SHAPE, ni) \
    SHAPE(ni, 0)       \
    SHAPE(ni, 1)       \
    SHAPE(ni, 2)       \
    SHAPE(ni, 3)       \
    SHAPE(ni, 4)       \
    SHAPE(ni, 5)       \
    SHAPE(ni, 6)       \
    SHAPE(ni, 7)       \
    SHAPE(ni, 8)
#define SHAPES(SHAPE) \
    ROW(SHAPE, 0)     \
    ROW(SHAPE, 1)     \
    ROW(SHAPE, 2)     \
    ROW(SHAPE, 3)     \
    ROW(SHAPE, 4)     \
    ROW(SHAPE, 5)     \
    ROW(SHAPE, 6)

SHAPES(DEFINE_SHAPE)

/* Other orders of narrow parameters: name, integers, floats, parameters. */
#define I(k) NARROW_I(k)
#define F(k) NARROW_F(k)
#define ORDERS(ORDER)                                                         \
    ORDER(swapped, 1, 1, F(0), I(0))                                          \
    ORDER(alternating, 3, 3, I(0), F(0), I(1), F(1), I(2), F(2))              \
    ORDER(around, 2, 4, F(0), F(1), I(0), I(1), F(2), F(3))                   \
    ORDER(within, 4, 2, I(0), I(1), F(0), F(1), I(2), I(3))                   \
    ORDER(floats_first, 6, 8, F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7), \
          I(0), I(1), I(2), I(3), I(4), I(5))                                 \
    ORDER(mixed, 6, 8, F(0), I(0), F(1), I(1), F(2), F(3), I(2), F(4), I(3),  \
          F(5), F(6), I(4), I(5), F(7))
#define DEFINE_ORDER(name, ni, nf, ...)                      \
    DEFINE(name##_integer, uint16_t, u, ni, nf, __VA_ARGS__) \
    DEFINE(name##_float, double, d, ni, nf, __VA_ARGS__)

ORDERS(DEFINE_ORDER)

/* A function, its shape, and its result: where it comes and its bytes. */
typedef struct {
    const char *name;
    void *target;
    int integers, floats;
    bool is_narrow;
    NpResultRegister from;
    size_t size;
} Case;

#define CASE(name, ni, nf, is_narrow, from, type) \
    {#name, (void *)(uintptr_t)(name), ni, nf, is_narrow, from, sizeof(type)},
#define SHAPE_CASES(ni, nf)                                          \
    CASE(wide_##ni##_##nf, ni, nf, false, NP_FROM_INTEGER, uint64_t) \
    CASE(real_##ni##_##nf, ni, nf, false, NP_FROM_FLOAT, double)     \
    CASE(byte_##ni##_##nf, ni, nf, true, NP_FROM_INTEGER, int8_t)    \
    CASE(half_##ni##_##nf, ni, nf, true, NP_FROM_FLOAT, float)
#define ORDER_CASES(name, ni, nf, ...)                            \
    CASE(name##_integer, ni, nf, true, NP_FROM_INTEGER, uint16_t) \
    CASE(name##_float, ni, nf, true, NP_FROM_FLOAT, double)

static const Case cases[] = {SHAPES(SHAPE_CASES) ORDERS(ORDER_CASES)};

/* Random bits, the same on every machine (xorshift64*). */
static uint64_t
random_bits(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
}

/* A random argument for an integer parameter, in the form of its register. */
static NpWord
random_integer(const Case *function, int index)
{
    NpWord word = {.u = random_bits()};

    if (!function->is_narrow) {
        return word;
    }
    switch (index) {
#define NARROWED(k)                            \
    case k:                                    \
        word.u = (uint64_t)(Integer##k)word.u; \
        break;
        EACH_I6(NARROWED)
    }
    return word;
}

static void
fail(const Case *function, const char *what, int index, NpWord wanted,
     NpWord got)
{
    printf("%s: %s %d is %016llx, not %016llx\n", function->name, what, index,
           (unsigned long long)got.u, (unsigned long long)wanted.u);
    exit(1);
}

/* Compare the low bytes of two words. */
static void
check(const Case *function, const char *what, int index, size_t size,
      NpWord wanted, NpWord got)
{
    if (memcmp(&wanted, &got, size) != 0) {
        fail(function, what, index, wanted, got);
    }
}

static void
check_seen(const Case *function, const NpWord *integers, const NpWord *floats)
{
    for (int k = 0; k < function->integers; k++) {
        check(function, "integer", k, sizeof(NpWord), integers[k],
              seen_integers[k]);
    }
    for (int k = 0; k < function->floats; k++) {
        check(function, "float", k, float_sizes[k], floats[k], seen_floats[k]);
    }
}

static void
fill(const Case *function, NpWord *integers, NpWord *floats)
{
    for (int k = 0; k < function->integers; k++) {
        integers[k] = random_integer(function, k);
    }
    for (int k = 0; k < function->floats; k++) {
        floats[k].u = random_bits();
    }
    returned.u = random_bits();
}

static void
test_call(const Case *function)
{
    NpWord integers[NP_MAX_INTEGERS], floats[NP_MAX_FLOATS], got;
    NpTrampoline trampoline =
        np_trampolines[function->from][function->integers][function->floats];

    fill(function, integers, floats);
    got = trampoline(function->target, integers, floats);
    check(function, "result", 0, function->size, returned, got);
    check_seen(function, integers, floats);
}

static void
test_loop(const Case *function)
{
    NpWord integers[LOOPS][NP_MAX_INTEGERS], floats[LOOPS][NP_MAX_FLOATS];
    NpWord columns[NP_MAX_PARAMETERS][LOOPS], results[LOOPS + 1];
    const NpWord *integer_columns[NP_MAX_INTEGERS];
    const NpWord *float_columns[NP_MAX_FLOATS];
    NpLoop loop =
        np_loops[function->from][function->integers][function->floats];

    for (int k = 0; k < NP_MAX_INTEGERS; k++) {
        integer_columns[k] = columns[k];
    }
    for (int k = 0; k < NP_MAX_FLOATS; k++) {
        float_columns[k] = columns[NP_MAX_INTEGERS + k];
    }
    for (int at = 0; at < LOOPS; at++) {
        fill(function, integers[at], floats[at]);
        for (int k = 0; k < function->integers; k++) {
            columns[k][at] = integers[at][k];
        }
        for (int k = 0; k < function->floats; k++) {
            columns[NP_MAX_INTEGERS + k][at] = floats[at][k];
        }
    }
    for (int count = 0; count <= LOOPS; count++) {
        NpWord before = results[count] = (NpWord){.u = random_bits()};

        calls = 0;
        loop(function->target, count, integer_columns, float_columns, results);
        check(function, "count", 0, sizeof(NpWord), (NpWord){.i = count},
              (NpWord){.i = calls});
        check(function, "word behind results", count, sizeof(NpWord), before,
              results[count]);
        for (int at = 0; at < count; at++) {
            check(function, "result", at, function->size, returned,
                  results[at]);
        }
        if (count > 0) {
            check_seen(function, integers[count - 1], floats[count - 1]);
        }
    }
}

int
main(void)
{
    int count = sizeof(cases) / sizeof(*cases);

    for (int index = 0; index < count; index++) {
        for (int round = 0; round < ROUNDS; round++) {
            test_call(&cases[index]);
            test_loop(&cases[index]);
        }
    }
    printf("trampoline.c: %d functions, %d rounds\n", count, ROUNDS);
    return 0;
}
