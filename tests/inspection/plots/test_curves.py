"""Learning curves and layers over epochs: their lines, bands, marks and scales."""

from types import SimpleNamespace

import numpy as np
import pytest
from plot_cases import HISTORY, record

import backprop_xp as bp

plots = bp.plots


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def marks(ax):
    """Return the points of the best epoch, and the text of the legend for them."""
    found = [one for one in ax.collections if str(one.get_label()).startswith("best")]
    return [(one.get_offsets().data.tolist(), one.get_label()) for one in found]


def band(of):
    """Return x and the two sides of a band that `fill_between` drew."""
    vertices = of.get_paths()[0].vertices
    x = np.unique(vertices[:, 0])
    sides = [[f(vertices[vertices[:, 0] == at, 1]) for at in x] for f in (np.min, np.max)]
    return x, *sides


def test_a_stack_has_the_band_of_its_middle_half():
    ax = plots.learning_curve(HISTORY)
    for of, name in zip(ax.collections[:2], HISTORY, strict=True):
        x, low, high = band(of)
        np.testing.assert_array_equal(x, np.arange(1, 21))
        np.testing.assert_allclose(low, np.percentile(HISTORY[name], 25, axis=1))
        np.testing.assert_allclose(high, np.percentile(HISTORY[name], 75, axis=1))


def test_a_single_network_has_a_line_and_no_band():
    ax = plots.learning_curve({"cost": [3.0, 2.0]})
    assert len(ax.lines) == 1
    assert not ax.collections


def test_the_best_epoch_has_the_lowest_validation_cost():
    history = {"cost": [3.0, 2.0, 1.0], "validation_cost": [3.0, 2.5, 2.7]}
    assert marks(plots.learning_curve(history)) == [([[2.0, 2.5]], "best, epoch 2")]


def test_the_best_epoch_has_the_highest_accuracy():
    history = {"accuracy": [0.5, 0.9, 1.0], "validation_accuracy": [0.5, 0.75, 0.75]}
    assert marks(plots.learning_curve(history, name="accuracy")) == [
        ([[2.0, 0.75]], "best, epoch 2")
    ]


def test_the_best_epoch_of_a_stack_is_that_of_the_median():
    (point, label), *none = marks(plots.learning_curve(HISTORY))
    medians = np.median(HISTORY["validation_cost"], axis=1)
    assert point[0] == [pytest.approx(np.argmin(medians) + 1), pytest.approx(medians.min())]
    assert label == f"best, epoch {np.argmin(medians) + 1}"
    assert not none


def test_without_validation_no_epoch_is_marked():
    assert not marks(plots.learning_curve({"cost": [3.0, 2.0, 2.5]}))


@pytest.mark.parametrize("validated", [False, True])
def test_the_epoch_of_a_theta_that_early_stopping_restored_is_marked(validated):
    net, (X, Y) = (
        bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy"),
        bp.datasets.xor(),
    )
    stop = bp.EarlyStopping("cost", patience=3, min_delta=1.0)
    run = bp.train(net, X, Y, callbacks=[stop], validation=(X, Y) if validated else None)
    assert (int(run.epoch), len(run.history["cost"])) == (1, 4)
    name = "validation_cost" if validated else "cost"
    (point, label), *none = marks(plots.learning_curve(run))
    assert point == [[1.0, run.history[name][0]]]
    assert label == "best, epoch 1"
    assert not none
    assert marks(run.plot().axes[0]) == marks(plots.learning_curve(run))


def test_entries_of_a_callback():
    ax = plots.learning_curve({"cost": [1], "norm": [1.0, 20.0]}, name="norm", label="‖θ‖")
    assert ax.lines[0].get_ydata().tolist() == [1, 20]
    assert (ax.get_ylabel(), ax.get_yscale()) == ("‖θ‖", "log")


def test_curves_of_one_epoch_are_points():
    (line,) = plots.learning_curve({"cost": [1.0]}).lines
    assert line.get_marker() == "o"


def test_norms_of_each_layer():
    of = record()
    for quantity, norms in (("delta", of.delta_norms), ("dE_dW", of.gradient_norms)):
        ax = plots.layer_norms(of, quantity=quantity)
        assert [line.get_label() for line in ax.lines] == ["layer 1", "layer 2", "layer 3"]
        for line, expected in zip(ax.lines, norms.T, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), of.epochs)
            np.testing.assert_array_equal(line.get_ydata(), expected)
        assert ax.get_yscale() == "log"
    assert "∂E/∂W" in ax.get_ylabel()


def test_norms_of_a_stack_have_bands():
    norms = np.arange(1.0, 31).reshape(5, 2, 3)
    of = SimpleNamespace(epochs=np.arange(5), delta_norms=norms)
    ax = plots.layer_norms(of)
    medians = [line for line in ax.lines if str(line.get_label()).startswith("layer")]
    for layer, line in enumerate(medians):
        np.testing.assert_array_equal(line.get_ydata(), np.median(norms[:, layer], axis=-1))
    assert len(ax.collections) == 2


def test_norms_of_zero_have_a_linear_axis():
    of = SimpleNamespace(epochs=np.arange(2), delta_norms=np.zeros((2, 1)))
    assert plots.layer_norms(of).get_yscale() == "linear"


def test_a_histogram_is_a_column_for_each_epoch():
    of = record()
    ax = plots.activation_histogram(of, 1)
    (image,) = ax.images
    shares = image.get_array()
    assert shares.shape == (10, 21)
    np.testing.assert_allclose(shares.sum(axis=0), 100)
    low, high = of.edges.min(), of.edges.max()
    np.testing.assert_allclose(image.get_extent(), (-0.5, 20.5, low, high))
    # the last epoch has the widest bins, on which all are drawn
    np.testing.assert_allclose(shares[:, -1], 100 * of.counts[-1, 0] / of.counts[-1, 0].sum())
    assert ax.get_ylabel() == "activation a of layer 1"


def test_a_histogram_keeps_the_mass_of_narrower_bins_where_it_is():
    edges = np.array([np.linspace(0, 1, 3), np.linspace(0.5, 1, 3)])[:, None]
    counts = np.array([[1, 1], [3, 1]])[:, None]
    of = SimpleNamespace(epochs=np.arange(2), edges=edges, counts=counts)
    shares = plots.activation_histogram(of, 1).images[0].get_array()
    np.testing.assert_allclose(shares, [[50, 0], [50, 100]])
