"""Types as debug information has them -> C text, for people to read."""

from __future__ import annotations

from nativeplug.load.dwarf.dies import Die, Dies, UntoldError
from nativeplug.load.dwarf.peel import DEEPEST, POINTERS, QUALIFIERS, unwrapped
from nativeplug.load.dwarf.types import array_lengths, origin

_DERIVED = frozenset({"DW_TAG_array_type", "DW_TAG_subroutine_type"})
_KEYWORDS = {
    "DW_TAG_structure_type": "struct",
    "DW_TAG_class_type": "struct",
    "DW_TAG_union_type": "union",
    "DW_TAG_enumeration_type": "enum",
}
# Rust's name of what C calls char where that is signed; a string there is a pointer to these.
_RUST_CHAR = "i8"


class Spelling:
    """Writes declarations with the names that the debug information has."""

    def __init__(self, dies: Dies) -> None:
        self.dies = dies

    def function(self, die: Die, name: str) -> str:
        """
        Return the prototype of a function.

        Raises:
            UntoldError: A part of it is not told.
        """
        listed = self._parameters(origin(self.dies, die), 0)
        return self.spell(self.dies.type(die), f"{name}({listed})")

    def variable(self, die: Die, name: str, *, is_thread_local: bool) -> str:
        """
        Return the declaration of a variable.

        Raises:
            UntoldError: A part of it is not told.
        """
        storage = "extern _Thread_local" if is_thread_local else "extern"
        return f"{storage} {self.spell(self.dies.type(die), name)}"

    def spell(
        self, die: Die | None, inner: str = "", depth: int = 0, *, pointed: bool = False
    ) -> str:
        """
        Return a declaration.

        Args:
            die: The type; None for void.
            inner: The declarator: a name, and what stands around it.
            depth: How many types it is within.
            pointed: Only a pointer to the type is asked for.

        Raises:
            UntoldError: A part of it is not told.
        """
        self.dies.budget.spend()
        if depth > DEEPEST:
            raise UntoldError("its type has no end")
        die = unwrapped(self.dies, die)
        if die is None:
            return _joined("void", inner)
        if die.tag in POINTERS:
            return self.pointer(die, inner, depth)
        if die.tag == "DW_TAG_const_type":
            return self._const(self.dies.type(die), inner, depth, pointed=pointed)
        if die.tag in QUALIFIERS:
            return self.spell(self.dies.type(die), inner, depth + 1, pointed=pointed)
        if die.tag in _DERIVED and "DW_AT_GNU_vector" not in die.attributes:
            return self.spell(self.dies.type(die), inner + self._suffix(die, depth), depth + 1)
        return _joined(self.named(die, depth, pointed=pointed), inner)

    def _suffix(self, die: Die, depth: int) -> str:
        """Return what stands after the declarator of a function or array."""
        if die.tag == "DW_TAG_subroutine_type":
            return f"({self._parameters(die, depth)})"
        lengths = array_lengths(self.dies, die)
        return "".join(f"[{'' if length is None else length}]" for length in lengths)

    def _const(self, die: Die | None, inner: str, depth: int, *, pointed: bool) -> str:
        target = die
        while target is not None and target.tag in QUALIFIERS:
            target = self.dies.type(target)
        if target is not None and target.tag in POINTERS:
            return self.spell(target, _joined("const", inner), depth + 1)
        text = self.spell(die, inner, depth + 1, pointed=pointed)
        return text if text.startswith("const ") else f"const {text}"

    def pointer(self, die: Die, inner: str, depth: int) -> str:
        """Return the declaration of a pointer."""
        target = self.dies.type(die)
        is_const = self.dies.name(die).startswith("*const ")  # Rust's
        if target is not None and self._is_rust_char(target):
            return f"{'const ' if is_const else ''}char *{inner}"
        bare = target
        while bare is not None and bare.tag in QUALIFIERS | {"DW_TAG_const_type"}:
            bare = self.dies.type(bare)
        is_derived = bare is not None and bare.tag in _DERIVED
        text = self.spell(
            target, f"(*{inner})" if is_derived else f"*{inner}", depth + 1, pointed=True
        )
        return f"const {text}" if is_const else text

    def _is_rust_char(self, die: Die) -> bool:
        return die.tag == "DW_TAG_base_type" and self.dies.name(die) == _RUST_CHAR

    def _parameters(self, die: Die, depth: int) -> str:
        listed = []
        for child in self.dies.children(die):
            if child.tag == "DW_TAG_formal_parameter":
                name = self.parameter_name(self.dies.name(child))
                listed.append(self.spell(self.dies.type(child), name, depth + 1))
            elif child.tag == "DW_TAG_unspecified_parameters" and listed:
                listed.append("...")
        return ", ".join(listed) or "void"

    def parameter_name(self, name: str) -> str:
        """Return what a parameter is called."""
        return name

    def named(self, die: Die, depth: int, *, pointed: bool) -> str:  # noqa: ARG002 - see CText
        """Return what a type is called that is not made of others by C's syntax."""
        name = self.dies.name(die)
        if die.tag == "DW_TAG_array_type":
            return f"{self.spell(self.dies.type(die), '', depth + 1)} __attribute__((vector_size))"
        keyword = _KEYWORDS.get(die.tag)
        if keyword is None:
            return name or str(die.tag)
        return f"{keyword} {name or '{...}'}"


def _joined(first: str, rest: str) -> str:
    space = "" if not rest or first.endswith("*") else " "
    return f"{first}{space}{rest}"
