/* trampoline.h: native calls by the registers that they fill.
 *
 * On x86-64 System V and on AArch64 (AAPCS64) the first six integers (eight on
 * AArch64) and the first eight floating-point numbers travel in registers, and
 * each class has a sequence of its own: f(int, double, int) and f(int, int,
 * double) are one and the same call. So what a call needs to know is how many
 * registers of each class it fills and which one brings the result. There is
 * one trampoline for each such shape, and no libffi, no assembler and no
 * compiler at run time. (System V ABI AMD64 3.2.3; AAPCS64 6.8.2)
 *
 * An integer fills its register as int64_t or uint64_t would: System V wants
 * 32 bits of it right (compilers count on it), AAPCS64 none but the type's
 * own. A float lies in the low half of its register, so it is passed and
 * returned as the double that has its bits there.
 *
 * Casting an address to a function of another type is undefined in ISO C; here
 * the two ABIs define it. Needs no Python.
 */
#ifndef NP_TRAMPOLINE_H
#define NP_TRAMPOLINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    NP_MAX_INTEGERS = 6, /* System V's; AArch64 has two more */
    NP_MAX_FLOATS = 8,
    NP_MAX_PARAMETERS = NP_MAX_INTEGERS + NP_MAX_FLOATS,
};

/* What a register holds. */
typedef union {
    uint64_t u;
    int64_t i;
    double d;
    float f; /* the low half, see below */
    void *p;
} NpWord;

/* Whether calls work this way here: little-endian LP64 under those two ABIs.
 */
#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__LP64__) && \
    !defined(__AARCH64EB__)
#define NP_SERVED 1
#else
#define NP_SERVED 0
#endif

/* Which register brings the result. */
typedef enum { NP_FROM_INTEGER, NP_FROM_FLOAT, NP_RESULTS } NpResultRegister;

/* Call *target* with the words in registers. */
typedef NpWord (*NpTrampoline)(void *target, const NpWord *integers,
                               const NpWord *floats);

/* Call *target* *count* times: the k-th parameter of a class gets the words of
 * the k-th column. The results go to *results*. */
typedef void (*NpLoop)(void *target, ptrdiff_t count,
                       const NpWord *const *integers,
                       const NpWord *const *floats, NpWord *results);

extern const NpTrampoline np_trampolines[NP_RESULTS][NP_MAX_INTEGERS + 1]
                                        [NP_MAX_FLOATS + 1];
extern const NpLoop np_loops[NP_RESULTS][NP_MAX_INTEGERS + 1]
                            [NP_MAX_FLOATS + 1];

/* Lists of i integers, I(0), I(1) ..., and f floating-point numbers, F(0) ...;
 * NP_LIST(i, f, I, F) has both. An empty list has no commas. */
#define NP_I1(I) I(0)
#define NP_I2(I) NP_I1(I), I(1)
#define NP_I3(I) NP_I2(I), I(2)
#define NP_I4(I) NP_I3(I), I(3)
#define NP_I5(I) NP_I4(I), I(4)
#define NP_I6(I) NP_I5(I), I(5)
#define NP_F0(F)
#define NP_F1(F) F(0)
#define NP_F2(F) NP_F1(F), F(1)
#define NP_F3(F) NP_F2(F), F(2)
#define NP_F4(F) NP_F3(F), F(3)
#define NP_F5(F) NP_F4(F), F(4)
#define NP_F6(F) NP_F5(F), F(5)
#define NP_F7(F) NP_F6(F), F(6)
#define NP_F8(F) NP_F7(F), F(7)
#define NP_THEN_F0(F)
#define NP_THEN_F1(F) , NP_F1(F)
#define NP_THEN_F2(F) , NP_F2(F)
#define NP_THEN_F3(F) , NP_F3(F)
#define NP_THEN_F4(F) , NP_F4(F)
#define NP_THEN_F5(F) , NP_F5(F)
#define NP_THEN_F6(F) , NP_F6(F)
#define NP_THEN_F7(F) , NP_F7(F)
#define NP_THEN_F8(F) , NP_F8(F)
#define NP_LIST_0(f, I, F) NP_F##f(F)
#define NP_LIST_1(f, I, F) NP_I1(I) NP_THEN_F##f(F)
#define NP_LIST_2(f, I, F) NP_I2(I) NP_THEN_F##f(F)
#define NP_LIST_3(f, I, F) NP_I3(I) NP_THEN_F##f(F)
#define NP_LIST_4(f, I, F) NP_I4(I) NP_THEN_F##f(F)
#define NP_LIST_5(f, I, F) NP_I5(I) NP_THEN_F##f(F)
#define NP_LIST_6(f, I, F) NP_I6(I) NP_THEN_F##f(F)
#define NP_LIST(i, f, I, F) NP_LIST_##i(f, I, F)

/* Call *target*, which takes i integers and f floating-point numbers: those
 * that I(k) and F(k) are expressions of, such as NP_INTEGER_WORD(k). */
#define NP_INTEGER_WORD(k) integers[k].u
#define NP_FLOAT_WORD(k) floats[k].d
#define NP_INTEGER_TYPE(k) uint64_t
#define NP_FLOAT_TYPE(k) double
#define NP_CALL(result, target, i, f, I, F)                        \
    (((result (*)(NP_LIST(i, f, NP_INTEGER_TYPE, NP_FLOAT_TYPE)))( \
        uintptr_t)(target))(NP_LIST(i, f, I, F)))

#endif /* NP_TRAMPOLINE_H */
