"""The summary of a network: a table of its layers, in ASCII for every terminal, and in HTML."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop_xp.network.connections import Mask

__all__ = ["Summary", "html_of", "summary_of"]

_HEAD = ("layer", "inputs", "units", "activation", "parameters", "removed")
_TEXTS = (0, 3)  # columns of texts, which begin at the left


class Summary(str):
    """A text of several lines, which the interactive prompt shows as `print` does.

    Examples
    --------
    >>> Summary("layer  units")
    layer  units
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def summary_of(
    sizes: Sequence[int], activations: Sequence[Any], loss: Any, masks: Sequence[Mask | None]
) -> Summary:
    """Return the table of a network's layers, from the first hidden layer to the output layer.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the inputs first.
    activations : sequence of Activation
    loss : Loss
    masks : sequence of (Mask or None)
        The connections of each layer; None for all of them.

    Examples
    --------
    >>> from backprop_xp.activations import Softmax, Tanh
    >>> from backprop_xp.losses import CrossEntropy
    >>> summary_of([2, 3, 2], [Tanh(), Softmax()], CrossEntropy(), [None, None])
    layer     inputs  units  activation  parameters  removed
    1 hidden       2      3  tanh                 9        0
    2 output       3      2  softmax              8        0
    total                                        17        0
    loss      cross_entropy
    """
    cells = [[_in_ascii(str(cell)) for cell in row] for row in _rows(sizes, activations, masks)]
    cells = [list(_HEAD), *cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    return Summary("\n".join([*lines, f"{'loss'.ljust(widths[0])}  {_in_ascii(_name(loss))}"]))


def html_of(
    sizes: Sequence[int], activations: Sequence[Any], loss: Any, masks: Sequence[Mask | None]
) -> str:
    """Return the table of `summary_of` in HTML; the parameters are the same."""
    from backprop_xp.display.html_table import table  # only notebooks ask for it

    caption = f"Network {' → '.join(map(str, sizes))}, loss {_name(loss)}"
    return table(_HEAD, _rows(sizes, activations, masks), caption=caption, texts=_TEXTS)


def _rows(
    sizes: Sequence[int], activations: Sequence[Any], masks: Sequence[Mask | None]
) -> list[tuple[Any, ...]]:
    """Return the cells of each layer and of the total."""
    rows: list[tuple[Any, ...]] = []
    last = len(sizes) - 1
    for l, (sigma, mask) in enumerate(zip(activations, masks, strict=True), start=1):  # noqa: E741
        n_in, n_out = sizes[l - 1], sizes[l]
        place = "output" if l == last else "hidden"
        removed = 0 if mask is None else int(np.sum(~np.asarray(mask)))
        rows.append((f"{l} {place}", n_in, n_out, _name(sigma), n_out * (n_in + 1), removed))
    return [*rows, ("total", "", "", "", *(sum(row[at] for row in rows) for at in (4, 5)))]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    each = enumerate(zip(cells, widths, strict=True))
    padded = [cell.ljust(n) if at in _TEXTS else cell.rjust(n) for at, (cell, n) in each]
    return "  ".join(padded).rstrip()


def _name(part: Any) -> str:
    """Return the name of an activation or a loss; a user's own may have none."""
    return str(getattr(part, "name", type(part).__name__))


def _in_ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
