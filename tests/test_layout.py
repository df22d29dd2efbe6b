"""How an ELF file is laid out, and what this process is."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable

import pytest

from nativeplug.elf import layout
from support import refuse


class TestHostTarget:
    """What this process is."""

    def test_guess(self) -> None:
        """Without /proc the guess is the same as what the program's own header says."""
        assert layout.host_target() == layout._guess_host_target()

    @pytest.mark.parametrize(
        "opened", [refuse(errno.ENOENT), lambda *_, **__: io.BytesIO()], ids=["absent", "empty"]
    )
    def test_no_proc(
        self, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., io.BytesIO]
    ) -> None:
        """A process that cannot read its own program falls back to the guess."""
        guess = layout.Target(1, 2, "<")
        monkeypatch.setattr(layout, "open", opened, raising=False)
        monkeypatch.setattr(layout, "_guess_host_target", lambda: guess)
        assert guess is layout.host_target.__wrapped__()
