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

#if LONG_MAX == INT64_MAX /* else NP_SERVED is 0 */
#define NP_LONG PyLong_FromLong
#define NP_UNSIGNED_LONG PyLong_FromUnsignedLong
#else
#define NP_LONG PyLong_FromLongLong
#define NP_UNSIGNED_LONG PyLong_FromUnsignedLongLong
#endif

static inline PyObject *
np_finish_float(const NpValue *value, NpWord word)
{
    return PyFloat_FromDouble(
        NP_UNLIKELY(value->size == sizeof(float)) ? word.f : word.d);
}

/* Bring a result across that an integer register brings. The bits above the
 * type's own are anything. */
static inline PyObject *
np_finish_integer(NpFunction *function, NpUses *uses, const NpValue *value,
                  NpWord word)
{
    int above = 64 - 8 * value->size;
    char byte = (char)word.u;

    switch (value->kind) {
    case NP_VOID:
        Py_RETURN_NONE;
    case NP_INTEGER:
        return value->is_signed ? NP_LONG((int64_t)(word.u << above) >> above)
                                : NP_UNSIGNED_LONG(word.u << above >> above);
    case NP_TEXT:
        return np_finish_text(function, word.p);
    case NP_BOOL:
        return PyBool_FromLong((uint8_t)word.u);
    case NP_CHAR:
        return PyBytes_FromStringAndSize(&byte, 1);
    default:
        return np_finish_pointer(function, uses, word.p);
    }
}

static inline PyObject *
np_finish(NpFunction *function, NpUses *uses, NpWord word)
{
    const NpValue *value = &function->plan->result;

    return value->kind == NP_FLOAT
               ? np_finish_float(value, word)
               : np_finish_integer(function, uses, value, word);
}

#endif /* NP_CONVERT_H */
