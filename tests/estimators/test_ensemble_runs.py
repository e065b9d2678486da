"""A whole fit of an ensemble equals the same fit written out: training, best epochs, selection.

Each network is trained alone, on the rows outside its fold, by AdamW in four lines. A batch is all
rows, so that the order of the rows does not matter.
"""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

import backprop_xp as bp
from backprop_xp.estimators import ensemble_training
from backprop_xp.estimators.encoded_rows import EncodedRows
from backprop_xp.estimators.ensemble_best_epochs import HeldOut
from backprop_xp.estimators.ensemble_members import selected
from backprop_xp.estimators.ensemble_networks import Architecture, network_for, start_of
from backprop_xp.estimators.ensemble_targets import Targets
from backprop_xp.estimators.ensemble_training import (
    Cases,
    Plan,
    Trained,
    Training,
    started,
    trained,
)
from backprop_xp.preprocessing.scaling import Standardisation
from backprop_xp.preprocessing.table import Table

M, EPOCHS = 60, 25
CHOSEN = {
    "hidden_layer_sizes": (6,),
    "embedding_sizes": (4, 2),
    "learning_rate": ((1e-2, 4e-2), (1e-2, 6e-2)),
    "dropout": (0.0, 0.0),
    "bins": 4,
    "epochs": EPOCHS,
    "batch_size": M,
    "folds": 3,
    "most_members": 7,
    "random_state": 0,
    "dtype": "float64",
}
TASKS = ["numbers", "two classes", "three classes"]


def table(task, seed=0):
    rng = np.random.default_rng(seed)
    X = np.stack([rng.normal(size=M), rng.choice([0.0, 1.0, 2.0], M)], axis=1)
    number = X[:, 0] + np.abs(X[:, 1] - 1) + rng.normal(size=M)
    classes = {"two classes": [0.5], "three classes": [0.0, 1.5]}
    return X, np.digitize(number, classes[task]) if task in classes else 10 + 3 * number


def spied(monkeypatch):
    """Return a list to which each training of a stack adds its network, arrays and θ."""
    calls = []

    def train(net, X, Y, theta, **options):
        calls.append((net, np.array(X), np.array(theta), options))
        run = of_stack(net, X, Y, theta, **options)
        options["epochs of the run"] = len(run.history["cost"])
        return run

    of_stack = ensemble_training.train
    monkeypatch.setattr(ensemble_training, "train", train)
    return calls


def loss_of(a, y, w):
    """Return the mean loss of weighted rows: log loss of labels, or squared error."""
    if y.ndim == 1:
        p = a if a.shape[1] > 1 else np.concatenate([1 - a, a], axis=1)
        each = -np.log(p[np.arange(len(y)), y])
    else:
        each = np.mean((a - y) ** 2, axis=1)
    return float(np.sum(each * w) / np.sum(w))


def alone(net, theta, rows, held, rate, decay):
    """Return the loss on held-out rows, θ and the outputs of a network after each epoch."""
    X, Y, w = rows
    is_weight = np.repeat(np.tile([1.0, 0.0], len(net.sizes) - 1), net.piece_lengths)
    m, v, found = np.zeros_like(theta), np.zeros_like(theta), []
    for t in range(EPOCHS):
        eta = rate * (0.01 + 0.99 * (1 + np.cos(np.pi * t / EPOCHS)) / 2)
        _, g = net.gradient(theta, X, Y, case_weights=w / w.sum())
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9 ** (t + 1)) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        theta = theta * (1 - eta * decay * is_weight) - eta * step
        outputs = net.forward(theta, held[0])
        found.append((loss_of(outputs, *held[1:]), theta, outputs))
    return found


def best_epochs(runs, patience):
    """Return the best epoch of each network, from 0, up to the end that patience sets for all."""
    curves, best = np.array([[loss for loss, *_ in run] for run in runs]), np.zeros(len(runs), int)
    for epoch in range(EPOCHS):
        best = np.argmin(curves[:, : epoch + 1], axis=1)
        if epoch - best.max() >= patience:
            break
    return best


def selection(outputs, y, w, most):
    """Return the shares of Caruana's greedy selection with replacement, and the ensemble's loss."""
    picks, best = [], (np.inf, None)
    for _ in range(most):
        tried = [np.mean([outputs[k] for k in [*picks, c]], axis=0) for c in range(len(outputs))]
        losses = [loss_of(one, y, w) for one in tried]
        picks.append(int(np.argmin(losses)))
        if min(losses) < best[0]:
            best = min(losses), np.bincount(picks, minlength=len(outputs)) / len(picks)
    return best[1], best[0]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("by", "weighted", "patience"),
    [("folds", False, 20), ("folds", True, 2), ("eval_set", False, 2), ("eval_set", True, 20)],
)
def test_a_fit_is_the_fit_written_out(task, by, weighted, patience, monkeypatch):
    X, y = table(task)
    classes, calls = task != TASKS[0], spied(monkeypatch)
    w = np.random.default_rng(2).uniform(0.5, 2, M) if weighted else np.ones(M)
    kind = bp.MLPEnsembleClassifier if classes else bp.MLPEnsembleRegressor
    model = kind(5, patience=patience, **CHOSEN)
    class_weight = {0: 0.5, 1: 3.0, 2: 1.0} if classes and weighted else None
    if class_weight:
        model.set_params(class_weight={one: class_weight[one] for one in set(y.tolist())})
    model.fit(X, y, w, eval_set=(X[:20], y[:20]) if by == "eval_set" else None)

    mean, spread = (0.0, 1.0) if classes else (y.mean(), y.std())
    targets = y if classes else ((y - mean) / spread)[:, None]
    in_training = w * [class_weight[one] for one in y.tolist()] if class_weight else w
    held_w = np.ones(M) if by == "eval_set" else w
    found, outputs, whole = [], [], []
    for (net, inputs, thetas, options), size in zip(calls, CHOSEN["embedding_sizes"], strict=True):
        plans = [one for one in model.candidates_ if one["embedding_size"] == size]
        each, held, runs = len(plans), [np.arange(20)], []
        if by == "folds":
            held = [np.flatnonzero(one == 0) for one in options["case_weights"][::each]]
            assert sorted(np.concatenate(held)) == list(range(M))
        for k, theta in enumerate(thetas):
            out, plan = held[k // each], plans[k % each]
            rows = np.setdiff1d(np.arange(M), out) if by == "folds" else np.arange(M)
            given, others = (
                (inputs[at], targets[at], weights[at])
                for at, weights in ((rows, in_training), (out, held_w))
            )
            rates = plan["learning_rate"], plan["weight_decay"]
            runs.append(alone(net, theta, given, others, *rates))
        best = best_epochs(runs, patience)
        for c in range(each):
            mine = [runs[k][best[k]] for k in range(c, len(runs), each)]
            losses, after, on_held = zip(*mine, strict=True)
            found.append((np.mean(losses) * spread**2, np.mean(best[c::each] + 1)))
            outputs.append(np.concatenate(on_held))
            whole.append(np.mean([net.forward(one, inputs) for one in after], axis=0))
    rows = np.concatenate(held)
    shares, loss = selection(outputs, targets[rows], held_w[rows], CHOSEN["most_members"])
    told = [(one["score"], one["epoch"]) for one in model.candidates_]
    np.testing.assert_allclose(told, found, rtol=1e-9)
    np.testing.assert_allclose([one["weight"] for one in model.candidates_], shares, rtol=1e-12)
    assert model.validation_loss_ == pytest.approx(loss * spread**2, rel=1e-9)
    expected = np.tensordot(shares, whole, axes=1)
    if not classes:
        np.testing.assert_allclose(model.predict(X), expected[:, 0] * spread + mean, rtol=1e-9)
    elif expected.shape[1] == 1:
        np.testing.assert_allclose(model.predict_proba(X)[:, 1:], expected, rtol=1e-9)
    else:
        np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)


@pytest.mark.parametrize("by_folds", [False, True])
def test_each_network_has_the_dropout_of_its_candidate(by_folds, monkeypatch):
    X, y = table(TASKS[0])
    calls, folds = spied(monkeypatch), 3 if by_folds else 1
    chosen = {**CHOSEN, "dropout": ((0.0, 0.0), (0.1, 0.6)), "small_table": by_folds * 1000}
    model = bp.MLPEnsembleRegressor(5, **chosen).fit(X, y)
    told = [one["dropout"] for one in model.candidates_]
    assert (told[:3], len(set(told[3:]))) == ([0.0] * 3, 2)
    assert calls[0][-1]["dropout"] == 0
    np.testing.assert_array_equal(calls[1][-1]["dropout"], np.tile(told[3:], folds))


def test_each_stack_and_each_random_state_has_a_seed_of_its_own(monkeypatch):
    calls = spied(monkeypatch)
    for seed in (0, 1):
        bp.MLPEnsembleRegressor(2, **{**CHOSEN, "random_state": seed}).fit(*table(TASKS[0]))
    assert len({options["seed"] for *_, options in calls}) == 4


@pytest.mark.parametrize("patience", [1, 4])
def test_training_ends_after_patience_epochs_without_a_lower_loss(patience, monkeypatch):
    calls = spied(monkeypatch)
    still = {**CHOSEN, "learning_rate": (0, 0), "weight_decay": (0, 0)}
    model = bp.MLPEnsembleRegressor(2, patience=patience, **still).fit(*table(TASKS[0]))
    assert [options["epochs of the run"] for *_, options in calls] == [1 + patience] * 2
    assert [one["epoch"] for one in model.candidates_] == [1, 1]


@pytest.mark.parametrize("by_folds", [False, True])
def test_networks_beside_one_that_diverges_are_as_without_it(by_folds, monkeypatch):
    calls, (X, y), folds = spied(monkeypatch), table(TASKS[0]), 2 if by_folds else 1
    step = Standardisation(X.mean(axis=0), X.std(axis=0))
    out = [np.arange(20), np.arange(20, M)][:folds]
    w = np.ones((folds, M))
    for fold, held in zip(w, out, strict=True):
        fold[held] = 0
    rows = EncodedRows(Table((X,)), step)
    cases = Cases(rows, y[:, None] / 10, w if by_folds else None, 0, np.arange(2))
    held = [
        HeldOut(EncodedRows(Table((X[at],)), step), y[at, None] / 10, w[0, at] + 1) for at in out
    ]
    training = Training(6, 16, 5, bp.select_device("cpu"), "float64")
    rates, decays, drops = np.array([1e-2, 1e200, 3e-2]), np.array([0.1, 0.0, 0.4]), np.zeros(3)
    plan = Plan(4, (5,), rates, decays, drops)
    start = started(plan, cases, folds, "float64", np.random.RandomState(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        beside = trained(start, cases, held, training)
    kept = np.array([0, 2])
    theta = start.theta.reshape(folds, 3, -1)[:, kept].reshape(2 * folds, -1)
    others = Plan(4, (5,), rates[kept], decays[kept], drops[kept])
    without = trained(start._replace(plan=others, theta=theta), cases, held, training)
    for name in ("scores", "epochs", "theta"):
        found, expected = (getattr(one, name) for one in (beside, without))
        found = found.reshape(folds, 3, -1)[:, kept].reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(calls) > 2


def test_a_candidate_that_diverges_in_one_fold_is_not_selected():
    y = np.array([[0.0], [1.0]])
    held = [HeldOut(None, one[None], np.ones(1)) for one in y]
    outputs = [np.stack([one - 0.5, one])[:, None] for one in y]
    plan = Plan(4, (5,), np.full(2, 0.1), np.zeros(2), np.zeros(2))
    stack = Trained(plan, None, None, np.array([0.25, 0.0, 0.25, np.inf]), np.ones(4), outputs)
    shares = selected([stack], held, Targets.of_numbers(y, y[:, 0] >= 0), most=4).shares
    np.testing.assert_array_equal(shares, [[1.0, 0.0]])


def test_the_start_of_a_feature_of_many_columns_has_outputs_of_its_inputs_size():
    features = np.repeat([0, 1], [3, 400])
    architecture = Architecture.of(network_for(features, 8, [16], 1, 0))
    theta = start_of(architecture, features, 50, "float64", np.random.RandomState(0))
    (W, b), *above = architecture.network.unpack(architecture.trained(theta))
    scales, codes = W[:, :3, :3], W[:, 3:, 3:]
    np.testing.assert_array_equal(scales, np.broadcast_to(np.eye(3), scales.shape))
    assert np.std(codes) == pytest.approx(1 / 20, rel=0.01)
    assert not b.any()
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    by_he = architecture.network.init(seed, "he", dtype="float64", stack=50)
    for layer, expected in zip(above, architecture.network.unpack(by_he)[1:], strict=True):
        np.testing.assert_array_equal(layer.W, expected.W)
        assert not layer.b.any()
