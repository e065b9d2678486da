"""How much a packed file may hold: small files must not unpack to arrays that fill the memory.

Deflated zeros unpack to 1,000 times their size. Pixels and measurements unpack to less than 100
times, and rows of zeros with a single one to some hundred times.
"""

from pathlib import Path
from typing import Final

__all__ = ["PACKED", "most_unpacked"]

PACKED: Final = 100
"""How many times larger than its file a large array may be."""

_LARGE: Final = 2**28  # bytes: 256 MiB


def most_unpacked(file: Path) -> int:
    """Return how many bytes an array in a packed file may have: 256 MiB, or 100 times the file."""
    return max(_LARGE, PACKED * file.stat().st_size)
