"""Decision regions: the output of a network of two inputs over the plane."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop_xp.activations import Sigmoid
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.arrays.requirements import real_host_array
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import ShapeError
from backprop_xp.inspection.plots.classes import class_numbers
from backprop_xp.inspection.plots.panel import COLOURS, colour_bar, diverging, matplotlib, panel_of
from backprop_xp.network.data_values import check_finite
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network
from backprop_xp.network.prediction import predict

__all__ = ["decision_regions"]

_MARGIN = 0.1  # beyond the cases, by their range
_PALE = 0.6  # the part of white in the colour of a region
_POINTS = {"s": 22, "edgecolor": "white", "linewidth": 0.7, "zorder": 2}


@checks_keywords
def decision_regions(
    net: Network,
    theta: Any,
    X: Any,
    Y: Any = None,
    ax: Any = None,
    *,
    resolution: int = 200,
    names: Sequence[str] = ("x₁", "x₂"),
    classes: Sequence[Any] | None = None,
) -> Any:
    """Draw the output of a network of two inputs over the plane, and the cases as points.

    Several output units are classes: each point of the plane has the colour of the largest output.
    A single sigmoid unit has a scale from orange, class 0, to blue, class 1, and a line where it is
    ½. Any other single unit has a scale of its values, in which the points have their targets.

    Parameters
    ----------
    net : Network
        With two inputs.
    theta : array (P,)
        Of any library and device.
    X : array (m, 2)
        The cases, which set the limits of the axes.
    Y : array (m,) or (m, n_out), optional
        Class labels or targets of the cases, for the colours of the points.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    resolution : int
        Points of the plane in each direction, at least 2.
    names : pair of str
        The inputs with their units.
    classes : sequence, optional
        Names of the classes 0, 1, … of several output units. Default: their numbers.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.images[0]`` has the classes (resolution, resolution), or the outputs of the single
        unit. Its first row has the least x₂.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        The network has no two inputs, θ is a stack, X or Y does not fit, or there is not one name
        for each class.
    DTypeError
        An argument holds no real numbers, or `ax` is no axes.
    DataError
        X holds NaN or infinity.
    OptionError
        `resolution` is below 2.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net, (X, Y) = bp.Network([2, 4, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
    >>> run = bp.train(net, X, Y, epochs=300, optimizer=bp.Adam(0.05))
    >>> ax = bp.plots.decision_regions(net, run.theta, X, Y)  # doctest: +SKIP
    """
    where = "decision_regions"
    check_network(net, where, "the network, then theta, then X")
    if net.sizes[0] != 2:
        came, expected = f"a network of {net.sizes[0]} inputs", "a network of two inputs"
        raise ShapeError(f"{where}(net)", came, expected, "A plane has two directions")
    points = real_host_array(X, f"{where}(X)")
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        came, advice = f"shape {points.shape}", "Pass one row for each case"
        raise ShapeError(f"{where}(X)", came, "(m, 2)", advice)
    check_finite(points, f"{where}(X)", "float64")
    n = check_count(resolution, f"{where}(resolution)", least=2)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    x1, x2 = np.linspace(low - margin, high + margin, n).T
    plane = np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)
    outputs = to_host(predict(net, theta, plane))
    if outputs.ndim != 2:
        came, advice = f"a stack of networks {outputs.shape[:-2]}", "Pass one of them: theta[k]"
        raise ShapeError(f"{where}(theta)", came, "a single network", advice)
    labels = _labels(classes, outputs.shape[1])
    targets = None if Y is None else _targets(Y, len(points), outputs.shape[1])
    panel = panel_of(ax, where)
    half = (x1[1] - x1[0]) / 2, (x2[1] - x2[0]) / 2
    sides = (x1[0] - half[0], x1[-1] + half[0], x2[0] - half[1], x2[-1] + half[1])
    if outputs.shape[1] > 1:
        winners = np.argmax(outputs, axis=1).reshape(n, n)
        _draw_classes(panel, winners, labels, sides, points, targets)
    else:
        values, sigmoid = outputs.reshape(n, n), isinstance(net.output, Sigmoid)
        _draw_values(panel, values, sides, points, targets, sigmoid=sigmoid)
        if sigmoid and values.min() < 0.5 < values.max():
            panel.contour(x1, x2, values, levels=[0.5], colors="black", linewidths=1)
    panel.set_xlim(*sides[:2])
    panel.set_ylim(*sides[2:])
    panel.set_aspect("auto")
    panel.set_xlabel(names[0])
    panel.set_ylabel(names[1])
    return panel


def _targets(Y: Any, m: int, n_out: int) -> HostArray:
    """Return the class of each case, or its target for a single output unit, (m,)."""
    where = "decision_regions(Y)"
    found = class_numbers(Y, where) if n_out > 1 else real_host_array(Y, where).reshape(-1)
    if len(found) != m:
        came, expected = f"{len(found)} cases", f"{m}, as X has"
        raise ShapeError(where, came, expected, "Pass a class or a row of targets for each case")
    return found


def _labels(classes: Sequence[Any] | None, count: int) -> list[str]:
    """Return the text of each class in the legend."""
    if classes is None:
        return [f"class {k}" for k in range(count)]
    if count > 1 and len(classes) != count:
        came, expected = f"{len(classes)} names", f"{count}, one for each class"
        raise ShapeError("decision_regions(classes)", came, expected, "Name each class")
    return [str(name) for name in classes]


def _draw_classes(
    panel: Any,
    classes: HostArray,
    labels: Sequence[str],
    sides: tuple[Any, ...],
    points: HostArray,
    targets: HostArray | None,
) -> None:
    """Draw a pale region for each class, and its cases in its colour."""
    colors = matplotlib("colors")
    count = len(labels)
    wheel = [COLOURS[k % len(COLOURS)] for k in range(count)]
    pale = [_PALE + (1 - _PALE) * np.array(colors.to_rgb(colour)) for colour in wheel]
    scale = {"cmap": colors.ListedColormap(pale), "vmin": -0.5, "vmax": count - 0.5}
    panel.imshow(classes, extent=sides, origin="lower", interpolation="nearest", **scale)
    if targets is None:
        panel.scatter(*points.T, **_POINTS, color="black")
        return
    for k, colour in enumerate(wheel):
        of_class = points[targets == k]
        if len(of_class):
            panel.scatter(*of_class.T, **_POINTS, color=colour, label=labels[k])
    panel.legend(edgecolor="none", framealpha=0.8)


def _draw_values(
    panel: Any,
    values: HostArray,
    sides: tuple[Any, ...],
    points: HostArray,
    targets: HostArray | None,
    *,
    sigmoid: bool,
) -> None:
    """Draw the outputs of a single unit, and the cases in the colours of their targets."""
    if sigmoid:
        limits, colours = (0.0, 1.0), diverging()
    else:
        numbers = values if targets is None else np.concatenate([values.reshape(-1), targets])
        limits, colours = (float(numbers.min()), float(numbers.max())), "viridis"
    scale = {"norm": matplotlib("colors").Normalize(*limits), "cmap": colours}
    image = panel.imshow(values, extent=sides, origin="lower", **scale)
    look = {"color": "black"} if targets is None else {"c": targets, **scale}
    panel.scatter(*points.T, **{**_POINTS, "edgecolor": "black"}, **look)
    colour_bar(panel, image, "output a")
