/* plugin.c: what Plugin derives from: attributes by one dictionary read.
 *
 * CPython specialises attribute reads neither of classes with __getattr__ nor
 * of callables in an instance's dictionary (before 3.12), so the generic way
 * is made as short as it can be: the instance's dictionary first, which holds
 * nothing that the class has a name for, then the class, then _missing.
 * `lookup` is such an entry of the dictionary too, so that a known name takes
 * two dictionary reads and no Python code.
 *
 * In front of the dictionary stand the last attributes that were read, by the
 * identity of their names, which are interned where a program spells them.
 * That saves half of the time. For that nobody else may change the dictionary:
 * `plg.__dict__` is a new one each time, which _contents makes. It has to be a
 * real dict, for inspect.getattr_static and all that builds on it.
 *
 * A plugin owns all that it points to. Everything here needs the GIL.
 */
#include <stddef.h>

#include "core.h"

#include <structmember.h>

enum { NP_RECENT = 16 };

typedef struct {
    PyObject_HEAD PyObject
        *attributes;    /* dict: name -> what the attribute is */
    PyObject *symbols;  /* whose method `lookup` resolves symbols */
    PyObject *resolved; /* dict: name -> Function or Variable, of symbols */
    PyObject *weakrefs;
    struct {
        PyObject *name, *value; /* both NULL, or both owned */
    } recent[NP_RECENT];
} NpPlugin;

static size_t
recent_index(PyObject *name)
{
    return ((uintptr_t)name / sizeof(PyObject)) % NP_RECENT;
}

/* Read the dictionary, and put what is found into the place that *name* has
 * among the recent ones. */
static int
read_attribute(NpPlugin *plugin, PyObject *name, PyObject **value)
{
    int status = np_dict_get(plugin->attributes, name, value);

    if (NP_HAS_GIL && status == 1 && PyUnicode_CheckExact(name) &&
        PyUnicode_CHECK_INTERNED(name)) {
        size_t at = recent_index(name);
        PyObject *old_name = plugin->recent[at].name;
        PyObject *old_value = plugin->recent[at].value;

        plugin->recent[at].name = Py_NewRef(name);
        plugin->recent[at].value = Py_NewRef(*value);
        Py_XDECREF(old_name);
        Py_XDECREF(old_value); /* last: it may run anybody's code */
    }
    return status;
}

/* The method of the class that derives from this one, which *self* is passed
 * to: asking *self* for it would come back here. */
static PyObject *
class_method(PyObject *self, PyObject *name)
{
    return PyObject_GetAttr((PyObject *)Py_TYPE(self), name);
}

/* Apart from plugin_getattr, which thereby needs no stack frame. */
static NP_NO_INLINE PyObject *
find_attribute(PyObject *self, PyObject *name)
{
    NpState *state;
    PyObject *value, *missing;

    if (read_attribute((NpPlugin *)self, name, &value) != 0) {
        return value;
    }
    value = PyObject_GenericGetAttr(self, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    state = np_state_of(Py_TYPE(self));
    missing = state == NULL ? NULL : class_method(self, state->names._missing);
    if (missing == NULL) {
        return NULL;
    }
    value = PyObject_CallFunctionObjArgs(missing, self, name, NULL);
    Py_DECREF(missing);
    return value;
}

static PyObject *
plugin_getattr(PyObject *self, PyObject *name)
{
    NpPlugin *plugin = (NpPlugin *)self;
    size_t at = recent_index(name);

    if (plugin->recent[at].name == name) {
        return Py_NewRef(plugin->recent[at].value);
    }
    return find_attribute(self, name);
}

/* `plg.lookup(name)`, where *self* is the plugin. */
static PyObject *
plugin_lookup(PyObject *self, PyObject *name)
{
    NpPlugin *plugin = (NpPlugin *)self;
    bool is_name = PyUnicode_CheckExact(name);
    NpState *state;
    PyObject *value;

    if (is_name && np_dict_get(plugin->resolved, name, &value) != 0) {
        return value;
    }
    state = np_state_of(Py_TYPE(self));
    return state == NULL
               ? NULL
               : PyObject_CallMethodOneArg(plugin->symbols,
                                           is_name ? state->names.resolve
                                                   : state->names.lookup,
                                           name);
}

static PyMethodDef lookup_method = {
    "lookup", plugin_lookup, METH_O,
    "lookup($self, name, /)\n--\n\n"
    "Resolve a symbol: return the Function or Variable of that name.\n\n"
    "The same object for the same name; see Plugin.lookup for the errors."};

static PyObject *
plugin_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *symbols, *resolved, *lookup = NULL;
    NpPlugin *plugin;

    (void)kwargs;
    if (!PyArg_ParseTuple(args, "OO!:PluginBase", &symbols, &PyDict_Type,
                          &resolved)) {
        return NULL;
    }
    plugin = (NpPlugin *)type->tp_alloc(type, 0);
    if (plugin == NULL) {
        return NULL;
    }
    plugin->symbols = Py_NewRef(symbols);
    plugin->resolved = Py_NewRef(resolved);
    plugin->attributes = PyDict_New();
    if (plugin->attributes != NULL) {
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
    Py_VISIT(plugin->symbols);
    Py_VISIT(plugin->resolved);
    for (size_t at = 0; at < NP_RECENT; at++) {
        Py_VISIT(plugin->recent[at].value);
    }
    return 0;
}

static void
clear_recent(NpPlugin *plugin)
{
    for (size_t at = 0; at < NP_RECENT; at++) {
        Py_CLEAR(plugin->recent[at].name);
        Py_CLEAR(plugin->recent[at].value);
    }
}

/* The dictionary stays, empty: whoever still holds the plugin may use it. What
 * was resolved is its symbols' own, which may outlive it. */
static int
plugin_clear(PyObject *self)
{
    NpPlugin *plugin = (NpPlugin *)self;

    clear_recent(plugin);
    if (plugin->attributes != NULL) {
        PyDict_Clear(plugin->attributes);
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
    (void)plugin_clear(self);
    Py_XDECREF(plugin->attributes);
    Py_XDECREF(plugin->symbols);
    Py_XDECREF(plugin->resolved);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
plugin_remember(PyObject *self, PyObject *args)
{
    PyObject *name, *value;

    if (!PyArg_ParseTuple(args, "UO:_remember", &name, &value)) {
        return NULL;
    }
    return np_dict_set_default(((NpPlugin *)self)->attributes, name, value);
}

static PyObject *
plugin_replace(PyObject *self, PyObject *args)
{
    NpPlugin *plugin = (NpPlugin *)self;
    PyObject *name, *value;

    if (!PyArg_ParseTuple(args, "UO:_replace", &name, &value) ||
        PyDict_SetItem(plugin->attributes, name, value) < 0) {
        return NULL;
    }
    clear_recent(plugin);
    Py_RETURN_NONE;
}

static PyObject *
plugin_forget(PyObject *self, PyObject *unused)
{
    (void)unused;
    (void)plugin_clear(self);
    PyDict_Clear(((NpPlugin *)self)->resolved);
    Py_RETURN_NONE;
}

static PyObject *
plugin_forget_one(PyObject *self, PyObject *name)
{
    NpPlugin *plugin = (NpPlugin *)self;

    if (PyDict_DelItem(plugin->attributes, name) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
            return NULL;
        }
        PyErr_Clear();
    }
    clear_recent(plugin);
    Py_RETURN_NONE;
}

static PyObject *
plugin_dict(PyObject *self, void *unused)
{
    NpState *state = np_state_of(Py_TYPE(self));
    PyObject *method, *contents;

    (void)unused;
    method = state == NULL ? NULL : class_method(self, state->names._contents);
    if (method == NULL) {
        return NULL;
    }
    contents = PyObject_CallOneArg(method, self);
    Py_DECREF(method);
    return contents;
}

static PyMethodDef plugin_methods[] = {
    {"_remember", plugin_remember, METH_VARARGS, NULL},
    {"_replace", plugin_replace, METH_VARARGS, NULL},
    {"_forget", plugin_forget, METH_NOARGS, NULL},
    {"_forget_one", plugin_forget_one, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef plugin_members[] = {
    {"_symbols", T_OBJECT, offsetof(NpPlugin, symbols), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(NpPlugin, weakrefs), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef plugin_getset[] = {
    {"__dict__", plugin_dict, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot plugin_slots[] = {
    {Py_tp_doc, "What every Plugin has that reading attributes needs."},
    {Py_tp_new, plugin_new},
    {Py_tp_getattro, plugin_getattr},
    {Py_tp_traverse, plugin_traverse},
    {Py_tp_clear, plugin_clear},
    {Py_tp_dealloc, plugin_dealloc},
    {Py_tp_methods, plugin_methods},
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
