"""Data to train on, each from one call: classic problems, handwritten digits, and files.

Everything comes in rows: X (m, n_in) and Y, class labels (m,) or targets (m, n_out).
"""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import MissingExtraError, OptionError
from backprop_xp.family_trees import fact_arrays
from backprop_xp.idx import read_mnist
from backprop_xp.tables import Table, read_table

__all__ = [
    "NAMES",
    "Dataset",
    "Split",
    "digits",
    "encoder",
    "family_trees",
    "mnist",
    "parity",
    "read_file",
    "symmetry",
    "xor",
]

_MAX_BITS: Final = 20  # a million rows
_MAX_CODES: Final = 4096  # 64 MiB

Targets: TypeAlias = NDArray[np.int64] | NDArray[np.float32]


class Dataset(NamedTuple):
    """Training cases, a row each.

    Attributes
    ----------
    X : array (m, n_in) of float32
        The inputs.
    Y : array
        Class labels (m,) of int64, or targets (m, n_out) of float32.
    """

    X: NDArray[np.float32]
    Y: Targets


class Split(NamedTuple):
    """Cases to train on, and others to test on."""

    train: Dataset
    test: Dataset


def digits() -> Dataset:
    """Return the 1,797 handwritten digits of 8 x 8 pixels that scikit-learn bundles.

    Returns
    -------
    Dataset
        X (1797, 64) in 0 to 1, pixels in steps of 1/16, row by row; Y (1797,), labels 0 to 9.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998 (its test part).

    Examples
    --------
    >>> X, Y = digits()
    >>> X.shape, X.dtype, Y[:5]
    ((1797, 64), dtype('float32'), array([0, 1, 2, 3, 4]))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            "datasets.digits()",
            "no scikit-learn, which bundles the digits",
            "the package scikit-learn",
            "Run: python -m pip install 'backprop-xp[sklearn]'",
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return Dataset((pixels / 16).astype(np.float32), labels.astype(np.int64))


def mnist(folder: str | os.PathLike[str] | None = None) -> Split:
    """Return MNIST: 60,000 handwritten digits to train on, 10,000 to test on.

    Parameters
    ----------
    folder : str or path, optional
        A folder with the four IDX files, plain or gzipped. Default: the folder that the environment
        variable BACKPROP_XP_MNIST names; where it is unset, the files are downloaded once (11 MB).

    Returns
    -------
    Split
        X (60000, 784) and (10000, 784) in 0 to 1, pixels in steps of 1/255, row by row; Y labels
        0 to 9.

    Raises
    ------
    MissingFileError
        The folder lacks a file, or the files cannot be downloaded.
    MissingExtraError
        A download is needed and pooch is not installed.
    DataError
        A file is damaged or is not of MNIST's form.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86, 1998.

    Examples
    --------
    >>> train, test = mnist()  # doctest: +SKIP
    """
    train, test = read_mnist(folder)
    return Split(Dataset(*train), Dataset(*test))


def xor() -> Dataset:
    """Return exclusive or, the smallest problem that needs a hidden layer: `parity` of 2 bits.

    Returns
    -------
    Dataset
        X (4, 2), Y (4, 1), zeros and ones.

    Examples
    --------
    >>> X, Y = xor()
    >>> X.tolist(), Y.ravel().tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    return parity(2)


def parity(n: int) -> Dataset:
    """Return all inputs of n bits, the target 1 where the number of ones is odd.

    Parameters
    ----------
    n : int
        The number of bits, 1 to 20.

    Returns
    -------
    Dataset
        X (2**n, n), zeros and ones, row r the number r in binary; Y (2**n, 1).

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


def symmetry(n: int = 6) -> Dataset:
    """Return all inputs of n bits, the target 1 where the input is its own mirror image.

    Parameters
    ----------
    n : int, default 6
        The number of bits, 1 to 20.

    Returns
    -------
    Dataset
        X (2**n, n), zeros and ones, row r the number r in binary; Y (2**n, 1).

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


def encoder(n: int) -> Dataset:
    """Return n inputs with a single 1 each, to be reproduced through a narrow hidden layer.

    Parameters
    ----------
    n : int
        The number of inputs, units and outputs, 1 to 4096.

    Returns
    -------
    Dataset
        X (n, n) and Y (n, n), the identity.

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
    """Return the 104 facts of two family trees; `backprop_xp.family_trees` puts them in words.

    Returns
    -------
    Dataset
        X (104, 36), a 1 for one of 24 people and a 1 for one of 12 relations; Y (104, 24), a 1 for
        each person who is an answer.

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


def _all_inputs(name: str, n: int) -> NDArray[np.float32]:
    """Return the numbers 0 to 2**n - 1 in binary, the most significant bit first."""
    _check_size(name, n, _MAX_BITS)
    numbers = np.arange(2**n, dtype=np.uint32)[:, None]
    places = np.arange(n - 1, -1, -1, dtype=np.uint32)
    return (numbers >> places & 1).astype(np.float32)


def _check_size(name: str, n: int, most: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= most:
        advice = "Choose a smaller size" if isinstance(n, int) and n > most else "Pass such a size"
        raise OptionError(f"datasets.{name}(n)", repr(n), f"an int from 1 to {most}", advice)


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
