"""Tables in CSV and NPZ files: features X, and a target Y to learn.

The files may come from anywhere. No code in them is run. A value that cannot be read exactly is
refused with its line and column; no value is guessed, filled in or skipped.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import is_missing, is_number, shown, targets_in
from backprop_xp.datasets.csv_file import place, read_cells, read_columns
from backprop_xp.datasets.csv_layout import Names, layout_of
from backprop_xp.datasets.dataset import Targets
from backprop_xp.datasets.npz_table import npz_features, npz_targets
from backprop_xp.errors import DataError, OptionError, check_is_file

__all__ = ["Table", "read_features", "read_mixed_features", "read_table"]

_TRUTHS: Final = {"true": 1.0, "false": 0.0}  # in lower case


class Table(NamedTuple):
    """The features and the target of a file.

    Attributes
    ----------
    X : array (m, n_in)
        The features, all finite: float64 from CSV, the stored float type from NPZ. Integers in an
        NPZ file become float32 up to 16 bits, float64 beyond.
    Y : array
        Class labels (m,) of int64, or targets (m, n_out) of a float type, all finite.
    feature_names : tuple of str
        The names of X's columns; empty where neither the file nor the caller names them.
    class_names : tuple of str or None
        The names of the classes, ``class_names[label]``; None where Y holds targets.
    """

    X: NDArray[np.floating[Any]]
    Y: Targets
    feature_names: Names
    class_names: Names | None


def read_table(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    header: bool | None = None,
) -> Table:
    r"""Return the features and the target of a file.

    A **CSV** file is UTF-8. A tab, a semicolon, a comma or a bar separates cells: the first of
    these four, in this order, that the first line has outside quotation marks. A line such as
    ``sep=:`` above the table names another separator. Empty lines are skipped. The first line is a
    header where a cell of a feature is text, or where the target's cell is text above a number. A
    first line that may also be a row, such as ``1,2,-`` or ``5%,TRUE``, is refused unless `header`
    is given. An **NPZ** file holds an array X (or x), (m, n_in), and an array Y (or y), (m,) or (m,
    n_out).

    A target column holds classes where all its cells are text. It also holds classes where its
    cells are whole numbers without a decimal point, each of 0 to K-1 occurs and no other, and K is
    2 or there are at least two rows per class on average. All other columns hold numbers to
    predict. To have 0, 1, 2 read as numbers, write 0.0, 1.0, 2.0, or pass ``class_names=()``. In an
    NPZ file integers and texts follow the same rule; floats are numbers to predict.

    Parameters
    ----------
    path : str or path
        A file whose name ends in .csv or .npz.
    target : str or int, optional
        The target's column, by its name in the header or by its index from 0 (or from -1 at the
        end). Default: the last column. In NPZ files the name of the target's array. Default: Y.
    feature_names : sequence of str, optional
        The columns of X, found by name in a file with a header; other columns are ignored.
        Default: all columns but the target.
    class_names : sequence of str, optional
        The classes of a trained model. A label is a position in this sequence, also where the file
        lacks some of the classes. Empty: the target is numbers. Default: the rule above.
    header : bool, optional
        Whether the first line of a CSV file names the columns. Default: the rule above.

    Returns
    -------
    Table

    Raises
    ------
    MissingFileError
        There is no such file, or it is a folder or a pipe.
    OptionError
        The file is neither .csv nor .npz, has no such target, or is an NPZ file with `header`.
    DataError
        The file cannot be read exactly: it is not UTF-8, it has no rows or rows of different
        lengths, the first line is ambiguous, a value is missing or infinite, a text is among
        numbers, a class is unknown, the archive is damaged or holds pickles.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "flowers.csv")
    ...     _ = path.write_text("length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n")
    ...     table = read_table(path)
    >>> table.X
    array([[5.1, 3.5], [6.2, 2.9]])
    >>> table.Y, table.class_names, table.feature_names
    (array([0, 1]), ('setosa', 'virginica'), ('length', 'width'))
    """
    file = _checked(path)
    wanted = tuple(feature_names or ())
    known = None if class_names is None else tuple(class_names)
    _check_header(header, file)
    if file.suffix.lower() == ".npz":
        X = npz_features(file, wanted)
        Y, classes = npz_targets(file, target, known, len(X))
        return Table(X, Y, wanted, classes)
    layout = layout_of(file, target, wanted, header, needs_target=True)
    columns = read_columns(file, layout.header, layout.features, layout.target)

    def where(row: int) -> str:
        return place(file, columns.lines[row], layout.target or 0, layout.target_name)

    Y, classes = targets_in(columns.target, known, where)
    return Table(columns.X, Y, columns.names or wanted, classes)


def read_features(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    feature_names: Sequence[str] | None = None,
    *,
    header: bool | None = None,
) -> NDArray[np.floating[Any]]:
    r"""Return the features of a file, with or without the target.

    Parameters
    ----------
    path : str or path
        A file as for `read_table`.
    target : str or int, optional
        The target's column, which is left out, by name or index. A file may lack the name. Default:
        no column; but the last column where there is one column more than `feature_names`. In NPZ
        files it is ignored.
    feature_names : sequence of str, optional
        The columns that the model was trained on. In a file with a header they are found by name;
        other columns are ignored. In a file without a header their number is checked.
    header : bool, optional
        As `read_table`.

    Returns
    -------
    array (m, n_in)
        As `Table.X`.

    Raises
    ------
    MissingFileError, OptionError
        As `read_table`.
    DataError
        As `read_table`, or a column of `feature_names` is missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "new.csv")
    ...     _ = path.write_text("width;colour;length\n3.5;blue;5.1\n")
    ...     read_features(path, feature_names=["length", "width"])
    array([[5.1, 3.5]])
    """
    file = _checked(path)
    wanted = tuple(feature_names or ())
    _check_header(header, file)
    if file.suffix.lower() == ".npz":
        return npz_features(file, wanted)
    layout = layout_of(file, target, wanted, header, needs_target=False)
    return read_columns(file, layout.header, layout.features, None).X


def read_mixed_features(
    path: str | os.PathLike[str],
    texts: Collection[int],
    target: str | int | None = None,
    feature_names: Sequence[str] | None = None,
    *,
    header: bool | None = None,
) -> NDArray[np.object_]:
    r"""Return the features of a CSV file, some of which are texts, with NaN for a missing value.

    Parameters
    ----------
    path, target, feature_names, header
        As `read_features`.
    texts : collection of int
        The features that are texts, by their indices; the others are numbers, or true and false in
        any case, which become 1 and 0.

    Returns
    -------
    array (m, n_in) of object
        Texts, and numbers of type float.

    Raises
    ------
    MissingFileError, OptionError
        As `read_features`.
    DataError
        As `read_features`, but a value may be missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "new.csv")
    ...     _ = path.write_text("width,colour\n3.5,blue\nNA,red\n")
    ...     read_mixed_features(path, [1], feature_names=["width", "colour"])
    array([[3.5, 'blue'],
           [nan, 'red']], dtype=object)
    """
    file = _checked(path)
    layout = layout_of(file, target, tuple(feature_names or ()), header, needs_target=False)
    columns, lines = read_cells(file, layout.header, layout.features)
    X = np.empty((len(lines), len(columns)), dtype=object)
    for j, cells in enumerate(columns):
        for row, cell in enumerate(cells):
            if is_missing(cell):
                X[row, j] = np.nan
            elif j in texts:
                X[row, j] = cell
            elif is_number(cell):
                X[row, j] = float(cell)
            elif cell.lower() in _TRUTHS:
                X[row, j] = _TRUTHS[cell.lower()]
            else:
                name = feature_names[j] if feature_names else ""
                where = place(file, lines[row], layout.features[j], name)
                advice = "Correct the cell, or leave it empty"
                raise DataError(where, f"the text {shown(cell)}", "a number", advice)
    return X


def _checked(path: str | os.PathLike[str]) -> Path:
    """Return the path after checking its suffix and that the file exists."""
    file = Path(path)
    if file.suffix.lower() not in (".csv", ".npz"):
        advice = "Export the table as CSV, or save arrays X and Y with numpy.savez"
        raise OptionError("read_file(path)", repr(str(file)), "a name in .csv or .npz", advice)
    check_is_file(file, "read_file(path)", "a .csv or .npz file", f"{str(file)!r}, ")
    return file


def _check_header(header: bool | None, file: Path) -> None:
    """Refuse an option `header` that is no bool, or that is given for an NPZ file."""
    if header is not None and not isinstance(header, bool):
        expected = "True, False, or None to find out"
        raise OptionError("read_file(header)", repr(header), expected, "Leave it out")
    if header is not None and file.suffix.lower() == ".npz":
        came = f"{header} for an NPZ file, {file.name}"
        raise OptionError("read_file(header)", came, "a CSV file", "Leave it out")
