"""A run of a stack: indexed, picked from, and gone on with."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, namespace
from backprop_xp.errors import BackpropError, OptionError, ShapeError, StackIndexError

NET = bp.Network([3, 4, 2], hidden="tanh")
P = NET.parameter_count
RNG = np.random.default_rng(0)
LEADS = {"one axis": (5,), "two axes": (2, 3)}
KEYS = {
    "one axis": {
        "a number": 1,
        "the last": -1,
        "NumPy's number": np.int64(2),
        "a slice": slice(2, 5),
        "a step": slice(None, None, -2),
        "all": ...,
        "a list": [3, 0, 3],
        "an array": np.array([[0, 1], [-1, 2]]),
        "a mask": np.array([True, False, False, True, False]),
        "a mask in a list": [False, False, False, True, False],
        "a tuple": (4,),
    },
    "two axes": {
        "both": (0, 1),
        "both from the end": (-1, -3),
        "a row": 1,
        "a column": (slice(None), 2),
        "a mask": np.array([[True, False, True], [False, False, True]]),
        "a mask of rows": np.array([False, True]),
        "pairs": ([0, 1], [2, 0]),
        "the last of all": (..., 0),
    },
}
CASES = [(axes, name) for axes, keys in KEYS.items() for name in keys]


def run_of(lead, array=np.asarray):
    """Return a run in which every number of each network is its own."""
    count = int(np.prod(lead))
    theta = np.arange(1.0, count * P + 1).reshape(*lead, P)
    history = {
        "cost": [np.arange(count) * 0.5 + epoch for epoch in range(3)],
        "validation_accuracy": [RNG.uniform(size=count) for _ in range(3)],
    }
    shaped = {name: [entry.reshape(lead) for entry in of] for name, of in history.items()}
    return bp.Run(array(theta), shaped, NET)


@pytest.mark.parametrize(("axes", "name"), CASES)
def test_a_run_is_indexed_as_numpy_indexes(xp, axes, name):
    key = KEYS[axes][name]
    run = run_of(LEADS[axes], xp.array)
    before = xp.host(run.theta).copy()
    picked = run[key]
    assert isinstance(picked, bp.Run)
    assert picked.network is NET
    assert namespace(picked.theta) is namespace(run.theta)
    assert picked.theta.dtype == run.theta.dtype
    assert device_of(picked.theta) == device_of(run.theta)
    numbers = np.arange(np.prod(LEADS[axes])).reshape(LEADS[axes])[key]
    expected = before.reshape(-1, P)[numbers]
    np.testing.assert_array_equal(xp.host(picked.theta), expected, strict=True)
    assert list(picked.history) == list(run.history)
    for kind, entries in run.history.items():
        for mine, whole in zip(picked.history[kind], entries, strict=True):
            np.testing.assert_array_equal(mine, whole[key])
            assert isinstance(mine, float) == (np.ndim(numbers) == 0)
    np.testing.assert_array_equal(xp.host(run.theta), before)


def test_masks_of_thetas_own_library(xp):
    run = run_of((5,), xp.array)
    mask = xp.array(np.array([True, False, True, False, False]))
    np.testing.assert_array_equal(xp.host(run[mask].theta), xp.host(run[[0, 2]].theta))


@pytest.mark.parametrize("key", [1, slice(1, 3), [1, 2], ...])
def test_what_is_picked_shares_no_memory(key):
    run = run_of((5,))
    theta, costs = run.theta.copy(), run.history["cost"][-1].copy()
    picked = run[key]
    picked.theta[...] = 0
    for entry in picked.history["cost"]:
        if isinstance(entry, np.ndarray):
            entry[...] = 0
    np.testing.assert_array_equal(run.theta, theta)
    np.testing.assert_array_equal(run.history["cost"][-1], costs)


def test_picks_of_picks():
    run = run_of((2, 3))
    np.testing.assert_array_equal(run[1][2].theta, run[1, 2].theta)
    assert run[1][2].history == run[1, 2].history


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_its_learning_curve(lead):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    run = run_of(lead)
    (panel,) = run.plot().axes
    *_, median = panel.get_lines()
    middles = [np.median(entry) for entry in run.history["cost"]]
    np.testing.assert_array_equal(median.get_ydata(), middles)


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_its_history_as_a_frame(lead):
    pytest.importorskip("pandas", reason="pandas is not installed")
    run = run_of(lead)
    frame = run.to_frame()
    assert list(frame.columns)[-2:] == ["cost", "validation_accuracy"]
    for name, entries in run.history.items():
        np.testing.assert_array_equal(frame[name], np.reshape(entries, -1))
    if lead:
        picked = run[0].to_frame()
        assert len(picked) == len(frame) / lead[0]


def test_a_loop_ends_after_the_last_network():
    assert [one.history["cost"][0] for one in run_of((5,))] == [0, 0.5, 1, 1.5, 2]


def test_training_goes_on_from_a_pick(xp):
    x, y = xp.array(RNG.normal(size=(12, 3))), xp.array(np.arange(12) % 2)
    run = bp.train(NET, x, y, stack=4, epochs=2, validation=(x, y))
    theta = xp.host(run.theta).copy()
    one = run.best()
    assert all(isinstance(entry, float) for of in one.history.values() for entry in of)
    more = bp.train(NET, x, y, theta=one.theta, epochs=1)
    assert tuple(more.theta.shape) == (P,)
    bp.train(NET, x, y, theta=run[1:3].theta, epochs=1)
    np.testing.assert_array_equal(xp.host(run.theta), theta)
    costs = run.history["validation_cost"][-1]
    assert one.history["validation_cost"][-1] == costs.min()
    # the cost that was recorded is that of these parameters, to the rounding of a mean
    assert float(NET.cost(one.theta, x, y)) == pytest.approx(costs.min(), rel=1e-5)


@pytest.mark.parametrize(
    ("key", "came"),
    [
        (5, "index 5 is out of bounds"),
        (-6, "index -6 is out of bounds"),
        ((0, 1), "too many indices"),
        ([0, 9], "index 9 is out of bounds"),
        ([True, False], "boolean index did not match"),
        ("cost", "only integers, slices"),
        (1.5, "only integers, slices"),
        (np.array([0.5]), "must be of integer"),
        ([[0], [1, 2]], "inhomogeneous"),
        (None, "None"),
        (True, "True"),
        (np.False_, "False"),
        (slice(5, None), "no network"),
        ([], "no network"),
        (np.zeros(5, bool), "no network"),
        (slice("a"), "slice indices must be integers"),
    ],
)
def test_what_picks_nothing_is_refused(key, came):
    with pytest.raises(StackIndexError, match=r"^run\[") as caught:
        run_of((5,))[key]
    assert isinstance(caught.value, IndexError)
    assert isinstance(caught.value, BackpropError)
    assert came in caught.value.parts[1]
    assert "a stack of shape (5,)" in caught.value.parts[2] or came == "no network"
    assert "(5,)" in str(caught.value)


def single():
    return bp.Run(np.zeros(P), {"cost": [1.0]}, NET)


@pytest.mark.parametrize("pick", [lambda run: run[0], lambda run: run.best("cost"), list])
def test_a_single_network_has_nothing_to_pick(pick):
    with pytest.raises(
        ShapeError, match="the run of a single network; expected the run of a stack"
    ):
        pick(single())


@pytest.mark.parametrize("lead", [(5,), (2, 3)])
def test_the_best_is_the_lowest_cost_or_the_highest_accuracy(lead):
    run = run_of(lead)
    for name, best in (("cost", np.argmin), ("validation_accuracy", np.argmax)):
        last = run.history[name][-1]
        number = np.unravel_index(best(last), lead)
        found = run.best(name)
        np.testing.assert_array_equal(found.theta, run.theta[number])
        assert found.history[name][-1] == last[number]


def test_of_equals_the_first_is_the_best():
    run = bp.Run(np.arange(3.0 * P).reshape(3, P), {"accuracy": [np.array([0.5, 1.0, 1.0])]}, NET)
    np.testing.assert_array_equal(run.best("accuracy").theta, run.theta[1])


def test_a_history_that_was_not_recorded_has_no_best():
    says = r"'validation_cost'; expected one of cost, validation_accuracy. Train with validation="
    with pytest.raises(OptionError, match=says):
        run_of((5,)).best()
    with pytest.raises(OptionError, match="Did you mean 'cost'"):
        run_of((5,)).best("costs")
    with pytest.raises(OptionError, match="expected one of the entries of an epoch"):
        bp.Run(np.zeros((2, P)), {}, NET).best("cost")


def test_the_best_is_judged_by_the_entries_that_go_with_theta():
    # after the last epoch the first network is the best, at the epochs of their θ the second
    history = {"validation_cost": [np.array([3.0, 1.0]), np.array([2.0, 4.0])]}
    theta = np.arange(2.0 * P).reshape(2, P)
    run = bp.Run(theta, history, NET, epoch=np.array([2, 1]))
    assert run.best().epoch == 1
    np.testing.assert_array_equal(run.best().theta, theta[1])


def test_the_best_of_networks_whose_theta_is_of_no_epoch():
    # epoch 0 is θ before training, which is judged by the first entry, never by the last
    history = {"cost": [np.array([3.0, 2.0]), np.array([0.0, 2.5])]}
    theta = np.arange(2.0 * P).reshape(2, P)
    run = bp.Run(theta, history, NET, epoch=np.array([0, 2]))
    assert run.best("cost").epoch == 2
    np.testing.assert_array_equal(run.best("cost").theta, theta[1])
    history["cost"][0][0] = 1.0
    assert run.best("cost").epoch == 0
