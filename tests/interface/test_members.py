"""What the body of a class says in C, and what it cannot say."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from interfaces import Greeter, Louder, make, refusal
from nativeplug import CType, Interface, int64
from nativeplug.interface import contents_of


def texts(interface: type[Interface]) -> dict[str, str]:
    """Return the members of an interface, in C."""
    return {name: member.text for name, member in contents_of(interface).members.items()}


class TestMembers:
    """What the body of a class says in C."""

    def test_all_kinds(self) -> None:
        """Names, properties, methods and Final integers are what C has."""
        expected = {
            "LIMIT": "12",
            "Name": "const char *Name",
            "Calls": "int Calls",
            "limit": "const int limit",
            "GetName": "const char *GetName(void)",
            "Add": "int64_t Add(int64_t a, int64_t b)",
            "sum": "int sum(int count, ...)",
        }
        assert expected == texts(Greeter)

    @pytest.mark.parametrize(
        ("ctype", "variable", "readonly"),
        [
            ("Point *", "Point *x", "Point *const x"),
            ("const Point *", "const Point *x", "const Point *const x"),
            ("Point *const", "Point *const x", "Point *const x"),
            ("const int", "const int x", "const int x"),
            ("int[4]", "int x[4]", "const int x[4]"),
            ("double [2][3]", "double x[2][3]", "const double x[2][3]"),
            ("const char[]", "const char x[]", "const char x[]"),
            ("int (*)(int)", "int (*x)(int)", "int (*const x)(int)"),
            ("int (*)(int (*)(void))", "int (*x)(int (*)(void))", "int (*const x)(int (*)(void))"),
            ("int (*[4])(int)", "int (*x[4])(int)", "int (*x[4])(int)"),
            ("int (*(*)(int))(char)", "int (*(*x)(int))(char)", "int (*(*const x)(int))(char)"),
        ],
    )
    def test_names_in_types(self, ctype: str, variable: str, readonly: str) -> None:
        """A name stands where C wants it, and so does const."""
        assert variable == CType(ctype).declare("x")
        if "[4])(" not in ctype:  # an array of pointers is made const by its type alone
            assert readonly == CType(ctype).declare("x", readonly=True)

    def test_result_with_a_declarator(self) -> None:
        """A function may return what C writes around its name."""
        assert "int (*f(void))(int)" == CType("int (*)(int)").declare("f(void)")
        assert "char **f(void)" == CType("char **").declare("f(void)")

    @pytest.mark.parametrize(
        "text", ["", " ", "int; int", "struct { int x; }", "int /* */", "a\nb"]
    )
    def test_no_types(self, text: str) -> None:
        """What is more than a type, or less, is refused."""
        assert str(refusal(lambda: CType(text))).endswith("is not the name of a C type")

    def test_type_must_be_text(self) -> None:
        """A type is given as text."""
        with pytest.raises(TypeError, match="must be given as str, not int"):
            CType(3)  # type: ignore[arg-type]

    def test_inherited(self) -> None:
        """Members of the bases come first; what is said again replaces what was said."""

        class Other(Greeter, types="typedef int code;"):
            Calls: int64

        class Both(Louder, Other, types="typedef int more;"):
            pass

        assert [*texts(Greeter), "Motto", "Shout"] == [*texts(Louder)]
        assert "int64_t Calls" == texts(Both)["Calls"]
        assert ("typedef int code;", "typedef int more;") == contents_of(Both).types
        assert {"Motto", "Shout"} == {
            each.name for each in contents_of(Both).members.values() if each.is_optional
        }

    def test_real_types(self) -> None:
        """Annotations need not be texts."""
        source = (
            "import nativeplug, typing\n"
            "class Plain(nativeplug.Interface):\n"
            "    x: typing.Annotated[float, nativeplug.CType('float')]\n"
            "    y: typing.Optional[str]\n"
            "    N: typing.Final[int] = -7\n"
            "    def f(self, a: bool, b: float, /) -> None: ...\n"
        )
        made: dict[str, Any] = {"__name__": __name__}
        exec(compile(source, "plain", "exec", dont_inherit=True), made)  # noqa: S102 - not texts
        expected = ["float x", "const char *y", "(-7)", "void f(bool a, double b)"]
        assert expected == [*texts(made["Plain"]).values()]


class TestInvalid:
    """Classes that say nothing in C."""

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("x: int", "it is 'int', which does not tell the size: write nativeplug.int_"),
            ("x: bytes", "it is 'bytes', which C has several types for: write nativeplug.char"),
            ("x: list[int]", "it is 'list', which is no C type: write Annotated[Any, "),
            ("x: Literal[[]]", "which is no C type: write Annotated[Any, nativeplug.CType('...')]"),
            ("x: Any", "is no C type: write Annotated[Any, nativeplug.CType('...')]"),
            ("x: None", "it is void, which has no values"),
            ("x: Unknown", "its types cannot be told: name 'Unknown' is not defined"),
            ("x: int_ = 3", "has the value that the plugin gives it"),
            ("x = 3", "a constant is written 'x: Final = 3'"),
            ("x = 'text'", "a str object stands for nothing that a plugin exports"),
            ("x: Final = 'text'", "a constant must be an int, not str"),
            ("x: Final = True", "a constant must be an int, not bool"),
            ("x: Final = 1 << 64", "18446744073709551616 does not fit into 64 bits"),
            ("x: Final[int]", "Final without a value: write a property"),
            ("def x(self, a) -> None: ...", "parameter 'a' has no type: write one, such as"),
            ("def x(self): ...", "the result has no type: write one, '-> None' for none"),
            ("def x(self, a: int) -> None: ...", "parameter 'a' is 'int', which does not tell"),
            ("def x(self, a: None) -> None: ...", "parameter 'a' is void, which has no values"),
            ("def x(self) -> int: ...", "the result is 'int', which does not tell the size"),
            ("def x() -> None: ...", "the first parameter of a method must be 'self'"),
            ("def x(*, self) -> None: ...", "the first parameter of a method must be 'self'"),
            ("def x(self, a: int_ = 3) -> None: ...", "parameter 'a' has a default, and C has"),
            ("def x(self, *, a: int_) -> None: ...", "parameter 'a' is given by keyword only"),
            ("def x(self, **a: int_) -> None: ...", "parameter 'a' is given by keyword only"),
            ("def x(self, *a: Any) -> None: ...", "C takes further arguments only after a first"),
            ("def x(self) -> Unknown: ...", "its types cannot be told: name 'Unknown'"),
            (
                "def x(self, a: Annotated[int_, nativeplug.optional]) -> None: ...",
                "parameter 'a' cannot be optional, only a member can",
            ),
            ("async def x(self) -> None: ...", "write a plain 'def'"),
            ("@staticmethod\n    def x() -> None: ...", "a staticmethod object stands for nothing"),
            ("class x: ...", "a type object stands for nothing that a plugin exports"),
            (
                "@property\n    def x(self) -> int_: ...\n    @x.setter\n    def x(self, y): ...",
                "a variable that can be written is declared as 'x: TYPE'",
            ),
            ("x = property(len)", "its getter is no plain function"),
            ("@property\n    def x(self): ...", "it has no type: write one, such as"),
        ],
    )
    def test_member(self, body: str, words: str, tmp_path: Path) -> None:
        """The error names class, member, file and line, and says what to write."""
        error = make(tmp_path, f"class Wrong(nativeplug.Interface):\n    {body}\n")
        assert words in str(error)
        assert re.match(r".*wrong\.py:\d+: interface 'Wrong', member 'x': ", str(error))
        assert str(tmp_path / "wrong.py") == error.file
        assert error.line in {5, 6, 7}  # decorators come first

    def test_unknown_place(self) -> None:
        """A class that was typed in has no place to name."""
        made = {"nativeplug": nativeplug, "__name__": "typed_in"}
        code = "class Wrong(nativeplug.Interface):\n    x: int\n"
        error = refusal(lambda: exec(code, made))  # noqa: S102 - as typed in
        assert str(error).startswith("interface 'Wrong', member 'x': it is 'int'")
        assert (None, None) == (error.file, error.line)

    @pytest.mark.parametrize("name", ["__call__", "__x"])
    def test_special_names(self, name: str, tmp_path: Path) -> None:
        """Python's special names, and those that it changes, are no members."""
        code = f"class Wrong(nativeplug.Interface):\n    def {name}(self) -> None: ...\n"
        error = make(tmp_path, code)
        assert f"member {name!r}: Python has its own ways" in str(error)
