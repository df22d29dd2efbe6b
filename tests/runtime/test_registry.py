"""Which open plugin serves a file: one for a path, whatever stands there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import nativeplug
from gates import Gate, at_once, background, wait_for
from nativeplug.runtime.registry import registry
from versions import DECLARED, Versions


def version_of(path: Path | str) -> int:
    """Open a file and return its version."""
    number: int = nativeplug.open(path, DECLARED).version()
    return number


def loads_under_way() -> Iterator[object]:
    """Yield the keys that are being loaded."""
    for key, entry in list(registry._entries.items()):
        if not entry.done.is_set():
            yield key


class TestOnePlugin:
    """A changed file has the plugin that it had before."""

    @pytest.mark.parametrize("spelling", ["same", "relative", "dots", "link", "linked directory"])
    def test_spellings(
        self, versions: Versions, monkeypatch: pytest.MonkeyPatch, spelling: str
    ) -> None:
        """Whichever way its path is spelled then."""
        folder = versions.path.parent
        (folder / "link.so").symlink_to(versions.path)
        (folder / "folder").symlink_to(folder)
        monkeypatch.chdir(folder)
        spelled = {
            "same": versions.path,
            "relative": Path(versions.path.name),
            "dots": folder / "folder" / ".." / folder.name / versions.path.name,
            "link": folder / "link.so",
            "linked directory": folder / "folder" / versions.path.name,
        }
        for first in (versions.path, spelled[spelling]):
            second = spelled[spelling] if first == versions.path else versions.path
            versions.put(1)
            with nativeplug.open(first, DECLARED) as plg:
                assert 1 == plg.version()
                versions.put(2)
                assert plg is nativeplug.open(second)
                assert 2 == plg.version()

    def test_link_leads_elsewhere(self, versions: Versions) -> None:
        """A link that is made to lead to another file is a new version."""
        link = versions.path.with_name("current.so")
        for number in (1, 2):
            shutil.copy(versions.put(number), versions.path.with_name(f"release-{number}.so"))
        link.symlink_to("release-1.so")
        plg = nativeplug.open(link, DECLARED)
        assert 1 == plg.version()

        link.unlink()
        link.symlink_to("release-2.so")

        assert plg is nativeplug.open(link)
        assert 2 == plg.version()
        assert plg is nativeplug.open(link.with_name("release-2.so"))
        other = nativeplug.open(link.with_name("release-1.so"), DECLARED)
        assert other is not plg
        assert (1, 2) == (other.version(), plg.version())

    def test_hard_link(self, versions: Versions) -> None:
        """Two names of a file have one plugin, until one of them names another file."""
        versions.put(1)
        other = versions.path.with_name("other.so")
        os.link(versions.path, other)
        plg = nativeplug.open(versions.path, DECLARED)
        assert plg is nativeplug.open(other)

        versions.put(2)
        assert plg is nativeplug.open(versions.path)
        assert (2, 1) == (plg.version(), version_of(other))
        assert plg is nativeplug.open(versions.path)

    def test_hard_link_written_in_place(self, versions: Versions) -> None:
        """By whichever name a file is written, it has the plugin that it had."""
        versions.put(1)
        other = versions.path.with_name("other.so")
        os.link(versions.path, other)
        plg = nativeplug.open(versions.path, DECLARED)
        other.write_bytes(versions.build(2).read_bytes())

        assert plg is nativeplug.open(other)
        assert 2 == plg.version()

    def test_copies(self, versions: Versions) -> None:
        """Two files with the same content are two plugins."""
        other = Path(shutil.copy(versions.put(1), versions.path.with_name("other.so")))
        plg = nativeplug.open(versions.path, DECLARED)

        assert plg is not nativeplug.open(other)

    def test_marks_only(self, versions: Versions) -> None:
        """A changed mode or time costs a look, and then is known."""
        plg = nativeplug.open(versions.put(1), DECLARED)
        versions.path.chmod(0o700)
        assert plg is nativeplug.open(versions.path)
        key = plg._updates.key
        assert plg is registry.peek(key)
        assert [key] == [each for each, entry in registry._entries.items() if entry.value is plg]

    def test_working_directory(
        self, versions: Versions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A relative path means what it meant when the plugin was opened."""
        monkeypatch.chdir(versions.put(1).parent)
        plg = nativeplug.open("./plugin.so", DECLARED)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        versions.put(2)

        assert "updated" == plg.update()
        assert "./plugin.so" == plg.path

    def test_at_once(self, versions: Versions) -> None:
        """Threads that open a changed file cause one update, and get one object."""
        plg = nativeplug.open(versions.put(1), DECLARED)
        versions.put(2)

        assert [plg] * 8 == at_once(*[lambda: nativeplug.open(versions.path)] * 8)
        assert (2, 2) == (plg.version(), len(plg.generations))

    def test_changed_while_it_is_loaded(self, versions: Versions) -> None:
        """Two threads that load what a path names one after the other end with one object."""
        with Gate() as gate:
            wait = f"pass_gate({gate.arrived}, {gate.opened});"
            versions.put(1, f"__attribute__((constructor)) static void wait(void) {{ {wait} }}")
            with background(versions.open) as (first,):
                gate.wait()
                versions.put(2)
                with background(versions.open) as (second,):
                    wait_for(lambda: 2 == len([*loads_under_way()]))
                    gate.open()
        plg = first.result()

        assert plg is second.result() is nativeplug.open(versions.path)
        assert 2 == plg.version()
        assert not plg.closed

    def test_failed(self, versions: Versions) -> None:
        """A file that cannot serve is refused each time it is opened, and then may."""
        plg = nativeplug.open(versions.put(1), DECLARED)
        versions.path.write_text("text")
        for _ in range(2):
            with pytest.raises(nativeplug.UpdateError, match="not an ELF file but text"):
                nativeplug.open(versions.path)
        assert 1 == plg.version()

        versions.put(2)
        assert plg is nativeplug.open(versions.path)
        assert 2 == plg.version()

    def test_closed(self, versions: Versions) -> None:
        """What is closed is nobody's plugin any more, and nothing of it is kept."""
        plg = nativeplug.open(versions.put(1), DECLARED)
        plg.close()
        assert plg not in {*registry._hints.values(), *registry._linked, *registry.values()}

        versions.put(2)
        assert plg is not nativeplug.open(versions.path, DECLARED)

    def test_options_of_another_opening(self, versions: Versions) -> None:
        """What an opening says of updates holds for the update that it causes."""
        plg = nativeplug.open(versions.put(1), DECLARED, max_generations=1)
        versions.put(2)
        with pytest.raises(nativeplug.UpdateError, match="max_generations is 1"):
            nativeplug.open(versions.path)

        assert plg is nativeplug.open(versions.path, max_generations=2)
        assert 2 == plg.version()
