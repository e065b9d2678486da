"""The inputs that each kind of column becomes, by hand, as the guide's table states them."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

import backprop_xp as bp
from backprop_xp.estimators.table_steps import column_kinds, fitted_inputs
from backprop_xp.preprocessing.table import Table

NAN = np.nan


def inputs_of(column, new=None, categorical="auto"):
    """Return the inputs of a column beside a column of one value; of `new` values, if given."""
    table = beside(column)
    kinds = column_kinds(table, [], categorical, "fit")
    made = fitted_inputs(table, kinds, 4, np.random.RandomState(0))
    return made.step.apply(beside(column if new is None else new)).numbers(), made.features


def beside(column):
    column = np.asarray(column, dtype=object)
    return Table((np.stack([column, np.full(len(column), 5.0, dtype=object)], axis=1),))


@pytest.mark.parametrize("pair", [(3, 7), (-0.5, 1.5), (False, True)])
def test_two_numbers_are_minus_1_and_1(pair):
    inputs, features = inputs_of([pair[0], pair[1], pair[1], pair[0]])
    np.testing.assert_allclose(inputs, [[-1], [1], [1], [-1]], atol=1e-12)
    assert features.tolist() == [0]


def test_new_numbers_beside_two_are_within_them():
    inputs, _ = inputs_of([3, 7, 7], new=[0, 4, 5, 100])
    np.testing.assert_allclose(inputs, [[-1], [-0.5], [0], [1]], atol=1e-12)


def test_a_gap_among_two_numbers_is_their_median_beside_an_indicator():
    inputs, features = inputs_of([3, NAN, 7, 7, None])
    expected = [[-1, 0], [1, 1], [1, 0], [1, 0], [1, 1]]
    np.testing.assert_allclose(inputs, expected, atol=1e-12)
    assert len(set(features.tolist())) == 2


def test_a_new_gap_without_a_gap_in_training_is_the_median():
    inputs, _ = inputs_of([3, 7, 7], new=[None, 7])
    np.testing.assert_allclose(inputs, [[1], [1]], atol=1e-12)


def test_three_numbers_are_a_quantile_beside_shares_of_bins():
    inputs, features = inputs_of([1.0, 2, 4, 4, 4, 1, 2, NAN])
    assert features.tolist()[:-1] == [0] * (inputs.shape[1] - 1)
    quantile, shares, indicator = inputs[:, 0], inputs[:, 1:-1], inputs[:, -1]
    assert quantile[0] < quantile[1] < quantile[2]
    edges = np.unique(np.quantile([1.0, 2, 4, 4, 4, 1, 2, 2], np.linspace(0, 1, 5)))
    bins = list(pairwise(edges))
    expected = [
        [(min(max(x, low), high) - low) / (high - low) for low, high in bins]
        for x in (1, 2, 4, 4, 4, 1, 2, 2)
    ]
    np.testing.assert_allclose(shares, expected, atol=1e-12)
    np.testing.assert_array_equal(indicator, [0] * 7 + [1])
    assert quantile[-1] == quantile[1]


@pytest.mark.parametrize("column", [[2.0] * 4, [NAN] * 4, ["a"] * 4, [None] * 4])
def test_a_column_of_one_value_makes_a_constant_that_stands_for_no_column(column):
    inputs, features = inputs_of(column, new=[*column, 9 if column[0] == 2.0 else column[0]])
    np.testing.assert_array_equal(inputs, 0 * inputs)
    assert features.tolist() == [0]


def test_a_column_of_one_value_and_gaps_is_an_indicator():
    inputs, _ = inputs_of([2.0, NAN, 2.0])
    np.testing.assert_array_equal(inputs, [[0], [1], [0]])


def test_a_column_without_a_number_beside_one_with_gaps():
    table = Table((np.array([[NAN, 1.0], [NAN, NAN], [NAN, 3.0], [NAN, 3.0]]),))
    kinds = column_kinds(table, [], "auto", "fit")
    made = fitted_inputs(table, kinds, 4, np.random.RandomState(0))
    inputs = made.step.apply(table).numbers()
    np.testing.assert_allclose(inputs, [[-1, 0], [1, 1], [1, 0], [1, 0]], atol=1e-12)


def test_texts_are_a_column_for_each_level_and_gaps_a_level():
    inputs, features = inputs_of(["b", "a", None, "b"], new=["b", "a", None, "new"])
    assert sorted(map(tuple, inputs.tolist()[:3])) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    np.testing.assert_array_equal(inputs[3], [0, 0, 0])
    assert features.tolist() == [0] * 3


@pytest.mark.parametrize(("levels", "factor"), [(9, 1.0), (10, 0.25)])
def test_many_levels_are_damped(levels, factor):
    inputs, _ = inputs_of([f"level {k}" for k in range(levels)] * 2)
    assert inputs.shape[1] == levels
    assert set(inputs.reshape(-1).tolist()) == {0.0, factor}


@pytest.mark.parametrize("chosen", [[0], [-2], [True, False], ["size"]])
def test_chosen_columns_of_numbers_are_categories(chosen):
    X = np.array([[1.0, 5.0], [2.0, 6.0]])
    table = Table((X,), names=("size", "other")) if chosen == ["size"] else Table((X,))
    assert column_kinds(table, [], chosen, "fit") == ["category", "number"]


@pytest.mark.parametrize("chosen", [[2], [-3], ["no such"], [0.5], [True]])
def test_a_choice_that_is_no_column_is_refused(chosen):
    with pytest.raises(bp.OptionError, match="names or indices of 2 columns"):
        column_kinds(Table((np.zeros((3, 2)),)), [], chosen, "fit")


def test_an_infinite_number_is_refused_by_its_place():
    with pytest.raises(bp.DataError, match=r"infinity.*row 1.*column 0"):
        inputs_of([1.0, np.inf, 3.0])
