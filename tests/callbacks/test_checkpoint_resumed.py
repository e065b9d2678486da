"""A resumed run remembers its best theta, its files, and each of its arguments."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from callback_cases import Interrupting
from checkpoint_cases import CHOSEN, NET, X, Y, assert_same, law, names

import backprop_xp as bp
from backprop_xp.callbacks.checkpoint_files import newest
from backprop_xp.callbacks.memories import snapshot_of
from backprop_xp.errors import (
    CheckpointWarning,
    ModelFileError,
    OptionError,
)
from backprop_xp.files.model_file import read_notes
from backprop_xp.files.training_state import read_snapshot, write_snapshot


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


# theta decides the dtype of the training, which is then not that of the settings
@pytest.mark.parametrize(
    ("part", "error", "words"),
    [
        ("theta", OptionError, "dtype=float32 where it was float64"),
        ("state", ModelFileError, "another shape or dtype"),
    ],
)
def test_arrays_of_another_dtype_are_refused(part, error, words, tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    snapshot, path = read_snapshot(newest(tmp_path)), tmp_path / "changed.safetensors"
    write_snapshot(path, NET, snapshot)
    bp.train(NET, X, Y, epochs=3, resume=path, **CHOSEN)
    theta, state = snapshot.theta.astype("float32"), [x.astype("float32") for x in snapshot.state]
    changed = {"theta": theta} if part == "theta" else {"state": tuple(state)}
    write_snapshot(path, NET, replace(snapshot, **changed))
    with pytest.raises(error, match=words):
        bp.train(NET, X, Y, epochs=3, resume=path, **CHOSEN)


def test_all_cases_in_a_batch_are_the_full_batch(tmp_path):
    sizes = (None, 20, 1000)
    for number, before in enumerate(sizes):
        folder = tmp_path / str(number)
        chosen = {**CHOSEN, "batch_size": before}
        bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(folder)], **chosen)
        for after in sizes:
            bp.train(NET, X, Y, epochs=3, resume=folder, **{**CHOSEN, "batch_size": after})


@pytest.mark.parametrize("patiences", [(10, 2), (2, 10)])
def test_a_run_that_one_of_two_stopped_stays_stopped(patiences, tmp_path):
    for _ in range(3):
        stops = [bp.EarlyStopping("cost", patience=n, min_delta=9.0) for n in patiences]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CheckpointWarning)
            run = resumed_by(tmp_path, *stops)
        assert (len(run.history["cost"]), run.stopped) == (3, "cost has not improved for 2 epochs")
    assert "stays at epoch 3 of 20" in str(caught[-1].message)


def test_a_larger_patience_does_not_outlive_that_of_another_metric(tmp_path):
    for patience, epochs in ((2, 3), (9, 3)):
        stops = [
            bp.EarlyStopping("cost", patience=patience, min_delta=9.0),
            bp.EarlyStopping("accuracy", patience=2, min_delta=9.0),
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)
            run = resumed_by(tmp_path, *stops)
        assert len(run.history["cost"]) == epochs
    assert run.stopped == "accuracy has not improved for 2 epochs"


def resumed_by(folder, *callbacks):
    saving = bp.Checkpoint(folder)
    return bp.train(NET, X, Y, epochs=20, callbacks=[*callbacks, saving], resume=saving, **CHOSEN)
