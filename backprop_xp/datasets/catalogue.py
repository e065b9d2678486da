"""The data sets of the command line by name, and tables in files."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.datasets.dataset import Dataset, Split
from backprop_xp.datasets.images import digits, mnist
from backprop_xp.datasets.problems import family_trees, symmetry, xor
from backprop_xp.datasets.tables import Table, read_table

__all__ = ["NAMES", "read_file"]


@checks_keywords
def read_file(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    header: bool | None = None,
) -> Table:
    r"""Return the features and the target of a .csv or .npz file.

    `tables.read_table` states the rules for headers, classes and missing values.

    Parameters
    ----------
    path : str or path
        A file whose name ends in .csv or .npz.
    target : str or int, optional
        The target's column, by its name or its index from 0. Default: the last column. In NPZ
        files the name of the target's array. Default: Y.
    header : bool, optional
        Whether the first line of a .csv file names the columns. Default: it does where it can be
        nothing else; a line that may also be a row of values is refused.

    Returns
    -------
    Table
        X (m, n_in); Y, labels (m,) or targets (m, n_out); feature_names; class_names.

    Raises
    ------
    MissingFileError
        There is no such file, or it is a folder or a pipe.
    OptionError
        The file is neither .csv nor .npz, or has no such target.
    DataError
        The file is damaged, its first line is ambiguous, or a value is missing or cannot be used.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "flowers.csv")
    ...     _ = path.write_text("length,kind\n5.1,setosa\n6.2,virginica\n")
    ...     table = read_file(path, target="kind")
    >>> table.X.tolist(), table.Y.tolist(), table.class_names
    ([[5.1], [6.2]], [0, 1], ('setosa', 'virginica'))
    """
    return read_table(path, target, header=header)


NAMES: Final[Mapping[str, Callable[[], Dataset | Split]]] = MappingProxyType(
    {
        "digits": digits,
        "family_trees": family_trees,
        "mnist": mnist,
        "symmetry": symmetry,
        "xor": xor,
    }
)
"""The data sets that the command line knows, by name: functions that return them."""
