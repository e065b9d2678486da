"""Checkpoints that are damaged, disks that are full, runs that are killed or begin at once."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkpoint_cases import CHOSEN, NET, X, Y, assert_same, names

import backprop_xp as bp
from backprop_xp.callbacks.checkpoint_files import newest
from backprop_xp.errors import (
    CheckpointWarning,
    MissingFileError,
    ModelFileError,
    OptionError,
)
from backprop_xp.files import safetensors_file
from backprop_xp.files.locks import LOCK
from backprop_xp.files.training_state import KEY, read_snapshot


def test_files_of_others_are_left_alone(tmp_path):
    # another run's checkpoints, a user's own file of such a name, and a folder that can never be
    saving = bp.Checkpoint(tmp_path / "a")
    bp.train(NET, X, Y, epochs=4, callbacks=[saving], **CHOSEN)
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "epoch-000001.safetensors").write_text("mine")
    (tmp_path / "c" / "best.safetensors").write_text("mine")
    (tmp_path / "d").write_text("no folder")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name in "abcd":
        for resume in (None, tmp_path / "a" / "epoch-000004.safetensors"):
            if name == "a" and resume is not None:
                continue
            checkpoints = [bp.Checkpoint(tmp_path / name, metric="cost")]
            with pytest.raises(OptionError, match="Checkpoint"):
                bp.train(NET, X, Y, epochs=9, callbacks=checkpoints, resume=resume, **CHOSEN)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_single_bit_is_noticed(tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    content = bytearray(newest(tmp_path).read_bytes())
    content[-5] ^= 0x40
    newest(tmp_path).write_bytes(content)
    with pytest.raises(ModelFileError, match="checksum"):
        bp.train(NET, X, Y, epochs=4, resume=tmp_path, **CHOSEN)


def test_what_is_no_checkpoint(tmp_path):
    bp.save(tmp_path / "model.safetensors", NET, NET.init())
    (tmp_path / "noise.safetensors").write_bytes(b"no file")
    (tmp_path / "empty").mkdir()
    for resume, error in (
        (tmp_path / "model.safetensors", ModelFileError),
        (tmp_path / "noise.safetensors", ModelFileError),
        (tmp_path / "empty", MissingFileError),
        (tmp_path / "nowhere", MissingFileError),
        (3, OptionError),
    ):
        with pytest.raises(error, match="resume"):
            bp.train(NET, X, Y, resume=resume, **CHOSEN)


@pytest.mark.parametrize("chosen", [{"every": 0}, {"keep": 0}, {"on_failure": "ignore"}])
def test_refusals_of_checkpoints(chosen, tmp_path):
    with pytest.raises(OptionError, match="Checkpoint"):
        bp.Checkpoint(tmp_path, **chosen)


def test_damaged_checkpoints_are_refused(tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    content = newest(tmp_path).read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "damaged.safetensors"
    for _ in range(200):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged[: random.integers(1, len(damaged) + 1)])
        try:
            read_snapshot(path)
        except ModelFileError:
            continue


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about["of_settings"].pop("step"),
        lambda about: about["of_settings"].update(step="x"),
        lambda about: about["of_settings"].update(schedules="x"),
        lambda about: about["of_settings"].update(schedules={"optimizer": {}}),
        lambda about: about["callbacks"][0][1].update(best="x"),
        lambda about: about["callbacks"][0][1].update(waited=[1, 2]),
        lambda about: about["callbacks"][0][1].pop("best"),
        lambda about: about["callbacks"][0][1].update(theta=about["callbacks"][0][1]["best"]),
        lambda about: about.update(callbacks=[3]),
        lambda about: about.update(epoch=-1),
        lambda about: about.update(epoch=1),
        lambda about: about.update(state=3),
        lambda about: about.update(state=10**9),
        lambda about: about.update(history="cost"),
        lambda about: about.update(format_version=2),
    ],
)
def test_checkpoints_that_contradict_themselves(change, tmp_path):
    stop = bp.EarlyStopping("cost")
    bp.train(NET, X, Y, epochs=2, callbacks=[stop, bp.Checkpoint(tmp_path)], **CHOSEN)
    tensors, texts = safetensors_file.read(newest(tmp_path), "here")
    about = json.loads(texts[KEY])
    change(about)
    path = tmp_path / "changed.safetensors"
    path.write_bytes(safetensors_file.to_bytes(tensors, {**texts, KEY: json.dumps(about)}))
    with pytest.raises(ModelFileError, match="resume"):
        bp.train(NET, X, Y, epochs=4, callbacks=[stop], resume=path, **CHOSEN)


def test_parameters_of_another_stack_are_refused(tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    tensors, texts = safetensors_file.read(newest(tmp_path), "here")
    path = tmp_path / "changed.safetensors"
    for name, shape in (("theta", (2, -1)), ("training.state.0", (1, -1))):
        changed = {**tensors, name: tensors[name][:30].reshape(shape)}
        path.write_bytes(safetensors_file.to_bytes(changed, texts))
        with pytest.raises(ModelFileError, match="resume"):
            bp.train(NET, X, Y, epochs=4, resume=path, **CHOSEN)


class Shrinking:
    """Lets files of the process be no longer than some bytes, from an epoch on."""

    def __init__(self, epoch, most):
        self._epoch, self._most = epoch, most

    def on_epoch_start(self, progress):
        if progress.epoch == self._epoch:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._most, hard))


@pytest.fixture
def limits():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("on_failure", ["warn", "stop", "raise"])
def test_a_disk_that_is_full(on_failure, tmp_path, limits):
    saving = bp.Checkpoint(tmp_path, on_failure=on_failure, keep=5)
    callbacks = [Shrinking(2, 1000), saving]
    whole = bp.train(NET, X, Y, epochs=5, **CHOSEN)

    def run():
        return bp.train(NET, X, Y, epochs=5, callbacks=callbacks, **CHOSEN)

    if on_failure == "raise":
        with pytest.raises(OSError, match="large"):
            run()
    else:
        with pytest.warns(CheckpointWarning, match="no checkpoint of epoch [345]"):
            found = run()
        assert (found.stopped != "") == (on_failure == "stop")
        assert len(found.history["cost"]) == (5 if on_failure == "warn" else 3)
        if on_failure == "warn":
            assert_same(whole, found)
    # those before are there and whole, and nothing else is
    assert names(tmp_path) == ["epoch-000001.safetensors", "epoch-000002.safetensors"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert_same(whole, bp.train(NET, X, Y, epochs=5, resume=tmp_path, **CHOSEN))


def _folder(path):
    path.mkdir()


def _loop(path):
    path.symlink_to(path)


def _text(path):
    return None


class Spoiling:
    """Puts something in the way of the next file, or a text into the history."""

    def __init__(self, folder, epoch, spoil):
        self.path, self.epoch, self.spoil = folder / f"epoch-{epoch:06d}.safetensors", epoch, spoil

    def on_epoch_end(self, progress):
        progress.history.setdefault("note", []).append(float(progress.epoch))
        if progress.epoch == self.epoch:
            self.spoil(self.path)
            if self.spoil is _text:
                progress.history["note"][-1] = "a text"


@pytest.mark.parametrize("spoil", [_folder, _loop, _text])
@pytest.mark.parametrize("on_failure", ["warn", "stop", "raise"])
def test_what_lies_in_the_way(spoil, on_failure, tmp_path):
    saving = bp.Checkpoint(tmp_path, on_failure=on_failure)
    chosen = {**CHOSEN, "epochs": 5, "callbacks": [Spoiling(tmp_path, 3, spoil), saving]}
    if on_failure == "raise":
        with pytest.raises((OSError, OptionError)):
            bp.train(NET, X, Y, **chosen)
        return
    with pytest.warns(CheckpointWarning, match="no checkpoint of epoch [345]"):
        run = bp.train(NET, X, Y, **chosen)
    assert len(run.history["cost"]) == (5 if on_failure == "warn" else 3)
    if on_failure == "stop":
        assert "no checkpoint of epoch 3" in run.stopped
    elif spoil is not _text:  # files of later epochs are written again
        assert newest(tmp_path).name == "epoch-000005.safetensors"


@pytest.mark.parametrize("on_failure", ["warn", "stop", "raise"])
def test_an_old_checkpoint_that_cannot_be_removed(on_failure, tmp_path, monkeypatch):
    real = Path.unlink

    def unlink(path, **chosen):
        if path.name.startswith("epoch-"):
            raise PermissionError("not yours")
        real(path, **chosen)

    monkeypatch.setattr(Path, "unlink", unlink)
    saving = bp.Checkpoint(tmp_path, keep=1, on_failure=on_failure)
    if on_failure == "raise":
        with pytest.raises(PermissionError):
            bp.train(NET, X, Y, epochs=4, callbacks=[saving], **CHOSEN)
        return
    with pytest.warns(CheckpointWarning, match="an old checkpoint stays"):
        run = bp.train(NET, X, Y, epochs=4, callbacks=[saving], **CHOSEN)
    assert len(run.history["cost"]) == (4 if on_failure == "warn" else 2)
    if on_failure == "stop":  # which ends one run alone
        further = bp.train(NET, X, Y, epochs=4, resume=tmp_path, **CHOSEN)
        assert_same(bp.train(NET, X, Y, epochs=4, **CHOSEN), further)


class Beginning:
    """Begins another run in the same folder, within this one."""

    def __init__(self, folder):
        self.folder, self.refusals = folder, []

    def on_epoch_start(self, progress):  # noqa: ARG002  every callback takes it
        for resume in (None, self.folder):
            other = bp.Checkpoint(self.folder)
            with pytest.raises(OptionError, match="to which another run") as caught:
                bp.train(NET, X, Y, epochs=9, callbacks=[other], resume=resume, **CHOSEN)
            self.refusals.append(caught.value)


def test_two_runs_at_once_in_one_folder(tmp_path):
    beginning = Beginning(tmp_path)
    callbacks = [beginning, bp.Checkpoint(tmp_path)]
    run = bp.train(NET, X, Y, epochs=3, callbacks=callbacks, **CHOSEN)
    assert len(beginning.refusals) == 6
    assert_same(bp.train(NET, X, Y, epochs=3, **CHOSEN), run)
    assert names(tmp_path) == ["epoch-000002.safetensors", "epoch-000003.safetensors"]
    assert_same(
        bp.train(NET, X, Y, epochs=5, **CHOSEN),
        bp.train(NET, X, Y, epochs=5, resume=tmp_path, **CHOSEN),
    )


def test_what_killed_runs_leave_is_cleared(tmp_path):
    for name in (LOCK, ".backprop-xp-dead.part"):
        (tmp_path / name).write_bytes(b"half")
    bp.train(NET, X, Y, epochs=1, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    assert names(tmp_path) == ["epoch-000001.safetensors"]


def test_a_folder_that_cannot_be_claimed_is_used_with_a_warning(tmp_path, monkeypatch):
    def no_locks(_):
        raise OSError("no locks available")

    monkeypatch.setattr("backprop_xp.files.locks._lock_at_once", no_locks)
    with pytest.warns(CheckpointWarning, match="not protected from other runs"):
        bp.train(NET, X, Y, epochs=1, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    assert "epoch-000001.safetensors" in names(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_killed_at_any_moment():
    # BACKPROP_XP_KILLS=100 for as many as there should be once
    kills = int(os.environ.get("BACKPROP_XP_KILLS", "6"))
    script = Path(__file__).parents[1] / "support" / "killed_training.py"
    done = subprocess.run(
        [sys.executable, script, str(kills)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    count = json.loads(done.stdout)
    assert count["killed"] == count["same"] == kills, done.stderr[-2000:]


def test_a_run_that_is_refused_leaves_no_folder(tmp_path):
    new = tmp_path / "new"
    for folder in (new, tmp_path):
        with pytest.raises(bp.DataError):
            bp.train(NET, X * np.nan, Y, callbacks=[bp.Checkpoint(folder)], **CHOSEN)
    assert list(tmp_path.iterdir()) == []  # a folder that was there before stays
    bp.train(NET, X, Y, epochs=1, callbacks=[bp.Checkpoint(new)], **CHOSEN)
    assert names(new) == ["epoch-000001.safetensors"]
