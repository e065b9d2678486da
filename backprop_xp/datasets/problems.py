"""Classic problems: exclusive or, parity, symmetry, the encoder, the family trees."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.datasets.dataset import Dataset
from backprop_xp.datasets.kinship import fact_arrays
from backprop_xp.errors import OptionError

__all__ = ["encoder", "family_trees", "parity", "symmetry", "xor"]

_MAX_BITS: Final = 20  # a million rows
_MAX_CODES: Final = 4096  # 64 MiB


def xor() -> Dataset:
    """Return exclusive or, the smallest problem that needs a hidden layer.

    It is `parity` of 2 bits.

    Returns
    -------
    Dataset
        X (4, 2) and Y (4, 1) of float32, zeros and ones.

    Examples
    --------
    >>> X, Y = xor()
    >>> X.tolist(), Y.ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    return parity(2)


@checks_keywords
def parity(n: int) -> Dataset:
    """Return all inputs of n bits, with target 1 where the number of ones is odd, else 0.

    Parameters
    ----------
    n : int
        The number of bits, 1 to 20.

    Returns
    -------
    Dataset
        X (2**n, n) and Y (2**n, 1) of float32, zeros and ones. Row r of X is r in binary.

    Raises
    ------
    OptionError
        `n` is not an integer from 1 to 20.

    Examples
    --------
    >>> parity(3).Y.ravel()
    array([0., 1., 1., 0., 1., 0., 0., 1.], dtype=float32)
    """
    X = _all_inputs("parity", n)
    return Dataset(X, X.sum(axis=-1, keepdims=True) % 2)


@checks_keywords
def symmetry(n: int = 6) -> Dataset:
    """Return all inputs of n bits, with target 1 where the input is its own mirror image, else 0.

    Parameters
    ----------
    n : int, default 6
        The number of bits, 1 to 20.

    Returns
    -------
    Dataset
        X (2**n, n) and Y (2**n, 1) of float32, zeros and ones. Row r of X is r in binary.

    Raises
    ------
    OptionError
        `n` is not an integer from 1 to 20.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature
    323, 1986, figure 1.

    Examples
    --------
    >>> X, Y = symmetry()
    >>> X.shape, int(Y.sum())
    ((64, 6), 8)
    """
    X = _all_inputs("symmetry", n)
    mirrored = (X[:, ::-1] == X).all(axis=-1, keepdims=True)
    return Dataset(X, mirrored.astype(np.float32))


@checks_keywords
def encoder(n: int) -> Dataset:
    """Return n cases, each with a single 1, whose targets are the inputs themselves.

    The task is to encode them in a hidden layer of fewer than n units, such as log2(n).

    Parameters
    ----------
    n : int
        The number of cases, inputs and outputs, 1 to 4096.

    Returns
    -------
    Dataset
        X (n, n) and Y (n, n) of float32, both the identity matrix.

    Raises
    ------
    OptionError
        `n` is not an integer from 1 to 4096.

    References
    ----------
    Ackley, Hinton and Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive Science
    9, 1985.

    Examples
    --------
    >>> encoder(2).Y
    array([[1., 0.], [0., 1.]], dtype=float32)
    """
    _check_size("encoder", n, _MAX_CODES)
    return Dataset(np.eye(n, dtype=np.float32), np.eye(n, dtype=np.float32))


def family_trees() -> Dataset:
    """Return the 104 facts of two family trees, such as "Colin's aunts: Margaret and Jennifer".

    `datasets.kinship.facts` returns them in words.

    Returns
    -------
    Dataset
        X (104, 36) of float32, a 1 for one of 24 people and a 1 for one of 12 relations; Y
        (104, 24) of float32, a 1 for each person in the answer.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature
    323, 1986, figure 2.

    Examples
    --------
    >>> X, Y = family_trees()
    >>> X.shape, Y.shape
    ((104, 36), (104, 24))
    """
    return Dataset(*fact_arrays())


def _all_inputs(name: str, n: int) -> NDArray[np.float32]:
    """Return 0 to 2**n - 1 in binary, (2**n, n), the most significant bit first."""
    _check_size(name, n, _MAX_BITS)
    numbers = np.arange(2**n, dtype=np.uint32)[:, None]
    places = np.arange(n - 1, -1, -1, dtype=np.uint32)
    return (numbers >> places & 1).astype(np.float32)


def _check_size(name: str, n: int, most: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= most:
        too_large = isinstance(n, int) and n > most
        advice = "Choose a smaller size" if too_large else "Pass a whole number in this range"
        raise OptionError(f"datasets.{name}(n)", repr(n), f"an int from 1 to {most}", advice)
