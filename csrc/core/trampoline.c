/* trampoline.c: a trampoline and a loop for each register shape, all from one
 * table; trampoline.h tells why that is enough. Nothing here knows Python, and
 * nothing is allocated or owned. [any thread; the caller decides on the GIL]
 */
#include "trampoline.h"

/* A loop has the columns' addresses in variables of its own, which what is
 * called cannot change: they stay in registers. */
#define INTEGER_AT(k) i_column[k][at].u
#define FLOAT_AT(k) f_column[k][at].d

/* Define what calls functions of i integers and f floating-point numbers whose
 * result is a *type* and comes in an NpWord's *member*. */
#define DEFINE(name, type, member, i, f)                                   \
    static NpWord name##_##i##_##f(void *target, const NpWord *integers,   \
                                   const NpWord *floats)                   \
    {                                                                      \
        NpWord word;                                                       \
                                                                           \
        (void)integers;                                                    \
        (void)floats;                                                      \
        word.member =                                                      \
            NP_CALL(type, target, i, f, NP_INTEGER_WORD, NP_FLOAT_WORD);   \
        return word;                                                       \
    }                                                                      \
    static void name##_loop_##i##_##f(                                     \
        void *target, ptrdiff_t count, const NpWord *const *integers,      \
        const NpWord *const *floats, NpWord *results)                      \
    {                                                                      \
        const NpWord *i_column[NP_MAX_INTEGERS], *f_column[NP_MAX_FLOATS]; \
                                                                           \
        memcpy(i_column, integers, (i) * sizeof(*i_column));               \
        memcpy(f_column, floats, (f) * sizeof(*f_column));                 \
        for (ptrdiff_t at = 0; at < count; at++) {                         \
            results[at].member =                                           \
                NP_CALL(type, target, i, f, INTEGER_AT, FLOAT_AT);         \
        }                                                                  \
    }

/* The table of shapes: SHAPE(name, ..., i, f) for each pair of counts. */
#define ROW(SHAPE, i, ...)   \
    SHAPE(__VA_ARGS__, i, 0) \
    SHAPE(__VA_ARGS__, i, 1) \
    SHAPE(__VA_ARGS__, i, 2) \
    SHAPE(__VA_ARGS__, i, 3) \
    SHAPE(__VA_ARGS__, i, 4) \
    SHAPE(__VA_ARGS__, i, 5) \
    SHAPE(__VA_ARGS__, i, 6) \
    SHAPE(__VA_ARGS__, i, 7) \
    SHAPE(__VA_ARGS__, i, 8)
#define SHAPES(SHAPE, ...)     \
    ROW(SHAPE, 0, __VA_ARGS__) \
    ROW(SHAPE, 1, __VA_ARGS__) \
    ROW(SHAPE, 2, __VA_ARGS__) \
    ROW(SHAPE, 3, __VA_ARGS__) \
    ROW(SHAPE, 4, __VA_ARGS__) \
    ROW(SHAPE, 5, __VA_ARGS__) \
    ROW(SHAPE, 6, __VA_ARGS__)

SHAPES(DEFINE, integer, uint64_t, u)
SHAPES(DEFINE, floating, double, d)

#define TRAMPOLINE(result, name, i, f) [result][i][f] = name##_##i##_##f,
#define LOOP(result, name, i, f) [result][i][f] = name##_loop_##i##_##f,

const NpTrampoline
    np_trampolines[NP_RESULTS][NP_MAX_INTEGERS + 1][NP_MAX_FLOATS + 1] = {
        SHAPES(TRAMPOLINE, NP_FROM_INTEGER, integer)
            SHAPES(TRAMPOLINE, NP_FROM_FLOAT, floating)};

const NpLoop np_loops[NP_RESULTS][NP_MAX_INTEGERS + 1][NP_MAX_FLOATS + 1] = {
    SHAPES(LOOP, NP_FROM_INTEGER, integer)
        SHAPES(LOOP, NP_FROM_FLOAT, floating)};
