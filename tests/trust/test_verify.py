"""Where files come from, judged by what was read of them."""

from __future__ import annotations

import copy
import dataclasses
import os
import time
from pathlib import Path

import pytest

from nativeplug.errors import OriginError
from nativeplug.loader.files import read_file
from nativeplug.trust import Policy, verify
from nativeplug.trust.minisign import MOST_BYTES
from nativeplug.trust.verify import Verified, check
from signing import FAR, Signer
from support import Compile, go_build_info

SHA256 = "a0ac3cbd4a1de1a9ebc7b9eeb5d1d2a4d6a8b6e3a2e9e6fcd6d8fb3b5ca0cd0e"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """Give a file in a directory that nobody else can write to."""
    path = tmp_path / "plugin.so"
    path.write_bytes(b"a plugin")
    tmp_path.chmod(0o700)
    path.chmod(0o644)
    return path


def good(path: Path | str, policy: Policy, sha256: str | None = None) -> Verified:
    """Return what is known of a file that is good."""
    return check(read_file(str(path)), policy, sha256)


def refused(path: Path | str, policy: Policy, sha256: str | None = None) -> tuple[str, ...]:
    """Return the reasons for which a file is refused."""
    with pytest.raises(OriginError) as caught:
        good(path, policy, sha256)
    error = caught.value
    assert (str(path), "; ".join(error.reasons)) == (error.path, error.reason)
    assert f"cannot open plugin {str(path)!r}: {error.reason}" == str(error)
    assert error.reasons == copy.copy(error).reasons
    return error.reasons


class TestContent:
    """The content that is pinned."""

    def test_pinned(self, plugin: Path) -> None:
        """The right content is good, and another one is refused with both numbers."""
        sha256 = read_file(str(plugin)).sha256
        assert Verified(str(plugin), Policy()) == good(plugin, Policy(), sha256)
        expected = f"its SHA-256 is {sha256}, and {SHA256} is demanded"
        assert (expected,) == refused(plugin, Policy(), SHA256)


class TestPlace:
    """Where a file lies, and whose it is."""

    def test_directories(self, plugin: Path, tmp_path: Path) -> None:
        """It lies in one of the directories, or below."""
        for directory in (tmp_path, tmp_path.parent, "/"):
            good(plugin, Policy(directories=["/nowhere", directory]))
        expected = f"it lies in '{tmp_path}', which is none of the directories that are allowed"
        for other in ("/usr", f"{tmp_path}x", str(tmp_path)[:-1], plugin):
            assert (expected,) == refused(plugin, Policy(directories=[other]))

    def test_link(self, plugin: Path, tmp_path: Path) -> None:
        """What counts is where the file itself is, not the link to it."""
        link = tmp_path / "below" / "link.so"
        link.parent.mkdir()
        link.symlink_to(plugin)
        good(link, Policy(directories=[tmp_path]))
        assert "it lies in" in refused(link, Policy(directories=[link.parent]))[0]

    def test_owners(self, plugin: Path) -> None:
        """It belongs to one of the users."""
        us = os.getuid()
        good(plugin, Policy(owners=[us + 1, us]))
        expected = f"it belongs to user {us}, and only files of {us + 1}, {us + 2} are allowed"
        assert (expected,) == refused(plugin, Policy(owners=[us + 2, us + 1]))

    def test_writable(self, plugin: Path, tmp_path: Path) -> None:
        """A file that others can write to is refused, and so are directories on the way."""
        plugin.chmod(0o664)
        tmp_path.chmod(0o777)
        reasons = refused(plugin, Policy(refuse_writable_by_others=True))
        assert "the file can be written by others (mode 0664): chmod go-w" == reasons[0]
        assert 1 == sum(f"'{tmp_path}' can be written by others" in reason for reason in reasons)

    def test_mounted_by_another(self, plugin: Path) -> None:
        """Of a file system that another has mounted no owner is believed."""
        content = read_file(str(plugin))
        assert content.place is not None
        mounted = dataclasses.replace(content.place.access, mounter=4711)
        place = dataclasses.replace(content.place, access=mounted)
        theirs = dataclasses.replace(content, place=place)
        fault = "lies on a file system that user 4711 has mounted, who is not trusted"
        for policy, expected in (
            (Policy(refuse_writable_by_others=True), f"the file {fault}"),
            (Policy(owners={os.geteuid()}), f"whose it is cannot be known: it {fault}"),
        ):
            with pytest.raises(OriginError) as caught:
                check(theirs, policy)
            assert expected == caught.value.reasons[0]
        check(theirs, Policy(owners={os.geteuid(), 4711}))

    def test_not_writable(self, plugin: Path, tmp_path: Path) -> None:
        """Nothing is said of what only its owner can write to."""
        content = read_file(str(plugin))
        found = verify._find_faults_of_place(content, Policy(refuse_writable_by_others=True))
        assert [] == [reason for reason in found if str(tmp_path) in reason or "file" in reason]

    def test_moment(self, plugin: Path) -> None:
        """What counts is what it was when it was read."""
        plugin.chmod(0o666)
        content = read_file(str(plugin))
        plugin.chmod(0o644)
        with pytest.raises(OriginError, match=r"mode 0666"):
            check(content, Policy(refuse_writable_by_others=True))

    @pytest.mark.parametrize("known", [True, False])
    def test_unknown(self, plugin: Path, *, known: bool) -> None:
        """What cannot be known is refused."""
        content = read_file(str(plugin))
        assert content.place is not None
        place = dataclasses.replace(content.place, path=None) if known else None
        with pytest.raises(OriginError, match="where it lies cannot be known"):
            check(dataclasses.replace(content, place=place), Policy(directories=["/"]))


class TestSignature:
    """Who has signed a file."""

    def test_signed(self, plugin: Path, signer: Signer) -> None:
        """What is signed is known, and what was signed with it."""
        signer.sign(plugin, "version:1.2", FAR)
        found = good(plugin, signer.policy(require_version=True, require_expiry=True))
        assert (signer.secret.public.name, "1.2") == (found.key, found.version)
        assert f"file:plugin.so version:1.2 {FAR}" == found.trusted_comment
        assert found.expires is not None
        assert 2999 == found.expires.year

    def test_not_signed(self, plugin: Path, signer: Signer) -> None:
        """A file without a signature file is refused."""
        expected = "it is not signed: there is no 'plugin.so.minisig' beside it"
        assert (expected,) == refused(plugin, signer.policy())

    def test_several(self, plugin: Path, signer: Signer) -> None:
        """Everything that is wrong with the trusted comment is said."""
        signer.sign(plugin, name="other.so")
        reasons = refused(plugin, signer.policy(require_version=True, require_expiry=True))
        assert (
            "its signature is for the file 'other.so', not for 'plugin.so'",
            "its signature does not say when it expires",
            "its signature tells no version",
        ) == reasons

    def test_no_name(self, plugin: Path, signer: Signer) -> None:
        """A signature that names no file is for none."""
        made = signer.sign(plugin)
        made.write_text(signer.secret.sign(plugin.read_bytes(), "mine"))
        [reason] = refused(plugin, signer.policy())
        assert "does not say which file it is for: it must have 'file:plugin.so'" in reason

    def test_contradiction(self, plugin: Path, signer: Signer) -> None:
        """A trusted comment that says a thing twice is refused."""
        signer.sign(plugin, "version:1", "version:2")
        assert ("its trusted comment says 'version:' twice",) == refused(plugin, signer.policy())

    def test_expiry(self, plugin: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
        """From the moment that it says on a signature is refused; both times are said."""
        signer.sign(plugin, "expires:2027-01-01")
        midnight = 1798761600
        monkeypatch.setattr(time, "time", lambda: midnight - 0.5)
        good(plugin, signer.policy())
        monkeypatch.setattr(time, "time", lambda: midnight + 61)
        expected = "its signature expired at 2027-01-01T00:00:00Z, and it is 2027-01-01T00:01:01Z"
        assert (expected,) == refused(plugin, signer.policy())

    def test_link(self, plugin: Path, tmp_path: Path, signer: Signer) -> None:
        """Of a link the signature file lies beside it, or beside the file, and is for its name."""
        link = tmp_path / "links" / "link.so"
        link.parent.mkdir()
        link.symlink_to(plugin)
        signer.sign(plugin, name="link.so")
        good(link, signer.policy())
        link.with_name("link.so.minisig").write_text("the nearer one counts")
        assert "not a minisign signature file" in refused(link, signer.policy())[0]

    def test_unreadable(self, plugin: Path, signer: Signer) -> None:
        """What cannot be read, or is no file, is an error in the system's words."""
        signature = plugin.with_name("plugin.so.minisig")
        signature.mkdir()
        [reason] = refused(plugin, signer.policy())
        assert f"cannot read its signature '{signature}': Is a directory" == reason
        signature.rmdir()
        os.mkfifo(signature)
        [reason] = refused(plugin, signer.policy())
        assert f"cannot read its signature '{signature}': not a regular file" == reason

    def test_end(self, plugin: Path, signer: Signer) -> None:
        """Of a signature file that is too long no more is read than one can have."""
        path = signer.sign(plugin)
        with path.open("ab") as file:
            file.truncate(1 << 40)
        assert MOST_BYTES + 1 == len(verify.read_signature(str(path)))
        assert f"more than {MOST_BYTES} bytes" in refused(plugin, signer.policy())[0]


class TestLibraries:
    """A file that looks for its libraries relative to its own place."""

    @pytest.mark.parametrize("flag", ["$ORIGIN", "${ORIGIN}/../lib"])
    def test_relative(self, flag: str, compile_c: Compile, signer: Signer) -> None:
        """It is vouched for only where nobody else can write to that place."""
        path = compile_c("int one;", f"-Wl,--no-as-needed,-rpath,{flag}")
        signer.sign(path)
        sha256 = read_file(str(path)).sha256
        for reasons in (refused(path, signer.policy()), refused(path, Policy(), sha256)):
            assert "relative to its own place ($ORIGIN)" in reasons[-1]
        good(path, Policy(owners=[os.getuid()]))
        policy = signer.policy(refuse_writable_by_others=True)
        assert [] == own_faults(path, policy, sha256)
        path.with_name("libc.so.6").touch()
        path.with_name("libc.so.6").chmod(0o666)
        if flag == "$ORIGIN":
            [fault] = own_faults(path, policy, sha256)
            assert "libc.so.6' can be written by others (mode 0666)" in fault

    def test_working_directory(self, compile_c: Compile, signer: Signer) -> None:
        """Where others choose the working directory it is vouched for by nothing."""
        path = compile_c("int one;", "-Wl,-rpath,/usr/lib:lib")
        signer.sign(path)
        sha256 = read_file(str(path)).sha256
        expected = "it looks in 'lib', which is relative to the working directory"
        assert (expected,) == refused(path, signer.policy())
        assert (expected,) == refused(path, Policy(), sha256)
        assert expected in refused(path, Policy(refuse_writable_by_others=True))
        good(path, Policy(owners=[os.getuid()]))

    def test_no_proc(self, compile_c: Compile) -> None:
        """Where nobody can tell where the file lies, its path says that."""
        content = read_file(str(compile_c("int one;", "-Wl,-rpath,lib")))
        content = dataclasses.replace(content, place=None)
        with pytest.raises(OriginError, match="it looks in 'lib'"):
            check(content, Policy(), content.sha256)


def own_faults(path: Path, policy: Policy, sha256: str) -> list[str]:
    """Return what is said of libraries, but for what lies above the test's directory."""
    found = verify._find_faults_of_libraries(read_file(str(path)), policy, sha256)
    return [fault for fault in found if str(path.parent) in fault]


class TestVersions:
    """Which versions were run."""

    def test_note(self, plugin: Path, signer: Signer) -> None:
        """Judging notes nothing; what was noted is the least that may run from then on."""
        signer.sign(plugin, "version:2")
        newer = good(plugin, signer.policy())
        signer.sign(plugin, "version:1")
        older = good(plugin, signer.policy())
        newer.accept()
        with pytest.raises(
            OriginError, match=r"^cannot open .*: version 1 is older than version 2"
        ):
            older.accept()
        [reason] = refused(plugin, signer.policy())
        assert reason.startswith("version 1 is older than version 2, which was run")

    def test_allowed(self, plugin: Path, signer: Signer, tmp_path: Path) -> None:
        """Where older ones are allowed the version store is not even looked for."""
        signer.sign(plugin, "version:2")
        good(plugin, signer.policy(allow_older=True)).accept()
        assert not (tmp_path / "state").exists()

    def test_wrong_name(self, plugin: Path, signer: Signer, tmp_path: Path) -> None:
        """What is signed for another file says nothing of this one's versions."""
        signer.sign(plugin, "version:2", name="other.so")
        refused(plugin, signer.policy())
        assert not (tmp_path / "state").exists()


class TestMaking:
    """How a file was made."""

    def test_hardening(self, compile_c: Compile) -> None:
        """What is wanted and missing is said."""
        path = compile_c("int one;", "-Wl,-z,relro,-z,lazy")
        good(path, Policy(hardening=["relro"]))
        expected = "it binds its functions late: link it with -z now"
        assert (expected,) == refused(path, Policy(hardening=["relro", "bind_now"]))

    def test_toolchain(self, compile_c: Compile) -> None:
        """The toolchain is one of the patterns."""
        path = compile_c(go_build_info("go1.27.3"))
        good(path, Policy(toolchains=["GCC*", "Go go1.27*"]))
        expected = "it is of 'Go go1.27.3'; allowed is 'GCC*', 'Go go1.26*'"
        assert (expected,) == refused(path, Policy(toolchains=["Go go1.26*", "GCC*"]))

    def test_no_toolchain(self, compile_c: Compile) -> None:
        """A file that does not say it is of none that is allowed."""
        path = compile_c("int one;", "-fno-ident", "-nostdlib", "-s")
        [reason] = refused(path, Policy(toolchains=["*"]))
        assert "it does not say by which toolchain it was made; allowed is '*'" == reason

    def test_no_plugin(self, plugin: Path) -> None:
        """What is no plugin has no toolchain."""
        assert "not an ELF file" in refused(plugin, Policy(toolchains=["*"]))[0]

    def test_all(self, plugin: Path, signer: Signer) -> None:
        """All reasons are given at once; a toolchain is looked for in files without one."""
        policy = dataclasses.replace(
            signer.policy(), directories=["/usr"], hardening=["nx"], toolchains=["*"]
        )
        reasons = refused(plugin, policy, SHA256)
        starts = ["its SHA-256", "it lies in", "it is not signed", "it asks for"]
        assert starts == [
            start for start, reason in zip(starts, reasons, strict=True) if reason.startswith(start)
        ]
