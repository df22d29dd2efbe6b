"""Which values give an address out: a version that Python has one of is not unloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nativeplug
from nativeplug.call import context
from support import Compile
from versions import Versions

pytestmark = pytest.mark.slow

_TYPES = """
typedef int (*Function)(int);
typedef struct { long n; void *p; } Box;
typedef struct { Box boxes[2]; } Nested;
typedef union { double d; void *p; } Either;
typedef struct { int kind; Either either; } Tagged;
typedef struct { Function call[3]; } Table;
typedef struct { char *words[2]; } Words;
typedef struct { double x, y; int n; } Plain;
typedef struct { unsigned long address; int n; } Numbered;
"""
_PACKED = """
typedef struct __attribute__((packed)) { char c; void *p; } Packed;
typedef struct { int n; Packed packed; } Around;
"""
_SOURCE = f"""
#include <stdint.h>
#include <stdlib.h>
#include <uchar.h>
#include <wchar.h>
{_TYPES}
{_PACKED}
static char text[] = "text"; static int32_t numbers[] = {{1, 2}};
static wchar_t wide[] = L"wide";
static char16_t wide16[] = u"wide"; static char32_t wide32[] = U"wide";
static int twice(int x) {{ return 2 * x; }}

void *void_pointer(void) {{ return numbers; }}
int32_t *int_pointer(void) {{ return numbers; }}
double *double_pointer(void) {{ return (double *)numbers; }}
unsigned char *bytes_pointer(void) {{ return (unsigned char *)text; }}
char **text_pointer(void) {{ static char *texts[] = {{text}}; return texts; }}
wchar_t *wchar_pointer(void) {{ return wide; }}
char16_t *char16_pointer(void) {{ return wide16; }}
char32_t *char32_pointer(void) {{ return wide32; }}
struct opaque *opaque_pointer(void) {{ return (struct opaque *)text; }}
Box *struct_pointer(void) {{ static Box box; return &box; }}
Function function_pointer(void) {{ return twice; }}
Box box(void) {{ return (Box){{1, numbers}}; }}
Nested nested(void) {{ return (Nested){{{{{{0, NULL}}, {{1, numbers}}}}}}; }}
Table table(void) {{ return (Table){{{{NULL, NULL, twice}}}}; }}
Words words(void) {{ return (Words){{{{NULL, text}}}}; }}

char *text_copied(void) {{ return text; }}
uintptr_t number_of(void) {{ return (uintptr_t)numbers; }}
Plain plain(void) {{ return (Plain){{1, 2, 3}}; }}
void *heap(void) {{ static void *kept; return kept ? kept : (kept = malloc(8)); }}
void *nothing(void) {{ return NULL; }}
wchar_t *wide_nothing(void) {{ return NULL; }}

void *a_pointer = numbers; wchar_t *a_wide = wide; char *a_text = text; Function a_function = twice;
Box a_box = {{1, numbers}}; void *an_array[2] = {{NULL, numbers}}; int a_number = 3;
const Box a_const_box = {{1, numbers}}; const Tagged a_const_tagged = {{1, {{.p = numbers}}}};
const Around a_const_around = {{1, {{'c', numbers}}}}; char an_array_of_char[8] = "text";

void give_pointer(void (*f)(void *)) {{ f(numbers); }}
void give_text(void (*f)(const char *)) {{ f(text); }}
void give_wide(void (*f)(const wchar_t *)) {{ f(wide); }}
void give_function(void (*f)(Function)) {{ f(twice); }}
void give_box(void (*f)(Box)) {{ f((Box){{1, numbers}}); }}
void give_second(void (*f)(int, void *)) {{ f(1, numbers); }}
void give_numbers(void (*f)(int, double, uintptr_t)) {{ f(1, 2, (uintptr_t)numbers); }}
void give_theirs(void (*f)(void *), void *theirs) {{ f(theirs); }}
"""
_DECLARED = f"""
{_TYPES}
{_PACKED}
void *void_pointer(void); int32_t *int_pointer(void); double *double_pointer(void);
unsigned char *bytes_pointer(void); char **text_pointer(void);
wchar_t *wchar_pointer(void); char16_t *char16_pointer(void); char32_t *char32_pointer(void);
struct opaque *opaque_pointer(void); Box *struct_pointer(void); Function function_pointer(void);
Box box(void); Nested nested(void); Table table(void); Words words(void);
char *text_copied(void); uintptr_t number_of(void); Plain plain(void); void *heap(void);
void *nothing(void); wchar_t *wide_nothing(void);
extern void *a_pointer; extern wchar_t *a_wide; extern char *a_text; extern Function a_function;
extern Box a_box; extern void *an_array[2]; extern int a_number; extern const Box a_const_box;
extern const Tagged a_const_tagged; extern const Around a_const_around;
extern char an_array_of_char[8];
void give_pointer(void (*f)(void *)); void give_text(void (*f)(const char *));
void give_wide(void (*f)(const wchar_t *)); void give_function(void (*f)(Function));
void give_box(void (*f)(Box)); void give_second(void (*f)(int, void *));
void give_numbers(void (*f)(int, double, uintptr_t)); void give_theirs(void (*f)(void *), void *);
"""

Take = Callable[[nativeplug.Plugin], Any]


def call(name: str) -> Take:
    """Return what calls a function and returns its result."""
    return lambda plg: getattr(plg, name)()


def read(name: str) -> Take:
    """Return what reads a variable."""
    return lambda plg: getattr(plg, name)


def give(name: str) -> Take:
    """Return what calls a function that gives a callback something, and returns that."""

    def take(plg: nativeplug.Plugin) -> list[Any]:
        seen: list[Any] = []
        getattr(plg, name)(lambda *given: seen.append(given))
        assert 1 == len(seen)
        return seen

    return take


def keep(name: str, ctype: str) -> Take:
    """Do the same with a callback that may outlive the call."""

    def take(plg: nativeplug.Plugin) -> list[Any]:
        seen: list[Any] = []
        getattr(plg, name)(plg.callback(ctype, lambda *given: seen.append(given)))
        assert 1 == len(seen)
        return seen

    return take


def theirs(plg: nativeplug.Plugin) -> Any:
    """Let a callback be given a pointer of the program's own."""
    box = plg.ffi.new("int *")
    plg.give_theirs(lambda _: None, box)
    return box


HOLDING = {
    **{
        f"result {name}": call(name)
        for name in (
            *("void_pointer", "int_pointer", "double_pointer", "bytes_pointer", "text_pointer"),
            *("wchar_pointer", "char16_pointer", "char32_pointer", "opaque_pointer"),
            *("struct_pointer", "function_pointer", "box", "nested", "table", "words"),
        )
    },
    **{
        f"variable {name}": read(name)
        for name in (
            *("a_pointer", "a_wide", "a_function", "a_box", "an_array"),
            *("a_const_box", "a_const_tagged", "a_const_around"),
        )
    },
    **{
        f"callback {name}": give(f"give_{name}")
        for name in ("pointer", "text", "wide", "function", "box", "second")
    },
    "kept callback": keep("give_pointer", "void (*)(void *)"),
    "address of a function": lambda plg: plg.lookup("box").address,
    "address of a variable": lambda plg: plg.lookup("a_number").address,
}
HOLDING_NONE = {
    **{
        f"result {name}": call(name)
        for name in (
            *("text_copied", "number_of", "plain", "heap", "nothing", "wide_nothing", "version"),
        )
    },
    **{f"variable {name}": read(name) for name in ("a_text", "a_number", "an_array_of_char")},
    "callback numbers": give("give_numbers"),
    "callback theirs": theirs,
}


def state_after(versions: Versions, take: Take) -> str:
    """Take something of a version and keep it; return the version's state after an update."""
    versions.put(1, _SOURCE)
    with versions.open(_DECLARED, unload="when_idle") as plg:
        kept = take(plg)
        versions.put(2, _SOURCE)
        plg.update()
        state = plg.generations[0].state
    del kept
    return state


@pytest.mark.parametrize("name", HOLDING)
def test_holding(called_by_each: Versions, name: str) -> None:
    """A pointer into a version keeps it, in whatever value that is, and whoever gives it."""
    expected = "resident (an address of it was given out)"
    assert expected == state_after(called_by_each, HOLDING[name])


@pytest.mark.parametrize("name", HOLDING_NONE)
def test_holding_none(called_by_each: Versions, name: str) -> None:
    """Numbers, copies of texts and pointers to elsewhere do not, also where they are addresses."""
    assert "unloaded" == state_after(called_by_each, HOLDING_NONE[name])


def test_of_another_plugin(versions: Versions, compile_c: Compile) -> None:
    """A callback of one plugin may be given an address of another."""
    path = compile_c("void hand(void (*f)(void *), void *p) { f(p); }")
    other = nativeplug.open(path, "void hand(void (*f)(void *), void *p);")
    versions.put(1, _SOURCE)
    with other, versions.open(_DECLARED, unload="when_idle") as plg:
        address = plg.number_of()
        other.hand(lambda _: None, other.ffi.cast("void *", address))
        versions.put(2, _SOURCE)
        plg.update()
        assert "resident (an address of it was given out)" == plg.generations[0].state


def test_forgotten(versions: Versions) -> None:
    """What is mapped no more is not looked for in what callbacks are given."""
    before = len(context._watched)
    versions.put(1)
    with versions.open(unload="when_idle") as plg:
        versions.put(2)
        plg.update()
        assert ["unloaded", "current"] == [each.state for each in plg.generations]
        assert 1 == len(context._watched) - before
    with versions.open():
        assert before == len(context._watched)


def test_asked_for_late(versions: Versions) -> None:
    """Where unloading is asked for after callbacks were given addresses, one may be kept."""
    versions.put(1, _SOURCE)
    with versions.open(_DECLARED) as plg:
        plg.give_pointer(lambda _: None)
        versions.put(2, _SOURCE)
        versions.open(unload="when_idle")
        assert "resident (an address of it was given out)" == plg.generations[0].state
