"""The pictures of a trained network: whether they fit the data, before training; their figures."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.activations import Sigmoid, Softmax
from backprop_xp.arrays.backend import to_host
from backprop_xp.callbacks.layer_record import LayerRecord
from backprop_xp.cli.evaluation import are_labels, is_binary
from backprop_xp.cli.network_choice import Task
from backprop_xp.cli.picture_choice import Picture
from backprop_xp.cli.table_words import counted
from backprop_xp.cli.training_data import Cases
from backprop_xp.datasets.images import SHAPES
from backprop_xp.display.svg import thinned
from backprop_xp.errors import OptionError
from backprop_xp.inspection import learning_curve, plots
from backprop_xp.inspection.plots.panel import matplotlib
from backprop_xp.network.folding import with_inputs
from backprop_xp.network.prediction import predict
from backprop_xp.training.run import Run

__all__ = ["Trained", "check_pictures", "figure_of", "record_for"]

_RECORDED: Final = 200  # cases of a `LayerRecord`
_ON_SURFACE: Final = 500  # cases of a cost surface
_RESOLUTION: Final = 25
_SQUARES: Final = 200_000  # the most weights of a Hinton diagram
_SIDE: Final = 4.0  # of the panel of a matrix, in inches
_NARROWEST: Final = 2.0
_INCHES_OF_LABELS: Final = 0.5
_INCHES_OF_LETTER: Final = 0.09
_NAMED: Final = 24  # the most units of a layer whose names fit beside a Hinton diagram


@dataclass(frozen=True)
class Trained:
    """A trained network with its data.

    Attributes
    ----------
    task : Task
    run : Run
    theta : array (P,)
        The parameters in the model file, on the host.
    record : LayerRecord or None
    """

    task: Task
    run: Run
    theta: NDArray[Any]
    record: LayerRecord | None

    @property
    def shown(self) -> tuple[Cases, str]:
        """The cases that predictions are shown for, and a title for them."""
        data = self.task.data
        if data.held_out is None:
            return data.train, f"{counted(len(data.train.X), 'case')} of the training"
        return data.held_out, f"{counted(len(data.held_out.X), 'case')} held out"

    @property
    def outputs(self) -> NDArray[Any]:
        """The outputs of the network for the cases that are shown, (m, n_out)."""
        X = self.task.inputs_of(self.shown[0].X)
        return np.asarray(to_host(predict(self.task.net, self.theta, X)))

    def weights(self) -> list[NDArray[Any]]:
        """Return the W of each layer, for inputs and targets as they were trained on."""
        return [layer.W for layer in self.task.net.unpack(np.asarray(to_host(self.run.theta)))]


def check_pictures(pictures: Sequence[Picture], task: Task) -> None:
    """Refuse pictures that do not fit the data, before training.

    Raises
    ------
    OptionError
        The error names the pictures that fit.
    """
    for picture in pictures:
        misfit = _MISFITS.get(picture.name, _fits)(task)
        if misfit is not None:
            came, expected = misfit
            fitting = [name for name in _FIGURES if _MISFITS.get(name, _fits)(task) is None]
            advice = f"Pictures that fit: {', '.join(fitting)}"
            raise OptionError("--plot", f"{picture.name!r} for {came}", expected, advice)


def record_for(pictures: Sequence[Picture], task: Task) -> LayerRecord | None:
    """Return the callback that records what the pictures show; None where none needs it."""
    if not any(picture.name in ("norms", "activations") for picture in pictures):
        return None
    return LayerRecord(*_some(task, _RECORDED))


def figure_of(name: str, trained: Trained) -> Any:
    """Return the figure of a picture, by its name.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    return _FIGURES[name](trained)


def _some(task: Task, most: int) -> Cases:
    """Return some of the cases of the training as it takes them, evenly spaced."""
    cases = task.data.train
    return task.standardised(cases.rows(thinned(len(cases.X), most)))


# ------------------------------------------------------------------------------------------------
# what does not fit: the text of what came and of what was expected, or None

Misfit = tuple[str, str] | None


def _fits(task: Task) -> Misfit:  # noqa: ARG001  as the others
    return None


def _not_classes(task: Task) -> Misfit:
    if _has_classes(task):
        return None
    targets = "target" if task.data.n_out == 1 else f"{task.data.n_out} targets"
    came = f"{task.data.notes.data} with {targets} of numbers ({task.net.loss.name})"
    return came, "a target of classes"


def _has_classes(task: Task) -> bool:
    Y = task.data.train.Y
    single = not are_labels(Y) and Y.shape[1] == 1
    return are_labels(Y) or (single and is_binary(Y) and isinstance(task.net.output, Sigmoid))


def _not_probabilities(task: Task) -> Misfit:
    if _not_classes(task) is not None or isinstance(task.net.output, Sigmoid | Softmax):
        return _not_classes(task)
    came = f"{task.net.output.name} outputs of --loss {task.net.loss.name}"
    return came, "probabilities, as --loss cross_entropy gives"


def _not_images(task: Task) -> Misfit:
    data = task.data
    if not data.from_file and data.notes.data in SHAPES:
        return None
    numbers = f"{task.net.sizes[0]} number{'s' * (task.net.sizes[0] > 1)}"
    return f"{data.notes.data}, cases of {numbers}", f"images: {' or '.join(SHAPES)}"


def _not_a_plane(task: Task) -> Misfit:
    n_in = task.net.sizes[0]
    if n_in != 2:
        return f"{n_in} inputs", "2 inputs, which span a plane"
    if task.data.n_out > 1 and not are_labels(task.data.train.Y):
        return f"{task.data.n_out} targets of numbers", "classes, or one target"
    return None


def _too_many_squares(task: Task) -> Misfit:
    sizes = task.net.sizes
    weights = sum(a * b for a, b in pairwise(sizes))
    return None if weights <= _SQUARES else (f"{weights:,} weights", f"at most {_SQUARES:,}")


_MISFITS: Final[Mapping[str, Callable[[Task], Misfit]]] = {
    "confusion": _not_classes,
    "calibration": _not_probabilities,
    "weights": _not_images,
    "hinton": _too_many_squares,
    "regions": _not_a_plane,
}

# ------------------------------------------------------------------------------------------------
# figures


def _panels(count: int, size: tuple[float, float], columns: int = 4) -> tuple[Any, list[Any]]:
    """Return a figure, and `count` panels of a size in inches."""
    across = min(count, columns)
    down = math.ceil(count / across)
    width, height = size
    whole = matplotlib("figure").Figure((width * across, height * down), layout="constrained")
    panels = list(whole.subplots(down, across, squeeze=False).flat)
    for spare in panels[count:]:
        spare.remove()
    return whole, panels[:count]


def _plain(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return names without formulas, which matplotlib reads between two dollar signs."""
    return tuple(name.replace("$", r"\$") for name in names or ())


def _curve(trained: Trained) -> Any:
    of = "standardised targets" if trained.task.targets else "the cases"
    unit = f"cost E (mean {trained.task.net.loss.name.replace('_', ' ')} of {of})"
    return learning_curve.learning_curve(trained.run, cost=unit)


def _confusion(trained: Trained) -> Any:
    cases, title = trained.shown
    names = _plain(trained.task.data.notes.class_names) or ("0", "1")
    side = max(4.2, 1.6 + 0.34 * len(names))
    figure, (panel,) = _panels(1, (side + 0.8, side))
    Y = cases.Y if are_labels(cases.Y) else cases.Y.astype(int)
    plots.confusion_matrix(Y.reshape(-1), trained.outputs, panel, classes=names)
    panel.set_title(title, fontsize="medium")
    return figure


def _calibration(trained: Trained) -> Any:
    cases, title = trained.shown
    figure, (panel,) = _panels(1, (4.6, 4.4))
    Y = cases.Y if are_labels(cases.Y) else cases.Y.astype(int)
    plots.calibration_curve(Y.reshape(-1), trained.outputs, panel)
    panel.set_title(title, fontsize="medium")
    return figure


def _weights(trained: Trained) -> Any:
    figure, (panel,) = _panels(1, (7.8, 6.2))
    plots.weight_images(trained.weights()[0], SHAPES[trained.task.data.notes.data], panel)
    return figure


def _hinton(trained: Trained) -> Any:
    layers, names = trained.weights(), trained.task.data.notes
    ends = {0: _plain(names.feature_names), len(layers): _plain(names.class_names)}
    units = [
        [ends.get(at) or None if max(W.shape) <= _NAMED else None for at in (number, number + 1)]
        for number, W in enumerate(layers)
    ]
    figure, panels = _matrices([W.shape for W in layers], units)
    for number, (W, panel, (below, above)) in enumerate(zip(layers, panels, units, strict=True)):
        plots.hinton(W, panel, from_units=below, to_units=above)
        for axis, texts in ((panel.xaxis, below), (panel.yaxis, above)):
            if texts is None:
                axis.get_major_locator().set_params(nbins="auto")  # as many as have space
        if below is not None:
            panel.tick_params(axis="x", rotation=90)
        panel.set_title(f"W of layer {number + 1}", fontsize="medium")
    return figure


def _matrices(
    shapes: Sequence[tuple[int, ...]], units: Sequence[Sequence[Sequence[str] | None]]
) -> tuple[Any, list[Any]]:
    """Return a figure, and a panel for each matrix with squares for places, side by side.

    The layouts of matplotlib leave too little space for labels beside squares. `units` are the
    names below and beside each matrix, or None.
    """
    below, beside = (
        _INCHES_OF_LABELS
        + _INCHES_OF_LETTER * max((len(text) for of in one for text in of), default=2)
        for one in ([pair[k] or () for pair in units] for k in (0, 1))
    )
    sides = [
        (_SIDE * n_in / max(n_out, n_in), _SIDE * n_out / max(n_out, n_in))
        for n_out, n_in in shapes
    ]
    cells = [max(width, _NARROWEST) + beside for width, _ in sides]
    tallest = max(up for _, up in sides)
    height = tallest + below + _INCHES_OF_LABELS
    figure = matplotlib("figure").Figure((sum(cells) + 0.3, height))
    panels = []
    for number, (across, up) in enumerate(sides):
        width, whole = max(across, _NARROWEST), figure.get_figwidth()
        left, bottom = sum(cells[: number + 1]) - width, below + (tallest - up) / 2
        panels.append(figure.add_axes((left / whole, bottom / height, width / whole, up / height)))
    return figure, panels


def _norms(trained: Trained) -> Any:
    figure, panels = _panels(2, (4.9, 3.9))
    for quantity, panel in zip(("delta", "dE_dW"), panels, strict=True):
        plots.layer_norms(trained.record, panel, quantity=quantity)
    return figure


def _activations(trained: Trained) -> Any:
    layers = len(trained.task.net.sizes) - 1
    figure, panels = _panels(layers, (4.9, 3.6), columns=3)
    for number, panel in enumerate(panels):
        plots.activation_histogram(trained.record, number + 1, panel)
    return figure


def _regions(trained: Trained) -> Any:
    """Return the regions in the units of the file."""
    task, (X, Y) = trained.task, trained.task.data.train
    theta = trained.theta
    if task.inputs is not None:
        theta = with_inputs(task.net, theta, task.inputs.mean, task.inputs.spread)
    figure, (panel,) = _panels(1, (5.4, 4.2))
    notes = task.data.notes
    names = _plain(notes.feature_names)
    chosen: dict[str, Any] = {"names": names} if names else {}  # else the axes are x_1 and x_2
    classes = _plain(notes.class_names) or None
    plots.decision_regions(task.net, theta, X, Y, panel, classes=classes, **chosen)
    return figure


def _surface(trained: Trained) -> Any:
    figure, (panel,) = _panels(1, (5.4, 4.2))
    X, Y = _some(trained.task, _ON_SURFACE)
    theta = np.asarray(to_host(trained.run.theta))
    plots.cost_surface(trained.task.net, theta, X, Y, panel, resolution=_RESOLUTION)
    panel.set_title(f"{counted(len(X), 'case')} of the training", fontsize="medium")
    return figure


_FIGURES: Final[Mapping[str, Callable[[Trained], Any]]] = {
    "curve": _curve,
    "confusion": _confusion,
    "calibration": _calibration,
    "weights": _weights,
    "hinton": _hinton,
    "norms": _norms,
    "activations": _activations,
    "regions": _regions,
    "surface": _surface,
}
