"""A plugin's own part in updates: whether it is ready, and its state."""

from __future__ import annotations

import pytest

import nativeplug
from versions import Versions, refused

DECLARED = "int64_t count(void);"
COUNT = "static int64_t counter; int64_t count(void) { return ++counter; }"
SAVE = """
    void *nativeplug_save(size_t *size) { *size = sizeof counter; return &counter; }
"""
RESTORE = """
    int nativeplug_restore(const void *data, size_t size) {
        if (size != sizeof counter) return 9;
        memcpy(&counter, data, size);
        return 0; }
"""


def counted(versions: Versions, more: str) -> nativeplug.Plugin:
    """Open a plugin that has counted to three."""
    versions.put(1, COUNT + more)
    plg = versions.open(DECLARED)
    assert [1, 2, 3] == [plg.count() for _ in range(3)]
    return plg


class TestState:
    """State goes over, if both versions take part in that."""

    def test_handed_over(self, versions: Versions) -> None:
        """The new version goes on where the old one was."""
        plg = counted(versions, SAVE)
        versions.put(2, COUNT + RESTORE)
        plg.update()

        assert (4, 2) == (plg.count(), plg.version())

    def test_back(self, versions: Versions) -> None:
        """A rollback takes the state along too."""
        plg = counted(versions, SAVE + RESTORE)
        versions.put(2, COUNT + SAVE + RESTORE)
        plg.update()
        assert 4 == plg.count()
        plg.rollback()

        assert (5, 1) == (plg.count(), plg.version())

    @pytest.mark.parametrize(("old", "new"), [("", RESTORE), (SAVE, "")])
    def test_one_side(self, versions: Versions, old: str, new: str) -> None:
        """With one of them alone nothing goes over."""
        plg = counted(versions, old)
        versions.put(2, COUNT + new)
        plg.update()

        assert 1 == plg.count()

    def test_none(self, versions: Versions) -> None:
        """There may be no state: then nothing is restored."""
        plg = counted(versions, "void *nativeplug_save(size_t *size) { *size = 0; return 0; }")
        versions.put(2, COUNT + "int nativeplug_restore(const void *d, size_t n) { return 1; }")

        assert "updated" == plg.update()

    def test_empty(self, versions: Versions) -> None:
        """State of no bytes is state."""
        plg = counted(versions, "void *nativeplug_save(size_t *n) { *n = 0; return &counter; }")
        versions.put(2, COUNT + RESTORE)

        assert ("nativeplug_restore() of the new version returned 9",) == refused(plg).reasons

    def test_failing_save(self, versions: Versions) -> None:
        """State that cannot be saved refuses the update."""
        plg = counted(versions, "void *nativeplug_save(size_t *size) { *size = 1; return 0; }")
        versions.put(2, COUNT + RESTORE)

        assert ("nativeplug_save() of the old version returned NULL",) == refused(plg).reasons
        assert (4, 1) == (plg.count(), plg.version())

    def test_failing_restore(self, versions: Versions) -> None:
        """State that the new version does not take refuses the update."""
        plg = counted(versions, SAVE)
        versions.put(2, COUNT + "int nativeplug_restore(const void *d, size_t n) { return -1; }")

        assert ("nativeplug_restore() of the new version returned -1",) == refused(plg).reasons
        assert (4, 1) == (plg.count(), plg.version())

    def test_is_a_copy(self, versions: Versions) -> None:
        """What the new version gets is its own: the old one may go on changing its state."""
        plg = counted(versions, SAVE)
        old = plg.pin()
        seen = """
            static const int64_t *kept; static int64_t first;
            int nativeplug_restore(const void *data, size_t size) {
                kept = data; first = *kept; return 0; }
            int64_t count(void) { return first; }
        """
        versions.put(2, seen)
        plg.update()

        assert (4, 3) == (old.count(), plg.count())


class TestHooks:
    """What plugins export to take part must be functions."""

    @pytest.mark.parametrize("name", ["loaded", "save", "restore"])
    def test_variable(self, versions: Versions, name: str) -> None:
        """A variable of that name would be called: it refuses the update."""
        versions.put(1)
        plg = versions.open()
        versions.put(2, f"int nativeplug_{name} = 1;")

        assert (f"'nativeplug_{name}' is a variable in it",) == refused(plg).reasons

    def test_variable_in_the_first(self, versions: Versions) -> None:
        """Nor is one called that the first version has."""
        versions.put(1, "int nativeplug_save = 1;")
        plg = versions.open()
        versions.put(2, COUNT + RESTORE)

        assert "updated" == plg.update()

    def test_once(self, versions: Versions) -> None:
        """Each is called once, in the new generation, after its constructors."""
        versions.put(1)
        plg = versions.open("extern int64_t seen;")
        versions.put(
            2,
            """
            int64_t seen;
            __attribute__((constructor)) static void begin(void) { seen = 1; }
            int nativeplug_loaded(void) { seen = seen * 10 + 2; return 0; }
            """,
        )
        plg.update()

        assert 12 == plg.seen


class TestErrors:
    """A hook of a plugin that tells of errors may tell of one."""

    TELLS = """
        static const char *noted;
        const char *nativeplug_take_error(void) {
            const char *text = noted;
            noted = NULL;
            return text; }
    """

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("", 'int nativeplug_loaded(void) { noted = "no"; return 1; }', "loaded() of the new"),
            (
                'void *nativeplug_save(size_t *size) { noted = "no"; *size = 1; return NULL; }',
                RESTORE,
                "save() of the old",
            ),
            (
                SAVE,
                'int nativeplug_restore(const void *data, size_t size) { noted = "no"; return 0; }',
                "restore() of the new",
            ),
        ],
        ids=["loaded", "save", "restore"],
    )
    def test_told(self, versions: Versions, old: str, new: str, reason: str) -> None:
        """Its text is the reason of the refusal, and no call's error."""
        plg = counted(versions, self.TELLS + old)
        versions.put(2, self.TELLS + COUNT + new)
        assert (f"nativeplug_{reason} version raised: no",) == refused(plg).reasons
        assert 4 == plg.count()
