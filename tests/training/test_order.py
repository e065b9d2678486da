"""The order of the cases as the user gives it."""

import numpy as np
import pytest
from training_cases import CLASSES, LABELS, TARGETS, WITHOUT_JAX, M, X, Y

import backprop_xp as bp

scipy_sparse = pytest.importorskip("scipy.sparse")


def backwards(epoch):
    return np.roll(np.arange(M)[::-1], epoch)


def by_hand(order, batch_size, epochs=2):
    """Return θ after plain descent over the batches, cut by hand."""
    theta = TARGETS.init(3, dtype="float64")
    for epoch in range(epochs):
        rows = order(epoch)
        for start in range(0, M, batch_size):
            batch = rows[start : start + batch_size]
            theta = theta - 0.1 * TARGETS.gradient(theta, X[batch], Y[batch])[1]
    return theta


@WITHOUT_JAX
@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_batches_follow_the_order(xp, batch_size):
    chosen = {"optimizer": bp.SGD(0.1), "epochs": 2, "batch_size": batch_size, "seed": 3}
    run = bp.train(TARGETS, xp.array(X), xp.array(Y), order=backwards, **chosen)
    near = {"atol": 1e-12} if xp.float64 else {"atol": 1e-5}
    expected = by_hand(backwards, batch_size or M)
    np.testing.assert_allclose(xp.host(run.theta), expected, rtol=0, **near)


@pytest.mark.parametrize("batch_size", [3, None])
def test_the_order_is_asked_for_once_at_the_start_of_each_epoch(batch_size):
    asked = []

    class Look:
        def on_epoch_end(self, progress):
            asked.append("end")
            if len(asked) == 6:
                progress.stop("enough")

    def order(epoch):
        asked.append(epoch)
        return np.arange(M)

    bp.train(TARGETS, X, Y, order=order, epochs=9, batch_size=batch_size, callbacks=[Look()])
    assert asked == [0, "end", 1, "end", 2, "end"]


@pytest.mark.parametrize("kind", ["memmap", "csr", "slices", "csr matrix"])
@pytest.mark.parametrize("weights", [None, np.arange(1.0, M + 1)])
def test_rows_of_files_follow_it_too(kind, weights, tmp_path):
    class Slices:
        shape, dtype = X.shape, X.dtype

        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            return X[rows]

    path = tmp_path / "x.npy"
    np.save(path, X)
    sources = {
        "memmap": np.load(path, mmap_mode="r"),
        "csr": scipy_sparse.csr_array(X),
        "slices": Slices(),
        "csr matrix": scipy_sparse.csr_matrix(X),
    }
    chosen = {"order": backwards, "epochs": 2, "batch_size": 4, "case_weights": weights}
    expected = bp.train(CLASSES, X, LABELS, **chosen)
    run = bp.train(CLASSES, sources[kind], LABELS, **chosen)
    np.testing.assert_array_equal(run.theta, expected.theta)
    assert run.history == expected.history


def test_weights_and_stacks_follow_it():
    weights = np.arange(1.0, M + 1)
    turned = backwards(0)
    run = bp.train(TARGETS, X, Y, order=backwards, epochs=1, case_weights=weights, batch_size=4)
    same = bp.train(
        TARGETS,
        X[turned],
        Y[turned],
        order=lambda _: np.arange(M),
        epochs=1,
        case_weights=weights[turned],
        batch_size=4,
    )
    np.testing.assert_array_equal(run.theta, same.theta)
    both = bp.train(TARGETS, X, Y, order=backwards, epochs=2, stack=2, batch_size=4)
    alone = bp.train(TARGETS, X, Y, both.theta[0] * 0, order=backwards, epochs=2, batch_size=4)
    zeros = bp.train(TARGETS, X, Y, both.theta * 0, order=backwards, epochs=2, batch_size=4)
    np.testing.assert_allclose(zeros.theta[1], alone.theta, rtol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(M, int),
        np.arange(M - 1),
        np.arange(M) + 1,
        np.arange(M, dtype="float64"),
        np.ones(M, bool),
        np.arange(M)[:, None],
        None,
        "abc",
    ],
)
@pytest.mark.parametrize("rows", [X, scipy_sparse.csr_array(X)])
def test_no_permutation_is_refused(wrong, rows):
    with pytest.raises(bp.OptionError, match=r"order\(0\).*each of 0 \.\.\. .* once"):
        bp.train(TARGETS, rows, Y, order=lambda _: wrong, epochs=1, batch_size=4)


def test_no_function_is_refused():
    with pytest.raises(bp.OptionError, match=r"train\(order\).*a function"):
        bp.train(TARGETS, X, Y, order=np.arange(M))
    with pytest.raises(bp.OptionError, match=r"train\(order\).*LBFGS"):
        bp.train(TARGETS, X, Y, order=backwards, optimizer="lbfgs", batch_size=None)


def test_a_checkpoint_knows_the_order(tmp_path):
    chosen = {"epochs": 2, "batch_size": 4, "callbacks": [bp.callbacks.Checkpoint(tmp_path)]}
    bp.train(TARGETS, X, Y, order=backwards, **chosen)
    more = chosen | {"epochs": 4, "resume": tmp_path}
    with pytest.raises(bp.OptionError, match="order=None"):
        bp.train(TARGETS, X, Y, **more)
    whole = bp.train(TARGETS, X, Y, order=backwards, epochs=4, batch_size=4)
    resumed = bp.train(TARGETS, X, Y, order=backwards, **more)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
