"""Sparklines: a curve as small as a word, in SVG, for tables in notebooks."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

__all__ = ["sparkline"]

_WIDTH, _HEIGHT, _EDGE = 120, 24, 2  # pixels
_MOST_POINTS: Final = 120
_COLOUR: Final = "#0072B2"


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
    shown = np.linspace(0, len(y) - 1, min(len(y), _MOST_POINTS)).round().astype(int)
    across = _EDGE + (_WIDTH - 2 * _EDGE) * shown / max(len(y) - 1, 1)
    finite = np.isfinite(y[shown])
    drawn = ""
    if finite.any():
        low, high = y[shown][finite].min(), y[shown][finite].max()
        share = (high - y[shown]) / (high - low if high > low else 1.0)
        points = np.stack([across, _EDGE + (_HEIGHT - 2 * _EDGE) * share], axis=-1)
        ends = np.flatnonzero(np.diff(finite)) + 1
        parts = [part for part in np.split(points, ends) if np.isfinite(part).all()]
        drawn = "".join(_line(part) for part in parts if len(part) > 1)
        x_last, y_last = points[finite][-1]
        drawn += f'<circle cx="{x_last:.1f}" cy="{y_last:.1f}" r="2" fill="{_COLOUR}"/>'
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}">{drawn}</svg>'


def _line(points: np.ndarray) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{_COLOUR}" stroke-width="1.5"/>'
