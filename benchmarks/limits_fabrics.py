"""Scaling by fabric: one network on up to 1,024 GPUs, with equal work for each or in all.

Symbols are as in `benchmarks.limits_cost`. A step on each GPU and an all-reduce follow each other.
Steps are CUDA graphs on an H200. "Weak": each GPU keeps its m cases. "Strong": the batch of all
GPUs keeps its M cases, so that training is the same on any number of GPUs.
"""

import math
from collections.abc import Callable

from benchmarks import limits_cost as cost
from benchmarks.limits_cost import CASES, CORE, ETHERNET, GRAPH, NETWORK, NVLINK, PCIE, RANKS, Link
from benchmarks.limits_crossings import crossing
from benchmarks.limits_text import Rows, number, title

BATCH = 65_536  # M, cases in a batch of all GPUs
CASES_OF_ALL = 10**9
PLACES = [  # GPUs, and the slowest link between them
    *((8, NVLINK), (8, PCIE), (64, NETWORK), (64, ETHERNET), (1024, NETWORK), (1024, ETHERNET)),
]
NETWORKS = (NVLINK, PCIE, NETWORK, ETHERNET)


def together_seconds(link: Link, P: float, G: float) -> float:
    """Return min(ring, tree) seconds of an all-reduce in which each GPU has this link."""
    return min(cost.ring_seconds(link, P, G), cost.tree_seconds(link, P, G))


def step_of(sizes: cost.Sizes, m: float) -> float:
    """Return the seconds of a step without an all-reduce."""
    return cost.step_seconds(GRAPH, sizes, m)


def weak_efficiency(link: Link, sizes: cost.Sizes, m: float, G: int) -> float:
    """Return the speed of G GPUs with m cases each, as a share of G times the speed of one."""
    step = step_of(sizes, m)
    return step / (step + together_seconds(link, cost.parameter_count(sizes), G))


def strong_speed_up(link: Link, sizes: cost.Sizes, M: float, G: int) -> float:
    """Return the speed of G GPUs that share M cases, as a multiple of the speed of one."""
    shared = step_of(sizes, M / G) + together_seconds(link, cost.parameter_count(sizes), G)
    return step_of(sizes, M) / shared


def gpus_at_overtaking(link: Link, sizes: cost.Sizes, M: float) -> float:
    """Return G from which the all-reduce of a ring takes longer than the step of M / G cases."""
    P = cost.parameter_count(sizes)
    return crossing(lambda G: cost.ring_seconds(link, P, G) - step_of(sizes, M / G), 1, M)


def numbers_at_balance(link: Link, G: int) -> float:
    """Return P at which the bytes of a ring take as long as its hops, G α β / 4."""
    return G * link.hop * link.rate / cost.FLOAT


def balances() -> Rows:
    """Yield the P from which bytes, not hops, decide the time of a ring."""
    yield "link", "α", "β", *(f"P, {G:,} GPUs" for G in (2, 8, 64, 1024))
    for link in (*NETWORKS, RANKS):
        found = (number(numbers_at_balance(link, G)) for G in (2, 8, 64, 1024))
        yield link.name, number(link.hop, "s"), number(link.rate, "B/s", 3), *found


def weak() -> Rows:
    """Yield the efficiency of weak scaling, and the G past which the ring takes half the time."""
    yield "network", *_places(), *(f"half, {link.name}" for link in (NETWORK, ETHERNET))
    for sizes, m in CASES:
        shares = (_percent(weak_efficiency(link, sizes, m, G)) for G, link in PLACES)
        P, step = cost.parameter_count(sizes), step_of(sizes, m)
        half = (_gpus_at_half(link, P, step) for link in (NETWORK, ETHERNET))
        yield title(sizes, m), *shares, *half


def strong() -> Rows:
    """Yield the speed-up of strong scaling, and the G past which communication takes longer."""
    yield "network", *_places(), *(f"half, {link.name}" for link in (NETWORK, ETHERNET))
    for sizes, _ in CASES:
        found = (number(strong_speed_up(link, sizes, BATCH, G)) for G, link in PLACES)
        half = (number(gpus_at_overtaking(link, sizes, BATCH)) for link in (NETWORK, ETHERNET))
        yield _name(sizes), *found, *half


def billions() -> Rows:
    """Yield the time of 10⁹ cases in batches of M, and the share of the all-reduce."""
    yield "network", "1 GPU", *_places()
    for sizes, _ in CASES:
        P, steps = cost.parameter_count(sizes), math.ceil(CASES_OF_ALL / BATCH)
        cells = [number(steps * step_of(sizes, BATCH), "s")]
        for G, link in PLACES:
            step, together = step_of(sizes, BATCH / G), together_seconds(link, P, G)
            share = _percent(together / (step + together))
            cells.append(f"{number(steps * (step + together), 's')} ({share})")
        yield _name(sizes), *cells


def two_ranks() -> Rows:
    """Yield the share of the sum in a step of two ranks, each on a core."""
    yield "network", "a step on the core", "the sum", "of independent processes"
    for sizes, m in CASES:
        step = cost.step_seconds(CORE, sizes, m)
        together = cost.ring_seconds(RANKS, cost.parameter_count(sizes), 2)
        efficiency = _percent(step / (step + together))
        yield title(sizes, m), number(step, "s"), number(together, "s"), efficiency


TABLES: tuple[Callable[[], Rows], ...] = (balances, weak, strong, billions, two_ranks)


def _name(sizes: cost.Sizes) -> str:
    return "-".join(str(n) for n in sizes)


def _places() -> list[str]:
    return [f"{G:,}, {link.name}" for G, link in PLACES]


def _gpus_at_half(link: Link, P: float, step: float) -> str:
    return number(crossing(lambda G: cost.ring_seconds(link, P, G) - step))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
