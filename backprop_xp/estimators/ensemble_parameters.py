"""The parameters of an ensemble: their checks, and the numbers that a fit derives from them."""

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import OptionError

__all__ = [
    "RATE",
    "batch_size_for",
    "checked_ranges",
    "embedding_sizes",
    "epochs_for",
    "per_architecture",
]

RATE: Final = "Its name here is 'learning_rate'"
FEWEST_EPOCHS: Final = 60
MOST_EPOCHS: Final = 300
UPDATES: Final = 3000  # of a small table, where these bounds allow them
COUNTS: Final[Mapping[str, int]] = MappingProxyType(
    {"networks": 1, "bins": 2, "patience": 1, "folds": 2, "small_table": 0, "most_members": 1}
)
"""The least value of each parameter that is a count."""
MOST: Final[Mapping[str, float]] = MappingProxyType(
    {"learning_rate": np.inf, "weight_decay": np.inf, "dropout": 1.0}
)
"""The bound of each parameter that is a range."""
DEFAULT: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"learning_rate": (8e-4, 4e-3), "weight_decay": (0.05, 0.8), "dropout": (0.0, 0.1)}
)
"""An example of each parameter that is a range, for errors."""


def checked_ranges(given: Any) -> list[tuple[Any, Any, Any]]:
    """Check the parameters; return the ranges of rate, decay and dropout of each architecture.

    Parameters
    ----------
    given : estimator

    Raises
    ------
    OptionError
        A parameter is out of range; the message names it.
    """
    for name, least in COUNTS.items():
        check_count(getattr(given, name), name, least=least)
    fraction = given.validation_fraction
    if not 0 < finite_number(fraction, "validation_fraction") < 1:
        advice = "Use 0.2"
        raise OptionError("validation_fraction", repr(fraction), "above 0 and below 1", advice)
    for name in ("embedding_sizes", "hidden_layer_sizes"):
        sizes = np.atleast_1d(getattr(given, name)).tolist()
        if not sizes and name == "embedding_sizes":
            raise OptionError(name, "none", "one size or more", "Use (8, 4)")
        for size in sizes:
            check_count(size, name, least=1)
    if given.dtype not in ("float32", "float64"):
        raise OptionError("dtype", repr(given.dtype), "float32 or float64", "Use 'float32'")
    for name in ("batch_size", "epochs"):
        value = getattr(given, name)
        if not (isinstance(value, str) and value == "auto"):
            check_count(value, name, least=1)
    count = len(embedding_sizes(given))
    each = [_ranges(getattr(given, name), name, count, most) for name, most in MOST.items()]
    return list(zip(*each, strict=True))


def _ranges(given: Any, name: str, count: int, most: float) -> list[tuple[float, float]]:
    """Return a range for each architecture."""
    bound = "" if most == np.inf else f" < {most:g}"
    expected = f"a pair (low, high), 0 <= low <= high{bound}, or {count} of them"
    pairs: list[tuple[float, float]] = []
    try:
        one = isinstance(given[0], Real)
        for low, high in [given] * count if one else given:
            pairs.append((float(low), float(high)))
        good = all(0 <= low <= high < most for low, high in pairs)
    except (TypeError, ValueError, LookupError):
        good = False
    if not good:
        came, advice = f"{given!r:.60}", f"Such as {name}={DEFAULT[name]}, for all architectures"
        raise OptionError(name, came, expected, advice)
    if len(pairs) != count:
        came = f"{len(pairs)} ranges for {count} of embedding_sizes"
        advice = f"Such as {name}={pairs[0]}, for all architectures"
        raise OptionError(name, came, expected, advice)
    return pairs


def embedding_sizes(given: Any) -> list[int]:
    """Return the most units of a feature for each architecture; one number is one architecture."""
    return [int(one) for one in np.atleast_1d(given.embedding_sizes)]


def per_architecture(given: Any) -> list[int]:
    """Return the number of candidates of each architecture of an estimator."""
    n = len(embedding_sizes(given))
    return [given.networks // n + (place < given.networks % n) for place in range(n)]


def batch_size_for(given: int | str, m: int) -> int:
    """Return the batch size for m rows.

    Examples
    --------
    >>> batch_size_for(10, 1000), [batch_size_for("auto", m) for m in (50, 600, 9000)]
    (10, [16, 64, 128])
    """
    if not isinstance(given, str):
        return int(given)
    return int(min(max(2 ** int(np.log2(max(m // 8, 1))), 16), 128))


def epochs_for(given: int | str, steps: int) -> int:
    """Return the most epochs, for `steps` batches in each.

    Examples
    --------
    >>> epochs_for(5, 10), [epochs_for("auto", steps) for steps in (2, 10, 90)]
    (5, [300, 300, 60])
    """
    if not isinstance(given, str):
        return int(given)
    return min(max(FEWEST_EPOCHS, -(-UPDATES // steps)), MOST_EPOCHS)
