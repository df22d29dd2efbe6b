/* plugin.c: what Plugin derives from: attributes by one dictionary read.
 *
 * CPython specialises attribute reads neither of classes with __getattr__ nor
 * of callables in an instance's dictionary (before 3.12), so the generic way
 * is made as short as it can be: the instance's dictionary first, which holds
 * nothing that the class has a name for, then the class, then _missing.
 * `lookup` is such an entry of the dictionary too, so that a known name takes
 * two dictionary reads and no Python code.
 */
#include <stddef.h>

#include "core.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    PyObject *attributes; /* the instance's __dict__ */
    PyObject *resolved;   /* dict: name -> Function or Variable */
    PyObject *weakrefs;
} NpPlugin;

static PyObject *
plugin_getattr(PyObject *self, PyObject *name)
{
    NpPlugin *plugin = (NpPlugin *)self;
    NpState *state;
    PyObject *value;

    if (np_dict_get(plugin->attributes, name, &value) != 0) {
        return value;
    }
    value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    state = np_state_of(Py_TYPE(self));
    return state == NULL ? NULL
                         : PyObject_CallMethodOneArg(
                               self, state->names._missing, name);
}

/* `plg.lookup(name)`, where *self* is the plugin. */
static PyObject *
plugin_lookup(PyObject *self, PyObject *name)
{
    NpState *state;
    PyObject *value, *lookup;

    if (PyUnicode_CheckExact(name) &&
        np_dict_get(((NpPlugin *)self)->resolved, name, &value) != 0) {
        return value;
    }
    state = np_state_of(Py_TYPE(self));
    if (state == NULL) {
        return NULL;
    }
    lookup = PyObject_GetAttr((PyObject *)Py_TYPE(self), state->names.lookup);
    if (lookup == NULL) {
        return NULL;
    }
    value = PyObject_CallFunctionObjArgs(lookup, self, name, NULL);
    Py_DECREF(lookup);
    return value;
}

static PyMethodDef lookup_method = {
    "lookup", plugin_lookup, METH_O,
    "lookup($self, name, /)\n--\n\n"
    "Resolve a symbol: return the Function or Variable of that name.\n\n"
    "The same object for the same name; see Plugin.lookup for the errors."};

static PyObject *
plugin_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    NpPlugin *plugin = (NpPlugin *)type->tp_alloc(type, 0);
    PyObject *lookup = NULL;

    (void)args;
    (void)kwargs;
    if (plugin == NULL) {
        return NULL;
    }
    plugin->attributes = PyDict_New();
    plugin->resolved = PyDict_New();
    if (plugin->attributes != NULL && plugin->resolved != NULL) {
        lookup = PyCFunction_NewEx(&lookup_method, (PyObject *)plugin, NULL);
    }
    if (lookup == NULL ||
        PyDict_SetItemString(plugin->attributes, "lookup", lookup) < 0) {
        Py_CLEAR(plugin);
    }
    Py_XDECREF(lookup);
    return (PyObject *)plugin;
}

static int
plugin_traverse(PyObject *self, visitproc visit, void *arg)
{
    NpPlugin *plugin = (NpPlugin *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(plugin->attributes);
    Py_VISIT(plugin->resolved);
    return 0;
}

/* The dictionaries stay, empty: whoever still holds the plugin may use it. */
static int
plugin_clear(PyObject *self)
{
    NpPlugin *plugin = (NpPlugin *)self;

    if (plugin->attributes != NULL) {
        PyDict_Clear(plugin->attributes);
    }
    if (plugin->resolved != NULL) {
        PyDict_Clear(plugin->resolved);
    }
    return 0;
}

static void
plugin_dealloc(PyObject *self)
{
    NpPlugin *plugin = (NpPlugin *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (plugin->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    Py_XDECREF(plugin->attributes);
    Py_XDECREF(plugin->resolved);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef plugin_members[] = {
    {"_resolved", T_OBJECT, offsetof(NpPlugin, resolved), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(NpPlugin, attributes), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(NpPlugin, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef plugin_getset[] = {
    {"__dict__", PyObject_GenericGetDict, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot plugin_slots[] = {
    {Py_tp_doc, "What every Plugin has that reading attributes needs."},
    {Py_tp_new, plugin_new},
    {Py_tp_getattro, plugin_getattr},
    {Py_tp_traverse, plugin_traverse},
    {Py_tp_clear, plugin_clear},
    {Py_tp_dealloc, plugin_dealloc},
    {Py_tp_members, plugin_members},
    {Py_tp_getset, plugin_getset},
    {0, NULL},
};

PyType_Spec np_plugin_spec = {
    .name = "nativeplug._core.PluginBase",
    .basicsize = sizeof(NpPlugin),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = plugin_slots,
};
