/* compat.h: what differs between versions and builds of CPython. No other file
 * asks for a version. */
#ifndef NP_COMPAT_H
#define NP_COMPAT_H

#include <Python.h>

/* An int of one digit is read where it lies: CPython's own arithmetic does the
 * same, and a call to PyLong_AsLongLong costs as much as the rest of a
 * conversion. From 3.12 on there is an unstable API for it. */
static inline int
np_long_is_compact(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Long_IsCompact((PyLongObject *)number);
#else
    return (size_t)(Py_SIZE(number) + 1) < 3; /* -1, 0 or 1 digits */
#endif
}

static inline int64_t
np_long_compact_value(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Long_CompactValue((PyLongObject *)number);
#else
    return Py_SIZE(number) * (int64_t)((PyLongObject *)number)->ob_digit[0];
#endif
}

/* What the compiler is to lay out in a straight line. */
#define NP_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define NP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define NP_NO_INLINE __attribute__((noinline))

/* Whether at most one thread at a time runs Python in this interpreter. */
#ifdef Py_GIL_DISABLED
#define NP_HAS_GIL 0
#else
#define NP_HAS_GIL 1
#endif

/* Fields that one thread writes while others read them. The GIL orders them
 * where there is one; the cost of these is nil on x86-64 and AArch64. */
#define NP_LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define NP_ACQUIRE(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
/* Set a field that is NULL, once; returns whether it was NULL. */
#define NP_SET_ONCE(field, value)                                      \
    __atomic_compare_exchange_n(&(field), &(void *){NULL}, (value), 0, \
                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define NP_STORE(field, value) \
    __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)
/* Counters; the GIL orders these too. */
#if NP_HAS_GIL
#define NP_ADD(field, number) ((void)((field) += (number)))
#else
#define NP_ADD(field, number) \
    ((void)__atomic_fetch_add(&(field), (number), __ATOMIC_ACQ_REL))
#endif

/* Take the exception that is set, normalised. Returns a new reference. */
static inline PyObject *
np_take_error(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *error, *trace;

    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL) {
        PyException_SetTraceback(error, trace);
    }
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return error;
#endif
}

/* Look a key up. Returns 1 with a new reference, 0 when it is absent, and -1
 * with an exception set. */
static inline int
np_dict_get(PyObject *dict, PyObject *key, PyObject **value)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyDict_GetItemRef(dict, key, value);
#else
    *value = PyDict_GetItemWithError(dict, key);
    if (*value != NULL) {
        Py_INCREF(*value);
        return 1;
    }
    return PyErr_Occurred() ? -1 : 0;
#endif
}

/* Put *value* into a dictionary unless *key* is there. Returns a new reference
 * to what is there then. */
static inline PyObject *
np_dict_set_default(PyObject *dict, PyObject *key, PyObject *value)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *found = NULL;

    (void)PyDict_SetDefaultRef(dict, key, value, &found);
    return found;
#else
    return Py_XNewRef(PyDict_SetDefault(dict, key, value));
#endif
}

/* Let a Python subclass be called as its base is: 3.12 does it by itself. */
static inline void
np_inherit_vectorcall(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    if (PyDict_GetItemString(type->tp_dict, "__call__") == NULL) {
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    }
#else
    (void)type;
#endif
}

/* Slots of a module that knows no globals: every interpreter its own, with a
 * GIL of its own. A Python without one takes it up when it imports this: that
 * a function moves to another generation as a whole relies on it. */
#if PY_VERSION_HEX >= 0x030C0000
#define NP_SLOT_INTERPRETERS \
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#else
#define NP_SLOT_INTERPRETERS
#endif
#endif /* NP_COMPAT_H */
