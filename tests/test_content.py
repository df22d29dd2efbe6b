"""What is in a plugin's file."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from nativeplug.errors import OpenError
from nativeplug.load import content
from nativeplug.load.key import FileKey
from support import descriptors, refuse


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
        sleep = time.sleep

        def write(seconds: float) -> None:
            sleep(seconds)
            path.write_bytes(b"two")
            os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))

        monkeypatch.setattr(time, "sleep", write)
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

    @pytest.mark.parametrize("change", ["write", "chmod"])
    def test_fresh_file_settles(self, change: str, tmp_path: Path) -> None:
        """A file that was just changed is read when its next change would show in its times."""
        path = tmp_path / "plugin.so"
        path.write_bytes(b"one")
        os.utime(path, (1, 1))
        if change == "chmod":
            time.sleep(0.05)
            path.chmod(0o700)
        changed = path.stat().st_ctime_ns
        content.read_file(str(path))
        assert changed + 20_000_000 <= time.time_ns()  # two steps of the slowest clock

    def test_file_of_the_future(self, tmp_path: Path) -> None:
        """A file whose time lies in the future is not waited for."""
        path = tmp_path / "plugin.so"
        path.touch()
        os.utime(path, (time.time() + 3600,) * 2)
        start = time.monotonic()
        content.read_file(str(path))
        assert time.monotonic() - start < 5

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
