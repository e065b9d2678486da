"""Figures are looked at through matplotlib's own objects: lines, labels, scales, files."""

import pickle
import re
import sys

import numpy as np
import pytest

from backprop_xp.arrays.advice import install_command
from backprop_xp.errors import MissingExtraError, OptionError
from backprop_xp.inspection.learning_curve import (
    FORMATS,
    check_plotting,
    learning_curve,
    save_figure,
)

HISTORY = {
    "cost": [2.0, 0.5, 0.1],
    "accuracy": [0.5, 0.8, 1.0],
    "validation_cost": [1.5, 0.6, 0.3],
    "validation_accuracy": [0.6, 0.7, 0.9],
}


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def lines(panel):
    return {line.get_label(): line for line in panel.get_lines()}


def test_cost_and_accuracy_of_training_and_validation():
    cost, accuracy = learning_curve(HISTORY).axes
    named = lines(cost)
    assert list(named) == ["training (last 0.1)", "validation (last 0.3)"]
    assert list(lines(accuracy)) == ["training (last 100.0 %)", "validation (last 90.0 %)"]
    for line, values in zip(named.values(), ("cost", "validation_cost"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[values])
    for panel in (cost, accuracy):
        assert panel.get_xlabel() == "epoch"
        assert panel.get_ylabel()
        assert panel.get_legend() is not None


def test_without_accuracy_and_validation_there_is_one_panel_with_one_line():
    (panel,) = learning_curve({"cost": [3.0, 2.0]}, cost="poisson").axes
    assert list(lines(panel)) == ["training (last 2)"]
    assert panel.get_ylabel() == "poisson"


def test_a_stack_is_thin_lines_with_the_median():
    history = {"cost": [np.array([[1.0, 2.0], [3.0, 9.0]]), np.array([[1.0, 1.0], [4.0, 8.0]])]}
    (panel,) = learning_curve(history).axes
    *thin, median = panel.get_lines()
    assert [line.get_ydata().tolist() for line in thin] == [[1, 1], [2, 1], [3, 4], [9, 8]]
    assert all(line.get_linewidth() < median.get_linewidth() for line in thin)
    assert median.get_ydata().tolist() == [2.5, 2.5]
    assert median.get_label() == "training, median of 4 (last 2.5)"


def test_at_most_200_thin_lines():
    (panel,) = learning_curve({"cost": [np.ones(1000), np.ones(1000)]}).axes
    assert len(panel.get_lines()) == 201


@pytest.mark.parametrize(
    ("costs", "scale"),
    [([1.0, 0.01], "log"), ([1.0, 0.5], "linear"), ([1.0, 0.0], "linear"), ([1, -5], "linear")],
)
def test_the_axis_of_the_cost_is_logarithmic_where_that_helps(costs, scale):
    assert learning_curve({"cost": costs}).axes[0].get_yscale() == scale


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 200])
def test_epochs_are_whole_numbers_from_1(epochs):
    figure = learning_curve({"cost": [1.0] * epochs, "accuracy": [0.5] * epochs})
    for panel in figure.axes:
        low, high = panel.get_xlim()
        ticks = [tick for tick in panel.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == int(tick) >= 1 for tick in ticks)


@pytest.mark.parametrize("history", [{}, {"cost": []}])
def test_no_epochs_are_refused(history):
    with pytest.raises(OptionError, match="no epochs"):
        learning_curve(history)


@pytest.mark.parametrize("form", FORMATS)
def test_files(form, tmp_path):
    path = tmp_path / f"curve.{form}"
    save_figure(learning_curve(HISTORY), path)
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    assert path.read_bytes().startswith(starts[form])
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"\.png, \.pdf, \.svg"):
        save_figure(learning_curve(HISTORY), tmp_path / "curve.bmp")
    assert not list(tmp_path.iterdir())


def test_pyplot_is_not_touched():
    before = "matplotlib.pyplot" in sys.modules
    learning_curve(HISTORY)
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_a_notebook_shows_it_without_pyplot():
    figure = pickle.loads(pickle.dumps(learning_curve(HISTORY)))  # noqa: S301
    for one in (figure, learning_curve(HISTORY)):
        assert one._repr_png_().startswith(b"\x89PNG")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for call in (check_plotting, lambda: learning_curve(HISTORY)):
        with pytest.raises(MissingExtraError, match=re.escape(install_command("plot"))):
            call()
