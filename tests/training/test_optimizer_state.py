"""A run that goes on from the θ and the state of an earlier run."""

import pickle

import numpy as np
import pytest
from surface import optimizer_kinds
from training_cases import CLASSES, LABELS, TARGETS, WITHOUT_JAX, M, X, Y

import backprop_xp as bp
from backprop_xp.arrays.backend import to_host

schedules = bp.schedules
PLATEAU = schedules.ReduceOnPlateau(0.2, patience=0, min_delta=1.0, metric="cost")


def went_on(net, X, Y, **chosen):
    """Return a run of five epochs, and one of two epochs with one of three after it."""
    whole = bp.train(net, X, Y, epochs=5, **chosen)
    part = bp.train(net, X, Y, epochs=2, **chosen)
    stack = chosen.pop("stack", ())
    assert np.prod(stack) >= 1
    rest = bp.train(net, X, Y, part.theta, state=part.state, epochs=3, **chosen)
    return whole, part, rest


def check_same(whole, part, rest):
    np.testing.assert_array_equal(to_host(rest.theta), to_host(whole.theta))
    for name, entries in whole.history.items():
        joined = part.history[name] + rest.history[name]
        np.testing.assert_array_equal(np.asarray(joined), np.asarray(entries))
    assert (part.state.epoch, rest.state.epoch, whole.state.epoch) == (2, 5, 5)


@pytest.mark.parametrize("name", sorted({*optimizer_kinds()} - {"Rprop"}))
@pytest.mark.parametrize("stack", [(), 3, (2, 2)])
def test_it_is_the_run_of_all_epochs_to_the_bit(name, stack):
    optimizer = optimizer_kinds()[name]()
    check_same(
        *went_on(CLASSES, X, LABELS, optimizer=optimizer, stack=stack, batch_size=4, dropout=0.3)
    )


@pytest.mark.parametrize(
    "chosen",
    [
        {"optimizer": bp.Rprop(), "batch_size": None},
        {"optimizer": bp.SGD(schedules.Step(0.1, 4, 0.5), momentum=0.5)},
        {"optimizer": bp.SGD(PLATEAU, momentum=0.5)},
        {"optimizer": bp.SGD(0.1), "l2": schedules.InverseTime(0.1, 0.5)},
        {"optimizer": bp.AdamW(0.1, epsilon_hat=True), "input_dropout": 0.2},
        {"optimizer": bp.Adam(0.1), "order": lambda epoch: np.roll(np.arange(M), epoch)},
        {"optimizer": bp.SGD(0.1)},
    ],
    ids=["full batch", "step", "plateau", "l2", "input dropout", "order", "plain"],
)
def test_schedules_orders_and_noise_go_on(chosen):
    check_same(*went_on(TARGETS, X, Y, **{"batch_size": 4, **chosen}))


@WITHOUT_JAX
def test_in_every_library(xp):
    check_same(*went_on(TARGETS, xp.array(X), xp.array(Y), optimizer=bp.Adam(0.1), batch_size=4))


def test_an_earlier_state_is_not_changed_and_can_be_pickled():
    first = bp.train(TARGETS, X, Y, optimizer=bp.Adam(0.1), epochs=1)
    before = [x.copy() for x in first.state.arrays]
    saved = pickle.loads(pickle.dumps(first.state))  # noqa: S301  its own
    runs = [
        bp.train(TARGETS, X, Y, first.theta, state=state, optimizer=bp.Adam(0.1), epochs=2)
        for state in (first.state, saved)
    ]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)
    for x, y in zip(first.state.arrays, before, strict=True):
        np.testing.assert_array_equal(x, y)


def test_it_goes_on_without_an_epoch():
    first = bp.train(TARGETS, X, Y, optimizer=bp.Adam(0.1), epochs=1)
    again = bp.train(
        TARGETS, X, Y, first.theta, state=first.state, optimizer=bp.Adam(0.1), epochs=0
    )
    assert again.state.epoch == 1
    np.testing.assert_array_equal(again.state.arrays[0], first.state.arrays[0])


def test_there_is_none_where_theta_is_of_an_earlier_epoch():
    class Worse:
        def on_epoch_end(self, progress):
            progress.history.setdefault("mine", []).append(float(progress.epoch))

    told = [Worse(), bp.callbacks.EarlyStopping("mine", patience=1)]
    run = bp.train(TARGETS, X, Y, epochs=9, callbacks=told)
    assert (run.epoch, run.state) == (1, None)
    assert bp.train(TARGETS, X, Y, optimizer="lbfgs", batch_size=None, epochs=2).state is None
    assert bp.train(TARGETS, X, Y, stack=2, epochs=1)[0].state is None


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"state": ()}, r"train\(state\): got a tuple.*run\.state"),
        ({"optimizer": bp.Adam()}, "same optimizer"),
        ({"dtype": "float32"}, "same optimizer.*dtype"),
        ({"optimizer": bp.SGD(PLATEAU, momentum=0.5)}, r"train\(state\).*schedules"),
        ({"optimizer": "lbfgs", "batch_size": None}, r"train\(state\).*LBFGS"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(chosen, says):
    first = bp.train(TARGETS, X, Y, epochs=1)
    chosen = {"state": first.state, **chosen}
    with pytest.raises(bp.OptionError, match=says):
        bp.train(TARGETS, X, Y, first.theta, **chosen)


@pytest.mark.parametrize("kind", sorted(optimizer_kinds()))
def test_a_state_of_another_optimizer_is_refused(kind):
    made = {name: of() for name, of in optimizer_kinds().items()}
    first = bp.train(TARGETS, X, Y, optimizer=made.pop(kind), epochs=1, batch_size=None)
    for other in made.values():
        with pytest.raises(bp.OptionError, match=rf"state of {kind}; expected.*same optimizer"):
            bp.train(
                TARGETS, X, Y, first.theta, state=first.state, optimizer=other, batch_size=None
            )


def test_a_state_without_theta_is_refused():
    first = bp.train(TARGETS, X, Y, epochs=1)
    with pytest.raises(bp.OptionError, match=r"train\(theta\).*Pass run\.theta"):
        bp.train(TARGETS, X, Y, state=first.state)


def test_checkpoints_of_a_run_that_went_on(tmp_path):
    whole, part, _ = went_on(TARGETS, X, Y, batch_size=4)
    chosen = {"batch_size": 4, "callbacks": [bp.callbacks.Checkpoint(tmp_path)]}
    bp.train(TARGETS, X, Y, part.theta, state=part.state, epochs=1, **chosen)
    with pytest.raises(bp.OptionError, match="earlier_epochs=0 where it was 2"):
        bp.train(TARGETS, X, Y, epochs=3, resume=tmp_path, **chosen)
    resumed = bp.train(
        TARGETS, X, Y, part.theta, state=part.state, epochs=3, resume=tmp_path, **chosen
    )
    np.testing.assert_array_equal(resumed.theta, whole.theta)
