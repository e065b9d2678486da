"""Learning curves: an entry of the history by epoch, for training and validation."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords, metric_advice
from backprop_xp.display.bands import by_network
from backprop_xp.display.scales import spans_decades
from backprop_xp.errors import OptionError
from backprop_xp.inspection.plots.bands import draw_band
from backprop_xp.inspection.plots.panel import COLOURS, frame, matplotlib, panel_of, whole_numbers

__all__ = ["learning_curve"]

_PARTS: Final = {"training": COLOURS[0], "validation": COLOURS[1]}
_LABELS: Final = {"cost": "cost E (mean over the cases)", "accuracy": "accuracy (% of cases)"}
_LONGEST: Final = 48  # letters of a line beside the axis
_SMALL_SPAN: Final = 0.06  # of accuracies; below it, the labels of the axis have a decimal place


@checks_keywords
def learning_curve(
    run: Any, ax: Any = None, *, name: str = "cost", label: str | None = None
) -> Any:
    """Draw an entry of the history by epoch, with its validation, and mark the best epoch.

    A training curve is the mean over the batches of an epoch, each taken before its update. A
    validation curve is taken after the epoch. For a stack of networks each network is a thin line,
    200 of them at most, the band is the middle half of the networks, and the thick line is their
    median. The best epoch has the best validation: the lowest entry, of accuracies the highest. It
    is the epoch of θ where ``run.epoch`` is an earlier epoch than the last, as `EarlyStopping`
    leaves it. Without validation and `EarlyStopping` no epoch is marked.

    Parameters
    ----------
    run : Run, or dict of lists
        A run or its history. Each list has one entry per epoch, a number or an array over the
        stack.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    name : str
        The name of the entries: "cost", "accuracy", or a name that a callback added. Validation has
        the same name with "validation_" before it.
    label : str, optional
        The label of the vertical axis. Default: the name with its unit.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    OptionError
        The history has no entries of this name.
    DTypeError
        `ax` is no axes.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net, (X, Y) = bp.Network([2, 4, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
    >>> run = bp.train(net, X, Y, epochs=30, stack=20, validation=(X, Y))
    >>> ax = bp.plots.learning_curve(run)  # doctest: +SKIP
    >>> ax.figure.savefig("curve.png")  # doctest: +SKIP
    """
    history: Mapping[str, Sequence[Any]] = getattr(run, "history", run)
    if not history.get(name):
        known = f"one of {', '.join(history) or 'the entries of an epoch'}"
        advice = metric_advice(name, history) if history else "Train for one epoch at least"
        raise OptionError("learning_curve(name)", repr(name), known, advice)
    panel = panel_of(ax, "learning_curve")
    entries = (history[name], history.get(f"validation_{name}", ()))
    curves = {part: by_network(of) for part, of in zip(_PARTS, entries, strict=True) if len(of)}
    medians = {part: _draw(panel, part, values, name) for part, values in curves.items()}
    _mark_best(panel, medians, name, getattr(run, "epoch", None))
    _finish(panel, curves, name)
    panel.set_ylabel(textwrap.fill(label or _LABELS.get(name, name), _LONGEST))
    return panel


def _draw(panel: Any, part: str, values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Draw a curve, (epochs, networks), with the last value of its median in the legend."""
    last = float(np.median(values[-1]))
    shown = f"{100 * last:.1f} %" if name == "accuracy" else f"{last:.3g}"
    of = f", median of {values.shape[1]}" if values.shape[1] > 1 else ""
    epochs = np.arange(1, len(values) + 1)
    return draw_band(panel, epochs, values, _PARTS[part], f"{part}{of} (last {shown})")


def _mark_best(
    panel: Any, medians: Mapping[str, NDArray[np.float64]], name: str, epoch: Any
) -> None:
    """Mark the best epoch on the last of the curves."""
    part, values = list(medians.items())[-1]
    of_theta = np.ndim(epoch) == 0 and epoch is not None and 0 < epoch < len(values)
    if not of_theta and "validation" not in medians:
        return
    sign = -1 if name.endswith("accuracy") else 1
    best = int(epoch) if of_theta else int(np.argmin(sign * values)) + 1
    style = {"s": 45, "color": _PARTS[part], "edgecolor": "white", "zorder": 3}
    panel.scatter([best], [values[best - 1]], label=f"best, epoch {best}", **style)


def _finish(panel: Any, curves: Mapping[str, NDArray[np.float64]], name: str) -> None:
    """Draw the axes of the curves, (epochs, networks) each."""
    epochs = max(len(values) for values in curves.values())
    panel.set_xlabel("epoch")
    whole_numbers(panel.xaxis)
    margin = max(0.02 * (epochs - 1), 0.2)
    panel.set_xlim(1 - min(margin, 0.9), epochs + margin)
    low = min(values.min() for values in curves.values())
    high = max(values.max() for values in curves.values())
    if name.endswith("accuracy"):
        percent = matplotlib("ticker").PercentFormatter
        panel.yaxis.set_major_formatter(percent(1, int(high - low <= _SMALL_SPAN), symbol=" %"))
        margin = 0.05 * max(high - low, _SMALL_SPAN)
        panel.set_ylim(low - margin, high + margin)
    elif spans_decades(low, high):
        panel.set_yscale("log")
    frame(panel)
    panel.legend(loc="best", edgecolor="none", framealpha=0.8)
