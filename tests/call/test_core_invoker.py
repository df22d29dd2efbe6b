"""The core invoker: what it serves, the built-in functions, the GIL, errno, watching."""

from __future__ import annotations

import array
import copy
import gc
import pickle
import types
import weakref
from typing import Any

import pytest

import nativeplug
from gates import GATE_C, PATIENCE, Gate, background
from nativeplug import _core, declare
from nativeplug.call.core_invoker import compile_core
from support import Compile, CPlugin, RunPython, function_of

INTEGERS = "int a, int b, int c, int d, int e, int f"
DOUBLES = "double g, double h, double i, double j, double k, double l, double m, double n"
TEXT = (
    GATE_C
    + """
#include <errno.h>
#include <stdint.h>
int64_t add(int64_t a, int64_t b) { return a + b; }
int gated(int arrived, int opened) { return pass_gate(arrived, opened); }
int gated_briefly(int arrived, int opened) { return pass_gate_within(arrived, opened, 50); }
int fail(int number) { errno = number; return -1; }
int fail_widely(int a, int b, int c, int d, int e, int f, int number) { errno = number; return a; }
int look(void) { return errno; }
void *same(void *pointer) { return pointer; }
"""
)
DECLARATIONS = """
int64_t add(int64_t a, int64_t b);
int gated(int arrived, int opened);
int gated_briefly(int arrived, int opened);
int fail(int number);
int fail_widely(int a, int b, int c, int d, int e, int f, int number);
int look(void);
void *same(void *pointer);
"""


def opened(*args: Any, **options: Any) -> Any:
    """Open a plugin whose attributes and lookups are anything to the type checker."""
    return nativeplug.open(*args, **options)


@pytest.fixture(scope="module")
def path(compile_c: Compile) -> Any:
    """Return the path of a plugin."""
    return compile_c(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "void f(void);",
        f"int f({INTEGERS}, {DOUBLES});",
        f"float f({DOUBLES}, {INTEGERS});",
        "char *f(const char *text, _Bool flag, char c, float x, unsigned long long n);",
        "struct s; struct s *f(struct s *s, void **p, const double *xs);",
        "enum e { A }; enum e f(enum e x);",
        "typedef uint16_t id; id f(id x, size_t n, const id xs[n]);",
    ],
)
def test_what_the_core_serves(text: str) -> None:
    """Numbers, text, pointers and buffers, as many as there are registers, in any order."""
    function = function_of(text)
    assert compile_core(function.scope.ffi, function.call_plan) is not None


@pytest.mark.parametrize(
    "text",
    [
        f"int f({INTEGERS}, int more);",
        f"double f({DOUBLES}, double more);",
        f"double f({DOUBLES}, float more);",
        "int f(int a, ...);",
        "long double f(void);",
        "int f(long double x);",
        "wchar_t f(wchar_t x);",
        "typedef struct { int x; } S; S f(S s);",
        "double f(double _Complex z);",
        "int f(int (*g)(void));",
        "int (*f(void))(void);",
    ],
)
def test_what_the_core_declines(text: str) -> None:
    """More arguments than registers, varargs, and whatever does not travel in one register."""
    function = function_of(text)
    assert compile_core(function.scope.ffi, function.call_plan) is None


def test_the_plan_itself_refuses_what_does_not_fit() -> None:
    """A plan is made of known kinds, and of no more than there are registers."""
    number = ("INTEGER", 4, True, False, " ", 0, None, -1, 0)
    with pytest.raises(ValueError, match="the registers do not suffice"):
        _core.Plan(number, (number,) * 7)
    with pytest.raises(ValueError, match="the core has no kind 'STRUCT'"):
        _core.Plan(("STRUCT", *number[1:]), ())


def test_the_invoker_is_told(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function says who executes its calls; the environment can forbid the core."""
    with opened(path, DECLARATIONS) as plg:
        assert plg.lookup("add").invoker == "core"
        assert plg.lookup("fail_widely").invoker == "cffi"
    monkeypatch.setenv("NATIVEPLUG_INVOKER", "cffi")
    with opened(path, DECLARATIONS) as plg:
        assert plg.lookup("add").invoker == "cffi"
        assert plg.add(2, 3) == 5


def test_the_attribute_is_a_builtin(path: Any) -> None:
    """An attribute is one built-in function, bound to what lookup gives."""
    with opened(path, DECLARATIONS) as plg:
        add = plg.add
        assert types.BuiltinFunctionType is type(add)
        assert add is plg.add is vars(plg)["add"]
        assert add.__self__ is plg.lookup("add")
        assert (add.__name__, add.__self__(2, 3)) == ("add", 5)
        assert add is copy.copy(add) is copy.deepcopy(add)
        assert add.__text_signature__ == "(a, b)"
        with pytest.raises(TypeError, match="look it up in the other process"):
            pickle.dumps(add)
        vars(plg)["add"] = abs  # of a copy
        assert add is plg.add


def test_every_way_of_calling(path: Any) -> None:
    """Positional, unpacked, by name, through map and partial: all reach the same function."""
    with opened(path, DECLARATIONS) as plg:
        for add in (plg.add, plg.lookup("add")):
            assert [5] * 5 == [
                add(2, 3), add(*[2, 3]), add(2, b=3), add(b=3, a=2), add.__call__(2, 3)
            ]  # fmt: skip
            assert [3, 5] == list(map(add, [1, 2], [2, 3]))
            with pytest.raises(TypeError, match=r"add\(\) got an unexpected keyword argument 'c'"):
                add(1, c=2)
            with pytest.raises(TypeError, match=r"add\(\) missing 1 required positional argument"):
                add(1)
        assert plg.look() == plg.look() == plg.lookup("look")()


@pytest.mark.parametrize(
    "call", ["add(2, 3)", "add(2, b=3)", "add(2)", "look()", "look(1)", "fail(1)"]
)
@pytest.mark.parametrize("hold_gil", [True, False])
def test_kept_callables_of_a_closed_plugin(path: Any, call: str, hold_gil: bool) -> None:  # noqa: FBT001
    """A closed plugin's functions raise ClosedError, whatever they are called with."""
    plg = opened(path, DECLARATIONS, hold_gil=hold_gil)
    functions = {name: (getattr(plg, name), plg.lookup(name)) for name in ("add", "look", "fail")}
    plg.close()
    for which in (0, 1):
        scope = {name: both[which] for name, both in functions.items()}
        with pytest.raises(nativeplug.ClosedError, match="is closed; open it again"):
            eval(call, scope)  # noqa: S307 - a way of calling
    with pytest.raises(nativeplug.ClosedError):
        plg.lookup("add")


def test_closing_in_the_middle_of_a_call(path: Any) -> None:
    """A call whose own argument closes the plugin ends as usual, the next one does not begin."""
    plg = opened(path, DECLARATIONS)

    class Closes:
        def __index__(self) -> int:
            plg.close()
            return 2

    add = plg.add
    assert add(Closes(), 3) == 5
    with pytest.raises(nativeplug.ClosedError):
        add(2, 3)


def test_the_gil_is_held_for_names(path: Any) -> None:
    """Only the functions named in hold_gil keep other threads waiting."""
    with (
        opened(path, DECLARATIONS, hold_gil=["gated_briefly"]) as plg,
        Gate() as gate,
        background(gate.let_pass),
    ):
        assert (True, False) == (plg.lookup("gated_briefly").hold_gil, plg.lookup("add").hold_gil)
        assert 0 == plg.gated_briefly(gate.arrived, gate.opened)
    with opened(path, DECLARATIONS) as plg, Gate() as gate, background(gate.let_pass):
        assert not plg.lookup("gated").hold_gil
        assert 1 == plg.gated(gate.arrived, gate.opened)


def test_the_gil_cannot_be_held_by_cffi(path: Any) -> None:
    """Naming what cffi calls is refused at lookup; True means those that can."""
    with (
        opened(path, DECLARATIONS, hold_gil=["fail_widely"]) as plg,
        pytest.raises(nativeplug.DeclarationError, match="hold_gil= cannot serve 'int fail_widely"),
    ):
        plg.lookup("fail_widely")
    with opened(path, DECLARATIONS, hold_gil=True) as plg:
        assert not plg.lookup("fail_widely").hold_gil
        assert plg.lookup("add").hold_gil


@pytest.mark.parametrize("option", ["hold_gil", "save_errno"])
def test_options_that_come_too_late(path: Any, option: str) -> None:
    """What was looked up already cannot change; what is the same may be said again."""
    with opened(path, DECLARATIONS, **{option: ["add"]}) as plg:
        plg.lookup("fail")
        plg.lookup("add")
        assert opened(path, **{option: ["add"]}) is plg
        for late in (["fail"], True):
            with pytest.raises(
                nativeplug.DeclarationError, match=f"{option}= for 'fail' comes too"
            ):
                opened(path, **{option: late})
        with pytest.raises(nativeplug.DeclarationError, match="no declaration of 'absent'"):
            opened(path, **{option: ["absent"]})


@pytest.mark.parametrize("invoker", ["core", "cffi"])
def test_errno_is_kept(path: Any, invoker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errno is what the call left there, in this thread, until the next call that keeps it."""
    monkeypatch.setenv("NATIVEPLUG_INVOKER", invoker)
    with opened(path, DECLARATIONS, save_errno=["fail", "look", "fail_widely"]) as plg:
        for call, expected in (
            (lambda: plg.fail(34), 34),
            (lambda: plg.fail_widely(1, 2, 3, 4, 5, 6, 35), 35),
            (lambda: plg.add(2, 3), 35),
            (plg.look, 0),
            (lambda: plg.fail(number=36), 36),
        ):
            call()
            assert expected == nativeplug.get_errno()
        with background(lambda: (nativeplug.get_errno(), plg.fail(7))) as (other,):
            assert (0, -1) == other.result(PATIENCE)
        assert nativeplug.get_errno() == 36
        assert plg.look() == 0  # it is 0 when a call begins


def test_a_kept_callback_is_heard_in_later_calls(c_plugin: CPlugin) -> None:
    """Functions resolved before the first callback raise what callbacks raise in them."""
    with opened(c_plugin("callbacks")) as plg:
        fire = plg.fire

        def handler(event: int) -> int:
            raise LookupError(event)

        kept = plg.callback("int (*)(int)", handler)
        plg.register_handler(kept)
        for call in (fire, plg.lookup("fire")):
            with pytest.raises(LookupError, match="21"):
                call(21)
        plg.register_handler(None)


def test_nothing_holds_a_function(compile_c: Compile) -> None:
    """A function of a closed plugin is gone with its last reference, builtin and all."""
    plg = opened(compile_c(TEXT), DECLARATIONS)
    alive = weakref.ref(plg.add), weakref.ref(plg.lookup("add")), weakref.ref(plg)
    plg.close()
    del plg
    gc.collect()
    assert [None] * 3 == [reference() for reference in alive]


def test_pointers_become_each_other(path: Any) -> None:
    """Cdata goes in and comes out as the declared type, NULL included."""
    with opened(path, DECLARATIONS) as plg:
        numbers = plg.ffi.new("int[3]", [1, 2, 3])
        back = plg.same(numbers)
        assert plg.ffi.typeof("void *") is plg.ffi.typeof(back)
        assert plg.ffi.cast("int *", back)[2] == 3
        assert plg.ffi.NULL == plg.same(None) == plg.same(plg.ffi.NULL)


def test_the_table_of_types_is_the_compilers() -> None:
    """Sizes and signs of the table are those of cffi, and every name is one of cffi's."""
    ffi = declare.Declarations().ffi
    for name, (kind, size, signed, _) in _core.TYPES.items():
        assert size == ffi.sizeof(name)
        if kind == "INTEGER":
            assert signed == (int(ffi.cast(name, -1)) < 0)


def test_errno_can_be_set() -> None:
    """What is set is what is got."""
    _core.set_errno(5)
    assert nativeplug.get_errno() == 5
    with pytest.raises(TypeError):
        _core.set_errno("5")  # type: ignore[arg-type]
    _core.set_errno(0)


def test_an_interpreter_of_its_own(run_python: RunPython) -> None:
    """The core can be imported in another interpreter, one with a GIL of its own included."""
    code = """
    import sys
    try:
        import _interpreters as interpreters  # Python 3.13
    except ImportError:
        import _xxsubinterpreters as interpreters
    interpreters.run_string(interpreters.create(), f"import sys; sys.path[:] = {sys.path!r}\\n"
        "from nativeplug import _core; assert _core.TYPES['int'][1] == 4\\n"
        "print('imported', flush=True)")
    """
    finished = run_python(code)
    assert "imported\n" == finished.stdout, finished.stderr


class Meta(type):
    """A class of classes with a method that is none of their objects'."""

    def __float__(cls) -> float:
        """Return a number for the class."""
        return 1.0


class Text(str, metaclass=Meta):
    """Text whose class is a number."""

    __slots__ = ()


@pytest.mark.parametrize("invoker", ["core", "cffi"])
def test_text_whose_class_is_a_number(
    compile_c: Compile, invoker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is the method that the object has, for eight arguments as for one."""
    monkeypatch.setenv("NATIVEPLUG_INVOKER", invoker)
    plg = opened(
        compile_c(f"double last(const double *xs, {DOUBLES}) {{ return xs[0] + n; }}"),
        f"double last(const double *xs, {DOUBLES});",
    )
    with pytest.raises(TypeError, match="'g' must be real number, not Text"):
        plg.last(array.array("d", [1]), *[Text("1.5")] * 8)


def test_empty_text_is_a_copy_of_its_own(compile_c: Compile) -> None:
    """What C writes into an empty text that it may write to is seen by nobody."""
    text = """
    #include <string.h>
    void set(char *s) { s[0] = 'x'; }
    size_t size(char *s) { return strlen(s); }
    """
    plg = opened(compile_c(text), "void set(char *s); size_t size(char *s);")
    for empty in ("", b""):
        plg.set(empty)
        assert plg.size(empty) == 0
    plg.set("a")
    plg.set(b"a")
    assert (plg.size("a"), "a", b"a") == (1, chr(97), bytes([97]))


def test_a_release_that_calls_python(compile_c: Compile) -> None:
    """A release is no part of the error that the result raised: callbacks run in it."""
    text = """
    typedef int (*handler_t)(int);
    static handler_t kept;
    void keep(handler_t h) { kept = h; }
    char *bad(void) { return "\\xff"; }
    void put_back(void *text) { kept(text != 0); }
    """
    declarations = "typedef int (*handler_t)(int); void keep(handler_t h); char *bad(void);"
    plg = opened(compile_c(text), declarations, free={"bad": "put_back"})
    seen: list[int] = []

    def handler(number: int) -> int:
        seen.append(number)
        return 0

    callback = plg.callback("handler_t", handler)
    plg.keep(callback)
    with pytest.raises(UnicodeDecodeError):
        plg.bad()
    assert [1] == seen


def test_the_hash_stays(path: Any) -> None:
    """A built-in function that is a key is found also when its plugin was closed."""
    plg = opened(path, DECLARATIONS)
    add = plg.add
    known = {add: 1}
    plg.close()
    assert known[add] == 1


def test_nobody_can_confuse_the_core(path: Any) -> None:
    """What the core is told wrong is an error, not a crash."""
    number = ("INTEGER", 4, True, False, " ", 0, None, -1, 0)
    for wrong in (
        ("INTEGER", 0, *number[2:]),
        ("INTEGER", 3, *number[2:]),
        ("FLOAT", 16, *number[2:]),
        ("BOOL", 4, *number[2:]),
        ("POINTER", 4, *number[2:]),
        (*number[:7], 1, 0),
        (*number[:7], 100, 0),
    ):
        with pytest.raises(ValueError, match=r"has not|no such counter"):
            _core.Plan(number, (wrong,))
    with pytest.raises(TypeError):
        _core.overlap(memoryview(b"a").cast("B", [1, 1]), memoryview(b"a"))
    with pytest.raises(AttributeError):
        _core.PluginBase(None, {}).missing  # noqa: B018 - it must not recurse
    with opened(path, DECLARATIONS) as plg:
        add = plg.lookup("add")
        column = (memoryview(array.array("q", [1, 2])), "s")
        for start, count in ((0, 3), (-1, 1), (1, 2), (0, -1)):
            with pytest.raises(ValueError, match="a column is too short"):
                add._run(4096, _core.Uses(0, 0), (column, 1), None, start, count)
        with pytest.raises(TypeError, match="not the columns of the plan"):
            add._run(4096, _core.Uses(0, 0), (column,), None, 0, 1)
        with pytest.raises(TypeError, match="not the elements of a column"):
            add._run(4096, _core.Uses(0, 0), ((column[0], "x"), 1), None, 0, 1)
        with pytest.raises(TypeError, match="not the arguments of the plan"):
            add._invoke(1)
        with pytest.raises(IndexError, match="not a parameter of the plan"):
            add._word(2, 1)
    with pytest.raises(nativeplug.ClosedError):
        add._invoke(1, 2)
