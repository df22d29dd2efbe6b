"""What signs plugins for the tests: keys, and signature files beside plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nativeplug import build
from nativeplug.trust import Policy
from nativeplug.trust.secretkey import SecretKey

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
    return build.build(source)
