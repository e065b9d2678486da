"""Targets of an ensemble: classes as labels, numbers with mean 0 and variance 1, and back."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import HostArray
from backprop_xp.network.folding import with_targets
from backprop_xp.network.network import Network

__all__ = ["Targets"]


class Targets(NamedTuple):
    """Targets of training, and the numbers that lead back to the user's units.

    Attributes
    ----------
    Y : array (m,) of int, or (m, n_out)
        Labels; or numbers of mean 0 and variance 1.
    mean, spread : array (n_out,)
        Mean and standard deviation of the user's numbers; 0 and 1 for classes. Where the standard
        deviation is 0, predictions are the mean.
    classes : array or None
        None for numbers.
    flat : bool
        Whether the user's targets are (m,).
    """

    Y: HostArray
    mean: HostArray
    spread: HostArray
    classes: HostArray | None
    flat: bool

    @classmethod
    def of_classes(cls, labels: HostArray, classes: HostArray) -> Self:
        """Return the targets for labels (m,), the positions in `classes`."""
        return cls(labels, np.zeros(1), np.ones(1), classes, flat=True)

    @classmethod
    def of_numbers(cls, y: HostArray, counts: NDArray[np.bool_]) -> Self:
        """Return the targets for numbers (m,) or (m, n_out).

        Parameters
        ----------
        y : array
        counts : array (m,) of bool
            The rows that set mean and spread.

        Examples
        --------
        >>> Targets.of_numbers(np.array([1.0, 3.0, 9.0]), np.array([True, True, False])).Y.ravel()
        array([-1.,  1.,  7.])
        """
        Y = y.reshape(len(y), -1)
        mean, spread = Y[counts].mean(axis=0), Y[counts].std(axis=0)
        unscaled = cls(Y, mean, spread, None, flat=y.ndim == 1)
        return unscaled._replace(Y=unscaled.scaled(y))

    @property
    def unit(self) -> HostArray:
        """The divisor of the user's numbers in `Y`, (n_out,): the spread, or 1 where it is 0."""
        return np.where(self.spread > 0, self.spread, 1.0)

    def scaled(self, y: HostArray) -> HostArray:
        """Return other numbers of the user, (m,) or (m, n_out), in the units of `Y`, (m, n_out)."""
        found: HostArray = (y.reshape(len(y), -1) - self.mean) / self.unit
        return found

    def in_units(self, net: Network, theta: HostArray) -> HostArray:
        """Return θ (K, P) whose outputs are in the user's units."""
        return with_targets(net, theta, self.mean, self.spread).astype(theta.dtype)
