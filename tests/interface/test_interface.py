"""Interfaces as classes: bases, class arguments, names and versions."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

import types
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import nativeplug
from interfaces import Greeter, Louder, make
from nativeplug import Interface
from nativeplug.elf.metadata import InterfaceVersion
from nativeplug.interface import find_mismatch, interface_version
from support import CPlugin, RunPython


class TestClass:
    """What is said of the class as a whole."""

    def test_strange_base(self, tmp_path: Path) -> None:
        """What a class that is no interface has is nothing to C."""
        error = make(tmp_path, "class Wrong(nativeplug.Interface, dict): ...\n")
        assert "interface 'Wrong': it derives from 'dict', which is no interface" in str(error)
        assert (4, str(tmp_path / "wrong.py")) == (error.line, error.file)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("name='greeter'", "version '' is not written 'MAJOR.MINOR', such as '1.2'"),
            ("version='1.2'", "name '' is not a word"),
            ("name='greeter', version='1'", "version '1' is not written"),
            ("name='greeter', version='1.2.3'", "version '1.2.3' is not written"),
            ("name='gree\"ter', version='1.2'", "name 'gree\"ter' is not a word"),
        ],
    )
    def test_versions(self, arguments: str, words: str, tmp_path: Path) -> None:
        """Name and version go together, and are written in one way."""
        error = make(tmp_path, f"class Wrong(nativeplug.Interface, {arguments}): ...\n")
        assert words in str(error)

    @pytest.mark.parametrize("argument", ["name", "version", "types"])
    def test_arguments(self, argument: str) -> None:
        """Class arguments are text."""
        with pytest.raises(TypeError, match=f"{argument} of interface 'Wrong' must be str"):
            types.new_class("Wrong", (Interface,), {argument: 3})

    def test_no_objects(self) -> None:
        """An interface is never instantiated."""
        with pytest.raises(TypeError, match=r"has no objects: nativeplug\.open\(path, Greeter\)"):
            Greeter()

    def test_optional_property(self) -> None:
        """The decorator goes below @property, and says so."""
        with pytest.raises(TypeError, match="write @property above it"):
            nativeplug.optional(property(len))  # type: ignore[type-var]


class TestInstances:
    """A plugin is an instance of the interfaces that it was opened as."""

    def test_opened(self, c_plugin: CPlugin) -> None:
        """Of none at first, then of all that it was opened as, one by one."""

        class Adder(Interface):
            def Add(self, a: nativeplug.int64, b: nativeplug.int64) -> nativeplug.int64: ...  # noqa: N802

        class NamedAdder(Adder):
            Name: str

        class Shouter(Adder):
            def Shout(self) -> None: ...  # noqa: N802

        def kinds(value: object) -> list[type]:
            return [each for each in (Interface, Adder, NamedAdder) if isinstance(value, each)]

        with nativeplug.open(c_plugin("greeter")) as plg:
            assert [] == kinds(plg)
            nativeplug.open(plg.path, Adder)
            assert [Interface, Adder] == kinds(plg)
            with pytest.raises(nativeplug.InterfaceError):
                nativeplug.open(plg.path, Shouter)
            assert not isinstance(plg, Shouter)
            nativeplug.open(plg.path, NamedAdder)
            assert [Interface, Adder, NamedAdder] == kinds(plg)
            assert isinstance(plg, nativeplug.Plugin)
        with nativeplug.open(plg.path) as again:
            assert [] == kinds(again)

    @pytest.mark.parametrize(
        "value", [3, None, Greeter, mock.MagicMock()], ids=lambda value: type(value).__name__
    )
    def test_others(self, value: object) -> None:
        """Nothing else is an instance, a class no more than a mock."""
        assert not isinstance(value, (Interface, Greeter))


class TestVersions:
    """Which plugin can serve where an interface is wanted."""

    def test_inherited(self) -> None:
        """Name and version are those of the nearest base that has some."""

        class More(Louder):
            pass

        assert None is interface_version(Greeter)
        expected = InterfaceVersion("louder", 2, 10)
        assert expected == interface_version(Louder) == interface_version(More)

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (None, None),
            (("greeter", 1, 2), None),
            (("greeter", 1, 10), None),
            (("greeter", 1, 1), "an older one, which lacks members"),
            (("greeter", 2, 2), "another major version"),
            (("greeter", 0, 2), "another major version"),
            (("singer", 1, 2), "another interface"),
        ],
    )
    def test_mismatch(self, told: Any, expected: str | None) -> None:
        """The major version must be the same, the minor at least the same."""
        version = None if told is None else InterfaceVersion(*told)
        found = find_mismatch(InterfaceVersion("greeter", 1, 2), version)
        first = f"it has interface '{version}', and 'greeter 1.2' is wanted"
        assert (None if expected is None else f"{first}: {expected}") == found


def test_stands_alone(run_python: RunPython) -> None:
    """Interfaces need nothing of what opens plugins: that is for type checkers."""
    code = "import nativeplug.interface, sys; print('nativeplug.runtime' in sys.modules)"
    assert "False\n" == run_python(code).stdout
