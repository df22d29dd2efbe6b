"""C text -> declarations, on real headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nativeplug import declare
from nativeplug.declare import Declarations, FunctionDeclaration
from support import PLUGINS_C


class TestHeaders:
    """Real headers."""

    @pytest.mark.parametrize("path", sorted(PLUGINS_C.glob("*.h")), ids=lambda path: path.stem)
    def test_ours(self, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The header of every C plugin of ours is read, if it is plain without a compiler."""
        if "<sys/types.h>" not in path.read_text():
            monkeypatch.setenv("PATH", str(tmp_path))
            monkeypatch.delenv("CC", raising=False)
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path))
        found = declare.read(path)
        assert found.symbols
        assert [] == [symbol.name for symbol in found.symbols.values() if symbol.problem]

    @pytest.mark.parametrize(
        ("include", "text", "cname"),
        [
            ("time.h", "time_t f(struct tm *t, clock_t c);", "long(*)(struct tm *, long)"),
            ("stdio.h", "int f(FILE *file, fpos_t *at);", "int(*)(FILE *, struct _G_fpos_t *)"),
            ("sys/stat.h", "int f(struct stat *s, off_t o);", "int(*)(struct stat *, long)"),
            (
                "pthread.h",
                "int f(pthread_t t, pthread_mutex_t *m);",
                "int(*)(unsigned long, pthread_mutex_t *)",
            ),
            (
                "sys/socket.h",
                "int f(struct sockaddr *a, socklen_t n);",
                "int(*)(struct sockaddr *, unsigned int)",
            ),
            ("signal.h", "int f(siginfo_t *i, sigset_t *s);", "int(*)(siginfo_t *, __sigset_t *)"),
            ("dirent.h", "struct dirent *f(DIR *d);", "struct dirent *(*)(struct __dirstream *)"),
            ("math.h", "float_t f(double_t x);", "float(*)(double)"),
            ("stdlib.h", "div_t f(ldiv_t x);", "div_t(*)(ldiv_t)"),
            ("string.h", "size_t f(locale_t l);", "size_t(*)(struct __locale_struct *)"),
            ("sys/epoll.h", "int f(struct epoll_event e);", "int(*)(struct epoll_event)"),
            ("stddef.h", "ptrdiff_t f(wchar_t *w);", "ptrdiff_t(*)(wchar_t *)"),
            ("link.h", "int f(struct dl_phdr_info *i);", "int(*)(struct dl_phdr_info *)"),
        ],
    )
    def test_system(self, tmp_path: Path, include: str, text: str, cname: str) -> None:
        """The types of the system's headers can be used; what they declare is not the text's."""
        header = tmp_path / "x.h"
        header.write_text(f"#pragma once\n#include <{include}>\n{text}\n")
        for source in (header, header.read_text()):
            found = declare.read(source)
            (symbol,) = found.symbols.values()
            assert isinstance(symbol, FunctionDeclaration)
            assert cname == found.ffi.typeof(symbol.pointer).cname

    def test_members(self) -> None:
        """A struct of a system header has its members."""
        ffi = declare.read("#include <time.h>\ntime_t f(struct tm *t);").ffi
        assert 100 == ffi.new("struct tm *", {"tm_year": 100}).tm_year

    def test_cplusplus_guard(self) -> None:
        """A header for both languages is read as C."""
        guard = "#ifdef __cplusplus\n{}\n#endif\n"
        opening, closing = guard.format('extern "C" {'), guard.format("}")
        text = f"#ifndef A_H\n#define A_H\n{opening}int f(void);\n{closing}#endif /* A_H */\n"
        assert ["f"] == list(declare.read(text).symbols)


def test_base() -> None:
    """Text that is read after other text may use its types and constants."""
    base: Declarations = declare.read("typedef struct { int x; } T;\n#define N 3\nenum e { A };")
    source = declare.sources.from_caller("int f(T t, enum e e);\nextern int a[N + A];")
    found = declare.extend(base, source)
    expected: dict[str, Any] = {"f": "int (*)(T, enum e)", "a": "int [3]"}
    symbols = found.symbols.values()
    assert expected == {each.name: getattr(each, "pointer", None) or each.type for each in symbols}  # type: ignore[union-attr]
