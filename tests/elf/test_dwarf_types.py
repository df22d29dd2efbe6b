"""Types, members and functions in every way that compilers write them."""

from __future__ import annotations

import pytest

from nativeplug.abi import FunctionType, Pointer, Scalar
from nativeplug.elf import dwarf
from nativeplug.elf.dwarf import units
from nativeplug.elf.elffile import host_target
from support import Compile
from told_by_dwarf import INT, Tell, one, taken, teller, told
from written_dwarf import RUST, Entry, base, entry, function, parameter

IS_X86 = host_target().machine == 62


@pytest.fixture
def tell(compile_c: Compile) -> Tell:
    """Give a function that returns what entries tell."""
    return teller(compile_c)


class TestLeftOut:
    """Debug information from which types are left out."""

    TEXT = """
        int twice(int a) { return 2 * a; }
        static inline int inlined(int a) { return twice(a) + 1; }
        void nothing(void) {}
        int caller(int a) { return inlined(a) + inlined(2); }
        int counter = 3;
    """

    @pytest.mark.parametrize("flags", ["-g1", "-g1 -O2", "-gdwarf-4 -O2 -g1"])
    def test_lines_alone(self, compile_c: Compile, flags: str) -> None:
        """What is only for lines and inlined calls says nothing of functions and variables."""
        assert {} == told(compile_c(self.TEXT, *flags.split())).symbols

    def test_all(self, compile_c: Compile) -> None:
        """With types, all of that is told."""
        found = told(compile_c(self.TEXT, "-g", "-O2")).symbols
        assert ["caller", "counter", "nothing", "twice"] == list(found)
        assert "void nothing(void)" == found["nothing"].text

    def test_few(self, tell: Tell) -> None:
        """
        Where no prototypes are noted, a function is void only beside what has types.

        A parameter without a type is one of which nothing is known.
        """
        bare = function("f")
        number = base("int", 5, 4)
        typed = function("g", type=number)
        untyped = function("h", entry("formal_parameter", name="a"), prototyped=True)
        assert {} == tell(bare, language=RUST).symbols
        assert {} == tell(bare, untyped, language=RUST).symbols
        assert ["f", "g"] == list(tell(bare, number, typed, untyped, language=RUST).symbols)

    def test_far_away(self, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not looked for in all entries of a large unit."""
        monkeypatch.setattr(units, "_MANY_ENTRIES", 3)
        number = base("int", 5, 4)
        typed = function("g", type=number)
        assert ["g"] == list(tell(function("f"), number, typed, language=RUST).symbols)


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
        assert {} == tell(circle).symbols

    @pytest.mark.parametrize("location", [b"\xa1\x00\x23\x04", b"\x91\x04", b"\x03\x04", b""])
    def test_places_of_variables(self, tell: Tell, location: bytes) -> None:
        """A variable that is at no fixed place is not what is exported."""
        local = entry("variable", name="f", type=INT, location=location)
        renamed = entry("subprogram", name="other", low_pc="&f")  # so that all is read
        assert "void f(void)" == tell(INT, local, renamed).symbols["f"].text


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

    def members(self, found: dwarf.DebugInfo) -> list[tuple[int, tuple[int, int] | None]]:
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
