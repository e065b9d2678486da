"""Numbers that fall where a metric stalls: by hand, and beside PyTorch's and scikit-learn's."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.schedules import Constant, Piecewise, Product, Sequential, WarmUp
from backprop_xp.schedules.plateau import ReduceOnPlateau, find_listeners, with_values


def told(schedule, entries):
    """Return the value after each epoch; each state goes through JSON, as in a checkpoint."""
    state, found = schedule.start(), []
    for epoch in range(len(entries)):
        state = json.loads(json.dumps(state))
        state = schedule.after_epoch(state, {schedule.metric: entries[: epoch + 1]})
        found.append(schedule.value(state))
    return found


def test_by_hand():
    # better, then 3 that are not: more than 2 are too many; then counted anew
    schedule = ReduceOnPlateau(1.0, 0.5, patience=2)
    costs = [5.0, 4.0, 4.0, 4.1, 4.0, 4.0, 4.0, 4.0, 3.0]
    assert told(schedule, costs) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_no_patience_at_all():
    assert told(ReduceOnPlateau(1.0, 0.5, patience=0), [2.0, 2.0, 1.0, 2.0]) == [1, 0.5, 0.5, 0.25]


def test_min_delta_by_hand():
    # steps of ½ with a min_delta of ¾ add up to 1 against the last improvement, not against the
    # lowest so far
    costs = [4.0, 3.5, 3.0, 2.5, 2.0]
    chosen = {"factor": 0.5, "patience": 0, "min_delta": 0.75}
    assert told(ReduceOnPlateau(1.0, **chosen), costs) == [1, 0.5, 0.5, 0.25, 0.25]
    lowest = ReduceOnPlateau(1.0, **chosen, against="lowest")
    assert told(lowest, costs) == [1, 0.5, 0.25, 0.125, 0.0625]


def test_just_min_delta_is_better_than_the_lowest_and_no_improvement():
    chosen = {"factor": 0.5, "patience": 0, "min_delta": 0.5}
    assert told(ReduceOnPlateau(1.0, **chosen), [2.0, 1.5]) == [1, 0.5]
    assert told(ReduceOnPlateau(1.0, **chosen, against="lowest"), [2.0, 1.5]) == [1, 1]


def test_it_stays_at_its_minimum_and_never_rises():
    assert told(ReduceOnPlateau(1.0, 0.5, 0, minimum=0.4), [1.0] * 4) == [1, 0.5, 0.4, 0.4]
    assert told(ReduceOnPlateau(0.1, 0.5, 0, minimum=0.4), [1.0] * 3) == [0.1, 0.1, 0.1]


def test_accuracies_are_better_where_they_are_higher():
    schedule = ReduceOnPlateau(1.0, 0.5, 0, metric="validation_accuracy")
    assert told(schedule, [0.5, 0.6, 0.6, 0.7, 0.1]) == [1, 1, 0.5, 0.5, 0.25]


def test_networks_of_a_stack_are_looked_at_one_by_one():
    costs = [np.array([3.0, 3.0]), np.array([3.0, 2.0]), np.array([3.0, 2.0])]
    for initial in (1.0, np.array([1.0, 1.0]), np.array([[1.0], [1.0]])):
        found = told(ReduceOnPlateau(initial, 0.5, 0), costs)
        np.testing.assert_array_equal(found[1:], [[0.5, 1], [0.25, 0.5]])


def test_arrays_are_of_any_library(xp):
    initial = xp.array([[1.0], [0.5]])
    found = told(ReduceOnPlateau(initial, 0.5, 0), [np.array([1.0, 1.0])] * 2)
    np.testing.assert_array_equal(found[-1], [0.5, 0.25])


@given(
    costs=st.lists(st.sampled_from([1.0, 0.9, 0.85, 0.8, 0.5, 0.45, 2.0]), min_size=1, max_size=30),
    patience=st.integers(0, 4),
    min_delta=st.sampled_from([0.0, 0.05, 0.1]),
    factor=st.sampled_from([0.1, 0.5, 0.9]),
    minimum=st.sampled_from([0.0, 0.01]),
    accuracy=st.booleans(),
)
def test_it_equals_pytorchs(costs, patience, min_delta, factor, minimum, accuracy):
    # the same products in the same order: not a bit differs. Its eps, below which it does not
    # bother to lower the rate, is turned off.
    torch = pytest.importorskip("torch", reason="torch is not installed")
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(
        sgd,
        "max" if accuracy else "min",
        factor,
        patience,
        threshold=min_delta,
        threshold_mode="abs",
        min_lr=minimum,
        eps=0.0,
    )
    metric = "accuracy" if accuracy else "cost"
    own = ReduceOnPlateau(0.5, factor, patience, min_delta, minimum, metric)
    expected = []
    for cost in costs:
        peer.step(cost)
        expected.append(sgd.param_groups[0]["lr"])
    assert told(own, costs) == expected


def test_it_is_scikit_learns_adaptive_rule():
    # told its costs, epoch by epoch: it divides by 5, which is a rounding away from · 0.2
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 3)), rng.integers(0, 2, 30)
    chosen = {"learning_rate": "adaptive", "learning_rate_init": 0.5, "random_state": 0}
    mlp = MLPClassifier((4,), solver="sgd", tol=1e-3, n_iter_no_change=2, batch_size=5, **chosen)
    rates = []
    while len(rates) < 60 and (not rates or rates[-1] > 1e-4):
        mlp.partial_fit(X, Y, classes=[0, 1])
        rates.append(mlp._optimizer.learning_rate)
    assert len(set(rates)) > 3
    own = ReduceOnPlateau(0.5, 0.2, 2, 1e-3, metric="cost", against="lowest")
    np.testing.assert_allclose(told(own, mlp.loss_curve_), rates, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("initial", bad) for bad in (-0.1, np.nan, None, "fast", Constant(0.1))),
        *(("factor", bad) for bad in (0.0, 1.0, 2.0, np.nan, None)),
        *(("patience", bad) for bad in (-1, 1.5, None)),
        *(("min_delta", bad) for bad in (-1e-4, np.inf)),
        *(("minimum", bad) for bad in (-1e-4, np.inf)),
        ("against", "best"),
    ],
)
def test_parameters_out_of_range(name, bad):
    with pytest.raises(OptionError) as caught:
        ReduceOnPlateau(**{"initial": 0.1, name: bad})
    assert caught.value.parts[0] == f"ReduceOnPlateau({name})"
    assert all(caught.value.parts)


def test_it_says_no_value_by_the_step_alone():
    with pytest.raises(OptionError, match=r"got step 3 alone; expected the history"):
        ReduceOnPlateau(0.1)(3)


@pytest.mark.parametrize(
    ("metric", "advice"),
    [("validation_cost", r"Train with validation="), ("costs", "Did you mean 'cost'?")],
)
def test_a_metric_that_is_not_there(metric, advice):
    schedule = ReduceOnPlateau(0.1, metric=metric)
    with pytest.raises(OptionError, match=rf"{metric}'; expected one of cost. .*{advice}"):
        schedule.after_epoch(schedule.start(), {"cost": [1.0]})


def test_it_can_be_a_key_and_cannot_be_changed():
    assert len({ReduceOnPlateau(0.1), ReduceOnPlateau(0.1), ReduceOnPlateau(0.2)}) == 2
    with pytest.raises(AttributeError):
        ReduceOnPlateau(0.1).factor = 0.1


def test_trees():
    rate, decay = ReduceOnPlateau(0.1), ReduceOnPlateau(0.5)
    tree = {
        "optimizer": bp.AdamW(WarmUp(5, rate), weight_decay=Sequential([3], [0.1, decay])),
        "l2": Product(Piecewise([1], [1.0, 2.0]), rate),
        "dropout": 0.5,
    }
    found = find_listeners(tree)
    assert found == {
        "optimizer.learning_rate.then": rate,
        "optimizer.weight_decay.schedules.1": decay,
        "l2.second": rate,
    }
    values = {at: Constant(number) for number, at in enumerate(found, start=1)}
    now = with_values(tree, values)
    assert now["optimizer"].learning_rate(5) == 1
    assert now["optimizer"].weight_decay(3) == 2
    assert now["l2"](0) == 3
    assert now["dropout"] == 0.5
    assert find_listeners(now) == {}
    assert with_values(now, {}) is now
    assert len(find_listeners(tree)) == 3  # which is as it was


def test_training_lowers_it(xp):
    # a learning rate of 0 stalls from the second epoch on: the l2 beside it, which falls, says so
    X, Y = xp.array(np.eye(3)), xp.array(np.array([0, 1, 0]))
    net, seen = bp.Network([3, 2]), []

    class Look:
        def on_epoch_end(self, progress):
            seen.append(progress.schedule_memory["schedules"]["l2"]["value"])

    l2 = ReduceOnPlateau(1.0, 0.5, patience=0, min_delta=10.0, metric="cost")
    run = bp.train(net, X, Y, optimizer=bp.SGD(0.0), l2=l2, epochs=4, callbacks=[Look()])
    assert seen == [1, 0.5, 0.25, 0.125]
    penalties = -np.diff(run.history["cost"])  # ½ λ Σ W², of λ = 1, 1, ½, ¼
    np.testing.assert_allclose(penalties[1:] / penalties[1], [1, 0.5], rtol=1e-5)
    assert abs(penalties[0]) < 1e-12


def test_networks_of_a_stack_have_values_of_their_own():
    # a stack as each alone, to rounding
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((12, 3)), rng.integers(0, 2, 12)
    net = bp.Network([3, 4, 2], "tanh")
    start = net.init(seed=0, dtype="float64", stack=(3,))
    rates = np.array([0.5, 5.0, 0.01])

    def trained(theta, rate):
        given = ReduceOnPlateau(rate, 0.5, patience=1, min_delta=0.01, metric="validation_cost")
        chosen = {"optimizer": bp.SGD(given, momentum=0.5), "epochs": 15, "batch_size": 4}
        return bp.train(net, X, Y, theta, validation=(X[:5], Y[:5]), **chosen)

    together = trained(start, rates).theta
    alone = [trained(start[k], rates[k]).theta for k in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-8, atol=1e-10)


def test_a_users_own_listener():
    class Falling:
        """Half the last cost."""

        def start(self):
            return {"value": 0.5}

        def after_epoch(self, _, history):
            return {"value": 0.5 * history["cost"][-1]}

        def value(self, state):
            return state["value"]

        def __call__(self, _):
            raise AssertionError

    X, Y = np.eye(3), np.array([0, 1, 0])
    run = bp.train(bp.Network([3, 2]), X, Y, optimizer=bp.SGD(Falling()), epochs=3)
    assert run.history["cost"][2] < run.history["cost"][0]


@pytest.mark.parametrize("stack", [(), (3,)])
def test_a_resumed_training_goes_on_with_what_was_told(stack, tmp_path):
    # bit for bit: law 6
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((12, 3)), rng.integers(0, 2, 12)
    rate = ReduceOnPlateau(0.5, 0.5, patience=1, min_delta=0.05, metric="cost")
    adamw = bp.AdamW(WarmUp(4, rate), weight_decay=Product(0.1, rate))
    chosen = {"optimizer": adamw, "batch_size": 4, "stack": stack}
    net, checkpoint = bp.Network([3, 4, 2], "tanh"), bp.Checkpoint(tmp_path)
    whole = bp.train(net, X, Y, epochs=12, **chosen)
    bp.train(net, X, Y, epochs=5, callbacks=[checkpoint], **chosen)
    resumed = bp.train(net, X, Y, epochs=12, callbacks=[checkpoint], resume=checkpoint, **chosen)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    np.testing.assert_array_equal(resumed.history["cost"], whole.history["cost"])


@pytest.mark.parametrize("patience", [0, 1, 4, 5, 6, 7, 10, 30, 100])
@pytest.mark.parametrize("against", ["improvement", "lowest"])
def test_any_patience_is_waited_for_to_the_epoch(patience, against):
    # the first epoch is the best; after patience + 1 more epochs it falls, and is counted anew
    found = told(ReduceOnPlateau(1.0, 0.5, patience, against=against), [1.0] * (2 * patience + 3))
    assert found == [1.0] * (patience + 1) + [0.5] * (patience + 1) + [0.25]


def test_the_patience_by_default_is_10():
    assert told(ReduceOnPlateau(1.0), [1.0] * 12) == [1.0] * 11 + [0.5]
