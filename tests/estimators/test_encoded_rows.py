"""Rows that become inputs when they are needed: the same numbers, in less memory."""

import tracemalloc

import numpy as np
import pytest
from needs import needs

from backprop_xp.estimators.encoded_rows import EncodedRows
from backprop_xp.preprocessing.table import Table


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [1, 4096, 20_001])
def test_inputs_are_those_of_all_rows_at_once(m, dtype):
    needs("sklearn")
    from backprop_xp.estimators.table_steps import column_kinds, fitted_inputs

    rng = np.random.default_rng(0)
    X = np.empty((20_001, 4), dtype=object)
    X[:, 0] = np.where(rng.random(len(X)) < 0.1, np.nan, rng.normal(size=len(X)))
    X[:, 1] = rng.integers(0, 2, len(X))
    X[:, 2] = np.where(rng.random(len(X)) < 0.1, None, rng.choice(["a", "b", "c"], len(X)))
    X[:, 3] = rng.integers(0, 9, len(X))
    table = Table((X,), ("x", "two", "text", "count"))
    kinds = column_kinds(table, [], "auto", "fit")
    step = fitted_inputs(table, kinds, 8, np.random.RandomState(0)).step
    part = table.rows(np.arange(m))
    expected = (step.apply(part).numbers() * 6.0).astype(dtype)
    rows, columns = EncodedRows(part, step), np.arange(step.n_out)
    assert len(rows) == m
    found = rows.inputs(6.0, dtype, columns)
    assert found.dtype == dtype
    assert found.tobytes() == expected.tobytes()
    chosen = rows.inputs(6.0, dtype, np.array([3, -1, 0, -1]))
    assert chosen.dtype == dtype
    np.testing.assert_array_equal(chosen, expected[:, [3, 0, 0, 0]] * [1, 0, 1, 0])


def test_a_fit_holds_the_inputs_once_in_the_dtype_of_training():
    needs("sklearn")
    import backprop_xp as bp

    X = np.random.default_rng(0).normal(size=(40_000, 6))
    mlp = bp.MLPEnsembleRegressor(
        networks=2, epochs=1, batch_size=4096, hidden_layer_sizes=(4,), random_state=0
    )
    mlp.fit(X[:200], X[:200, 0])  # what stays in memory between fits
    tracemalloc.start()
    try:
        mlp.fit(X, X[:, 0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    inputs = len(X) * 6 * (1 + 32) * 4
    assert peak < 2.2 * inputs


def test_rows_of_a_table_know_where_they_were():
    table = Table((np.arange(6.0).reshape(3, 2),), ("a", "b"), start=10)
    assert table.rows(slice(1, 3)).place(0, 1) == "row 11, column 'b'"
    assert table.rows(np.array([2, 0])).numbers().tolist() == [[4.0, 5.0], [0.0, 1.0]]
