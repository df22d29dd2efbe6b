"""
Attacks on what comes to run, none of which does.

They have the names that The Update Framework gives them, section 1.5.2 of its specification.
"""

from __future__ import annotations

import os
from pathlib import Path

from signing import MARKING, Deployed, Signer


class TestAttacks:
    """What somebody who can write to the plugin's directory, but has no key, can try."""

    def test_arbitrary_software(self, deployed: Deployed) -> None:
        """A file that nobody has signed does not run under the signature of another."""
        deployed.versions.put(666, MARKING.format(path=deployed.path.parent / "marks"))
        assert "its content is not what the key" in deployed.refusal()
        deployed.signature.unlink()
        assert "it is not signed" in deployed.refusal()

    def test_wrong_key(self, deployed: Deployed) -> None:
        """A file that is signed by somebody else does not run, also with our key's number."""
        other = Signer()
        other.sign(deployed.path)
        assert f"signed by the key {other.secret.public.name}" in deployed.refusal()
        ours = deployed.signer.secret.id
        object.__setattr__(other.secret, "id", ours)
        other.sign(deployed.path)
        assert "its content is not what the key" in deployed.refusal()

    def test_rollback(self, deployed: Deployed) -> None:
        """An older version does not run any more, however well it is signed."""
        old = deployed.path.read_bytes(), deployed.signature.read_bytes()
        deployed.put(2, "version:2")
        deployed.open(deployed.policy).close()
        deployed.path.write_bytes(old[0])
        deployed.signature.write_bytes(old[1])
        assert "version 1 is older than version 2, which was run" in deployed.refusal()
        deployed.put(3)
        assert "its signature tells no version, and version 2 was run" in deployed.refusal()
        with deployed.open(deployed.signer.policy(allow_older=True)) as plg:
            assert 3 == plg.version()

    def test_indefinite_freeze(self, deployed: Deployed) -> None:
        """A version that is kept in place for too long does not run any more."""
        deployed.put(1, "version:1", "expires:2020-01-01")
        assert "its signature expired at 2020-01-01T00:00:00Z" in deployed.refusal()

    def test_mix_and_match(self, deployed: Deployed, tmp_path: Path) -> None:
        """Another plugin of the same signer does not run under this one's name."""
        deployed.put(2, name="other.so")
        expected = "its signature is for the file 'other.so', not for 'plugin.so'"
        assert expected == deployed.refusal()
        os.rename(deployed.path, tmp_path / "other.so")
        os.rename(deployed.signature, tmp_path / "other.so.minisig")
        deployed.path.symlink_to("other.so")
        assert expected == deployed.refusal()

    def test_endless_data(self, deployed: Deployed) -> None:
        """A signature file without an end ends."""
        deployed.signature.unlink()
        deployed.signature.symlink_to("/dev/zero")
        assert "not a regular file" in deployed.refusal()
        deployed.signature.unlink()
        with deployed.signature.open("wb") as file:
            file.truncate(1 << 40)
        assert "more than 16384 bytes" in deployed.refusal()

    def test_version_store(self, deployed: Deployed, tmp_path: Path) -> None:
        """Where it cannot be known what was run before, nothing runs."""
        (tmp_path / "state").write_text("in the way")
        assert "cannot remember versions in" in deployed.refusal()
