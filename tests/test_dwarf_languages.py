"""Types of other languages, and rare ones of C, as their compilers write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from entries import CPLUSPLUS, RUST, Entry, assembly, base, entry, function, parameter
from nativeplug import abi
from nativeplug.abi import Field, FunctionType, Pointer, Record, Scalar
from nativeplug.load import dwarf
from nativeplug.load.layout import host_target
from support import Compile

IS_X86 = host_target().machine == 62
INT = base("int", 5, 4)
Tell = Callable[..., dwarf.Debug]


@pytest.fixture
def tell(compile_c: Compile) -> Tell:
    """Give a function that returns what entries tell."""

    def written(*entries: Entry, language: int = 0x0C, producer: str = "hand") -> dwarf.Debug:
        text = assembly(*entries, language=language, producer=producer)
        found = dwarf.read(compile_c(f"__asm__({_quoted(text)});").read_bytes())
        assert found.reason is None
        return found

    return written


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def taken(found: dwarf.Debug, name: str = "f") -> abi.Type:
    """Return the type of a function's only parameter."""
    type_ = found.symbols[name].type
    assert isinstance(type_, FunctionType)
    assert type_.parameters is not None
    (only,) = type_.parameters
    return only


def one(type_: Entry) -> list[Entry]:
    """Return a function that takes a type, and the type."""
    return [type_, function("f", parameter(type_), prototyped=True)]


class TestScalars:
    """Base types."""

    @pytest.mark.parametrize(
        ("name", "encoding", "size", "kind"),
        [
            ("long double", 4, 16, "x87" if IS_X86 else "float"),
            ("_Float128", 4, 16, "float"),
            ("__float128", 4, 16, "float"),
            ("_Float64x", 4, 16, "x87" if IS_X86 else "float"),
            ("__bf16", 4, 2, "bfloat"),
            ("_Float16", 4, 2, "float"),
            ("complex float", 3, 8, "complex"),
            ("complex double", 3, 16, "complex"),
            ("complex long double", 3, 32, "x87 complex" if IS_X86 else "complex"),
            ("complex _Float128", 3, 32, "complex"),
            ("_Decimal64", 15, 8, "decimal"),
            ("bool", 2, 1, "boolean"),
            ("char16_t", 16, 2, "integer"),
        ],
    )
    def test_kinds(self, tell: Tell, name: str, encoding: int, size: int, kind: str) -> None:
        """What is as long and is passed otherwise is of another kind."""
        assert Scalar(kind, size) == taken(tell(*one(base(name, encoding, size))))

    @pytest.mark.parametrize(
        ("name", "encoding", "size", "bits"),
        [
            ("_BitInt(7)", 5, 1, 7),
            ("complex int", 0x80, 8, 64),
            ("decimal fixed", 13, 4, 32),
            ("nothing", 5, 0, 0),
        ],
    )
    def test_unknown(self, tell: Tell, name: str, encoding: int, size: int, bits: int) -> None:
        """Of a function with what C does not have, nothing is known."""
        assert {} == tell(*one(base(name, encoding, size, bit_size=bits))).symbols

    @pytest.mark.parametrize(
        ("name", "encoding", "size", "text"),
        [
            ("long unsigned int", 7, 8, "long unsigned int"),
            ("u32", 7, 4, "uint32_t"),
            ("i8", 5, 1, "int8_t"),
            ("f64", 4, 8, "double"),
            ("char", 16, 4, "uint32_t"),
            ("bool", 2, 1, "_Bool"),
            ("complex float", 3, 8, "float _Complex"),
            ("__int128", 5, 16, "__int128_t"),
            ("_Float128", 4, 16, "_Float128"),
        ],
    )
    def test_text(self, tell: Tell, name: str, encoding: int, size: int, text: str) -> None:
        """Each language's numbers are written as C has them."""
        found = tell(*one(base(name, encoding, size)))
        assert f"void f({text} a);\n" == found.text

    def test_vectors(self, tell: Tell) -> None:
        """A vector is none of its numbers, and nothing that C text can say."""
        length = entry("subrange_type", upper_bound=3)
        vector = entry("array_type", length, type=INT, GNU_vector=True, byte_size=16)
        found = tell(INT, *one(vector))
        assert Scalar("vector", 16) == taken(found)
        assert not found.symbols["f"].is_c
        assert "void f(int __attribute__((vector_size)) a)" == found.symbols["f"].text

    def test_names_of_stdint(self, tell: Tell) -> None:
        """A name of <stdint.h> that means something else is not written."""
        odd = entry("typedef", name="int32_t", type=base("short", 5, 2))
        found = tell(odd.attributes["type"], *one(odd))
        assert not found.symbols["f"].is_c
        assert "void f(int32_t a)" == found.symbols["f"].text
        odd = entry("typedef", name="size_t", type=base("double", 4, 8))
        assert not tell(odd.attributes["type"], *one(odd)).symbols["f"].is_c

    def test_odd_typedefs(self, tell: Tell) -> None:
        """A typedef that C cannot call so is what it stands for."""
        names = ("bool", "a::b", "unsigned")
        typedefs = [entry("typedef", name=name, type=INT) for name in names]
        takes = [parameter(each, f"a{index}") for index, each in enumerate(typedefs)]
        found = tell(INT, *typedefs, function("f", *takes, prototyped=True))
        assert "void f(int a0, int a1, int a2);\n" == found.text

    def test_base_without_encoding(self, tell: Tell) -> None:
        """A number that does not tell its encoding is unknown."""
        assert {} == tell(*one(entry("base_type", name="odd", byte_size=4))).symbols


class TestEntries:
    """How entries are found."""

    def test_forms(self, tell: Tell) -> None:
        """What stands before an address may be of any form."""
        code = {"prototyped": True, "decl_line": 300, "frame_base": b"\x9c", "low_pc": "&f"}
        late = entry("subprogram", parameter(INT), name="f", **code)
        number = entry("subprogram", parameter(INT), name="g", decl_line=-9, low_pc="&g")
        found = tell(INT, late, number)
        assert ["f", "g"] == list(found.symbols)

    def test_origin_of_itself(self, tell: Tell) -> None:
        """A function that stems from itself is damage, and followed to no end."""
        circle = entry("subprogram", low_pc="&f")
        circle.attributes["abstract_origin"] = circle
        assert FunctionType(abi.VOID, None) == tell(circle).symbols["f"].type

    @pytest.mark.parametrize("location", [b"\xa1\x00\x23\x04", b"\x91\x04", b"\x03\x04", b""])
    def test_places_of_variables(self, tell: Tell, location: bytes) -> None:
        """A variable that is at no fixed place is not what is exported."""
        local = entry("variable", name="f", type=INT, location=location)
        renamed = entry("subprogram", name="other", low_pc="&f")  # so that all is read
        assert "void f(void)" == tell(INT, local, renamed).symbols["f"].text


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


class TestFunctions:
    """How functions are called."""

    def test_calling_convention(self, tell: Tell) -> None:
        """Of a function with a calling convention of its own, nothing is known."""
        windows = function("f", calling_convention=0xC1, prototyped=True)
        assert {} == tell(windows).symbols

    @pytest.mark.parametrize(("producer", "known"), [("GNU C17", False), ("zig 0.13", True)])
    def test_prototyped(self, tell: Tell, producer: str, *, known: bool) -> None:
        """In C, a function without a prototype says nothing of its parameters; in Zig it does."""
        found = tell(INT, function("f", parameter(INT)), producer=producer)
        type_ = found.symbols["f"].type
        assert isinstance(type_, FunctionType)
        assert known is (type_.parameters is not None)

    def test_names(self, tell: Tell) -> None:
        """A parameter that C cannot call so has no name; a function like that is not C."""
        takes = [parameter(INT, name) for name in ("class", "int", "__LINE__", "a-b", "_Bool")]
        odd = function("typeof", parameter(INT), prototyped=True)
        found = tell(INT, function("f", *takes, prototyped=True), odd)
        assert "void f(int class, int, int, int, int);\n" == found.text
        assert not found.symbols["typeof"].is_c


class TestRecords:
    """Where members are."""

    def members(self, found: dwarf.Debug) -> list[tuple[int, tuple[int, int] | None]]:
        """Return the places of the members of the record that is pointed to."""
        pointer = taken(found)
        assert isinstance(pointer, Pointer)
        return (
            [(each.offset, each.bits) for each in pointer.target.fields] if pointer.target else []
        )

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({"data_member_location": 4}, (4, None)),
            ({"data_member_location": b"\x23\x84\x01"}, (132, None)),
            ({}, (0, None)),
            ({"bit_size": 3, "data_bit_offset": 35}, (4, (35, 3))),
            ({"bit_size": 3, "bit_offset": 26, "data_member_location": 4}, (4, (35, 3))),
            ({"bit_size": 3, "bit_offset": 2, "byte_size": 1}, (0, (3, 3))),
            ({"bit_size": 3, "data_member_location": 4}, (4, (32, 3))),
        ],
    )
    def test_places(
        self, tell: Tell, attributes: dict[str, object], expected: tuple[int, object]
    ) -> None:
        """Every version of DWARF tells them in another way."""
        member = entry("member", name="a", type=INT, **attributes)
        record = entry("structure_type", member, name="s", byte_size=200)
        pointer = entry("pointer_type", type=record)
        assert [expected] == self.members(tell(INT, record, *one(pointer)))

    @pytest.mark.parametrize(
        "record",
        [
            entry("structure_type", name="s", declaration=True),
            entry("structure_type", name="s"),
            entry(
                "structure_type",
                entry("member", name="a", type=INT, data_member_location=b"\x06"),
                name="s",
                byte_size=4,
            ),
        ],
    )
    def test_untold(self, tell: Tell, record: Entry) -> None:
        """A record whose members are not told is opaque, and passed by value unknown."""
        pointer = entry("pointer_type", type=record)
        by_value = function("g", parameter(record), prototyped=True)
        found = tell(INT, record, *one(pointer), by_value)
        assert ["f"] == list(found.symbols)
        assert "void f(struct s *a);\n" == found.text

    def test_within_itself(self, tell: Tell) -> None:
        """A record that is a part of itself is damage, and followed to no end."""
        record = entry("structure_type", name="s", byte_size=4)
        record.children.append(entry("member", name="a", type=record, data_member_location=0))
        assert {} == tell(*one(record)).symbols

    def test_typedef_of_itself(self, tell: Tell) -> None:
        """So is a typedef of itself."""
        circle = entry("typedef", name="t")
        circle.attributes["type"] = circle
        assert {} == tell(*one(circle)).symbols

    def test_dimensions(self, tell: Tell) -> None:
        """An array by anything but numbers is unknown."""
        array = entry("array_type", entry("enumeration_type", name="e", byte_size=4), type=INT)
        pointer = entry("pointer_type", type=array)
        member = entry("member", name="a", type=array, data_member_location=0)
        record = entry("structure_type", member, name="s", byte_size=4)
        assert {} == tell(INT, array, pointer, *one(record)).symbols

    @pytest.mark.parametrize("bound", [{"upper_bound": b"\x31"}, {"count": -5}])
    def test_lengths(self, tell: Tell, bound: dict[str, object]) -> None:
        """An array whose length is worked out at run time is unknown."""
        array = entry("array_type", entry("subrange_type", **bound), type=INT)
        record = entry(
            "structure_type",
            entry("member", name="a", type=array, data_member_location=0),
            name="s",
            byte_size=4,
        )
        assert {} == tell(INT, array, *one(record)).symbols
