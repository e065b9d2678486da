"""Law 6: a run that was stopped and goes on is the run that was never stopped, to the bit."""

from functools import partial

import numpy as np
import pytest
from callback_cases import Interrupting
from checkpoint_cases import CHOSEN, NET, X_VAL, Y_VAL, Metric, X, Y, assert_same, law, names
from needs import needs
from surface import ITEMS, optimizer_kinds, variants

import backprop_xp as bp
from backprop_xp.callbacks.checkpoint_files import newest
from backprop_xp.errors import (
    CheckpointWarning,
    OptionError,
)
from backprop_xp.files.training_state import read_snapshot

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


@pytest.mark.parametrize("others", [None, (X_VAL, Y_VAL[::-1]), (X_VAL[:9], Y_VAL[:9])])
def test_other_validation_cases_are_refused(others, tmp_path):
    ours, saving = (X_VAL, Y_VAL), [bp.Checkpoint(tmp_path)]
    bp.train(NET, X, Y, epochs=2, validation=ours, callbacks=saving, **CHOSEN)
    with pytest.raises(OptionError, match=r"validation\(.\)=.* where it was array"):
        bp.train(NET, X, Y, epochs=4, validation=others, resume=tmp_path, **CHOSEN)
    run = bp.train(NET, X.tolist(), Y, epochs=4, validation=ours, resume=tmp_path, **CHOSEN)
    assert_same(run, bp.train(NET, X, Y, epochs=4, validation=ours, **CHOSEN))


def test_each_callback_of_a_class_has_its_own_memory(tmp_path):
    def both(patience):
        return [
            bp.EarlyStopping(metric, patience=patience, restore_best=False)
            for metric in ("cost", "validation_cost")
        ]

    data = {"validation": (X_VAL, Y_VAL), **CHOSEN}
    before = both(9)
    bp.train(NET, X, Y, epochs=3, callbacks=[*before, bp.Checkpoint(tmp_path)], **data)
    after = both(9)
    bp.train(NET, X, Y, epochs=3, callbacks=after[::-1], resume=tmp_path, **data)
    for old, new in zip(before, after, strict=True):
        assert new.state() == old.state()
    other = bp.EarlyStopping("accuracy", patience=9)  # which the file knows nothing of
    bp.train(NET, X, Y, epochs=3, callbacks=[other], resume=tmp_path, **data)
    assert other.state() == {}


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
        with pytest.warns(CheckpointWarning, match="EarlyStopping had stopped it"):
            second = again()
        assert_same(first, second)
        assert (second.stopped, second.epoch) == (first.stopped, first.epoch)


# ten epochs, of which the ninth is the best
NINTH = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 1.5, 1.4, 1.3]


@pytest.mark.parametrize("stack", [(), 2])
@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("patience", [1, 5], ids=["stopped", "ended"])
def test_the_last_checkpoint_is_of_the_last_epoch(patience, every, stack, tmp_path):
    chosen = {**CHOSEN, "stack": stack}
    saving, stop = bp.Checkpoint(tmp_path, every), bp.EarlyStopping("metric", patience)
    callbacks = [Metric(NINTH), stop, saving]
    part = bp.train(NET, X, Y, epochs=10, callbacks=callbacks, **chosen)
    assert (len(part.history["cost"]), np.max(part.epoch)) == (10, 9)
    last = bp.train(NET, X, Y, epochs=10, **chosen)
    np.testing.assert_array_equal(read_snapshot(newest(tmp_path)).theta, last.theta)
    for way_on in ([bp.EarlyStopping("metric", 50, restore_best=False)], []):
        further = [Metric(NINTH), *way_on]
        resumed = bp.train(NET, X, Y, epochs=12, callbacks=further, resume=tmp_path, **chosen)
        assert_same(bp.train(NET, X, Y, epochs=12, callbacks=[Metric(NINTH)], **chosen), resumed)
        assert resumed.stopped == ""


@pytest.mark.parametrize("stack", [(), 2])
def test_a_stopped_run_that_is_resumed_tells_of_its_best_epoch(stack, tmp_path):
    chosen = {**CHOSEN, "stack": stack, "epochs": 12}

    def callbacks():
        stop = bp.EarlyStopping("metric", patience=1)
        return [Metric(NINTH), stop, bp.Checkpoint(tmp_path, every=3)]

    first = bp.train(NET, X, Y, callbacks=callbacks(), **chosen)
    with pytest.warns(CheckpointWarning, match="stays at epoch 10 of 12"):
        second = bp.train(NET, X, Y, callbacks=callbacks(), resume=tmp_path, **chosen)
    assert_same(first, second)
    np.testing.assert_array_equal(second.epoch, first.epoch)
    assert second.stopped == first.stopped


def test_the_stop_of_ones_own_callback_stays_as_long_as_it_is_there(tmp_path):
    class Third:
        """Stops after the third epoch."""

        def on_epoch_end(self, progress):
            if progress.epoch == 3:
                progress.stop("three will do")

    bp.train(NET, X, Y, callbacks=[Third(), bp.Checkpoint(tmp_path)], **CHOSEN)
    with pytest.warns(CheckpointWarning, match="three will do. To go on, resume it without Third"):
        stopped = bp.train(NET, X, Y, epochs=5, callbacks=[Third()], resume=tmp_path, **CHOSEN)
    assert (stopped.stopped, stopped.epoch) == ("three will do", 3)
    resumed = bp.train(NET, X, Y, epochs=5, resume=tmp_path, **CHOSEN)
    assert_same(bp.train(NET, X, Y, epochs=5, **CHOSEN), resumed)


def test_a_callback_without_a_memory_in_the_file_forgets_the_run_before(tmp_path):
    bp.train(NET, X, Y, epochs=2, callbacks=[bp.Checkpoint(tmp_path)], **CHOSEN)
    used, new = bp.EarlyStopping("metric", 2), bp.EarlyStopping("metric", 2)
    bp.train(NET, X, Y, epochs=5, callbacks=[Metric([-1.0] * 5), used], **CHOSEN)
    runs = [
        bp.train(NET, X, Y, epochs=9, callbacks=[Metric(NINTH), one], resume=tmp_path, **CHOSEN)
        for one in (used, new)
    ]
    assert_same(*runs)
