"""Sparklines: a curve as small as a word, in SVG, for tables in notebooks."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from backprop_xp.display.svg import COLOURS, dot, lines, thinned

__all__ = ["sparkline"]

_WIDTH, _HEIGHT, _EDGE = 120, 24, 2  # pixels
_MOST_POINTS: Final = 120


def sparkline(values: Sequence[float], label: str) -> str:
    """Return a curve as an SVG element, with a dot at its last finite value.

    The vertical axis goes from the least to the greatest value. Of many values 120 are drawn,
    evenly spaced. NaN and infinite values leave a gap.

    Parameters
    ----------
    values : sequence of float
    label : str
        The text for readers who do not see the curve.

    Examples
    --------
    >>> sparkline([3.0, 1.0], "cost")[:40]
    '<svg width="120" height="24" viewBox="0 '
    >>> sparkline([3.0, 1.0], "cost").count("polyline")
    1
    """
    y = np.asarray(values, dtype=np.float64)
    shown = thinned(len(y), _MOST_POINTS)
    across = _EDGE + (_WIDTH - 2 * _EDGE) * shown / max(len(y) - 1, 1)
    finite = np.isfinite(y[shown])
    drawn = ""
    if finite.any():
        low, high = y[shown][finite].min(), y[shown][finite].max()
        share = (high - y[shown]) / (high - low if high > low else 1.0)
        points = np.stack([across, _EDGE + (_HEIGHT - 2 * _EDGE) * share], axis=-1)
        drawn = lines(points, COLOURS[0]) + dot(points[finite][-1], COLOURS[0])
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}">{drawn}</svg>'
