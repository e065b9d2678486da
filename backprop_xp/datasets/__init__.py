"""Data sets: classic problems, handwritten digits, and tables in files, each from one call.

Cases are rows: X (m, n_in), and Y with class labels (m,) or targets (m, n_out).

.. code-block:: text

    dataset            `Dataset` and `Split`, the results of the calls
    problems           exclusive or, parity, symmetry, the encoder, the family trees
    images             handwritten digits
    catalogue          data sets by name, and `read_file`
    kinship            the two family trees of 1986, and the relations in them
    idx_file           IDX files, MNIST's format
    tables             CSV and NPZ files as tables
    csv_layout         the columns of features and of the target in a CSV file
    npz_table          the features and the target in an NPZ file
    header             whether the first row of a CSV file names the columns
    csv_file           a CSV file as columns of numbers and texts
    csv_rows           the rows of a CSV file as cells
    npz_file           an array of an NPZ archive
    packing            how much a packed file may hold
    mixed/             tables as they come: texts, dates and gaps beside numbers
    text_files         text files, plain and packed
    cells              the text of a cell as a number, a class or a missing value
    packed_cells       many cells in little memory

Read `dataset` and `problems` first. The room imports `errors`, and the advice of `arrays`.
"""

from backprop_xp.datasets.catalogue import NAMES, read_file
from backprop_xp.datasets.dataset import Dataset, Split
from backprop_xp.datasets.images import digits, mnist
from backprop_xp.datasets.mixed import MixedTable, read_like, read_mixed
from backprop_xp.datasets.problems import encoder, family_trees, parity, symmetry, xor

__all__ = [
    "NAMES",
    "Dataset",
    "MixedTable",
    "Split",
    "digits",
    "encoder",
    "family_trees",
    "mnist",
    "parity",
    "read_file",
    "read_like",
    "read_mixed",
    "symmetry",
    "xor",
]
