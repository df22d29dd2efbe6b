"""Copies on disk: one for each content, which processes share."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nativeplug
from gates import background
from nativeplug._util import diskcache
from nativeplug.loader import copy_store, dlopen, files, held, loading
from nativeplug.loader.files import FileKey
from nativeplug.loader.generation import Generation
from signing import FAR, Signer
from support import (
    BuildC,
    Compile,
    RunPython,
    call_int,
    descriptors,
    load_generation,
    names,
    refuse,
)

NUMBER = "static int n = 6; int number(void) { return ++n; }"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a cache directory of this test's own."""
    made = tmp_path / "cache"
    monkeypatch.setenv("NATIVEPLUG_CACHE_DIR", str(made))
    yield made
    for key in [each for each in held._directories if each[0].startswith(str(made))]:
        held._give_up(*held._directories.pop(key))


def place_of(loaded: Generation) -> Path:
    """Return where the loaded copy is."""
    return Path(dlopen.path_of(loaded._handle))


def copies_in(cache: Path) -> set[str]:
    """Name the copies that are there, but for what belongs to a process."""
    found = (cache / "copies").glob("[!.]*/*")
    return {str(path.relative_to(cache / "copies")) for path in found}


class TestShared:
    """One content is one file, for all processes."""

    def test_path(self, compile_c: Compile, cache: Path) -> None:
        """It is named after its content and the plugin, and can only be read."""
        path = compile_c(NUMBER)
        loaded = load_generation(path)
        assert cache / "copies" / str(loaded.sha256) / "plugin.so" == place_of(loaded)
        assert path.read_bytes() == place_of(loaded).read_bytes()
        assert 0o100400 == place_of(loaded).stat().st_mode

    def test_two_processes(self, compile_c: Compile, run_python: RunPython) -> None:
        """Two processes map one file."""
        path = compile_c(NUMBER)
        code = """
            import os, sys, nativeplug
            plg = nativeplug.open(sys.argv[1], "int number(void);")
            assert 7 == plg.number()
            line = next(each for each in open("/proc/self/maps") if "/plugin.so" in each)
            print(*line.split()[3:6])
        """
        ended = [run_python(code, path) for _ in range(2)]
        (found,) = {each.stdout for each in ended}
        assert "/plugin.so" in found, ended

    @pytest.mark.parametrize("large", [1, 1 << 30], ids=["large", "small"])
    def test_made_meanwhile(
        self, large: int, compile_c: Compile, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What another process makes at the same time is not replaced: it has mapped that."""
        monkeypatch.setattr(copy_store, "LARGE", large)
        path = compile_c(NUMBER)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        other, find, made = cache / "copies" / sha256 / "plugin.so", copy_store.find, []

        def find_late(*args: Any, **options: Any) -> int | None:
            found = find(*args, **options)
            if found is None and not other.exists():
                shutil.copy(path, other)
                os.utime(other, ns=(0, 0))
                other.chmod(0o400)
                made.append(other.stat().st_ino)
            return found

        monkeypatch.setattr(copy_store, "find", find_late)
        loaded = load_generation(path)
        assert 7 == call_int(loaded, "number")
        assert {f"{sha256}/plugin.so"} == copies_in(cache)
        assert made == [other.stat().st_ino] == [place_of(loaded).stat().st_ino]

    def test_again_in_one_process(self, compile_c: Compile, cache: Path) -> None:
        """What is loaded again beside itself is another file, as the loader would not load it."""
        path = compile_c(NUMBER)
        first, second = load_generation(path), load_generation(path)
        assert [7, 8, 7] == [call_int(each, "number") for each in (first, first, second)]
        name = f"{first.sha256}"
        assert {f"{name}/plugin.so", f"{name}.1/plugin.so"} == copies_in(cache)

    def test_again_once_unloaded(self, compile_c: Compile, cache: Path) -> None:
        """What was unloaded is loaded again from the same file."""
        path = compile_c(NUMBER)
        for _ in range(3):
            loaded = load_generation(path)
            assert 7 == call_int(loaded, "number")
            assert None is loaded.unload()
        assert {f"{loaded.sha256}/plugin.so"} == copies_in(cache)

    def test_threads(self, compile_c: Compile) -> None:
        """Threads that load one content at once have a file each."""
        path, together = compile_c(NUMBER), threading.Barrier(4)

        def load() -> Generation:
            together.wait()
            return load_generation(path)

        with background(*[load] * 4) as futures:
            loaded = [each.result() for each in futures]
        assert [7] * 4 == [call_int(each, "number") for each in loaded]
        assert 4 == len({place_of(each).stat().st_ino for each in loaded})

    def test_cache_removed(self, compile_c: Compile, cache: Path) -> None:
        """Who removes the cache directory while plugins are open does no harm."""
        path = compile_c(NUMBER)
        first = load_generation(path)
        assert 7 == call_int(first, "number")
        shutil.rmtree(cache)
        second = load_generation(path)
        assert [8, 7] == [call_int(each, "number") for each in (first, second)]

    def test_cache_removed_meanwhile(self, compile_c: Compile, cache: Path) -> None:
        """Nor does who removes it between the copy and the load."""
        path = compile_c(NUMBER)
        removed: list[Path] = []

        def remove() -> None:
            if not removed:
                removed.append(cache)
                shutil.rmtree(cache)

        loaded = loading.load_file(str(path), files.read_file(str(path)), ready=remove)
        assert 7 == call_int(loaded, "number")
        assert [cache] == removed

    def test_not_loadable(self, compile_c: Compile, cache: Path) -> None:
        """What cannot be loaded is not held in use."""
        path = compile_c("int missing(void); int f(void) { return missing(); }")
        with pytest.raises(nativeplug.OpenError, match="undefined symbol"):
            load_generation(path)
        assert [] == [*(cache / "copies").glob(".nativeplug.*/plugin*")]


class TestBelieved:
    """Nothing that lies there is loaded unless it is what the user's file has."""

    def test_damaged(self, compile_c: Compile) -> None:
        """A copy that is not the content is made anew."""
        path = compile_c(NUMBER)
        loaded = load_generation(path)
        place = place_of(loaded)
        assert None is loaded.unload()
        place.chmod(0o600)
        place.write_bytes(b"\0" * place.stat().st_size)
        assert 7 == call_int(load_generation(path), "number")
        assert path.read_bytes() == place.read_bytes()

    def test_link(self, compile_c: Compile, tmp_path: Path) -> None:
        """A symlink in its place is replaced, not followed."""
        path = compile_c(NUMBER)
        loaded = load_generation(path)
        place = place_of(loaded)
        assert None is loaded.unload()
        place.rename(tmp_path / "elsewhere.so")
        place.symlink_to(tmp_path / "elsewhere.so")
        assert 7 == call_int(load_generation(path), "number")
        assert not place.is_symlink()

    def test_others_can_write(self, compile_c: Compile, cache: Path) -> None:
        """Where others can write there are no copies."""
        cache.mkdir()
        cache.chmod(0o777)
        loaded = load_generation(compile_c(NUMBER))
        assert 7 == call_int(loaded, "number")
        assert str(place_of(loaded)).startswith("/proc/")

    @pytest.mark.parametrize("call", ["link", "write"])
    def test_no_room(self, call: str, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the disk is full, or links are refused, memory has to do."""
        path, write = compile_c(NUMBER), os.write

        def refuse_once(*args: int) -> int:
            monkeypatch.setattr(os, "write", write)
            return refuse(errno.ENOSPC)(*args)

        monkeypatch.setattr(os, call, refuse_once if call == "write" else refuse(errno.ENOSPC))
        loaded = load_generation(path)
        assert 7 == call_int(loaded, "number")
        assert str(place_of(loaded)).startswith("/proc/")


class TestTidy:
    """What nobody uses goes when it is too much."""

    @pytest.fixture
    def used(self, compile_c: Compile, cache: Path) -> list[str]:
        """Give three copies, the last of which is in use, by the time of their use."""
        found = []
        for number in range(3):
            loaded = load_generation(compile_c(f"int number(void) {{ return {number}; }}"))
            found.append(f"{loaded.sha256}/plugin.so")
            if number < 2:
                assert None is loaded.unload()
            time = 10**9 * (number + 1)
            os.utime(place_of(loaded).parent, ns=(time, time)) if number == 2 else os.utime(
                cache / "copies" / f"{loaded.sha256}", ns=(time, time)
            )
        return found

    @pytest.mark.parametrize(("name", "most"), [("_MOST_COPIES", 2), ("_MOST_BYTES", 40_000)])
    def test_oldest_first(
        self, name: str, most: int, used: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was not used for the longest time goes, until there is room."""
        monkeypatch.setattr(copy_store, name, most)
        copy_store._tidy(str(cache / "copies"))
        assert {*used[1:]} == copies_in(cache)

    def test_in_use(self, used: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a process has mapped stays."""
        monkeypatch.setattr(copy_store, "_MOST_COPIES", 0)
        copy_store._tidy(str(cache / "copies"))
        assert {used[2]} == copies_in(cache)

    def test_now_and_then(self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is looked for as copies are made."""
        looked: list[str] = []
        monkeypatch.setattr(copy_store, "_tidy", looked.append)
        monkeypatch.setattr(copy_store, "_INTERVAL", 2)
        for number in range(4):
            load_generation(compile_c(f"int number(void) {{ return 10 + {number}; }}"))
        assert 2 == len(looked)

    def test_just_made(
        self, compile_c: Compile, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy that is just made is in use: it stays, however many others are."""
        monkeypatch.setattr(copy_store, "_MOST_COPIES", 0)
        monkeypatch.setattr(copy_store, "_INTERVAL", 1)
        made = [
            load_generation(compile_c(f"int number(void) {{ return 20 + {number}; }}"))
            for number in range(2)
        ]
        assert {f"{loaded.sha256}/plugin.so" for loaded in made} == copies_in(cache)

    def test_interrupted(self, compile_c: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C while old copies are looked for leaves no descriptor open."""
        path = compile_c(NUMBER)
        load_generation(compile_c("int other;"))  # what is opened once and kept is open
        before = descriptors()

        def interrupt(_size: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(copy_store, "tidy", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_generation(path)
        assert before == descriptors()

    def test_unfinished(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a writer has left behind goes after an hour, whatever it says of its times."""
        folder = cache / "copies/abc"
        folder.mkdir(parents=True)
        (folder / ".left").touch()
        os.utime(folder / ".left", (0, 0))
        copy_store._tidy(str(cache / "copies"))
        assert {".left"} == names(folder)
        later = time.time() + 2 * 3600
        monkeypatch.setattr(copy_store, "time", SimpleNamespace(time=lambda: later))
        copy_store._tidy(str(cache / "copies"))
        assert set() == names(folder)


class TestLarge:
    """A large file is read by way of its copy."""

    @pytest.fixture(autouse=True)
    def _all_are_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let files of some kilobytes be large."""
        monkeypatch.setattr(copy_store, "LARGE", 1000)

    @pytest.fixture
    def plugin(self, compile_c: Compile) -> Path:
        """Give a plugin."""
        return compile_c(NUMBER)

    def test_mapped(self, plugin: Path, cache: Path) -> None:
        """What is judged and loaded is the copy, which is not in memory a second time."""
        found = files.read_file(str(plugin))
        assert isinstance(found.data, mmap.mmap)
        assert plugin.read_bytes() == found.data[:]
        loaded = loading.load_file(str(plugin), found)
        assert 7 == call_int(loaded, "number")
        assert {f"{found.sha256}/plugin.so"} == copies_in(cache)

    @pytest.mark.parametrize("afresh", [False, True])
    def test_known(self, plugin: Path, *, afresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that has not changed is not copied again, and not read unless that is asked."""
        first = files.read_file(str(plugin))
        monkeypatch.setattr(copy_store, "_copy", refuse(errno.EIO))
        if not afresh:
            monkeypatch.setattr(os, "pread", refuse(errno.EIO))
        again = files.read_file(str(plugin), afresh=afresh)
        assert (first.sha256, first.key, first.place) == (again.sha256, again.key, again.place)
        assert isinstance(again.data, mmap.mmap)

    def test_hidden_change(self, compile_c: Compile) -> None:
        """What its times do not tell is found by whoever asks for it, as update() does."""
        first, second = (compile_c(f"int f(void) {{ return {n}; }}") for n in (1, 2))
        old, new = (files.read_file(str(path)) for path in (first, second))
        key = FileKey.of(second.stat())
        diskcache.store(files._note_of(key), files._NOTE, old.sha256.encode())
        assert old.sha256 == files.read_file(str(second)).sha256
        assert new.sha256 == files.read_file(str(second), afresh=True).sha256

    def test_changed(self, plugin: Path, compile_c: Compile) -> None:
        """A file with other times, or in its place, is read."""
        first = files.read_file(str(plugin))
        os.utime(plugin)
        assert first.sha256 == files.read_file(str(plugin)).sha256
        os.replace(compile_c("int other;"), plugin)
        assert first.sha256 != files.read_file(str(plugin)).sha256

    def test_copy_gone(self, plugin: Path, cache: Path) -> None:
        """What is known of a copy that is there no more is of no use."""
        first = files.read_file(str(plugin))
        shutil.rmtree(cache / "copies")
        again = files.read_file(str(plugin))
        assert (first.sha256, plugin.read_bytes()) == (again.sha256, again.data[:])
        assert isinstance(again.data, mmap.mmap)

    def test_copy_changed(self, plugin: Path, cache: Path) -> None:
        """Nor is a copy that somebody has written to, though nobody else than the user could."""
        good = files.read_file(str(plugin))
        copy = cache / "copies" / good.sha256 / plugin.name
        copy.chmod(0o600)
        with copy.open("r+b") as file:
            file.write(b"damage")
        again = files.read_file(str(plugin))
        assert (good.sha256, plugin.read_bytes()) == (again.sha256, again.data[:])
        assert 7 == call_int(load_generation(plugin), "number")
        assert plugin.read_bytes() == copy.read_bytes()

    @pytest.mark.parametrize("time", [10**18, 10**18 + 10**7, 10**18 + 1])
    def test_coarse_times(self, plugin: Path, time: int) -> None:
        """Where times are coarse, a change may hide, and nothing is noted."""
        key = FileKey.of(plugin.stat())._replace(ctime_ns=time)
        files._remember(key, "abc")
        assert ("abc" if time % 10**7 else None) == files._recall(key)

    def test_written_meanwhile(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is written while it is copied is read again by whoever asked for it."""
        copy = copy_store._copy

        def copy_late(source: int, target: int, size: int) -> None:
            os.utime(plugin, ns=(1, 1))
            copy(source, target, size)

        monkeypatch.setattr(copy_store, "_copy", copy_late)
        with pytest.raises(files.FileChangedError):
            files.read_file(str(plugin))

    def test_emptied_meanwhile(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is emptied while it is copied has changed, too."""
        copy = copy_store._copy

        def copy_late(source: int, target: int, size: int) -> None:
            os.truncate(plugin, 0)
            copy(source, target, size)

        monkeypatch.setattr(copy_store, "_copy", copy_late)
        with pytest.raises(files.FileChangedError):
            files.read_file(str(plugin))

    @pytest.mark.parametrize("call", ["copy_file_range", "sendfile"])
    def test_ways_to_copy(self, plugin: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is copied by whatever the file system offers."""
        if call == "sendfile":
            monkeypatch.setattr(os, "copy_file_range", refuse(errno.EXDEV))
        assert plugin.read_bytes() == files.read_file(str(plugin)).data[:]

    def test_no_place(self, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a place for copies it is read into memory."""
        monkeypatch.setattr(copy_store, "cache_directory", lambda: None)
        found = files.read_file(str(plugin))
        assert plugin.read_bytes() == found.data
        assert isinstance(found.data, bytes)

    def test_unique_symbols(self, compile_c: Compile) -> None:
        """What a copy has otherwise is in another copy: what is judged is the user's."""
        text = """
            __asm__(".data; .globl one; .type one, %gnu_unique_object; .size one, 4;"
                    "one: .long VALUE; .previous");
            extern int one;
            int number(void) { return one; }
        """
        for value in (1, 2):
            path = compile_c(text.replace("VALUE", str(value)))
            for _ in range(2):  # the second finds it in the store
                found = files.read_file(str(path))
                assert path.read_bytes() == found.data[:]
                loaded = loading.load_file(str(path), found)
                assert value == call_int(loaded, "number")
                assert f"/{found.sha256}." in str(place_of(loaded))
                assert None is loaded.unload()

    def test_policy(self, plugin: Path, tmp_path: Path) -> None:
        """Policies judge it as any other, and its updates are taken up."""
        path = tmp_path / "plugin.so"
        shutil.copy(plugin, path)
        sha256 = files.read_file(str(path)).sha256
        with pytest.raises(nativeplug.OriginError):
            nativeplug.open(path, "int number(void);", sha256="0" * 64)
        plg = nativeplug.open(path, "int number(void);", sha256=sha256)
        assert 7 == plg.number()
        assert "unchanged" == plg.update()

    def test_signed(self, plugin: Path) -> None:
        """A signature is verified over the copy, each time."""
        signer = Signer()
        signer.sign(plugin, "version:1.2", FAR)
        for _ in range(2):
            files.read_file(str(plugin))
            plg = nativeplug.open(plugin, "int number(void);", policy=signer.policy())
            assert 7 == plg.number()
            plg.close()
        with pytest.raises(nativeplug.OriginError, match="signed by the key"):
            nativeplug.open(plugin, "int number(void);", policy=Signer().policy())


class TestProcess:
    """What is a process's goes with it."""

    #: The rest runs as another user, where this one is root, in a directory of that user's.
    AS_ANOTHER = """
            import contextlib, os, sys, tempfile
            from nativeplug.loader import held
            another = os.geteuid() or 65534
            @contextlib.contextmanager
            def own_directory():
                with tempfile.TemporaryDirectory() as folder:
                    os.chown(folder, another, -1)
                    yield folder
    """

    def test_other_user(self, run_python: RunPython) -> None:
        """A process that has given up root's rights has a directory in which it may write."""
        code = """
            with own_directory() as folder:
                os.chmod(folder, 0o755)
                os.mkdir(held.new_path(folder, "plugin.so"))
                os.seteuid(another)
                os.mkdir(held.new_path(folder, "plugin.so"))
                os.seteuid(os.getuid())
                print("made")
        """
        ended = run_python(self.AS_ANOTHER + code)
        assert ("made\n", "") == (ended.stdout, ended.stderr)

    def test_no_lock(self, run_python: RunPython) -> None:
        """A directory in which no lock can be made does not stay."""
        code = """
            with own_directory() as folder:
                os.seteuid(another)
                os.umask(0o700)
                try:
                    held.new_path(folder, "plugin.so")
                except PermissionError:
                    print(os.listdir(folder))
                os.seteuid(os.getuid())
        """
        ended = run_python(self.AS_ANOTHER + code)
        assert ("[]\n", "") == (ended.stdout, ended.stderr)

    CODE = """
        import os, signal, sys, nativeplug
        from pathlib import Path
        plg = nativeplug.open(sys.argv[1], "int number(void);")
        cache = Path(os.environ["NATIVEPLUG_CACHE_DIR"], "copies")
        own = lambda: len([*cache.glob(".nativeplug.*/*.so.*")])
    """

    def own(self, cache: Path) -> list[Path]:
        """Return the directories of processes."""
        return [*(cache / "copies").glob(".nativeplug.*")]

    def test_exit(self, compile_c: Compile, cache: Path, run_python: RunPython) -> None:
        """At its end nothing is left but the copy."""
        ended = run_python(self.CODE + "    print(own())", compile_c(NUMBER))
        assert "1\n" == ended.stdout, ended.stderr
        assert [] == self.own(cache)
        assert 1 == len(copies_in(cache))

    def test_killed(self, compile_c: Compile, cache: Path, run_python: RunPython) -> None:
        """What a killed process has left is removed by the next one."""
        path = compile_c(NUMBER)
        run_python(self.CODE + "    os.kill(os.getpid(), signal.SIGKILL)", path)
        assert 1 == len(self.own(cache))
        ended = run_python(
            self.CODE + "    print(own(), len([*cache.glob('.nativeplug.*')]))", path
        )
        assert "1 1\n" == ended.stdout, ended.stderr
        assert [] == self.own(cache)

    def test_forked(self, compile_c: Compile, cache: Path, run_python: RunPython) -> None:
        """A forked process has its parent's until it ends itself, though the parent has ended."""
        code = """
            import os, sys, nativeplug
            from pathlib import Path
            cache = Path(os.environ["NATIVEPLUG_CACHE_DIR"], "copies")
            own = lambda: [*cache.glob(".nativeplug.*/*.so.*")]
            last_ended, _held = os.pipe()
            if os.fork() == 0:
                plg = nativeplug.open(sys.argv[1], "int number(void);")
                first_ended, held = os.pipe()
                if os.fork() == 0:
                    os.close(held)
                    os.read(first_ended, 1)
                    print(len(own()), plg.number())
                sys.exit()
            os.close(_held)
            os.read(last_ended, 1)
            print(len(own()))
        """
        ended = run_python(code, compile_c(NUMBER))
        assert ["1 7", "0"] == ended.stdout.splitlines(), ended.stderr
        assert [] == self.own(cache)


def test_constructor_that_closes_all(build_c: BuildC, run_python: RunPython) -> None:
    """A constructor that closes all descriptors leaves names and surroundings as they are."""
    text = """
        #define _GNU_SOURCE
        #include <unistd.h>
        __attribute__((constructor)) static void start(void) { close_range(3, ~0U, 0); }
        int number(void) { return 7; }
    """
    path = build_c(text)
    code = """
        import os, sys, nativeplug
        first = nativeplug.open(sys.argv[1], "int number(void);")
        second = nativeplug.open(sys.argv[2], "int number(void);")
        print(first.number(), second.number(), os.path.exists(sys.argv[1]))
    """
    other = Path(shutil.copy(path, path.with_name("other.so")))
    ended = run_python(code, path, other)
    assert "7 7 True\n" == ended.stdout, ended.stderr
