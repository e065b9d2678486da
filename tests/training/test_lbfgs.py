"""L-BFGS in training: against SciPy by hand, on each library, and what does not go with it."""

import os
import re
import signal
import sys

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command
from backprop_xp.errors import DivergenceError, MissingExtraError, OptionError
from backprop_xp.training.lbfgs import _joined

scipy_optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")

rng = np.random.default_rng(0)
X = rng.standard_normal((20, 3))
LABELS = rng.integers(0, 2, 20)
Y = rng.standard_normal((20, 2))
WEIGHTS = rng.uniform(0, 2, 20)
CLASSES = bp.Network([3, 4, 2], "tanh")
MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error", [MASK, None])


def trained(net=CLASSES, targets=LABELS, **chosen):
    settings = {"optimizer": bp.LBFGS(), "epochs": 8, "batch_size": None, **chosen}
    return bp.train(net, X, targets, **settings)


def by_scipy(net, targets, theta, weights, l2, epochs):
    """Return the iterates of SciPy on `Network.gradient` with the penalty written out."""
    is_weight, found = net.is_weight(theta), []

    def objective(x):
        E, dE_dtheta = net.gradient(x, X, targets, weights)
        return float(E) + 0.5 * l2 * np.sum(is_weight * x * x), dE_dtheta + l2 * is_weight * x

    options = {"maxiter": epochs, "gtol": 1e-5, "ftol": 2.22e-9}
    scipy_optimize.minimize(
        objective,
        theta,
        jac=True,
        method="L-BFGS-B",
        callback=lambda x: found.append(x.copy()),
        options=options,
    )
    return found, [objective(x)[0] for x in found]


@pytest.mark.parametrize("l2", [0.0, 0.05])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weights"])
@pytest.mark.parametrize(("net", "targets"), [(CLASSES, LABELS), (TARGETS, Y)])
def test_it_is_scipys_on_cost_and_gradient(net, targets, weights, l2):
    # the same function to rounding, 1e-16, which eight line searches magnify by some powers of ten
    start = net.init(seed=1, dtype="float64")
    relative = np.full(20, 1 / 20) if weights is None else weights / weights.sum()
    found, costs = by_scipy(net, targets, start, relative, l2, epochs=8)
    run = trained(net, targets, theta=start, case_weights=weights, l2=l2)
    assert len(run.history["cost"]) == 8
    np.testing.assert_allclose(run.history["cost"], costs, rtol=1e-8)
    np.testing.assert_allclose(run.theta, found[-1], rtol=1e-5, atol=1e-6)
    assert np.all(np.diff(run.history["cost"]) < 0)


def test_entries_are_taken_after_each_iteration():
    run = trained(validation=(X[:7], LABELS[:7]), l2=0.05)
    assert set(run.history) == {"cost", "accuracy", "validation_cost", "validation_accuracy"}
    assert {len(of) for of in run.history.values()} == {8}
    cost = CLASSES.cost(run.theta, X[:7], LABELS[:7])
    np.testing.assert_allclose(run.history["validation_cost"][-1], cost, rtol=1e-12)  # rounding
    right = CLASSES.forward(run.theta, X).argmax(axis=1) == LABELS
    assert run.history["accuracy"][-1] == right.mean()
    shorter = trained(l2=0.05, epochs=3)
    assert run.history["cost"][:3] == shorter.history["cost"]  # an iteration is an iteration


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_theta_stays_where_it_is_in_its_dtype(xp, dtype):
    # in float32 the cost has 7 digits, of which line searches leave some 4
    if dtype not in xp.float_dtypes:
        pytest.skip(f"{xp.name} has no {dtype}")
    given = xp.array(X, dtype), xp.array(LABELS)
    settings = {"optimizer": bp.LBFGS(), "epochs": 4, "batch_size": None, "l2": 0.05}
    run = bp.train(CLASSES, *given, **settings)
    assert (run.theta.dtype, type(run.theta)) == (given[0].dtype, type(given[0]))
    expected = trained(epochs=4, l2=0.05)
    rtol = 1e-8 if dtype == "float64" else 1e-3
    start = CLASSES.init(seed=0, dtype="float64")
    np.testing.assert_array_equal(CLASSES.init(seed=0, dtype=dtype), start.astype(dtype))
    np.testing.assert_allclose(run.history["cost"], expected.history["cost"], rtol=rtol)


@pytest.mark.parametrize("in_groups", [False, True])
def test_networks_of_a_stack_are_minimised_each_for_itself(in_groups, monkeypatch):
    # the same evaluations of each to rounding, as above
    if in_groups:
        monkeypatch.setattr("backprop_xp.training.step.stack_groups.CPU_BYTES", 1)
    start = CLASSES.init(seed=1, dtype="float64", stack=(1, 3))
    l2 = np.array([[0.0, 0.01, 0.5]])
    weights = np.stack([np.ones(20), WEIGHTS, WEIGHTS[::-1]])[None]
    others = {"validation": (X[:7], LABELS[:7]), "epochs": 30}
    run = trained(theta=start, l2=l2, case_weights=weights, **others)
    alone = [
        trained(theta=start[0, k], l2=l2[0, k], case_weights=weights[0, k], **others)
        for k in range(3)
    ]
    lengths = [len(one.history["cost"]) for one in alone]
    assert min(lengths) < max(lengths) == len(run.history["cost"])  # one ends before the others
    for name, of in run.history.items():
        assert of[0].shape == (1, 3)
        for k, one in enumerate(alone):
            mine = [entry[0, k] for entry in of]
            padded = one.history[name] + [one.history[name][-1]] * (len(of) - lengths[k])
            np.testing.assert_allclose(mine[:8], padded[:8], rtol=1e-6)
            np.testing.assert_allclose(mine[-1], padded[-1], rtol=1e-2, atol=1e-5)
    assert run.theta.shape == start.shape


def test_removed_connections_stay_removed():
    run = trained(TARGETS, Y)
    exists = TARGETS.existing(run.theta)
    assert np.all((run.theta != 0) == (exists != 0))


def test_it_ends_where_it_converged_and_says_why():
    run = trained(bp.Network([3, 2]), epochs=500, l2=0.1)
    assert len(run.history["cost"]) < 100
    assert run.stopped.startswith("L-BFGS: CONVERGENCE")
    _, gradient = bp.Network([3, 2]).gradient(run.theta, X, LABELS)
    penalty = 0.1 * run.theta * bp.Network([3, 2]).is_weight(run.theta)
    assert np.abs(gradient + penalty).max() <= 1e-4  # ftol or gtol ended it
    again = trained(bp.Network([3, 2]), epochs=5, l2=0.1, theta=run.theta)
    assert len(again.history.get("cost", [])) <= 2


@pytest.mark.parametrize(
    ("chosen", "most"), [({"max_iterations": 3}, 3), ({"maxfun": 1}, 1), ({"gtol": 10.0}, 0)]
)
def test_its_limits(chosen, most):
    run = trained(optimizer=bp.LBFGS(**chosen))
    assert len(run.history.get("cost", [])) == most
    assert run.stopped


def test_no_epochs_change_nothing():
    start = CLASSES.init(seed=1, dtype="float64")
    run = trained(theta=start, epochs=0)
    np.testing.assert_array_equal(run.theta, start)
    assert (run.history, run.stopped) == ({}, "")


def test_a_stack_that_stands_at_its_minima_has_no_entries():
    run = trained(optimizer=bp.LBFGS(gtol=10.0), stack=2)
    assert run.history == {}
    assert run.theta.shape == (2, CLASSES.parameter_count)


def test_smoothed_labels_and_decayed_biases():
    smooth, plain = trained(label_smoothing=0.2), trained()
    assert smooth.history["cost"][-1] > plain.history["cost"][-1]
    with_biases = trained(l2=0.5, decay_biases=True)
    assert with_biases.history["cost"][-1] > trained(l2=0.5).history["cost"][-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0.1) for name in ("dropout", "input_dropout", "l1", "shrinkage")),
        *((name, 1.0) for name in ("clip_value", "clip_norm", "max_norm")),
        *((name, lambda _: 0.1) for name in ("l2", "label_smoothing", "dropout")),
    ],
)
def test_what_makes_the_cost_another_one_is_refused(name, value):
    expected = rf"train\({name}\): got .* with LBFGS; expected a smooth cost"
    with pytest.raises(OptionError, match=expected):
        trained(**{name: value})


def test_checkpoints_are_refused(tmp_path):
    with pytest.raises(OptionError, match=r"train\(callbacks\): got Checkpoint with LBFGS"):
        trained(callbacks=[bp.Checkpoint(tmp_path)])
    with pytest.raises(OptionError, match=r"train\(callbacks\): got Told with LBFGS for a stack"):
        trained(callbacks=[Told()], stack=2)


class Told:
    """Notes what it is told."""

    def __init__(self, stop_after=None):
        self.told, self.stop_after = [], stop_after

    def on_train_start(self, _):
        self.told.append("start")

    def on_epoch_end(self, progress):
        assert {len(of) for of in progress.history.values()} == {progress.epoch}
        self.told.append(progress.history["cost"][-1])
        self.theta = progress.theta
        if progress.epoch == self.stop_after:
            progress.stop("enough")

    def on_train_end(self, _):
        self.told.append("end")


def test_callbacks_are_told_of_iterations_as_of_epochs():
    told = Told()
    run = trained(callbacks=[told])
    assert told.told == ["start", *run.history["cost"], "end"]
    np.testing.assert_array_equal(told.theta, run.theta)


def test_a_callback_may_stop_it():
    run = trained(callbacks=[Told(stop_after=3)])
    assert len(run.history["cost"]) == 3
    assert run.stopped == "enough"


class Takes:
    """Puts a θ in place at one moment."""

    def __init__(self, moment, theta):
        setattr(self, moment, lambda progress: progress.take(theta))


def test_a_callback_may_choose_where_it_starts_and_ends():
    start, end = (CLASSES.init(seed=seed, dtype="float64") for seed in (1, 2))
    run = trained(callbacks=[Takes("on_train_start", start)])
    np.testing.assert_array_equal(run.theta, trained(theta=start).theta)
    np.testing.assert_array_equal(trained(callbacks=[Takes("on_train_end", end)]).theta, end)


def test_a_theta_between_iterations_is_refused():
    theta = CLASSES.init(seed=1, dtype="float64")
    with pytest.raises(OptionError, match=r"progress.take, with LBFGS: got another theta"):
        trained(callbacks=[Takes("on_epoch_end", theta)])


def test_the_iterations_before_a_lack_of_memory_are_counted():
    class Fails:
        """Finds no memory after the third iteration."""

        def on_epoch_end(self, progress):
            if progress.epoch == 3:
                raise MemoryError

    with pytest.raises(bp.OutOfMemoryError) as caught:
        trained(callbacks=[Fails()])
    assert caught.value.epoch == 3
    np.testing.assert_array_equal(caught.value.theta, trained(epochs=3).theta)


@pytest.mark.parametrize("stack", [(), 2])
def test_a_progress_bar(stack, capsys):
    trained(stack=stack, progress=True, epochs=3)
    assert "cost=" in capsys.readouterr().err


def test_a_cost_that_is_not_finite_at_the_start():
    net = bp.Network([3, 2], output="identity", loss="squared_error")
    with pytest.raises(DivergenceError) as caught:
        trained(net, Y, theta=np.full((2, 8), [[0.1], [1e200]]))
    error = caught.value
    assert (error.epoch, error.batch, error.networks) == (0, 0, [(1,)])
    assert np.isfinite(error.theta).all()


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("scipy"))):
        trained()


def test_it_beats_descent_by_steps_where_cases_are_few():
    by_steps = trained(optimizer=bp.Adam(0.01), epochs=60)
    assert trained(epochs=60).history["cost"][-1] < 0.1 * by_steps.history["cost"][-1]


def test_ctrl_c_returns_what_was_reached():
    class Interrupts:
        """Sends Ctrl-C to the process after some iterations."""

        def on_epoch_end(self, progress):
            if progress.epoch == 3:
                os.kill(os.getpid(), signal.SIGINT)

    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    net, lbfgs = bp.Network([3, 8, 2], "tanh"), bp.LBFGS(gtol=0, ftol=0)
    chosen = {"optimizer": lbfgs, "batch_size": None}
    run = bp.train(net, X, Y, epochs=50, callbacks=[Interrupts()], **chosen)
    assert "interrupted" in run.stopped
    assert len(run.history["cost"]) == 3
    expected = bp.train(net, X, Y, epochs=3, **chosen)
    np.testing.assert_array_equal(run.theta, expected.theta)


def test_a_network_that_ended_repeats_its_last_entry():
    # the initial entry is left out; the networks end after 1, 3 and 0 iterations
    histories = [
        {"cost": [9.0, 8.0], "accuracy": [0.0, 0.5]},
        {"cost": [7.0, 6.0, 5.0, 4.0], "accuracy": [0.1, 0.2, 0.3, 0.4]},
        {"cost": [3.0], "accuracy": [1.0]},
    ]
    found = _joined(histories, (3, 1))
    assert np.reshape(found["cost"], (3, 3)).tolist() == [[8, 6, 3], [8, 5, 3], [8, 4, 3]]
    expected = [[0.5, 0.2, 1.0], [0.5, 0.3, 1.0], [0.5, 0.4, 1.0]]
    assert np.reshape(found["accuracy"], (3, 3)).tolist() == expected
    assert {entry.shape for of in found.values() for entry in of} == {(3, 1)}
    assert _joined([], (3,)) == {}


def test_the_last_entries_of_a_stack_are_those_of_its_thetas():
    # the first network is at its minimum from the start, the others are not
    l2 = np.array([0.05, 0.5, 0.0])
    start = CLASSES.init(seed=1, dtype="float64", stack=(3,))
    start[0] = trained(theta=start[0], l2=0.05, epochs=500).theta
    run = trained(theta=start, l2=l2, epochs=40)
    costs = CLASSES.cost(run.theta, X, LABELS)
    penalties = 0.5 * l2 * np.sum(CLASSES.is_weight(run.theta) * run.theta**2, axis=-1)
    # rounding of sums over 20 cases
    np.testing.assert_allclose(run.history["cost"][-1], costs + penalties, rtol=1e-12)
    assert len(run.history["cost"]) > 3
    assert len({float(cost[0]) for cost in run.history["cost"]}) == 1


def test_scipy_is_given_the_numbers_of_lbfgs(monkeypatch):
    given = []

    def minimize(*args, options, **settings):
        given.append(options)
        return scipy_optimize.minimize(*args, options=options, **settings)

    monkeypatch.setattr("backprop_xp.training.lbfgs._minimize", lambda: minimize)
    trained(optimizer=bp.LBFGS(5, 77, 1e-3, 1e-4, 3), epochs=8)
    trained(optimizer=bp.LBFGS(50), epochs=8)
    expected = {"maxiter": 5, "maxfun": 77, "gtol": 1e-3, "ftol": 1e-4, "maxcor": 3}
    by_default = {"maxiter": 8, "maxfun": 15_000, "gtol": 1e-5, "ftol": 2.22e-9, "maxcor": 10}
    assert given == [expected, by_default]


class PressesCtrlC:
    """A loss during whose fifth evaluation somebody presses Ctrl-C."""

    name = "presses"
    calls = 0

    def __call__(self, a, y):
        PressesCtrlC.calls += 1
        if PressesCtrlC.calls == 5:
            signal.raise_signal(signal.SIGINT)
        return 0.5 * ((a - y) ** 2).sum(axis=-2)

    def dE_da(self, a, y):
        return a - y


def test_ctrl_c_ends_the_minimisation_of_a_stack():
    PressesCtrlC.calls = 0
    net = bp.Network([2, 3, 1], "tanh", "identity", PressesCtrlC())
    rows = np.random.default_rng(0).random((20, 2))
    y = np.sin(5 * rows[:, :1])
    run = bp.train(net, rows, y, stack=6, optimizer="lbfgs", batch_size=None, epochs=50)
    assert run.stopped.startswith("interrupted")
    assert PressesCtrlC.calls < 5 + 10  # one at the start of each network, and an iteration
    assert np.isfinite(run.theta).all()
    assert all(np.shape(cost) == (6,) for cost in run.history["cost"])
