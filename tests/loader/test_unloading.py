"""What a file tells about being unloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativeplug.elf import dynamic
from nativeplug.loader.generation import find_resident_reason
from support import EXPORTS_C, Compile, CPlugin, needs_go


def reason_of(path: Path) -> str | None:
    """Return why a file has to stay mapped."""
    return find_resident_reason(dynamic.read(path.read_bytes()))


class TestReasons:
    """Files that have to stay."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("pthread_create", "starts threads"),
            ("__cxa_thread_atexit_impl", "has destructors that run as threads end"),
            ("pthread_key_create", "has data of each thread"),
            ("sigaction", "handles signals"),
            ("on_exit", "runs when the program ends"),
        ],
    )
    def test_imports(self, compile_c: Compile, name: str, words: str) -> None:
        """A function that leaves addresses behind is named, with what it is for."""
        path = compile_c(f"void {name}(void); void f(void) {{ {name}(); }}", "-fno-builtin")
        assert f"it {words} (imports {name})" == reason_of(path)

    def test_own_function(self, compile_c: Compile) -> None:
        """A function of that name that is the file's own says nothing."""
        assert None is reason_of(compile_c("void signal(void) {}", "-fno-builtin"))

    def test_nodelete(self, compile_c: Compile) -> None:
        """The file may say so itself."""
        path = compile_c(EXPORTS_C, "-Wl,-z,nodelete")
        assert "the file says so (DF_1_NODELETE)" == reason_of(path)

    def test_shared(self, compile_c: Compile) -> None:
        """What is the same in the whole process stays with it."""
        file = dynamic.read(compile_c(EXPORTS_C).read_bytes())
        expected = "it shares STB_GNU_UNIQUE symbols with a library"
        assert expected == find_resident_reason(file, is_shared=True)

    @needs_go
    def test_go(self, go_plugin: CPlugin) -> None:
        """Go stays."""
        assert "Go cannot be unloaded" == reason_of(go_plugin("greeter"))


class TestNone:
    """Files that may go."""

    def test_plain(self, compile_c: Compile) -> None:
        """A plugin that computes may go, and one that the loader tidies up after."""
        text = """
            #include <stdlib.h>
            static void bye(void) {}
            int f(void) { return atexit(bye); }
        """
        assert None is reason_of(compile_c(EXPORTS_C + text))
