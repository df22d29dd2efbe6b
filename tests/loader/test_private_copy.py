"""The private copy of a plugin's file."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gates import at_once
from nativeplug.errors import OpenError
from nativeplug.loader import copy_store, private_copy
from support import BuildC, descriptors, let_clock_tick, names, refuse

HASH = "0123456789abcdef" * 4


def child_reads(path: str) -> bytes:
    """Return what another process finds under a path."""
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    return subprocess.run(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, check=True
    ).stdout


def memory_copy(name: str) -> tuple[private_copy.Image, int]:
    """Return a copy without a hash, and its descriptor."""
    copy = private_copy.copy(name, b"bytes")
    assert copy.descriptor is not None
    return copy, copy.descriptor


class TestMemory:
    """A copy that is for nobody else, or for which there is no place on disk, is a sealed memfd."""

    @pytest.fixture
    def copy(self) -> private_copy.Image:
        """Give a copy."""
        return private_copy.copy("/nowhere/plugin.so", b"bytes")

    @pytest.fixture
    def descriptor(self, copy: private_copy.Image) -> int:
        """Give its descriptor."""
        assert copy.descriptor is not None
        return copy.descriptor

    def test_name_leads_to_the_bytes(self, copy: private_copy.Image) -> None:
        """Its name is a path that leads to its bytes, also in other processes: in debuggers."""
        assert b"bytes" == Path(copy.name).read_bytes() == child_reads(copy.name)
        assert "/memfd:plugin.so (deleted)" == os.readlink(copy.name)

    @pytest.mark.parametrize("cache", [None, "/proc/nowhere"])
    def test_no_place_on_disk(self, cache: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the user has no cache directory that can be used, it is one, too."""
        monkeypatch.setattr(copy_store, "cache_directory", lambda: cache and Path(cache))
        copy = private_copy.copy("/nowhere/plugin.so", b"bytes", HASH)
        assert "/memfd:plugin.so (deleted)" == os.readlink(copy.name)
        copy.close()

    def test_sealed(self, descriptor: int) -> None:
        """Nobody can write to it, shorten it, lengthen it, or lift that."""
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
        for length in (0, 100):
            with pytest.raises(PermissionError):
                os.ftruncate(descriptor, length)
        with pytest.raises(PermissionError):
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, 0)

    def test_not_inherited(self, descriptor: int) -> None:
        """Programs that the process starts do not get it."""
        assert not os.get_inheritable(descriptor)

    def test_names_never_repeat(self) -> None:
        """A descriptor's number that comes back has another name, a thousand times."""
        names = []
        for _ in range(1000):
            copy, descriptor = memory_copy("plugin.so")
            os.close(descriptor)
            names.append(copy.name)
        assert 1000 == len(set(names))
        assert max(map(len, names)) < 100

    def test_names_of_threads(self) -> None:
        """Threads that copy at once get names of their own."""
        copies = at_once(*[lambda: private_copy.copy("plugin.so", b"bytes")] * 32)
        for copy in copies:
            copy.close()
        assert 32 == len({copy.name for copy in copies})

    @pytest.mark.parametrize("character", ["x", "\u00e4", "\u6f22", "\U0001f600", "\udcff"])
    def test_long_name(self, character: str) -> None:
        """A name as long as a file's can be is cut to what memfd_create takes."""
        name = os.fsdecode(os.fsencode(character * 255)[:252]) + ".so"
        copy = private_copy.copy(name, b"bytes")
        assert "memfd:" in os.readlink(copy.name)
        copy.close()

    def test_closed_behind_our_back(self, copy: private_copy.Image, descriptor: int) -> None:
        """A copy whose descriptor was closed is closed without a word."""
        os.close(descriptor)
        copy.close()

    def test_number_taken_over(
        self, copy: private_copy.Image, descriptor: int, tmp_path: Path
    ) -> None:
        """A descriptor's number that is another file's by now is not ours to close."""
        (tmp_path / "other").write_bytes(b"other")
        with (tmp_path / "other").open("rb") as other:
            os.dup2(other.fileno(), descriptor)
        copy.close()
        assert b"other" == os.pread(descriptor, 100, 0)
        os.close(descriptor)

    def test_times_are_no_identity(
        self, copy: private_copy.Image, descriptor: int, tmp_path: Path
    ) -> None:
        """A copy whose mode was changed is still ours to close."""
        let_clock_tick(tmp_path)
        os.fchmod(descriptor, 0o500)
        copy.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)

    @pytest.mark.parametrize("call", ["write", "fcntl"])
    def test_no_room(self, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A copy for which there is no memory is an error, and leaks nothing."""
        count = descriptors()
        monkeypatch.setattr(fcntl if call == "fcntl" else os, call, refuse(errno.ENOSPC))
        with pytest.raises(OpenError, match="No space left on device"):
            private_copy.copy("plugin.so", b"bytes")
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
        copy = private_copy.copy("plugin.so", b"bytes")
        assert b"bytes" == Path(copy.name).read_bytes()
        assert "memfd:" in os.readlink(copy.name)
        copy.close()


class TestFiles:
    """Where there is no memfd either, the copy is a file that has no name any more."""

    @pytest.fixture(params=[errno.ENOSYS, errno.EACCES, None])
    def _no_memfd(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make a host whose kernel or Python has no memfd_create."""
        if request.param is None:
            monkeypatch.delattr(os, "memfd_create")
        else:
            monkeypatch.setattr(os, "memfd_create", refuse(request.param))

    @pytest.mark.usefixtures("_no_memfd")
    def test_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is made in the cache directory, and nothing can be seen of it."""
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path / "cache"))
        copy = private_copy.copy("/nowhere/plugin.so", b"bytes")
        assert os.readlink(copy.name).startswith(f"{tmp_path}/cache/copies/.plugin.so.")
        assert set() == names(tmp_path / "cache/copies")
        assert b"bytes" == Path(copy.name).read_bytes() == child_reads(copy.name)
        copy.close()
        assert not os.path.exists(copy.name)

    def test_no_proc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a cache and without /proc nobody would find a copy: the error says what helps."""
        before = descriptors()
        with monkeypatch.context() as without:
            without.setattr(os, "readlink", refuse(errno.ENOENT))
            with pytest.raises(OpenError) as caught:
                private_copy.copy("plugin.so", b"bytes")
        assert before == descriptors()
        expected = (
            "no place for a private copy: '/proc/self': No such file or directory; let "
            "NATIVEPLUG_CACHE_DIR name another directory, or map the file itself with in_place=True"
        )
        assert expected == caught.value.reason

    @pytest.mark.usefixtures("_no_memfd")
    def test_beside_the_file_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Or beside the user's file. A symlink is followed: its own directory is not the file's."""
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", "/proc/nowhere")
        (tmp_path / "real").mkdir()
        (tmp_path / "real/plugin.so").touch()
        (tmp_path / "link.so").symlink_to("real/plugin.so")
        copy = private_copy.copy(str(tmp_path / "link.so"), b"bytes")
        assert os.readlink(copy.name).startswith(f"{tmp_path}/real/.link.so.")
        copy.close()

    @pytest.mark.usefixtures("_no_memfd")
    @pytest.mark.parametrize("cache", [None, "/proc/nowhere"])
    def test_temporary(
        self, cache: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's directory for temporary files serves where there is no cache directory."""
        monkeypatch.setattr(copy_store, "cache_directory", lambda: cache and Path(cache))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        copy = private_copy.copy("/proc/nowhere/plugin.so", b"bytes")
        assert os.readlink(copy.name).startswith(f"{tmp_path}/.plugin.so.")
        copy.close()

    @pytest.mark.usefixtures("_no_memfd")
    @pytest.mark.parametrize(
        ("module", "call", "words"),
        [
            ("os", "write", "No space left on device"),
            # Where the file system is mounted with noexec, or a security policy forbids it.
            ("mmap", "mmap", "Operation not permitted"),
        ],
    )
    def test_no_place(
        self,
        module: str,
        call: str,
        words: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A copy for which there is no place is an error that names all, and leaves nothing."""
        refusal = {"write": errno.ENOSPC, "mmap": errno.EPERM}[call]
        path, cache = tmp_path / "plugins/plugin.so", tmp_path / "cache"
        path.parent.mkdir()
        monkeypatch.setattr(f"{module}.{call}", refuse(refusal))
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(cache))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        count = descriptors()
        with pytest.raises(OpenError) as caught:
            private_copy.copy(str(path), b"bytes", HASH)
        tried = [cache / "copies", path.parent, tmp_path]
        expected = (
            "no place for a private copy: "
            + ", ".join(f"'{directory}': {words}" for directory in tried)
            + "; let NATIVEPLUG_CACHE_DIR name another directory, or map the file itself with "
            "in_place=True"
        )
        assert expected == caught.value.reason
        assert f"cannot open plugin '{path}': {expected}" == str(caught.value)
        assert count == descriptors()
        if call == "write":
            assert [] == [found for found in tmp_path.rglob("*") if found.is_file()]

    def test_policy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A memfd that may not be executed is none, and leaks nothing."""
        mapped = mmap.mmap

        def forbid_once(*_args: object) -> None:
            monkeypatch.setattr(mmap, "mmap", mapped)
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(mmap, "mmap", forbid_once)
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path))
        count = descriptors()
        copy = private_copy.copy("/nowhere/plugin.so", b"bytes")
        assert os.readlink(copy.name).startswith(f"{tmp_path}/copies/.plugin.so.")
        copy.close()
        assert count == descriptors()


class TestOrigin:
    """A plugin that finds its libraries relative to its place has that place rebuilt."""

    @pytest.fixture
    def plugin(self, build_c: BuildC) -> Path:
        """Give such a plugin, with another file beside it."""
        return build_c("int f(void) { return 1; }", "plugin", "-Wl,-rpath,$ORIGIN")

    def test_links(self, plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Its copy is a file, although there is memfd_create, among links to its neighbours."""
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(tmp_path / "cache"))
        before = names(plugin.parent)
        copy = private_copy.copy(str(plugin), plugin.read_bytes(), HASH)
        directory = Path(copy.name).parent
        assert tmp_path / "cache/copies" == directory.parents[2]
        assert before == names(directory) - {"cache"}
        assert not Path(copy.name).is_symlink()
        assert (directory / "plugin.c").samefile(plugin.with_name("plugin.c"))
        assert Path(copy.name).samefile(tmp_path / "cache/copies" / HASH / "plugin.so")
        assert before == names(plugin.parent) - {"cache"}
        copy.close()
        assert not directory.exists()

    def test_beside(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is no cache directory it lies beside the plugin, until it is closed."""
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", "/proc/nowhere")
        copy = private_copy.copy(str(plugin), plugin.read_bytes(), HASH)
        assert plugin.parent == Path(copy.name).parents[3]
        copy.close()
        assert not Path(copy.name).exists()


class TestKept:
    """Copies are kept for gdb and perf where the environment says so."""

    def test_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The directory's name tells plugin and hash; it stays, and may be relative."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", "kept/copies")
        copies = [private_copy.copy("/nowhere/plugin.so", b"bytes", HASH) for _ in range(2)]
        for copy in copies:
            copy.close()
            directory = Path(copy.name).parent
            assert tmp_path / "kept/copies" == directory.parent
            assert directory.name.startswith("plugin.so.0123456789abcdef.")
            assert b"bytes" == Path(copy.name).read_bytes()
        assert 2 == len(names(tmp_path / "kept/copies"))

    def test_not_of_no_hash(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is not a whole file, and has no hash, is not kept."""
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", "/proc/nowhere")
        copy = private_copy.copy("plugin.so", b"bytes")
        assert copy.descriptor is not None
        copy.close()

    def test_no_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A directory that cannot be written to is an error, as somebody waits for the copy."""
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", "/proc/nowhere")
        with pytest.raises(OpenError) as caught:
            private_copy.copy("plugin.so", b"bytes", HASH)
        expected = (
            "cannot open plugin 'plugin.so': no place for a private copy: '/proc/nowhere': "
            "No such file or directory; NATIVEPLUG_KEEP_COPIES names it"
        )
        assert expected == str(caught.value)


class TestTrusted:
    """A copy that is loaded by its path lies where only those who are trusted can write."""

    TRUSTED = (0, os.geteuid())

    @pytest.fixture(autouse=True)
    def _open_to_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let all others write to the directory in which copies would be made."""
        tmp_path.chmod(0o777)
        monkeypatch.setenv("NATIVEPLUG_KEEP_COPIES", str(tmp_path / "kept"))

    def test_kept(self, tmp_path: Path) -> None:
        """Where copies are kept, others may write only if nobody asks."""
        path = str(tmp_path / "plugin.so")
        private_copy.copy(path, b"bytes", HASH).close()
        before = names(tmp_path / "kept")
        with pytest.raises(OpenError) as caught:
            private_copy.copy(path, b"bytes", HASH, trusted=self.TRUSTED)
        assert caught.value.reason.endswith("; NATIVEPLUG_KEEP_COPIES names it")
        words = (
            f"'{tmp_path}/kept': the directory '{tmp_path}' can be written by others (mode 0777)"
        )
        assert words in caught.value.reason
        assert before == names(tmp_path / "kept")
        tmp_path.chmod(0o755)
        copy = private_copy.copy(path, b"bytes", HASH, trusted=self.TRUSTED)
        assert tmp_path / "kept" == Path(copy.name).parent.parent
        copy.close()

    def test_origin(self, build_c: BuildC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A plugin that needs its surroundings gets its copy elsewhere, if there is a place."""
        path = build_c("int f(void) { return 1; }", "plugin", "-Wl,-rpath,$ORIGIN")
        cache = tmp_path / "cache"
        monkeypatch.delenv("NATIVEPLUG_KEEP_COPIES")
        monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(cache))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with pytest.raises(OpenError, match="can be written by others") as caught:
            private_copy.copy(str(path), path.read_bytes(), trusted=self.TRUSTED)
        assert 2 == caught.value.reason.count(f"the directory '{tmp_path}' can be written by")
        tmp_path.chmod(0o755)
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        path = path.rename(tmp_path / "open" / "plugin.so")
        copy = private_copy.copy(str(path), path.read_bytes(), trusted=self.TRUSTED)
        assert cache / "copies" == Path(copy.name).parents[3]
        copy.close()
        cache.chmod(0o777)
        path.parent.chmod(0o1777)  # where nobody else can rename what is ours
        copy = private_copy.copy(str(path), path.read_bytes(), trusted=self.TRUSTED)
        assert path.parent == Path(copy.name).parents[3]
        copy.close()

    def test_by_descriptor(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is loaded by its descriptor may lie anywhere."""
        monkeypatch.setattr("os.memfd_create", refuse(errno.ENOSYS))
        copy = private_copy.copy(str(tmp_path / "plugin.so"), b"bytes", trusted=self.TRUSTED)
        assert copy.descriptor is not None
        copy.close()
