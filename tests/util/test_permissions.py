"""Who else could put a file in another's place."""

from __future__ import annotations

import itertools
import os
import stat
import struct
import tempfile
from pathlib import Path

import pytest

from gates import interrupted_at
from nativeplug._util import permissions
from nativeplug._util.permissions import Access
from support import descriptors

US = os.getuid()
TRUSTED = {0, US}
STRANGER = US + 4711
TMP = Path("/tmp")  # noqa: S108 - sticky, and root's


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Give a file, two directories down, none of which others can write to."""
    path = tmp_path / "one" / "two" / "plugin.so"
    path.parent.mkdir(parents=True)
    path.touch()
    for directory in (tmp_path, path.parent.parent, path.parent):
        directory.chmod(0o700)
    return path


def found(path: Path | str, trusted: set[int] = TRUSTED) -> list[str]:
    """Return what is found on the way to a path, below the directory that pytest has made."""
    own = f"{os.sep}pytest-of-"
    return [reason for reason in permissions.find_writable(str(path), trusted) if own in reason]


def writable(directory: Path, mode: int) -> str:
    """Return what is said of a directory."""
    return f"the directory '{directory}' can be written by others (mode {mode:04o}): chmod go-w"


class TestWay:
    """The directories that lead to a file."""

    def test_safe(self, deep: Path) -> None:
        """Where only the user can write there is nothing to say."""
        assert [] == found(deep)

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o2775])
    def test_writable(self, mode: int, deep: Path) -> None:
        """A directory that others can write to is named, with its mode, wherever it is."""
        deep.parent.parent.chmod(mode)
        assert [writable(deep.parent.parent, mode)] == found(deep)

    def test_several(self, deep: Path) -> None:
        """All are named."""
        for directory in (deep.parent, deep.parent.parent):
            directory.chmod(0o777)
        expected = [writable(deep.parent.parent, 0o777), writable(deep.parent, 0o777)]
        assert expected == found(deep)

    def test_interrupted(self, deep: Path) -> None:
        """Wherever an interrupt comes, no descriptor is closed twice: it may be another's then."""
        (deep.parent / "up").symlink_to("..")
        (deep.parent / "away").symlink_to(deep.parent.parent)
        path = str(deep.parent / "up" / "two" / "away" / "two" / "plugin.so")
        code, steps = permissions.walk.__code__, itertools.count(1)
        while interrupted_at(next(steps), code, lambda: [*permissions.walk(path)]):
            pass  # else it were "Bad file descriptor"
        assert next(steps) > 100

    def test_not_there(self, deep: Path) -> None:
        """What is not there yet can be put there by whoever can write to where it would be."""
        missing = deep.parent / "libs" / "lib.so"
        assert f"the way to '{missing}' cannot be looked at: No such file or directory" in (
            found(missing)
        )
        assert [] == [*permissions.find_writable(str(missing), TRUSTED, is_there=False)]
        deep.parent.chmod(0o1777)
        assert [writable(deep.parent, 0o1777)] == [
            *permissions.find_writable(str(missing), TRUSTED, is_there=False)
        ]

    def test_relative(self, deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative path leads through the working directory; '..' leads up."""
        monkeypatch.chdir(deep.parent)
        deep.parent.parent.chmod(0o777)
        expected = [writable(deep.parent.parent, 0o777)]
        assert expected == found("plugin.so") == found("../two/./plugin.so")

    @pytest.mark.parametrize("absolute", [True, False])
    def test_link(self, deep: Path, tmp_path: Path, *, absolute: bool) -> None:
        """Of a symlink both ways count: to the link, and to what it names."""
        links = tmp_path / "links"
        links.mkdir()
        (links / "plugin.so").symlink_to(deep if absolute else "../one/two/plugin.so")
        assert [] == found(links / "plugin.so")
        links.chmod(0o777)
        deep.parent.chmod(0o777)
        expected = [writable(links, 0o777), writable(deep.parent, 0o777)]
        assert expected == found(links / "plugin.so")

    def test_link_to_directory(self, deep: Path, tmp_path: Path) -> None:
        """A symlink to a directory on the way is followed, too."""
        (tmp_path / "current").symlink_to("one")
        deep.parent.parent.chmod(0o777)
        assert [writable(deep.parent.parent, 0o777)] == found(tmp_path / "current/two/plugin.so")

    def test_circle(self, tmp_path: Path) -> None:
        """Links that lead nowhere are an end."""
        tmp_path.chmod(0o700)
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        expected = f"the way to '{tmp_path / 'a'}' cannot be looked at: too many symbolic links"
        assert [expected] == found(tmp_path / "a")

    def test_deleted_working_directory(
        self, deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the working directory is gone, absolute paths still lead somewhere."""
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert [] == found(deep)
        [reason] = permissions.find_writable("plugin.so", TRUSTED)
        assert "the way to 'plugin.so' cannot be looked at: No such file or directory" == reason

    def test_descriptors(self, deep: Path, tmp_path: Path) -> None:
        """No descriptor stays open, wherever the way ends."""
        (tmp_path / "a").symlink_to("one/../one/two")
        before = descriptors()
        for end in ("a/plugin.so", "a/none", "a/plugin.so/none"):
            found(tmp_path / end)
        next(permissions.walk(str(deep)))
        assert before == descriptors()

    def test_missing(self, tmp_path: Path) -> None:
        """What is gone by now cannot be looked at."""
        [reason] = found(tmp_path / "none" / "plugin.so")
        assert reason.endswith("cannot be looked at: No such file or directory")


class TestSticky:
    """A directory like /tmp."""

    def test_own(self, deep: Path) -> None:
        """What belongs to somebody who is trusted cannot be replaced in it."""
        deep.parent.chmod(0o1777)
        assert [] == found(deep)

    def test_of_others(self) -> None:
        """What belongs to another can be replaced by that one."""
        [fault] = permissions.find_writable(str(TMP / "*"), {0}, is_there=False)
        mode = stat.S_IMODE(TMP.stat().st_mode)
        assert writable(TMP, mode) == fault
        with tempfile.TemporaryDirectory(dir=TMP) as directory:
            if US == 0:
                os.chown(directory, STRANGER, -1)
            assert fault in [*permissions.find_writable(directory, {0})]
            assert [] == [*permissions.find_writable(directory, {0, STRANGER, US})]


class TestOwner:
    """Whose something is."""

    def test_strangers(self) -> None:
        """What a user owns who is not trusted is at fault, whatever its mode is."""
        expected = f"belongs to user {STRANGER}, who is not trusted"
        assert expected == Access(STRANGER, 0o400).find_fault(TRUSTED)

    def test_directory_of_a_stranger(self, deep: Path) -> None:
        """So is each directory on the way, also a sticky one."""
        deep.parent.chmod(0o1777)
        reasons = found(deep, {STRANGER})
        expected = f"the directory '{deep.parent}' belongs to user {US}, who is not trusted"
        assert expected == reasons[-1]

    @pytest.mark.parametrize("mode", [0o100644, 0o100755, 0o104755])
    def test_ours(self, mode: int) -> None:
        """What only its owner can write to is fine."""
        assert None is Access(US, mode).find_fault(TRUSTED)


USER_OBJECT, USER, GROUP_OBJECT, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY = 0xFFFFFFFF


def acl(*named: tuple[int, int, int], group: int = 0, mask: int = 7, other: int = 0) -> bytes:
    """Return an access control list as setxattr(2) takes it, of tags, rights and numbers."""
    entries = [(USER_OBJECT, 7, NOBODY), (GROUP_OBJECT, group, NOBODY), *named]
    entries += [(MASK, mask, NOBODY), (OTHER, other, NOBODY)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in sorted(entries))


class TestAccessControlLists:
    """Who is named in an access control list, as the file system keeps it."""

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (acl(), None),
            (acl((USER, 5, STRANGER)), None),
            (acl((USER, 7, STRANGER), mask=5), None),
            (acl((USER, 7, 0), (USER, 7, US)) if US else acl((USER, 7, 0)), None),
            (acl((USER, 6, STRANGER)), f"user {STRANGER} (access control list): setfacl -x u:"),
            (acl((USER, 2, STRANGER), mask=2), f"user {STRANGER} (access control list)"),
            (acl((USER, 7, 0), (USER, 7, STRANGER)), f"user {STRANGER} (access control list)"),
            (acl((GROUP, 6, STRANGER)), f"group {STRANGER} (access control list): setfacl -x g:"),
            (acl((GROUP, 6, 0)), "group 0 (access control list)"),
            (acl(group=6), "others (mode 0770)"),
            (acl(group=6, mask=5), None),
            (acl(other=2, mask=5), "others (mode 0752)"),
        ],
    )
    @pytest.mark.parametrize("kind", ["directory", "file"])
    def test_writers(self, kind: str, given: bytes, expected: str | None, tmp_path: Path) -> None:
        """Write permission counts of whom it names, within its mask, but for who is trusted."""
        path = tmp_path / kind
        path.mkdir(0o700) if kind == "directory" else path.touch(0o600)
        os.setxattr(path, "system.posix_acl_access", given)
        fault = Access.of_path(str(path)).find_fault(TRUSTED)
        if expected is None:
            assert None is fault
        else:
            assert fault is not None
            assert f"can be written by {expected}" in fault

    def test_on_the_way(self, deep: Path) -> None:
        """A directory on the way is named."""
        given = acl((USER, 7, STRANGER))
        os.setxattr(deep.parent, "system.posix_acl_access", given)
        [fault] = found(deep)
        assert f"the directory '{deep.parent}' can be written by user {STRANGER} " in fault
        assert [] == found(deep, {*TRUSTED, STRANGER})

    def test_bits_of_the_group(self) -> None:
        """Where the group's bits are not the mask, both count: the file system keeps them apart."""
        fault = Access(US, 0o100660, acl(mask=5)).find_fault(TRUSTED)
        assert "can be written by others (mode 0660): chmod go-w" == fault

    @pytest.mark.parametrize("given", [b"\2", acl()[:-1], b"\3" + acl()[1:]])
    def test_damaged(self, given: bytes) -> None:
        """One that cannot be read is at fault."""
        fault = Access(US, 0o100644, given).find_fault(TRUSTED)
        assert "has an access control list that cannot be read" == fault


# As Linux writes them; see proc_pid_mountinfo(5).
ROOT_LINE = b"27 0 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw,discard\n"
SSHFS_LINE = (
    b"612 27 0:53 / /home/ada/far\\040away rw,nosuid,nodev,relatime shared:334 - fuse.sshfs "
    b"host:/srv rw,user_id=1000,group_id=1000,allow_other\n"
)


class TestMounts:
    """Who has mounted a file system; `make soak ROW=mounts` mounts some."""

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (ROOT_LINE, None),
            (b"22 27 0:21 / /proc rw,relatime - proc proc rw\n", None),
            (b"30 27 0:40 / /x rw - nfs4 host:/ rw,vers=4.2,user_id=7,local_lock=none\n", None),
            (b"31 27 0:41 / /x rw - 9p tag rw,access=client,trans=virtio\n", None),
            (SSHFS_LINE, 1000),
            (SSHFS_LINE.replace(b" shared:334", b""), 1000),
            (SSHFS_LINE.replace(b"fuse.sshfs", b"fuse"), 1000),
            (SSHFS_LINE.replace(b" host:/srv ", b"  "), 1000),
            (SSHFS_LINE.replace(b"host:/srv", b"-"), 1000),
            (SSHFS_LINE.replace(b"host:/srv", b"user_id=0,"), 1000),
            (b"33 27 8:1 / /x rw - fuseblk /dev/sdb1 rw,user_id=0,group_id=0\n", 0),
            (b"34 27 0:60 / /x rw - fuse.x x rw\n", -1),
        ],
    )
    def test_line(self, line: bytes, expected: int | None) -> None:
        """Of FUSE the mount says it, whatever its source, its name and its optional fields are."""
        assert expected == permissions.mounter_of(line)

    @pytest.mark.parametrize(
        ("user", "trusted", "expected"),
        [
            (STRANGER, TRUSTED, f"that user {STRANGER} has mounted, who is not trusted"),
            (STRANGER, {*TRUSTED, STRANGER}, None),
            (0, TRUSTED, None),
            (None, TRUSTED, "of which '{}' does not tell who has mounted it"),
        ],
    )
    def test_decision(
        self,
        user: int | None,
        trusted: set[int],
        expected: str | None,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What lies on another user's mount is at fault, whatever owner that tells."""
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines(keepends=True)
        others = [line for line in lines if b" - proc " not in line]
        [proc] = [line for line in lines if line.split()[4] == b"/proc"]
        kind, source = b" - fuse.x x rw,user_id=", b",group_id=0\n"
        if user is not None:
            others.append(proc.partition(b" - ")[0] + kind + b"%d" % user + source)
        table = tmp_path / "mountinfo"
        table.write_bytes(b"".join(others))
        monkeypatch.setattr(permissions, "_MOUNTS", str(table))
        fault = Access.of_path("/proc/version").find_fault(trusted)
        if expected is None:
            assert None is fault
        else:
            assert f"lies on a file system {expected.format(table)}" == fault
        faults = [*permissions.find_writable("/proc/sys/kernel", trusted)]
        assert [] == faults if fault is None else f"the directory '/proc' {fault}" == faults[0]

    def test_no_proc(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is no /proc nobody knows it, which only matters where it could be FUSE."""
        monkeypatch.setattr(permissions, "_MOUNTS", str(tmp_path / "none"))
        assert "does not tell who has mounted it" in str(
            Access.of_path("/proc/version").find_fault(TRUSTED)
        )
        assert None is Access.of_path("/").find_fault(TRUSTED)
