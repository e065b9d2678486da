"""A whole fit of an ensemble equals the same fit written out: training, best epochs, selection.

Each network is trained alone, on the rows outside its fold, by AdamW in four lines. A batch is all
rows, so that the order of the rows does not matter.
"""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

import backprop_xp as bp
from backprop_xp.estimators import ensemble_training

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
        return of_stack(net, X, Y, theta, **options)

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
    sizes = zip(net.sizes, net.sizes[1:], strict=False)
    is_weight = np.concatenate([np.repeat([1.0, 0.0], [n * k, k]) for n, k in sizes])
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
            found.append((np.mean(losses), np.mean(best[c::each] + 1)))
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
