/* convert.c: values that cross the border with some work.
 *
 * np_convert takes what np_take declined. What is common is done here; what is
 * rare, and every refusal, is the Function's Python method _convert, which the
 * cffi invoker uses too: so both take the same values and say the same words.
 *
 * What an argument's word points to is kept in the NpCall: buffers that are
 * exported, bytes that were copied. np_call_clear gives all of it back, after
 * the call or after an error.
 */
#include "convert.h"

int
np_raise(PyObject *error)
{
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return -1;
}

void
np_call_clear(NpCall *call)
{
    PyObject *type, *error, *trace;

    PyErr_Fetch(&type, &error, &trace); /* releasing may run Python code */
    while (call->views_count > 0) {
        PyBuffer_Release(&call->views[--call->views_count]);
    }
    while (call->kept_count > 0) {
        Py_DECREF(call->kept[--call->kept_count]);
    }
    PyErr_Restore(type, error, trace);
}

/* Keep *object* until the call is over. Steals the reference. */
static void
keep(NpCall *call, PyObject *object)
{
    call->kept[call->kept_count++] = object;
}

/* Put an error that an argument's own method raised into our words; but what
 * is no plain TypeError or OverflowError stays as it is. */
static int
reword(NpFunction *function, Py_ssize_t index)
{
    PyObject *number = PyLong_FromSsize_t(index);
    PyObject *error, *reworded = NULL;

    if (number == NULL) {
        return -1;
    }
    error = np_take_error();
    if (error != NULL) {
        reworded = PyObject_CallMethodObjArgs((PyObject *)function,
                                              function->state->names._reworded,
                                              number, error, NULL);
        Py_DECREF(error);
    }
    Py_DECREF(number);
    return np_raise(reworded);
}

/* Let Python convert, or refuse. It returns the word as an int, and an object
 * that keeps alive what that points to. */
static int
ask_python(NpFunction *function, Py_ssize_t index, PyObject *given,
           NpCall *call, NpWord *word)
{
    PyObject *number = PyLong_FromSsize_t(index), *answer, *kept;
    int parsed;

    if (number == NULL) {
        return -1;
    }
    answer = PyObject_CallMethodObjArgs((PyObject *)function,
                                        function->state->names._convert,
                                        number, given, NULL);
    Py_DECREF(number);
    if (answer == NULL) {
        return -1;
    }
    parsed =
        PyArg_ParseTuple(answer, "KnO", &word->u, &call->items[index], &kept);
    if (parsed) {
        keep(call, Py_NewRef(kept));
    }
    Py_DECREF(answer);
    return parsed ? 0 : -1;
}

/* Tell whether an int of any size fits, and take it. */
static bool
take_number(const NpValue *value, PyObject *number, NpWord *word)
{
    int overflow = 0;

    word->i = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow == 0) {
        /* The range of uint64_t ends at INT64_MAX for np_take. */
        return (uint64_t)word->i - (uint64_t)value->low <= value->range;
    }
    if (overflow > 0 && !value->is_signed && value->size == sizeof(uint64_t)) {
        word->u = PyLong_AsUnsignedLongLong(number);
        if (word->u != (uint64_t)-1 || !PyErr_Occurred()) {
            return true;
        }
        PyErr_Clear();
    }
    return false;
}

static int
convert_integer(NpFunction *function, Py_ssize_t index, PyObject *given,
                NpCall *call, NpWord *word)
{
    const NpValue *value = &function->plan->parameters[index];
    PyObject *number;
    int status = 0;

    if (!PyIndex_Check(given)) {
        return ask_python(function, index, given, call, word);
    }
    number = PyNumber_Index(given);
    if (number == NULL) {
        return PyErr_ExceptionMatches(PyExc_TypeError)
                   ? reword(function, index)
                   : -1;
    }
    if (!take_number(value, number, word)) {
        status = ask_python(function, index, number, call, word);
    }
    Py_DECREF(number);
    return status;
}

/* Tell whether float() takes an object for a number: text has no such method.
 */
static bool
is_real(PyObject *given)
{
    const PyNumberMethods *methods = Py_TYPE(given)->tp_as_number;

    return methods != NULL &&
           (methods->nb_float != NULL || methods->nb_index != NULL);
}

static int
convert_float(NpFunction *function, Py_ssize_t index, PyObject *given,
              NpCall *call, NpWord *word)
{
    const NpValue *value = &function->plan->parameters[index];
    PyObject *number;

    if (!is_real(given)) {
        return ask_python(function, index, given, call, word);
    }
    number = PyNumber_Float(given);
    if (number == NULL) {
        return reword(function, index);
    }
    word->d = PyFloat_AS_DOUBLE(number);
    if (value->size == sizeof(float)) {
        word->f = (float)word->d;
    }
    Py_DECREF(number);
    return 0;
}

static int
convert_char(NpFunction *function, Py_ssize_t index, PyObject *given,
             NpCall *call, NpWord *word)
{
    if (PyBytes_CheckExact(given) && PyBytes_GET_SIZE(given) == 1) {
        word->u = (uint8_t)*PyBytes_AS_STRING(given);
    }
    else if (ask_python(function, index, given, call, word) < 0) {
        return -1;
    }
    word->i = (char)word->u; /* with its sign, where it has one */
    return 0;
}

/* Pass bytes: as they are where C only reads, else a copy that nobody shares,
 * for Python caches and compares what C would write into. */
static int
pass_bytes(const NpValue *value, const char *data, Py_ssize_t size,
           NpCall *call, NpWord *word)
{
    PyObject *copy;

    word->p = (char *)data;
    if (value->is_readonly) {
        return 0;
    }
    /* With its NUL, and without data to begin with: of the empty bytes and of
     * those with one byte there may be but one object each. */
    copy = PyBytes_FromStringAndSize(NULL, size + 1);
    if (copy == NULL) {
        return -1;
    }
    word->p = memcpy(PyBytes_AS_STRING(copy), data, (size_t)size + 1);
    keep(call, copy);
    return 0;
}

/* Take a buffer whose elements are those declared, if it is one: 1, else 0; -1
 * when asking for it fails. */
static int
take_buffer(const NpValue *value, PyObject *given, NpCall *call, NpWord *word,
            Py_ssize_t *items)
{
    Py_buffer *view = &call->views[call->views_count];
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT;
    NpItems found;

    if (value->items == NP_NO_ITEMS || !PyObject_CheckBuffer(given)) {
        return 0;
    }
    if (!value->is_readonly) {
        flags |= PyBUF_WRITABLE;
    }
    if (PyObject_GetBuffer(given, view, flags) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError) &&
            !PyErr_ExceptionMatches(PyExc_TypeError) &&
            !PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear(); /* Python tells why */
        return 0;
    }
    found = np_items_of_format(view->format);
    if (found == NP_NO_ITEMS ||
        (value->items != NP_ANY_ITEMS &&
         (found != value->items || view->itemsize != value->item_size))) {
        PyBuffer_Release(view);
        return 0;
    }
    call->views_count++;
    word->p = view->buf;
    *items = view->len / (value->item_size ? value->item_size : 1);
    return 1;
}

/* Take the pointer in a cdata that cffi takes for the type: 1, else 0. */
static int
take_cdata(NpFunction *function, const NpValue *value, PyObject *given,
           NpWord *word)
{
    NpState *state = function->state;

    /* Of an array the length is to be seen, so that is Python's. */
    if (!PyObject_TypeCheck(given, state->cdata_type) ||
        function->plan->has_lengths) {
        return 0;
    }
    word->p = state->to_pointer(given, value->ctype);
    if (word->p == NULL && PyErr_Occurred()) {
        PyErr_Clear(); /* Python tells what does not fit */
        return 0;
    }
    return 1;
}

static int
convert_pointer(NpFunction *function, Py_ssize_t index, PyObject *given,
                NpCall *call, NpWord *word)
{
    const NpValue *value = &function->plan->parameters[index];
    Py_ssize_t size;
    const char *text;
    int taken;

    if (given == Py_None) {
        word->p = NULL;
        call->items[index] = 0;
        return 0;
    }
    if (value->kind == NP_TEXT && PyUnicode_Check(given)) {
        text = PyUnicode_AsUTF8AndSize(given, &size);
        if (text != NULL && memchr(text, 0, (size_t)size) == NULL) {
            call->items[index] = size + 1;
            return pass_bytes(value, text, size, call, word);
        }
        PyErr_Clear();
        return ask_python(function, index, given, call, word);
    }
    if (value->kind == NP_TEXT && PyBytes_Check(given)) {
        size = PyBytes_GET_SIZE(given);
        call->items[index] = size + 1;
        return pass_bytes(value, PyBytes_AS_STRING(given), size, call, word);
    }
    taken = take_buffer(value, given, call, word, &call->items[index]);
    if (taken == 0) {
        taken = take_cdata(function, value, given, word);
    }
    if (taken != 0) {
        return taken < 0 ? -1 : 0;
    }
    return ask_python(function, index, given, call, word);
}

int
np_convert(NpFunction *function, Py_ssize_t index, PyObject *given,
           NpCall *call, NpWord *word)
{
    switch (function->plan->parameters[index].kind) {
    case NP_INTEGER:
        return convert_integer(function, index, given, call, word);
    case NP_FLOAT:
        return convert_float(function, index, given, call, word);
    case NP_CHAR:
        return convert_char(function, index, given, call, word);
    case NP_TEXT:
    case NP_POINTER:
        return convert_pointer(function, index, given, call, word);
    default:
        return ask_python(function, index, given, call, word);
    }
}

/* Decode text that is not all ASCII, or so short that CPython has it. */
static NP_NO_INLINE PyObject *
decode(NpFunction *function, const char *text)
{
    PyObject *decoded = PyUnicode_FromString(text), *error;

    if (decoded == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        error = np_take_error();
        np_raise(PyObject_CallMethodOneArg(
            (PyObject *)function, function->state->names._not_text, error));
        Py_XDECREF(error);
    }
    return decoded;
}

PyObject *
np_finish_text(NpFunction *function, const char *text)
{
    PyObject *decoded;
    unsigned char all = 0;
    size_t size;

    if (text == NULL) {
        Py_RETURN_NONE;
    }
    size = strlen(text);
    for (size_t at = 0; at < size; at++) {
        all |= (unsigned char)text[at];
    }
    if (all > 127 || size < 2) {
        return decode(function, text);
    }
    /* ASCII lies in a str as in C: no decoder needs to be asked. */
    decoded = PyUnicode_New((Py_ssize_t)size, 127);
    if (decoded != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(decoded), text, size);
    }
    return decoded;
}

PyObject *
np_finish_pointer(NpFunction *function, NpUses *uses, void *pointer)
{
    np_note_export(uses, pointer);
    return function->state->from_pointer(pointer,
                                         function->plan->result.ctype);
}

/* What elements of each kind in types.def are, where it is no integer. */
enum {
    NP_ITEMS_BOOL = NP_OTHER_ITEMS,
    NP_ITEMS_CHAR = NP_OTHER_ITEMS,
    NP_ITEMS_WIDE = NP_OTHER_ITEMS,
    NP_ITEMS_FLOAT = NP_FLOAT_ITEMS,
    NP_ITEMS_LONG_DOUBLE = NP_FLOAT_ITEMS,
};

NpItems
np_items_of_format(const char *format)
{
    if (format == NULL) { /* PEP 3118: unsigned bytes */
        return NP_UNSIGNED_ITEMS;
    }
    /* "@" is native, "=" and "<" are this machine's order (trampoline.h);
     * sizes are told by itemsize. */
    if (*format == '@' || *format == '=' || *format == '<') {
        format++;
    }
    if (*format == 0 || format[1] != 0) {
        return NP_NO_ITEMS;
    }
#define NP_INTEGER(type, code)                                             \
    if (*format == code[0]) {                                              \
        return (type) - 1 < (type)1 ? NP_SIGNED_ITEMS : NP_UNSIGNED_ITEMS; \
    }
#define NP_TYPE(type, KIND, code)        \
    if (*format == code[0]) {            \
        return (NpItems)NP_ITEMS_##KIND; \
    }
#include "types.def"
#undef NP_INTEGER
#undef NP_TYPE
    return NP_NO_ITEMS;
}
