/* function.c: the Function, a symbol with a signature.
 *
 * There are two ways in. `plg.add` is a built-in function whose method table
 * is part of the Function and whose self is the Function: CPython jumps from
 * there to the plan's entry (invoke.c). Calling the Function itself goes to
 * the same entry through the vectorcall protocol, and so do calls with
 * keyword arguments of either.
 *
 * Closing moves the guard, at which every entry looks anyway; the call then
 * goes to np_function_call, which asks. What is cold (texts, introspection,
 * errors) is in the Python class that derives from this one.
 *
 * A Function owns its plan, its error and what Python keeps in it; of the
 * native function it has the address. Everything here needs the GIL.
 */
#include <stddef.h>

#include "convert.h"

#include <structmember.h>

typedef PyObject *(*Fast)(PyObject *, PyObject *const *, Py_ssize_t);

static bool
is_closed(NpFunction *function)
{
    return NP_ACQUIRE(function->error) != NULL;
}

void
np_set_guard(NpFunction *function)
{
    NpUses *uses = NP_LOAD(function->uses);

    NP_STORE(function->guard, uses->take_error != NULL
                                  ? &function->name
                                  : &function->state->watcher);
    if (is_closed(function)) { /* perhaps in this moment */
        NP_STORE(function->guard, &function->error);
    }
}

PyObject *
np_raise_closed(NpFunction *function)
{
    np_raise(PyObject_CallNoArgs(function->error));
    return NULL;
}

static PyObject *
tuple_of(PyObject *const *items, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);

    for (Py_ssize_t at = 0; tuple != NULL && at < count; at++) {
        PyTuple_SET_ITEM(tuple, at, Py_NewRef(items[at]));
    }
    return tuple;
}

/* Call with what a method of ours returned: all arguments in a tuple. Steals
 * it; NULL stands for an error. */
static PyObject *
call_with(NpFunction *function, PyObject *args)
{
    PyObject *result = NULL;

    if (args != NULL && PyTuple_Check(args)) {
        result = np_function_call(function, &PyTuple_GET_ITEM(args, 0),
                                  PyTuple_GET_SIZE(args));
    }
    else if (args != NULL) {
        PyErr_SetString(PyExc_TypeError, "arguments must be a tuple");
    }
    Py_XDECREF(args);
    return result;
}

/* Call with as many arguments as there are parameters, or raise. */
static PyObject *
call_completed(NpFunction *function, PyObject *const *args, Py_ssize_t count)
{
    PyObject *given = tuple_of(args, count), *all;

    if (given == NULL) {
        return NULL;
    }
    all = PyObject_CallMethodOneArg((PyObject *)function,
                                    function->state->names._complete, given);
    Py_DECREF(given);
    if (all != NULL && PyTuple_Check(all) &&
        PyTuple_GET_SIZE(all) != Py_SIZE(function->plan)) {
        PyErr_SetString(PyExc_TypeError, "not all arguments");
        Py_CLEAR(all);
    }
    return call_with(function, all);
}

/* Let the watcher make the call, by _invoke. */
static PyObject *
call_watched(NpFunction *function, PyObject *const *args, Py_ssize_t count)
{
    PyObject *all[NP_MAX_PARAMETERS + 1] = {(PyObject *)function};

    for (Py_ssize_t at = 0; at < count; at++) {
        all[at + 1] = args[at];
    }
    return PyObject_Vectorcall(NP_ACQUIRE(function->state->watcher), all,
                               (size_t)count + 1, NULL);
}

/* Let the Python callable make the call: the cffi invoker. */
static PyObject *
call_python(NpFunction *function, PyObject *const *args, Py_ssize_t count)
{
    NpUses *uses = NP_LOAD(function->uses);
    PyObject *invoke = Py_NewRef(NP_LOAD(function->invoke)), *result;

    NP_ADD(uses->calls, 1);
    result = PyObject_Vectorcall(invoke, args, (size_t)count, NULL);
    NP_ADD(uses->calls, -1);
    Py_DECREF(invoke);
    return result;
}

PyObject *
np_function_call(NpFunction *function, PyObject *const *args, Py_ssize_t count)
{
    if (is_closed(function)) {
        return np_raise_closed(function);
    }
    if (function->plan == NULL) {
        return call_python(function, args, count);
    }
    if (count != Py_SIZE(function->plan)) {
        return call_completed(function, args, count);
    }
    if (NP_LOAD(function->state->watcher) != NULL) {
        return call_watched(function, args, count);
    }
    return np_invoke(function, args);
}

/* Put arguments that are given by name in their places. */
static NP_NO_INLINE PyObject *
call_by_name(NpFunction *function, PyObject *const *args, Py_ssize_t count,
             PyObject *names)
{
    PyObject *by_position, *by_name, *all = NULL;

    if (is_closed(function)) {
        return np_raise_closed(function);
    }
    by_position = tuple_of(args, count);
    by_name = PyDict_New();
    for (Py_ssize_t at = 0; by_name != NULL && at < PyTuple_GET_SIZE(names);
         at++) {
        if (PyDict_SetItem(by_name, PyTuple_GET_ITEM(names, at),
                           args[count + at]) < 0) {
            Py_CLEAR(by_name);
        }
    }
    if (by_position != NULL && by_name != NULL) {
        all = PyObject_CallMethodObjArgs((PyObject *)function,
                                         function->state->names._by_position,
                                         by_position, by_name, NULL);
    }
    Py_XDECREF(by_position);
    Py_XDECREF(by_name);
    return call_with(function, all);
}

/* The ways in by the vectorcall protocol, one for each calling convention of
 * entries. CPython's own would refuse keywords. */
#define DEFINE_VECTORCALL(name, right_count, call)                           \
    static inline PyObject *name##_in(PyObject *self, PyObject *const *args, \
                                      size_t nargsf, PyObject *names)        \
    {                                                                        \
        NpFunction *function = (NpFunction *)self;                           \
        PyCFunction entry = function->method.ml_meth;                        \
        Py_ssize_t count = PyVectorcall_NARGS(nargsf);                       \
                                                                             \
        if (NP_UNLIKELY(names != NULL)) {                                    \
            return call_by_name(function, args, count, names);               \
        }                                                                    \
        if (NP_UNLIKELY(!(right_count))) {                                   \
            return np_function_call(function, args, count);                  \
        }                                                                    \
        return call;                                                         \
    }                                                                        \
    static PyObject *name##_function(PyObject *self, PyObject *const *args,  \
                                     size_t nargsf, PyObject *names)         \
    {                                                                        \
        return name##_in(self, args, nargsf, names);                         \
    }                                                                        \
    static PyObject *name##_builtin(PyObject *self, PyObject *const *args,   \
                                    size_t nargsf, PyObject *names)          \
    {                                                                        \
        return name##_in(PyCFunction_GET_SELF(self), args, nargsf, names);   \
    }

DEFINE_VECTORCALL(noargs, count == 0, entry(self, NULL))
DEFINE_VECTORCALL(one, count == 1, entry(self, args[0]))
DEFINE_VECTORCALL(fast, true, ((Fast)(void (*)(void))entry)(self, args, count))

/* Choose the way in of a Function, or of its built-in function. */
static vectorcallfunc
choose_vectorcall(const NpFunction *function, bool is_builtin)
{
    switch (function->method.ml_flags) {
    case METH_NOARGS:
        return is_builtin ? noargs_builtin : noargs_function;
    case METH_O:
        return is_builtin ? one_builtin : one_function;
    default:
        return is_builtin ? fast_builtin : fast_function;
    }
}

static PyObject *
function_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *name, *plan, *invoke, *declaration, *owner, *uses_owner;
    unsigned long long address, release;
    int flags;
    NpFunction *function;
    NpState *state = np_state_of(type);
    NpUses *uses;

    (void)kwargs;
    if (state == NULL ||
        !PyArg_ParseTuple(args, "UKOOOOiKO:Function", &name, &address, &plan,
                          &invoke, &declaration, &owner, &flags, &release,
                          &uses_owner) ||
        (uses = np_uses_of(state, uses_owner)) == NULL) {
        return NULL;
    }
    if (plan != Py_None && !Py_IS_TYPE(plan, state->plan_type)) {
        PyErr_SetString(PyExc_TypeError, "plan must be a Plan or None");
        return NULL;
    }
    function = (NpFunction *)type->tp_alloc(type, 0);
    if (function == NULL) {
        return NULL;
    }
    function->state = state;
    function->target = (void *)(uintptr_t)address;
    function->uses = uses;
    function->uses_owner = Py_NewRef(uses_owner);
    function->plan = plan == Py_None ? NULL : (NpPlan *)Py_NewRef(plan);
    function->release = (void (*)(void *))(uintptr_t)release;
    function->invoke = Py_NewRef(invoke);
    function->declaration = Py_NewRef(declaration);
    function->owner = Py_NewRef(owner);
    function->hold_gil = (flags & NP_HOLD_GIL) != 0;
    function->save_errno = (flags & NP_SAVE_ERRNO) != 0;
    function->name = Py_NewRef(name);
    np_set_guard(function);
    function->method.ml_name = PyUnicode_AsUTF8(name);
    function->method.ml_meth =
        np_choose_entry(function->plan, function->hold_gil,
                        !function->save_errno && function->release == NULL &&
                            (flags & NP_COUNT_HELD) == 0,
                        &function->method.ml_flags);
    function->vectorcall = choose_vectorcall(function, false);
    if (function->method.ml_name == NULL) {
        Py_DECREF(function);
        return NULL;
    }
    return (PyObject *)function;
}

static int
function_traverse(PyObject *self, visitproc visit, void *arg)
{
    NpFunction *function = (NpFunction *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(function->plan);
    Py_VISIT(function->invoke);
    Py_VISIT(function->error);
    Py_VISIT(function->declaration);
    Py_VISIT(function->owner);
    Py_VISIT(function->uses_owner);
    return 0;
}

/* Break cycles through what a call does not read: a finalizer may still call
 * a Function that the collector has cleared. */
static int
function_clear(PyObject *self)
{
    NpFunction *function = (NpFunction *)self;

    Py_CLEAR(function->declaration);
    Py_CLEAR(function->owner);
    return 0;
}

static void
function_dealloc(PyObject *self)
{
    NpFunction *function = (NpFunction *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    if (function->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    (void)function_clear(self);
    Py_XDECREF(function->plan);
    Py_XDECREF(function->invoke);
    Py_XDECREF(function->error);
    Py_XDECREF(function->name);
    Py_XDECREF(function->doc);
    Py_XDECREF(function->uses_owner);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
function_builtin(PyObject *self, PyObject *doc)
{
    NpFunction *function = (NpFunction *)self;
    const char *text = NULL;
    PyObject *builtin;

    text = PyUnicode_AsUTF8(doc);
    if (text == NULL) {
        return NULL;
    }
    if (NP_SET_ONCE(function->doc, Py_NewRef(doc))) {
        function->method.ml_doc = text;
    }
    else {
        Py_DECREF(doc);
    }
    builtin = PyCFunction_NewEx(&function->method, self, NULL);
    if (builtin != NULL) {
        ((PyCFunctionObject *)builtin)->vectorcall =
            choose_vectorcall(function, true);
    }
    return builtin;
}

static PyObject *
function_invoke(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    NpFunction *function = (NpFunction *)self;

    if (is_closed(function)) {
        return np_raise_closed(function);
    }
    if (function->plan == NULL || count != Py_SIZE(function->plan)) {
        PyErr_SetString(PyExc_TypeError, "not the arguments of the plan");
        return NULL;
    }
    return np_invoke(function, args);
}

/* Bring a scalar across as an ordinary call would. */
static PyObject *
function_word(PyObject *self, PyObject *args)
{
    NpFunction *function = (NpFunction *)self;
    const NpValue *value;
    PyObject *given;
    Py_ssize_t index;
    NpCall call;
    NpWord word = {.u = 0};
    int status = 0;

    if (!PyArg_ParseTuple(args, "nO:_word", &index, &given)) {
        return NULL;
    }
    if (function->plan == NULL || index < 0 ||
        index >= Py_SIZE(function->plan)) {
        PyErr_SetString(PyExc_IndexError, "not a parameter of the plan");
        return NULL;
    }
    value = &function->plan->parameters[index];
    call.views_count = call.kept_count = 0;
    if (!np_take(value, given, &word)) {
        status = np_convert(function, index, given, &call, &word);
    }
    np_call_clear(&call);
    return status < 0 ? NULL : PyLong_FromUnsignedLongLong(word.u);
}

/* Count a call that begins here, and tell where it goes. */
static PyObject *
function_begin(PyObject *self, PyObject *unused)
{
    NpFunction *function = (NpFunction *)self;
    unsigned long long target = (uintptr_t)function->target;
    PyObject *owner = Py_NewRef(function->uses_owner), *begun;
    NpUses *uses = function->uses;

    (void)unused;
    NP_ADD(uses->calls, 1);
    begun = Py_BuildValue("KN", target, owner); /* may run anybody's code */
    if (begun == NULL) {
        NP_ADD(uses->calls, -1);
    }
    return begun;
}

static PyObject *
function_check_open(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (is_closed((NpFunction *)self)) {
        return np_raise_closed((NpFunction *)self);
    }
    Py_RETURN_NONE;
}

static PyObject *
function_disable(PyObject *self, PyObject *error)
{
    NpFunction *function = (NpFunction *)self;

    if (NP_SET_ONCE(function->error, Py_NewRef(error))) {
        NP_STORE(function->guard, &function->error);
    }
    else {
        Py_DECREF(error);
    }
    Py_RETURN_NONE;
}

static PyObject *
function_init_subclass(PyObject *type, PyObject *unused)
{
    (void)unused;
    np_inherit_vectorcall((PyTypeObject *)type);
    Py_RETURN_NONE;
}

static PyObject *
function_address(PyObject *self, void *unused)
{
    NpFunction *function = (NpFunction *)self;

    (void)unused;
    NP_STORE(NP_LOAD(function->uses)->is_exported, true);
    return PyLong_FromVoidPtr(NP_LOAD(function->target));
}

static PyObject *
function_invoker(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(((NpFunction *)self)->plan ? "core" : "cffi");
}

static PyMethodDef function_methods[] = {
    {"_begin", function_begin, METH_NOARGS, NULL},
    {"_builtin", function_builtin, METH_O, NULL},
    {"_invoke", (PyCFunction)(void (*)(void))function_invoke, METH_FASTCALL,
     NULL},
    {"_run", np_function_run, METH_VARARGS, NULL},
    {"_word", function_word, METH_VARARGS, NULL},
    {"_check_open", function_check_open, METH_NOARGS, NULL},
    {"disable", function_disable, METH_O, NULL},
    {"__init_subclass__", function_init_subclass, METH_NOARGS | METH_CLASS,
     NULL},
    {NULL, NULL, 0, NULL},
};

#define NP_MEMBER(name, type, field) \
    {name, type, offsetof(NpFunction, field), READONLY, NULL}

static PyMemberDef function_members[] = {
    NP_MEMBER("name", T_OBJECT_EX, name),
    NP_MEMBER("__name__", T_OBJECT_EX, name),
    NP_MEMBER("__qualname__", T_OBJECT_EX, name),
    NP_MEMBER("hold_gil", T_BOOL, hold_gil),
    NP_MEMBER("save_errno", T_BOOL, save_errno),
    NP_MEMBER("_declaration", T_OBJECT, declaration),
    NP_MEMBER("_owner", T_OBJECT, owner),
    NP_MEMBER("__vectorcalloffset__", T_PYSSIZET, vectorcall),
    NP_MEMBER("__weaklistoffset__", T_PYSSIZET, weakrefs),
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef function_getset[] = {
    {"address", function_address, NULL, NULL, NULL},
    {"invoker", function_invoker, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot function_slots[] = {
    {Py_tp_doc, "What every Function has that a call needs."},
    {Py_tp_new, function_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_traverse, function_traverse},
    {Py_tp_clear, function_clear},
    {Py_tp_dealloc, function_dealloc},
    {Py_tp_methods, function_methods},
    {Py_tp_members, function_members},
    {Py_tp_getset, function_getset},
    {0, NULL},
};

PyType_Spec np_function_spec = {
    .name = "nativeplug._core.FunctionBase",
    .basicsize = sizeof(NpFunction),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = function_slots,
};
