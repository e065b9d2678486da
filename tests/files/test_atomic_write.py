"""Files are written whole or not at all, and keep their permissions."""

import os
import stat
from pathlib import Path

import pytest
from model_cases import PLAIN, RICH, THETA

from backprop_xp.errors import (
    OptionError,
)
from backprop_xp.files.atomic_write import remove_abandoned_parts, write_atomically
from backprop_xp.files.model_file import load, save


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_permissions_of_a_new_file_follow_the_umask(path):
    before = os.umask(0o027)
    try:
        save(path, PLAIN, THETA)
        assert mode(path) == 0o640
        assert os.umask(0o027) == 0o027  # and saving leaves the umask as it was
    finally:
        os.umask(before)


def test_the_umask_of_the_process_is_never_another(path, monkeypatch):
    # files of other threads would have wrong permissions for a moment
    before = os.umask(0o027)
    with monkeypatch.context() as patched:
        patched.setattr(os, "umask", lambda _: pytest.fail("the umask was set"))
        save(path, PLAIN, THETA)
        save(path, PLAIN, THETA)
    assert os.umask(before) == 0o027
    assert mode(path) == 0o640


def test_a_private_file_is_private_while_it_is_replaced(path, monkeypatch):
    path.touch()
    path.chmod(0o600)
    modes, real_fsync = [], os.fsync

    def fsync(descriptor):
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(path, PLAIN, THETA)
    assert modes == [0o600]


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o664])
def test_permissions_of_a_file_are_kept(path, permissions):
    path.touch()
    path.chmod(permissions)
    save(path, PLAIN, THETA)
    assert mode(path) == permissions


def test_a_file_is_replaced_whole(path):
    path.write_bytes(bytes(100_000))
    save(path, PLAIN, THETA)
    assert load(path).network == PLAIN
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["os", "^C"])
@pytest.mark.parametrize("place", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_write_that_fails_leaves_what_was_there(path, monkeypatch, error, place, exists):
    if exists:
        save(path, PLAIN, THETA, {"which": "the old one"})
    elif place == "chmod":
        pytest.skip("a new file has its permissions from the start")
    before = path.read_bytes() if exists else None

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os if place == "fsync" else Path, place, fail)
        with pytest.raises(type(error)):
            save(path, RICH, RICH.init())
    assert [p.name for p in path.parent.iterdir()] == ([path.name] if exists else [])
    if exists:
        assert path.read_bytes() == before


def test_the_new_file_is_on_the_disk_before_it_takes_the_name(path, monkeypatch):
    save(path, PLAIN, THETA)
    old, events, real_fsync, real_replace = path.read_bytes(), [], os.fsync, Path.replace

    def fsync(descriptor):
        assert path.read_bytes() == old
        events.append(("fsync", os.fstat(descriptor).st_size))
        real_fsync(descriptor)

    def replace(self, target):
        events.append(("replace", self.stat().st_size))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    save(path, RICH, RICH.init())
    size = path.stat().st_size
    assert events[:2] == [("fsync", size), ("replace", size)]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder '.*absent'.*Create") as caught:
        save(tmp_path / "absent" / "model", PLAIN, THETA)
    assert ".part" not in str(caught.value)


def test_an_error_of_the_system_names_the_file_of_the_user(path, monkeypatch):
    def refuse(name, *_):
        raise PermissionError(13, "Permission denied", str(name))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError) as caught:
        save(path, PLAIN, THETA)
    assert caught.value.filename == str(path)


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OptionError, match=r"folder.*no ordinary file"):
        save(tmp_path / "folder", PLAIN, THETA)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_pipe_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OptionError, match="no ordinary file"):
        save(pipe, PLAIN, THETA)
    assert pipe.is_fifo()


def test_a_link_leads_to_the_new_file(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    save(link, PLAIN, THETA)
    assert link.is_symlink()
    assert load(tmp_path / "target").network == PLAIN


def test_a_link_that_leads_to_itself_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OptionError, match="leads to itself"):
        save(link, PLAIN, THETA)
    assert [p.name for p in tmp_path.iterdir()] == ["link"]


def test_unfinished_files_are_removed_unless_their_writer_lives(path, monkeypatch):
    abandoned = path.with_name(".backprop-xp-0.part")
    abandoned.write_bytes(b"half a mod")
    real_fsync, seen = os.fsync, []

    def fsync(descriptor):
        remove_abandoned_parts(path.parent)
        seen.extend(p.name for p in path.parent.iterdir())
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(path, PLAIN, THETA)
    assert len(seen) == 1  # the file that is being written
    assert load(path).network == PLAIN


@pytest.mark.parametrize("length", [1, 100, 255])
def test_names_of_every_length(tmp_path, length):
    # 255 bytes are what file systems take; the temporary name must not be longer
    path = tmp_path / ("m" * length)
    save(path, PLAIN, THETA)
    assert load(path).network == PLAIN


def test_write_atomically(path):
    write_atomically(path, b"one")
    write_atomically(str(path), b"")
    assert path.read_bytes() == b""
    assert [p.name for p in path.parent.iterdir()] == [path.name]
