"""Cells of a table as texts: which are missing, which are numbers, which are classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp.datasets.cells import class_names_in, is_missing, is_number, numbers_in, targets_in
from backprop_xp.errors import DataError


@pytest.mark.parametrize("cell", ["", "  ", "NA", "n/a", "nan", "NaN", "null", "?", " ? "])
def test_missing(cell):
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["Na", "none", "0", "-", "no"])
def test_not_missing(cell):
    assert not is_missing(cell)


@given(value=st.floats(allow_nan=False))
def test_numbers_are_read_exactly(value):
    assert is_number(repr(value))
    assert numbers_in([repr(value)]) == [value]


@pytest.mark.parametrize("cell", ["", "x", "1,5", "1_000", "0x10", "1 2", "5%"])
def test_no_numbers(cell):
    assert not is_number(cell)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["0", "1"], ("0", "1")),
        (["1", "0", "1"], ("0", "1")),
        (["0", "1", "2", "0", "1", "2"], ("0", "1", "2")),
        (["0", "1", "2", "0", "1"], ()),  # fewer than two rows a class
        (["0", "2", "0", "2"], ()),  # 1 does not occur
        (["1", "2", "1", "2"], ()),  # not from 0
        (["-1", "1"], ()),
        (["0", "0", "0"], ()),  # one class
        (["0.0", "1.0"], ()),
        (["00", "1"], ()),
        (["b", "a", "b"], ("a", "b")),
        ([str(k) for k in range(12)] * 2, tuple(str(k) for k in range(12))),
    ],
)
def test_when_a_target_is_classes(cells, names):
    assert class_names_in(cells) == names


def test_texts_become_positions_among_the_sorted_names():
    Y, names = targets_in(["b", "a", "c", "b"], None, str)
    assert (Y.tolist(), names) == ([1, 0, 2, 1], ("a", "b", "c"))
    assert Y.dtype == "int64"


def test_known_classes_are_kept_where_one_is_absent():
    Y, names = targets_in(["c", "a"], ("a", "b", "c"), str)
    assert (Y.tolist(), names) == ([2, 0], ("a", "b", "c"))


def test_numbers_are_a_column():
    Y, names = targets_in(["1.5", "-2"], None, str)
    assert (Y.tolist(), names) == ([[1.5], [-2.0]], None)
    Y, names = targets_in(["0", "1"], (), str)
    assert (Y.tolist(), names) == ([[0.0], [1.0]], None)


@pytest.mark.parametrize(
    ("cells", "known", "words"),
    [
        (["a", ""], None, "row 1: got '', a missing value"),
        (["1.5", "NA"], None, "row 1: got 'NA', a missing value"),
        (["1.5", "x"], None, "row 1: got 'x'; expected a finite number"),
        (["1.5", "inf"], None, "row 1: got 'inf'; expected a finite number"),
        (
            ["a", "bb"],
            ("a", "b"),
            "row 1: got the class 'bb'; expected one of the classes 'a', 'b'",
        ),
    ],
)
def test_refused_targets(cells, known, words):
    with pytest.raises(DataError) as caught:
        targets_in(cells, known, "row {}".format)
    assert words in str(caught.value)
