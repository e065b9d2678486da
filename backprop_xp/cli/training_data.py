"""The cases of a data set or a file, to train on and held out."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp import datasets
from backprop_xp.arrays.advice import nearest_name
from backprop_xp.arrays.random_streams import generator
from backprop_xp.cli.evaluation import are_labels
from backprop_xp.cli.model_notes import ModelNotes
from backprop_xp.datasets.csv_file import first_rows
from backprop_xp.datasets.mixed.source import is_table
from backprop_xp.datasets.tables import read_table
from backprop_xp.errors import DataError, OptionError, check_is_file

__all__ = [
    "SHARE",
    "SMALL",
    "TRUTH_TABLES",
    "Cases",
    "TrainingData",
    "check_header",
    "is_file",
    "training_data",
]

SHARE: Final = 0.2  # of the cases, held out by default
SMALL: Final = 50  # with fewer cases, none are held out by default
TRUTH_TABLES: Final = ("family_trees", "symmetry", "xor")  # small, and never held out by default


class Cases(NamedTuple):
    """Inputs X (m, n_in), and Y, labels (m,) or targets (m, n_out), on the host."""

    X: NDArray[Any]
    Y: NDArray[Any]

    def rows(self, chosen: NDArray[np.intp]) -> "Cases":
        """Return the cases of the chosen rows."""
        return Cases(self.X[chosen], self.Y[chosen])


@dataclass(frozen=True)
class TrainingData:
    """Cases to train on, cases held out, and their names.

    Attributes
    ----------
    train : Cases
    held_out : Cases or None
    notes : ModelNotes
        The names of features and classes.
    from_file : bool
        Whether the cases were read from a file, whose numbers may be of any size.
    """

    train: Cases
    held_out: Cases | None
    notes: ModelNotes
    from_file: bool

    @property
    def small(self) -> bool:
        """Whether the data are a truth table or fewer than `SMALL` cases."""
        m = len(self.train.X) + (len(self.held_out.X) if self.held_out else 0)
        return self.notes.data in TRUTH_TABLES or m < SMALL

    @property
    def n_out(self) -> int:
        """The number of outputs: a unit for each class, or for each target."""
        names = self.notes.class_names
        return self.train.Y.shape[1] if names is None else len(names)


def is_file(name: str) -> bool:
    """Tell whether DATA names a file, not a data set.

    Raises
    ------
    OptionError
        DATA is neither a data set's name nor a file's name in .csv or .npz, which one network
        takes.
    MissingFileError
        There is no such file, or it is a folder or a pipe.
    """
    if name in datasets.NAMES:
        return False
    suffix = Path(name).suffix.lower()
    if suffix in (".csv", ".npz"):
        check_is_file(Path(name), "DATA", "a .csv or .npz file", f"{name!r}, ")
        return True
    known = f"one of {', '.join(datasets.NAMES)}, or a file such as table.csv or table.npz"
    advice = nearest_name(name, datasets.NAMES)
    if is_table(name):
        advice = "Leave the options of one network out, or save the table as .csv"
    elif suffix:
        advice = "Save the table as 'CSV UTF-8'"
    raise OptionError("DATA", repr(name), known, advice)


def training_data(
    name: str,
    target: str | None,
    held_out: float | None,
    seed: int,
    header: bool | None = None,
) -> TrainingData:
    """Return the cases to train on and the cases held out.

    Parameters
    ----------
    name : str
        A name in `datasets.NAMES`, or a .csv or .npz file.
    target : str or None
        The target's column, by name, or by index if it is a whole number; in NPZ files the name of
        an array. None: the last column, or the array Y.
    held_out : float or None
        The share of the cases to hold out, from 0 to below 1. None: the test part of the data where
        there is one; 0 for truth tables and for fewer than 50 cases; else 0.2.
    seed : int
        Chooses the cases held out.
    header : bool or None
        Whether the first line of a CSV file names the columns; None to find out.

    Raises
    ------
    BackpropError
        There are no such data, or they cannot be read or split.
    """
    check_header(name, header)
    if is_file(name):
        data = _from_file(name, target, header)
    elif target is None:
        data = _from_library(name)
    else:
        came, advice = f"{target!r} with the data set {name!r}", "Leave --target out"
        raise OptionError("--target", came, "a .csv or .npz file as DATA", advice)
    if held_out is None and data.held_out is not None:
        return data
    share = held_out if held_out is not None else 0.0 if data.small else SHARE
    return _split(data, share, seed)


def _from_library(name: str) -> TrainingData:
    found = datasets.NAMES[name]()
    train, test = found if isinstance(found, datasets.Split) else (found, None)
    labels = tuple(map(str, range(int(train.Y.max()) + 1))) if are_labels(train.Y) else None
    held_out = None if test is None else Cases(*test)
    return TrainingData(Cases(*train), held_out, ModelNotes(name, (), labels), False)


def check_header(name: str, header: bool | None) -> None:
    """Refuse ``--header`` and ``--no-header`` unless DATA names a CSV file.

    Raises
    ------
    OptionError
    """
    if header is not None and Path(name).suffix.lower() != ".csv":
        option, advice = "--header" if header else "--no-header", "Leave the option out"
        raise OptionError(option, f"DATA {name!r}", "a .csv file as DATA", advice)


def _from_file(name: str, target: str | None, header: bool | None) -> TrainingData:
    npz = Path(name).suffix.lower() == ".npz"
    where = target if npz else _index_or_name(target)
    X, Y, features, classes = read_table(name, where, header=header)
    if classes is not None and len(classes) < 2:
        came = f"a target that is {classes[0]!r} in every row"
        raise DataError(name, came, "at least two classes", "Check --target")
    if features:
        names = first_rows(Path(name)).first
        where = where if isinstance(where, str) else names[-1 if where is None else where]
    notes = ModelNotes(Path(name).name, features, classes, where)
    return TrainingData(Cases(X, Y), None, notes, True)


def _index_or_name(target: str | None) -> str | int | None:
    try:
        return int(target or "")
    except ValueError:
        return target


def _split(data: TrainingData, share: float, seed: int) -> TrainingData:
    """Return the data with this share of the cases held out, chosen by `seed`."""
    m = len(data.train.X)
    count = round(m * share)
    if share and not 1 <= count < m:
        came = f"{share:g} of {m} cases, which is {count}"
        advice = "Use another share, or 0 to train on all of them"
        raise OptionError("--held-out", came, "at least one to train on and one held out", advice)
    if not count:
        return replace(data, held_out=None)
    order = generator(seed, "split").permutation(m)
    train, held_out = data.train.rows(order[:-count]), data.train.rows(order[-count:])
    return replace(data, train=train, held_out=held_out)
