"""A small picture of each plot, drawn from fixed numbers, and the comparison of pictures."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import backprop_xp as bp

PICTURES = Path(__file__).parents[1] / "inspection" / "plots" / "pictures"
TOLERANCE = 0.02  # of the mean difference of blurred pictures, 0 to 1; other plots differ by more
_BLOCK = 8  # pixels of a blurred picture's points: fonts differ by less

_rng = np.random.default_rng(7)
X = _rng.normal(size=(60, 2))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
EPOCHS = np.arange(1, 21)
HISTORY = {
    "cost": [2 * 0.8**epoch * np.array([0.7, 0.9, 1.0, 1.3, 1.6]) for epoch in EPOCHS],
    "validation_cost": [2 * 0.8**epoch + 0.01 * epoch * np.ones(5) for epoch in EPOCHS],
}
NET = bp.Network([2, 3, 3], hidden="tanh")
THETA = 3 * np.sin(24 * np.arange(NET.parameter_count) ** 2)  # each class has a region
BINARY = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
BINARY_THETA = np.array([2, -1, 1, 2, -2, 1.5, 0.1, 0.2, -0.3, 3, -3, 2, 0.1])


def record() -> Any:
    """Return what a `LayerRecord` has after 20 epochs, of three layers and ten bins."""
    epochs = np.arange(21)
    norms = np.exp(-epochs[:, None] / 10) * np.array([0.01, 0.1, 1.0])
    edges = np.linspace(-1, 1, 11) * (1 - np.exp(-1 - epochs / 8))[:, None, None]
    counts = np.broadcast_to(1 + np.abs(np.arange(10) - 4.5), (21, 3, 10))
    return SimpleNamespace(
        epochs=epochs,
        delta_norms=norms,
        gradient_norms=norms**1.5,
        edges=np.broadcast_to(edges, (21, 3, 11)),
        counts=(10 * counts).astype(int),
    )


def _confusion(ax: Any) -> Any:
    return bp.plots.confusion_matrix(LABELS, (LABELS + (X[:, 0] > 0.7)) % 3, ax)


def _calibration(ax: Any) -> Any:
    p = np.linspace(0.02, 0.98, 60)
    return bp.plots.calibration_curve((p + 0.3 * np.sin(40 * p) > 0.5).astype(int), p, ax)


PLOTS: dict[str, Callable[[Any], Any]] = {
    "learning_curve": lambda ax: bp.plots.learning_curve(HISTORY, ax),
    "hinton": lambda ax: bp.plots.hinton(np.sin(np.arange(24)).reshape(4, 6), ax),
    "weight_images": lambda ax: bp.plots.weight_images(
        np.cos(np.arange(144) ** 1.1).reshape(9, 16), (4, 4), ax
    ),
    "layer_norms": lambda ax: bp.plots.layer_norms(record(), ax),
    "activation_histogram": lambda ax: bp.plots.activation_histogram(record(), 2, ax),
    "confusion_matrix": _confusion,
    "calibration_curve": _calibration,
    "decision_regions": lambda ax: bp.plots.decision_regions(
        NET, THETA, X, LABELS, ax, resolution=60
    ),
    "cost_surface": lambda ax: bp.plots.cost_surface(NET, THETA, X, LABELS, ax),
    "score_scatter": lambda ax: bp.plots.score_scatter(
        np.geomspace(0.01, 1, 20), np.sin(np.arange(20)), ax, colours=np.arange(20)
    ),
}


def new_axes() -> Any:
    """Return axes in a figure of a size and resolution that files of a few kilobytes hold."""
    from matplotlib.figure import Figure

    return Figure(figsize=(4.0, 3.0), dpi=60, layout="constrained").subplots()


def texts_outside(figure: Any) -> list[str]:
    """Return the labels, titles and legends of a figure that its edges cut."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    cut = []
    for panel in [one for ax in figure.axes for one in (ax, *ax.child_axes)]:
        legend = panel.get_legend()
        labels = [panel.xaxis.label, panel.yaxis.label, panel.title, *panel.texts]
        for text in [*labels, *(legend.get_texts() if legend else ())]:
            box, whole = text.get_window_extent(canvas.get_renderer()), figure.bbox
            across = whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1
            if text.get_text() and not (
                across and whole.y0 - 1 <= box.y0 <= box.y1 <= whole.y1 + 1
            ):
                cut.append(text.get_text())
    return cut


def pixels(ax: Any) -> np.ndarray:
    """Return the picture of a figure, (height, width, 3) from 0 to 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), dtype=float)[..., :3] / 255


def difference(picture: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference of two pictures, each blurred over blocks of 8 × 8 pixels."""
    return float(np.abs(_blurred(picture) - _blurred(other)).mean())


def _blurred(picture: np.ndarray) -> np.ndarray:
    height, width = (n // _BLOCK for n in picture.shape[:2])
    cut = picture[: height * _BLOCK, : width * _BLOCK]
    return cut.reshape(height, _BLOCK, width, _BLOCK, 3).mean(axis=(1, 3))
