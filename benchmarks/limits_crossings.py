"""Crossings: the m, n, K, G or P at which one bound on training takes over from another.

Symbols are as in `benchmarks.limits_cost`. A crossing that does not exist is inf.
"""

import math
from collections.abc import Callable

from benchmarks import limits_cost as cost
from benchmarks.limits_cost import FLOAT, Link, Machine, Sizes, device_seconds, launches


def crossing(excess: Callable[[float], float], low: float = 1, high: float = 1e9) -> float:
    """Return the zero of a rising `excess`: `low` if it starts above 0, inf if it ends below."""
    if excess(low) >= 0 or excess(high) < 0:
        return low if excess(low) >= 0 else math.inf
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if excess(middle) >= 0 else (middle, high)
    return high


def batch_at_balance(machine: Machine, n_in: float, n_out: float) -> float:
    """Return m past which arithmetic bounds a product, 1 / (1/(2 balance) − 1/n_in − 1/n_out)."""
    rest = 1 / (2 * machine.balance) - 1 / n_in - 1 / n_out
    return 1 / rest if rest > 0 else math.inf


def width_past_launches(machine: Machine, m: float, layers: int = 3) -> float:
    """Return n at which the device takes as long for [n, n, …, n] as the launches."""
    host = launches([1] * (layers + 1)) * machine.launch
    return crossing(lambda n: device_seconds(machine, [n] * (layers + 1), m) - host)


def stack_past_launches(machine: Machine, sizes: Sizes, m: float) -> float:
    """Return K at which the device takes as long for a step as the launches."""
    return launches(sizes) * machine.launch / device_seconds(machine, sizes, m)


def stack_with_tiles(n_out: float, m: float) -> int:
    """Return K at which the products W a have a tile for each processor of an H200."""
    tiles = math.ceil(n_out / cost.TILE) * math.ceil(m / cost.TILE)
    return math.ceil(cost.PROCESSORS / tiles)


def gpus_at_parity(link: Link, P: float, seconds: float) -> float:
    """Return G at which a ring takes `seconds`: 2 h G² + (8 P/rate − 2 h − seconds) G = 8 P/rate.

    h is the link's hop. With more GPUs, each with m cases of its own, the ring takes longer.
    """
    full = 2 * FLOAT * P / link.rate
    middle = full - 2 * link.hop - seconds
    return (math.sqrt(middle**2 + 8 * link.hop * full) - middle) / (4 * link.hop)


def batch_hiding(machine: Machine, sizes: Sizes, G: int) -> float:
    """Return m of each GPU at which the device works as long as the all-reduce of G GPUs."""
    together = cost.all_reduce_seconds(cost.parameter_count(sizes), G)
    return crossing(lambda m: device_seconds(machine, sizes, m) - together)


def parameters_past_stream(machine: Machine, link: Link, bytes_of_case: float) -> float:
    """Return P at which the arithmetic of a case, 6 P flop, takes as long as its transfer."""
    return bytes_of_case * machine.peak / (6 * link.rate)
