/* module.c: nativeplug._core as Python sees it: its types, functions and
 * table of C types. Multi-phase initialisation (PEP 489), all state in the
 * module (PEP 573). The contract is _core.pyi. Everything here needs the GIL.
 */
#include "core.h"

#include <stdint.h>
#include <sys/types.h>
#include <uchar.h>
#include <wchar.h>

static struct PyModuleDef core_module;

/* A Python subclass has no module of its own, but its base has. */
NpState *
np_state_of(PyTypeObject *type)
{
    for (; type != NULL; type = type->tp_base) {
        if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
            PyObject *module = ((PyHeapTypeObject *)type)->ht_module;

            if (module != NULL && PyModule_GetDef(module) == &core_module) {
                return PyModule_GetState(module);
            }
        }
    }
    PyErr_SetString(PyExc_TypeError, "not a type of nativeplug._core");
    return NULL;
}

NpState *
np_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

int
np_state_load_cffi(NpState *state)
{
    /* Of what cffi offers to modules that it compiles (_cffi_include.h):
     * from a pointer to cdata, and back. */
    enum { FROM_POINTER = 10, TO_POINTER = 11 };
    PyObject *backend, *capsule = NULL, *type = NULL;
    void **offered = NULL;

    if (NP_ACQUIRE(state->cdata_type) != NULL) {
        return 0;
    }
    backend = PyImport_ImportModule("_cffi_backend");
    if (backend == NULL) {
        return -1;
    }
    capsule = PyObject_GetAttrString(backend, "_C_API");
    type = PyObject_GetAttrString(backend, "_CDataBase");
    if (capsule != NULL && type != NULL) {
        offered = PyCapsule_GetPointer(capsule, "cffi");
    }
    if (offered != NULL) {
        state->from_pointer =
            (PyObject * (*)(char *, PyObject *)) offered[FROM_POINTER];
        state->to_pointer =
            (char *(*)(PyObject *, PyObject *))offered[TO_POINTER];
        if (!NP_SET_ONCE(state->cdata_type, Py_NewRef(type))) {
            Py_DECREF(type);
        }
    }
    Py_DECREF(backend);
    Py_XDECREF(capsule);
    Py_XDECREF(type);
    return offered == NULL ? -1 : 0;
}

static PyObject *
core_watch(PyObject *module, PyObject *watcher)
{
    NpState *state = np_state_of_module(module);

    if (!NP_SET_ONCE(state->watcher, Py_NewRef(watcher))) {
        Py_DECREF(watcher);
    }
    Py_RETURN_NONE;
}

static PyObject *
core_get_errno(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLong(np_get_errno());
}

static PyObject *
core_set_errno(PyObject *module, PyObject *given)
{
    long number = PyLong_AsLong(given);

    (void)module;
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    np_set_errno((int)number);
    Py_RETURN_NONE;
}

static PyMethodDef core_methods[] = {
    {"overlap", np_overlap, METH_VARARGS, NULL},
    {"switch", np_switch, METH_VARARGS, NULL},
    {"watch", core_watch, METH_O, NULL},
    {"get_errno", core_get_errno, METH_NOARGS, NULL},
    {"set_errno", core_set_errno, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* Add TYPES: spelling -> (kind, size, is signed, format). */
static int
add_types(PyObject *module)
{
    static const struct {
        const char *spelling, *kind;
        int size, is_signed;
        const char *format;
    } rows[] = {
#define NP_INTEGER(type, format) \
    {#type, "INTEGER", sizeof(type), (type) - 1 < (type)1, format},
#define NP_TYPE(type, KIND, format) {#type, #KIND, sizeof(type), 0, format},
#include "types.def"
#undef NP_INTEGER
#undef NP_TYPE
    };
    PyObject *types = PyDict_New();

    if (types == NULL) {
        return -1;
    }
    for (size_t at = 0; at < sizeof(rows) / sizeof(*rows); at++) {
        PyObject *row = Py_BuildValue("siOs", rows[at].kind, rows[at].size,
                                      rows[at].is_signed ? Py_True : Py_False,
                                      rows[at].format);

        if (row == NULL ||
            PyDict_SetItemString(types, rows[at].spelling, row) < 0) {
            Py_XDECREF(row);
            Py_DECREF(types);
            return -1;
        }
        Py_DECREF(row);
    }
    if (PyModule_AddObject(module, "TYPES", types) < 0) {
        Py_DECREF(types);
        return -1;
    }
    return 0;
}

static int
add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type == NULL ? -1 : PyModule_AddType(module, *type);
}

static int
core_exec(PyObject *module)
{
    NpState *state = np_state_of_module(module);

#define NP_INTERN(name)                                    \
    state->names.name = PyUnicode_InternFromString(#name); \
    if (state->names.name == NULL) {                       \
        return -1;                                         \
    }
    NP_METHODS(NP_INTERN)
    if (add_type(module, &np_plan_spec, &state->plan_type) < 0 ||
        add_type(module, &np_function_spec, &state->function_type) < 0 ||
        add_type(module, &np_plugin_spec, &state->plugin_type) < 0 ||
        add_type(module, &np_uses_spec, &state->uses_type) < 0 ||
        PyModule_AddIntConstant(module, "MAX_INTEGERS", NP_MAX_INTEGERS) < 0 ||
        PyModule_AddIntConstant(module, "MAX_FLOATS", NP_MAX_FLOATS) < 0 ||
        PyModule_AddIntConstant(module, "SERVED", NP_SERVED) < 0 ||
        PyModule_AddIntConstant(module, "HOLD_GIL", NP_HOLD_GIL) < 0 ||
        PyModule_AddIntConstant(module, "SAVE_ERRNO", NP_SAVE_ERRNO) < 0 ||
        PyModule_AddIntConstant(module, "COUNT_HELD", NP_COUNT_HELD) < 0 ||
        add_types(module) < 0) {
        return -1;
    }
    return 0;
}

static int
core_traverse(PyObject *module, visitproc visit, void *arg)
{
    NpState *state = np_state_of_module(module);

    Py_VISIT(state->plan_type);
    Py_VISIT(state->function_type);
    Py_VISIT(state->plugin_type);
    Py_VISIT(state->uses_type);
    Py_VISIT(state->watcher);
    Py_VISIT(state->cdata_type);
    return 0;
}

static int
core_clear(PyObject *module)
{
    NpState *state = np_state_of_module(module);

    Py_CLEAR(state->plan_type);
    Py_CLEAR(state->function_type);
    Py_CLEAR(state->plugin_type);
    Py_CLEAR(state->uses_type);
    Py_CLEAR(state->watcher);
    Py_CLEAR(state->cdata_type);
#define NP_FORGET(name) Py_CLEAR(state->names.name);
    NP_METHODS(NP_FORGET)
    return 0;
}

static void
core_free(void *module)
{
    (void)core_clear(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
    NP_SLOT_INTERPRETERS{0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nativeplug._core",
    .m_doc = "The hot path: call plans and what executes them.",
    .m_size = sizeof(NpState),
    .m_methods = core_methods,
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
