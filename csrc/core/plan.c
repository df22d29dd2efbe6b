/* plan.c: the Plan, a signature compiled for calling.
 *
 * Python describes each parameter and the result by a tuple (see _core.pyi);
 * here it becomes limits, register classes and a trampoline. A plan owns the
 * cffi types of its pointers, and nothing of any function.
 */
#include "core.h"

#define NP_KIND_NAME(name) #name,
static const char *const kind_names[NP_KIND_COUNT] = {NP_KINDS(NP_KIND_NAME)};

static int
parse_kind(const char *name, uint8_t *kind)
{
    for (int at = 0; at < NP_KIND_COUNT; at++) {
        if (strcmp(name, kind_names[at]) == 0) {
            *kind = (uint8_t)at;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "the core has no kind '%s'", name);
    return -1;
}

/* Set the limits of the ints that np_take takes. */
static void
set_limits(NpValue *value)
{
    int bits = 8 * value->size;

    if (value->kind != NP_INTEGER) {
        value->low = INT64_MAX; /* more than one digit of an int can hold */
        value->range = 0;
    }
    else if (value->is_signed) {
        value->low = (int64_t)(UINT64_MAX << (bits - 1));
        value->range = UINT64_MAX >> (64 - bits);
    }
    else {
        value->low = 0;
        /* What is beyond INT64_MAX has more than one digit anyway. */
        value->range = (UINT64_MAX >> (64 - bits)) & INT64_MAX;
    }
}

/* Tell whether a size is one that a value of the kind can have. */
static bool
is_size(const NpValue *value, int size)
{
    switch (value->kind) {
    case NP_VOID:
        return size == 0;
    case NP_BOOL:
    case NP_CHAR:
        return size == 1;
    case NP_INTEGER:
        return size == 1 || size == 2 || size == 4 || size == 8;
    case NP_FLOAT:
        return size == sizeof(float) || size == sizeof(double);
    default:
        return size == sizeof(void *);
    }
}

/* Read a description. */
static int
parse_value(NpState *state, PyObject *description, NpValue *value)
{
    const char *kind;
    int size, is_signed, is_readonly, items, item_size, counted_by;
    PyObject *ctype;

    if (!PyArg_ParseTuple(description, "sippCiOin", &kind, &size, &is_signed,
                          &is_readonly, &items, &item_size, &ctype,
                          &counted_by, &value->least) ||
        parse_kind(kind, &value->kind) < 0) {
        return -1;
    }
    if (!is_size(value, size)) {
        PyErr_Format(PyExc_ValueError, "a %s has not %d bytes", kind, size);
        return -1;
    }
    value->size = (uint8_t)size;
    value->is_signed = is_signed != 0;
    value->is_readonly = is_readonly != 0;
    value->items = items == ' ' ? NP_NO_ITEMS : (uint8_t)items;
    value->item_size = (uint8_t)item_size;
    value->counted_by = (int8_t)counted_by;
    value->is_counted = counted_by >= 0 || value->least > 0;
    value->ctype = NULL;
    set_limits(value);
    if (value->kind == NP_TEXT || value->kind == NP_POINTER) {
        value->ctype = Py_NewRef(ctype);
        return np_state_load_cffi(state);
    }
    return 0;
}

static int
parse_parameters(NpPlan *plan, PyObject *descriptions)
{
    int integers = 0, floats = 0;
    bool is_from_float = plan->result.kind == NP_FLOAT;

    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(descriptions); at++) {
        NpValue *value = &plan->parameters[at];

        if (parse_value(plan->state, PyTuple_GET_ITEM(descriptions, at),
                        value) < 0) {
            return -1;
        }
        if (value->kind == NP_FLOAT) {
            floats++;
        }
        else {
            integers++;
        }
        plan->has_lengths |= value->is_counted;
    }
    for (Py_ssize_t at = 0; at < Py_SIZE(plan); at++) {
        int counter = plan->parameters[at].counted_by;

        if (counter >= Py_SIZE(plan) ||
            (counter >= 0 && plan->parameters[counter].kind != NP_INTEGER)) {
            PyErr_SetString(PyExc_ValueError, "no such counter");
            return -1;
        }
    }
    if (integers > NP_MAX_INTEGERS || floats > NP_MAX_FLOATS) {
        PyErr_SetString(PyExc_ValueError, "the registers do not suffice");
        return -1;
    }
    plan->trampoline = np_trampolines[is_from_float][integers][floats];
    plan->loop = np_loops[is_from_float][integers][floats];
    return 0;
}

static PyObject *
plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *result, *parameters;
    NpPlan *plan;

    if (kwargs != NULL ||
        !PyArg_ParseTuple(args, "O!O!:Plan", &PyTuple_Type, &result,
                          &PyTuple_Type, &parameters)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "Plan() takes no keywords");
        }
        return NULL;
    }
    plan = (NpPlan *)type->tp_alloc(type, PyTuple_GET_SIZE(parameters));
    if (plan == NULL) {
        return NULL;
    }
    plan->state = np_state_of(type);
    if (plan->state == NULL ||
        parse_value(plan->state, result, &plan->result) < 0 ||
        parse_parameters(plan, parameters) < 0) {
        Py_DECREF(plan);
        return NULL;
    }
    return (PyObject *)plan;
}

static int
plan_traverse(PyObject *self, visitproc visit, void *arg)
{
    NpPlan *plan = (NpPlan *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(plan->result.ctype);
    for (Py_ssize_t at = 0; at < Py_SIZE(plan); at++) {
        Py_VISIT(plan->parameters[at].ctype);
    }
    return 0;
}

static void
plan_dealloc(PyObject *self)
{
    NpPlan *plan = (NpPlan *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_XDECREF(plan->result.ctype);
    for (Py_ssize_t at = 0; at < Py_SIZE(plan); at++) {
        Py_XDECREF(plan->parameters[at].ctype);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot plan_slots[] = {
    {Py_tp_doc, "A signature compiled for calling by the core invoker."},
    {Py_tp_new, plan_new},
    {Py_tp_traverse, plan_traverse},
    {Py_tp_dealloc, plan_dealloc},
    {0, NULL},
};

PyType_Spec np_plan_spec = {
    .name = "nativeplug._core.Plan",
    .basicsize = offsetof(NpPlan, parameters),
    .itemsize = sizeof(NpValue),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = plan_slots,
};
