"""Parsed declarations are kept on disk, whatever happens to the files."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from nativeplug import declare
from nativeplug.declare import cached
from nativeplug.declare.unit import Lines, Unit, to_line
from nativeplug.errors import DeclarationError
from support import RunPython

LINE = to_line(["variable", "v", "int v", "int", False, "x.h:1:5", None])
UNIT = Unit("x.h", Lines.of([LINE]), [], {})
KEY = cached.key_of("x.h", "int v;")


class Counter:
    """Parses, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Unit:
        """Return the unit."""
        self.calls += 1
        return UNIT


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file in which the unit is kept, in a directory of the test's own."""
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "declarations" / f"{KEY}.lines"


def written(payload: bytes) -> bytes:
    """Return a file's bytes for a payload."""
    name = f"declarations/{KEY}.lines\0"
    return hashlib.sha256(name.encode() + payload).digest() + payload


class TestKept:
    """What was parsed once is not parsed again."""

    def test_second_time(self, cache: Path) -> None:
        """The second time, the file is read."""
        parse = Counter()
        assert [UNIT, UNIT] == [cached.load_or_parse(KEY, parse) for _ in range(2)]
        assert (1, True) == (parse.calls, cache.is_file())

    def test_errors_are_not_kept(self, cache: Path) -> None:
        """An error is raised, and leaves nothing behind."""

        def fail() -> Unit:
            raise DeclarationError("wrong")

        with pytest.raises(DeclarationError, match="wrong"):
            cached.load_or_parse(KEY, fail)
        assert not cache.exists()
        assert UNIT == cached.load_or_parse(KEY, Counter())

    def test_private(self, cache: Path) -> None:
        """The file is the user's own."""
        cached.load_or_parse(KEY, Counter())
        assert (0o600, 0o700) == (cache.stat().st_mode & 0o777, cache.parent.stat().st_mode & 0o777)

    def test_nothing_else(self, cache: Path) -> None:
        """No temporary file stays."""
        cached.load_or_parse(KEY, Counter())
        assert [cache] == list(cache.parent.iterdir())

    def test_what_counts(self) -> None:
        """Another text, name or order gives another key; so do the borders of the parts."""
        parts = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("ab", "c", "")]
        assert len(parts) == len({cached.key_of(*each) for each in parts})
        assert cached.key_of("a", "b") == cached.key_of("a", "b")

    def test_any_text(self) -> None:
        """Text that no encoding takes has a key."""
        assert cached.key_of("\ud800") != cached.key_of("\udc80")

    def test_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another version of cffi gives another key."""
        before = cached.key_of("x")
        monkeypatch.setattr("_cffi_backend.__version__", "0.0")
        assert before != cached.key_of("x")

    def test_no_parser(self, tmp_path: Path, run_python: RunPython) -> None:
        """The second process to read a text imports neither pycparser nor cffi's parser."""
        (tmp_path / "y.h").write_text("typedef struct { int x; } T;\n")
        (tmp_path / "x.h").write_text('#include "y.h"\n#define N 3\nint f(T t);\n')
        code = """
            import pathlib, sys
            from nativeplug import declare
            for source in ("struct S { int x; }; int f(struct S s);", pathlib.Path(sys.argv[1])):
                found = declare.read(source)
                assert found.ffi.typeof(found.symbols["f"].pointer).args
            print(sorted({"pycparser", "cffi", "cffi.cparser", "difflib"} & sys.modules.keys()))
        """
        environment = {"NATIVEPLUG_CACHE_DIR": str(tmp_path / "cache")}
        first, second = (run_python(code, tmp_path / "x.h", env=environment) for _ in range(2))
        assert ("", "") == (first.stderr, second.stderr)
        assert "pycparser" in first.stdout
        assert "[]\n" == second.stdout

    @pytest.mark.usefixtures("cache")
    def test_plain_text_is_not_read_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second time, plain text is not even read for its directives."""
        first = declare.read("#define N 2\nint f(void); // N")
        monkeypatch.setattr("nativeplug.declare.preprocess", None)
        again = declare.read("#define N 2\nint f(void); // N")
        assert (first.lines, first.constants) == (again.lines, again.constants)

    @pytest.mark.usefixtures("cache")
    def test_included_text(self, tmp_path: Path) -> None:
        """A header is parsed anew when what it includes changes, and it does not."""
        (tmp_path / "x.h").write_text('#include "y.h"\nT f(void);\n')
        for result in ("int", "long", "int"):
            (tmp_path / "y.h").write_text(f"typedef {result} T;\n")
            assert result == declare.read(tmp_path / "x.h").ffi.typeof("T").cname


class TestDamaged:
    """A damaged file is noticed and written anew."""

    def check(self, cache: Path) -> None:
        """Assert that the unit is parsed once more, and the file is whole again."""
        parse = Counter()
        assert [UNIT, UNIT] == [cached.load_or_parse(KEY, parse) for _ in range(2)]
        assert (1, written(UNIT.to_bytes())) == (parse.calls, cache.read_bytes())

    def test_truncated(self, cache: Path) -> None:
        """A file may end anywhere."""
        whole = written(UNIT.to_bytes())
        cache.parent.mkdir(parents=True)
        for length in range(len(whole)):
            cache.write_bytes(whole[:length])
            self.check(cache)

    def test_flipped(self, cache: Path) -> None:
        """Any byte may be another."""
        whole = bytearray(written(UNIT.to_bytes()))
        cache.parent.mkdir(parents=True)
        for index in range(len(whole)):
            whole[index] ^= 0x20
            cache.write_bytes(whole)
            whole[index] ^= 0x20
            self.check(cache)

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b"nonsense", b'{"origin": "x.h", "symbols": {}}', b"\xff", b"null"]
    )
    def test_other_format(self, cache: Path, payload: bytes) -> None:
        """A file whose digest fits may have been written by another version."""
        cache.parent.mkdir(parents=True)
        cache.write_bytes(written(payload))
        self.check(cache)

    def test_logged(self, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Damage is logged, with the file's name."""
        cache.parent.mkdir(parents=True)
        cache.write_bytes(b"damaged")
        cached.load_or_parse(KEY, Counter())
        expected = f"cannot use parsed declarations in {str(cache)!r}: its digest does not fit"
        assert [expected] == [record.message for record in caplog.records]

    def test_whole_way(self, cache: Path) -> None:
        """Declarations are the same, whether they were parsed, read, or parsed once more."""
        text = "typedef struct { int x; } T; T f(T t);"
        found = [declare.read(text).symbols["f"] for _ in range(2)]
        (file,) = cache.parent.iterdir()
        file.write_bytes(file.read_bytes()[:-1])
        found.append(declare.read(text).symbols["f"])
        assert [found[0]] * 3 == found


class TestNowhere:
    """A cache that cannot be used costs time, never an error."""

    @pytest.mark.parametrize("place", ["cache", "cache/declarations"])
    def test_file_in_the_way(self, cache: Path, place: str) -> None:
        """A file may stand where a directory should be."""
        in_the_way = cache.parent.parent.parent / place
        in_the_way.parent.mkdir(exist_ok=True)
        in_the_way.touch()
        parse = Counter()
        assert [UNIT, UNIT] == [cached.load_or_parse(KEY, parse) for _ in range(2)]
        assert 2 == parse.calls

    def test_directory_in_the_way(self, cache: Path) -> None:
        """A directory may stand where the file should be; nothing is left beside it."""
        (cache / "inner").mkdir(parents=True)
        assert UNIT == cached.load_or_parse(KEY, Counter())
        assert [cache] == list(cache.parent.iterdir())

    @pytest.mark.parametrize("call", ["os.replace", "os.mkdir", "os.urandom"])
    def test_not_writable(
        self,
        cache: Path,
        call: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The disk may be full, or not be the user's; that is logged for who wants to know."""

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(call, refuse)
        caplog.set_level(logging.DEBUG)
        assert UNIT == cached.load_or_parse(KEY, Counter())
        assert ["Permission denied" in record.message for record in caplog.records] == [True]
        monkeypatch.undo()
        assert not cache.parent.exists() or [] == list(cache.parent.iterdir())

    def test_others_could_write(self, cache: Path) -> None:
        """A file that others could have written is not trusted."""
        cached.load_or_parse(KEY, Counter())

        cache.chmod(0o666)
        parse = Counter()
        assert (UNIT, 1) == (cached.load_or_parse(KEY, parse), parse.calls)
        assert cache.exists()

    def test_interrupted(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An interrupt while the file is written leaves nothing behind."""

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("os.replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cached.load_or_parse(KEY, Counter())
        assert [] == list(cache.parent.iterdir())

    def test_no_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A user without any home keeps nothing, and nothing is written elsewhere."""
        for name in ("NATIVEPLUG_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
        monkeypatch.chdir(tmp_path)
        parse = Counter()
        assert [UNIT, UNIT] == [cached.load_or_parse(KEY, parse) for _ in range(2)]
        assert (2, []) == (parse.calls, list(tmp_path.iterdir()))
