/* switch.c: from one generation to the next.
 *
 * Each generation has a Uses: how many calls are inside it, and whether Python
 * was given an address of it. Functions count their calls there, so that a
 * generation that serves no more can be unloaded once nobody needs it.
 *
 * np_switch moves functions and variables to another generation. It runs no
 * Python code between the first and the last of them and keeps the GIL, and
 * calls read all that belongs to a generation in the same way: none sees some
 * of one and some of the other, and no thread sees first the new and then the
 * old.
 *
 * A Uses owns its counters; a function owns its Uses; a call that is under way
 * owns neither, hence the counters outlive them when there is one. Everything
 * here needs the GIL.
 */
#include <stddef.h>

#include "core.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD NpUses *uses;
} UsesObject;

NpUses *
np_uses_of(NpState *state, PyObject *object)
{
    if (!Py_IS_TYPE(object, state->uses_type)) {
        PyErr_SetString(PyExc_TypeError, "uses must be a Uses");
        return NULL;
    }
    return ((UsesObject *)object)->uses;
}

static PyObject *
uses_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    unsigned long long start, end, take_error = 0;
    UsesObject *self;

    (void)kwargs;
    if (!PyArg_ParseTuple(args, "KK|K:Uses", &start, &end, &take_error)) {
        return NULL;
    }
    self = (UsesObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->uses = PyMem_RawCalloc(1, sizeof(NpUses));
    if (self->uses == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->uses->start = (uintptr_t)start;
    self->uses->end = (uintptr_t)end;
    self->uses->take_error = (const char *(*)(void))(uintptr_t)take_error;
    return (PyObject *)self;
}

static void
uses_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    NpUses *uses = ((UsesObject *)self)->uses;

    if (uses != NULL && NP_ACQUIRE(uses->calls) == 0) {
        PyMem_RawFree(uses);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
uses_enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    NP_ADD(((UsesObject *)self)->uses->calls, 1);
    Py_RETURN_NONE;
}

static PyObject *
uses_end(PyObject *self, PyObject *unused)
{
    (void)unused;
    NP_ADD(((UsesObject *)self)->uses->calls, -1);
    Py_RETURN_NONE;
}

static PyObject *
uses_exit(PyObject *self, PyObject *unused)
{
    return uses_end(self, unused);
}

static PyObject *
uses_export(PyObject *self, PyObject *given)
{
    NpUses *uses = ((UsesObject *)self)->uses;
    void *address = PyLong_AsVoidPtr(given);

    if (address == NULL && PyErr_Occurred()) {
        return NULL;
    }
    np_note_export(uses, address);
    Py_RETURN_NONE;
}

/* Call what cffi has made of a function. Nothing of Python's comes between the
 * call and the question, such as a signal handler whose own call would be
 * answered in place of this one. */
static PyObject *
uses_call(PyObject *self, PyObject *args)
{
    const NpUses *uses = ((UsesObject *)self)->uses;
    PyObject *target, *given, *result, *told;
    const char *text;

    if (!PyArg_ParseTuple(args, "OO!:call", &target, &PyTuple_Type, &given)) {
        return NULL;
    }
    result = PyObject_CallObject(target, given);
    text = uses->take_error != NULL ? uses->take_error() : NULL;
    if (result == NULL) {
        return NULL;
    }
    told = text == NULL ? Py_NewRef(Py_None) : np_error_text(uses, text);
    if (told == NULL) {
        Py_DECREF(result);
        return NULL;
    }
    return Py_BuildValue("NN", result, told);
}

static PyObject *
uses_calls(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(NP_ACQUIRE(((UsesObject *)self)->uses->calls));
}

static PyObject *
uses_is_exported(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(
        NP_ACQUIRE(((UsesObject *)self)->uses->is_exported));
}

static PyObject *
uses_tells_errors(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((UsesObject *)self)->uses->take_error != NULL);
}

static PyMethodDef uses_methods[] = {
    {"call", uses_call, METH_VARARGS, NULL},
    {"end", uses_end, METH_NOARGS, NULL},
    {"__enter__", uses_enter, METH_NOARGS, NULL},
    {"__exit__", uses_exit, METH_VARARGS, NULL},
    {"export", uses_export, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef uses_getset[] = {
    {"calls", uses_calls, NULL, NULL, NULL},
    {"is_exported", uses_is_exported, NULL, NULL, NULL},
    {"tells_errors", uses_tells_errors, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot uses_slots[] = {
    {Py_tp_doc, "Who may be inside a generation, or hold an address of it."},
    {Py_tp_new, uses_new},
    {Py_tp_dealloc, uses_dealloc},
    {Py_tp_methods, uses_methods},
    {Py_tp_getset, uses_getset},
    {0, NULL},
};

PyType_Spec np_uses_spec = {
    .name = "nativeplug._core.Uses",
    .basicsize = sizeof(UsesObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = uses_slots,
};

/* Where a function goes. */
typedef struct {
    NpFunction *function; /* borrowed */
    void *target;
    void (*release)(void *);
    PyObject *invoke;     /* owned; after the move, what was there */
    PyObject *uses_owner; /* likewise */
    NpUses *uses;
} Move;

/* Read (function, address, invoke, release, uses). */
static int
read_move(NpState *state, PyObject *said, Move *move)
{
    unsigned long long target, release;
    PyObject *function, *invoke, *uses_owner;

    if (!PyTuple_Check(said)) {
        PyErr_SetString(PyExc_TypeError, "a move must be a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(said, "O!KOKO:switch", state->function_type,
                          &function, &target, &invoke, &release,
                          &uses_owner)) {
        return -1;
    }
    move->uses = np_uses_of(state, uses_owner);
    if (move->uses == NULL) {
        return -1;
    }
    move->function = (NpFunction *)function;
    move->target = (void *)(uintptr_t)target;
    move->release = (void (*)(void *))(uintptr_t)release;
    move->invoke = Py_NewRef(invoke);
    move->uses_owner = Py_NewRef(uses_owner);
    return 0;
}

static void
make_move(Move *move)
{
    NpFunction *function = move->function;
    PyObject *invoke = function->invoke, *uses_owner = function->uses_owner;

    NP_STORE(function->target, move->target);
    NP_STORE(function->uses, move->uses);
    NP_STORE(function->release, move->release);
    NP_STORE(function->invoke, move->invoke);
    NP_STORE(function->uses_owner, move->uses_owner);
    np_set_guard(function);
    move->invoke = invoke;
    move->uses_owner = uses_owner;
}

/* Read (cell, contents) of a variable; both are borrowed. */
static int
check_cell(PyObject *said)
{
    if (!PyTuple_Check(said) || PyTuple_GET_SIZE(said) != 2 ||
        !PyCell_Check(PyTuple_GET_ITEM(said, 0))) {
        PyErr_SetString(PyExc_TypeError, "a cell's move must be a pair");
        return -1;
    }
    return 0;
}

PyObject *
np_switch(PyObject *module, PyObject *args)
{
    NpState *state = np_state_of_module(module);
    PyObject *functions, *cells, **old = NULL, *result = NULL;
    Py_ssize_t read = 0, count, cells_count;
    Move *moves = NULL;

    if (!PyArg_ParseTuple(args, "O!O!:switch", &PyTuple_Type, &functions,
                          &PyTuple_Type, &cells)) {
        return NULL;
    }
    count = PyTuple_GET_SIZE(functions);
    cells_count = PyTuple_GET_SIZE(cells);
    moves = PyMem_New(Move, (size_t)count);
    old = PyMem_New(PyObject *, (size_t)cells_count);
    if (moves == NULL || old == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t at = 0; at < cells_count; at++) {
        if (check_cell(PyTuple_GET_ITEM(cells, at)) < 0) {
            goto done;
        }
    }
    for (; read < count; read++) {
        if (read_move(state, PyTuple_GET_ITEM(functions, read), &moves[read]) <
            0) {
            goto done;
        }
    }
    /* Nothing can fail from here on, and nothing runs Python code. */
    for (Py_ssize_t at = 0; at < count; at++) {
        make_move(&moves[at]);
    }
    for (Py_ssize_t at = 0; at < cells_count; at++) {
        PyObject *said = PyTuple_GET_ITEM(cells, at);
        PyObject *cell = PyTuple_GET_ITEM(said, 0);

        old[at] = PyCell_Get(cell); /* lives on, so that none ends here */
        (void)PyCell_Set(cell, PyTuple_GET_ITEM(said, 1));
    }
    result = Py_NewRef(Py_None);
    for (Py_ssize_t at = 0; at < cells_count; at++) {
        Py_XDECREF(old[at]);
    }
done:
    while (read > 0) {
        read--;
        Py_DECREF(moves[read].invoke);
        Py_DECREF(moves[read].uses_owner);
    }
    PyMem_Free(moves);
    PyMem_Free(old);
    return result;
}
