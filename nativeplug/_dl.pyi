# ruff: noqa: PYI021 - C has no docstrings: this file is the contract
"""
The dynamic loader's calls, the check of a file before them, and posix_spawn(3): csrc/dl, by cffi.

Each function runs without the GIL, is safe to call from several threads, and raises
nothing: failures are results. Texts are written to buffers of the caller, cut to their size.
"""

from _cffi_backend import FFI

class _Lib:
    """The functions and constants of dl.cdef."""

    #: Flags of dlopen(3).
    RTLD_NOW: int
    RTLD_LOCAL: int

    #: The symbol was found. Its address may be NULL.
    NP_DL_FOUND: int
    #: There is no such symbol; *error* has the loader's text.
    NP_DL_ABSENT: int
    #: Only a dependency has the symbol; *error* is the path of that.
    NP_DL_FOREIGN: int
    #: The symbol's address lies in no loaded object: it is thread-local, or absolute.
    NP_DL_PLACELESS: int

    def np_dl_open(
        self, path: bytes | FFI.CData, flags: int, error: FFI.CData, size: int, /
    ) -> FFI.CData:
        """
        Load *path*; the constructors run inside, and may take their time.

        The thread's floating-point environment stays as it was.

        Args:
            path: A path, or a soname for the system's search; NULL for the program itself.
            flags: ``RTLD_NOW | RTLD_LOCAL``, as dlopen(3) has them.
            error: A ``char[]`` for the loader's text; empty when there is none.
            size: The length of *error*.

        Returns:
            A handle that the caller owns; NULL when *path* could not be loaded.
        """

    def np_dl_close(self, handle: FFI.CData, error: FFI.CData, size: int, /) -> int:
        """
        Give up a handle; the destructors run inside.

        The thread's floating-point environment stays as it was.

        Args:
            handle: Taken, also where that fails. The name of its object is nobody else's.
            error: A ``char[]`` for the loader's text.
            size: The length of *error*.

        Returns:
            0 when the object is gone from memory. Otherwise the loader keeps it; *error* is
            empty where it does not say why.
        """

    def np_dl_symbol(
        self, handle: FFI.CData, name: bytes, address: FFI.CData, error: FFI.CData, size: int, /
    ) -> int:
        """
        Find *name* in the object of *handle*, and only there.

        Args:
            handle: Borrowed.
            name: The symbol's name, without a version.
            address: A ``void **`` for the symbol's address.
            error: A ``char[]`` for a text that depends on the result.
            size: The length of *error*.

        Returns:
            One of ``NP_DL_*``.
        """

    def np_dl_exports(
        self, library: bytes, names: list[FFI.CData], count: int, found: FFI.CData, /
    ) -> int:
        """
        Tell which symbols a library exports, or one that it needs.

        Args:
            library: As in another's DT_NEEDED.
            names: The symbols' names, each a ``char[]``.
            count: How many there are.
            found: A ``_Bool[]`` of that length; true is written for those that it exports.

        Returns:
            0 when the library is not loaded.
        """

    def np_dl_own_address(self, handle: FFI.CData, name: bytes, span: FFI.CData, /) -> int:
        """
        Find *name* where the object of *handle* lies.

        Returns:
            Its address; 0 when `np_dl_symbol` has to tell.
        """

    def np_dl_span(self, handle: FFI.CData, span: FFI.CData, /) -> None:
        """Write to a ``struct np_dl_span *`` where the object of *handle* lies."""

    def np_dl_wait_for_go(self, handle: FFI.CData, /) -> None:
        """
        Wait until the init functions of a Go library have run; of another there is no wait.

        It may take for ever. The handle is borrowed, and stays open meanwhile.
        """

    def np_dl_path(self, handle: FFI.CData, path: FFI.CData, size: int, /) -> int:
        """
        Write the path at which the loader found the object of *handle* (borrowed).

        Returns:
            0; or -1 when the loader cannot tell, and *path* is left as it is.
        """

    def np_dl_free_address(self) -> FFI.CData:
        """Return the address of libc's free."""

    #: Which libc a process or a file has; a file may be looked at for any.
    NP_LIBC_ANY: int
    NP_LIBC_GNU: int
    NP_LIBC_MUSL: int

    def np_check(
        self, data: FFI.CData, size: int, machine: int, libc: int, found: FFI.CData, /
    ) -> bool:
        """
        Look for what would harm or mislead the dynamic loader in a file.

        Nothing outside of *data* is read, and the time is linear in *size*, whatever the
        bytes are.

        Args:
            data: The whole file, borrowed.
            size: How many bytes it has.
            machine: e_machine of the process that it is for: x86-64 or AArch64.
            libc: One of ``NP_LIBC_*``.
            found: A ``struct np_finding *`` for what is found, and where in the file.

        Returns:
            True when nothing is found.
        """

    def np_check_libc(self) -> int:
        """Return which libc this process has, one of ``NP_LIBC_*``."""

    def np_dl_spawn(
        self,
        program: bytes,
        argv: FFI.CData,
        envp: FFI.CData,
        descriptors: FFI.CData,
        count: int,
        pid: FFI.CData,
        /,
    ) -> int:
        """
        Start a program in a session of its own, with default signals; it has to be reaped.

        Args:
            program: Its path.
            argv: Its arguments, a ``char *[]`` that ends with NULL.
            envp: Its environment, the same.
            descriptors: An ``int[]``: what the child has as 0, 1, 2 ...; it has no others.
            count: How many those are; at most 8.
            pid: An ``int *`` for the child's process number.

        Returns:
            0, or the operating system's error number.
        """

    def np_fork_before(self) -> None:
        """
        Wait, before fork(2), for the loader's calls in other threads; none begins meanwhile.

        It waits two seconds at most, as a constructor may take for ever.
        """

    def np_fork_in_parent(self) -> None:
        """Let the loader's calls begin again, in the parent; also after a fork that failed."""

    def np_fork_in_child(self) -> None:
        """Let them begin again, in the child, which has none of the parent's other threads."""

ffi: FFI
lib: _Lib
