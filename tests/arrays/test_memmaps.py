"""Rows of a memmap whose file has become shorter, wherever the array begins in its file."""

import mmap
import sys

import numpy as np
import pytest
from source_cases import mapped, numbers

from backprop_xp.arrays.memmaps import copy_rows, pages_of, read_ahead
from backprop_xp.errors import DataError

ROW = 12  # bytes


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a mapped file as it is")
@pytest.mark.parametrize("offset", [0, 128, mmap.ALLOCATIONGRANULARITY, 70_000])
@pytest.mark.parametrize("lost", [0, 1, ROW, 5 * ROW])
def test_the_length_of_the_file_counts_from_its_start(offset, lost, tmp_path):
    # so few bytes are lost that the last page stays, and a read of it would give zeros
    values = numbers(1020)
    path = tmp_path / "x"
    x = mapped(path, values, "r", offset)
    assert path.stat().st_size % mmap.PAGESIZE > 5 * ROW
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - lost)
    whole = len(values) - -(-lost // ROW)
    out = np.empty((whole, 3), "float32")
    copy_rows(out, x[:whole])
    np.testing.assert_array_equal(out, values[:whole])
    read_ahead(x)  # a hint alone, whatever is there
    if lost:
        row = np.full((1, 3), -1, "float32")
        with pytest.raises(DataError, match="has become shorter"):
            copy_rows(row, x[whole : whole + 1])
        assert (row == -1).all()


def test_pages_are_those_of_a_memmap_alone(tmp_path):
    x = mapped(tmp_path / "x", numbers(10))
    assert pages_of(x) is pages_of(x[3:]) is x._mmap
    for other in (np.asarray(x), np.array(x), [[1.0]], None):
        assert pages_of(other) is None
