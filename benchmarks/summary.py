"""Figures from times: medians, ratios, rates, shares of the floor, slopes."""

import statistics
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from benchmarks.interleave import Outcome
from benchmarks.job import Job

Figures: TypeAlias = dict[str, float | None]


def ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """Return the median over rounds of times / others, which cancels drifts of the machine.

    Examples
    --------
    >>> ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    2.0
    """
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def slope(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return the exponent p of y ∝ x^p, fitted in logarithms; None for fewer than two points.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    points = [(a, b) for a, b in zip(x, y, strict=True) if a > 0 and b > 0]
    if len({a for a, _ in points}) < 2:
        return None
    logarithms = np.log(np.array(points))
    return float(np.polyfit(logarithms[:, 0], logarithms[:, 1], 1)[0])


def summarise(job: Job, outcome: Outcome, own: str) -> dict[str, Figures]:
    """Return the figures of each peer.

    Returns
    -------
    dict
        Figures by the name of the peer: `median` and `minimum` in seconds; `ratio` and
        `ratio_of_minima`, its time / the time of `own`; `samples_per_second`; `gflop_per_second`
        of the matrix products; `share_of_floor`, the time of the floor / its time; `memory`, its
        peak in bytes; `figure`, the number from its first result. Ratios to a missing `own` or
        floor are None.
    """
    mine, floor = outcome.seconds.get(own), outcome.seconds.get("floor")
    found: dict[str, Figures] = {}
    for peer, times in outcome.seconds.items():
        median = statistics.median(times)
        found[peer] = {
            "median": median,
            "minimum": min(times),
            "ratio": ratio(times, mine) if mine else None,
            "ratio_of_minima": min(times) / min(mine) if mine else None,
            "samples_per_second": job.cases * job.networks / median,
            "gflop_per_second": job.flops() / median / 1e9,
            "share_of_floor": ratio(floor, times) if floor else None,
            "memory": outcome.memory[peer]["peak"],
            "figure": outcome.figures[peer],
        }
    return found
