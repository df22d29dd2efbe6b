/* core.h: the objects of the core, and who calls whom.
 *
 *   trampoline.h < compat.h < core.h < convert.h < convert, plan, invoke, map
 *                                   < function, plugin, switch < module
 *
 * A Plan is a signature compiled for calling; plan.c makes it, invoke.c
 * executes it, convert.c brings values across. A Function has a plan, or else
 * a Python callable that executes it (the cffi invoker), and the address that
 * serves now; an update moves it (switch.c). All state is in NpState, one for
 * each interpreter; nothing else is kept between calls.
 *
 * Every function takes and returns references as CPython's own do: arguments
 * are borrowed, an object that is returned is new, NULL or -1 means that an
 * exception is set. All need the GIL (or, in a build without one, an attached
 * thread) unless they say otherwise.
 */
#ifndef NP_CORE_H
#define NP_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "compat.h"
#include "trampoline.h"

/* How values cross the border: those members of nativeplug.call.plan.Kind that
 * the core serves, under the same names. */
#define NP_KINDS(KIND) \
    KIND(VOID)         \
    KIND(BOOL)         \
    KIND(CHAR)         \
    KIND(INTEGER)      \
    KIND(FLOAT)        \
    KIND(TEXT)         \
    KIND(POINTER)
#define NP_KIND_MEMBER(name) NP_##name,
typedef enum { NP_KINDS(NP_KIND_MEMBER) NP_KIND_COUNT } NpKind;

/* What a buffer's elements are. */
typedef enum {
    NP_NO_ITEMS = 0, /* nothing that the core can tell from the format */
    NP_ANY_ITEMS = 'b',
    NP_SIGNED_ITEMS = 's',
    NP_UNSIGNED_ITEMS = 'u',
    NP_FLOAT_ITEMS = 'f',
    NP_OTHER_ITEMS = 'o', /* characters and truth values */
} NpItems;

/* Python methods that the core calls by these names, once things are out of
 * the ordinary. */
#define NP_METHODS(METHOD) \
    METHOD(_by_position)   \
    METHOD(_complete)      \
    METHOD(_contents)      \
    METHOD(_convert)       \
    METHOD(_missing)       \
    METHOD(_not_text)      \
    METHOD(_raised)        \
    METHOD(_reworded)      \
    METHOD(lookup)         \
    METHOD(resolve)
#define NP_METHOD_MEMBER(name) PyObject *name;

/* The state of the module in one interpreter. */
typedef struct {
    PyTypeObject *plan_type;
    PyTypeObject *function_type;
    PyTypeObject *plugin_type;
    PyTypeObject *uses_type;
    /* Makes every call while callbacks that outlive calls exist; NULL until
     * there is one. Never cleared again. */
    PyObject *watcher;
    /* cffi: the base type of cdata, and how pointers and cdata become each
     * other; NULL until a plan needs them. */
    PyTypeObject *cdata_type;
    char *(*to_pointer)(PyObject *cdata, PyObject *ctype);
    PyObject *(*from_pointer)(char *pointer, PyObject *ctype);
    struct {
        NP_METHODS(NP_METHOD_MEMBER)
    } names;
} NpState;

/* A parameter or result. */
typedef struct {
    /* Exact ints from low to low + range need no further look. No int of one
     * digit is in the range of a kind that takes no ints. */
    int64_t low;
    uint64_t range;
    PyObject *ctype;   /* of pointers, cffi's type; else NULL */
    Py_ssize_t least;  /* items that a buffer must have at least; 0 */
    int8_t counted_by; /* the parameter that says how many; or -1 */
    uint8_t kind;      /* NpKind */
    uint8_t size;      /* bytes */
    uint8_t items;     /* of pointers, NpItems */
    uint8_t item_size; /* of pointers, bytes */
    bool is_signed;    /* of integers */
    bool is_readonly;  /* of pointers, whether what they point to is const */
    bool is_counted;   /* has a least or a counted_by */
} NpValue;

/* Who may be inside a generation's code, or hold an address of it. Calls count
 * themselves with the GIL held, before they release it and after; those that
 * hold it throughout do so on request (NP_COUNT_HELD). Never freed before the
 * last call has ended. */
typedef struct {
    int64_t calls;        /* under way; atomic */
    uintptr_t start, end; /* where the generation lies */
    bool is_exported;     /* an address of it was given to Python; atomic */
    /* The generation's nativeplug_take_error, see nativeplug.h; or NULL. */
    const char *(*take_error)(void);
} NpUses;

/* Note that Python is given an address, if it is one of the generation. */
static inline void
np_note_export(NpUses *uses, const void *address)
{
    if ((uintptr_t)address - uses->start < uses->end - uses->start) {
        NP_STORE(uses->is_exported, true);
    }
}

typedef struct NpPlan NpPlan;
typedef struct NpFunction NpFunction;

/* A signature compiled for calling. Immutable, so threads share it; functions
 * of the same signature do too. */
struct NpPlan {
    PyObject_VAR_HEAD NpState
        *state; /* borrowed: the type keeps the module alive */
    NpTrampoline trampoline;
    NpLoop loop;
    bool has_lengths; /* a buffer must have a number of items */
    NpValue result;
    NpValue parameters[]; /* ob_size of them */
};

/* What may be asked of a function. Calls that hold the GIL are counted on
 * request: nobody can come between, but from a callback. */
enum { NP_HOLD_GIL = 1, NP_SAVE_ERRNO = 2, NP_COUNT_HELD = 4 };

/* A symbol with a signature. Its first cache line is all that a call reads.
 *
 * What belongs to a generation is moved by np_switch, all at once with the GIL
 * held: *target*, *uses*, *uses_owner*, *release* and *invoke*. A call reads
 * what it needs of these together, and counts itself if Python code comes
 * before the native call, so it begins and ends on one generation. */
struct NpFunction {
    PyObject_HEAD void *target; /* moved by an update, see below */
    NpPlan *plan;               /* NULL: *invoke* makes the calls */
    /* Atomic. What it points to is NULL for a call that needs no attention: it
     * is the state's watcher; the function's name, which never is NULL, where
     * the generation has a take_error; and the function's own error once it is
     * closed: so one look serves all. */
    PyObject **guard;
    NpState *state;
    vectorcallfunc vectorcall;
    NpUses *uses;       /* of the generation that *target* lies in */
    PyMethodDef method; /* that of the built-in function of this Function */
    void (*release)(void *); /* frees a text that the caller owns; or NULL */
    bool hold_gil;
    bool save_errno;
    PyObject *invoke;      /* Python callable in place of a plan; or None */
    PyObject *uses_owner;  /* the Uses of *uses* */
    PyObject *error;       /* makes the error of a closed function; or NULL */
    PyObject *name;        /* str; method.ml_name lies in it */
    PyObject *doc;         /* str, method.ml_doc lies in it; or NULL */
    PyObject *declaration; /* whatever Python keeps there */
    PyObject *owner;       /* likewise */
    PyObject *weakrefs;
};

/* Buffers and other objects that must live until a call is over. */
typedef struct {
    int views_count;
    int kept_count;
    PyObject *kept[NP_MAX_PARAMETERS];
    Py_buffer views[NP_MAX_INTEGERS];
    Py_ssize_t items[NP_MAX_PARAMETERS]; /* of each buffer; -1 for others */
} NpCall;

/* Let other threads run Python during a native call, unless the function holds
 * the GIL. Returns what np_regain_gil takes. */
static inline PyThreadState *
np_release_gil(const NpFunction *function)
{
    return function->hold_gil ? NULL : PyEval_SaveThread();
}

static inline void
np_regain_gil(PyThreadState *thread)
{
    if (thread != NULL) {
        PyEval_RestoreThread(thread);
    }
}

/* convert.c */

/* Raise *error*, a new reference, which may be NULL. Returns -1. */
int np_raise(PyObject *error);
/* Bring an argument across that np_take declined. Returns 0 with the word and
 * with what keeps it alive in *call*. */
int np_convert(NpFunction *function, Py_ssize_t index, PyObject *given,
               NpCall *call, NpWord *word);
/* Let go of what a call kept. An exception that is set stays set. */
void np_call_clear(NpCall *call);
/* Bring a text or a pointer across that a call has returned. */
PyObject *np_finish_text(NpFunction *function, const char *text);
PyObject *np_finish_pointer(NpFunction *function, NpUses *uses, void *pointer);
/* Tell the items of a buffer by its format; NP_NO_ITEMS for others than
 * numbers in this machine's byte order. [any thread, no gil needed] */
NpItems np_items_of_format(const char *format);
/* Load what cffi offers to C, once. */
int np_state_load_cffi(NpState *state);

/* invoke.c */

/* Choose how CPython calls functions of a plan, or (NULL) those that Python
 * executes: a method table's function and flags. A plain function neither
 * saves errno nor releases its result, nor counts its held calls.
 * [no gil needed] */
PyCFunction np_choose_entry(const NpPlan *plan, bool hold_gil, bool is_plain,
                            int *flags);
/* Call by the plan, with as many arguments as it has parameters. */
PyObject *np_invoke(NpFunction *function, PyObject *const *args);
/* Tell the text of a plugin's error as a new str, and let the plugin release
 * it. Returns NULL with an exception where there is no memory. */
PyObject *np_error_text(const NpUses *uses, const char *text);
/* Raise the error of a call of which the plugin has told *text*. Returns -1.
 */
int np_raise_told(NpFunction *function, const NpUses *uses, const char *text);
/* The errno of the last call in this thread that saved it. [no gil needed] */
int np_get_errno(void);
void np_set_errno(int number);

/* function.c */

extern PyType_Spec np_function_spec;
/* Let each call be looked at that may need attention, now that *uses* is
 * chosen. */
void np_set_guard(NpFunction *function);
/* Raise the error of a closed function. Returns NULL. */
PyObject *np_raise_closed(NpFunction *function);
/* Call with any number of arguments by position. */
PyObject *np_function_call(NpFunction *function, PyObject *const *args,
                           Py_ssize_t count);

/* switch.c */

extern PyType_Spec np_uses_spec;
/* The uses of a Uses; NULL with TypeError for anything else. */
NpUses *np_uses_of(NpState *state, PyObject *object);
/* _core.switch, see _core.pyi. */
PyObject *np_switch(PyObject *module, PyObject *args);

/* plan.c, plugin.c, map.c */

extern PyType_Spec np_plan_spec;
extern PyType_Spec np_plugin_spec;
/* FunctionBase._run and overlap, see _core.pyi. */
PyObject *np_function_run(PyObject *self, PyObject *args);
PyObject *np_overlap(PyObject *module, PyObject *args);

/* module.c */

/* The state of a module, and that of the one that made *type* or a base. */
NpState *np_state_of_module(PyObject *module);
NpState *np_state_of(PyTypeObject *type);

#endif /* NP_CORE_H */
