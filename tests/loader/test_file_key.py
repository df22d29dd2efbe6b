"""What a path names: a file's identity, or a system library."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from nativeplug.errors import OpenError, cannot_open
from nativeplug.loader.files import FileKey, SystemKey, file_key, key_of, quick_key_of, real_path
from support import let_clock_tick, refuse


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file that is old enough for any change to show in its time."""
    path = tmp_path / "plugin.so"
    path.write_bytes(b"bytes")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


class TestFiles:
    """One file has one key."""

    def test_identity(self, file: Path) -> None:
        """The key is what stat says of the file's place, size and times of change."""
        status = file.stat()
        expected = FileKey(
            status.st_dev, status.st_ino, 5, 1_000_000_000 * 10**9, status.st_ctime_ns
        )
        assert expected == key_of(file)

    @pytest.mark.parametrize(
        "spelling", ["plugin.so", "./plugin.so", "../{0}/plugin.so", "link.so"]
    )
    def test_spellings(
        self, file: Path, spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Relative paths, ``..`` and symlinks name the same file."""
        (tmp_path / "link.so").symlink_to(file)
        monkeypatch.chdir(tmp_path)
        assert key_of(file) == key_of(spelling.format(tmp_path.name))

    def test_hard_link(self, file: Path, tmp_path: Path) -> None:
        """A hard link is the same file."""
        (tmp_path / "other.so").hardlink_to(file)
        assert key_of(file) == key_of(tmp_path / "other.so")

    def test_mode(self, file: Path) -> None:
        """A change of the file's mode is another key, in nothing but the time of that."""
        before = file_key(str(file))
        let_clock_tick(file.parent)
        file.chmod(0o700)
        after = file_key(str(file))
        assert before != after
        assert before == after._replace(ctime_ns=before.ctime_ns)

    def test_hidden_change(self, file: Path) -> None:
        """Other bytes are another key also where size and time of the content are put back."""
        before = file_key(str(file))
        let_clock_tick(file.parent)
        file.write_bytes(b"other")
        os.utime(file, ns=(before.mtime_ns, before.mtime_ns))
        after = file_key(str(file))
        assert before[:4] == after[:4]
        assert before != after

    def test_quick_key(self, file: Path) -> None:
        """The key that takes no more than one look is equal."""
        assert key_of(file) == quick_key_of(file)

    def test_descriptor(self, file: Path) -> None:
        """A descriptor of the file has the same key."""
        with file.open("rb") as opened:
            assert key_of(file) == file_key(opened.fileno())

    def test_bytes(self, file: Path) -> None:
        """A path of bytes names the same file."""
        assert key_of(file) == key_of(os.fsencode(file))  # type: ignore[arg-type]

    def test_overwritten(self, file: Path) -> None:
        """Other bytes of the same length in the same file are another key."""
        before = key_of(file)
        file.write_bytes(b"other")
        assert before != key_of(file)

    def test_replaced(self, file: Path, tmp_path: Path) -> None:
        """A file that was renamed over the first is another key, whatever its time and size."""
        before = key_of(file)
        new = tmp_path / "new.so"
        new.write_bytes(b"bytes")
        os.utime(new, (1_000_000_000, 1_000_000_000))
        new.rename(file)
        assert before != key_of(file)


class TestSonames:
    """A bare name that looks like a soname is a system library."""

    @pytest.mark.parametrize("name", ["libz.so.1", "libz.so", "libm.so.6", "ld-linux.so.2"])
    def test_sonames(self, name: str) -> None:
        """The soname is the key; no file is looked at."""
        assert SystemKey(name) == key_of(name)

    @pytest.mark.parametrize("name", ["plugin.so", "./libz.so.1", "lib/libz.so", "libz", ""])
    def test_paths(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Everything else is a path, and missing here."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(OpenError, match="No such file or directory"):
            key_of(name)

    def test_path_like_is_a_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An os.PathLike is a path even if it looks like a soname."""
        monkeypatch.chdir(tmp_path)
        Path("libz.so.1").touch()
        assert isinstance(key_of(Path("libz.so.1")), FileKey)


class TestRefusals:
    """What is no file is refused before it is opened."""

    def test_missing(self) -> None:
        """A missing file is an OSError with number, name and reason."""
        with pytest.raises(OpenError) as caught:
            key_of("/nowhere/plugin.so")
        error = caught.value
        assert "cannot open plugin '/nowhere/plugin.so': No such file or directory" == str(error)
        assert (errno.ENOENT, "/nowhere/plugin.so") == (error.errno, error.filename)
        assert "No such file or directory" == error.reason

    def test_directory(self, tmp_path: Path) -> None:
        """A directory is told as such."""
        with pytest.raises(OpenError, match="Is a directory") as caught:
            key_of(tmp_path)
        assert errno.EISDIR == caught.value.errno

    def test_pipe(self, tmp_path: Path) -> None:
        """A named pipe is refused, not waited for."""
        os.mkfifo(tmp_path / "pipe.so")
        with pytest.raises(OpenError, match="not a regular file"):
            key_of(tmp_path / "pipe.so")

    def test_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A socket is refused."""
        monkeypatch.chdir(tmp_path)  # its path may not be long
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("plugin.so")
            with pytest.raises(OpenError, match="not a regular file"):
                key_of("plugin.so")

    def test_device(self) -> None:
        """A device is refused: reading /dev/zero would never end."""
        with pytest.raises(OpenError, match="not a regular file"):
            key_of("/dev/zero")

    def test_file_as_directory(self, file: Path) -> None:
        """A path through a file has the system's words."""
        with pytest.raises(OpenError, match="Not a directory"):
            key_of(file / "plugin.so")

    def test_loop(self, tmp_path: Path) -> None:
        """Symlinks that go round have the system's words."""
        (tmp_path / "loop.so").symlink_to("loop.so")
        with pytest.raises(OpenError, match="symbolic links"):
            key_of(tmp_path / "loop.so")

    @pytest.mark.parametrize("name", ["plugin.so\0", "libz.so.1\0"])
    def test_nul(self, name: str) -> None:
        """A NUL character is refused: C would cut the name there."""
        with pytest.raises(OpenError, match="embedded null") as caught:
            key_of(name)
        assert caught.value.errno is None

    @pytest.mark.parametrize("path", [5, None, ["plugin.so"]])
    def test_no_path(self, path: object) -> None:
        """What is no path is a TypeError, a file descriptor too."""
        with pytest.raises(TypeError, match=r"str, bytes or os\.PathLike"):
            key_of(path)  # type: ignore[arg-type]

    def test_reason_of_an_error_without_words(self) -> None:
        """An error without the system's words has its own."""
        assert "cannot open plugin 'p': odd" == str(cannot_open("p", ValueError("odd")))


class TestRealPath:
    """Where a path leads to."""

    def test_link(self, file: Path) -> None:
        """Links are followed."""
        link = file.with_name("link.so")
        link.symlink_to(file)
        assert os.path.realpath(file) == real_path(str(link))

    def test_replaced(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A link that becomes a file between two looks at it is no error."""
        link = file.with_name("link.so")
        link.symlink_to(file)
        monkeypatch.setattr(os, "readlink", refuse(errno.EINVAL))
        assert str(link) == real_path(str(link))
