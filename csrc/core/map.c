/* map.c: the loop of Function.map.
 *
 * Python has checked the columns (nativeplug/call/vectorize.py) and calls
 * np_function_run for a slice of the work at a time, between which signals and
 * other threads get their turn. Here a slice is done in blocks: each column of
 * a block is brought into the form of registers, a loop of trampoline.c makes
 * the calls, and the results are brought into the form of the output. What has
 * the form of registers already, double and the integers of 64 bits without
 * gaps, is read and written where it lies.
 *
 * The columns' buffers are held during the slice. The GIL is released, unless
 * the function holds it; nothing here needs it while the loop runs.
 */
#include "core.h"

#include <errno.h>
#include <limits.h>

enum { NP_BLOCK = 256 }; /* a block of 15 columns is 30 KiB of stack */

/* Where a parameter's values come from, or the results go. */
typedef struct {
    char *data;        /* of element 0; NULL for a scalar */
    Py_ssize_t stride; /* bytes from one element to the next; may be 0 */
    char items;        /* NpItems, or NP_OTHER_ITEMS for truth values */
    uint8_t size;      /* bytes of an element */
    bool is_direct;    /* has the form of registers */
} Column;

/* The types that elements have, and how one is read. */
#define AS_IT_IS(element) (element)
#define AS_TRUTH(element) ((element) != 0)
#define FOR_EACH_ELEMENT(ELEMENT)                  \
    ELEMENT(NP_SIGNED_ITEMS, int8_t, AS_IT_IS)     \
    ELEMENT(NP_SIGNED_ITEMS, int16_t, AS_IT_IS)    \
    ELEMENT(NP_SIGNED_ITEMS, int32_t, AS_IT_IS)    \
    ELEMENT(NP_SIGNED_ITEMS, int64_t, AS_IT_IS)    \
    ELEMENT(NP_UNSIGNED_ITEMS, uint8_t, AS_IT_IS)  \
    ELEMENT(NP_UNSIGNED_ITEMS, uint16_t, AS_IT_IS) \
    ELEMENT(NP_UNSIGNED_ITEMS, uint32_t, AS_IT_IS) \
    ELEMENT(NP_UNSIGNED_ITEMS, uint64_t, AS_IT_IS) \
    ELEMENT(NP_OTHER_ITEMS, uint8_t, AS_TRUTH)     \
    ELEMENT(NP_FLOAT_ITEMS, float, AS_IT_IS)       \
    ELEMENT(NP_FLOAT_ITEMS, double, AS_IT_IS)
#define ELEMENT_CODE(items, size) ((items) << 8 | (int)(size))

/* Bring *count* elements into the form of registers. Elements may be unaligned
 * in a buffer. A float lies in the low half of its register. [no gil] */
static void
load(const Column *column, const NpValue *value, Py_ssize_t start,
     Py_ssize_t count, NpWord *words)
{
    const char *from = column->data + start * column->stride;

#define LOAD_AS(type, step, read, member, cast)                \
    for (Py_ssize_t at = 0; at < count; at++) {                \
        type element;                                          \
                                                               \
        memcpy(&element, from + at * (step), sizeof(element)); \
        words[at].member = (cast)read(element);                \
    }
#define LOAD_WITH(type, step, read)            \
    if (value->kind != NP_FLOAT) {             \
        LOAD_AS(type, step, read, u, uint64_t) \
    }                                          \
    else if (value->size == sizeof(double)) {  \
        LOAD_AS(type, step, read, d, double)   \
    }                                          \
    else {                                     \
        LOAD_AS(type, step, read, f, float)    \
    }
#define LOAD(items, type, read)                                            \
    case ELEMENT_CODE(items, sizeof(type)):                                \
        if (column->stride == (Py_ssize_t)sizeof(type)) {                  \
            LOAD_WITH(type, (Py_ssize_t)sizeof(type), read) /* constant */ \
        }                                                                  \
        else {                                                             \
            LOAD_WITH(type, column->stride, read)                          \
        }                                                                  \
        break;
    switch (ELEMENT_CODE(column->items, column->size)) {
        FOR_EACH_ELEMENT(LOAD)
    default:
        Py_UNREACHABLE(); /* read_column has checked it */
    }
}

/* Write results: their low bytes, of truth values 0 or 1. [no gil] */
static void
store(const Column *column, const NpValue *value, Py_ssize_t start,
      Py_ssize_t count, NpWord *words)
{
    char *to = column->data + start * column->stride;

    for (Py_ssize_t at = 0; at < count; at++) {
        if (value->kind == NP_BOOL) {
            words[at].u = (uint8_t)words[at].u != 0;
        }
        memcpy(to + at * column->stride, &words[at], column->size);
    }
}

/* What a slice needs. Parameters are numbered in each class as trampolines
 * number them. */
typedef struct {
    const NpPlan *plan;
    void *target;
    const NpUses *uses; /* of the generation that *target* lies in */
    const char *told; /* the error of the last call, as the plugin tells it */
    Column columns[NP_MAX_PARAMETERS];
    Column out; /* data is NULL when there are no results */
    NpWord blocks[NP_MAX_PARAMETERS][NP_BLOCK];
    NpWord results[NP_BLOCK];
} Slice;

/* Ask the plugin for the error of the last call; errno stays. [no gil] */
static bool
has_failed(Slice *slice)
{
    int number = errno;

    slice->told = slice->uses->take_error();
    errno = number;
    return slice->told != NULL;
}

/* Do *count* elements from *start* on, up to one of whose error the plugin
 * tells. [no gil] */
static void
run_slice(Slice *slice, Py_ssize_t start, Py_ssize_t count)
{
    const NpPlan *plan = slice->plan;
    const NpWord *integers[NP_MAX_INTEGERS], *floats[NP_MAX_FLOATS];
    const bool is_asked = slice->uses->take_error != NULL; /* after each */
    const Py_ssize_t most = is_asked ? 1 : NP_BLOCK;

    for (Py_ssize_t stop = start + count; start < stop; start += most) {
        Py_ssize_t some = stop - start < most ? stop - start : most;
        const NpWord **integer = integers, **floating = floats;
        NpWord *results = slice->results;

        for (Py_ssize_t at = 0; at < Py_SIZE(plan); at++) {
            const NpValue *value = &plan->parameters[at];
            const Column *column = &slice->columns[at];
            const NpWord *words = slice->blocks[at];

            if (column->is_direct) {
                words = (const NpWord *)(column->data) + start;
            }
            else if (column->data != NULL) {
                load(column, value, start, some, slice->blocks[at]);
            }
            *(value->kind == NP_FLOAT ? floating++ : integer++) = words;
        }
        if (slice->out.is_direct) {
            results = (NpWord *)(slice->out.data) + start;
        }
        plan->loop(slice->target, some, integers, floats, results);
        if (is_asked && has_failed(slice)) {
            return;
        }
        if (slice->out.data != NULL && !slice->out.is_direct) {
            store(&slice->out, &plan->result, start, some, results);
        }
    }
}

/* Describe a buffer of *code*, its elements' NpItems, as a column of which the
 * elements from *start* on are needed, *count* of them. */
static int
read_column(const Py_buffer *view, int code, const NpValue *value,
            Py_ssize_t start, Py_ssize_t count, Column *column)
{
    Py_ssize_t items = view->itemsize > 0 ? view->len / view->itemsize : 0;
    bool is_known = false;

#define KNOWN(items, type, read)                      \
    is_known |= ELEMENT_CODE(code, view->itemsize) == \
                ELEMENT_CODE(items, sizeof(type));
    FOR_EACH_ELEMENT(KNOWN)
    if (!is_known || view->ndim != 1) {
        PyErr_SetString(PyExc_TypeError, "not the elements of a column");
        return -1;
    }
    if (start < 0 || count < 0 || (items != 1 && items - start < count)) {
        PyErr_SetString(PyExc_ValueError, "a column is too short");
        return -1;
    }
    if (value->kind == NP_CHAR) {
        /* with its sign, where it has one */
        code = CHAR_MIN < 0 ? NP_SIGNED_ITEMS : NP_UNSIGNED_ITEMS;
    }
    column->data = view->buf;
    column->items = (char)code;
    column->size = (uint8_t)view->itemsize;
    column->stride = items == 1 ? 0 : view->strides[0];
    column->is_direct =
        column->size == sizeof(NpWord) && value->size == sizeof(NpWord) &&
        (value->kind == NP_FLOAT) == (code == NP_FLOAT_ITEMS) &&
        column->stride == sizeof(NpWord) &&
        (uintptr_t)view->buf % _Alignof(NpWord) == 0;
    return 0;
}

/* Hold the buffer of a parameter: *said* is a tuple of the buffer and of what
 * its elements are. Or fill its block with a scalar: *said* is a word. Returns
 * whether *view* is held, or -1. */
static int
read_parameter(PyObject *said, Slice *slice, Py_ssize_t at, Py_ssize_t start,
               Py_ssize_t count, Py_buffer *view)
{
    const NpValue *value = &slice->plan->parameters[at];
    PyObject *buffer;
    int code;

    slice->columns[at] = (Column){.data = NULL};
    if (PyLong_Check(said)) {
        NpWord word = {.u = PyLong_AsUnsignedLongLong(said)};

        if (word.u == (uint64_t)-1 && PyErr_Occurred()) {
            return -1;
        }
        for (int index = 0; index < NP_BLOCK; index++) {
            slice->blocks[at][index] = word;
        }
        return 0;
    }
    if (!PyArg_ParseTuple(said, "OC", &buffer, &code) ||
        PyObject_GetBuffer(buffer, view, PyBUF_STRIDED_RO) < 0) {
        return -1;
    }
    if (read_column(view, code, value, start, count, &slice->columns[at]) <
        0) {
        PyBuffer_Release(view);
        return -1;
    }
    return 1;
}

/* Hold the buffer of the results likewise; None drops them. */
static int
read_output(PyObject *said, Slice *slice, Py_ssize_t start, Py_ssize_t count,
            Py_buffer *view)
{
    const NpValue *value = &slice->plan->result;
    int code = value->kind == NP_FLOAT ? NP_FLOAT_ITEMS : NP_UNSIGNED_ITEMS;

    slice->out = (Column){.data = NULL};
    if (said == Py_None) {
        return 0;
    }
    if (PyObject_GetBuffer(said, view, PyBUF_STRIDED) < 0) {
        return -1;
    }
    if (read_column(view, code, value, start, count, &slice->out) < 0) {
        PyBuffer_Release(view);
        return -1;
    }
    return 1;
}

/* Make the calls, and keep errno if that is asked for. */
static void
run_released(NpFunction *function, Slice *slice, Py_ssize_t start,
             Py_ssize_t count)
{
    PyThreadState *thread = np_release_gil(function);

    errno = 0;
    run_slice(slice, start, count);
    if (function->save_errno) {
        np_set_errno(errno);
    }
    np_regain_gil(thread);
}

PyObject *
np_function_run(PyObject *self, PyObject *args)
{
    NpFunction *function = (NpFunction *)self;
    PyObject *uses_owner, *columns, *out;
    Py_buffer views[NP_MAX_PARAMETERS + 1];
    Py_ssize_t start, count;
    unsigned long long target;
    int held = 0, holds = 0;
    Slice slice;

    if (!PyArg_ParseTuple(args, "KOO!Onn:_run", &target, &uses_owner,
                          &PyTuple_Type, &columns, &out, &start, &count)) {
        return NULL;
    }
    slice.uses = np_uses_of(function->state, uses_owner);
    if (slice.uses == NULL) {
        return NULL;
    }
    slice.told = NULL;
    if (NP_ACQUIRE(function->error) != NULL) {
        return np_raise_closed(function);
    }
    slice.plan = function->plan;
    if (slice.plan == NULL ||
        PyTuple_GET_SIZE(columns) != Py_SIZE(slice.plan)) {
        PyErr_SetString(PyExc_TypeError, "not the columns of the plan");
        return NULL;
    }
    for (Py_ssize_t at = 0; holds >= 0 && at < Py_SIZE(slice.plan); at++) {
        holds = read_parameter(PyTuple_GET_ITEM(columns, at), &slice, at,
                               start, count, &views[held]);
        held += holds > 0;
    }
    if (holds >= 0) {
        holds = read_output(out, &slice, start, count, &views[held]);
        held += holds > 0;
    }
    if (holds >= 0) {
        slice.target = (void *)(uintptr_t)target;
        run_released(function, &slice, start, count);
        if (slice.told != NULL) {
            holds = np_raise_told(function, slice.uses, slice.told);
        }
    }
    while (held > 0) {
        PyBuffer_Release(&views[--held]);
    }
    return holds < 0 ? NULL : Py_NewRef(Py_None);
}

/* The first and the last byte of a buffer of one dimension. */
static void
extent(const Py_buffer *view, uintptr_t *first, uintptr_t *last)
{
    Py_ssize_t items = view->len / view->itemsize;
    Py_ssize_t span = (items - 1) * view->strides[0];

    *first = (uintptr_t)view->buf + (uintptr_t)(span < 0 ? span : 0);
    *last = (uintptr_t)view->buf + (uintptr_t)(span < 0 ? 0 : span) +
            (uintptr_t)view->itemsize - 1;
}

PyObject *
np_overlap(PyObject *module, PyObject *args)
{
    PyObject *column, *out, *result = NULL;
    Py_buffer one, other;
    uintptr_t first[2], last[2];
    bool apart, same;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO:overlap", &column, &out) ||
        PyObject_GetBuffer(column, &one, PyBUF_STRIDED_RO) < 0) {
        return NULL;
    }
    if (PyObject_GetBuffer(out, &other, PyBUF_STRIDED_RO) < 0) {
        PyBuffer_Release(&one);
        return NULL;
    }
    if (one.ndim != 1 || other.ndim != 1 || one.itemsize == 0 ||
        other.itemsize == 0) {
        PyErr_SetString(PyExc_TypeError, "not buffers of one dimension");
        goto done;
    }
    extent(&one, &first[0], &last[0]);
    extent(&other, &first[1], &last[1]);
    apart = one.len == 0 || other.len == 0 || last[0] < first[1] ||
            last[1] < first[0];
    same = one.buf == other.buf && one.len == other.len &&
           one.itemsize == other.itemsize &&
           one.strides[0] == other.strides[0];
    result = PyBool_FromLong(!apart && !same);
done:
    PyBuffer_Release(&one);
    PyBuffer_Release(&other);
    return result;
}
