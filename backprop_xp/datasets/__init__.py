"""Data to train on, each from one call: classic problems, handwritten digits, and files.

Everything comes in rows: X (m, n_in) and Y, class labels (m,) or targets (m, n_out).

.. code-block:: text

    dataset            what every call returns
    problems           exclusive or, parity, symmetry, the encoder, the family trees
    images             handwritten digits
    catalogue          data sets by their names, and files
    kinship            the two family trees of 1986, and the relations in them
    idx_file           MNIST's format
    tables             CSV and NPZ files as a table; csv_file, npz_file, cells

It imports `errors` alone.
"""

from backprop_xp.datasets.catalogue import NAMES, read_file
from backprop_xp.datasets.dataset import Dataset, Split
from backprop_xp.datasets.images import digits, mnist
from backprop_xp.datasets.problems import encoder, family_trees, parity, symmetry, xor

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
