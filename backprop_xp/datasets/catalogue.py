"""Data sets by the names that a command line may give, and files."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from backprop_xp.datasets.dataset import Dataset, Split
from backprop_xp.datasets.images import digits, mnist
from backprop_xp.datasets.problems import family_trees, symmetry, xor
from backprop_xp.datasets.tables import Table, read_table

__all__ = ["NAMES", "read_file"]


def read_file(path: str | os.PathLike[str], target: str | int | None = None) -> Table:
    """Return the features and the target of a .csv or .npz file; see `tables.read_table`.

    Parameters
    ----------
    path : str or path
        The file.
    target : str or int, optional
        The target's column, by name or index (default: the last); in NPZ files the array's name.

    Returns
    -------
    Table
        X, Y, feature_names and class_names.

    Raises
    ------
    MissingFileError, OptionError, DataError
        There is no such file or target, or the file cannot be read exactly.

    Examples
    --------
    >>> table = read_file("flowers.csv", target="kind")  # doctest: +SKIP
    """
    return read_table(path, target)


NAMES: Final[Mapping[str, Callable[[], Dataset | Split]]] = MappingProxyType(
    {
        "digits": digits,
        "family_trees": family_trees,
        "mnist": mnist,
        "symmetry": symmetry,
        "xor": xor,
    }
)
"""The data that a command line may name, and the functions that return it."""
