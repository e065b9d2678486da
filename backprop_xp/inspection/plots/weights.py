"""Weights as pictures: Hinton diagrams, and the weights of the first layer as images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.requirements import real_host_array
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import ShapeError
from backprop_xp.inspection.plots.panel import (
    ABOVE_0,
    BELOW_0,
    GREY,
    colour_bar,
    diverging,
    hide_frame,
    matplotlib,
    panel_of,
    whole_numbers,
)

__all__ = ["hinton", "weight_images"]

_LARGEST = 0.92  # side of the square of the largest weight; a row and a column are 1 wide
_WITH_NUMBERS = 0.72


@checks_keywords
def hinton(
    W: Any,
    ax: Any = None,
    *,
    to_units: Sequence[str] | None = None,
    from_units: Sequence[str] | None = None,
    numbers: bool = False,
) -> Any:
    """Draw a Hinton diagram: each weight is a square, blue above 0, orange below 0.

    The area of a square is proportional to the size of its weight, and the largest weight fills
    its place. Row d has the weights to unit d, column s those from unit s, as in W.

    Parameters
    ----------
    W : array (n_out, n_in)
        The weights of a layer, of any library and device, such as ``net.unpack(theta)[0].W``. NaN
        leaves a place empty.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    to_units, from_units : sequence of str, optional
        Names of the n_out rows and of the n_in columns. Default: the numbers of the units, from 0.
    numbers : bool
        Whether the weight is written below its square.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        W is no matrix, or names do not fit it.
    DTypeError
        W holds no real numbers, or `ax` is no axes.

    References
    ----------
    Hinton, Sejnowski, "Learning and relearning in Boltzmann machines", in "Parallel Distributed
    Processing", volume 1 (1986).

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net = bp.Network([6, 2, 1])
    >>> ax = bp.plots.hinton(net.unpack(net.init(seed=0))[0].W)  # doctest: +SKIP
    """
    weights = _matrix(W, "hinton(W)")
    n_out, n_in = weights.shape
    rows = _names(to_units, n_out, "hinton(to_units)")
    columns = _names(from_units, n_in, "hinton(from_units)")
    panel = panel_of(ax, "hinton")
    for above, colour in ((weights > 0, ABOVE_0), (weights < 0, BELOW_0)):
        panel.add_collection(_squares(weights, above, colour, numbers=numbers))
    if numbers:
        for (row, column), w in np.ndenumerate(weights):
            text = {"ha": "center", "va": "center", "fontsize": 8, "color": GREY}
            panel.text(
                column, row + 0.4, "" if np.isnan(w) else f"{w:.2f}".replace("-", "−"), **text
            )
    panel.set_xlim(-0.5, n_in - 0.5)
    panel.set_ylim(n_out - 0.5, -0.5)  # the first row on top
    panel.set_aspect("equal")
    hide_frame(panel)
    panel.set_facecolor("#f4f4f4")
    for axis, names in ((panel.xaxis, columns), (panel.yaxis, rows)):
        if names is None:
            whole_numbers(axis)
        else:
            axis.set_ticks(range(len(names)), names)
    panel.set_xlabel("from unit s of the layer below" if columns is None else "from")
    panel.set_ylabel("to unit d of the layer" if rows is None else "to")
    return panel


def _squares(
    weights: NDArray[np.float64], drawn: NDArray[np.bool_], colour: str, *, numbers: bool
) -> Any:
    """Return the squares of some weights, in the order of the rows of W."""
    largest = np.nanmax(np.abs(weights), initial=0.0) or 1.0
    row, column = np.nonzero(drawn)
    scale, raised = (_WITH_NUMBERS, 0.12) if numbers else (_LARGEST, 0.0)
    half = scale / 2 * np.sqrt(np.abs(weights[drawn]) / largest)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    centres = np.stack([column, row - raised], axis=-1)
    vertices = centres[:, None, :] + half[:, None, None] * corners
    return matplotlib("collections").PolyCollection(vertices, facecolor=colour, edgecolor="none")


@checks_keywords
def weight_images(
    W: Any, shape: Sequence[int], ax: Any = None, *, columns: int | None = None, most: int = 100
) -> Any:
    """Draw the weights of each unit of the first layer as an image of the shape of the inputs.

    The images lie in rows, unit 0 at the top left. All have one scale of colours: blue above 0,
    orange below 0, white at 0.

    Parameters
    ----------
    W : array (n_out, n_in)
        The weights of layer 1, of any library and device, such as ``net.unpack(theta)[0].W``.
    shape : pair of int
        Rows and columns of an image; their product is n_in.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    columns : int, optional
        Images side by side, at least 1. Default: about as many as there are rows of images.
    most : int
        Images shown, at least 1: those of the first units.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.images[0]`` is one image of all, with a line of NaN between two units.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        W is no matrix, or its rows do not have this shape.
    DTypeError
        W holds no real numbers, or `ax` is no axes.
    OptionError
        `columns` or `most` is below 1.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net = bp.Network([64, 20, 10])  # images of 8 × 8 pixels
    >>> ax = bp.plots.weight_images(net.unpack(net.init(0))[0].W, (8, 8))  # doctest: +SKIP
    """
    weights = _matrix(W, "weight_images(W)")
    height, width = (check_count(n, "weight_images(shape)", least=1) for n in shape)
    if height * width != weights.shape[1]:
        came, expected = f"{height} x {width} pixels", f"{weights.shape[1]} inputs, as W has"
        raise ShapeError("weight_images(shape)", came, expected, "Pass the shape of an image")
    shown = weights[: check_count(most, "weight_images(most)", least=1)]
    across = columns if columns is not None else math.ceil(math.sqrt(len(shown)))
    across = check_count(across, "weight_images(columns)", least=1)
    panel = panel_of(ax, "weight_images")
    tiles = _tiled(shown.reshape(-1, height, width), min(across, len(shown)))
    limit = np.nanmax(np.abs(shown)) or 1.0
    image = panel.imshow(tiles, cmap=diverging(), vmin=-limit, vmax=limit, interpolation="nearest")
    hide_frame(panel)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_xlabel(f"units 0 to {len(shown) - 1}, row by row, {height} × {width} pixels each")
    colour_bar(panel, image, "weight")
    return panel


def _tiled(images: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Return images (n, height, width) as one image of several rows, with lines of NaN between."""
    n, height, width = images.shape
    rows = math.ceil(n / columns)
    tiles = np.full((rows * columns, height + 1, width + 1), np.nan)
    tiles[:n, :height, :width] = images
    grid = tiles.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def _matrix(W: Any, where: str) -> NDArray[np.float64]:
    weights = np.asarray(real_host_array(W, where), dtype=np.float64)
    if weights.ndim != 2 or 0 in weights.shape:
        advice = "Pass the W of one layer of one network: net.unpack(theta)[0].W"
        raise ShapeError(where, f"shape {weights.shape}", "a matrix (n_out, n_in)", advice)
    return weights


def _names(names: Sequence[str] | None, count: int, where: str) -> Sequence[str] | None:
    if names is not None and len(names) != count:
        raise ShapeError(where, f"{len(names)} names", f"{count}, as W has", "Name each unit once")
    return names
