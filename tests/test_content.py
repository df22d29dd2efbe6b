"""What is in a plugin's file."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nativeplug.errors import OpenError
from nativeplug.load import content
from nativeplug.load.key import FileKey
from support import descriptors, let_clock_tick, refuse


class TestReading:
    """A file is read at once, or not at all."""

    @pytest.mark.parametrize("data", [b"", b"x", bytes(200_000)])
    def test_content(self, data: bytes, tmp_path: Path) -> None:
        """What is read is the file's identity, its bytes and their hash."""
        path = tmp_path / "plugin.so"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        expected = content.Content(str(path), FileKey.of(path.stat()), data, sha256)
        assert expected == content.read_file(str(path))

    def test_place(self, tmp_path: Path) -> None:
        """Where it was read is the place of the file itself, with its owner and permissions."""
        path, link = tmp_path / "plugin.so", tmp_path / "link.so"
        path.touch()
        path.chmod(0o640)
        link.symlink_to("plugin.so")
        place = content.read_file(str(link)).place
        assert place is not None
        assert (str(path.resolve()), os.getuid()) == (place.path, place.access.owner)
        assert 0o640 == place.access.mode & 0o777

    def test_no_proc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without /proc its path is not known."""
        path = tmp_path / "plugin.so"
        path.touch()
        monkeypatch.setattr(os, "readlink", refuse(errno.ENOENT))
        place = content.read_file(str(path)).place
        assert place is not None
        assert None is place.path

    def test_file_without_a_size(self) -> None:
        """A file of /proc, which says that it is empty, is read to its end."""
        descriptor = os.open("/proc/self/status", os.O_RDONLY)
        data = content._read(descriptor, 0)
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
        with pytest.raises(content.FileChangedError):
            content.read_file(str(path))

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
        monkeypatch.setattr(content, "time", clock)
        with pytest.raises(content.FileChangedError):
            content.read_file(str(path))

    def test_no_regular_file(self, tmp_path: Path) -> None:
        """A pipe or a directory is an error, and not waited for."""
        os.mkfifo(tmp_path / "pipe.so")
        with pytest.raises(OpenError, match="not a regular file"):
            content.read_file(str(tmp_path / "pipe.so"))
        with pytest.raises(OpenError, match="Is a directory"):
            content.read_file(str(tmp_path))

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
            content.read_file(str(path))

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
        monkeypatch.setattr(content, "time", clock)
        content.read_file(str(path))
        assert ([] if rest is None else [rest / 1000]) == slept

    def test_missing(self) -> None:
        """A file that is not there, or cannot be, is an error in the system's words."""
        with pytest.raises(OpenError, match="No such file or directory"):
            content.read_file("/nowhere/plugin.so")
        with pytest.raises(OpenError, match="embedded null"):
            content.read_file("plugin.so\0")

    @pytest.mark.parametrize("call", ["open", "pread"])
    def test_refused(self, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that may not be read is an error in the system's words, and leaks nothing."""
        path = tmp_path / "plugin.so"
        path.touch()
        count = descriptors()
        monkeypatch.setattr(os, call, refuse(errno.EACCES))
        with pytest.raises(OpenError, match="Permission denied") as caught:
            content.read_file(str(path))
        assert errno.EACCES == caught.value.errno
        assert count == descriptors()
