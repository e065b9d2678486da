"""Predicted classes beside the classes: the confusion matrix, and the calibration curve."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.requirements import real_host_array
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import DataError, ShapeError
from backprop_xp.inspection.plots.panel import (
    COLOURS,
    GREY,
    colour_bar,
    frame,
    hide_frame,
    panel_of,
)
from backprop_xp.network.data_values import check_finite

__all__ = ["calibration_curve", "class_numbers", "confusion_matrix"]


def class_numbers(of: Any, where: str) -> NDArray[np.int64]:
    """Return the number of each case's class, (m,), from labels or from outputs.

    Parameters
    ----------
    of : array (m,), (m, 1) or (m, n)
        Integer labels; or probabilities or targets of a single unit, whose class is 1 from ½ on; or
        those of n units, whose class is the unit with the largest.
    where : str
        The function and the argument, for errors.

    Raises
    ------
    ShapeError, DTypeError, DataError

    Examples
    --------
    >>> class_numbers([[0.1, 0.9], [0.8, 0.2]], "f(Y)"), class_numbers([0.7, 0.2], "f(Y)")
    (array([1, 0]), array([1, 0]))
    """
    given = real_host_array(of, where)
    if given.ndim not in (1, 2) or 0 in given.shape:
        advice = "Pass those of one network"
        raise ShapeError(where, f"shape {given.shape}", "(m,) or (m, n_out)", advice)
    check_finite(given, where, "float64")
    if given.ndim == 2 and given.shape[1] > 1:
        return np.asarray(np.argmax(given, axis=1), dtype=np.int64)
    flat = given.reshape(-1)
    if given.dtype.kind in "biu":
        return flat.astype(np.int64)
    return np.asarray(flat >= 0.5, dtype=np.int64)


@checks_keywords
def confusion_matrix(
    Y: Any, predicted: Any, ax: Any = None, *, classes: Sequence[Any] | None = None
) -> Any:
    """Draw how many cases of each class are predicted as each class.

    A row is a class, a column a predicted class. A number counts cases. The colour is their share
    of the row, so that the diagonal shows the recall of each class.

    Parameters
    ----------
    Y : array (m,) or (m, n_out)
        Integer class labels, from 0, or targets.
    predicted : array (m,) or (m, n_out)
        Predicted integer labels, or outputs of the network. The class of a row of outputs is its
        largest; of a single output it is 1 from ½ on.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    classes : sequence, optional
        Names of the classes 0, 1, …. Default: their numbers.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.images[0]`` has the shares of the rows in %, (n, n), 0 for a class without cases;
        ``ax.texts`` have the counts.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        The numbers of cases differ, or there are fewer names than classes.
    DataError
        A label is below 0, or a number is not finite.
    DTypeError
        An argument holds no real numbers, or `ax` is no axes.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> Y, predicted = [0, 0, 1, 2], [0, 1, 1, 2]
    >>> ax = bp.plots.confusion_matrix(Y, predicted)  # doctest: +SKIP
    >>> ax.images[0].get_array()  # doctest: +SKIP
    """
    where = "confusion_matrix"
    true, found = class_numbers(Y, f"{where}(Y)"), class_numbers(predicted, f"{where}(predicted)")
    _check_cases(true, found, f"{where}(predicted)")
    if min(true.min(), found.min()) < 0:
        came, expected = f"{min(true.min(), found.min())}", "class labels from 0"
        raise DataError(f"{where}(Y)", came, expected, "Number the classes from 0")
    n = max(true.max(), found.max()) + 1
    n = max(n, *(np.shape(of)[1] for of in (Y, predicted) if np.ndim(of) == 2), len(classes or ()))
    if classes is not None and len(classes) < n:
        came, expected = f"{len(classes)} names", f"{n}, one for each class"
        raise ShapeError(f"{where}(classes)", came, expected, "Name each class")
    panel = panel_of(ax, where)
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (true, found), 1)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 60 else "black" if count else "#999999"
        panel.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    names = [str(name) for name in (classes if classes is not None else range(n))]
    turned = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 3 else {}
    panel.set_xticks(range(n), names, **turned)
    panel.set_yticks(range(n), names)
    hide_frame(panel)
    panel.set_xlabel("predicted class")
    panel.set_ylabel("class")
    colour_bar(panel, image, "share of the class's cases (%)")
    return panel


@checks_keywords
def calibration_curve(Y: Any, probabilities: Any, ax: Any = None, *, bins: int = 10) -> Any:
    """Draw the share of correct predictions over their predicted probability.

    Calibrated probabilities lie on the diagonal: of the cases that get 0.8, 80 % are right. For a
    single output the probability is that of class 1. For several it is that of the predicted class,
    and a case is right where this class is its own. The legend has the expected calibration error,
    Σ_b (m_b / m) |share_b − mean probability_b| over the bins b with m_b cases.

    Parameters
    ----------
    Y : array (m,) or (m, n_out)
        Integer class labels, from 0, or targets.
    probabilities : array (m,), (m, 1) or (m, n_out)
        Outputs of a sigmoid or softmax network, 0 to 1.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    bins : int
        Bins of equal width between 0 and 1, at least 1. Empty bins are left out.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.lines`` are the diagonal and the curve.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        The numbers of cases differ.
    DataError
        A probability is not between 0 and 1.
    DTypeError
        An argument holds no real numbers, or `ax` is no axes.
    OptionError
        `bins` is below 1.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML (2017).

    Examples
    --------
    >>> import backprop_xp as bp
    >>> Y, probabilities = [0, 1, 1, 1], [0.2, 0.3, 0.7, 0.9]
    >>> ax = bp.plots.calibration_curve(Y, probabilities)  # doctest: +SKIP
    """
    where = "calibration_curve"
    check_count(bins, f"{where}(bins)", least=1)
    outputs = np.asarray(real_host_array(probabilities, f"{where}(probabilities)"), dtype=float)
    true = class_numbers(Y, f"{where}(Y)")
    predicted = class_numbers(outputs, f"{where}(probabilities)")
    _check_cases(true, predicted, f"{where}(probabilities)")
    if not ((outputs >= 0) & (outputs <= 1)).all():  # NaN too
        came, advice = "a number outside of them", "Pass outputs of sigmoid or softmax units"
        raise DataError(f"{where}(probabilities)", came, "numbers from 0 to 1", advice)
    single = outputs.ndim == 1 or outputs.shape[1] == 1
    p = outputs.reshape(-1) if single else outputs.max(axis=1)
    right = true == (1 if single else predicted)
    panel = panel_of(ax, where)
    at = np.minimum((p * bins).astype(int), bins - 1)
    cases = np.bincount(at, minlength=bins)
    filled = cases > 0
    mean, share = (np.bincount(at, of, bins)[filled] / cases[filled] for of in (p, right))
    error = float(np.sum(cases[filled] * np.abs(share - mean)) / len(p))
    panel.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--", label="calibrated")
    label = f"expected calibration error {100 * error:.1f} %"
    panel.plot(mean, share, color=COLOURS[0], linewidth=1.8, marker="o", label=label)
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    panel.set_aspect("equal")
    frame(panel)
    panel.set_xlabel(f"predicted probability of {'class 1' if single else 'the predicted class'}")
    panel.set_ylabel(f"share of {'class 1' if single else 'right predictions'} among the cases")
    panel.legend(edgecolor="none", framealpha=0.8)
    return panel


def _check_cases(true: Any, found: Any, where: str) -> None:
    if len(true) != len(found):
        came, expected = f"{len(found)} cases", f"{len(true)}, as Y has"
        raise ShapeError(where, came, expected, "Pass the predictions for the cases of Y")
