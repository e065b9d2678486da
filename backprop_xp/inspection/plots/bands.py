"""Curves of one network, or of a stack: thin lines, a band of the middle half, and the median."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_network", "draw_band"]

_MOST_LINES: Final = 200
_MIDDLE_HALF: Final = (25, 75)  # percentiles


def by_network(entries: Any) -> NDArray[np.float64]:
    """Return entries by epoch as (epochs, networks); a single network is one column."""
    return np.asarray(entries, dtype=np.float64).reshape(len(entries), -1)


def draw_band(
    panel: Any, x: Any, values: NDArray[np.float64], colour: Any, label: str
) -> NDArray[np.float64]:
    """Draw the curves `values` (epochs, networks) over `x` (epochs,); return their median.

    Several networks are a thin line each, 200 of them at most, and a band from the lower to the
    upper quartile at each epoch. The label is the median's.
    """
    networks = values.shape[1]
    if networks > 1:
        shown = np.linspace(0, networks - 1, min(networks, _MOST_LINES)).astype(int)
        panel.plot(x, values[:, shown], color=colour, linewidth=0.6, alpha=0.25)
        low, high = np.percentile(values, _MIDDLE_HALF, axis=1)
        panel.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    middle: NDArray[np.float64] = np.median(values, axis=1)
    marker = "o" if len(values) == 1 else None
    panel.plot(x, middle, color=colour, linewidth=1.8, marker=marker, label=label)
    return middle
