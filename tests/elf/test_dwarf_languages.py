"""Types of other languages, and rare ones of C, as their compilers write them."""

from __future__ import annotations

import pytest

from nativeplug import abi
from nativeplug.abi import Field, FunctionType, Pointer, Record, Scalar
from support import Compile
from told_by_dwarf import INT, Tell, one, taken, teller
from written_dwarf import CPLUSPLUS, RUST, Entry, base, entry, function, parameter


@pytest.fixture
def tell(compile_c: Compile) -> Tell:
    """Give a function that returns what entries tell."""
    return teller(compile_c)


class TestRust:
    """What rustc writes."""

    def test_transparent(self, tell: Tell) -> None:
        """A record of one field may be that field."""
        size = base("u64", 7, 8)
        handle = entry(
            "structure_type",
            entry("member", name="__0", type=size, data_member_location=0),
            name="Handle",
            byte_size=8,
        )
        found = tell(size, *one(handle), language=RUST)
        expected = Record("struct Handle", 8, 8, (Field(Scalar("integer", 8), 0),))
        type_ = taken(found)
        assert abi.differ(Scalar("integer", 8), type_) is None
        assert abi.differ(expected, type_) is None
        assert "struct Handle { uint64_t __0; };\nvoid f(struct Handle a);\n" == found.text

    @pytest.mark.parametrize("nested", [False, True])
    def test_option(self, tell: Tell, *, nested: bool) -> None:
        """An Option of a pointer is that pointer."""
        callback = entry("pointer_type", type=entry("subroutine_type", name="fn"))
        held = entry("template_type_param", name="T", type=callback)
        inner = [entry("structure_type", held, name="Some", byte_size=8)] if nested else [held]
        option = entry("structure_type", *inner, name="Option<fn()>", byte_size=8)
        found = tell(callback.attributes["type"], callback, *one(option), language=RUST)
        assert Pointer() == taken(found)
        assert "void f(void (*a)(void));\n" == found.text

    def test_other_enumerations(self, tell: Tell) -> None:
        """Of what carries values, nothing is known; a pointer to it is one to void."""
        number = base("u32", 7, 4)
        option = entry(
            "structure_type",
            entry("variant_part"),
            entry("template_type_param", name="T", type=number),
            name="Option<u32>",
            byte_size=8,
        )
        pointer = entry("pointer_type", name="*const Option<u32>", type=option)
        by_pointer = function("g", parameter(pointer))
        found = tell(number, pointer, *one(option), by_pointer, language=RUST)
        assert ["g"] == list(found.symbols)
        assert "void g(void *a);\n" == found.text

    def test_unit(self, tell: Tell) -> None:
        """Rust's type of nothing is void."""
        nothing = base("()", 7, 0)
        pointer = entry("pointer_type", type=nothing)
        made = function("f", parameter(pointer), type=nothing)
        found = tell(nothing, pointer, made, language=RUST)
        assert FunctionType(abi.VOID, (Pointer(),)) == found.symbols["f"].type

    def test_text(self, tell: Tell) -> None:
        """A pointer to i8 is text, and one to c_void is one to void."""
        byte, nothing = base("i8", 5, 1), entry("enumeration_type", name="c_void", byte_size=1)
        text = entry("pointer_type", name="*const i8", type=byte)
        buffer = entry("pointer_type", name="*mut i8", type=byte)
        void = entry("pointer_type", name="*const core::ffi::c_void", type=nothing)
        taken_by_f = [parameter(text, "a"), parameter(buffer, "b"), parameter(void, "c")]
        found = tell(byte, nothing, text, buffer, void, function("f", *taken_by_f), language=RUST)
        assert "void f(const char *a, char *b, const void *c);\n" == found.text

    def test_namespaces(self, tell: Tell) -> None:
        """A function in a namespace is found, also when its unit has to be read for it."""
        number = base("u64", 7, 8)
        inner = function("f", parameter(number))
        renamed = entry("subprogram", parameter(number), name="other", low_pc="&g")
        space = entry("namespace", inner, renamed, name="a")
        found = tell(number, space, language=RUST)
        assert {"f": "void f(u64 a)", "g": "void g(u64 a)"}.keys() == found.symbols.keys()


class TestCPlusPlus:
    """What C++ compilers write."""

    def record(self, *more: Entry, **attributes: object) -> Entry:
        """Return a class of one int."""
        member = entry("member", name="a", type=INT, data_member_location=0)
        return entry("class_type", member, *more, name="C", byte_size=4, **attributes)

    @pytest.mark.parametrize(
        ("more", "attributes"),
        [
            ([entry("subprogram", name="get", external=True)], {}),
            ([entry("subprogram", name="C", external=True)], {}),
            ([entry("member", name="count", type=INT, external=True, declaration=True)], {}),
            ([entry("subprogram", name="~C")], {"calling_convention": 5}),
        ],
    )
    def test_by_value(self, tell: Tell, more: list[Entry], attributes: dict[str, object]) -> None:
        """A class is passed like a struct where nothing speaks against that."""
        found = tell(INT, *one(self.record(*more, **attributes)), language=CPLUSPLUS)
        assert (4, 1) == (abi.size_of(taken(found)), len(found.symbols))

    @pytest.mark.parametrize("special", ["~C", "C", "virtual", "base", "marked", "member", "empty"])
    def test_by_hidden_pointer(self, tell: Tell, special: str) -> None:
        """Of a function that takes what may be passed by a hidden pointer, nothing is known."""
        reference = entry("reference_type", type=INT)
        other = self.record(entry("subprogram", name="~C"))
        length = entry("subrange_type", count=2)
        others = entry("array_type", length, type=other)
        more = {
            "~C": entry("subprogram", name="~C"),
            "C": entry("subprogram", parameter(reference), name="C"),
            "virtual": entry("subprogram", name="get", virtuality=1),
            "base": entry("inheritance", type=INT, data_member_location=0),
            "member": entry("member", name="b", type=others, data_member_location=0),
        }
        record = self.record(
            *[more[special]] if special in more else [],
            **{"calling_convention": 4} if special == "marked" else {},
        )
        if special == "empty":
            record = entry("structure_type", name="E", byte_size=1)
        found = tell(INT, reference, other, others, *one(record), language=CPLUSPLUS)
        assert {} == found.symbols

    def test_references(self, tell: Tell) -> None:
        """References are pointers, and so is the type of nullptr."""
        reference = entry("rvalue_reference_type", type=INT)
        null = entry("unspecified_type", name="decltype(nullptr)")
        both = function("f", parameter(reference, "a"), parameter(null, "b"))
        found = tell(INT, reference, null, both, language=CPLUSPLUS)
        assert "void f(int *a, void *b);\n" == found.text
        assert FunctionType(abi.VOID, (Pointer(), Pointer())) == found.symbols["f"].type

    @pytest.mark.parametrize("tag", ["ptr_to_member_type", "unspecified_type"])
    def test_what_c_has_not(self, tell: Tell, tag: str) -> None:
        """Of a function with anything else, nothing is known."""
        assert {} == tell(*one(entry(tag, name="odd")), language=CPLUSPLUS).symbols

    def test_scoped_enumerations(self, tell: Tell) -> None:
        """An enumeration of another size than int's is the integer that it is."""
        byte = base("unsigned char", 8, 1)
        off, on = (entry("enumerator", name=name, const_value=1) for name in ("Off", "On"))
        mode = entry("enumeration_type", off, name="Mode", type=byte, byte_size=1)
        late = entry("enumeration_type", on, name="Late", type=byte)
        takes = function("f", parameter(mode, "a"), parameter(late, "b"))
        found = tell(byte, mode, late, takes, language=CPLUSPLUS)
        assert "void f(uint8_t a, uint8_t b);\n" == found.text

    @pytest.mark.parametrize(
        ("name", "size", "value", "text"),
        [
            ("a::Mode", 4, 1, "void f(uint32_t a);\n"),
            ("Mode", 4, 1 << 40, "void f(uint32_t a);\n"),
            ("Mode", 4, -1, "enum Mode { On = -1 };\nvoid f(enum Mode a);\n"),
            ("Mode", 3, 1, ""),
        ],
    )
    def test_odd_enumerations(
        self, tell: Tell, name: str, size: int, value: int, text: str
    ) -> None:
        """An enumeration that C cannot have is an integer, if there is one."""
        on = entry("enumerator", name="On", const_value=value)
        mode = entry("enumeration_type", on, name=name, byte_size=size)
        assert text == tell(*one(mode), language=CPLUSPLUS).text

    def test_odd_names(self, tell: Tell) -> None:
        """A record of a name that C cannot have, also of a member, is not named."""
        template = entry("structure_type", *self.record().children, name="V<int>", byte_size=4)
        odd = entry("member", name="class::a", type=INT, data_member_location=0)
        member = entry("structure_type", odd, name="s", byte_size=4)
        derived = self.record(entry("inheritance", type=INT, data_member_location=0))
        pointers = [entry("pointer_type", type=each) for each in (template, member, derived)]
        takes = [parameter(each, name) for each, name in zip(pointers, "abc", strict=True)]
        records = (template, member, derived)
        found = tell(INT, *records, *pointers, function("f", *takes), language=CPLUSPLUS)
        assert "void f(void *a, struct s *b, struct C *c);\n" == found.text

    def test_virtual_base(self, tell: Tell) -> None:
        """Of a record with a virtual base, no members are known."""
        virtual = entry("inheritance", type=INT, virtuality=1, data_member_location=0)
        record = self.record(virtual)
        pointer = entry("pointer_type", type=record)
        found = tell(INT, record, *one(pointer), language=CPLUSPLUS)
        assert Pointer() == taken(found)
        assert "void f(struct C *a);\n" == found.text
