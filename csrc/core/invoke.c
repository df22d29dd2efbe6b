/* invoke.c: executes call plans.
 *
 * CPython enters at the plan's entry, a PyCFunction whose self is the
 * Function. Plans of up to NP_SHAPED parameters have an entry made for their
 * shape: which parameters are floating-point numbers, which register brings
 * the result, and whether the GIL is kept are constants there, so the
 * arguments go from their objects into registers. Longer plans have an entry
 * that loops. A call with an argument that np_take declines, of a function
 * that is closed or watched, or with too few arguments begins afresh in
 * np_function_call, which comes back to np_invoke.
 *
 * Arguments are borrowed from the caller for the whole call, as in every
 * vectorcall: what a word points to stays alive also while the GIL is away.
 */
#include "convert.h"

#include <errno.h>

#define NP_SHAPED 3

/* Which register brings the result of an entry's function: none of void; of
 * the most common integer, signed and of 64 bits, the entry knows the type. */
typedef enum {
    FROM_NOWHERE,
    FROM_INT64,
    FROM_INTEGER,
    FROM_FLOAT,
    RESULTS
} Result;

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
        bool is_signed = true;

        if (value->counted_by >= 0) {
            wanted = counts[value->counted_by];
            is_signed = plan->parameters[value->counted_by].is_signed;
        }
        /* As an unsigned number, a negative one is more than there ever is. */
        if (call->items[index] >= 0 &&
            wanted.u > (uint64_t)call->items[index]) {
            return np_raise(PyObject_CallMethod(
                (PyObject *)function, "_too_short", is_signed ? "nOL" : "nOK",
                index, args[index], wanted.u));
        }
    }
    return 0;
}

/* Make the native call; the GIL is released unless the function holds it. */
static inline NpWord
run(NpFunction *function, void *target, const NpWord *integers,
    const NpWord *floats)
{
    NpTrampoline trampoline = function->plan->trampoline;
    PyThreadState *thread = np_release_gil(function);
    NpWord word;

    if (NP_LIKELY(!function->save_errno)) {
        word = trampoline(target, integers, floats);
    }
    else {
        errno = 0;
        word = trampoline(target, integers, floats);
        saved_errno = errno;
    }
    np_regain_gil(thread);
    return word;
}

/* Give a text back to whoever releases it. That may be the plugin's own code,
 * and call Python: an exception that is set stays apart. */
static void
release_text(NpFunction *function, void (*release)(void *), void *text)
{
    PyObject *type, *error, *trace;
    PyThreadState *thread;

    if (text == NULL) {
        return;
    }
    PyErr_Fetch(&type, &error, &trace);
    thread = np_release_gil(function);
    release(text);
    np_regain_gil(thread);
    PyErr_Restore(type, error, trace);
}

PyObject *
np_error_text(const NpUses *uses, const char *text)
{
    PyObject *told = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text),
                                          "backslashreplace");

    (void)uses->take_error(); /* the text is needed no more */
    return told;
}

int
np_raise_told(NpFunction *function, const NpUses *uses, const char *text)
{
    PyObject *told = np_error_text(uses, text), *error = NULL;

    if (told != NULL) {
        error = PyObject_CallMethodOneArg(
            (PyObject *)function, function->state->names._raised, told);
        Py_DECREF(told);
    }
    return np_raise(error);
}

/* Ask a plugin that tells of errors for that of the call that has just ended.
 * Returns -1 with an exception if there is one. */
static inline int
check_told(NpFunction *function, const NpUses *uses)
{
    const char *text;

    if (NP_LIKELY(uses->take_error == NULL)) {
        return 0;
    }
    text = uses->take_error();
    return text == NULL ? 0 : np_raise_told(function, uses, text);
}

/* Bring all arguments across, each to a register of its class. */
static int
convert_all(NpFunction *function, PyObject *const *args, NpCall *call,
            NpWord *integers, NpWord *floats)
{
    const NpPlan *plan = function->plan;
    NpWord words[NP_MAX_PARAMETERS];

    call->views_count = call->kept_count = 0;
    for (Py_ssize_t index = 0; index < Py_SIZE(plan); index++) {
        const NpValue *value = &plan->parameters[index];

        call->items[index] = -1;
        if (!np_take(value, args[index], &words[index]) &&
            np_convert(function, index, args[index], call, &words[index]) <
                0) {
            return -1;
        }
        *(value->kind == NP_FLOAT ? floats++ : integers++) = words[index];
    }
    return plan->has_lengths ? check_lengths(function, args, call, words) : 0;
}

PyObject *
np_invoke(NpFunction *function, PyObject *const *args)
{
    NpWord integers[NP_MAX_INTEGERS], floats[NP_MAX_FLOATS], word;
    void *target = NP_LOAD(function->target);
    void (*release)(void *) = NP_LOAD(function->release);
    NpUses *uses = NP_LOAD(function->uses);
    PyObject *result = NULL;
    NpCall call;

    NP_ADD(uses->calls, 1);
    if (convert_all(function, args, &call, integers, floats) == 0) {
        word = run(function, target, integers, floats);
        if (check_told(function, uses) == 0) {
            result = np_finish(function, uses, word);
        }
        if (release != NULL) {
            release_text(function, release, word.p);
        }
    }
    NP_ADD(uses->calls, -1);
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

static inline bool
needs_attention(NpFunction *function)
{
    return NP_UNLIKELY(NP_LOAD(*NP_LOAD(function->guard)) != NULL);
}

/* Make a call with i integers and f floating-point numbers; all are constants
 * but the target and the words. */
static inline __attribute__((always_inline)) NpWord
call_shape(void *target, const NpWord *integers, const NpWord *floats,
           const int i, const int f, const bool from_float)
{
    NpWord word;

#define CASE(i, f)                                                    \
    case (i) * 4 + (f):                                               \
        if (from_float) {                                             \
            word.d = NP_CALL(double, target, i, f, NP_INTEGER_WORD,   \
                             NP_FLOAT_WORD);                          \
        }                                                             \
        else {                                                        \
            word.u = NP_CALL(uint64_t, target, i, f, NP_INTEGER_WORD, \
                             NP_FLOAT_WORD);                          \
        }                                                             \
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
    return word;
}

/* Take an argument into the next register of its class. */
static inline __attribute__((always_inline)) bool
take_shape(const NpValue *value, PyObject *given, const bool is_float,
           NpWord *integers, NpWord *floats, int *i, int *f)
{
    return is_float ? np_take_float(value, given, &floats[(*f)++])
                    : np_take_integer(value, given, &integers[(*i)++]);
}

/* The entries' common text. All but *function* and *args* are constants:
 * *count* parameters, of which those in the mask *floating* go to
 * floating-point registers. */
static inline __attribute__((always_inline)) PyObject *
invoke_shape(NpFunction *function, PyObject *const *args, const int count,
             const unsigned floating, const Result from, const bool hold_gil)
{
    const NpPlan *plan = function->plan;
    void *target = NP_LOAD(function->target);
    NpUses *uses = NP_LOAD(function->uses);
    NpWord integers[NP_SHAPED], floats[NP_SHAPED], word;
    PyThreadState *thread = NULL;
    int i = 0, f = 0;

    /* Not a loop: compilers would not unroll it before they need i and f. */
#define TAKE(index)                                                        \
    if (count > (index) &&                                                 \
        NP_UNLIKELY(!take_shape(&plan->parameters[index], args[index],     \
                                floating >> (index) & 1, integers, floats, \
                                &i, &f))) {                                \
        return leave(function, args, count);                               \
    }
    TAKE(0)
    TAKE(1)
    TAKE(2)
    if (needs_attention(function)) {
        return leave(function, args, count);
    }
    if (!hold_gil) {
        NP_ADD(uses->calls, 1);
        thread = PyEval_SaveThread();
    }
    word = call_shape(target, integers, floats, i, f, from == FROM_FLOAT);
    if (!hold_gil) {
        PyEval_RestoreThread(thread);
        NP_ADD(uses->calls, -1);
    }
    if (from == FROM_NOWHERE) {
        Py_RETURN_NONE;
    }
    if (from == FROM_INT64) {
        return NP_LONG(word.i);
    }
    return from == FROM_FLOAT
               ? np_finish_float(&plan->result, word)
               : np_finish_integer(function, uses, &plan->result, word);
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
#define MASK(SHAPE, floating)        \
    SHAPE(floating, FROM_NOWHERE, 0) \
    SHAPE(floating, FROM_NOWHERE, 1) \
    SHAPE(floating, FROM_INT64, 0)   \
    SHAPE(floating, FROM_INT64, 1)   \
    SHAPE(floating, FROM_INTEGER, 0) \
    SHAPE(floating, FROM_INTEGER, 1) \
    SHAPE(floating, FROM_FLOAT, 0)   \
    SHAPE(floating, FROM_FLOAT, 1)
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

static const PyCFunction shapes[NP_SHAPED + 1][1 << NP_SHAPED][RESULTS][2] = {
    SHAPES(TABLE)};

/* The text of the entries of longer plans: the same with a loop and a
 * trampoline. */
static inline __attribute__((always_inline)) PyObject *
invoke_loop(NpFunction *function, PyObject *const *args, Py_ssize_t count,
            const bool hold_gil)
{
    const NpPlan *plan = function->plan;
    void *target = NP_LOAD(function->target);
    NpUses *uses = NP_LOAD(function->uses);
    NpWord integers[NP_MAX_INTEGERS], floats[NP_MAX_FLOATS], word;
    PyThreadState *thread = NULL;
    int i = 0, f = 0;

    if (NP_UNLIKELY(count != Py_SIZE(plan)) || needs_attention(function)) {
        return leave(function, args, count);
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        const NpValue *value = &plan->parameters[index];

        if (NP_UNLIKELY(!take_shape(value, args[index],
                                    value->kind == NP_FLOAT, integers, floats,
                                    &i, &f))) {
            return leave(function, args, count);
        }
    }
    if (!hold_gil) {
        NP_ADD(uses->calls, 1);
        thread = PyEval_SaveThread();
    }
    word = plan->trampoline(target, integers, floats);
    if (!hold_gil) {
        PyEval_RestoreThread(thread);
        NP_ADD(uses->calls, -1);
    }
    return np_finish(function, uses, word);
}

static PyObject *
loop_released(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return invoke_loop((NpFunction *)self, args, count, false);
}

static PyObject *
loop_held(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return invoke_loop((NpFunction *)self, args, count, true);
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

static Result
result_of(const NpValue *value)
{
    switch (value->kind) {
    case NP_VOID:
        return FROM_NOWHERE;
    case NP_FLOAT:
        return FROM_FLOAT;
    case NP_INTEGER:
        return value->is_signed && value->size == sizeof(int64_t)
                   ? FROM_INT64
                   : FROM_INTEGER;
    default:
        return FROM_INTEGER;
    }
}

PyCFunction
np_choose_entry(const NpPlan *plan, bool hold_gil, bool is_plain, int *flags)
{
    Py_ssize_t count = plan == NULL || plan->has_lengths ? -1 : Py_SIZE(plan);
    unsigned floating = 0;
    Result from;

    *flags = count == 0 ? METH_NOARGS : count == 1 ? METH_O : METH_FASTCALL;
    if (count < 0 || !is_plain) {
        return count == 0   ? any_0
               : count == 1 ? any_1
                            : (PyCFunction)(void (*)(void))any_n;
    }
    if (count > NP_SHAPED) {
        return (PyCFunction)(void (*)(void))(hold_gil ? loop_held
                                                      : loop_released);
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        floating |= (plan->parameters[index].kind == NP_FLOAT) << index;
    }
    from = result_of(&plan->result);
    return shapes[count][floating][from][hold_gil];
}
