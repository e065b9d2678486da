"""Law 6: a run that was stopped and goes on is the run that was never stopped, to the bit."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from callback_cases import Interrupting
from needs import needs
from surface import ITEMS, optimizer_kinds, variants

import backprop_xp as bp
from backprop_xp.callbacks.checkpoint import newest, snapshot_of
from backprop_xp.errors import (
    CheckpointWarning,
    MissingFileError,
    ModelFileError,
    OptionError,
)
from backprop_xp.files import safetensors_file
from backprop_xp.files.model_file import read_notes
from backprop_xp.files.training_state import KEY, read_snapshot, write_snapshot

_rng = np.random.default_rng(0)
X, Y = _rng.normal(size=(20, 3)), _rng.integers(0, 3, 20)
X_VAL, Y_VAL = _rng.normal(size=(10, 3)), _rng.integers(0, 3, 10)
NET = bp.Network([3, 4, 3], "tanh", connections=[np.eye(4, 3) + 1 > 1, None])
CHOSEN = {"batch_size": 6, "optimizer": bp.Adam(0.05), "dropout": 0.2, "l2": 0.01, "seed": 3}


def law(folder, net, X, Y, **chosen):
    """Train 5 epochs, and 3 and then 2; return both runs."""
    whole = bp.train(net, X, Y, epochs=5, **chosen)
    saving = bp.Checkpoint(folder, every=3)
    bp.train(net, X, Y, epochs=3, callbacks=[saving], **chosen)
    return whole, bp.train(net, X, Y, epochs=5, resume=folder, **chosen)


def assert_same(whole, resumed, host=np.asarray):
    np.testing.assert_array_equal(host(resumed.theta), host(whole.theta))
    assert resumed.history.keys() == whole.history.keys()
    for name, of in whole.history.items():
        np.testing.assert_array_equal(resumed.history[name], of)
    assert all(type(entry) is type(of[0]) for of in resumed.history.values() for entry in of)


OPTIMIZERS = {
    name: optimizer for of in optimizer_kinds().items() for name, optimizer in variants(*of)
}


@pytest.mark.parametrize("stack", [(), 3], ids=["one", "stack"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_on(name, stack, tmp_path):
    optimizer = OPTIMIZERS[name]
    if not stack and "own" in name:
        pytest.skip("numbers of its own need a stack")
    chosen = {**CHOSEN, "optimizer": optimizer, "stack": stack, "validation": (X_VAL, Y_VAL)}
    if getattr(optimizer, "full_batch", False):
        chosen |= {"batch_size": None, "dropout": 0.0}
    if name.startswith("LBFGS"):
        pytest.skip("it keeps its memory within SciPy: see training/test_lbfgs")
    assert_same(*law(tmp_path, NET, X, Y, **chosen))


@pytest.mark.parametrize("xp", ["numpy", "strict", "torch", "jax"], indirect=True)
def test_every_library_goes_on(xp, tmp_path):
    data = (xp.array(X), xp.array(Y))
    assert_same(*law(tmp_path, NET, *data, validation=data, **CHOSEN), host=xp.host)


@pytest.mark.parametrize("name", [n for n, item in ITEMS.items() if "weights" in n or "file" in n])
def test_weights_and_files_go_on(name, tmp_path):
    item = ITEMS[name]
    if item.in_file:
        pytest.importorskip("h5py", reason="h5py is not installed")
        import h5py

        with h5py.File(tmp_path / "x.h5", "w") as file:
            data = file.create_dataset("X", data=item.X.astype("float32"))
            chosen = {"batch_size": 4, **item.settings}
            assert_same(*law(tmp_path / "c", item.net, data, np.asarray(item.Y), **chosen))
        return
    assert_same(*law(tmp_path, item.net, item.X, item.Y, **{"batch_size": 4, **item.settings}))


@pytest.mark.parametrize("changed", ["X", "Y"])
def test_a_sparse_matrix_goes_on_unless_it_changed(changed, tmp_path):
    some = needs("scipy.sparse", "scipy").csr_array(np.where(X > 0, X, 0))
    assert_same(*law(tmp_path, NET, some, Y, batch_size=4))
    others = {"X": (2 * some, Y), "Y": (some, Y[::-1].copy())}[changed]
    with pytest.raises(bp.OptionError, match=rf"train\(resume\): got {changed}="):
        bp.train(NET, *others, epochs=9, batch_size=4, resume=tmp_path)


def test_early_stopping_and_logs_go_on(tmp_path):
    # it stops in the 7th epoch, 3 after the best: what was waited before the checkpoint counts
    entries = [5, 4, 3, 1, 2, 2, 2, 0, 0]

    class Entries:
        """Puts numbers into the history."""

        def on_epoch_end(self, progress):
            progress.history.setdefault("metric", []).append(float(entries[progress.epoch - 1]))

    def callbacks(where):
        stop = bp.EarlyStopping("metric", patience=3)
        return [Entries(), stop, bp.CSVLog(tmp_path / f"{where}.csv"), bp.Checkpoint(tmp_path)]

    whole = bp.train(NET, X, Y, epochs=9, callbacks=callbacks("whole"), **CHOSEN)
    assert "not improved" in whole.stopped
    for file in tmp_path.glob("*.safetensors"):
        file.unlink()
    bp.train(NET, X, Y, epochs=5, callbacks=callbacks("parts"), **CHOSEN)
    resumed = bp.train(NET, X, Y, epochs=9, callbacks=callbacks("parts"), resume=tmp_path, **CHOSEN)
    assert_same(whole, resumed)
    assert resumed.stopped == whole.stopped
    assert len(resumed.history["metric"]) == 7
    logs = [(tmp_path / f"{name}.csv").read_text() for name in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_a_run_that_is_complete_is_returned_as_it_was(tmp_path):
    saving = bp.Checkpoint(tmp_path)
    run = bp.train(NET, X, Y, epochs=3, callbacks=[saving], **CHOSEN)
    before = newest(tmp_path).read_bytes()
    for _ in range(2):
        again = bp.train(NET, X, Y, epochs=3, callbacks=[saving], resume=saving, **CHOSEN)
        assert_same(run, again)
    assert newest(tmp_path).read_bytes() == before
    assert_same(
        bp.train(NET, X, Y, epochs=4, **CHOSEN),
        bp.train(NET, X, Y, epochs=4, resume=saving, **CHOSEN),
    )


# ---------------------------------------------------------------------------------------------
# files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_which_files_there_are(tmp_path):
    saving = bp.Checkpoint(tmp_path / "a" / "b", every=2, keep=2, metric="cost")
    run = bp.train(NET, X, Y, epochs=9, callbacks=[saving], **CHOSEN)
    expected = ["best.safetensors", "epoch-000008.safetensors", "epoch-000009.safetensors"]
    assert names(saving.folder) == expected
    best = 1 + int(np.argmin(run.history["cost"]))
    snapshot = read_snapshot(saving.folder / "best.safetensors")
    assert snapshot.epoch == best
    resumed = bp.train(NET, X, Y, epochs=9, resume=saving.folder / "best.safetensors", **CHOSEN)
    assert_same(run, resumed)


def test_a_checkpoint_is_a_model(tmp_path):
    run = bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], stack=2, **CHOSEN)
    net, theta = bp.load(newest(tmp_path))
    np.testing.assert_array_equal(theta, run.theta)
    assert net.sizes == NET.sizes


def test_a_new_run_may_begin_with_resume(tmp_path):
    saving = bp.Checkpoint(tmp_path / "new")
    run = bp.train(NET, X, Y, epochs=2, callbacks=[saving], resume=saving, **CHOSEN)
    assert_same(bp.train(NET, X, Y, epochs=2, **CHOSEN), run)


def test_ctrl_c_writes_no_checkpoint_of_half_an_epoch(tmp_path):
    callbacks = [bp.Checkpoint(tmp_path), Interrupting(2, 1)]
    run = bp.train(NET, X, Y, epochs=9, callbacks=callbacks, **CHOSEN)
    assert "interrupted" in run.stopped
    assert names(tmp_path) == ["epoch-000001.safetensors", "epoch-000002.safetensors"]
    whole = bp.train(NET, X, Y, epochs=4, **CHOSEN)
    assert_same(whole, bp.train(NET, X, Y, epochs=4, resume=tmp_path, **CHOSEN))


# ---------------------------------------------------------------------------------------------
# refusals


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch_size": 5}, "batch_size=5 where it was 6"),
        ({"optimizer": bp.Adam(0.06)}, "learning_rate=0.06"),
        ({"optimizer": bp.SGD(0.05)}, "optimizer=SGD"),
        ({"seed": 4}, "seed=4 where it was 3"),
        ({"l2": np.array([0.1, 0.2])}, "l2=array"),
        ({"dropout": 0.3}, "dropout=0.3"),
        ({"case_weights": np.ones(20)}, "case_weights=array"),
    ],
)
def test_other_settings_are_refused(change, says, tmp_path):
    stack = 2 if "l2" in change else ()
    chosen = {**CHOSEN, "stack": stack}
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **chosen)
    before = newest(tmp_path).read_bytes()
    with pytest.raises(OptionError, match="where it was") as caught:
        bp.train(NET, X, Y, epochs=4, resume=tmp_path, **{**chosen, **change})
    assert says in str(caught.value)
    assert newest(tmp_path).read_bytes() == before


def test_other_networks_and_data_are_refused(tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    other = bp.Network([3, 4, 3], "relu")
    for net, data in ((other, (X, Y)), (NET, (X[:15], Y[:15])), (NET, (X.astype("float32"), Y))):
        with pytest.raises(OptionError, match=r"train\(resume\)"):
            bp.train(net, *data, epochs=4, resume=tmp_path, **CHOSEN)


def test_other_data_and_functions_are_refused(tmp_path):
    def constant(rate):
        return lambda _: rate

    class Own:
        """A schedule of a user."""

        def __init__(self, rate):
            self.rate = rate

        def __call__(self, _):
            return self.rate

    for number, make in enumerate((constant, Own, lambda rate: partial(max, rate))):
        folder, chosen = tmp_path / str(number), {**CHOSEN, "optimizer": bp.SGD(make(0.1))}
        bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(folder)], **chosen)
        bp.train(NET, X, Y, epochs=3, resume=folder, **{**chosen, "optimizer": bp.SGD(make(0.1))})
        other = {**chosen, "optimizer": bp.SGD(make(0.2))}
        with pytest.raises(OptionError, match="optimizer"):
            bp.train(NET, X, Y, epochs=3, resume=folder, **other)
        for data, name in (((X + 1, Y), "X="), ((X, (Y + 1) % 3), "Y=")):
            with pytest.raises(OptionError, match=name):
                bp.train(NET, *data, epochs=3, resume=folder, **chosen)


def test_fewer_epochs_than_there_were_are_refused(tmp_path):
    bp.train(NET, X, Y, epochs=4, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    with pytest.raises(OptionError, match="integers >= 4"):
        bp.train(NET, X, Y, epochs=3, resume=tmp_path, **CHOSEN)


def test_the_best_will_do_where_no_other_is_there_yet(tmp_path):
    saving = bp.Checkpoint(tmp_path, every=100, metric="cost")

    class Dying:
        """Ends a run before its first numbered file."""

        def on_epoch_start(self, progress):
            if progress.epoch == 3:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bp.train(NET, X, Y, epochs=5, callbacks=[saving, Dying()], resume=saving, **CHOSEN)
    assert names(tmp_path) == ["best.safetensors"]
    resumed = bp.train(NET, X, Y, epochs=5, callbacks=[saving], resume=saving, **CHOSEN)
    assert_same(bp.train(NET, X, Y, epochs=5, **CHOSEN), resumed)


def test_a_run_that_was_stopped_stays_stopped(tmp_path):
    def again():
        saving, stop = bp.Checkpoint(tmp_path), bp.EarlyStopping("cost", 2, min_delta=0.05)
        return bp.train(NET, X, Y, epochs=90, callbacks=[saving, stop], resume=saving, **CHOSEN)

    first = again()
    assert first.stopped
    for _ in range(2):
        second = again()
        assert_same(first, second)
        assert (second.stopped, second.epoch) == (first.stopped, first.epoch)


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


# ---------------------------------------------------------------------------------------------
# disasters


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


# ---------------------------------------------------------------------------------------------
# what a resumed run must remember


class Numbered:
    """Puts numbers into the history under a name."""

    def __init__(self, **entries):
        self._entries = entries

    def on_epoch_end(self, progress):
        for name, of in self._entries.items():
            entry = np.asarray(of[progress.epoch - 1], dtype=np.float64)
            progress.history.setdefault(name, []).append(entry if entry.ndim else float(entry))


def in_parts(folder, epochs, first, callbacks, **chosen):
    """Return a whole run, and the same run in two parts; `callbacks` makes them anew."""
    chosen = {**CHOSEN, **chosen}
    whole = bp.train(NET, X, Y, epochs=epochs, callbacks=callbacks(), **chosen)
    for resume in (None, folder):
        saving, until = bp.Checkpoint(folder), epochs if resume else first
        parts = [*callbacks(), saving]
        run = bp.train(NET, X, Y, epochs=until, callbacks=parts, resume=resume, **chosen)
    return whole, run


@pytest.mark.parametrize(
    ("entries", "best"),
    [([5, 1, 4, 3, 2], 2), ([[5, 3], [1, 4], [2, 2], [3, 2.5], [2, 1]], [2, 5])],
    ids=["one", "stack"],
)
def test_the_best_theta_of_the_first_part_is_the_best_of_the_run(entries, best, tmp_path):
    stack = np.shape(best)

    def callbacks():
        return [Numbered(metric=entries), bp.EarlyStopping("metric", patience=9)]

    whole, resumed = in_parts(tmp_path, 5, 3, callbacks, stack=stack)
    assert_same(whole, resumed)
    assert np.asarray(resumed.epoch).tolist() == best
    for network in np.ndindex(stack):
        epochs = int(np.asarray(best)[network])
        alone = bp.train(NET, X, Y, epochs=epochs, **{**CHOSEN, "stack": stack})
        np.testing.assert_array_equal(resumed.theta[network], alone.theta[network])


def test_the_best_file_of_the_first_part_stays_the_best(tmp_path):
    entries = Numbered(metric=[5, 1, 4, 3, 2, 0.5])
    for epochs, best in ((3, 2), (5, 2), (6, 6)):
        saving = bp.Checkpoint(tmp_path, metric="metric")
        callbacks = [entries, saving]
        bp.train(NET, X, Y, epochs=epochs, callbacks=callbacks, resume=saving, **CHOSEN)
        assert read_snapshot(tmp_path / "best.safetensors").epoch == best


def test_one_checkpoint_serves_one_run_after_the_other(tmp_path):
    saving = bp.Checkpoint(tmp_path / "a", metric="metric")
    bp.train(NET, X, Y, epochs=1, callbacks=[Numbered(metric=[1]), saving], **CHOSEN)
    saving.folder = tmp_path / "b"
    bp.train(NET, X, Y, epochs=1, callbacks=[Numbered(metric=[2]), saving], **CHOSEN)
    assert (tmp_path / "b" / "best.safetensors").is_file()


@pytest.mark.parametrize("swapped", [False, True])
def test_two_callbacks_of_one_kind_have_memories_of_their_own(swapped, tmp_path):
    # "slow" has its best in the first epoch, "fast" a better one in each
    entries = {"slow": [9.0, *[10.0] * 8], "fast": np.arange(9.0, 0.0, -1.0)}

    def callbacks():
        stops = [bp.EarlyStopping(name, patience=5) for name in ("fast", "slow")]
        return [Numbered(**entries), *(stops[::-1] if swapped else stops)]

    whole, resumed = in_parts(tmp_path, 9, 4, callbacks)
    assert whole.stopped == "slow has not improved for 5 epochs"
    assert resumed.stopped == whole.stopped
    assert_same(whole, resumed)


def test_the_newest_is_the_last_epoch_and_not_the_best(tmp_path):
    saving = bp.Checkpoint(tmp_path, metric="metric")
    entries = Numbered(metric=[3, 1, 2, 2, 2])
    bp.train(NET, X, Y, epochs=4, callbacks=[entries, saving], **CHOSEN)
    assert newest(tmp_path).name == "epoch-000004.safetensors"
    read_snapshot(tmp_path / "best.safetensors")
    (tmp_path / "best.safetensors").touch()  # the time of a file does not matter
    assert newest(tmp_path).name == "epoch-000004.safetensors"
    with pytest.raises(OptionError, match="integers >= 4"):
        bp.train(NET, X, Y, epochs=3, resume=tmp_path, **CHOSEN)


def test_epochs_are_numbers_and_not_names(tmp_path):
    # "epoch-1000000" comes before "epoch-999999" in the order of texts
    bp.train(NET, X, Y, epochs=1, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    snapshot = replace(read_snapshot(newest(tmp_path)), epoch=999_998)
    newest(tmp_path).unlink()
    write_snapshot(tmp_path / "epoch-999998.safetensors", NET, snapshot)
    saving = bp.Checkpoint(tmp_path, keep=2)
    for epochs in (1_000_000, 1_000_001):
        bp.train(NET, X, Y, epochs=epochs, callbacks=[saving], resume=saving, **CHOSEN)
        kept = [f"epoch-{epoch:06d}.safetensors" for epoch in (epochs - 1, epochs)]
        assert names(tmp_path) == sorted(kept)
        assert newest(tmp_path).name == kept[-1]


def test_ctrl_c_between_two_files_leaves_no_theta_of_half_an_epoch(tmp_path):
    callbacks = [bp.Checkpoint(tmp_path, every=2), Interrupting(3, 1)]
    run = bp.train(NET, X, Y, epochs=9, callbacks=callbacks, **CHOSEN)
    assert "interrupted in epoch 3" in run.stopped
    for path in tmp_path.glob("epoch-*.safetensors"):
        epochs = read_snapshot(path).epoch
        complete = bp.train(NET, X, Y, epochs=epochs, **CHOSEN)
        np.testing.assert_array_equal(bp.load(path).theta, complete.theta)
    whole = bp.train(NET, X, Y, epochs=5, **CHOSEN)
    assert_same(whole, bp.train(NET, X, Y, epochs=5, resume=tmp_path, **CHOSEN))


@pytest.mark.parametrize("stack", [(2, 3), (1, 2, 1), (1,)])
def test_a_checkpoint_of_a_stack_has_the_axes_of_the_stack(stack, tmp_path):
    whole, resumed = law(tmp_path, NET, X, Y, **{**CHOSEN, "stack": stack})
    assert_same(whole, resumed)
    net, theta = bp.load(newest(tmp_path))
    assert theta.shape == (*stack, net.parameter_count)
    third = bp.train(NET, X, Y, epochs=3, **{**CHOSEN, "stack": stack})
    np.testing.assert_array_equal(theta, third.theta)


def test_the_best_of_a_stack_is_that_of_its_mean(tmp_path):
    # means of 3, 2, 2.5; the largest falls to the end, the smallest rises
    entries = Numbered(metric=[[0.0, 6.0], [1.0, 3.0], [2.5, 2.5]])
    saving = bp.Checkpoint(tmp_path, metric="metric")
    bp.train(NET, X, Y, epochs=3, stack=2, callbacks=[entries, saving], **CHOSEN)
    assert read_snapshot(tmp_path / "best.safetensors").epoch == 2


RESUMED = {
    "batch_size": (6, 5),
    "optimizer": (bp.Adam(0.05), bp.Adam(0.05, beta1=0.8)),
    "case_weights": (np.ones(20), np.arange(1.0, 21.0)),
    "class_weights": ({0: 1.0, 1: 2.0}, {0: 1.0, 1: 3.0}),
    "l1": (0.01, 0.02),
    "l2": (0.01, 0.02),
    "shrinkage": (0.01, 0.02),
    "decay_biases": (False, True),
    "max_norm": (2.0, 3.0),
    "dropout": (0.2, 0.3),
    "input_dropout": (0.2, 0.3),
    "label_smoothing": (0.1, 0.2),
    "clip_value": (0.5, 0.6),
    "clip_norm": (0.5, 0.6),
    "seed": (3, 4),
    "stack": ((2, 3), (6,)),
}


@pytest.mark.parametrize("name", RESUMED)
def test_any_other_argument_is_refused_by_its_name(name, tmp_path):
    before, after = RESUMED[name]
    chosen = {"optimizer": bp.SGD(0.1), "batch_size": 6, "epochs": 2}
    bp.train(NET, X, Y, callbacks=[bp.Checkpoint(tmp_path)], **{**chosen, name: before})
    bp.train(NET, X, Y, resume=tmp_path, **{**chosen, name: before})
    with pytest.raises(OptionError, match=rf"train\(resume\): got (.*; )?{name}="):
        bp.train(NET, X, Y, resume=tmp_path, **{**chosen, name: after})


def test_a_checkpoint_has_no_notes_of_the_user(tmp_path):
    bp.train(NET, X, Y, epochs=1, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    assert read_notes(newest(tmp_path)) == {}


def test_arrays_in_columns_come_back_as_they_were(tmp_path):
    rows = np.arange(6.0).reshape(2, 3)

    class Own:
        """A callback of a user, whose memory is no array in rows."""

        kept = None

        def on_epoch_end(self, _):
            self.kept = {"columns": np.asfortranarray(rows), "part": rows[:, ::2], "one": rows[0]}

        def state(self):
            return self.kept

        def restore(self, state):
            self.kept = state

    bp.train(NET, X, Y, epochs=1, callbacks=[Own(), bp.Checkpoint(tmp_path)], **CHOSEN)
    own = Own()
    bp.train(NET, X, Y, epochs=1, callbacks=[own], resume=tmp_path, **CHOSEN)
    for name, expected in {"columns": rows, "part": rows[:, ::2], "one": rows[0]}.items():
        np.testing.assert_array_equal(own.kept[name], expected, strict=True)


def test_a_folder_is_the_same_by_any_of_its_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "run", target_is_directory=True)
    bp.train(NET, X, Y, epochs=1, callbacks=[bp.Checkpoint(tmp_path / "run")], **CHOSEN)
    for epochs, resume in ((2, "run"), (3, "link"), (4, Path("run", "epoch-000003.safetensors"))):
        callbacks = [bp.Checkpoint(tmp_path / "run")]
        run = bp.train(NET, X, Y, epochs=epochs, callbacks=callbacks, resume=resume, **CHOSEN)
    assert_same(bp.train(NET, X, Y, epochs=4, **CHOSEN), run)


@pytest.mark.parametrize("stack", [(), (2, 3)])
def test_a_snapshot_shares_no_memory_with_the_run(stack):
    taken, thetas = [], []

    class Taking:
        def on_epoch_end(self, progress):
            taken.append(snapshot_of(progress, {}, []))
            thetas.append(progress.theta)

    bp.train(NET, X, Y, epochs=3, callbacks=[Taking()], **{**CHOSEN, "stack": stack})
    for snapshot, theta in zip(taken, thetas, strict=True):
        np.testing.assert_array_equal(snapshot.theta, theta)
    assert not np.array_equal(taken[0].theta, taken[1].theta)
    assert not np.array_equal(taken[0].state[0], taken[1].state[0])


@pytest.mark.parametrize("part", ["theta", "state"])
def test_arrays_of_another_dtype_are_refused(part, tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    snapshot, path = read_snapshot(newest(tmp_path)), tmp_path / "changed.safetensors"
    write_snapshot(path, NET, snapshot)
    bp.train(NET, X, Y, epochs=3, resume=path, **CHOSEN)
    theta, state = snapshot.theta.astype("float32"), [x.astype("float32") for x in snapshot.state]
    changed = {"theta": theta} if part == "theta" else {"state": tuple(state)}
    write_snapshot(path, NET, replace(snapshot, **changed))
    with pytest.raises((ModelFileError, OptionError), match=r"train\(resume\): .*dtype"):
        bp.train(NET, X, Y, epochs=3, resume=path, **CHOSEN)


def test_all_cases_in_a_batch_are_the_full_batch(tmp_path):
    sizes = (None, 20, 1000)
    for number, before in enumerate(sizes):
        folder = tmp_path / str(number)
        chosen = {**CHOSEN, "batch_size": before}
        bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(folder)], **chosen)
        for after in sizes:
            bp.train(NET, X, Y, epochs=3, resume=folder, **{**CHOSEN, "batch_size": after})
