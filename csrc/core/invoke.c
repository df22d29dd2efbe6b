/* invoke.c: executes call plans.
 *
 * CPython enters at the plan's entry, a PyCFunction whose self is the
 * Function. Plans of up to NP_SHAPED parameters have an entry made for their
 * shape: which parameters are floating-point numbers, which register brings
 * the result, and whether the GIL is kept are constants there, so the
 * arguments go from their objects into registers. All others, and every call
 * with an argument that np_take declines, go through np_invoke, which loops.
 *
 * Arguments are borrowed from the caller for the whole call, as in every
 * vectorcall: what a word points to stays alive also while the GIL is away.
 */
#include "convert.h"

#include <errno.h>

#define NP_SHAPED 3

/* errno of a thread is that thread's, whatever interpreter it runs. */
static _Thread_local int saved_errno;

int
np_get_errno(void)
{
    return saved_errno;
}

void
np_set_errno(int number)
{
    saved_errno = number;
}

/* Refuse buffers that have fewer items than the declaration says. */
static int
check_lengths(NpFunction *function, PyObject *const *args, const NpCall *call,
              const NpWord *counts)
{
    const NpPlan *plan = function->plan;

    for (Py_ssize_t index = 0; index < Py_SIZE(plan); index++) {
        const NpValue *value = &plan->parameters[index];
        NpWord wanted = {.i = value->least};

        if (value->counted_by >= 0) {
            wanted = counts[value->counted_by];
        }
        /* A negative count is more than there ever is. */
        if (call->items[index] < 0 ||
            wanted.u <= (uint64_t)call->items[index]) {
            continue;
        }
        return np_raise(PyObject_CallMethod((PyObject *)function, "_too_short",
                                            "nOL", index, args[index],
                                            (long long)wanted.i));
    }
    return 0;
}

/* Make the native call; the GIL is released unless the function holds it. */
static inline NpWord
run(NpFunction *function, const NpWord *integers, const NpWord *floats)
{
    PyThreadState *thread = NULL;
    NpTrampoline trampoline = function->plan->trampoline;
    void *target = NP_LOAD(function->target);
    NpWord word;

    if (!function->hold_gil) {
        thread = PyEval_SaveThread();
    }
    if (function->save_errno) {
        errno = 0;
        word = trampoline(target, integers, floats);
        saved_errno = errno;
    }
    else {
        word = trampoline(target, integers, floats);
    }
    if (thread != NULL) {
        PyEval_RestoreThread(thread);
    }
    return word;
}

/* Give a text back to whoever releases it. */
static void
release(NpFunction *function, void *text)
{
    PyThreadState *thread = NULL;

    if (text == NULL) {
        return;
    }
    if (!function->hold_gil) {
        thread = PyEval_SaveThread();
    }
    function->release(text);
    if (thread != NULL) {
        PyEval_RestoreThread(thread);
    }
}

PyObject *
np_invoke(NpFunction *function, PyObject *const *args)
{
    const NpPlan *plan = function->plan;
    NpWord integers[NP_MAX_INTEGERS], floats[NP_MAX_FLOATS];
    NpWord counts[NP_MAX_PARAMETERS], word;
    NpWord *next_integer = integers, *next_float = floats;
    PyObject *result = NULL;
    NpCall call;

    call.views_count = call.kept_count = 0;
    for (Py_ssize_t index = 0; index < Py_SIZE(plan); index++) {
        const NpValue *value = &plan->parameters[index];

        call.items[index] = -1;
        if (!np_take(value, args[index], &word) &&
            np_convert(function, index, args[index], &call, &word) < 0) {
            goto done;
        }
        if (value->kind == NP_FLOAT) {
            *next_float++ = word;
        }
        else {
            *next_integer++ = word;
        }
        counts[index] = word;
    }
    if (plan->has_lengths &&
        check_lengths(function, args, &call, counts) < 0) {
        goto done;
    }
    word = run(function, integers, floats);
    result = np_finish(function, word);
    if (function->release != NULL) {
        release(function, word.p);
    }
done:
    if (call.views_count + call.kept_count != 0) {
        np_call_clear(&call);
    }
    return result;
}

/* Leave a call that is out of the ordinary to np_function_call. */
static NP_NO_INLINE PyObject *
leave(NpFunction *function, PyObject *const *args, Py_ssize_t count)
{
    return np_function_call(function, args, count);
}

/* The entries' common text. All but *function* and *args* are constants:
 * *count* parameters, of which those in the mask *floating* go to
 * floating-point registers. */
static inline __attribute__((always_inline)) PyObject *
invoke_shape(NpFunction *function, PyObject *const *args, const int count,
             const unsigned floating, const NpResultRegister from,
             const bool hold_gil)
{
    const NpPlan *plan = function->plan;
    void *target = NP_LOAD(function->target);
    NpWord integers[NP_SHAPED], floats[NP_SHAPED], word;
    PyThreadState *thread = NULL;
    int i = 0, f = 0;

#define TAKE(index)                                                     \
    if (count > (index)) {                                              \
        const NpValue *value = &plan->parameters[index];                \
                                                                        \
        if (NP_UNLIKELY(                                                \
                !(floating >> (index) & 1                               \
                      ? np_take_float(value, args[index], &floats[f++]) \
                      : np_take_integer(value, args[index],             \
                                        &integers[i++])))) {            \
            return leave(function, args, count);                        \
        }                                                               \
    }
    TAKE(0)
    TAKE(1)
    TAKE(2)
    if (NP_UNLIKELY(NP_LOAD(function->state->watcher) != NULL)) {
        return leave(function, args, count);
    }
    if (!hold_gil) {
        thread = PyEval_SaveThread();
    }
#define INTEGER(k) integers[k].u
#define FLOAT(k) floats[k].d
#define CASE(ni, nf)                                                    \
    case (ni) * 4 + (nf):                                               \
        if (from == NP_FROM_FLOAT) {                                    \
            word.d = NP_CALL(double, target, ni, nf, INTEGER, FLOAT);   \
        }                                                               \
        else {                                                          \
            word.u = NP_CALL(uint64_t, target, ni, nf, INTEGER, FLOAT); \
        }                                                               \
        break;
    switch (i * 4 + f) {
        CASE(0, 0)
        CASE(0, 1)
        CASE(0, 2)
        CASE(0, 3)
        CASE(1, 0)
        CASE(1, 1)
        CASE(1, 2)
        CASE(2, 0)
        CASE(2, 1)
        CASE(3, 0)
    default:
        Py_UNREACHABLE();
    }
    if (!hold_gil) {
        PyEval_RestoreThread(thread);
    }
    return from == NP_FROM_FLOAT ? np_finish_float(&plan->result, word)
                                 : np_finish(function, word);
}

/* An entry for each shape, in the calling convention of its count: METH_NOARGS
 * and METH_O pass no count, since CPython has checked it. */
#define SHAPE_NAME(count, floating, from, hold) \
    shape_##count##_##floating##_##from##_##hold
#define DEFINE_0(floating, from, hold)                                      \
    static PyObject *SHAPE_NAME(0, floating, from, hold)(PyObject * self,   \
                                                         PyObject * unused) \
    {                                                                       \
        (void)unused;                                                       \
        return invoke_shape((NpFunction *)self, NULL, 0, floating, from,    \
                            hold);                                          \
    }
#define DEFINE_1(floating, from, hold)                                     \
    static PyObject *SHAPE_NAME(1, floating, from, hold)(PyObject * self,  \
                                                         PyObject * given) \
    {                                                                      \
        return invoke_shape((NpFunction *)self, &given, 1, floating, from, \
                            hold);                                         \
    }
#define DEFINE_N(n, floating, from, hold)                                \
    static PyObject *SHAPE_NAME(n, floating, from, hold)(                \
        PyObject * self, PyObject *const *args, Py_ssize_t count)        \
    {                                                                    \
        if (NP_UNLIKELY(count != n)) {                                   \
            return leave((NpFunction *)self, args, count);               \
        }                                                                \
        return invoke_shape((NpFunction *)self, args, n, floating, from, \
                            hold);                                       \
    }
#define DEFINE_2(floating, from, hold) DEFINE_N(2, floating, from, hold)
#define DEFINE_3(floating, from, hold) DEFINE_N(3, floating, from, hold)
#define TABLE(count, floating, from, hold) \
    [count][floating][from][hold] =        \
        (PyCFunction)(void (*)(void))SHAPE_NAME(count, floating, from, hold),
#define TABLE_0(...) TABLE(0, __VA_ARGS__)
#define TABLE_1(...) TABLE(1, __VA_ARGS__)
#define TABLE_2(...) TABLE(2, __VA_ARGS__)
#define TABLE_3(...) TABLE(3, __VA_ARGS__)

/* SHAPE_count(floating, from, hold) for each shape. */
#define MASK(SHAPE, floating)           \
    SHAPE(floating, NP_FROM_INTEGER, 0) \
    SHAPE(floating, NP_FROM_INTEGER, 1) \
    SHAPE(floating, NP_FROM_FLOAT, 0)   \
    SHAPE(floating, NP_FROM_FLOAT, 1)
#define SHAPES(SHAPE)  \
    MASK(SHAPE##_0, 0) \
    MASK(SHAPE##_1, 0) \
    MASK(SHAPE##_1, 1) \
    MASK(SHAPE##_2, 0) \
    MASK(SHAPE##_2, 1) \
    MASK(SHAPE##_2, 2) \
    MASK(SHAPE##_2, 3) \
    MASK(SHAPE##_3, 0) \
    MASK(SHAPE##_3, 1) \
    MASK(SHAPE##_3, 2) \
    MASK(SHAPE##_3, 3) \
    MASK(SHAPE##_3, 4) \
    MASK(SHAPE##_3, 5) \
    MASK(SHAPE##_3, 6) \
    MASK(SHAPE##_3, 7)

SHAPES(DEFINE)

static const PyCFunction shapes[NP_SHAPED + 1][1 << NP_SHAPED][NP_RESULTS][2] =
    {SHAPES(TABLE)};

/* The entry of longer plans: the same with a loop and a trampoline. */
static PyObject *
loop_n(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    NpFunction *function = (NpFunction *)self;
    const NpPlan *plan = function->plan;
    NpWord integers[NP_MAX_INTEGERS], floats[NP_MAX_FLOATS];
    NpWord *next_integer = integers, *next_float = floats;

    if (count != Py_SIZE(plan) || NP_LOAD(function->state->watcher) != NULL) {
        return leave(function, args, count);
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        const NpValue *value = &plan->parameters[index];

        if (NP_UNLIKELY(!(
                value->kind == NP_FLOAT
                    ? np_take_float(value, args[index], next_float++)
                    : np_take_integer(value, args[index], next_integer++)))) {
            return leave(function, args, count);
        }
    }
    return np_finish(function, run(function, integers, floats));
}

/* The entries of all other plans, and of functions with something special. */
static PyObject *
any_0(PyObject *self, PyObject *unused)
{
    (void)unused;
    return leave((NpFunction *)self, NULL, 0);
}

static PyObject *
any_1(PyObject *self, PyObject *given)
{
    return leave((NpFunction *)self, &given, 1);
}

static PyObject *
any_n(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return leave((NpFunction *)self, args, count);
}

PyCFunction
np_choose_entry(const NpPlan *plan, bool hold_gil, bool is_plain, int *flags)
{
    Py_ssize_t count = plan == NULL || plan->has_lengths ? -1 : Py_SIZE(plan);
    unsigned floating = 0;
    NpResultRegister from;

    *flags = count == 0 ? METH_NOARGS : count == 1 ? METH_O : METH_FASTCALL;
    if (count < 0 || !is_plain) {
        return count == 0   ? any_0
               : count == 1 ? any_1
                            : (PyCFunction)(void (*)(void))any_n;
    }
    if (count > NP_SHAPED) {
        return (PyCFunction)(void (*)(void))loop_n;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        floating |= (plan->parameters[index].kind == NP_FLOAT) << index;
    }
    from = plan->result.kind == NP_FLOAT ? NP_FROM_FLOAT : NP_FROM_INTEGER;
    return shapes[count][floating][from][hold_gil];
}
