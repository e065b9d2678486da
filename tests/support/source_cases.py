"""Sources of rows that count what is read of them, or return what they were given."""

import numpy as np

from backprop_xp.training.data.file_order import read_blocks


def read_group(sources, group):
    """Return the shuffled rows of a group."""
    return next(read_blocks(sources, [group], len(group.order)))


class Rows:
    """A source that counts what is read of it; each number tells its row and column."""

    def __init__(self, m, n=3, dtype="float32"):
        self.shape, self.dtype, self.read = (m, n), np.dtype(dtype), []

    def __getitem__(self, key):
        self.read.append((key.start, key.stop))
        rows = np.arange(key.start, key.stop)[:, None] * 10 + np.arange(self.shape[1])
        return rows.astype(self.dtype)


class Given:
    """A source of two rows whose slices return what it was given."""

    shape, dtype = (2, 3), "float32"

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, key):
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def numbers(m, n=3, dtype="float32"):
    return (np.arange(m)[:, None] * 10 + np.arange(n)).astype(dtype)


def mapped(path, values, mode="r", offset=0):
    """Write an array to a file and return the memmap of it."""
    with path.open("wb") as file:
        file.write(bytes(offset))
        values.tofile(file)
    return np.memmap(path, values.dtype, mode, offset, values.shape)
