"""Weights, classes, regions, surfaces and scores: the drawn arrays, limits and labels."""

import numpy as np
import pytest
from libraries import Library
from needs import needs
from plot_cases import BINARY, BINARY_THETA, LABELS, NET, THETA, X

import backprop_xp as bp
from backprop_xp.inspection.plots.surface import random_directions

plots = bp.plots


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def squares(ax):
    """Return (centre x, centre y, area, colour) of the squares of a Hinton diagram."""
    found = []
    for of in ax.collections:
        colour = "blue" if of.get_facecolor()[0][2] > 0.5 else "orange"
        for path in of.get_paths():
            corners = path.vertices[:4]
            side = np.ptp(corners, axis=0)
            assert side[0] == pytest.approx(side[1])
            found.append((*corners.mean(axis=0), side[0] ** 2, colour))
    return found


def test_squares_have_the_area_and_the_place_of_their_weights():
    W = np.array([[1.0, -4.0, 0.0], [np.nan, 2.0, -0.5]])
    ax = plots.hinton(W)
    found = {(round(y), round(x)): (area, colour) for x, y, area, colour in squares(ax)}
    assert set(found) == {(0, 0), (0, 1), (1, 1), (1, 2)}
    for place, (area, colour) in found.items():
        assert area == pytest.approx(0.92**2 * abs(W[place]) / 4)
        assert colour == ("blue" if W[place] > 0 else "orange")
    assert ax.get_xlim() == (-0.5, 2.5)
    assert ax.get_ylim() == (1.5, -0.5)  # the first row on top


def test_a_hinton_diagram_has_names_and_numbers():
    ax = plots.hinton([[1.0, -2.0]], to_units=["out"], from_units=["a", "b"], numbers=True)
    assert [text.get_text() for text in ax.texts] == ["1.00", "−2.00"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["out"]


def test_weights_of_zero_are_no_squares():
    assert squares(plots.hinton(np.zeros((2, 2)))) == []


def test_images_of_the_first_layer():
    W = np.arange(1.0, 19).reshape(3, 6)
    ax = plots.weight_images(W, (2, 3), columns=2)
    (image,) = ax.images
    drawn = image.get_array().filled(np.nan)
    assert drawn.shape == (5, 7)
    np.testing.assert_array_equal(drawn[:2, :3], W[0].reshape(2, 3))
    np.testing.assert_array_equal(drawn[:2, 4:], W[1].reshape(2, 3))
    np.testing.assert_array_equal(drawn[3:, :3], W[2].reshape(2, 3))
    assert np.isnan(drawn[2]).all()
    assert np.isnan(drawn[:, 3]).all()
    assert np.isnan(drawn[3:, 4:]).all()
    assert image.get_clim() == (-18, 18)


def test_only_the_first_images_are_shown():
    ax = plots.weight_images(np.ones((9, 4)), (2, 2), most=4)
    assert ax.images[0].get_array().shape == (5, 5)
    assert "units 0 to 3" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("Y", "predicted"),
    [
        ([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 0, 2]),
        (np.eye(3)[[0, 0, 1, 2, 2, 2]], np.eye(3)[[0, 1, 1, 2, 0, 2]] * 0.5 + 0.1),
    ],
)
def test_the_confusion_matrix_is_that_of_scikit_learn(Y, predicted):
    metrics = needs("sklearn.metrics")
    ax = plots.confusion_matrix(Y, predicted)
    labels = [np.asarray(of) if np.ndim(of) == 1 else np.argmax(of, 1) for of in (Y, predicted)]
    expected = metrics.confusion_matrix(*labels)
    counts = np.array([int(text.get_text()) for text in ax.texts]).reshape(3, 3)
    np.testing.assert_array_equal(counts, expected)
    shares = 100 * expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ax.images[0].get_array(), shares)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "2"]


def test_a_single_output_is_class_1_from_one_half_on():
    ax = plots.confusion_matrix([0, 1, 1], [[0.2], [0.5], [0.4]], classes=["no", "yes"])
    assert [text.get_text() for text in ax.texts] == ["1", "0", "1", "1"]


def test_classes_without_cases_have_rows_of_0():
    ax = plots.confusion_matrix([0, 2], [0, 2], classes=["a", "b", "c", "d"])
    shares = ax.images[0].get_array()
    assert shares.shape == (4, 4)
    assert shares.sum(axis=1).tolist() == [100, 0, 100, 0]


def test_the_calibration_curve_is_that_of_scikit_learn():
    calibration = needs("sklearn.calibration")
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 500)
    Y = (rng.uniform(0, 1, 500) < p**2).astype(int)
    share, mean = calibration.calibration_curve(Y, p, n_bins=8)
    diagonal, curve = plots.calibration_curve(Y, p[:, None], bins=8).lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    np.testing.assert_allclose(curve.get_xdata(), mean)
    np.testing.assert_allclose(curve.get_ydata(), share)


def test_the_calibration_error_of_several_classes():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [1.0, 0.0]])
    ax = plots.calibration_curve([0, 1, 0, 1], p, bins=2)  # one bin: 50 % are right, 82.5 % said
    assert ax.lines[1].get_xydata().tolist() == [[pytest.approx(0.825), 0.5]]
    assert ax.lines[1].get_label() == "expected calibration error 32.5 %"
    assert "predicted class" in ax.get_xlabel()


def test_regions_have_the_class_of_the_largest_output():
    ax = plots.decision_regions(NET, THETA, X, LABELS, resolution=30, names=("a (mm)", "b (s)"))
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    half = (right - left) / 60, (top - bottom) / 60
    x1 = np.linspace(left + half[0], right - half[0], 30)
    x2 = np.linspace(bottom + half[1], top - half[1], 30)
    points = np.stack(np.meshgrid(x1, x2), -1).reshape(-1, 2)
    expected = NET.forward(THETA, points).argmax(axis=1).reshape(30, 30)
    np.testing.assert_array_equal(image.get_array(), expected)
    span = np.ptp(X, axis=0)
    np.testing.assert_allclose((x1[0], x2[0]), X.min(axis=0) - 0.1 * span)
    np.testing.assert_allclose((x1[-1], x2[-1]), X.max(axis=0) + 0.1 * span)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a (mm)", "b (s)")
    for k, of in enumerate(ax.collections):
        np.testing.assert_allclose(of.get_offsets(), X[k == LABELS])
        assert of.get_label() == f"class {k}"


def test_regions_of_a_sigmoid_unit_go_from_0_to_1():
    Y = (X[:, 0] > 0).astype(int)
    ax = plots.decision_regions(BINARY, BINARY_THETA, X, Y, resolution=20)
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.images[0].get_array().shape == (20, 20)
    points, line = ax.collections
    assert line.levels.tolist() == [0.5]
    np.testing.assert_array_equal(points.get_array(), Y)


def test_regions_of_a_regression_have_a_scale_of_outputs_and_targets():
    net = bp.Network([2, 1], output="identity", loss="squared_error")
    theta = np.array([1.0, 0.0, 0.0])
    Y = np.full((60, 1), 50.0)
    ax = plots.decision_regions(net, theta, X, Y, resolution=20)
    assert ax.images[0].get_clim()[1] == 50
    assert ax.images[0].get_clim()[0] == ax.images[0].get_array().min()


@pytest.mark.parametrize("net", ["classes", "binary"])
def test_regions_without_targets(net):
    of, theta = {"classes": (NET, THETA), "binary": (BINARY, BINARY_THETA)}[net]
    ax = plots.decision_regions(of, theta, X, resolution=10)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), X)


def test_regions_of_a_single_case():
    ax = plots.decision_regions(NET, THETA, [[1.0, 2.0]], resolution=5)
    assert ax.get_xlim()[0] < 0.01 < 1.99 < ax.get_xlim()[1]


def test_the_surface_has_the_cost_of_each_step():
    directions = np.stack([np.eye(21)[0], np.eye(21)[5]])
    ax = plots.cost_surface(NET, THETA, X, LABELS, directions=directions, span=2, resolution=5)
    costs = ax.images[0].get_array()
    steps = np.linspace(-2, 2, 5)
    for row, beta in enumerate(steps):
        for column, alpha in enumerate(steps):
            theta = THETA + alpha * directions[0] + beta * directions[1]
            assert costs[row, column] == pytest.approx(float(NET.cost(theta, X, LABELS)))
    assert ax.images[0].get_extent() == [-2.5, 2.5, -2.5, 2.5]
    assert ax.lines[0].get_xydata().tolist() == [[0, 0]]


def test_the_surface_is_that_of_one_network_at_a_time(monkeypatch):
    ax = plots.cost_surface(NET, THETA, X, LABELS, resolution=5)
    monkeypatch.setattr("backprop_xp.inspection.plots.surface._NUMBERS", 1)
    again = plots.cost_surface(NET, THETA, X, LABELS, resolution=5)
    np.testing.assert_allclose(ax.images[0].get_array(), again.images[0].get_array())


def test_a_flat_surface():
    ax = plots.cost_surface(NET, THETA, X, LABELS, directions=np.zeros((2, 21)), resolution=3)
    assert np.ptp(ax.images[0].get_array()) == 0


def test_random_directions_have_the_norms_of_the_units():
    mask = np.ones((3, 2))
    mask[1, 0] = 0
    net = bp.Network([2, 3, 3], "tanh", connections=[mask, None])
    directions = random_directions(net, THETA, seed=3)
    assert directions.shape == (2, 21)
    own = net.layers(THETA, net.existing(THETA))
    for direction in directions:
        for d, of in zip(net.unpack(direction), own, strict=True):
            np.testing.assert_allclose(np.linalg.norm(d.W, axis=1), np.linalg.norm(of.W, axis=1))
            assert not d.b.any()
        assert net.unpack(direction)[0].W[1, 0] == 0
    assert not np.allclose(*directions)
    np.testing.assert_array_equal(directions, random_directions(net, THETA, seed=3))
    assert not np.allclose(directions, random_directions(net, THETA, seed=4))


def test_scores_over_values():
    values, scores = [0.001, 0.1, 10.0], [0.5, np.nan, 0.75]
    ax = plots.score_scatter(values, scores, name="learning rate", score="accuracy")
    np.testing.assert_array_equal(
        ax.collections[0].get_offsets()[[0, 2]], [[0.001, 0.5], [10, 0.75]]
    )
    assert ax.collections[1].get_offsets().tolist() == [[10, 0.75]]
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "accuracy")


def test_the_best_score_may_be_the_lowest():
    ax = plots.score_scatter([[1, 2], [3, 4]], [[4, 1], [2, 3]], best="lowest")
    assert ax.collections[1].get_offsets().tolist() == [[2, 1]]
    assert ax.get_xscale() == "linear"


def test_texts_have_a_place_each():
    ax = plots.score_scatter(["relu", "tanh", "relu"], [1, 3, 2])
    assert ax.collections[0].get_offsets().tolist() == [[0, 1], [1, 3], [0, 2]]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["relu", "tanh"]
    assert ax.get_legend().get_texts()[0].get_text() == "best 3, at tanh"


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.geomspace(1e-3, 10, 50), "log"),
        (np.linspace(0.01, 0.95, 50), "linear"),
        (np.linspace(0.0, 0.95, 50), "linear"),
        ([1, 2, 3], "linear"),
        (10 ** np.random.default_rng(0).uniform(-4, 0, 50), "log"),
        (np.random.default_rng(0).uniform(0.01, 1, 50), "linear"),
    ],
    ids=["rates", "momenta", "from 0", "few", "random rates", "random momenta"],
)
def test_a_logarithmic_axis_is_for_values_that_lie_so(values, scale):
    ax = bp.plots.score_scatter(values, np.arange(len(values)), colours=values)
    assert ax.get_xscale() == scale
    assert (type(ax.collections[0].norm).__name__ == "LogNorm") == (scale == "log")


def test_results_of_a_search_are_values():
    for given, expected in (([0.1, 1], [0.1, 1]), (["relu", "tanh"], [0, 1])):
        values = np.ma.array(np.array(given, dtype=object), mask=[False, False])
        ax = plots.score_scatter(values, [1, 2])
        assert ax.collections[0].get_offsets()[:, 0].tolist() == expected


def test_a_value_that_a_search_leaves_out_is_refused():
    with pytest.raises(bp.BackpropError, match="score_scatter"):
        plots.score_scatter(np.ma.array([0.1, 1], mask=[False, True]), [1, 2])


def test_a_second_hyperparameter_is_a_colour():
    ax = plots.score_scatter([1, 2], [1, 2], colours=[0.1, 100], colours_name="l2")
    assert ax.collections[0].get_array().tolist() == [0.1, 100]
    assert ax.child_axes[0].get_ylabel() == "l2"


def test_arrays_of_every_library_are_drawn(xp: Library):
    theta = xp.array(THETA, "float32")
    ax = plots.hinton(NET.unpack(theta)[0].W)
    assert len(squares(ax)) == np.count_nonzero(NET.unpack(THETA)[0].W)
    shown = plots.decision_regions(NET, theta, X, LABELS, resolution=5).images[0].get_array()
    expected = plots.decision_regions(NET, THETA, X, LABELS, resolution=5).images[0].get_array()
    np.testing.assert_array_equal(shown, expected)
    costs = plots.cost_surface(NET, theta, X, LABELS, resolution=3).images[0].get_array()
    expected = plots.cost_surface(NET, THETA, X, LABELS, resolution=3).images[0].get_array()
    np.testing.assert_allclose(costs, expected, rtol=1e-4)


def test_regions_have_names_of_classes():
    ax = plots.decision_regions(NET, THETA, X, LABELS, classes=["ant", "bee", "cat"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ant", "bee", "cat"]
    with pytest.raises(bp.ShapeError, match=r"classes\): got 2 names; expected 3"):
        plots.decision_regions(NET, THETA, X, LABELS, classes=["ant", "bee"])
