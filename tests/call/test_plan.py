"""Signatures compiled for calling."""

from __future__ import annotations

import pytest

from nativeplug import declare
from nativeplug.call import CallPlan, Signature, check_free, compile_plan, refuse_go_result
from nativeplug.call.plan import Kind, PlanValue, kind_of, results_of
from nativeplug.errors import DeclarationError

TYPES = """
typedef struct { double x, y; } Point;
typedef union { int i; double d; } Number;
enum Color { RED, GREEN };
struct Opaque;
"""


def plan_of(text: str, name: str = "f") -> CallPlan:
    """Compile the function *name* of C text."""
    declarations = declare.read(TYPES + text)
    declaration = declarations.symbols[name]
    assert isinstance(declaration, declare.FunctionDeclaration)
    pointer = declarations.ffi.typeof(declaration.pointer)
    return compile_plan(Signature.of(declaration), pointer)


@pytest.mark.parametrize(
    ("ctype", "kind"),
    [
        ("_Bool", Kind.BOOL),
        ("char", Kind.CHAR),
        ("signed char", Kind.INTEGER),
        ("unsigned char", Kind.INTEGER),
        ("unsigned long long", Kind.INTEGER),
        ("size_t", Kind.INTEGER),
        ("uint8_t", Kind.INTEGER),
        ("enum Color", Kind.INTEGER),
        ("GoInt", Kind.INTEGER),
        ("float", Kind.FLOAT),
        ("double", Kind.FLOAT),
        ("long double", Kind.LONG_DOUBLE),
        ("wchar_t", Kind.WIDE),
        ("double _Complex", Kind.OTHER),
        ("Point", Kind.OTHER),
        ("Number", Kind.OTHER),
        ("const char *", Kind.TEXT),
        ("char *", Kind.TEXT),
        ("const wchar_t *", Kind.WIDE_TEXT),
        ("void *", Kind.POINTER),
        ("unsigned char *", Kind.POINTER),
        ("char **", Kind.POINTER),
        ("struct Opaque *", Kind.POINTER),
        ("GoString", Kind.GO_STRING),
        ("GoSlice", Kind.GO_SLICE),
        ("GoInterface", Kind.GO_REFERENCE),
        ("GoMap", Kind.GO_REFERENCE),
        ("GoChan", Kind.GO_REFERENCE),
    ],
)
def test_kind_of_every_type(ctype: str, kind: Kind) -> None:
    """How a value crosses the border follows from its type alone."""
    assert kind is plan_of(f"void f({ctype} value);").parameters[0].kind


def test_function_pointers_and_void() -> None:
    """A function pointer is a callback, and no result is one kind of result."""
    plan = plan_of("void f(int (*visit)(int x));")
    assert plan.parameters[0].kind is Kind.CALLBACK
    assert plan.result.kind is Kind.VOID


def test_parameters_know_label_and_const() -> None:
    """Each parameter knows what messages call it and whether C may write to its target."""
    first, second = plan_of("void f(const int *in, int *out);").parameters
    assert (first.label, first.readonly) == ("f() argument 'in'", True)
    assert (second.label, second.readonly) == ("f() argument 'out'", False)


def test_several_results_of_go_are_fields() -> None:
    """The struct that cgo makes for several results is taken apart."""
    plan = plan_of("struct f_return { GoInt r0; char *r1; }; struct f_return f(void);")
    assert plan.fields is not None
    assert [name for name, _ in plan.fields] == ["r0", "r1"]
    assert [value.kind for value in results_of(plan)] == [Kind.INTEGER, Kind.TEXT]
    assert plan.fields[1][1].label == "f() result 'r1'"


@pytest.mark.parametrize(
    "text",
    [
        "Point f(void);",
        "struct g_return { int r0; int r1; }; struct g_return f(void);",
        "struct f_return { int r0; int value; }; struct f_return f(void);",
        "struct f_return; struct f_return *f(void);",
    ],
)
def test_other_structs_stay_whole(text: str) -> None:
    """A struct that is no list of Go results is one result."""
    plan = plan_of(text)
    assert plan.fields is None
    assert results_of(plan) == (plan.result,)


@pytest.mark.parametrize(
    "text", ["char *f(void);", "struct f_return { int r0; char *r1; }; struct f_return f(void);"]
)
def test_free_is_for_text(text: str) -> None:
    """A result that is text, or has text among its fields, can be released."""
    check_free(plan_of(text))


@pytest.mark.parametrize("result", ["void", "int", "void *", "unsigned char *", "Point"])
def test_free_of_anything_else_is_refused(result: str) -> None:
    """A result that is no text cannot be released: nobody would know when."""
    with pytest.raises(DeclarationError, match="free= is for functions that return 'char \\*'"):
        check_free(plan_of(f"{result} f(void);"))


@pytest.mark.parametrize(
    "result", ["GoString", "GoSlice", "GoMap", "GoChan", "GoInterface", "struct f_return"]
)
def test_go_values_as_results_are_refused(result: str) -> None:
    """The message says why, what to write instead, and how to insist."""
    plan = plan_of(f"struct f_return {{ GoInt r0; GoString r1; }}; {result} f(void);")
    with pytest.raises(DeclarationError) as caught:
        refuse_go_result(plan, "plugin.h:3:1")
    for part in ("plugin.h:3:1", "aborts the process", "C.CString", "free=", "allow_go_results"):
        assert part in str(caught.value)


@pytest.mark.parametrize("result", ["void", "GoInt", "char *", "Point", "void *"])
def test_other_results_of_go_are_fine(result: str) -> None:
    """Numbers, pointers and structs of C may be returned by Go."""
    refuse_go_result(plan_of(f"{result} f(GoString text);"), "here")


def test_wrong_type_names_none_as_such() -> None:
    """Messages say None, as CPython's do, and else the type of what was given."""
    value = PlanValue(None, Kind.INTEGER, "f() argument 'x'")
    assert str(value.wrong_type("int", None)) == "f() argument 'x' must be int, not None"
    assert str(value.wrong_type("int", "")) == "f() argument 'x' must be int, not str"


def test_kind_of_an_array() -> None:
    """Arrays, which only variables have, cross the border as cffi converts them."""
    assert kind_of(declare.read("int x;").ffi.typeof("int[3]")) is Kind.OTHER
