"""Numbers and names in the tables of LIMITS.md."""

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from benchmarks.limits_cost import Sizes

__all__ = ["Rows", "number", "title"]

Rows: TypeAlias = Iterable[Sequence[str]]


def number(x: float, unit: str = "", digits: int = 2) -> str:
    """Return x with a prefix and a unit; seconds from 100 on are in minutes, hours or days.

    Examples
    --------
    >>> number(0.0000123, "s"), number(4567, "s"), number(23_860), number(math.inf)
    ('12 µs', '1.3 h', '24,000', 'never')
    """
    if math.isinf(x):
        return "never"
    x = float(f"{x:.{digits}g}")
    if not unit and (x == 0 or 0.01 <= x < 1e6):
        return f"{x:,g}" if x < 1000 else f"{x:,.0f}"
    for seconds, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if unit == "s" and x >= max(seconds, 100):
            return f"{float(f'{x / seconds:.2g}'):g} {name}"
    power = math.floor(math.log10(x) / 3)
    return f"{x / 1000.0**power:.4g} {'pnµm kMGTP'[power + 4].strip()}{unit}".rstrip()


def title(sizes: Sizes, m: float) -> str:
    """Return the name of a network and its batch, such as "784-30-10, m 10"."""
    return f"{'-'.join(str(n) for n in sizes)}, m {m}"
