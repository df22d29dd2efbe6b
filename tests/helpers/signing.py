"""What signs plugins for the tests: keys, and signature files beside plugins."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import building
import nativeplug
from nativeplug import OriginError
from nativeplug.trust import Policy
from nativeplug.trust.secret_key import SecretKey
from versions import Versions

#: The end of the test's world.
FAR = "expires:2999-01-01"


class Signer:
    """Somebody with a key."""

    def __init__(self) -> None:
        self.secret = SecretKey.generate()
        #: The public key, as a policy takes it.
        self.public = str(self.secret.public)

    def policy(self, **demands: Any) -> Policy:
        """Return a policy that trusts nobody else."""
        return Policy(public_keys=[self.public], **demands)

    def sign(self, plugin: Path, *words: str, name: str | None = None) -> Path:
        """
        Sign a plugin.

        Args:
            plugin: The file.
            words: What else the trusted comment says.
            name: The name that it is signed for, if not its own.
        """
        comment = " ".join([f"file:{name or plugin.name}", *words])
        target = plugin.with_name(f"{plugin.name}.minisig")
        target.write_text(self.secret.sign(plugin.read_bytes(), comment))
        return target


def build_unsigned(folder: Path, text: str) -> Path:
    """Build a plugin from C text under a name of its own."""
    source = folder / f"made{len([*folder.iterdir()])}.c"
    source.write_text(text)
    return building.build(source)


MARKING = """
    #include <stdio.h>
    __attribute__((constructor)) static void start(void) {{
        FILE *file = fopen("{path}", "a");
        if (file) {{ fprintf(file, "%d ", (int)number); fclose(file); }}
    }}
"""


class Deployed:
    """A plugin's file that is signed, and what has run of it."""

    def __init__(self, versions: Versions, signer: Signer, folder: Path) -> None:
        self.versions = versions
        self.signer = signer
        self.path = versions.path
        self.signature = folder / "plugin.so.minisig"
        self.policy = signer.policy()
        self._marks = folder / "marks"

    def put(self, number: int, *words: str, name: str | None = None) -> None:
        """Put a version in place, and its signature."""
        self.versions.put(number, MARKING.format(path=self._marks))
        self.signer.sign(self.path, *words, name=name)

    def open(self, policy: Policy | None = None, sha256: str | None = None) -> nativeplug.Plugin:
        """Open it."""
        return self.versions.open(policy=policy, sha256=sha256)

    def sha256(self) -> str:
        """Return the SHA-256 of what is in place."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def run(self) -> list[int]:
        """The versions that have run, in order."""
        return (
            [int(mark) for mark in self._marks.read_text().split()] if self._marks.exists() else []
        )

    def refusal(self, policy: Policy | None = None, sha256: str | None = None) -> str:
        """Return why the plugin cannot be opened, of which nothing has run."""
        before = self.run
        with pytest.raises(OriginError) as caught:
            self.open(policy or self.policy, sha256)
        assert before == self.run
        return caught.value.reason
