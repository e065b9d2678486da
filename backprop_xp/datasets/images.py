"""Images of handwritten digits: scikit-learn's 8 x 8 digits, and MNIST."""

import os
from typing import Final

import numpy as np

from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.datasets.dataset import Dataset, Split
from backprop_xp.datasets.idx_file import read_mnist

__all__ = ["SHAPES", "digits", "mnist"]

SHAPES: Final = {"digits": (8, 8), "mnist": (28, 28)}
"""Rows and columns of the images of each data set."""


def digits() -> Dataset:
    """Return the 1,797 handwritten digits of 8 x 8 pixels that scikit-learn bundles.

    Returns
    -------
    Dataset
        X (1797, 64) of float32, the pixels row by row, from 0 to 1 in steps of 1/16; Y (1797,) of
        int64, labels from 0 to 9.

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
    came, expected = "no scikit-learn, which bundles the digits", "the package scikit-learn"
    with needs_extra("sklearn", "datasets.digits()", came, expected):
        from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)
    return Dataset((pixels / 16).astype(np.float32), labels.astype(np.int64))


@checks_keywords
def mnist(folder: str | os.PathLike[str] | None = None) -> Split:
    """Return MNIST: 60,000 handwritten digits to train on, 10,000 to test on.

    Parameters
    ----------
    folder : str or path, optional
        A folder with the four IDX files, plain or gzipped. Default: the folder in the environment
        variable BACKPROP_XP_MNIST. Where it is unset, the files are downloaded once (11 MB).

    Returns
    -------
    Split
        X (60000, 784) and (10000, 784) of float32, the pixels row by row, from 0 to 1 in steps of
        1/255; Y (60000,) and (10000,) of int64, labels from 0 to 9.

    Raises
    ------
    MissingFileError
        The folder lacks a file, or the files cannot be downloaded.
    MissingExtraError
        A download is needed and pooch is not installed.
    DataError
        A file is damaged, or does not hold images of 28 x 28 bytes or one label per image.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86, 1998.

    Examples
    --------
    >>> train, test = mnist()  # doctest: +SKIP
    >>> train.X.shape, test.Y.shape  # doctest: +SKIP
    ((60000, 784), (10000,))
    """
    train, test = read_mnist(folder)
    return Split(Dataset(*train), Dataset(*test))
