"""What a function takes and gives back."""

from __future__ import annotations

import inspect

import pytest

from nativeplug import declare
from nativeplug.call import Signature


def signature(text: str) -> Signature:
    """Return the signature of the only function in C text."""
    (declaration,) = declare.read(text).symbols.values()
    assert isinstance(declaration, declare.FunctionDeclaration)
    return Signature.of(declaration)


@pytest.mark.parametrize(
    "text",
    [
        "void nop(void)",
        "int add(int a, int b)",
        "const char *name(const void *, unsigned long long)",
        "int printf(const char *format, ...)",
        "void sort(int *xs, size_t n, int (*compare)(const void *a, const void *b))",
        "double total(const double xs[3])",
        "int (*getter(int which))(int, int)",
    ],
)
def test_its_text_is_c_again(text: str) -> None:
    """``str()`` of a signature declares the same function."""
    written = str(signature(f"{text};"))
    assert written == str(signature(f"{written};"))
    assert signature(f"{text};") == signature(f"{written};")


def test_parts() -> None:
    """A signature knows name, result and parameters as they are declared."""
    sign = signature("const char *find(const char *text, int);")
    assert sign.name == "find"
    assert sign.result == "const char *"
    assert [parameter.type for parameter in sign.parameters] == ["const char *", "int"]
    assert [parameter.name for parameter in sign.parameters] == ["text", None]
    assert not sign.variadic


def test_label_names_the_parameter_or_counts_it() -> None:
    """Messages call an argument by its parameter's name, else by its number."""
    sign = signature("int f(int count, int, ...);")
    assert sign.label(0) == "f() argument 'count'"
    assert sign.label(1) == "f() argument 2"
    assert sign.label(2) == "f() argument 3"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("void f(void);", "() -> 'void'"),
        ("int f(int a, double b);", "(a: 'int', b: 'double') -> 'int'"),
        ("int f(int, double b);", "(arg1: 'int', b: 'double', /) -> 'int'"),
        ("int f(int class, int class_);", "(arg1: 'int', class_: 'int', /) -> 'int'"),
        ("int f(int arg2, int);", "(arg2: 'int', arg2_: 'int', /) -> 'int'"),
        ("int f(int args, ...);", "(args: 'int', /, *args_) -> 'int'"),
        ("int f(char *self);", "(self: 'char *') -> 'int'"),
    ],
)
def test_python_signature(text: str, shown: str) -> None:
    """Python sees names of its own for parameters that have none, or one that it cannot use."""
    assert shown == str(signature(text).to_python())


def test_names_are_optional_only_where_all_are_usable() -> None:
    """Arguments can be given by name when each parameter has a name that Python can write."""
    assert signature("int f(int a);").by_name
    assert signature("int f(void);").by_name
    assert not signature("int f(int);").by_name
    assert not signature("int f(int lambda);").by_name
    assert not signature("int f(int a, ...);").by_name


def test_annotations_are_c_types() -> None:
    """The annotations of the Python signature are the C types."""
    parameters = signature("int f(const double *xs);").to_python().parameters
    assert parameters["xs"].annotation == "const double *"
    assert parameters["xs"].default is inspect.Parameter.empty
