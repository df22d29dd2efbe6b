"""What can be demanded of plugins, and of all of them."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nativeplug
from minisign_files import KEY, PUBLIC, PUBLIC_FILE
from nativeplug import Policy, get_policy, set_policy


@pytest.fixture
def _no_default() -> Iterator[None]:
    """Leave what is demanded of all plugins as it was."""
    before = get_policy()
    yield
    set_policy(before)


class TestDemands:
    """What a policy says."""

    def test_nothing(self) -> None:
        """A policy that is told nothing demands nothing of files, and says so."""
        assert "Policy()" == repr(Policy())
        assert not Policy(require_checked=True, probe=True, allow_system=True).judges_files

    @pytest.mark.parametrize(
        "demands",
        [
            {"directories": ["/"]},
            {"owners": [0]},
            {"refuse_writable_by_others": True},
            {"public_keys": [PUBLIC]},
            {"toolchains": ["*"]},
            {"hardening": ["nx"]},
        ],
    )
    def test_judging(self, demands: dict[str, Any]) -> None:
        """Every demand that is about a file counts as such."""
        assert Policy(**demands).judges_files

    def test_equal(self, tmp_path: Path) -> None:
        """Policies that demand the same are equal, however it was written."""
        (tmp_path / "key.pub").write_text(PUBLIC_FILE)
        (tmp_path / "link").symlink_to(tmp_path)
        one = Policy(
            public_keys=[PUBLIC], directories=[tmp_path], owners=[1, 2], hardening=["nx", "relro"]
        )
        two = Policy(
            public_keys={tmp_path / "key.pub", PUBLIC_FILE},
            directories=(os.fspath(tmp_path / "link"),),
            owners=(2, 1, 2),
            hardening={"relro", "nx"},
        )
        assert one == two == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))  # noqa: S301
        assert {one} == {two}
        assert (KEY,) == one.keys

    def test_all_hardening(self) -> None:
        """All kinds of hardening have one name."""
        every = Policy(hardening=["nx", "relro", "bind_now", "no_textrel"])
        assert every == Policy(hardening="all")

    def test_shown(self) -> None:
        """What differs from nothing is shown."""
        policy = Policy(owners=[7], require_checked=True)
        assert "Policy(owners=frozenset({7}), require_checked=True)" == repr(policy)

    @pytest.mark.parametrize(
        ("demands", "kind", "text"),
        [
            ({"directories": "/usr"}, TypeError, "directories must be a collection, not str"),
            ({"directories": Path("/")}, TypeError, "directories must be a collection, not Posix"),
            ({"directories": 7}, TypeError, "directories must be a collection, not int"),
            ({"directories": [7]}, TypeError, "directories must have paths, not int"),
            ({"directories": []}, ValueError, "directories is empty, which demands nothing"),
            ({"owners": ["root"]}, TypeError, "owners must have int, not str"),
            ({"owners": [True]}, TypeError, "owners must have int, not bool"),
            (
                {"owners": [-1]},
                ValueError,
                "owners must have numbers of users, 0 to",
            ),
            ({"owners": [2**32 - 1]}, ValueError, "0 to 4294967294, not 4294967295"),
            ({"owners": ()}, ValueError, "owners is empty"),
            ({"public_keys": PUBLIC}, TypeError, "public_keys must be a collection, not str"),
            ({"public_keys": [b"RW"]}, TypeError, "public_keys must have str or paths, not bytes"),
            ({"public_keys": []}, ValueError, "public_keys is empty"),
            ({"public_keys": ["RW"]}, ValueError, "cannot use public key 'RW': not a minisign"),
            (
                {"public_keys": ["/a.pub"]},
                ValueError,
                "a line is not Base64; if it is a file's path, give Path('/a.pub')",
            ),
            ({"public_keys": [Path("/")]}, IsADirectoryError, "Is a directory"),
            ({"public_keys": [Path("/none.pub")]}, FileNotFoundError, "/none.pub"),
            ({"public_keys": [Path(__file__)]}, ValueError, "test_policy.py': not a minisign"),
            ({"toolchains": [7]}, TypeError, "toolchains must have str, not int"),
            (
                {"hardening": ["pie"]},
                ValueError,
                "must be of 'nx', 'relro', 'bind_now', 'no_textrel', not 'pie'",
            ),
            ({"hardening": [7]}, TypeError, "hardening must have str, not int"),
            ({"probe": 1}, TypeError, "probe must be bool, not int"),
            ({"require_version": True}, ValueError, "require_version is about signatures"),
            ({"require_expiry": True}, ValueError, "require_expiry is about signatures"),
            ({"allow_older": True}, ValueError, "allow_older is about signatures"),
        ],
    )
    def test_wrong(self, demands: dict[str, Any], kind: type[Exception], text: str) -> None:
        """A demand that means nothing is told where it is made."""
        with pytest.raises(kind) as caught:
            Policy(**demands)
        assert text in str(caught.value)


@pytest.mark.usefixtures("_no_default")
class TestDefault:
    """What is demanded of all plugins."""

    def test_set(self) -> None:
        """It is nothing, until something else is set."""
        assert Policy() == get_policy()
        policy = Policy(owners=[0])
        set_policy(policy)
        assert policy is get_policy()

    def test_wrong(self) -> None:
        """Only a policy can be set."""
        with pytest.raises(TypeError, match="policy must be Policy, not NoneType"):
            set_policy(None)  # type: ignore[arg-type]

    def test_public(self) -> None:
        """It is there for programs."""
        assert {"Policy", "get_policy", "set_policy"} <= {*nativeplug.__all__}
