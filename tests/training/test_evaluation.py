"""`bp.evaluate` has the numbers of validation in the history, whatever the data are and where."""

import numpy as np
import pytest
from cupy_path import as_cupy
from device_array import put
from needs import needs
from training_cases import (
    BINARY,
    BITS,
    CLASSES,
    LABELS,
    LABELS_VAL,
    TARGETS,
    WEIGHTS,
    WITHOUT_JAX,
    X_VAL,
    M,
    X,
    Y,
)

import backprop_xp as bp
from backprop_xp.errors import DataError, DTypeError, ShapeError
from backprop_xp.training import scoring

TASKS = {
    "classes": (CLASSES, LABELS),
    "targets": (TARGETS, Y),
    "rows of classes": (CLASSES, np.eye(3)[LABELS]),
    "two classes of one unit": (BINARY, BITS),
    "targets of one unit": (BINARY, BITS[:, None].astype(float)),
}
RNG = np.random.default_rng(1)


@pytest.mark.parametrize("stack", [(), (3,), (2, 3)], ids=["one", "stack", "two axes"])
@pytest.mark.parametrize("task", TASKS)
def test_its_numbers_are_those_of_the_history(xp, task, stack):
    net, target = TASKS[task]
    x, y = xp.array(X), xp.array(target)
    run = bp.train(net, x, y, epochs=2, stack=stack, validation=(x, y), batch_size=4)
    found = bp.evaluate(net, run.theta, x, y)
    for name, number in found._asdict().items():
        expected = run.history.get(f"validation_{name}", [None])[-1]
        assert type(number) is type(expected)
        if stack and number is not None:
            assert number.dtype == np.float64
            assert number.shape == stack
        np.testing.assert_array_equal(number, expected)


def each(theta):
    return theta.reshape(-1, theta.shape[-1])


def test_inputs_and_labels_of_each_network():
    theta = CLASSES.init(seed=0, dtype="float64", stack=(2, 3))
    x, y = RNG.normal(size=(2, 3, M, 3)), RNG.integers(0, 3, (2, 3, M))
    found = bp.evaluate(CLASSES, theta, x, y)
    alone = [
        bp.evaluate(CLASSES, one, of, labels)
        for one, of, labels in zip(each(theta), x.reshape(6, M, 3), y.reshape(6, M), strict=True)
    ]
    np.testing.assert_allclose(found.cost.reshape(-1), [one.cost for one in alone], rtol=1e-13)
    np.testing.assert_array_equal(found.accuracy.reshape(-1), [one.accuracy for one in alone])


@WITHOUT_JAX
def test_a_case_of_weight_2_counts_as_two(xp):
    theta = xp.array(CLASSES.init(seed=0, stack=2))
    twice = np.concatenate([np.arange(M), [0, 3]])
    weights = np.ones(M)
    weights[[0, 3]] = 2
    expected = bp.evaluate(CLASSES, theta, X[twice], LABELS[twice])
    for scale in (1, 1e-3, 1e5):
        found = bp.evaluate(CLASSES, theta, X, LABELS, case_weights=scale * weights)
        np.testing.assert_allclose(found.cost, expected.cost, rtol=1e-5)
        np.testing.assert_allclose(found.accuracy, expected.accuracy, rtol=1e-5)


def test_weights_are_relative_over_all_chunks(monkeypatch):
    theta = CLASSES.init(seed=0, dtype="float64")
    whole = bp.evaluate(CLASSES, theta, X, LABELS, WEIGHTS)
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 3)
    np.testing.assert_allclose(bp.evaluate(CLASSES, theta, X, LABELS, WEIGHTS), whole, rtol=1e-13)
    w = WEIGHTS / WEIGHTS.sum()
    np.testing.assert_allclose(whole.cost, CLASSES.cost(theta, X, LABELS, w), rtol=1e-13)
    right = CLASSES.forward(theta, X).argmax(axis=-1) == LABELS
    np.testing.assert_allclose(whole.accuracy, w @ right, rtol=1e-13)


def test_weights_of_each_network():
    theta = CLASSES.init(seed=0, dtype="float64", stack=2)
    both = bp.evaluate(CLASSES, theta, X, LABELS, np.stack([WEIGHTS, 1 / WEIGHTS]))
    for number, w in enumerate((WEIGHTS, 1 / WEIGHTS)):
        one = bp.evaluate(CLASSES, theta[number], X, LABELS, w)
        np.testing.assert_allclose([part[number] for part in both], one, rtol=1e-13)


class Watched(np.ndarray):
    """An array on the host that notes the largest number of rows in a slice."""

    most = 0

    def __getitem__(self, rows):
        found = super().__getitem__(rows)
        if isinstance(rows, slice):
            Watched.most = max(Watched.most, len(found))
        return found


@pytest.mark.parametrize("kind", ["memmap", "sparse", "list", "frame", "float32", "source"])
@pytest.mark.parametrize("stack", [(), (2,)], ids=["one", "stack"])
def test_inputs_of_every_kind(kind, stack, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 4)
    theta, x = CLASSES.init(seed=0, dtype="float64", stack=stack), X.astype("float32")
    expected = bp.evaluate(CLASSES, theta, x, LABELS)
    np.save(tmp_path / "x.npy", x)
    given = {
        "memmap": lambda: np.load(tmp_path / "x.npy", mmap_mode="r"),
        "sparse": lambda: needs("scipy.sparse").csr_array(x),
        "list": x.tolist,
        "frame": lambda: needs("pandas").DataFrame(x),
        "float32": lambda: x,
        "source": lambda: Source(x),
    }[kind]()
    found = bp.evaluate(CLASSES, theta, given, LABELS)
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.accuracy, expected.accuracy)


class Source:
    def __init__(self, x):
        self.x, self.shape, self.dtype, self.most = x, x.shape, x.dtype, 0

    def __getitem__(self, rows):
        self.most = max(self.most, len(self.x[rows]))
        return self.x[rows]


def test_rows_are_read_in_chunks(monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 4)
    theta = CLASSES.init(seed=0, dtype="float64", stack=2)
    source = Source(X)
    bp.evaluate(CLASSES, theta, source, LABELS)
    assert source.most == 4
    watched = X.view(Watched)
    bp.evaluate(CLASSES, theta.astype("float32"), watched, LABELS)
    assert 0 < Watched.most <= 4


@WITHOUT_JAX
def test_inputs_of_the_host_are_moved_to_thetas_device(xp):
    theta = CLASSES.init(seed=0, stack=2)
    found = bp.evaluate(CLASSES, xp.array(theta, "float32"), X_VAL, LABELS_VAL, WEIGHTS)
    expected = bp.evaluate(CLASSES, theta, X_VAL, LABELS_VAL, WEIGHTS)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_on_the_way_of_cupy():
    theta = CLASSES.init(seed=0, stack=2)
    expected = bp.evaluate(CLASSES, theta, X, LABELS)
    with as_cupy():
        for x in (X, put(X.astype("float32"))):
            np.testing.assert_allclose(
                bp.evaluate(CLASSES, put(theta), x, LABELS), expected, rtol=1e-6
            )


def test_nothing_that_comes_in_is_changed():
    theta, x, labels = CLASSES.init(seed=0), X.copy(), LABELS.copy()
    before = theta.copy(), x.copy(), labels.copy()
    bp.evaluate(CLASSES, theta, x, labels, WEIGHTS)
    for now, then in zip((theta, x, labels), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_an_activation_of_a_users_own():
    class Shifted(bp.activations.Tanh):
        name = "shifted"

    net = bp.Network([3, 4, 3], Shifted())
    theta = net.init(seed=0)
    plain = bp.Network([3, 4, 3], "tanh")
    assert bp.evaluate(net, theta, X, LABELS) == bp.evaluate(plain, theta, X, LABELS)


def nan_at(row):
    x = X.copy()
    x[row, 1] = np.nan
    return x


THETA = CLASSES.init(seed=0)
REFUSED = {
    "NaN in X": (DataError, "row 7, column 1", lambda: (CLASSES, THETA, nan_at(7), LABELS)),
    "a label too large": (DataError, "label 3", lambda: (CLASSES, THETA, X, LABELS + 1)),
    "no cases": (DataError, r"evaluate\(X\)", lambda: (CLASSES, THETA, X[:0], LABELS[:0])),
    "rows of Y": (ShapeError, "X has 10 rows", lambda: (CLASSES, THETA, X, LABELS[:4])),
    "columns of X": (ShapeError, r"evaluate\(X\)", lambda: (CLASSES, THETA, X[:, :2], LABELS)),
    "a network's place": (DTypeError, r"evaluate\(net\)", lambda: (THETA, CLASSES, X, LABELS)),
    "integers in theta": (DTypeError, "theta", lambda: (CLASSES, [1, 2], X, LABELS)),
    "a weight below 0": (
        DataError,
        r"evaluate\(case_weights\)",
        lambda: (CLASSES, THETA, X, LABELS, -WEIGHTS),
    ),
    "another number of weights": (
        ShapeError,
        r"evaluate\(case_weights\)",
        lambda: (CLASSES, THETA, X, LABELS, WEIGHTS[1:]),
    ),
}


@pytest.mark.parametrize("bad", REFUSED)
@pytest.mark.parametrize("rows", [8192, 4], ids=["at once", "in chunks"])
def test_bad_input_is_refused(bad, rows, monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK_ROWS", rows)
    error, says, arguments = REFUSED[bad]
    with pytest.raises(error, match=says) as caught:
        bp.evaluate(*arguments())
    assert all(caught.value.parts)
