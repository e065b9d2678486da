"""Packed cells are the cells that were packed."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp.datasets.packed_cells import PackedCells

CELL = st.text(st.sampled_from("ab,\0\1\n\u20ac\U0001f600 "), max_size=4)


def packed(parts):
    cells = PackedCells()
    for part in parts:
        cells.append(part)
    return cells


@given(st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=4))
def test_cells_come_back(parts):
    cells, plain = packed(parts), list(chain.from_iterable(parts))
    assert list(cells) == plain
    assert len(cells) == len(plain)
    assert [cells[j] for j in range(-len(plain), len(plain))] == plain * 2
    assert list(cells.stripped()) == [cell.strip() for cell in plain]
    assert [(start, cells) for start, cells in packed(parts).parts()] == [
        (sum(map(len, parts[:k])), part) for k, part in enumerate(parts)
    ]
    assert all(cell in cells for cell in plain)
    assert "absent" not in cells


@pytest.mark.parametrize("position", [-4, 3])
def test_no_such_cell(position):
    with pytest.raises(IndexError):
        packed([["a", "b"], ["c"]])[position]


def test_a_part_with_every_usual_mark():
    part = ["".join(map(chr, range(300))), "", "a"]
    assert list(packed([part])) == part
