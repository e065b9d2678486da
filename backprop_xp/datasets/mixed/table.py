"""A table of numbers, categories and dates, and what was decided about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.datasets.mixed.summary import summary_of

__all__ = ["MixedTable"]


@checks_keywords
@dataclass(frozen=True, eq=False)
class MixedTable:
    """The features and the target of a table of mixed columns, as `read_mixed` returns it.

    Attributes
    ----------
    columns : tuple of array (m,)
        The features: numbers of float64, NaN for a gap; categories as texts in an array of objects,
        None for a gap. A truth value is the number 1 or 0. A date ``when`` is four numbers,
        ``when.year``, ``when.month`` from 1, ``when.weekday`` from Monday, 0, and ``when.days``
        since 1970-01-01, of which the time of day is a fraction.
    names : tuple of str
        The names of these columns.
    kinds : tuple of {"number", "category", "truth"}
        The kinds of these columns.
    Y : array or None
        Class labels (m,) of int64; or numbers (m, k) of float64 for k columns, which are 0 and 1
        for labels; None without a target.
    task : {"classes", "numbers", "labels"} or None
        What a network predicts.
    target_names : tuple of str
        The names of the target's columns.
    class_names : tuple of str or None
        The names of the classes, ``class_names[label]``; None where Y holds no classes.
    ids : dict of str to array (m,) of object
        Columns that name the rows, as texts, None for a gap.
    left_out : dict of str to str
        The reason for each column that is neither feature, target nor id.
    lines : array (m,) of int64
        The line of each row in its file, counted from 1; of a frame the row, counted from 0.
    without_target : array of int64
        The lines of rows that are left out, because their target is missing.
    decided : dict
        Everything that was decided, as plain JSON. `read_like` reads other files the same way.
    unit : {"line", "row"}
        The unit of `lines`: a line of a file, or a row of a frame.
    """

    columns: tuple[NDArray[Any], ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    Y: NDArray[Any] | None
    task: str | None
    target_names: tuple[str, ...]
    class_names: tuple[str, ...] | None
    ids: Mapping[str, NDArray[np.object_]]
    left_out: Mapping[str, str]
    lines: NDArray[np.int64]
    without_target: NDArray[np.int64]
    decided: dict[str, Any]
    unit: str = "line"

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lines)

    def rows(
        self, chosen: Sequence[int] | NDArray[Any] | slice = slice(None)
    ) -> NDArray[np.object_]:
        r"""Return the features as rows, which the ensembles' `fit` and `predict` take.

        Parameters
        ----------
        chosen : sequence of int, array or slice
            The rows. Default: all of them.

        Returns
        -------
        array (m, n) of object
            Numbers, NaN for a gap; and texts, None for a gap. `names` has the names of the columns.

        Examples
        --------
        >>> import pathlib, tempfile, backprop_xp as bp
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "rents.csv")
        ...     _ = path.write_text("area,district,rent\n52.5,north,610\n80,south,900\n")
        ...     bp.datasets.read_mixed(path, "rent", categories="district").rows([1])
        array([[80.0, 'south']], dtype=object)
        """
        taken = [column[chosen] for column in self.columns]
        found = np.empty((len(self.lines[chosen]), len(taken)), dtype=object)
        for j, column in enumerate(taken):
            found[:, j] = column
        return found

    def summary(self) -> str:
        r"""Return the columns by kind, the rows and the target, in a line each.

        Examples
        --------
        >>> import pathlib, tempfile, backprop_xp as bp
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "rents.csv")
        ...     _ = path.write_text("area,rent\n52.5,610.5\n80,900\n41,505.5\n")
        ...     print(bp.datasets.read_mixed(path, "rent").summary())
        1 column: 1 number
        3 rows
        target rent: numbers from 505.5 to 900
        """
        return summary_of(self)
