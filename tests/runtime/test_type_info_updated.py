"""What is known of types, from one version of a plugin to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nativeplug
from nativeplug import Function, SignatureMismatchError
from plugins_with_metadata import tell
from versions import DECLARED, Versions, refused

ADD, ADD_OTHER = "int add(int a, int b)", "double add(int a, double b)"
BODY = "{ return a + b; }"
#: Who tells the types of a version, and the flag to build it with.
FLAGS = {"plugin": "-g0", "dwarf": "-g", None: "-g0"}


def put(versions: Versions, number: int, by: str | None, add: str = ADD) -> None:
    """Put a version in place, of which somebody tells the type of ``add``."""
    built = versions.build(number, f"{add} {BODY}", FLAGS[by])
    if by == "plugin":
        built.write_bytes(tell(built.read_bytes(), f"function {add}"))
    built.replace(versions.path)


def checked(plg: Any) -> str | None:
    """Return who has told the type of ``add``, which is 5 all the same."""
    assert 5 == plg.add(2, 3)
    found: Function = plg.lookup("add")
    return found.checked


@pytest.fixture
def plg(called_by_each: Versions) -> nativeplug.Plugin:
    """Give an open plugin with debug information, by each invoker."""
    put(called_by_each, 1, "dwarf")
    return called_by_each.open(f"{ADD};")


class TestChecked:
    """`Function.checked` speaks of the version that serves."""

    @pytest.mark.parametrize("by", FLAGS)
    def test_follows(
        self, called_by_each: Versions, plg: nativeplug.Plugin, by: str | None
    ) -> None:
        """It follows updates and rollbacks; the function is the same object."""
        add = plg.lookup("add")
        assert ("dwarf", "dwarf") == (checked(plg), add.checked)
        put(called_by_each, 2, by)
        assert "updated" == plg.update()
        assert by == checked(plg)
        plg.rollback()
        assert "dwarf" == checked(plg)
        assert add is plg.lookup("add")

    def test_variables(self, versions: Versions) -> None:
        """Variables as well."""
        versions.put(1, "", "-g")
        plg = versions.open()
        number, seen = plg.lookup("number"), list[str | None]()
        versions.put(2, "", "-g0")
        for step in (lambda: None, plg.update, plg.rollback):
            step()
            seen.append(number.checked)
        assert ["dwarf", None, "dwarf"] == seen

    def test_pins(self, called_by_each: Versions, plg: nativeplug.Plugin) -> None:
        """That of a pin's functions is its own version's, whenever they are looked up."""
        early, late = plg.pin(), plg.pin()
        assert "dwarf" == checked(early)
        put(called_by_each, 2, "plugin")
        plg.update()
        assert ("plugin", "dwarf", "dwarf") == (checked(plg), checked(early), checked(late))
        assert "plugin" == checked(plg.pin())
        plg.rollback()
        assert ("dwarf", "dwarf") == (checked(plg), checked(late))

    def test_taken_back(self, called_by_each: Versions, plg: nativeplug.Plugin) -> None:
        """An update that after_update takes back leaves it as it was."""
        seen = []

        def fail(plg: Any) -> None:
            seen.append(plg.lookup("add").checked)
            raise OSError("no")

        assert "dwarf" == checked(plg)
        plg = nativeplug.open(called_by_each.path, after_update=fail)
        put(called_by_each, 2, None)
        assert "after_update raised OSError: no" in refused(plg).reasons[0]
        assert ([None], "dwarf") == (seen, checked(plg))


def test_readonly_from_now_on(versions: Versions) -> None:
    """A variable that a version has in read-only memory is not written any more."""
    versions.put(1, "int limit = 1;")
    plg: Any = versions.open("extern int limit;")
    plg.limit = 5

    class Late:
        """A number that is asked for after the variable's memory."""

        def __index__(self) -> int:
            versions.put(2, "const int limit = 2;")
            assert "updated" == plg.update()
            return 6

    with pytest.raises(AttributeError, match="'limit' lies in read-only memory"):
        plg.limit = Late()
    assert 2 == plg.limit
    plg.rollback()
    plg.limit = 7
    assert 7 == plg.limit


class TestRefused:
    """Versions whose types are others are refused before anything of them runs."""

    @pytest.mark.parametrize("by", ["plugin", "dwarf"])
    @pytest.mark.parametrize("before", FLAGS)
    def test_other_type(self, versions: Versions, before: str | None, by: str) -> None:
        """Whoever tells the new type: it is held against what is declared, in both texts."""
        put(versions, 1, before)
        plg = versions.open(f"{ADD};")
        assert before == checked(plg)
        put(versions, 2, by, ADD_OTHER)
        (reason,) = refused(plg).reasons
        says = "the plugin itself tells" if by == "plugin" else "its debug information tells"
        assert f"is declared as {ADD!r}, but {says} {ADD_OTHER!r}: parameter 2 is 'int'" in reason
        assert before == checked(plg)

    def test_not_in_use(self, versions: Versions) -> None:
        """What nobody has looked up may become anything; it is refused when it is looked up."""
        put(versions, 1, "dwarf")
        plg = versions.open(f"{ADD};")
        put(versions, 2, "dwarf", ADD_OTHER)
        assert "updated" == plg.update()
        with pytest.raises(SignatureMismatchError, match="but its debug information tells 'double"):
            plg.lookup("add")
        put(versions, 3, "dwarf")
        plg.update()
        assert "dwarf" == checked(plg)

    def test_rollback(self, versions: Versions) -> None:
        """A rollback to a version whose type is another one is refused, too."""
        put(versions, 1, "dwarf", ADD_OTHER)
        plg = versions.open(f"{ADD};")
        put(versions, 2, "dwarf")
        plg.update()
        assert "dwarf" == checked(plg)
        with pytest.raises(nativeplug.UpdateError, match="but its debug information tells 'double"):
            plg.rollback()
        assert (2, "dwarf") == (plg.generation, checked(plg))

    def test_as_before(self, versions: Versions) -> None:
        """Two versions are compared, also where the declaration says less than either tells."""
        point = "struct point { %s x, y; }; int get(struct point *p) { return p->x; }"
        versions.put(1, point % "int", "-g")
        plg: Any = versions.open("int get(void *);")
        assert "dwarf" == plg.lookup("get").checked
        versions.put(2, point % "long", "-g")
        (reason,) = refused(plg).reasons
        text = "int get(struct point *p)"
        assert reason.startswith(f"'get' is {text!r} in it, and was {text!r}: parameter 1 is ")
        assert "they point to records of 8 and 16 bytes" in reason

    def test_told_no_more(self, versions: Versions) -> None:
        """Where it must be told, a version that does not is refused."""
        put(versions, 1, "plugin")
        plg = nativeplug.open(versions.path, f"{ADD};", require_checked=True)
        assert "plugin" == checked(plg)
        put(versions, 2, None)
        (reason,) = refused(plg).reasons
        assert "the plugin does not tell its type, which require_checked demands" in reason
        put(versions, 3, "dwarf")
        plg.update()
        assert "dwarf" == checked(plg)

    def test_other_struct(self, versions: Versions) -> None:
        """A plugin that brings its own declarations does not bring another struct of that name."""

        def put_told(number: int, member: str) -> Path:
            struct, get = f"struct s {{ {member} x; }}", "int get(struct s s)"
            built = versions.build(number, f"{struct}; {get} {{ return s.x; }}")
            texts = f"type {struct}", f"function {get}", "function int64_t version(void)"
            built.write_bytes(tell(built.read_bytes(), *texts))
            return built.replace(versions.path)

        put_told(1, "int")
        plg: Any = nativeplug.open(versions.path)
        assert ("plugin", 1) == (plg.lookup("get").checked, plg.version())
        put_told(2, "long")
        (reason,) = refused(plg).reasons
        assert "struct s" in reason
        put_told(3, "int")
        assert ("updated", 3, "plugin") == (
            plg.update(),
            plg.version(),
            plg.lookup("get").checked,
        )

    def test_damaged_section(self, versions: Versions) -> None:
        """A version whose section is damaged is refused as a file is."""
        versions.put(1)
        plg = versions.open()
        built = versions.build(2)
        built.write_bytes(tell(built.read_bytes(), b"function \xff"))
        built.replace(versions.path)
        assert "the section .nativeplug, at byte" in refused(plg).reasons[0]

    def test_first_version_is_told(self, versions: Versions) -> None:
        """A version that tells of itself takes the place of one that was declared by a header."""
        versions.header()
        versions.put(1, "", "-g0")
        plg: Any = nativeplug.open(versions.path)
        assert (1, None) == (plg.version(), plg.lookup("version").checked)
        built = versions.build(2, "", "-g0")
        types = "type typedef struct { int64_t a, b, c; } Triple"
        _, texts = DECLARED.split("Triple;\n")
        declared = [f"declare {text.removeprefix('extern ')}" for text in texts.split(";\n")[:-1]]
        built.write_bytes(tell(built.read_bytes(), types, *declared))
        built.replace(versions.path)
        assert ("updated", 2) == (plg.update(), plg.version())
        assert "plugin" == plg.lookup("version").checked
