"""The environment in which Go plugins are built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nativeplug._util import programs
from nativeplug.build import toolchains


class TestGoEnvironment:
    """The environment of ``go build``."""

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Start without settings, with a home and a temporary directory of one's own.
        """
        for name in ("GOCACHE", "GOPATH", "GOFLAGS", "GOPROXY", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / "home").mkdir()
        (tmp_path / "tmp").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    @staticmethod
    def made() -> dict[str, str]:
        """
        Make the environment for an imaginary toolchain.
        """
        toolchain = programs.GoToolchain(Path("/go/bin/go"), (1, 21, 0), {"GOROOT": "/go"})
        return toolchains.go_environment(toolchain, ["/usr/bin/cc", "-DTEXT=a b"])

    def test_settings(self) -> None:
        """
        Go uses our C compiler, its own root, and no Go but itself.
        """
        made = self.made()

        assert "/go" == made["GOROOT"]
        assert "local" == made["GOTOOLCHAIN"]
        assert "1" == made["CGO_ENABLED"]
        assert "/usr/bin/cc '-DTEXT=a b'" == made["CC"]

    def test_untouched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What the user set stays as it is; what the user did not set is left to Go.
        """
        monkeypatch.setenv("GOFLAGS", "-mod=vendor")
        made = self.made()

        assert "-mod=vendor" == made["GOFLAGS"]
        assert not made.keys() & {"GOPROXY", "GOCACHE", "GOPATH"}

    @pytest.mark.parametrize("home", [None, "", "/dev/null/home"])
    def test_no_home(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
    ) -> None:
        """
        Without a usable home directory the caches are kept in a private temporary directory.
        """
        if home is None:
            monkeypatch.delenv("HOME")
        else:
            monkeypatch.setenv("HOME", home)
        folder = tmp_path / "tmp" / f"nativeplug-go-{os.getuid()}"
        made = self.made()

        assert str(folder / "cache") == made["GOCACHE"]
        assert str(folder / "path") == made["GOPATH"]
        assert 0o700 == folder.stat().st_mode & 0o777

    def test_own_cache_without_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A cache that the user chose is used also without a home directory.
        """
        monkeypatch.delenv("HOME")
        monkeypatch.setenv("GOCACHE", "/somewhere")

        assert "/somewhere" == self.made()["GOCACHE"]

    def test_foreign_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A temporary directory that others can write is never used for a cache.
        """
        monkeypatch.delenv("HOME")
        foreign = tmp_path / "tmp" / f"nativeplug-go-{os.getuid()}"
        foreign.mkdir()
        foreign.chmod(0o777)
        cache = Path(self.made()["GOCACHE"])

        assert foreign != cache.parent
        assert 0o700 == cache.parent.stat().st_mode & 0o777
