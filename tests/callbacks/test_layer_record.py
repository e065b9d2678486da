"""The record of the layers: its numbers are those of a trace, resumed runs go on with it."""

import numpy as np
import pytest
from libraries import Library

import backprop_xp as bp
from backprop_xp.callbacks import LayerRecord

_rng = np.random.default_rng(0)
X, Y = _rng.normal(size=(12, 3)), _rng.integers(0, 2, 12)
MASK = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 0]])
NET = bp.Network([3, 4, 2], hidden="tanh", connections=[MASK, None])


class Thetas:
    """Keeps θ before the first epoch and after each epoch."""

    def __init__(self):
        self.all = []

    def on_train_start(self, progress):
        self.all.append(progress.theta)

    def on_epoch_end(self, progress):
        self.all.append(progress.theta)


def train(record, **options):
    chosen = {"epochs": 4, "batch_size": 5, "dropout": 0.2, "dtype": "float64", **options}
    return bp.train(NET, X, Y, callbacks=[record, *chosen.pop("callbacks", [])], **chosen)


def expected(theta):
    """Return ‖δ^l‖ by the mean of the cases, ‖∂E/∂W^l‖, and a^l of each layer."""
    found = bp.trace(NET, theta, X, Y)
    ones = bp.trace(NET, theta, X, Y, case_weights=np.ones(12))
    return (
        [np.linalg.norm(layer.delta, axis=0).mean() for layer in ones.layers],
        [np.linalg.norm(layer.dE_dW) for layer in found.layers],
        [layer.a for layer in found.layers],
    )


def test_its_numbers_are_those_of_a_trace():
    record, thetas = LayerRecord(X, Y, bins=7), Thetas()
    train(record, callbacks=[thetas])
    assert record.epochs.tolist() == [0, 1, 2, 3, 4]
    for at, theta in enumerate(thetas.all):
        deltas, gradients, activations = expected(theta)
        np.testing.assert_allclose(record.delta_norms[at], deltas)
        np.testing.assert_allclose(record.gradient_norms[at], gradients)
        for layer, a in enumerate(activations):
            counts, edges = np.histogram(a, 7)
            np.testing.assert_array_equal(record.counts[at, layer], counts)
            np.testing.assert_allclose(record.edges[at, layer], edges)


def test_a_stack_has_the_norms_of_each_network():
    record, thetas = LayerRecord(X, Y), Thetas()
    train(record, callbacks=[thetas], stack=(2, 3))
    assert record.delta_norms.shape == record.gradient_norms.shape == (5, 2, 2, 3)
    assert record.counts.shape == (5, 2, 40)
    assert record.counts[0].sum(axis=-1).tolist() == [6 * 12 * 4, 6 * 12 * 2]
    for place in np.ndindex(2, 3):
        deltas, gradients, _ = expected(thetas.all[-1][place])
        np.testing.assert_allclose(record.delta_norms[-1][:, *place], deltas)
        np.testing.assert_allclose(record.gradient_norms[-1][:, *place], gradients)


def test_it_changes_nothing_of_the_run():
    with_record, alone = train(LayerRecord(X, Y)), train(Thetas())
    np.testing.assert_array_equal(with_record.theta, alone.theta)
    assert with_record.history == alone.history


def test_targets_of_numbers():
    net = bp.Network([3, 1], output="identity", loss="squared_error")
    record = LayerRecord(X.tolist(), X[:, 0].tolist())
    bp.train(net, X, X[:, :1], epochs=2, callbacks=[record])
    assert record.delta_norms.shape == (3, 1)


def test_arrays_of_every_library(xp: Library):
    record, on_numpy = LayerRecord(xp.array(X), xp.array(Y)), LayerRecord(X, Y)
    train(on_numpy, dtype="float32")
    x, y = xp.array(X, "float32"), xp.array(Y)
    bp.train(NET, x, y, epochs=4, batch_size=5, dropout=0.2, callbacks=[record])
    np.testing.assert_allclose(record.delta_norms, on_numpy.delta_norms, rtol=1e-3)
    np.testing.assert_allclose(record.gradient_norms, on_numpy.gradient_norms, rtol=1e-3)
    np.testing.assert_allclose(record.edges, on_numpy.edges, rtol=1e-3, atol=1e-5)
    assert record.counts.sum() == on_numpy.counts.sum()


def test_a_resumed_run_goes_on_with_the_record(tmp_path):
    whole, first, second = (LayerRecord(X, Y) for _ in range(3))
    train(whole)
    train(first, callbacks=[bp.Checkpoint(tmp_path)], epochs=2)
    train(second, resume=tmp_path)
    for name in ("epochs", "delta_norms", "gradient_norms", "edges", "counts"):
        np.testing.assert_array_equal(getattr(second, name), getattr(whole, name))


def test_a_record_that_no_checkpoint_has_begins_where_the_run_resumes(tmp_path):
    train(Thetas(), callbacks=[bp.Checkpoint(tmp_path)], epochs=2)
    record = LayerRecord(X, Y)
    train(record, resume=tmp_path)
    assert record.epochs.tolist() == [2, 3, 4]


def test_another_run_forgets_the_earlier_one():
    record = LayerRecord(X, Y)
    train(record)
    train(record, epochs=1)
    assert record.epochs.tolist() == [0, 1]


def test_an_empty_memory_is_restored():
    record = LayerRecord(X, Y)
    record.restore(LayerRecord(X, Y).state())
    assert record.epochs.tolist() == []


@pytest.mark.parametrize("state", [{"epochs": 3}, {"epochs": [1]}, {"other": 1}])
def test_a_memory_of_another_callback_is_refused(state):
    with pytest.raises((KeyError, TypeError, ValueError)):
        LayerRecord(X, Y).restore(state)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LayerRecord(X, Y, bins=0), "LayerRecord(bins): got 0"),
        (lambda: LayerRecord([["a"]], Y), "LayerRecord(X)"),
        (lambda: LayerRecord(X[:, :2], Y), "LayerRecord(X): got shape (12, 2)"),
        (lambda: LayerRecord(X, Y[:5]), "LayerRecord"),
        (lambda: LayerRecord(X, Y + 1), "LayerRecord(Y)"),
        (lambda: LayerRecord(X[:0], Y[:0]), "LayerRecord(X): got no cases"),
        (lambda: LayerRecord(np.where(X > 1, np.nan, X), Y), "LayerRecord(X): got nan"),
        (lambda: LayerRecord(X, Y, nbins=3), "LayerRecord(nbins)"),
    ],
)
def test_bad_cases_are_refused_before_training(make, words):
    seen = Thetas()
    with pytest.raises(bp.BackpropError) as caught:
        train(make(), callbacks=[seen])
    assert words in str(caught.value)
    assert len(seen.all) <= 1


def test_infinite_activations_do_not_count():
    net = bp.Network([1, 1], output="exp", loss="poisson")
    record = LayerRecord([[1e6], [0.0]], [1.0, 1.0])
    bp.train(net, [[0.0]], [1.0], theta=np.array([1.0, 0.0]), epochs=1, callbacks=[record])
    assert record.counts.sum(axis=-1).tolist() == [[1], [1]]
