"""The share of each rank: every case once an epoch, in steps of the same number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_cases import data, difference
from ranks import on_ranks

import backprop_xp as bp
from backprop_xp.arrays.random_streams import generator
from backprop_xp.distributed import Share
from backprop_xp.training.data.cases import Cases
from backprop_xp.training.data.shares import epochs_of_shares


@given(size=st.integers(0, 50), ranks=st.integers(1, 9))
def test_shares_are_a_partition_of_a_batch(size, ranks):
    shares = [Share.of(size, rank, ranks) for rank in range(ranks)]
    assert [x for share in shares for x in range(share.start, share.stop)] == list(range(size))
    counts = [share.cases for share in shares]
    assert max(counts) - min(counts) <= 1


def steps_of(rank, counts, batch_size, epoch=0, rows="own"):
    """Return the cases and weights of each step of a rank; a case is its number in its X."""

    class Alone:
        def counts(self, count):
            return counts if rows == "own" else [count]

    ranks = Alone()
    ranks.rows, ranks.rank, ranks.size = rows, rank, len(counts)
    m = counts[rank] if rows == "own" else sum(counts)
    X = np.arange(m, dtype=np.float64)[:, None]
    cases = Cases(X, np.zeros((m, 1)), 1, labelled=False)
    found = []
    for block in epochs_of_shares(cases, batch_size, 0, ranks)(epoch):
        inputs = block.X if block.source is None else block.source[block.X, 0][..., None]
        for step in range(block.batches):
            w = np.broadcast_to(block.w[step].reshape(-1), block.size)
            found.append((inputs[step, :, 0], w, block.share.size))
    return found


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    batch_size=st.integers(1, 60),
    rows=st.sampled_from(["own", "common"]),
)
def test_each_case_counts_once_an_epoch(counts, batch_size, rows):
    of_ranks = [steps_of(rank, counts, batch_size, rows=rows) for rank in range(len(counts))]
    assert len({len(steps) for steps in of_ranks}) == 1
    seen = []
    for rank, steps in enumerate(of_ranks):
        taken = [x for cases, w, _ in steps for x, one in zip(cases, w, strict=True) if one]
        seen += [(rank if rows == "own" else 0, x) for x in taken]
    whole = sum(counts)
    expected = (
        [(rank, x) for rank, count in enumerate(counts) for x in range(count)]
        if rows == "own"
        else [(0, x) for x in range(whole)]
    )
    assert sorted(seen) == sorted(expected)
    for step in zip(*of_ranks, strict=True):
        weights = np.concatenate([w for _, w, _ in step])
        assert weights.sum() == pytest.approx(1)
        assert len({size for _, _, size in step}) == 1


def test_own_rows_have_another_order_in_each_rank_and_epoch():
    orders = {
        tuple(np.concatenate([x for x, _, _ in steps_of(rank, [30, 30], 8, epoch)]))
        for rank in (0, 1)
        for epoch in (0, 1)
    }
    assert len(orders) == 4


OPTIONS = {
    "plain": {},
    "balanced": {"class_weights": "balanced"},
    "dropout": {"dropout": 0.2, "clip_norm": 0.5, "momentum": 0.5},
    "full batch": {"batch_size": None},
    "a rank of weights 0": {"case_weights": np.repeat([0.0, 2.0], 48)},
    "a rank of a class of weight 0": {"class_weights": {0: 0.0, 2: 0.0}},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_own_rows_train_as_one_process_on_the_same_batches(name):
    """A batch of 16 cases holds the next 8 of each rank, in the order of the rank."""
    X, Y, X_others, Y_others = data()
    net, of_others = bp.Network([7, 9, 3], "tanh", "softmax", "cross_entropy"), np.arange(31)
    parts, weights = np.split(np.arange(96), 2), np.linspace(0.5, 2, 96)
    if name == "a rank of a class of weight 0":
        Y[:48] = 0
    options = {"epochs": 4, "batch_size": 16, "seed": 3, **OPTIONS[name]}
    weights = options.pop("case_weights", weights)
    options["optimizer"] = bp.SGD(0.1, options.pop("momentum", 0.0))

    def run_on(rows, others, **more):
        return bp.train(
            net,
            X[rows],
            Y[rows],
            case_weights=weights[rows],
            validation=(X_others[others], Y_others[others]),
            **options,
            **more,
        )

    def order(epoch):
        own = [
            part[generator(3, "order", epoch, rank).permutation(48)]
            for rank, part in enumerate(parts)
        ]
        return np.reshape(own, (2, 6, 8)).swapaxes(0, 1).reshape(-1)

    runs = on_ranks(
        2,
        lambda ranks: run_on(
            parts[ranks.rank], of_others[:9] if ranks.rank else of_others[9:], reduce=ranks
        ),
        rows="own",
    )
    more = {} if name == "full batch" else {"order": order}
    expected = run_on(np.arange(96), of_others, **more)
    for run in runs:
        assert difference(run, expected) <= 1e-12


def test_ranks_of_own_rows_may_have_few_and_many():
    X, Y, *_ = data()
    net = bp.Network([7, 3], output="softmax", loss="cross_entropy")
    parts = [slice(0, 3), slice(3, 103)]
    runs = on_ranks(
        2,
        lambda ranks: bp.train(net, X[parts[ranks.rank]], Y[parts[ranks.rank]], reduce=ranks),
        rows="own",
    )
    assert runs[0].theta.tobytes() == runs[1].theta.tobytes()
    assert runs[0].history == runs[1].history


@pytest.mark.parametrize(
    "options", [{"case_weights": np.zeros(50)}, {"class_weights": dict.fromkeys(range(3), 0.0)}]
)
def test_weights_that_are_0_in_all_ranks_are_refused(options):
    X, Y, *_ = data()
    net = bp.Network([7, 3], output="softmax", loss="cross_entropy")
    with pytest.raises(bp.BackpropError, match=r"_weights\)"):
        on_ranks(
            2, lambda ranks: bp.train(net, X[:50], Y[:50], reduce=ranks, **options), rows="own"
        )
