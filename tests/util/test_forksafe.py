"""What a child process finds of the locks of its parent, and of what is to be done in it."""

from __future__ import annotations

import cffi.cparser

from support import RunPython

PRELUDE = """
        import os, signal, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() in a process with threads
        from nativeplug._util import forksafe

        def in_child(work):
            child = os.fork()
            if not child:
                signal.alarm(200)
                print(work(), flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
"""


def lines(run_python: RunPython, code: str) -> list[str]:
    """Run *code* after the prelude; return the lines that it prints."""
    done = run_python(PRELUDE + code)
    assert "" == done.stderr
    return str(done.stdout).splitlines()


def test_held_by_another_thread(run_python: RunPython) -> None:
    """A lock that another thread held is free in the child, and in the parent it stays held."""
    code = """
        lock, held, done = forksafe.lock(), threading.Event(), threading.Event()
        def hold():
            with lock:
                held.set()
                done.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        in_child(lambda: lock.acquire(blocking=False))
        print(lock.acquire(blocking=False))
        done.set()
        thread.join()
    """
    assert ["True", "False"] == lines(run_python, code)


def test_held_by_the_thread_that_forks(run_python: RunPython) -> None:
    """A lock that the forking thread holds is its own in the child, as often as it took it."""
    code = """
        lock = forksafe.lock()
        def free():
            lock.release()
            lock.release()
            with lock:
                pass
            try:
                lock.release()
            except RuntimeError as error:
                return error
        with lock, lock:
            in_child(free)
    """
    assert ["cannot release un-acquired lock"] == lines(run_python, code)


def test_order(run_python: RunPython) -> None:
    """What is to be done in a child is done in the order of its registration, with free locks."""
    code = """
        lock, held, found = forksafe.lock(), threading.Event(), []
        @forksafe.in_child
        def first():
            found.append(lock.acquire(blocking=False))
        forksafe.in_child(lambda: found.append("second"))
        def hold():
            lock.acquire()
            held.set()
            threading.Event().wait()
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        in_child(lambda: found)
        print(found, callable(first), flush=True)
        os._exit(0)
    """
    assert ["[True, 'second']", "[] True"] == lines(run_python, code)


def test_errors(run_python: RunPython) -> None:
    """What one of them raises is printed, and stops none of the others."""
    code = """
        found = []
        @forksafe.in_child
        def first():
            raise OSError("of the first")
        forksafe.in_child(lambda: found.append("second"))
        in_child(lambda: found)
    """
    done = run_python(PRELUDE + code)
    assert "['second']\n" == done.stdout
    assert "OSError: of the first" in done.stderr


def test_import_under_way(run_python: RunPython) -> None:
    """A fork waits for a module of ours that another thread imports: it would stay locked."""
    code = """
        import importlib.abc, importlib.machinery
        importing, forking, forked = (threading.Event() for _ in range(3))
        class Slow(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "nativeplug.trust.comment":  # which verify imports
                    importing.set()
                    forking.wait()
                    forked.wait(0.5)  # as long as an import may take yet
        sys.meta_path.insert(0, Slow())
        def late():
            from nativeplug.trust import verify
            return verify.__name__
        os.register_at_fork(before=forking.set, after_in_parent=forked.set)
        thread = threading.Thread(target=late)
        thread.start()
        importing.wait()
        in_child(late)
        thread.join()
    """
    assert ["nativeplug.trust.verify"] == lines(run_python, code)


def test_dropped(run_python: RunPython) -> None:
    """A lock that nobody uses any more is not kept for a fork."""
    code = """
        import weakref
        gone = weakref.ref(forksafe.lock())
        print(gone())
    """
    assert ["None"] == lines(run_python, code)


def test_parser_of_cffi() -> None:
    """The lock of cffi's parser, which a child gets anew, is where it was: cffi 1.15 to 2.0."""
    assert hasattr(cffi.cparser.lock, "acquire")
