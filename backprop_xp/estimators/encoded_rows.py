"""Rows of a table that become inputs of a network when they are needed."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import Table

__all__ = ["EncodedRows"]

_ROWS: Final = 2**12  # that are preprocessed at once


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Rows of a table, and the step that makes inputs of them.

    A row of 20 numbers becomes 660 inputs. So the rows are kept, and their inputs are made once for
    each stack, in the dtype of training.

    Attributes
    ----------
    table : Table
        The columns as the user passed them.
    step : Step

    Examples
    --------
    >>> from backprop_xp.preprocessing.scaling import Standardisation
    >>> half = Standardisation(np.array([0.0]), np.array([2.0]))
    >>> EncodedRows(Table((np.array([[8.0]]),)), half).inputs(6.0, "float32", np.array([0, -1]))
    array([[24.,  0.]], dtype=float32)
    """

    table: Table
    step: Step

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.table.shape[0]

    def inputs(self, factor: float, dtype: str, columns: NDArray[np.int64]) -> NDArray[Any]:
        """Return chosen columns of the numbers that the step makes, times a factor, (m, n).

        Parameters
        ----------
        factor : float
        dtype : str
        columns : array (n,) of int
            −1 for a column of zeros.
        """
        made = np.zeros((len(self), len(columns)), dtype=dtype)
        places = np.flatnonzero(columns >= 0)
        for start in range(0, len(self), _ROWS):
            part = slice(start, start + _ROWS)
            numbers = self.step.apply(self.table.rows(part)).numbers()
            made[part, places] = numbers[:, columns[places]] * factor
        return made
