"""How an ELF file is laid out, and what this process is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from nativeplug.load import layout


class TestHostTarget:
    """What this process is."""

    def test_guess(self) -> None:
        """Without /proc the guess is the same as what the program's own header says."""
        assert layout.host_target() == layout._guess_host_target()

    def test_no_proc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that cannot read its own program falls back to the guess."""

        def refuse(self: Path, mode: str) -> io.BytesIO:
            raise FileNotFoundError(self, mode)

        monkeypatch.setattr(Path, "open", refuse)
        assert layout._guess_host_target() == layout.host_target.__wrapped__()
