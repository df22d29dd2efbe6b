"""
What a plugin may export to take part in updates, and how its state goes over.

* ``int nativeplug_loaded(void)``: called in a new generation before it serves; anything but 0
  refuses the update.
* ``void *nativeplug_save(size_t *size)``: called in the generation that serves; returns its
  state, which stays its own, and the state's size. NULL and 0 say that there is none, NULL and
  another size that it cannot be saved.
* ``int nativeplug_restore(const void *data, size_t size)``: called in the new generation with a
  copy of that state, valid during the call; anything but 0 refuses the update.

All are called without the GIL. In a plugin that tells of errors (see nativeplug.h) each refuses
also by telling of one, whose text is the reason then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _cffi_backend import FFI

from nativeplug.loader.options import SECONDS
from nativeplug.runtime.loaded import Loaded

#: The names, which no plugin exports for anything else.
HOOKS = frozenset({"nativeplug_loaded", "nativeplug_save", "nativeplug_restore"})

_ffi: Any = FFI()


class HandoverError(Exception):
    """The plugin refuses; the text is the reason."""


def announce(loaded: Loaded) -> None:
    """
    Ask a new generation whether it is ready to serve.

    Go's init functions have to end first, within the time that the probe gives constructors.

    Raises:
        HandoverError: It is not.
    """
    try:
        is_begun = loaded.generation.wait_for_init(SECONDS)
    except RuntimeError as error:  # no more threads, or the interpreter exits
        raise HandoverError(f"its init functions cannot be waited for: {error}") from None
    if not is_begun:
        raise HandoverError(f"its init functions did not end within {SECONDS:g} s")
    ready = _find(loaded, "nativeplug_loaded", "int (*)(void)", "new")
    if ready is not None and (status := ready()) != 0:
        raise HandoverError(f"nativeplug_loaded() of the new version returned {status}")


def hand_over(old: Loaded, new: Loaded) -> None:
    """
    Bring the state of a generation over to another, if both take part in that.

    The caller keeps both loaded.

    Raises:
        HandoverError: One of them fails to.
    """
    save = _find(old, "nativeplug_save", "void *(*)(size_t *)", "old")
    restore = _find(new, "nativeplug_restore", "int (*)(void *, size_t)", "new")
    if save is None or restore is None:
        return
    size = _ffi.new("size_t *")
    state = save(size)
    if not state and size[0]:
        raise HandoverError("nativeplug_save() of the old version returned NULL")
    if not state:
        return
    data = _ffi.buffer(state, size[0])[:]
    new.inherit(old)  # the state may have pointers in it
    if (status := restore(_ffi.from_buffer(data), len(data))) != 0:
        raise HandoverError(f"nativeplug_restore() of the new version returned {status}")


def _find(loaded: Loaded, name: str, ctype: str, version: str) -> Callable[..., Any] | None:
    """Return a hook, None where the plugin has none; *version* is which one that is, in words."""
    if not loaded.generation.is_function(name):
        return None
    hook = _ffi.cast(ctype, loaded.generation.address(name))

    def call(*args: object) -> Any:
        result, told = loaded.uses.call(hook, args)
        if told is not None:
            raise HandoverError(f"{name}() of the {version} version raised: {told}")
        return result

    return call
