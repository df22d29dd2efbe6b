/*
 * The extension module that a careful expert would write for native.h.
 *
 * Compiled twice: as it is, the GIL is held in the calls; with RELEASE_GIL it
 * is released. Arguments are checked as Argument Clinic's code checks them.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "native.h"

#ifdef RELEASE_GIL
#define NATIVE(call)             \
    Py_BEGIN_ALLOW_THREADS call; \
    Py_END_ALLOW_THREADS
#else
#define NATIVE(call) call
#endif

static int
check_count(const char *name, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError,
                 "%s() takes exactly %zd arguments (%zd given)", name, wanted,
                 given);
    return -1;
}

static inline int
to_int64(PyObject *object, int64_t *value)
{
    *value = PyLong_AsLongLong(object);
    return *value == -1 && PyErr_Occurred() ? -1 : 0;
}

static inline int
to_ranged(PyObject *object, long low, long high, long *value)
{
    *value = PyLong_AsLong(object);
    if (*value == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (*value < low || *value > high) {
        PyErr_SetString(PyExc_OverflowError, "integer out of range");
        return -1;
    }
    return 0;
}

static inline int
to_int32(PyObject *object, int32_t *value)
{
    long wide;
    if (to_ranged(object, INT32_MIN, INT32_MAX, &wide) < 0) {
        return -1;
    }
    *value = (int32_t)wide;
    return 0;
}

static inline int
to_uint8(PyObject *object, uint8_t *value)
{
    long wide;
    if (to_ranged(object, 0, UINT8_MAX, &wide) < 0) {
        return -1;
    }
    *value = (uint8_t)wide;
    return 0;
}

static inline int
to_double(PyObject *object, double *value)
{
    if (PyFloat_CheckExact(object)) {
        *value = PyFloat_AS_DOUBLE(object);
        return 0;
    }
    *value = PyFloat_AsDouble(object);
    return *value == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static inline int
to_bool(PyObject *object, bool *value)
{
    if (!PyBool_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a bool is required");
        return -1;
    }
    *value = object == Py_True;
    return 0;
}

static inline const char *
to_text(PyObject *object)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text != NULL && strlen(text) != (size_t)size) {
        PyErr_SetString(PyExc_ValueError, "embedded null character");
        return NULL;
    }
    return text;
}

static PyObject *
py_nop(PyObject *module, PyObject *unused)
{
    NATIVE(nop());
    Py_RETURN_NONE;
}

static PyObject *
py_add(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    int64_t a, b, result;
    if (check_count("add", count, 2) < 0 || to_int64(args[0], &a) < 0 ||
        to_int64(args[1], &b) < 0) {
        return NULL;
    }
    NATIVE(result = add(a, b));
    return PyLong_FromLongLong(result);
}

static PyObject *
py_half(PyObject *module, PyObject *object)
{
    double x, result;
    if (to_double(object, &x) < 0) {
        return NULL;
    }
    NATIVE(result = half(x));
    return PyFloat_FromDouble(result);
}

static PyObject *
py_fma3(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    double x, y, z, result;
    if (check_count("fma3", count, 3) < 0 || to_double(args[0], &x) < 0 ||
        to_double(args[1], &y) < 0 || to_double(args[2], &z) < 0) {
        return NULL;
    }
    NATIVE(result = fma3(x, y, z));
    return PyFloat_FromDouble(result);
}

static PyObject *
py_mixed(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    int32_t a, b, c;
    double x, y, z, result;
    if (check_count("mixed", count, 6) < 0 || to_int32(args[0], &a) < 0 ||
        to_double(args[1], &x) < 0 || to_int32(args[2], &b) < 0 ||
        to_double(args[3], &y) < 0 || to_int32(args[4], &c) < 0 ||
        to_double(args[5], &z) < 0) {
        return NULL;
    }
    NATIVE(result = mixed(a, x, b, y, c, z));
    return PyFloat_FromDouble(result);
}

static PyObject *
py_label(PyObject *module, PyObject *unused)
{
    const char *result;
    NATIVE(result = label());
    if (result == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(result);
}

static PyObject *
py_length(PyObject *module, PyObject *object)
{
    const char *text = to_text(object);
    if (text == NULL) {
        return NULL;
    }
    int64_t result;
    NATIVE(result = length(text));
    return PyLong_FromLongLong(result);
}

static PyObject *
py_flip(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    uint8_t bits, result;
    bool all;
    if (check_count("flip", count, 2) < 0 || to_uint8(args[0], &bits) < 0 ||
        to_bool(args[1], &all) < 0) {
        return NULL;
    }
    NATIVE(result = flip(bits, all));
    return PyLong_FromLong(result);
}

/* An export of Go, which has no address before its plugin is open. */
static int64_t (*go_add)(int64_t, int64_t);

static PyObject *
py_bind_go_add(PyObject *module, PyObject *address)
{
    go_add = (int64_t (*)(int64_t, int64_t))PyLong_AsVoidPtr(address);
    if (go_add == NULL) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
py_go_add(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    int64_t a, b, result;
    if (check_count("go_add", count, 2) < 0 || to_int64(args[0], &a) < 0 ||
        to_int64(args[1], &b) < 0) {
        return NULL;
    }
    NATIVE(result = go_add(a, b));
    return PyLong_FromLongLong(result);
}

/* map_double(address, xs, out): call a double (double) for each element. */
static PyObject *
py_map_double(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer xs, out;
    if (check_count("map_double", count, 3) < 0) {
        return NULL;
    }
    double (*function)(double) = (double (*)(double))PyLong_AsVoidPtr(args[0]);
    if (function == NULL ||
        PyObject_GetBuffer(args[1], &xs, PyBUF_CONTIG_RO) < 0) {
        return NULL;
    }
    if (PyObject_GetBuffer(args[2], &out, PyBUF_CONTIG) < 0) {
        PyBuffer_Release(&xs);
        return NULL;
    }
    Py_ssize_t size = Py_MIN(xs.len, out.len) / (Py_ssize_t)sizeof(double);
    Py_BEGIN_ALLOW_THREADS const double *from = xs.buf;
    double *to = out.buf;
    for (Py_ssize_t i = 0; i < size; i++) {
        to[i] = function(from[i]);
    }
    Py_END_ALLOW_THREADS PyBuffer_Release(&out);
    PyBuffer_Release(&xs);
    Py_RETURN_NONE;
}

#define FAST(name) \
    {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL}
static PyMethodDef methods[] = {
    {"nop", py_nop, METH_NOARGS, NULL},
    FAST(add),
    {"half", py_half, METH_O, NULL},
    FAST(fma3),
    FAST(mixed),
    {"label", py_label, METH_NOARGS, NULL},
    {"length", py_length, METH_O, NULL},
    FAST(flip),
    {"bind_go_add", py_bind_go_add, METH_O, NULL},
    FAST(go_add),
    FAST(map_double),
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "handwritten", .m_methods = methods};

PyMODINIT_FUNC
PyInit_handwritten(void)
{
    return PyModuleDef_Init(&definition);
}
