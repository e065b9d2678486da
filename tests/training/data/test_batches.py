"""Batches of an epoch, and the blocks in which they move to a device."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from training_cases import WITHOUT_JAX

from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.training.data import batches as module
from backprop_xp.training.data.batches import BlockLimits, block_rows, epochs_of_blocks, spans
from backprop_xp.training.data.blocks import whole_block
from backprop_xp.training.data.cases import Cases, of_mean_one

M = 11


def cases(xp, labelled=True, lead=(), weights=None, dtype=None):
    """Return 11 cases in which every number tells its row: X is (row, −row), Y its last digit."""
    rows = np.arange(np.prod((*lead, M))).reshape(*lead, M)
    X = np.stack([rows, -rows], axis=-1).astype("float64")
    if labelled:
        return Cases(
            xp.array(X, dtype), xp.array(rows % 3, "int32"), 3, labelled=True, weights=weights
        )
    Y = np.stack([rows, rows * 0.5, rows * 0.0], axis=-1)
    return Cases(xp.array(X, dtype), xp.array(Y, dtype), 3, labelled=False, weights=weights)


def inputs(xp, block):
    """Return X of a block on the host, gathered where a compiled step would gather it."""
    X = xp.host(block.X)
    if block.source is None:
        return X
    rows = xp.host(block.source)
    return np.moveaxis(np.take(rows, X, axis=-2), rows.ndim - 2, 0)


def batches(xp, block):
    """Return the host's (X, Y, w, labels) of each batch of a block."""
    X, Y, w = inputs(xp, block), np.swapaxes(xp.host(block.y), -1, -2), xp.host(block.w)
    count, size = block.batches, block.size
    w = np.broadcast_to(w[:, None, None], (count, 1, size)) if w.ndim == 1 else w
    labels = None if block.labels is None else xp.host(block.labels)
    return [
        (X[i], Y[i], w[i][..., 0, :], None if labels is None else labels[i]) for i in range(count)
    ]


def order_of(xp, made):
    """Return the rows in the order in which the batches hold them."""
    found = [b[0][..., 0] for block in made for b in batches(xp, block)]
    return np.concatenate([part.reshape(-1) for part in found]).astype(int)


@given(
    m=st.integers(1, 30_000), batch_size=st.integers(1, 30_000), case_bytes=st.integers(1, 10**8)
)
def test_spans_cover_each_row_once(m, batch_size, case_bytes):
    batch_size = min(m, batch_size)
    rows = block_rows(batch_size, case_bytes, case_bytes)
    found = spans(m, batch_size, rows)
    assert [start for start, _, _ in found] == [0, *(stop for _, stop, _ in found[:-1])]
    assert found[-1][1] == m
    for start, stop, size in found:
        assert start < stop
        assert (stop - start) % size == 0
        assert size == batch_size or (start, stop, size) == (m - m % batch_size, m, m % batch_size)
        assert stop - start <= max(module.BLOCK_ROWS, batch_size)
        assert stop - start <= batch_size or (stop - start) * case_bytes <= module.OUTPUT_BYTES


def test_spans_by_hand(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 6)
    assert [block_rows(size, 1, 1) for size in (2, 4, 7)] == [6, 4, 7]  # a long batch is a block
    assert spans(11, 2, 6) == [(0, 6, 2), (6, 10, 2), (10, 11, 1)]
    assert spans(12, 4, 4) == [(0, 4, 4), (4, 8, 4), (8, 12, 4)]
    assert spans(8, 7, 7) == [(0, 7, 7), (7, 8, 1)]
    assert spans(3, 3, 6) == [(0, 3, 3)]
    assert spans(1, 1, 6) == [(0, 1, 1)]


@WITHOUT_JAX
def test_an_epoch_holds_each_case_once(xp, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 6)
    made = list(epochs_of_blocks(cases(xp), 2, seed=0)(0))
    assert [block.X.shape[0] for block in made] == [3, 2, 1]
    order = order_of(xp, made)
    assert sorted(order) == list(range(M))
    assert list(order) != list(range(M))


@WITHOUT_JAX
def test_inputs_targets_and_labels_stay_together(xp):
    for labelled in (True, False):
        for block in epochs_of_blocks(cases(xp, labelled), 4, seed=0)(1):
            for X, Y, _, labels in batches(xp, block):
                rows = X[:, 0]
                np.testing.assert_array_equal(X[:, 1], -rows)
                if labelled:
                    np.testing.assert_array_equal(labels, rows % 3)
                    np.testing.assert_array_equal(Y, np.eye(3)[(rows % 3).astype(int)])
                else:
                    assert labels is None
                    np.testing.assert_array_equal(Y, np.stack([rows, rows / 2, 0 * rows], axis=1))


def test_compiled_blocks_are_longer(xp, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 2)
    monkeypatch.setattr(module, "COMPILED_BLOCK_ROWS", 6)
    found = [block.batches for block in epochs_of_blocks(cases(xp), 2, seed=0)(0)]
    assert found == ([3, 2, 1] if xp.name == "jax" else [1] * 6)


def test_blocks_of_steps_that_numba_compiles_are_longer(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 2)
    monkeypatch.setattr(module, "BLOCK_ROWS_OF_NUMBA", 6)
    held = Cases(np.zeros((11, 3)), np.zeros(11, "int32"), 3, labelled=True)
    for compiled, expected in ((True, [3, 2, 1]), (False, [1] * 6)):
        made = epochs_of_blocks(held, 2, 0, BlockLimits(compiled=compiled))(0)
        assert [block.batches for block in made] == expected


def test_noise_bounds_a_block(xp, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 4000)
    found = [b.batches for b in epochs_of_blocks(cases(xp), 2, 0, BlockLimits(noise_bytes=1000))(0)]
    assert max(found) <= 2


def test_blocks_equal_a_loop_over_batches(xp, monkeypatch):
    weights = np.array([1.0, 2, 3, 0, 5, 6, 7, 8, 9, 10, 4])
    for rows_of_a_block in (1, 6, 8192):
        monkeypatch.setattr(module, "BLOCK_ROWS", rows_of_a_block)
        monkeypatch.setattr(module, "COMPILED_BLOCK_ROWS", rows_of_a_block)
        blocks_of = epochs_of_blocks(cases(xp, weights=weights), 3, seed=7)
        for epoch in (0, 1):
            made = [b for block in blocks_of(epoch) for b in batches(xp, block)]
            key = np.random.SeedSequence(7, spawn_key=(1, epoch))  # the documented stream
            order = np.random.default_rng(key).permutation(M)
            assert [len(b[0]) for b in made] == [3, 3, 3, 2]
            for start, (X, Y, w, labels) in zip(range(0, M, 3), made, strict=True):
                rows = order[start : start + 3]
                np.testing.assert_array_equal(X[:, 0], rows)
                np.testing.assert_array_equal(labels, rows % 3)
                np.testing.assert_array_equal(Y.argmax(axis=1), rows % 3)
                # one division in float64, then rounded to the arrays' dtype
                expected = (weights[rows] / len(rows)).astype(w.dtype)
                np.testing.assert_array_equal(w, expected)


def test_everything_is_on_the_device_and_in_its_dtypes(xp):
    for weights in (None, np.ones(M)):
        block = next(iter(epochs_of_blocks(cases(xp, weights=weights), 4, seed=0)(0)))
        arrays = [block.X, block.y, block.w, block.labels]
        assert {id(namespace(x)) for x in arrays} == {id(xp.xp)}
        assert all(device_of(x) == xp.device for x in arrays)
        floats = [x for x in arrays if x is not block.labels]
        if block.source is not None:
            floats[0] = block.source
            assert dtype_name(block.X.dtype) == "int32"
        assert {dtype_name(x.dtype) for x in floats} == {xp.float_dtypes[-1]}
        assert dtype_name(block.labels.dtype) == "int32"


@pytest.mark.parametrize("xp", ["numpy"], indirect=True)
class TestOrders:
    @given(m=st.integers(2, 40), size=st.integers(1, 39), seed=st.integers(0, 2**40))
    def test_an_order_is_a_permutation(self, xp, m, size, seed):
        X = np.arange(m, dtype="float64")[:, None]
        few = Cases(X, X, 1, labelled=False)
        made = list(epochs_of_blocks(few, min(size, m - 1), seed)(3))
        assert sorted(order_of(xp, made)) == list(range(m))

    def test_it_follows_from_seed_and_epoch_alone(self, xp):
        def order(seed, epoch, **settings):
            return list(order_of(xp, epochs_of_blocks(cases(xp, **settings), 4, seed)(epoch)))

        first = order(5, 2)
        np.random.default_rng().random()
        assert order(5, 2) == first == order(5, 2, labelled=False)
        assert order(5, 2, weights=np.ones(M)) == first
        assert len({tuple(order(seed, epoch)) for seed in range(5) for epoch in range(5)}) == 25

    def test_epochs_may_be_asked_for_in_any_order(self, xp):
        blocks_of = epochs_of_blocks(cases(xp), 4, 0)
        later, earlier = list(order_of(xp, blocks_of(5))), list(order_of(xp, blocks_of(0)))
        again = epochs_of_blocks(cases(xp), 4, 0)
        assert list(order_of(xp, again(0))) == earlier
        assert list(order_of(xp, again(5))) == later

    def test_that_of_the_next_epoch_is_made_behind_the_last_block(self, xp, monkeypatch):
        made, order = [], Cases.order

        def noting(self, seed, epoch):
            made.append(epoch)
            return order(self, seed, epoch)

        monkeypatch.setattr(Cases, "order", noting)
        blocks_of = epochs_of_blocks(cases(xp), 4, 0, epochs=2)
        of_first = iter(blocks_of(0))
        next(of_first), next(of_first)
        assert made == [0]
        assert next(of_first, None) is None
        assert made == [0, 1]
        ahead = list(order_of(xp, blocks_of(1)))
        assert made == [0, 1]
        assert ahead == list(order_of(xp, epochs_of_blocks(cases(xp), 4, 0)(1)))

    def test_the_batch_size_does_not_change_it(self, xp):
        orders = [list(order_of(xp, epochs_of_blocks(cases(xp), n, 0)(0))) for n in (1, 2, 5, 10)]
        assert orders == orders[:1] * 4

    @pytest.mark.parametrize("batch_size", [M, M + 1, 10**6])
    def test_a_full_batch_stands_as_it_came(self, xp, batch_size):
        blocks_of = epochs_of_blocks(cases(xp), batch_size, 0)
        for epoch in (0, 3):
            (block,) = blocks_of(epoch)
            assert list(order_of(xp, [block])) == list(range(M))


def test_equal_weights_are_1_over_the_size_of_the_batch(xp):
    full, tail = epochs_of_blocks(cases(xp), 4, seed=0)(0)
    for block, size in ((full, 4), (tail, 3)):
        assert block.w.ndim == 1
        for _, _, w, _ in batches(xp, block):
            np.testing.assert_array_equal(w, np.full(size, 1 / size, dtype=w.dtype))


@given(
    weights=st.lists(st.sampled_from([0.0, 1.0, 0.25, 1e-8, 1e8]), min_size=M, max_size=M),
    size=st.integers(1, M),
)
@pytest.mark.parametrize("xp", ["numpy"], indirect=True)
def test_the_weights_of_all_batches_by_their_sizes_are_those_of_the_set(xp, weights, size):
    assume(any(weights))
    held, found = cases(xp, weights=of_mean_one(np.array(weights))), np.zeros(M)
    for block in epochs_of_blocks(held, size, seed=0)(0):
        for X, _, w, _ in batches(xp, block):
            found[X[:, 0].astype(int)] = w * block.size
    # a mean, two divisions and a product, each rounded once
    np.testing.assert_allclose(found, np.array(weights) / np.mean(weights), rtol=1e-14)


def test_weights_of_mean_one():
    # equal ones are 1 to the bit; by hand: the mean of 1, 1, 3, 3 is 2
    for weight in (1 / 3, 1e-320, 1e308):
        np.testing.assert_array_equal(of_mean_one(np.full(7, weight)), np.ones(7))
    found = of_mean_one(np.array([[1.0, 1, 3, 3], [0, 0, 0, 8]]))
    np.testing.assert_array_equal(found, [[0.5, 0.5, 1.5, 1.5], [0, 0, 0, 4]])


@WITHOUT_JAX
def test_one_set_of_cases_for_each_network(xp):
    weights = np.arange(2 * M, dtype="float64").reshape(2, M)
    weights[1, :] = 0
    weights[1, 3] = 5
    held = cases(xp, lead=(2,), weights=weights)
    assert held.count == M
    made = [b for block in epochs_of_blocks(held, 4, seed=0)(0) for b in batches(xp, block)]
    for X, Y, w, labels in made:
        rows = X[0, :, 0].astype(int)  # the networks see their cases in one order
        np.testing.assert_array_equal(X[1, :, 0], rows + M)
        np.testing.assert_array_equal(labels, [rows % 3, (rows + M) % 3])
        np.testing.assert_array_equal(Y.argmax(axis=-1), labels)
        np.testing.assert_array_equal(w, (weights[:, rows] / len(rows)).astype(w.dtype))


def test_shared_cases_with_weights_of_each_network(xp):
    weights = np.ones((2, M))
    weights[0, ::2] = 0
    block = whole_block(cases(xp, weights=weights))
    assert tuple(block.X.shape) == (1, M, 2)
    assert tuple(block.w.shape) == (1, 2, 1, M)
    np.testing.assert_array_equal(
        xp.host(block.w)[0, :, 0], (weights / M).astype(xp.host(block.w).dtype)
    )


def test_the_whole_block_is_the_data_as_they_are(xp):
    held = cases(xp)
    block = whole_block(held)
    np.testing.assert_array_equal(xp.host(block.X)[0], xp.host(held.X))
    np.testing.assert_array_equal(xp.host(block.labels)[0], xp.host(held.Y))


def test_one_output_unit_takes_the_label_as_its_target(xp):
    X = xp.array(np.ones((4, 2)))
    block = whole_block(Cases(X, xp.array([0, 1, 1, 0], "int32"), 1, labelled=True))
    np.testing.assert_array_equal(xp.host(block.y), [[[0, 1, 1, 0]]])
    assert block.y.dtype == X.dtype


def test_rows(xp):
    weights = np.arange(2.0 * M).reshape(2, M)
    for labelled in (True, False):
        part = cases(xp, labelled, lead=(2,), weights=weights).rows(3, 5)
        assert part.count == 2
        np.testing.assert_array_equal(xp.host(part.X)[:, :, 0], [[3, 4], [14, 15]])
        expected = [[0, 1], [2, 0]] if labelled else [[3, 4], [14, 15]]
        found = xp.host(part.Y) if labelled else xp.host(part.Y)[:, :, 0]
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(part.weights, [[3, 4], [14, 15]])


def test_the_data_are_not_changed(xp):
    held = cases(xp, weights=np.arange(M) + 1.0)
    before = xp.host(held.X).copy(), xp.host(held.Y).copy(), held.weights.copy()
    for block in epochs_of_blocks(held, 4, seed=0)(0):
        assert block.X is not held.X
    for now, then in zip((xp.host(held.X), xp.host(held.Y), held.weights), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("batch_size", [4, 9])
def test_rows_that_no_blas_takes_are_copied_for_a_full_batch_alone(batch_size):
    table = np.arange(24.0).reshape(4, 6)
    for X, copied in ((table, False), (table[:, 1:3], False), (table.T, False)):
        assert _whole(X, batch_size) is copied
    for X in (table[:, ::2], table[::-1], table[:, ::-1], np.broadcast_to(table[:1], (4, 6))):
        assert _whole(X, batch_size)


def _whole(X, batch_size):
    """Return whether the block of a full batch holds a copy of X, whose numbers are right."""
    cases = Cases(X, np.zeros((len(X), 1)), 1, labelled=False, weights=None)
    (block,) = epochs_of_blocks(cases, max(batch_size, len(X)), 0)(0)
    np.testing.assert_array_equal(block.X[0], X)
    return not np.shares_memory(block.X, X)


def test_blocks_are_longer_on_other_devices_than_a_cpu(monkeypatch):
    held = Cases(np.zeros((12, 3)), np.zeros(12, "int32"), 3, labelled=True)
    monkeypatch.setattr(module, "OUTPUT_BYTES", 4 * 24)
    monkeypatch.setattr(module, "DEVICE_OUTPUT_BYTES", 6 * 24)
    for on_cpu, expected in ((True, [2, 2, 2]), (False, [3, 3])):
        monkeypatch.setattr(module, "is_on_cpu", lambda _, on_cpu=on_cpu: on_cpu)
        made = list(epochs_of_blocks(held, 2, 0, BlockLimits(output_bytes=24))(0))
        assert [block.batches for block in made] == expected
