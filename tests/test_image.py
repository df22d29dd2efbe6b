"""The private copy of a plugin's file."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nativeplug.errors import OpenError
from nativeplug.load import image
from nativeplug.load.key import FileKey
from support import BuildC

ORIGIN = ("-Wl,-rpath,$ORIGIN",)


def key(path: Path) -> FileKey:
    """Return the identity of a file."""
    return FileKey.of(path.stat())


def refuse(number: int) -> Callable[..., NoReturn]:
    """Return a function that raises an OSError, as system calls do."""

    def call(*_args: object, **_options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return call


def descriptors() -> int:
    """Count the open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


class TestReading:
    """A file is read at once, or not at all."""

    @pytest.mark.parametrize("data", [b"", b"x", bytes(200_000)])
    def test_content(self, data: bytes, tmp_path: Path) -> None:
        """What is read is the file's identity, its bytes and their hash."""
        path = tmp_path / "plugin.so"
        path.write_bytes(data)
        expected = image.Content(key(path), data, hashlib.sha256(data).hexdigest())
        assert expected == image.read_file(str(path))

    def test_file_without_a_size(self) -> None:
        """A file of /proc, which says that it is empty, is read to its end."""
        descriptor = os.open("/proc/self/status", os.O_RDONLY)
        data = image._read(descriptor, 0)
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
        with pytest.raises(image.FileChangedError):
            image.read_file(str(path))

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
        with pytest.raises(image.FileChangedError):
            image.read_file(str(path))

    def test_no_regular_file(self, tmp_path: Path) -> None:
        """A pipe or a directory is an error, and not waited for."""
        os.mkfifo(tmp_path / "pipe.so")
        with pytest.raises(OpenError, match="not a regular file"):
            image.read_file(str(tmp_path / "pipe.so"))
        with pytest.raises(OpenError, match="Is a directory"):
            image.read_file(str(tmp_path))

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
            image.read_file(str(path))

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
        image.read_file(str(path))
        assert changed + 20_000_000 <= time.time_ns()  # two steps of the slowest clock

    def test_file_of_the_future(self, tmp_path: Path) -> None:
        """A file whose time lies in the future is not waited for."""
        path = tmp_path / "plugin.so"
        path.touch()
        os.utime(path, (time.time() + 3600,) * 2)
        start = time.monotonic()
        image.read_file(str(path))
        assert time.monotonic() - start < 5

    def test_missing(self) -> None:
        """A file that is not there, or cannot be, is an error in the system's words."""
        with pytest.raises(OpenError, match="No such file or directory"):
            image.read_file("/nowhere/plugin.so")
        with pytest.raises(OpenError, match="embedded null"):
            image.read_file("plugin.so\0")

    @pytest.mark.parametrize("call", ["open", "pread"])
    def test_refused(self, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that may not be read is an error in the system's words, and leaks nothing."""
        path = tmp_path / "plugin.so"
        path.touch()
        count = descriptors()
        monkeypatch.setattr(os, call, refuse(errno.EACCES))
        with pytest.raises(OpenError, match="Permission denied") as caught:
            image.read_file(str(path))
        assert errno.EACCES == caught.value.errno
        assert count == descriptors()


class TestMemory:
    """The copy is a sealed memfd."""

    @pytest.fixture
    def copy(self) -> image.Image:
        """Give a copy."""
        return image.copy("/nowhere/plugin.so", b"bytes")

    def test_name_leads_to_the_bytes(self, copy: image.Image) -> None:
        """Its name is a path that leads to its bytes, and no file is left."""
        assert b"bytes" == Path(copy.name).read_bytes() == copy.read()
        assert copy.temporary is None
        assert "/memfd:plugin.so (deleted)" == os.readlink(copy.name)

    def test_sealed(self, copy: image.Image) -> None:
        """Nobody can write to it, shorten it, lengthen it, or lift that."""
        with pytest.raises(PermissionError):
            os.write(copy.descriptor, b"x")
        for length in (0, 100):
            with pytest.raises(PermissionError):
                os.ftruncate(copy.descriptor, length)
        with pytest.raises(PermissionError):
            fcntl.fcntl(copy.descriptor, fcntl.F_ADD_SEALS, 0)

    def test_not_inherited(self, copy: image.Image) -> None:
        """Programs that the process starts do not get it."""
        assert not os.get_inheritable(copy.descriptor)

    def test_names_never_repeat(self) -> None:
        """A descriptor's number that comes back has another name, a thousand times."""
        names = []
        for _ in range(1000):
            copy = image.copy("plugin.so", b"bytes")
            os.close(copy.descriptor)
            names.append(copy.name)
        assert 1000 == len(set(names))
        assert max(map(len, names)) < 100

    def test_names_of_threads(self) -> None:
        """Threads that copy at once get names of their own."""
        copies: list[image.Image] = []
        threads = [
            threading.Thread(target=lambda: copies.append(image.copy("plugin.so", b"bytes")))
            for _ in range(32)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for copy in copies:
            os.close(copy.descriptor)
        assert 32 == len({copy.name for copy in copies})

    @pytest.mark.parametrize("character", ["x", "\u00e4", "\u6f22", "\U0001f600", "\udcff"])
    def test_long_name(self, character: str) -> None:
        """A name as long as a file's can be is cut to what memfd_create takes."""
        name = os.fsdecode(os.fsencode(character * 255)[:252]) + ".so"
        copy = image.copy(name, b"bytes")
        os.close(copy.descriptor)
        assert copy.temporary is None

    def test_closed_behind_our_back(self, copy: image.Image) -> None:
        """A copy whose descriptor was closed cannot be read any more."""
        os.close(copy.descriptor)
        with pytest.raises(image.FileChangedError):
            copy.read()

    def test_number_taken_over(self, copy: image.Image, tmp_path: Path) -> None:
        """A copy whose descriptor's number is another file's now does not give its bytes."""
        (tmp_path / "other").write_bytes(b"other")
        with (tmp_path / "other").open("rb") as other:
            os.dup2(other.fileno(), copy.descriptor)
        with pytest.raises(image.FileChangedError):
            copy.read()

    def test_times_are_no_identity(self, copy: image.Image) -> None:
        """A copy whose mode was changed is still ours: it can be read, and is closed."""
        time.sleep(0.02)  # two steps of the slowest clock
        os.fchmod(copy.descriptor, 0o500)
        assert b"bytes" == copy.read()
        copy.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(copy.descriptor)

    @pytest.mark.parametrize("call", ["write", "fcntl"])
    def test_no_room(self, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A copy for which there is no memory is an error, and leaks nothing."""
        count = descriptors()
        monkeypatch.setattr(fcntl if call == "fcntl" else os, call, refuse(errno.ENOSPC))
        with pytest.raises(OpenError, match="No space left on device"):
            image.copy("plugin.so", b"bytes")
        assert count == descriptors()


class TestOldKernel:
    """A kernel that does not know MFD_EXEC is asked without it."""

    def test_asked_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """EINVAL for the flag leads to a second attempt without it."""
        create = os.memfd_create

        def old_create(name: str, flags: int) -> int:
            if flags & 0x10:
                raise OSError(errno.EINVAL, "Invalid argument")
            return create(name, flags)

        monkeypatch.setattr(os, "memfd_create", old_create)
        copy = image.copy("plugin.so", b"bytes")
        assert b"bytes" == copy.read()
        assert copy.temporary is None


class TestFiles:
    """Where there is no memfd the copy is a file, for the time of loading."""

    @pytest.fixture(params=[errno.ENOSYS, errno.EACCES, None])
    def _no_memfd(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make a host whose kernel or Python has no memfd_create."""
        if request.param is None:
            monkeypatch.delattr(os, "memfd_create")
        else:
            monkeypatch.setattr(os, "memfd_create", refuse(request.param))

    @pytest.mark.usefixtures("_no_memfd")
    def test_beside(self, tmp_path: Path) -> None:
        """The file lies beside the user's, with its name in its own, and only ours to read."""
        copy = image.copy(str(tmp_path / "plugin.so"), b"bytes")
        assert [copy.name] == [str(path) for path in tmp_path.iterdir()] == [copy.temporary]
        assert Path(copy.name).name.startswith(".plugin.so.")
        assert 0o600 == Path(copy.name).stat().st_mode & 0o777
        copy.remove_temporary()
        assert [] == list(tmp_path.iterdir())
        assert b"bytes" == copy.read()

    @pytest.mark.usefixtures("_no_memfd")
    def test_beside_the_file_itself(self, tmp_path: Path) -> None:
        """A symlink is followed: its own directory is not the file's."""
        (tmp_path / "real").mkdir()
        (tmp_path / "real/plugin.so").touch()
        (tmp_path / "link.so").symlink_to("real/plugin.so")
        copy = image.copy(str(tmp_path / "link.so"), b"bytes")
        copy.remove_temporary()
        assert str(tmp_path / "real") == str(Path(copy.name).parent)

    @pytest.mark.usefixtures("_no_memfd")
    def test_elsewhere(self, tmp_path: Path) -> None:
        """The system's temporary directory serves where the user's cannot be written to."""
        copy = image.copy(str(tmp_path / "missing/plugin.so"), b"bytes")
        assert Path(copy.name).parent != tmp_path / "missing"
        assert b"bytes" == Path(copy.name).read_bytes()
        copy.remove_temporary()
        copy.remove_temporary()  # somebody else may have done it

    @pytest.mark.usefixtures("_no_memfd")
    def test_disk_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A copy for which there is no room is an error, and leaves nothing behind."""
        monkeypatch.setattr(os, "write", refuse(errno.ENOSPC))
        count = descriptors()
        with pytest.raises(OpenError, match="No space left on device"):
            image.copy(str(tmp_path / "plugin.so"), b"bytes")
        assert ([], count) == (list(tmp_path.iterdir()), descriptors())


class TestOrigin:
    """A plugin that finds its libraries relative to its place is loaded from there."""

    def test_beside(self, build_c: BuildC) -> None:
        """Its copy is a file beside it, although there is memfd_create."""
        plugin = build_c("int f(void) { return 1; }", "plugin", *ORIGIN)
        copy = image.copy(str(plugin), plugin.read_bytes())
        copy.remove_temporary()
        assert plugin.parent == Path(copy.name).parent

    def test_in_place(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is loaded itself where nothing can be written beside it, never by the same name."""
        plugin = build_c("int f(void) { return 1; }", "plugin", *ORIGIN)
        monkeypatch.setattr("tempfile.mkstemp", refuse(errno.EROFS))
        copies = [image.copy(str(plugin), plugin.read_bytes()) for _ in range(3)]
        assert 3 == len({copy.name for copy in copies})
        for copy in copies:
            assert plugin.samefile(copy.name)
            assert plugin.read_bytes() == copy.read()
            assert copy.temporary is None

    def test_changed(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not loaded itself if it has other bytes than those that were checked."""
        plugin = build_c("int f(void) { return 1; }", "plugin", *ORIGIN)
        data = plugin.read_bytes()
        plugin.write_bytes(data + b"more")
        monkeypatch.setattr("tempfile.mkstemp", refuse(errno.EROFS))
        with pytest.raises(image.FileChangedError):
            image.copy(str(plugin), data)

    def test_gone(self, build_c: BuildC, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is an error if it was deleted meanwhile."""
        plugin = build_c("int f(void) { return 1; }", "plugin", *ORIGIN)
        data = plugin.read_bytes()
        plugin.unlink()
        monkeypatch.setattr("tempfile.mkstemp", refuse(errno.EROFS))
        with pytest.raises(OpenError, match="No such file or directory"):
            image.copy(str(plugin), data)
