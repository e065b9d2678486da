"""A chart of curves by epoch in SVG, small enough to be drawn while a network trains."""

from collections.abc import Mapping
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.display.scales import Scale, spans_decades
from backprop_xp.display.svg import COLOURS, band, dot, lines, thinned

__all__ = ["curve_chart"]

_WIDTH, _HEIGHT = 560, 230  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 26, 36  # around the axes
_MOST_POINTS: Final = 240
_TEXT: Final = 'font-size="12" fill="currentColor"'


def curve_chart(curves: Mapping[str, NDArray[np.float64]], title: str) -> str:
    """Return the curves as an SVG element, in the colours of the page's text and background.

    The vertical axis is logarithmic where all values are above 0 and span more than a factor of
    ten. Of many epochs 240 are drawn, evenly spaced, with the last. NaN and infinite values leave a
    gap.

    Parameters
    ----------
    curves : mapping of arrays (3, epochs)
        By name, two at most: the lower quartile, the median and the upper quartile at each epoch. A
        band is drawn where the quartiles differ from the median.
    title : str
        The quantity on the vertical axis.

    Examples
    --------
    >>> curve_chart({"training": np.array([[1.0, 0.5]] * 3)}, "cost E").count("<polyline")
    1
    """
    epochs = max((values.shape[1] for values in curves.values()), default=0)
    finite = np.concatenate([values[np.isfinite(values)] for values in (*curves.values(), _NONE)])
    parts = [f'<text x="4" y="14" {_TEXT}>{escape(title)}</text>']
    if finite.size:
        x = Scale(1.0, float(max(epochs, 2)), _LEFT, _WIDTH - _RIGHT, whole=True)
        y = _vertical(float(finite.min()), float(finite.max()))
        parts += [_axes(x, y)]
        for colour, (name, values) in zip(COLOURS, curves.items(), strict=False):
            parts += [_curve(values, x, y, colour), _key(name, colour, list(curves).index(name))]
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    look = 'style="max-width:100%;height:auto" font-family="sans-serif"'
    label = escape(f"{title} by epoch: {', '.join(curves)}")
    return f'<svg {size} {look} role="img" aria-label="{label}">{"".join(parts)}</svg>'


_NONE: Final = np.zeros(0)


def _vertical(low: float, high: float) -> Scale:
    """Return the vertical axis of values from `low` to `high`, with a margin."""
    start, end = _HEIGHT - _BOTTOM, _TOP
    if spans_decades(low, high):
        return Scale(low / 1.15, high * 1.15, start, end, logarithmic=True)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Scale(low - margin, high + margin, start, end)


def _axes(x: Scale, y: Scale) -> str:
    """Return the marks of both axes, with their numbers, and lines across the chart."""
    parts = []
    for value, pixel in zip(y.marks(), y.at(np.array(y.marks())), strict=True):
        ends = f'x1="{x.start}" x2="{x.end}" y1="{pixel:.1f}" y2="{pixel:.1f}"'
        parts.append(f'<line {ends} stroke="currentColor" stroke-opacity="0.15"/>')
        place = f'x="{x.start - 6}" y="{pixel + 4:.1f}" text-anchor="end"'
        parts.append(f"<text {place} {_TEXT}>{value:g}</text>")
    for value, pixel in zip(x.marks(), x.at(np.array(x.marks())), strict=True):
        place = f'x="{pixel:.1f}" y="{y.start + 16}" text-anchor="middle"'
        parts.append(f"<text {place} {_TEXT}>{value:g}</text>")
    ends = f'x1="{x.start}" x2="{x.end}" y1="{y.start}" y2="{y.start}"'
    parts.append(f'<line {ends} stroke="currentColor" stroke-opacity="0.5"/>')
    middle = f'x="{(x.start + x.end) / 2}" y="{_HEIGHT - 4}" text-anchor="middle"'
    parts.append(f"<text {middle} {_TEXT}>epoch</text>")
    return "".join(parts)


def _curve(values: NDArray[np.float64], x: Scale, y: Scale, colour: str) -> str:
    """Return a median with its band, and a dot at its last finite value."""
    shown = thinned(values.shape[1], _MOST_POINTS)
    across, (low, middle, high) = x.at(shown + 1.0), y.at(values[:, shown])
    has_band = bool(((low != middle) | (high != middle)).any())
    points = np.stack([across, middle], axis=-1)
    finite = np.isfinite(middle)
    return (
        (band(across, high, low, colour) if has_band else "")
        + lines(points, colour)
        + (dot(points[finite][-1], colour) if finite.any() else "")
    )


def _key(name: str, colour: str, place: int) -> str:
    """Return the name of a curve beside a stroke of its colour, above the axes."""
    x = _WIDTH - _RIGHT - 110 * (2 - place)
    stroke = f'x1="{x}" x2="{x + 16}" y1="10" y2="10" stroke="{colour}" stroke-width="2.5"'
    return f'<line {stroke}/><text x="{x + 22}" y="14" {_TEXT}>{escape(name)}</text>'
