/* convert.h: values that cross the border at once, inlined into every call.
 *
 * np_take brings an argument across if that takes neither a call of anybody's
 * code nor anything to be kept, and otherwise declines without a trace: the
 * caller then begins afresh with np_convert, which does all the rest.
 */
#ifndef NP_CONVERT_H
#define NP_CONVERT_H

#include "core.h"

/* Take an exact int that fits, True and False, and None as a null pointer. */
static inline bool
np_take_integer(const NpValue *value, PyObject *given, NpWord *word)
{
    if (NP_LIKELY(PyLong_CheckExact(given) && np_long_is_compact(given))) {
        word->i = np_long_compact_value(given);
        return (uint64_t)word->i - (uint64_t)value->low <= value->range;
    }
    switch (value->kind) {
    case NP_BOOL:
        word->u = given == Py_True;
        return PyBool_Check(given);
    case NP_TEXT:
        /* ASCII lies in a str as in C. C must not write into it. */
        if (PyUnicode_CheckExact(given) && PyUnicode_IS_COMPACT_ASCII(given) &&
            value->is_readonly && !value->is_counted) {
            word->p = PyUnicode_DATA(given);
            return memchr(word->p, 0, (size_t)PyUnicode_GET_LENGTH(given)) ==
                   NULL;
        }
        /* fall through */
    case NP_POINTER:
        word->p = NULL;
        return given == Py_None && !value->is_counted;
    default:
        return false;
    }
}

/* Take an exact float. */
static inline bool
np_take_float(const NpValue *value, PyObject *given, NpWord *word)
{
    if (NP_UNLIKELY(!PyFloat_CheckExact(given))) {
        return false;
    }
    word->d = PyFloat_AS_DOUBLE(given);
    if (NP_UNLIKELY(value->size == sizeof(float))) {
        word->f = (float)word->d;
    }
    return true;
}

static inline bool
np_take(const NpValue *value, PyObject *given, NpWord *word)
{
    return value->kind == NP_FLOAT ? np_take_float(value, given, word)
                                   : np_take_integer(value, given, word);
}

_Static_assert(sizeof(long) == sizeof(int64_t), "both ABIs are LP64");

static inline PyObject *
np_finish_float(const NpValue *value, NpWord word)
{
    return PyFloat_FromDouble(
        NP_UNLIKELY(value->size == sizeof(float)) ? word.f : word.d);
}

/* Bring the result across. The bits above the type's own are anything. */
static inline PyObject *
np_finish(NpFunction *function, NpWord word)
{
    const NpValue *value = &function->plan->result;
    int above = 64 - 8 * value->size;

    switch (value->kind) {
    case NP_VOID:
        Py_RETURN_NONE;
    case NP_INTEGER:
        if (value->is_signed) {
            return PyLong_FromLong((int64_t)(word.u << above) >> above);
        }
        return PyLong_FromUnsignedLong(word.u << above >> above);
    case NP_FLOAT:
        return np_finish_float(value, word);
    case NP_BOOL:
        return PyBool_FromLong((uint8_t)word.u);
    default:
        return np_finish_slowly(function, word);
    }
}

#endif /* NP_CONVERT_H */
