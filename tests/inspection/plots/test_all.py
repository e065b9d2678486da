"""What all plots have in common: their axes, labels, pictures, and errors without matplotlib."""

import re
import sys

import numpy as np
import pytest
from plot_cases import (
    EPOCHS,
    NET,
    PICTURES,
    PLOTS,
    THETA,
    TOLERANCE,
    X,
    difference,
    new_axes,
    pixels,
    record,
    texts_outside,
)

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command
from backprop_xp.inspection.learning_curve import learning_curve


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


every_plot = pytest.mark.parametrize("name", PLOTS)


def test_each_public_plot_has_a_case():
    assert set(PLOTS) == set(bp.plots.__all__)


@every_plot
def test_it_returns_the_axes_that_it_is_given(name):
    ax = new_axes()
    assert PLOTS[name](ax) is ax


@every_plot
def test_it_makes_axes_without_pyplot(name):
    before = "matplotlib.pyplot" in sys.modules
    ax = PLOTS[name](None)
    assert ("matplotlib.pyplot" in sys.modules) == before
    assert ax.figure.axes[0] is ax
    assert ax._repr_png_().startswith(b"\x89PNG")  # a notebook shows it
    assert ax.figure._repr_png_().startswith(b"\x89PNG")


@every_plot
def test_its_axes_have_labels(name):
    ax = PLOTS[name](None)
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name == "weight_images"


@every_plot
def test_it_draws_on_no_other_axes(name):
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    place, children = right.get_position().bounds, len(right.get_children())
    PLOTS[name](left)
    assert figure.axes[:2] == [left, right]
    assert all(one in left.child_axes for one in figure.axes[2:])  # its scale of colours
    assert (right.get_position().bounds, len(right.get_children())) == (place, children)
    assert (right.get_xlim(), right.get_xlabel()) == ((0, 1), "")


@every_plot
def test_it_draws_on_a_part_of_a_figure(name):
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    ax = figure.subfigures(1, 2)[0].subplots()
    assert PLOTS[name](ax) is ax
    figure.canvas.draw()


@every_plot
def test_anything_but_axes_is_refused(name):
    with pytest.raises(bp.DTypeError, match=r"\(ax\): got Figure; expected axes") as caught:
        PLOTS[name](new_axes().figure)
    assert str(caught.value).isascii()


@every_plot
def test_without_matplotlib_the_error_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(bp.MissingExtraError, match=re.escape(install_command("plot"))):
        PLOTS[name](None)


@every_plot
def test_its_labels_fit_the_figure(name):
    assert texts_outside(PLOTS[name](None).figure) == []


@pytest.mark.parametrize("loss", sorted(bp.losses.LOSSES))
def test_a_long_label_has_two_lines(loss):
    label = f"cost E (mean {loss.replace('_', ' ')} of standardised targets)"
    figure = learning_curve({"cost": EPOCHS[::-1].tolist()}, cost=label)
    assert texts_outside(figure) == []
    assert figure.axes[0].get_ylabel().replace("\n", " ") == label


@pytest.mark.parametrize("falls", [0.1, 1.0, 10.0])
def test_the_legend_of_the_layers_covers_none_of_them(falls):
    ragged = record()
    ragged.delta_norms = np.exp(-falls * np.arange(12)) * (1.5 + np.sin(np.arange(21))[:, None])
    ax = bp.plots.layer_norms(ragged)
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 >= ax.bbox.x1
    assert texts_outside(ax.figure) == []


@every_plot
def test_its_picture(name):
    from matplotlib import image

    drawn = pixels(PLOTS[name](new_axes()))
    kept = image.imread(PICTURES / f"{name}.png")[..., :3]
    assert drawn.shape == kept.shape
    assert difference(drawn, kept) < TOLERANCE
    others = [image.imread(path)[..., :3] for path in PICTURES.glob("*.png") if path.stem != name]
    assert all(difference(drawn, other) > 1.5 * TOLERANCE for other in others)


def test_the_pictures_are_small_and_belong_to_plots():
    kept = sorted(PICTURES.iterdir())
    assert [path.stem for path in kept] == sorted(PLOTS)
    assert all(path.stat().st_size <= 40_000 for path in kept)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bp.plots.learning_curve({}), "Train for one epoch"),
        (lambda: bp.plots.learning_curve({"cost": [1]}, name="val_loss"), "Its name here is"),
        (lambda: bp.plots.hinton(np.ones(3)), "a matrix"),
        (lambda: bp.plots.hinton(np.ones((2, 3)), from_units=["a"]), "got 1 names; expected 3"),
        (lambda: bp.plots.hinton(np.ones((2, 3)), to_units=["a"]), "got 1 names; expected 2"),
        (lambda: bp.plots.hinton([["a"]]), "hinton(W)"),
        (lambda: bp.plots.weight_images(np.ones((2, 6)), (2, 2)), "expected 6 inputs"),
        (lambda: bp.plots.weight_images(np.ones((2, 6)), (2, 3), columns=0), "integers >= 1"),
        (lambda: bp.plots.layer_norms(record(), quantity="delta_w"), "Did you mean"),
        (lambda: bp.plots.layer_norms(bp.callbacks.LayerRecord([[1.0]], [0])), "empty record"),
        (lambda: bp.plots.activation_histogram(record(), 0), "a layer from 1 to 3"),
        (lambda: bp.plots.activation_histogram(record(), 4), "a layer from 1 to 3"),
        (lambda: bp.plots.activation_histogram(record(), True), "a layer from 1 to 3"),
        (lambda: bp.plots.confusion_matrix([0, 1], [0]), "expected 2, as Y has"),
        (lambda: bp.plots.confusion_matrix([0, -1], [0, 1]), "from 0"),
        (lambda: bp.plots.confusion_matrix([0, 1], [0, 2], classes="ab"), "expected 3"),
        (lambda: bp.plots.confusion_matrix(np.ones((2, 2, 2)), [0, 2]), "(m,) or (m, n_out)"),
        (lambda: bp.plots.calibration_curve([0, 1], [0.5, 1.5]), "numbers from 0 to 1"),
        (lambda: bp.plots.calibration_curve([0, 1], [0.5, np.nan]), "got nan"),
        (lambda: bp.plots.confusion_matrix([0, 1], [[0.5], [np.nan]]), "got nan"),
        (lambda: bp.plots.decision_regions(NET, THETA, X * np.nan), "got nan"),
        (lambda: bp.plots.calibration_curve([0, 1], [0.5], bins=3), "expected 2"),
        (lambda: bp.plots.calibration_curve([0], [0.5], bins=0), "integers >= 1"),
        (lambda: bp.plots.decision_regions(bp.Network([3, 1]), THETA, X), "two inputs"),
        (lambda: bp.plots.decision_regions(NET, THETA[None], X), "single network"),
        (lambda: bp.plots.decision_regions(NET, THETA, X[0]), "(m, 2)"),
        (lambda: bp.plots.decision_regions(NET, THETA, X, [0, 1]), "expected 60, as X has"),
        (lambda: bp.plots.decision_regions(NET, THETA, X, resolution=1), "integers >= 2"),
        (lambda: bp.plots.decision_regions(THETA, NET, X), "a Network"),
        (lambda: bp.plots.cost_surface(NET, THETA[None], X, [0] * 60), "single network"),
        (lambda: bp.plots.cost_surface(NET, THETA, X, [0] * 60, span=0), "number > 0"),
        (lambda: bp.plots.cost_surface(NET, THETA, X, [0] * 60, resolution=1), "integers >= 2"),
        (lambda: bp.plots.cost_surface(NET, THETA, X, [0] * 60, directions=[[1]]), "(2, 21)"),
        (lambda: bp.plots.cost_surface(NET, THETA, X, [0] * 60, directions=-1), "an integer >= 0"),
        (lambda: bp.plots.cost_surface(NET, THETA, X, [0] * 60, random_state=1), "seed"),
        (lambda: bp.plots.score_scatter([1, 2], [1]), "got 2 networks; expected 1"),
        (lambda: bp.plots.score_scatter([1], [1], colours=[1, 2]), "got 2 networks; expected 1"),
        (lambda: bp.plots.score_scatter([1], [np.nan]), "no finite score"),
        (lambda: bp.plots.score_scatter([1], [1], best="least"), '"lowest"'),
    ],
)
def test_refusals_name_the_place_and_the_advice(call, words):
    with pytest.raises(bp.BackpropError) as caught:
        call()
    assert words in str(caught.value)
    assert str(caught.value).isascii()
    assert all(caught.value.parts)


def test_a_refusal_leaves_the_axes_as_they_were():
    ax = new_axes()
    before = len(ax.get_children())
    for call in (
        lambda: bp.plots.confusion_matrix([0, 1], [0], ax),
        lambda: bp.plots.decision_regions(NET, THETA, X, [0, 1], ax),
        lambda: bp.plots.cost_surface(NET, THETA, X, [0] * 9, ax),
        lambda: bp.plots.learning_curve({"cost": EPOCHS}, ax, name="accuracy"),
    ):
        with pytest.raises(bp.BackpropError):
            call()
    assert len(ax.get_children()) == before
