"""The cells of categories whose levels training has not seen."""

import numpy as np
import pytest

from backprop_xp.preprocessing.as_text import AsText
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged
from backprop_xp.preprocessing.one_hot import NOWHERE, OneHotEncoding
from backprop_xp.preprocessing.table import Table
from backprop_xp.preprocessing.unknown_levels import unknown_levels


def one_hot(*levels):
    places = tuple(np.arange(len(one)) for one in levels)
    return Chain(
        (
            AsText(len(levels)),
            OneHotEncoding(levels, places, (NOWHERE,) * len(levels), tuple(map(len, levels))),
        )
    )


def found_in(column, levels=("", "a", "b")):
    table = Table.of([np.zeros(len(column)), np.array(column, dtype=object)], ("x", "code"))
    step = SideBySide(2, ((np.array([0]), Unchanged(1)), (np.array([1]), one_hot(levels))))
    return list(map(str, unknown_levels(step, table)))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (["a", "b", "", None], None),
        (["c", "a"], ("1 of 2", "'c'")),
        (["a", 4.0, np.nan, None, "d", 4], ("3 of 4", "'4'")),
        (["a"] * 9 + ["z"], ("1 of 10", "'z'")),
        (["a"] * 10 + ["z"], None),
        (["z"] * 1200, ("1,200 of 1,200", "'z'")),
        ([None, np.nan, ""], None),
        ([], None),
        (["two\nlines"], ("1 of 1", r"'two\nlines'")),
    ],
)
def test_columns_with_at_least_a_tenth_of_unknown_cells(column, said):
    words = "column code: {} cells are levels that training has not seen, such as {}"
    assert found_in(column) == ([] if said is None else [words.format(*said)])


def test_a_gap_is_no_level_where_training_had_none():
    assert found_in([None, "a", ""], ("a", "b")) == []


def test_rare_levels_that_share_a_column_are_known():
    hot = OneHotEncoding((("a", "b", "c"),), (np.array([0, 1, 1]),), (1,), (2,))
    table = Table.of([np.array(["b", "c"], dtype=object)])
    assert unknown_levels(Chain((AsText(1), hot)), table) == []


def test_columns_without_a_name_have_their_number():
    table = Table((np.array([["a", "x"], ["b", "y"]], dtype=object),))
    (one, other) = unknown_levels(one_hot(("q",), ("r",)), table)
    assert str(one).startswith("column 0: 2 of 2 cells")
    assert str(other).startswith("column 1: 2 of 2 cells")


def test_steps_without_categories():
    assert unknown_levels(Unchanged(2), Table((np.ones((3, 2)),))) == []
