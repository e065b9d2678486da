"""What the layers do over the epochs: norms of δ and ∂E/∂W, and histograms of activations."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import named
from backprop_xp.display.bands import by_network
from backprop_xp.errors import DataError, OptionError
from backprop_xp.inspection.plots.bands import draw_band
from backprop_xp.inspection.plots.panel import (
    by_depth,
    colour_bar,
    frame,
    matplotlib,
    panel_of,
    whole_numbers,
)

__all__ = ["activation_histogram", "layer_norms"]

_QUANTITIES: Final = {
    "delta": ("delta_norms", "‖δ‖ (mean over the cases)"),
    "dE_dW": ("gradient_norms", "‖∂E/∂W‖ (Frobenius norm)"),
}


@checks_keywords
def layer_norms(record: Any, ax: Any = None, *, quantity: str = "delta") -> Any:
    """Draw ‖δ^l‖ or ‖∂E/∂W^l‖ of each layer over the epochs, on a logarithmic axis.

    Where the norm falls by orders of magnitude from the last layer to the first, the error vanishes
    on its way back. For a stack of networks each network is a thin line, 200 of them at most, the
    band is the middle half of the networks, and the thick line is their median.

    Parameters
    ----------
    record : LayerRecord
        The callback `callbacks.LayerRecord` after training.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    quantity : str
        "delta" or "dE_dW".

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.lines`` are those of layer 1 to L. The epochs begin at 0, before training.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    DataError
        The record is empty.
    OptionError
        `quantity` is another name.
    DTypeError
        `ax` is no axes.

    References
    ----------
    Nielsen, "Neural Networks and Deep Learning" (2015), chapter 5, which plots ‖δ‖ by layer.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net, (X, Y) = bp.Network([2, 9, 9, 1], "sigmoid", "sigmoid", "huber"), bp.datasets.xor()
    >>> record = bp.callbacks.LayerRecord(X, Y)
    >>> run = bp.train(net, X, Y, epochs=30, callbacks=[record])
    >>> ax = bp.plots.layer_norms(record)  # doctest: +SKIP
    """
    name, label = named(quantity, _QUANTITIES, "layer_norms(quantity)")
    norms, epochs = getattr(_filled(record, "layer_norms(record)"), name), record.epochs
    panel = panel_of(ax, "layer_norms")
    colours = by_depth(norms.shape[1])
    for layer, colour in enumerate(colours):
        draw_band(panel, epochs, by_network(norms[:, layer]), colour, f"layer {layer + 1}")
    if (norms > 0).any():
        panel.set_yscale("log")
    panel.set_xlabel("epoch")
    panel.set_ylabel(label)
    whole_numbers(panel.xaxis)
    frame(panel)
    panel.legend(edgecolor="none", loc="upper left", bbox_to_anchor=(1.0, 1.0))  # beside the curves
    return panel


@checks_keywords
def activation_histogram(record: Any, layer: int, ax: Any = None) -> Any:
    """Draw the histogram of a layer's activations over the epochs.

    Each epoch is a column; darker places hold more of the activations, with the square root of
    their share, so that a few of them are still seen. Two dark edges of a sigmoid
    or tanh layer are saturated units. A dark line at 0 of a relu layer is its silent units.

    Parameters
    ----------
    record : LayerRecord
        The callback `callbacks.LayerRecord` after training.
    layer : int
        1 to L, the layer as in a^l.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.images[0]`` has an array (bins, T): the share of the layer's activations in %. The
        lowest activations are its first row.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    DataError
        The record is empty.
    OptionError
        The network has no such layer.
    DTypeError
        `ax` is no axes.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net, (X, Y) = bp.Network([2, 9, 9, 1], "sigmoid", "sigmoid", "huber"), bp.datasets.xor()
    >>> record = bp.callbacks.LayerRecord(X, Y)
    >>> run = bp.train(net, X, Y, epochs=30, callbacks=[record])
    >>> ax = bp.plots.activation_histogram(record, layer=1)  # doctest: +SKIP
    """
    edges, counts = (
        getattr(_filled(record, "activation_histogram(record)"), name)
        for name in ("edges", "counts")
    )
    layers = range(1, edges.shape[1] + 1)
    if isinstance(layer, bool) or layer not in layers:
        expected = f"a layer from 1 to {len(layers)}"
        where, advice = "activation_histogram(layer)", "Layer 1 is the first after the inputs"
        raise OptionError(where, repr(layer), expected, advice)
    shares, common = _on_common_bins(edges[:, layer - 1], counts[:, layer - 1])
    epochs = record.epochs
    panel = panel_of(ax, "activation_histogram")
    sides = (epochs[0] - 0.5, epochs[-1] + 0.5, common[0], common[-1])
    colours = {"cmap": "Blues", "norm": matplotlib("colors").PowerNorm(0.5, vmin=0)}
    picture = {"aspect": "auto", "origin": "lower", "interpolation": "nearest", **colours}
    image = panel.imshow(100 * shares.T, extent=sides, **picture)
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"activation a of layer {layer}")
    whole_numbers(panel.xaxis)
    colour_bar(panel, image, "share of the activations (%)")
    return panel


def _on_common_bins(
    edges: NDArray[np.float64], counts: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return shares (T, bins) on bins that all epochs have in common, and their edges (bins + 1,).

    `edges` is (T, bins + 1), `counts` is (T, bins). Within a bin the counts are spread evenly.
    """
    common = np.linspace(edges.min(), edges.max(), counts.shape[1] + 1)
    shares = []
    for of_epoch, count in zip(edges, counts, strict=True):
        below = np.concatenate([[0.0], np.cumsum(count)]) / max(count.sum(), 1)
        shares.append(np.diff(np.interp(common, of_epoch, below)))
    return np.array(shares), common


def _filled(record: Any, where: str) -> Any:
    """Return a record that has entries.

    Raises
    ------
    DataError
    """
    if not len(record.epochs):
        advice = "Train first: bp.train(net, X, Y, callbacks=[record])"
        raise DataError(where, "an empty record", "at least one epoch", advice)
    return record
