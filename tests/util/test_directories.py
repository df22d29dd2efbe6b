"""Where there is room for what is ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import nativeplug
from nativeplug._util.directories import cache_directory, get_include, state_directory
from support import ROOT


class TestCache:
    """The directory for what can be made again."""

    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({"NATIVEPLUG_CACHE_DIR": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own"),
            ({"XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "/xdg/nativeplug"),
            ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/nativeplug"),
            ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/nativeplug"),
        ],
    )
    def test_environment(
        self, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The environment says it; a relative XDG directory does not count."""
        for name in ("NATIVEPLUG_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert Path(expected) == cache_directory()

    def test_no_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without $HOME, the user's home is what the system says."""
        for name in ("NATIVEPLUG_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        assert Path(os.path.expanduser("~"), ".cache", "nativeplug") == cache_directory()

    def test_nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A user without any home has none."""
        for name in ("NATIVEPLUG_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
        assert None is cache_directory()


class TestState:
    """The directory for what must be remembered."""

    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({"NATIVEPLUG_STATE_DIR": "/own", "XDG_STATE_HOME": "/xdg"}, "/own"),
            ({"XDG_STATE_HOME": "/xdg", "HOME": "/home/me"}, "/xdg/nativeplug"),
            ({"XDG_STATE_HOME": "relative", "HOME": "/me"}, "/me/.local/state/nativeplug"),
        ],
    )
    def test_environment(
        self, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The environment says it, by names of its own."""
        for name in ("NATIVEPLUG_STATE_DIR", "XDG_STATE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert Path(expected) == state_directory()


def test_include() -> None:
    """The header that is installed is the one of the sources."""
    assert nativeplug.get_include() == get_include()
    header, source = Path(get_include(), "nativeplug.h"), ROOT / "csrc" / "include" / "nativeplug.h"
    assert source.read_bytes() == header.read_bytes()
