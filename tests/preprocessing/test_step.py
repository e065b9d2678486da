"""Steps and their descriptions: there and back, and contradictions that are refused."""

import numpy as np
import pytest
from preprocessing_cases import ONES, STEPS, TWO

from backprop_xp.preprocessing.catalogue import KINDS, step_from
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged, steps_in
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.inputs import text_columns, used_columns
from backprop_xp.preprocessing.one_hot import OneHotEncoding
from backprop_xp.preprocessing.quantiles import QuantileMapping
from backprop_xp.preprocessing.scaling import RangeScaling, Standardisation
from backprop_xp.preprocessing.step import applied, description
from backprop_xp.preprocessing.table import Table

TABLES = {
    "imputation": [np.array([1, np.nan]), np.array([np.nan, 2.0]), np.array([np.nan, 5])],
    "one_hot_encoding": [np.array([np.nan, 1.0]), np.array(["a", None], dtype=object)],
    "side_by_side": [np.array([1.0, 2]), np.array([3.0, 4]), np.array([5.0, 6])],
}


def table_for(kind):
    return Table.of(TABLES.get(kind, [np.array([0.5, 2.5]), np.array([1.0, -7.0])]))


def test_every_kind_is_tried():
    assert set(STEPS) == set(KINDS)
    assert all(step.kind == kind for kind, step in STEPS.items())


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_from_its_description_does_the_same(kind):
    step, table = STEPS[kind], table_for(kind)
    again = step_from(description(step))
    assert (again.n_in, again.n_out) == (step.n_in, step.n_out) == (table.shape[1], step.n_out)
    expected = step.apply(table).numbers()
    assert expected.shape == (2, step.n_out)
    np.testing.assert_array_equal(again.apply(table).numbers(), expected)


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_leaves_its_table_as_it_was(kind):
    table = table_for(kind)
    before = [column.copy() for column in table.columns()]
    STEPS[kind].apply(table)
    for column, same in zip(table.columns(), before, strict=True):
        np.testing.assert_array_equal(column, same)


@pytest.mark.parametrize("kind", STEPS)
def test_no_rows(kind):
    columns = [column[:0] for column in table_for(kind).columns()]
    assert STEPS[kind].apply(Table.of(columns)).numbers().shape == (0, STEPS[kind].n_out)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Standardisation(ONES, np.ones(3)),
        lambda: Standardisation(np.array(["a"]), ONES[:1]),
        lambda: RangeScaling(ONES, ONES, 2.0, 1.0),
        lambda: RangeScaling(ONES[:, None], ONES),
        lambda: QuantileMapping(np.ones((3, 2)), ONES),
        lambda: QuantileMapping(np.ones((0, 2)), ONES[:0]),
        lambda: Imputation(2, np.nan, np.array([0, 2]), (1, 2), TWO),
        lambda: Imputation(2, np.nan, TWO, (1,), TWO),
        lambda: Imputation(2, [1], TWO, (1, 2), TWO),
        lambda: OneHotEncoding((("a",),), (TWO,), (0,), (1,)),
        lambda: OneHotEncoding((("a", "b"),), (TWO,), (0,), (3,)),
        lambda: OneHotEncoding((("a", "b"),), (TWO,), (2,), (2,)),
        lambda: OneHotEncoding((("a", []),), (TWO,), (0,), (2,)),
        lambda: OneHotEncoding(((),), (TWO[:0],), (-1,), (0,)),
        lambda: Chain(()),
        lambda: Chain((Unchanged(2), Unchanged(3))),
        lambda: SideBySide(2, ((np.array([0, 2]), Unchanged(2)),)),
        lambda: SideBySide(2, ((TWO, Unchanged(3)),)),
        lambda: step_from({"kind": "unchanged", "n": -1}),
        lambda: step_from({"kind": "unchanged", "n": True}),
        lambda: step_from({"kind": "unchanged"}),
        lambda: step_from({"kind": "unknown"}),
    ],
)
def test_a_contradiction_is_refused(made):
    with pytest.raises((LookupError, TypeError, ValueError)):
        made()


def test_an_infinite_spread_makes_a_column_0():
    assert (applied(STEPS["standardisation"], np.full((3, 2), 9.0))[:, 1] == 0).all()


def test_the_columns_of_texts_are_found_through_steps():
    texts = OneHotEncoding((("a", "b"),), (TWO,), (-1,), (2,))
    fill = Imputation(1, np.nan, np.array([0]), ("a",), np.array([0]))
    numbers = OneHotEncoding((np.array([1, 2]),), (TWO,), (-1,), (2,))
    first = SideBySide(
        4,
        (
            (np.array([3]), Unchanged(1)),
            (np.array([1]), fill),
            (np.array([0]), RangeScaling(ONES[:1], ONES[:1])),
        ),
    )
    assert text_columns(first) == {1}
    last = SideBySide(4, ((np.array([0]), texts), (np.array([3]), numbers)))
    assert text_columns(Chain((first, last))) == {1, 3}
    assert text_columns(Chain((Chain((first, Unchanged(4))), last))) == {1, 3}
    assert used_columns(Chain((first, last))) == [0, 1, 3]
    kinds = [step.kind for step in steps_in(Chain((first, last)))]
    assert kinds.count("one_hot_encoding") == 2


def test_names_stand_in_errors_after_columns_were_chosen():
    table = Table.of([np.array([1.0]), np.array(["Rome"])], ("size", "city"), start=5)
    with pytest.raises(TypeError, match=r"got 'Rome' at row 5, column 'city'"):
        SideBySide(2, ((np.array([1]), RangeScaling(ONES[:1], ONES[:1])),)).apply(table)


def test_rows_are_counted_from_0_unless_a_start_is_given():
    table = Table.of([np.array([1.0, 2.0])]).like(np.array([[1.0], [2.0]]))
    of_blocks = Table((np.array([["Rome"]]),))
    assert (table.place(1, 0), of_blocks.place(0, 0)) == ("row 1, column 0", "row 0, column 0")
    with pytest.raises(TypeError, match="row 0, column 0"):
        of_blocks.numbers()


@pytest.mark.parametrize(("value", "dtype"), [("none", object), (None, object), (4, float)])
def test_a_missing_number_is_filled_by_any_value(value, dtype):
    fill = Imputation(1, np.nan, np.array([0]), (value,), np.array([], int))
    (column,) = fill.apply(Table.of([np.array([np.nan, 2.0])])).columns()
    assert (column.tolist(), column.dtype) == ([value, 2.0], np.dtype(dtype))
