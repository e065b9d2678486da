"""The cases to predict: inputs as in training, and the target where the data have it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

from backprop_xp import datasets
from backprop_xp.cli.evaluation import are_labels
from backprop_xp.cli.model_notes import ModelNotes
from backprop_xp.cli.training_data import check_header, is_file
from backprop_xp.datasets.csv_file import first_rows
from backprop_xp.datasets.tables import read_features, read_mixed_features, read_table
from backprop_xp.errors import BackpropError, DataError, OptionError
from backprop_xp.files.model import Model
from backprop_xp.preprocessing.composition import steps_in
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.inputs import text_columns
from backprop_xp.preprocessing.one_hot import OneHotEncoding
from backprop_xp.preprocessing.step import Step

__all__ = ["Given", "given_cases"]

_OF_GAPS: Final = (Imputation, OneHotEncoding)  # steps that take texts or missing values


class Given(NamedTuple):
    """Inputs, and the target where it can be compared with the outputs.

    Attributes
    ----------
    X : array (m, n_in)
    Y : array or None
        Labels (m,) among the model's classes, or targets (m, n_out). None where the data have no
        target, or one that cannot be compared with the outputs.
    why_not : str
        The reason why the target of the data cannot be compared; else empty.
    """

    X: NDArray[Any]
    Y: NDArray[Any] | None = None
    why_not: str = ""


def given_cases(
    name: str, notes: ModelNotes, model: Model[Any], header: bool | None = None
) -> Given:
    """Return the cases of a data set, of its test part where it has one, or of a file.

    Parameters
    ----------
    name : str
        A name in `datasets.NAMES`, or a .csv or .npz file.
    notes : ModelNotes
        The names by which the columns of a file with a header are found.
    model : Model
        Its preprocessing tells which columns are texts and may have gaps.
    header : bool or None
        Whether the first line of a CSV file names the columns; None to find out.

    Raises
    ------
    BackpropError
        There are no such data, or their inputs do not fit the model.
    """
    check_header(name, header)
    n_in, step = model.meaning.columns(model.network), model.preprocessing
    if not is_file(name):
        found = datasets.NAMES[name]()
        given = Given(*(found.test if isinstance(found, datasets.Split) else found))
    elif Path(name).suffix.lower() == ".npz":
        given = _of_npz(name, notes)
    else:
        given = _of_csv(name, notes, n_in, _reader(step), header)
    if given.X.shape[1] != n_in:
        came, advice = f"{given.X.shape[1]} numbers for each case", "Check the name of the data"
        raise DataError(name, came, f"{n_in}, as the model was trained on", advice)
    return _comparable(given, notes, model.network.sizes[-1])


def _reader(step: Step | None) -> Callable[..., NDArray[Any]]:
    """Return the function that reads the columns for a step from a CSV file."""
    if step is None or not any(isinstance(one, _OF_GAPS) for one in steps_in(step)):
        return read_features
    return partial(read_mixed_features, texts=text_columns(step))


def _of_npz(name: str, notes: ModelNotes) -> Given:
    """Return the cases of an NPZ file, with the target of training or else Y."""
    X = read_features(name, None, notes.feature_names)
    wanted = [notes.target] if isinstance(notes.target, str) else []
    for target in [*wanted, None]:
        given = _with_target(name, X, target, notes)
        if given.Y is not None or given.why_not:
            return given
    return Given(X)


def _of_csv(
    name: str,
    notes: ModelNotes,
    n_in: int,
    read: Callable[..., NDArray[Any]],
    header: bool | None,
) -> Given:
    """Return the cases of a CSV file, with the target where it has a column of it."""
    target = notes.target
    if notes.feature_names:
        X = read(name, target=target, feature_names=notes.feature_names, header=header)
        return Given(X) if target is None else _with_target(name, X, target, notes, header)
    # without names, the number of columns tells whether there is a target
    width = len(first_rows(Path(name)).first)
    if width == n_in:
        return Given(read(name, header=header))
    if width != n_in + 1:
        expected = f"{n_in}, as the model was trained on, or {n_in + 1} with the target"
        raise DataError(name, f"{width} columns", expected, "Check that it is the right table")
    index = target if isinstance(target, int) else -1
    X = read(name, target=index, header=header)
    return _with_target(name, X, index, notes, header)


def _with_target(
    name: str,
    X: NDArray[Any],
    target: str | int | None,
    notes: ModelNotes,
    header: bool | None = None,
) -> Given:
    """Return X with the target of the file, or with the reason why it cannot be read."""
    known, names = notes.class_names or (), notes.feature_names
    try:
        table = read_table(name, target, feature_names=names, class_names=known, header=header)
    except OptionError:  # the file has no such target
        return Given(X)
    except BackpropError as error:  # about the target, because X has been read
        return Given(X, None, str(error))
    return Given(X, table.Y)


def _comparable(given: Given, notes: ModelNotes, n_out: int) -> Given:
    """Return the cases, without a target that is not of the kind or the number of the outputs."""
    X, Y = given.X, given.Y
    if Y is None:
        return given
    if are_labels(Y) and n_out == 1:
        return Given(X, Y[:, None])
    if are_labels(Y) and notes.class_names is not None and Y.max() < n_out:
        return given
    if not are_labels(Y) and notes.class_names is None and Y.shape[1] == n_out:
        return given
    held = f"labels 0 to {Y.max()}" if are_labels(Y) else f"{Y.shape[1]} numbers for each case"
    return Given(X, None, f"the target holds {held}, the model has {n_out} outputs")
