"""Curves of one network, or of a stack: thin lines, a band of the middle half, and the median."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.display.bands import middle_half

__all__ = ["draw_band"]

_MOST_LINES: Final = 200


def draw_band(
    panel: Any, x: Any, values: NDArray[np.float64], colour: Any, label: str
) -> NDArray[np.float64]:
    """Draw the curves `values` (epochs, networks) over `x` (epochs,); return their median.

    Several networks are a thin line each, 200 of them at most, and a band from the lower to the
    upper quartile at each epoch. The label is the median's.
    """
    networks = values.shape[1]
    low, middle, high = middle_half(values)
    if networks > 1:
        shown = np.linspace(0, networks - 1, min(networks, _MOST_LINES)).astype(int)
        panel.plot(x, values[:, shown], color=colour, linewidth=0.6, alpha=0.25)
        panel.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    marker = "o" if len(values) == 1 else None
    panel.plot(x, middle, color=colour, linewidth=1.8, marker=marker, label=label)
    return np.asarray(middle)
