"""Scores over hyperparameters, a point for each network of a stack."""

from typing import Any, Final, Literal

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.requirements import real_host_array
from backprop_xp.errors import DataError, OptionError, ShapeError
from backprop_xp.inspection.plots.panel import COLOURS, colour_bar, frame, matplotlib, panel_of

__all__ = ["score_scatter"]

_LOG_RANGE: Final = 30  # greatest over least value; above it, the axis is logarithmic


@checks_keywords
def score_scatter(
    values: Any,
    scores: Any,
    ax: Any = None,
    *,
    name: str = "hyperparameter",
    score: str = "score",
    best: Literal["highest", "lowest"] = "highest",
    colours: Any = None,
    colours_name: str = "second hyperparameter",
) -> Any:
    """Draw the score of each network of a stack over one of its hyperparameters.

    The best network is marked. Values above 0 that span more than a factor of 30, and lie more
    evenly by their logarithms, have a logarithmic axis. Texts, such as names of activations, have a
    place each.

    Parameters
    ----------
    values : array (*stack)
        The hyperparameter of each network: numbers, such as learning rates, or a list of texts. The
        columns of a search's ``cv_results_`` are of this kind, such as "param_alpha".
    scores : array (*stack)
        Its score, such as ``run.history["validation_accuracy"][-1]``. NaN leaves a network out.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    name, score : str
        The hyperparameter and the score with their units, for the labels.
    best : str
        "highest" or "lowest", whichever score is the best.
    colours : array (*stack), optional
        A second hyperparameter of each network, shown by colour.
    colours_name : str
        Its name with its unit.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.collections[0]`` has the points, and ``ax.collections[1]`` the best.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        The numbers of networks differ.
    DataError
        There is no score.
    OptionError
        `best` is another word.
    DTypeError
        Scores or colours are no real numbers, or `ax` is no axes.

    Examples
    --------
    >>> import numpy as np
    >>> import backprop_xp as bp
    >>> rates = np.geomspace(0.01, 10, 30)
    >>> net, (X, Y) = bp.Network([2, 4, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
    >>> run = bp.train(net, X, Y, stack=30, optimizer=bp.SGD(rates[:, None]), epochs=50)
    >>> costs = run.history["cost"][-1]
    >>> ax = bp.plots.score_scatter(rates, costs, best="lowest")  # doctest: +SKIP
    """
    where = "score_scatter"
    if best not in ("highest", "lowest"):
        expected = '"highest" or "lowest"'
        raise OptionError(f"{where}(best)", repr(best), expected, "Costs are best at the lowest")
    y = _numbers(scores, f"{where}(scores)")
    x, texts = _values(values)
    c = None if colours is None else _numbers(colours, f"{where}(colours)")
    for given, argument in ((x, "values"), (c, "colours")):
        if given is not None and len(given) != len(y):
            came, expected = f"{len(given)} networks", f"{len(y)}, as scores has"
            raise ShapeError(f"{where}({argument})", came, expected, "Pass one for each network")
    if not np.isfinite(y).any():
        came, advice = "no finite score", "Pass a score for each network"
        raise DataError(f"{where}(scores)", came, "at least one", advice)
    panel = panel_of(ax, where)
    look = {"color": COLOURS[0]} if c is None else {"c": c, "cmap": "viridis", "norm": _norm(c)}
    points = panel.scatter(x, y, s=22, alpha=0.8, **look)
    at = int(np.nanargmax(y) if best == "highest" else np.nanargmin(y))
    of = texts[int(x[at])] if texts else f"{x[at]:.3g}"
    ring = {"s": 90, "facecolor": "none", "edgecolor": COLOURS[1], "linewidth": 1.6}
    panel.scatter(x[[at]], y[[at]], label=f"best {y[at]:.3g}, at {of}", **ring)
    if texts:
        panel.set_xticks(range(len(texts)), texts)
        panel.set_xlim(-0.5, len(texts) - 0.5)
    elif _is_wide(x):
        panel.set_xscale("log")
    panel.set_xlabel(name)
    panel.set_ylabel(score)
    frame(panel)
    panel.legend(edgecolor="none", framealpha=0)  # points near it stay whole
    if c is not None:
        colour_bar(panel, points, colours_name)
    return panel


def _values(values: Any) -> tuple[HostArray, list[str]]:
    """Return a number for each network, and the texts that the numbers 0, 1, … stand for."""
    given = _listed(values)
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        kinds = list(dict.fromkeys(given))
        return np.array([kinds.index(text) for text in given], dtype=float), kinds
    return _numbers(given, "score_scatter(values)"), []


def _numbers(values: Any, where: str) -> HostArray:
    return np.asarray(real_host_array(_listed(values), where), dtype=float).reshape(-1)


def _listed(values: Any) -> Any:
    """Return texts and objects as a list; they come in masked arrays in a search's results."""
    if isinstance(values, np.ma.MaskedArray) and not np.ma.is_masked(values):
        values = values.data
    if isinstance(values, (list, tuple)) or _holds_objects(values):
        return np.asarray(values, dtype=object).reshape(-1).tolist()
    return values


def _holds_objects(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind in "OU"


def _norm(numbers: HostArray) -> Any:
    colors = matplotlib("colors")
    return colors.LogNorm() if _is_wide(numbers) else colors.Normalize()


def _is_wide(numbers: HostArray) -> bool:
    low, middle, high = np.quantile(numbers, [0, 0.5, 1])
    if not (low > 0 and high > _LOG_RANGE * low):
        return False
    share = (middle - low) / (high - low)
    share_of_logarithms = np.log(middle / low) / np.log(high / low)
    return bool(abs(share_of_logarithms - 0.5) < abs(share - 0.5))
