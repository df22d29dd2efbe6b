"""What is in a plugin's file."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nativeplug.errors import FormatError, OpenError
from nativeplug.loader import files
from nativeplug.loader.files import FileKey
from support import descriptors, let_clock_tick, refuse


def characters_read() -> int:
    """Return how many bytes this process has read so far, proc(5)."""
    text = Path("/proc/self/io").read_text()
    return int(dict(line.split(": ") for line in text.splitlines())["rchar"])


class TestReading:
    """A file is read at once, or not at all."""

    @pytest.mark.parametrize("data", [b"", b"x", bytes(200_000)])
    def test_content(self, data: bytes, tmp_path: Path) -> None:
        """What is read is the file's identity, its bytes and their hash."""
        path = tmp_path / "plugin.so"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        expected = files.Content(str(path), FileKey.of(path.stat()), data, sha256)
        assert expected == files.read_file(str(path))

    def test_large_text(self, tmp_path: Path) -> None:
        """Of a large file that is not ELF only the beginning is read: this one is a gibibyte."""
        path = tmp_path / "plugin.so"
        with path.open("wb") as file:
            file.write(b"text\n" * 1000)
            file.truncate(1 << 30)
        before = characters_read()
        with pytest.raises(FormatError, match=r"plugin\.so': not an ELF file but text$"):
            files.read_file(str(path))
        with pytest.raises(files.UnfinishedError, match="not an ELF file but text"):
            files.read_finished(str(path))
        assert (1 << 20) > characters_read() - before

    def test_place(self, tmp_path: Path) -> None:
        """Where it was read is the place of the file itself, with its owner and permissions."""
        path, link = tmp_path / "plugin.so", tmp_path / "link.so"
        path.touch()
        path.chmod(0o640)
        link.symlink_to("plugin.so")
        place = files.read_file(str(link)).place
        assert place is not None
        assert (str(path.resolve()), os.getuid()) == (place.path, place.access.owner)
        assert 0o640 == place.access.mode & 0o777

    def test_no_proc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without /proc its path is not known."""
        path = tmp_path / "plugin.so"
        path.touch()
        monkeypatch.setattr(os, "readlink", refuse(errno.ENOENT))
        place = files.read_file(str(path)).place
        assert place is not None
        assert None is place.path

    def test_file_without_a_size(self) -> None:
        """A file of /proc, which says that it is empty, is read to its end."""
        descriptor = os.open("/proc/self/status", os.O_RDONLY)
        data = files._read(descriptor, 0)
        os.close(descriptor)
        assert data.startswith(b"Name:")

    def test_change_while_reading(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is written while it is read is refused."""
        path = tmp_path / "plugin.so"
        path.write_bytes(b"one")
        read = os.pread

        def read_late(*args: int) -> bytes:
            data = read(*args)
            path.write_bytes(b"three")
            return data

        monkeypatch.setattr(os, "pread", read_late)
        with pytest.raises(files.FileChangedError):
            files.read_file(str(path))

    def test_change_while_settling(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is written while it is waited for is refused, also with its old time."""
        path = tmp_path / "plugin.so"
        path.write_bytes(b"one")
        before = path.stat()

        def write(_seconds: float) -> None:
            let_clock_tick(tmp_path)
            path.write_bytes(b"two")
            os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))

        clock = SimpleNamespace(time_ns=lambda: before.st_ctime_ns, sleep=write)
        monkeypatch.setattr(files, "time", clock)
        with pytest.raises(files.FileChangedError):
            files.read_file(str(path))

    def test_no_regular_file(self, tmp_path: Path) -> None:
        """A pipe or a directory is an error, and not waited for."""
        os.mkfifo(tmp_path / "pipe.so")
        with pytest.raises(OpenError, match="not a regular file"):
            files.read_file(str(tmp_path / "pipe.so"))
        with pytest.raises(OpenError, match="Is a directory"):
            files.read_file(str(tmp_path))

    def test_pipe_in_its_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pipe that takes the file's place before it is opened is not waited for."""
        path = tmp_path / "plugin.so"
        path.touch()
        opened = os.open

        def replace(*args: Any) -> int:
            path.unlink()
            os.mkfifo(path)
            return opened(*args)

        monkeypatch.setattr(os, "open", replace)
        with pytest.raises(OpenError, match="not a regular file"):
            files.read_file(str(path))

    @pytest.mark.parametrize("changed", ["content", "mode"])
    @pytest.mark.parametrize(
        ("age", "rest"), [(0, 20), (5, 15), (20, None), (1000, None), (-500, None)]
    )
    def test_settles(
        self,
        changed: str,
        age: int,
        rest: int | None,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A file is read 20 ms after its last change; one of the future is not waited for."""
        path = tmp_path / "plugin.so"
        path.touch()
        change = path.stat().st_ctime_ns
        if changed == "content":
            change += 1_000_000_000  # so that it is apart from the other time
        os.utime(path, ns=(0, change if changed == "content" else 0))
        if changed == "mode":
            change = path.stat().st_ctime_ns
        now = change + age * 1_000_000
        slept: list[float] = []
        clock = SimpleNamespace(time_ns=lambda: now, sleep=slept.append)
        monkeypatch.setattr(files, "time", clock)
        files.read_file(str(path))
        assert ([] if rest is None else [rest / 1000]) == slept

    def test_missing(self) -> None:
        """A file that is not there, or cannot be, is an error in the system's words."""
        with pytest.raises(OpenError, match="No such file or directory"):
            files.read_file("/nowhere/plugin.so")
        with pytest.raises(OpenError, match="embedded null"):
            files.read_file("plugin.so\0")

    @pytest.mark.parametrize("call", ["open", "pread"])
    def test_refused(self, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that may not be read is an error in the system's words, and leaks nothing."""
        path = tmp_path / "plugin.so"
        path.touch()
        count = descriptors()
        monkeypatch.setattr(os, call, refuse(errno.EACCES))
        with pytest.raises(OpenError, match="Permission denied") as caught:
            files.read_file(str(path))
        assert errno.EACCES == caught.value.errno
        assert count == descriptors()


class TestFinished:
    """A file that is finished is read; of others it is said why they are not."""

    @pytest.fixture
    def plugin(self, elf_bytes: bytes, tmp_path: Path) -> Path:
        """Give a whole plugin."""
        path = tmp_path / "plugin.so"
        path.write_bytes(elf_bytes)
        return path

    def test_finished(self, plugin: Path) -> None:
        """What is read is what `read_file` reads."""
        assert files.read_file(str(plugin)) == files.read_finished(str(plugin))

    def test_writer(self, plugin: Path) -> None:
        """A file that somebody has open for writing is not finished, though nothing is missing."""
        with plugin.open("r+b"):
            assert ("somebody has it open for writing", True) == unfinished(plugin)
        files.read_finished(str(plugin))

    def test_untold(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nobody tells of writers, a file is not finished before it has rested."""
        monkeypatch.setattr(files, "find_writer", lambda _descriptor: None)
        now = plugin.stat().st_ctime_ns
        monkeypatch.setattr(time, "time_ns", lambda: now + 10**9 - 1)
        reason = "it is new, and whether somebody has it open for writing cannot be found out"
        assert (reason, True) == unfinished(plugin)
        monkeypatch.setattr(time, "time_ns", lambda: now + 10**9)
        files.read_finished(str(plugin))

    def test_change_while_reading(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is written while it is read will be finished."""
        read = files._read

        def write(descriptor: int, size: int) -> bytes:
            plugin.write_bytes(b"other")
            return read(descriptor, size)

        monkeypatch.setattr(files, "_read", write)
        assert ("it was written while it was read", True) == unfinished(plugin)

    def test_cut(self, plugin: Path, elf_bytes: bytes) -> None:
        """A part of a plugin is not finished before it changes."""
        plugin.write_bytes(elf_bytes[:-1])
        reason, passes = unfinished(plugin)
        assert reason.startswith("truncated: the section headers end at byte ")
        assert not passes

    @pytest.mark.parametrize("number", [errno.ENOENT, errno.EISDIR])
    def test_unreadable(self, tmp_path: Path, number: int) -> None:
        """What cannot be read is not finished."""
        path = tmp_path / "missing.so" if number == errno.ENOENT else tmp_path
        assert (os.strerror(number), False) == unfinished(path)

    @pytest.mark.parametrize(
        "form", ["{}  plugin.so\n", "{} *plugin.so\n", "{}"], ids=["text", "binary", "alone"]
    )
    @pytest.mark.parametrize("case", [str.lower, str.upper], ids=["lower", "upper"])
    def test_hash_beside(self, plugin: Path, form: str, case: Callable[[str], str]) -> None:
        """A hash beside it decides, whoever writes the file."""
        data = plugin.read_bytes()
        beside = plugin.with_name("plugin.so.sha256")
        beside.write_text(form.format(case(hashlib.sha256(data).hexdigest())))
        with plugin.open("r+b"):
            assert data == files.read_finished(str(plugin)).data
        plugin.write_bytes(data + b"x")
        assert (f"its SHA-256 is not the one in '{beside}'", False) == unfinished(plugin)

    @pytest.mark.parametrize(
        "text", [b"", b"no hash", b"\xff" * 64], ids=["empty", "text", "bytes"]
    )
    def test_no_hash_beside(self, plugin: Path, text: bytes) -> None:
        """What is no hash is no file's."""
        plugin.with_name("plugin.so.sha256").write_bytes(text)
        assert "its SHA-256 is not the one in " in unfinished(plugin)[0]

    def test_pipe_beside(self, plugin: Path) -> None:
        """A pipe in the place of the hash is none; nobody waits for its writer."""
        beside = plugin.with_name("plugin.so.sha256")
        os.mkfifo(beside)
        expected = f"its SHA-256 is not the one in '{beside}'", False
        assert expected == unfinished(plugin)
        writer = os.open(beside, os.O_RDWR)
        assert expected == unfinished(plugin)
        os.close(writer)


def unfinished(path: Path) -> tuple[str, bool]:
    """Return why a file is not finished, and whether that passes."""
    with pytest.raises(files.UnfinishedError) as caught:
        files.read_finished(str(path))
    return caught.value.reason, caught.value.passes
