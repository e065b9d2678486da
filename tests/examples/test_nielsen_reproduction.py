"""Nielsen's networks: short versions of the experiments, on a small stand-in for MNIST."""

import io
from dataclasses import replace

import nielsen_mnist as nielsen
import numpy as np
import pytest
from small_mnist import small_mnist

import backprop_xp as bp


@pytest.fixture
def sets(monkeypatch):
    monkeypatch.setattr(nielsen, "TRAINING", 1200)
    monkeypatch.setattr(bp.datasets, "mnist", small_mnist)
    return nielsen.split(None)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# -------------------------------------------------------------------------------------------------
# accuracies


def test_the_split_of_the_book(sets):
    assert [len(sets[name].X) for name in ("training", "validation", "test")] == [1200, 300, 297]
    train, test = small_mnist()
    np.testing.assert_array_equal(sets["training"].X, train.X[:1200])
    np.testing.assert_array_equal(sets["validation"].Y, train.Y[1200:])
    np.testing.assert_array_equal(sets["test"].X, test.X)


@pytest.mark.parametrize("row", [nielsen.ROWS[0], nielsen.ROWS[4], nielsen.ROWS[6]])
def test_one_update_is_that_of_the_book(row, sets):
    # w ← (1 − η λ/n) w − η/m Σ_x ∂C_x/∂w, b ← b − η/m Σ_x ∂C_x/∂b, worked out here for 10 images,
    # which are one mini-batch; the quadratic cost has σ′(z) in δ^L, the cross-entropy has not
    row = replace(row, epochs=1, images=10)
    (W1, b1), (W2, b2) = bp.Network(row.sizes).unpack(
        bp.Network(row.sizes).init(seed=0, initializer=row.weights, stack=3, dtype="float64")
    )
    X, y = sets["training"].X[:10], np.eye(10)[sets["training"].Y[:10]].T
    a1 = sigmoid(W1 @ X.T + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    delta2 = (a2 - y) * (a2 * (1 - a2) if row.loss == "squared_error" else 1)
    delta1 = (W2.mT @ delta2) * a1 * (1 - a1)
    eta, shrunk = row.rate / 10, 1 - row.rate * row.decay / 10
    expected = [
        (shrunk * W1 - eta * delta1 @ X, b1 - eta * delta1.sum(axis=-1, keepdims=True)),
        (shrunk * W2 - eta * delta2 @ a1.mT, b2 - eta * delta2.sum(axis=-1, keepdims=True)),
    ]
    run = nielsen.learn(row, sets)
    for layer, (W, b) in zip(run.network.unpack(run.theta), expected, strict=True):
        np.testing.assert_allclose(layer.W, W, rtol=0, atol=2e-5)  # sums of 784 terms in float32
        np.testing.assert_allclose(layer.b, b, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("number", "least"),
    [(0, 85), (3, 85), (6, 92)],  # some points below what was found: 89 to 95
)
def test_each_start_learns_the_digits(number, least, sets):
    row = replace(nielsen.ROWS[number], epochs=20)
    run = nielsen.learn(row, sets)
    found = nielsen.accuracy(run)
    assert run.theta.shape[0] == len(found.best_epoch) == nielsen.SEEDS
    assert found.best_epoch.min() > least
    assert np.all(found.best_epoch >= found.last_epoch)
    X, Y = sets[row.measured_on]
    right = bp.predict(run.network, run.theta, X).argmax(axis=-1) == Y
    np.testing.assert_allclose(found.last_epoch, 100 * right.mean(axis=-1))


def test_the_table_and_the_judgement():
    rows = nielsen.ROWS[1:3]  # the best of three runs, and a single one
    best = nielsen.Accuracy(np.array([86.0, 96.2, 77.0]), np.array([85.0, 95.0, 75.0]))
    far = nielsen.Accuracy(np.array([96.0, 96.2, 96.4]), np.array([96.0, 96.0, 96.0]))
    assert nielsen.difference(rows[0], best) == pytest.approx(-0.39)
    assert nielsen.difference(rows[1], far) == pytest.approx(0.71)  # too good is as far off
    text = nielsen.judgement(rows, [best, far])
    assert text.startswith("1 of 2 rows")
    assert "Not within: 784-30-10, cross-entropy, large, λ = 0 (+0.71)." in text
    assert "Not within" not in nielsen.judgement(rows[:1], [best])
    assert "Not within" in nielsen.judgement(rows[:1], [far._replace(best_epoch=far[0] + np.nan)])
    cells = [row[5:] for row in nielsen.accuracy_table(rows, [best, far]).rows]
    assert cells[0][:2] == ["96.59", "96.20"]
    assert cells[0][-1] == "-0.39 (best)"
    assert cells[1] == ["95.49", "96.40", "96.20 ± 0.20", "96.00 ± 0.00", "+0.71"]


def test_an_output_that_stays_near_0(sets):
    # with the quadratic cost an output unit whose bias starts at −20 never learns its digit;
    # with the cross-entropy it does
    rows, runs = [], []
    for row in (nielsen.ROWS[0], nielsen.ROWS[2]):
        net = bp.Network(row.sizes, output="sigmoid", loss=row.loss)
        theta = net.init(seed=0, initializer=row.weights, stack=2)
        net.unpack(theta)[1].b[0, 7] = -20
        rows.append(row)
        runs.append(
            bp.train(net, *sets["training"], theta, optimizer=bp.SGD(row.rate), batch_size=10)
        )
    quadratic, entropy = (nielsen.stuck_outputs(run, sets["test"]) for run in runs)
    assert quadratic[0] >= 1
    assert entropy.tolist() == [0, 0]
    note = nielsen.saturation_note(rows, runs, sets["test"])
    assert f"{np.count_nonzero(quadratic)} of 2 with the quadratic cost and 0 of 2 with" in note


def test_over_fitting(sets):
    # 300 images of 1,200, and a large penalty for the other: both costs as in the book's chapter 3
    few = dict(sets, training=tuple(part[:300] for part in sets["training"]))
    row = replace(nielsen.ROWS[7], epochs=60, images=300)
    free, held = nielsen.learn(row, few), nielsen.learn(replace(row, decay=0.3), few)
    costs = np.mean(free.history["validation_cost"], axis=-1)
    assert np.argmin(costs) < 40
    assert costs[-1] > costs.min() * 1.02
    assert np.mean(free.history["cost"][-1]) < 0.05
    assert np.mean(held.history["validation_cost"][-1]) < costs.min()
    assert nielsen.accuracy(held).last_epoch.mean() > nielsen.accuracy(free).last_epoch.mean()
    assert f"after epoch {np.argmin(costs) + 1}," in nielsen.overfitting_note(free)


# -------------------------------------------------------------------------------------------------
# slow learning


def test_the_published_outputs_of_the_neuron():
    found = [nielsen.neuron_outputs(neuron) for neuron in nielsen.NEURONS]
    assert nielsen.same_outputs(found)
    (quadratic, slopes), _, (entropy, entropy_slopes) = found
    np.testing.assert_allclose(quadratic[0], sigmoid(np.array([1.5, 4.0])), rtol=1e-14)
    a = quadratic[0]
    np.testing.assert_allclose(slopes, a * a * (1 - a), rtol=1e-13)
    np.testing.assert_allclose(entropy_slopes, a, rtol=1e-13)
    # the same recursion by hand: w and b take the same steps, so z takes twice as long ones
    z = np.array([1.5, 4.0])
    for by_epoch in entropy:
        np.testing.assert_allclose(by_epoch, sigmoid(z), rtol=1e-12)
        z = z - 2 * 0.15 * sigmoid(z)
    found[0][0][-1, 1] += 0.01
    assert not nielsen.same_outputs(found)


def test_the_slowdown():
    """The start that is more wrong waits with the quadratic cost, and not with the other."""
    slow, _ = nielsen.neuron_outputs(nielsen.NEURONS[0])
    quick, _ = nielsen.neuron_outputs(nielsen.NEURONS[2])
    until = [np.argmax(outputs < 0.5, axis=0) for outputs in (slow, quick)]
    assert until[0][1] > 5 * until[0][0]
    assert until[1][1] < 3 * until[1][0] < until[0][1]


def test_norms_are_of_the_mean_error(sets):
    X, Y = (part[:50] for part in sets["training"])
    sizes = (784, 30, 20, 10)
    found = nielsen.error_norms(sizes, X, Y, starts=2)
    net = bp.Network(sizes)
    layers = net.unpack(net.init(seed=0, initializer="nielsen", stack=2, dtype="float64"))
    a = [X.T]
    for layer in layers:
        a.append(sigmoid(layer.W @ a[-1] + layer.b))
    delta3 = a[3] - np.eye(10)[Y].T
    delta2 = (layers[2].W.mT @ delta3) * a[2] * (1 - a[2])
    delta1 = (layers[1].W.mT @ delta2) * a[1] * (1 - a[1])
    expected = [np.linalg.norm(delta.mean(axis=-1), axis=-1) for delta in (delta1, delta2)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)  # float32


def test_the_first_layers_learn_least(sets):
    X, Y = (part[:300] for part in sets["training"])
    for sizes, published in nielsen.DEEP.items():
        found = nielsen.error_norms(sizes, X, Y, starts=20)
        assert found.shape == (len(published), 20)
        assert np.all(np.diff(found, axis=0) > 0)
        ratio = np.median(found, axis=1) / published
        assert np.all((ratio > 0.5) & (ratio < 2))  # other images than the book's


# -------------------------------------------------------------------------------------------------
# the report


@pytest.mark.usefixtures("sets")
def test_the_report(monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    few = [
        replace(row, epochs=30, images=min(row.images, 100))
        for row in (nielsen.ROWS[0], *nielsen.ROWS[7:])
    ]
    monkeypatch.setattr(nielsen, "ROWS", few)
    monkeypatch.setattr(nielsen, "FEW_IMAGES", 100)
    report = nielsen.report(quick=True, mnist=None)
    assert [len(table.rows) for table in report.tables] == [3, 6, 9]
    assert "not comparable" in report.notes[0]
    assert "yes" in report.notes[3]
    text = report.text() + report.markdown("today")
    assert "nan" not in text
    assert len(report.pictures) == 3
    for name, figure in report.pictures.items():
        assert name.startswith("nielsen_")
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=160)
        assert picture.tell() < 150_000
