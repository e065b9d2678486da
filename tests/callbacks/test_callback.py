"""Callbacks: the moments of a run, and what they may and may not do to it."""

from types import SimpleNamespace

import numpy as np
import pytest
from callback_cases import CHOSEN, NET, Entries, X, Y

import backprop_xp as bp
from backprop_xp.callbacks.callback import MOMENTS, checked_callbacks, wants_batches
from backprop_xp.errors import DTypeError, OptionError


class Told:
    """Notes what it is told of, and where training stands."""

    def __init__(self, *moments):
        self.seen = []
        for moment in moments:
            setattr(self, moment, lambda progress, moment=moment: self.note(moment, progress))

    def note(self, moment, progress):
        self.seen.append((moment, progress.epoch, progress.batch, len(progress.history)))


class OfBatches(Told):
    """Wants to be told of batches."""

    def __init__(self):
        super().__init__()
        self.thetas = []

    def on_batch_end(self, progress):
        self.note("on_batch_end", progress)
        self.thetas.append(progress.theta)


def test_the_moments_of_a_run():
    told = Told("on_train_start", "on_epoch_start", "on_epoch_end", "on_train_end")
    bp.train(NET, X, Y, epochs=2, callbacks=[told], **CHOSEN)
    assert told.seen == [
        ("on_train_start", 0, 0, 0),
        ("on_epoch_start", 0, 0, 0),
        ("on_epoch_end", 1, 0, 2),
        ("on_epoch_start", 1, 0, 2),
        ("on_epoch_end", 2, 0, 2),
        ("on_train_end", 2, 0, 2),
    ]


def test_batches_one_by_one_change_nothing(xp):
    if xp.name == "jax":
        pytest.skip("a loop of one batch is compiled on its own, and may round in another way")
    data = (xp.array(X), xp.array(Y))
    told = OfBatches()
    plain = bp.train(NET, *data, epochs=2, **CHOSEN)
    run = bp.train(NET, *data, epochs=2, callbacks=[told], **CHOSEN)
    np.testing.assert_array_equal(xp.host(run.theta), xp.host(plain.theta))
    assert run.history == plain.history
    assert [(epoch, batch) for _, epoch, batch, _ in told.seen] == [
        (epoch, batch) for epoch in (0, 1) for batch in (1, 2, 3, 4)
    ]
    np.testing.assert_array_equal(xp.host(told.thetas[-1]), xp.host(plain.theta))
    assert len({xp.host(theta).tobytes() for theta in told.thetas}) == 8


def test_who_wants_batches():
    assert wants_batches(OfBatches())
    assert not wants_batches(Told("on_epoch_end"))
    assert not wants_batches(bp.EarlyStopping())


def test_a_method_set_on_an_instance_is_called_as_one_of_its_class():
    class Plain(bp.Callback):
        """A callback whose methods are set one by one."""

    def told(name):
        return lambda progress: seen.append((name, progress.epoch, progress.batch))

    for kind in (Plain, SimpleNamespace):
        seen, one = [], kind()
        assert not wants_batches(one)
        for moment in MOMENTS:
            setattr(one, moment, told(moment))
        assert wants_batches(one)
        bp.train(NET, X, Y, epochs=1, callbacks=[one], **CHOSEN)
        batches = [("on_batch_end", 0, batch) for batch in (1, 2, 3, 4)]
        assert [entry for entry in seen if entry[0] == "on_batch_end"] == batches
        assert {name for name, _, _ in seen} == set(MOMENTS)


def test_a_memory_set_on_an_instance_is_kept(tmp_path):
    one, other = SimpleNamespace(), SimpleNamespace()
    for callback in (one, other):
        callback.on_epoch_end = lambda _: None
        callback.state = lambda: {"seen": 7}
        callback.restore = lambda state, callback=callback: setattr(callback, "was", state["seen"])
    bp.train(NET, X, Y, epochs=1, callbacks=[one, bp.Checkpoint(tmp_path)], **CHOSEN)
    bp.train(NET, X, Y, epochs=2, callbacks=[other], resume=tmp_path, **CHOSEN)
    assert other.was == 7


def test_a_callback_that_inherits_does_nothing_more_and_has_no_memory(tmp_path):
    class Counting(bp.Callback):
        epochs = 0

        def on_epoch_end(self, progress):
            self.epochs = progress.epoch

    counting = Counting()
    bp.train(NET, X, Y, epochs=2, callbacks=[counting, bp.Checkpoint(tmp_path)], **CHOSEN)
    resumed = bp.train(NET, X, Y, epochs=3, callbacks=[counting], resume=tmp_path, **CHOSEN)
    assert counting.epochs == 3
    assert not wants_batches(counting)
    np.testing.assert_array_equal(resumed.theta, bp.train(NET, X, Y, epochs=3, **CHOSEN).theta)


@pytest.mark.parametrize("callbacks", [[bp.EarlyStopping], [print], ["csv"], 3, bp.EarlyStopping()])
def test_what_is_no_callback_is_refused(callbacks):
    if isinstance(callbacks, bp.EarlyStopping):
        assert checked_callbacks(callbacks) == [callbacks]  # a single one may stand for a list
        return
    with pytest.raises(DTypeError, match=r"train\(callbacks\)") as caught:
        bp.train(NET, X, Y, callbacks=callbacks)
    assert all(moment in str(caught.value) for moment in MOMENTS)


def test_a_callback_may_stop_the_run_and_add_to_its_history():
    class Norms:
        """Adds the norm of θ, and stops after three epochs."""

        def on_epoch_end(self, progress):
            norms = progress.history.setdefault("norm", [])
            norms.append(float(np.linalg.norm(progress.theta)))
            if progress.epoch == 3:
                progress.stop("three are enough")
                progress.stop("a second reason")

    run = bp.train(NET, X, Y, epochs=10, callbacks=[Norms()], **CHOSEN)
    assert run.stopped == "three are enough"
    assert [len(of) for of in run.history.values()] == [3, 3, 3]
    three = bp.train(NET, X, Y, epochs=3, **CHOSEN)
    np.testing.assert_array_equal(run.theta, three.theta)
    assert three.stopped == ""


# ---------------------------------------------------------------------------------------------
# early stopping


def test_what_callbacks_add_comes_before_who_looks_at_it(tmp_path):
    noting, stop = Entries([3.0, 2.0, 1.0]), bp.EarlyStopping("metric")
    log = bp.CSVLog(tmp_path / "log.csv")
    run = bp.train(NET, X, Y, epochs=3, callbacks=[log, stop, noting], **CHOSEN)
    assert run.epoch == 3
    assert "metric" in log.path.read_text().partition("\n")[0]


@pytest.mark.parametrize("name", ["costs", "validation_cost", "validation_costs"])
def test_an_entry_that_no_history_has_is_refused_before_any_work(name, tmp_path):
    told = Told("on_epoch_start")
    for watching in (
        {"callbacks": [bp.EarlyStopping(name)]},
        {"callbacks": [bp.Checkpoint(tmp_path / "c", metric=name)]},
        {"optimizer": bp.SGD(bp.schedules.ReduceOnPlateau(0.1, metric=name))},
    ):
        with pytest.raises(OptionError, match=r"validation|metric"):
            bp.train(NET, X, Y, epochs=1, **{**CHOSEN, **watching})
    assert not told.seen
    with pytest.raises(OptionError, match="name of an entry"):
        bp.EarlyStopping(5)


def test_a_callback_does_not_move_the_epochs():
    class Moves:
        """Sets what it should only read."""

        def on_epoch_end(self, progress):
            progress.epoch, progress.batch, progress.epochs = 0, 7, 1000

    run = bp.train(NET, X, Y, epochs=3, callbacks=[Moves()], **CHOSEN)
    assert len(run.history["cost"]) == 3
    np.testing.assert_array_equal(run.theta, bp.train(NET, X, Y, epochs=3, **CHOSEN).theta)


@pytest.mark.parametrize("theta", [None, [1.0], np.zeros(3), np.zeros(NET.parameter_count, "f4")])
def test_parameters_that_do_not_fit_are_not_taken(theta):
    class Takes:
        """Puts other parameters in place."""

        def on_epoch_end(self, progress):
            progress.take(theta)

    with pytest.raises(bp.ShapeError, match=r"progress.take"):
        bp.train(NET, X, Y, epochs=3, callbacks=[Takes()], **CHOSEN)


@pytest.mark.parametrize("stack", [(), (2, 3)])
def test_training_keeps_a_copy_of_the_theta_that_it_takes(stack):
    class Taking:
        def on_epoch_end(self, progress):
            theta = progress.theta
            theta[...] = progress.epoch
            progress.take(theta, progress.epoch)
            theta[...] = np.nan  # the callback's own array again

    chosen = {**CHOSEN, "optimizer": bp.SGD(0.0), "stack": stack}
    run = bp.train(NET, X, Y, epochs=2, callbacks=[Taking()], **chosen)
    np.testing.assert_array_equal(run.theta, np.full((*stack, NET.parameter_count), 2.0))
