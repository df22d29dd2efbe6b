"""The C text of what debug information tells."""

from __future__ import annotations

from pathlib import Path

from nativeplug import abi
from nativeplug.declare.abi_types import abi_of
from nativeplug.elf import dwarf
from support import Compile
from told_by_dwarf import opened, told


class TestText:
    """The C text of what is told."""

    def check(self, compile_c: Compile, text: str, *expected: str) -> dwarf.DebugInfo:
        """Check that the text of a plugin is as expected, and can be read as C."""
        found = told(compile_c(text, "-g"))
        assert "".join(f"{line};\n" for line in expected) == found.text
        assert len(found.symbols) == len(opened(found).lines)
        return found

    def test_typedefs(self, compile_c: Compile) -> None:
        """Prototypes keep typedefs and names; what <stdint.h> has is not defined."""
        self.check(
            compile_c,
            "#include <stdint.h>\ntypedef int64_t number; typedef const char *text;\n"
            "number add(number a, uint8_t b, text c) { return a + b; }",
            "typedef int64_t number",
            "typedef const char *text",
            "number add(number a, uint8_t b, text c)",
        )

    def test_order(self, compile_c: Compile) -> None:
        """A record stands before what has it as a part, and what is pointed to at the end."""
        self.check(
            compile_c,
            "struct in { int x; }; struct list { struct list *next; struct in in[2]; };\n"
            "struct out { struct in in; struct list *list; };\n"
            "int f(struct out o) { return o.in.x; }",
            "struct in { int x; }",
            "struct out { struct in in; struct list *list; }",
            "struct list { struct list *next; struct in in[2]; }",
            "int f(struct out o)",
        )

    def test_nameless(self, compile_c: Compile) -> None:
        """Records without names stand where they are used, or have a typedef's name."""
        self.check(
            compile_c,
            "typedef struct { union { int i; float f; }; struct { char c; } in; } Value, *Values;\n"
            "Value f(Values v, Value *w) { return *v; }",
            "typedef struct { union { int i; float f; }; struct { char c; } in; } Value",
            "typedef Value *Values",
            "Value f(Values v, Value *w)",
        )

    def test_enumerations(self, compile_c: Compile) -> None:
        """Enumerations have their enumerators, but each has those that none had before."""
        self.check(
            compile_c,
            "enum color { RED = -1, BLUE = 7 }; typedef enum { ON = 1 } Switch;\n"
            "enum color f(Switch s) { return s; }",
            "typedef enum { ON = 1 } Switch",
            "enum color { RED = -1, BLUE = 7 }",
            "enum color f(Switch s)",
        )

    def test_declarators(self, compile_c: Compile) -> None:
        """Pointers to functions and arrays, and const at any place, are written as C has them."""
        self.check(
            compile_c,
            "typedef int (*visit)(void *, ...); int g(int a) { return a; }\n"
            "const char *const names[2][3]; int (*hook)(int) = g; int (*rows)[3];\n"
            "visit f(int (*a)(void), const volatile int *restrict b, char *const c) { return 0; }\n"
            "int (*chosen(int x))(int) { return g; }",
            "typedef int (*visit)(void *, ...)",
            "int (*chosen(int x))(int)",
            "visit f(int (*a)(void), const int *b, char *const c)",
            "int g(int a)",
            "extern int (*hook)(int)",
            "extern const char *const names[2][3]",
            "extern int (*rows)[3]",
        )

    def test_layouts(self, compile_c: Compile) -> None:
        """A record that C would lay out otherwise is packed, or has no members."""
        found = self.check(
            compile_c,
            "struct __attribute__((packed)) p { char c; int i; };\n"
            "struct far { char c; int i __attribute__((aligned(32))); };\n"
            "struct bits { unsigned a : 3, b : 30, c : 2; };\n"
            "struct gap { int a : 3, : 7, b : 2; };\n"
            "int f(struct p p, struct far *far, struct bits b, struct gap *g) { return p.i; }",
            "struct __attribute__((packed)) p { char c; int i; }",
            "struct bits { unsigned int a : 3; unsigned int b : 30; unsigned int c : 2; }",
            "int f(struct p p, struct far *far, struct bits b, struct gap *g)",
        )
        own = opened(found)
        told_type = abi_of(own.ffi, own.lines["f"])
        assert told_type is not None
        assert abi.differ(told_type, found.symbols["f"].type) is None

    def test_what_c_cannot_say(self, compile_c: Compile) -> None:
        """What cannot be said is known all the same, and not in the text."""
        found = told(
            compile_c(
                "struct far { char c; int i __attribute__((aligned(32))); };\n"
                "int f(struct far far) { return far.i; } int Value; typedef int v;\n"
                "_Complex long double g(v a) { return a; }",
                "-g",
            )
        )
        assert {"f": False, "g": False, "Value": True} == {
            name: known.is_c for name, known in found.symbols.items()
        }
        assert "int f(struct far far)" == found.symbols["f"].text
        assert ["Value"] == list(opened(found).lines)

    def test_names_that_clash(self, compile_c: Compile, tmp_path: Path) -> None:
        """Of two types of one name, one is named; a pointer to the other is one to void."""
        other = tmp_path / "other.c"
        other.write_text(
            "struct s { double d; }; double g(struct s s) { return s.d; }\n"
            "double h(struct s *s) { return s->d; }"
        )
        text = "struct s { int x; }; int f(struct s s) { return s.x; }"
        found = told(compile_c(text, "-g", str(other)))
        assert ("struct s { int x; };\nint f(struct s s);\ndouble h(struct s *s);\n") == found.text
        assert "double g(struct s s)" == found.symbols["g"].text

    def test_late(self, compile_c: Compile) -> None:
        """What a typedef stands for is defined where it is needed whole, arrays of it too."""
        self.check(
            compile_c,
            "typedef struct p P; int f(P *p) { return !p; }\n"
            "struct p { int (*call)(struct p); }; typedef P pair[2];\n"
            "struct holder { pair both; P one; }; int g(struct holder h) { return !h.one.call; }",
            "typedef struct p P",
            "struct p { void *call; }",
            "typedef P pair[2]",
            "struct holder { pair both; P one; }",
            "int f(P *p)",
            "int g(struct holder h)",
        )

    def test_nameless_enumeration(self, compile_c: Compile) -> None:
        """An enumeration without a name is called as its typedef, or the integer that it is."""
        self.check(
            compile_c,
            "typedef enum { ON = 1 } Switch, *Switches; enum { LOW = -3 } level;\n"
            "int f(Switches s, Switch t) { return *s + t; }",
            "typedef enum { ON = 1 } Switch",
            "typedef Switch *Switches",
            "int f(Switches s, Switch t)",
            "extern int32_t level",
        )

    def test_nothing_to_name(self, compile_c: Compile) -> None:
        """A variable of a type without a name is known, and not in the text."""
        found = told(compile_c("struct { int x; } v; struct {} *w;", "-g"))
        assert "extern void *w;\n" == found.text
        assert "extern struct {...} v" == found.symbols["v"].text

    def test_file(self, compile_c: Compile) -> None:
        """FILE is opaque: cffi has its own idea of it."""
        found = told(compile_c("#include <stdio.h>\nint f(FILE *file) { return !file; }", "-g"))
        assert "int f(FILE *file)" == found.symbols["f"].text
        assert ["f"] == list(opened(found).lines)

    def test_va_list(self, compile_c: Compile) -> None:
        """A va_list can be declared, if not passed."""
        found = told(compile_c("#include <stdarg.h>\nint f(va_list *list) { return !list; }", "-g"))
        assert ["f"] == list(opened(found).lines)
