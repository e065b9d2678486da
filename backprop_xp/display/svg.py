"""Parts of drawings in SVG: lines with gaps, bands and dots."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLOURS", "band", "dot", "lines", "thinned"]

COLOURS: Final = ("#0072B2", "#D55E00")
"""Blue and vermilion of the palette of Okabe and Ito, seen on white and on black."""

Points = NDArray[np.float64]


def thinned(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` indices below `count`, evenly spaced, with the first and the last.

    Examples
    --------
    >>> thinned(9, 3), thinned(2, 3)
    (array([0, 4, 8]), array([0, 1]))
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def lines(points: Points, colour: str) -> str:
    """Return lines through points (n, 2), in pixels; NaN and infinite points leave a gap.

    Examples
    --------
    >>> lines(np.array([[0, 1], [2, 3], [np.nan, 0], [4, 5], [6, 7]]), "red").count("<polyline")
    2
    """
    style = f'fill="none" stroke="{colour}" stroke-width="1.5"'
    return "".join(
        f'<polyline points="{_path(part)}" {style}/>' for part in _parts(points) if len(part) > 1
    )


def band(across: Points, upper: Points, lower: Points, colour: str) -> str:
    """Return the area between two curves (n,) over `across` (n,), in pixels, with gaps as `lines`.

    Examples
    --------
    >>> x, y = np.array([0.0, 1.0]), np.array([5.0, 6.0])
    >>> band(x, y, y + 1, "red").count("<polygon")
    1
    """
    both = np.stack([across, upper, lower], axis=-1)
    style = f'fill="{colour}" fill-opacity="0.2"'
    areas = []
    for part in _parts(both):
        there, back = part[:, [0, 1]], part[::-1, [0, 2]]
        areas.append(f'<polygon points="{_path(np.concatenate([there, back]))}" {style}/>')
    return "".join(areas)


def dot(point: Points, colour: str) -> str:
    """Return a dot at a point (2,), in pixels.

    Examples
    --------
    >>> dot(np.array([1.0, 2.0]), "red")
    '<circle cx="1.0" cy="2.0" r="2" fill="red"/>'
    """
    x, y = point
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>'


def _parts(points: Points) -> list[Points]:
    """Return the runs of finite points."""
    finite = np.isfinite(points).all(axis=1)
    ends = np.flatnonzero(np.diff(finite)) + 1
    return [part for part in np.split(points, ends) if len(part) and np.isfinite(part).all()]


def _path(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
