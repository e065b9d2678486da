"""Training on data in a file: the same as in memory, but for the order of a large file."""

import tracemalloc

import numpy as np
import pytest
from comparisons import same
from needs import needs

import backprop_xp as bp
from backprop_xp.training.data import file_order
from backprop_xp.training.data.cases import Cases, FileCases

M = 300
NET = bp.Network([5, 4, 3], "tanh")
TARGETS = bp.Network([5, 4, 2], "tanh", "identity", "squared_error")
_rng = np.random.default_rng(7)
X = _rng.standard_normal((M, 5)).astype("float32")
LABELS = _rng.integers(0, 3, M)
Y = _rng.standard_normal((M, 2)).astype("float32")
WEIGHTS = np.where(_rng.random((2, M)) < 0.3, 0, _rng.random((2, M)))
SETTINGS = {"epochs": 3, "batch_size": 16, "seed": 4}


def mapped(path, values, mode="r"):
    np.save(path, values)
    return np.load(path, mmap_mode=mode)


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_file_that_fits_into_a_group_trains_as_the_array_to_the_bit(tmp_path, mode):
    in_file = mapped(tmp_path / "X.npy", X, mode)
    validation = {"validation": (X[:50], LABELS[:50])}
    same(
        bp.train(NET, in_file, LABELS, **SETTINGS, **validation),
        bp.train(NET, X, LABELS, **SETTINGS, **validation),
    )
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), X)


@pytest.mark.parametrize(
    "settings",
    [
        {"stack": 2, "case_weights": WEIGHTS},
        {"case_weights": WEIGHTS[0]},
        {"stack": (2, 1), "case_weights": WEIGHTS[:, None]},
        {"dropout": 0.3, "l2": 0.1, "optimizer": bp.Adam()},
        {"batch_size": 1000},
        {"dtype": "float64"},
    ],
    ids=["folds", "weights", "axes", "adam", "one batch", "float64"],
)
def test_every_setting_on_a_file(tmp_path, settings):
    files = mapped(tmp_path / "X.npy", X), mapped(tmp_path / "Y.npy", Y)
    settings = {**SETTINGS, **settings}
    on_files = bp.train(TARGETS, *files, **settings, validation=files)
    same(on_files, bp.train(TARGETS, X, Y, **settings, validation=(X, Y)))


@pytest.mark.parametrize("dtype", ["float64", ">f4", "int16"])
def test_other_dtypes_are_converted_block_by_block(tmp_path, dtype):
    values = (X * 100).astype(dtype)
    in_file = mapped(tmp_path / "X.npy", values)
    settings = {**SETTINGS, "dtype": "float32", "optimizer": bp.SGD(1e-3)}
    native = values.astype(values.dtype.newbyteorder("="))
    same(bp.train(NET, in_file, LABELS, **settings), bp.train(NET, native, LABELS, **settings))


def test_a_file_of_many_groups_is_shuffled_on_two_levels(tmp_path, monkeypatch):
    monkeypatch.setattr(file_order, "RUN_BYTES", 10 * 28)
    monkeypatch.setattr(file_order, "GROUP_BYTES", 80 * 28)
    in_file = mapped(tmp_path / "X.npy", np.arange(M * 5, dtype="float32").reshape(M, 5))
    orders = []
    cases = FileCases(in_file, LABELS, True, lambda X, Y, w, _: Cases(X, Y, 3, True, w))
    for epoch in (0, 0, 1):
        seen = [part.X[:, 0] / 5 for part in cases.shuffled(64, seed=1, epoch=epoch)]
        assert [len(part) for part in seen] == [64, 64, 64, 64, 44]
        orders.append(np.concatenate(seen).astype(int))
        assert sorted(orders[-1]) == list(range(M))
    np.testing.assert_array_equal(orders[0], orders[1])
    assert np.any(orders[0] != orders[2])
    whole = bp.train(NET, X, LABELS, **SETTINGS).history["cost"]
    in_groups = bp.train(NET, mapped(tmp_path / "Z.npy", X), LABELS, **SETTINGS).history["cost"]
    assert in_groups != whole
    np.testing.assert_allclose(in_groups, whole, rtol=0.05)  # another order, the same cases


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_file_trains_on_every_device(tmp_path, library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    in_file = mapped(tmp_path / "X.npy", X)
    run = bp.train(NET, in_file, LABELS, **SETTINGS, device=f"{library}:cpu")
    here = bp.train(NET, in_file, LABELS, **SETTINGS)
    assert type(run.theta).__module__.startswith(library)
    np.testing.assert_allclose(np.asarray(run.theta), here.theta, rtol=2e-4, atol=1e-5)


def test_hdf5_and_zarr(tmp_path):
    h5py = pytest.importorskip("h5py")
    zarr = pytest.importorskip("zarr")
    expected = bp.train(NET, X, LABELS, **SETTINGS)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["X"], file["Y"] = X, LABELS
        same(bp.train(NET, file["X"], file["Y"], **SETTINGS), expected)
    array = zarr.create_array(tmp_path / "data.zarr", shape=X.shape, chunks=(100, 5), dtype="f4")
    array[:] = X
    same(bp.train(NET, array, LABELS, **SETTINGS), expected)


@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix"])
def test_sparse_matrices(kind):
    sparse = getattr(needs("scipy.sparse", "scipy"), kind)
    some, targets = np.where(X > 0.5, X, 0), np.where(Y > 0, Y, 0)
    expected = bp.train(NET, some, LABELS, **SETTINGS)
    same(bp.train(NET, sparse(some), LABELS, **SETTINGS), expected)
    expected = bp.train(TARGETS, some, targets, **SETTINGS, stack=2, validation=(some, targets))
    for X_given, Y_given in ((sparse(some), sparse(targets)), (some, sparse(targets))):
        validation = X_given[:], Y_given
        run = bp.train(TARGETS, X_given, Y_given, **SETTINGS, stack=2, validation=validation)
        same(run, expected)


def test_a_sparse_matrix_is_never_dense_as_a_whole():
    sparse = needs("scipy.sparse", "scipy")
    m, n = 20_000, 5_000  # 400 MB
    x = sparse.csr_array((np.ones(m, "float32"), np.arange(m) % n, np.arange(m + 1)), (m, n))
    tracemalloc.start()
    run = bp.train(bp.Network([n, 2]), x, np.arange(m) % 2, epochs=1, batch_size=200)
    bp.predict(run.network, run.theta, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * file_order.GROUP_BYTES


class Rows:
    """A user's own source."""

    def __init__(self, values, shape=None):
        self.values, self.dtype, self.shape = values, values.dtype, shape or values.shape

    def __getitem__(self, key):
        return self.values[key]


def spoiled(at, value):
    values = X.copy()
    values[at] = value
    return values


@pytest.mark.parametrize(
    ("X", "Y", "settings", "error", "says"),
    [
        (Rows(X), LABELS, {"batch_size": None}, bp.OptionError, "None, the full batch, for X in"),
        (Rows(X[:, :4]), LABELS, {}, bp.ShapeError, r"train\(X\): got shape \(300, 4\)"),
        (Rows(X), LABELS[:9], {}, bp.ShapeError, r"train\(Y\): got shape \(9,\)"),
        (Rows(np.stack([X, X])), LABELS, {"stack": 2}, bp.ShapeError, "a file of shape"),
        (Rows(X), np.stack([LABELS] * 2), {"stack": 2}, bp.ShapeError, r"train\(Y\): got shape"),
        (Rows(X.astype(complex)), LABELS, {}, bp.DTypeError, "complex128"),
        (Rows(X.astype(str)), LABELS, {}, bp.DTypeError, r"train\(X\)"),
        (Rows(X[:0]), LABELS[:0], {}, bp.DataError, "at least one case"),
        (Rows(spoiled(200, np.nan)), LABELS, {}, bp.DataError, r"train\(X\): got nan at row 200, "),
        (
            Rows(X),
            np.where(np.arange(M) == 200, 7, LABELS),
            {},
            bp.DataError,
            "label 7 at row 200 ",
        ),
        (Rows(X, (2 * M, 5)), np.tile(LABELS, 2), {}, bp.ShapeError, "rows"),
        (
            Rows(X),
            Rows(np.where(np.arange(M) == 200, 7, LABELS)),
            {},
            bp.DataError,
            "7 at row 200 ",
        ),
        (
            Rows(X),
            LABELS,
            {"validation": (Rows(spoiled(200, np.inf)), LABELS)},
            bp.DataError,
            "200",
        ),
    ],
)
def test_files_that_cannot_be_used(X, Y, settings, error, says):
    with pytest.raises(error, match=says):
        bp.train(NET, X, Y, **{**SETTINGS, **settings})


def test_targets_alone_in_a_file(tmp_path):
    in_file = mapped(tmp_path / "Y.npy", Y)
    same(bp.train(TARGETS, X, in_file, **SETTINGS), bp.train(TARGETS, X, Y, **SETTINGS))


def test_memory_does_not_grow_with_the_file():
    class Zeros:
        dtype = np.dtype("float32")

        def __init__(self, m):
            self.shape = (m, 100)

        def __getitem__(self, key):
            return np.zeros((key.stop - key.start, 100), "float32")

    net, peaks = bp.Network([100, 3]), []
    for m in (100_000, 400_000):  # 40 and 160 MB
        labels = np.zeros(m, "uint8")
        tracemalloc.start()
        bp.train(net, Zeros(m), labels, epochs=1, batch_size=1000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # the rows of a group, of a block and what is made of it, twice in passing; labels as int64
    for m, peak in zip((100_000, 400_000), peaks, strict=True):
        assert peak < 2 * file_order.GROUP_BYTES + 8 * m


@pytest.mark.parametrize(("lead", "bytes_of_a_row"), [((), 12), ((4,), 48)])
def test_the_bytes_of_a_row_are_those_of_all_networks(lead, bytes_of_a_row):
    X = np.zeros((*lead, 5, 3), "float32")
    assert Cases(X, np.zeros(5, "int32"), 2, labelled=True).row_bytes == bytes_of_a_row


def test_a_part_of_the_cases_has_what_belongs_to_its_networks():
    X, Y = np.zeros((3, 5, 2), "float32"), np.zeros((3, 5), "int32")
    weights = np.arange(15.0).reshape(3, 5)
    group = slice(1, 3)
    own = Cases(X + np.arange(3)[:, None, None], Y, 2, True, weights).part(group)
    assert (own.X.shape, own.Y.shape) == ((2, 5, 2), (2, 5))
    assert own.X[:, 0, 0].tolist() == [1, 2]
    np.testing.assert_array_equal(own.weights, weights[1:])
    shared = Cases(X[0], Y[0], 2, True, weights[0]).part(group)
    assert (shared.X.shape, shared.Y.shape, shared.weights.shape) == ((5, 2), (5,), (5,))
    file = FileCases(X[0], Y[0], True, Cases, weights).part(group)
    np.testing.assert_array_equal(file.weights, weights[1:])
    for same_for_all in (None, weights[0]):
        one = FileCases(X[0], Y[0], True, Cases, same_for_all)
        assert one.part(group) is one


def test_runs_are_as_long_as_the_bytes_of_inputs_and_targets_allow(monkeypatch):
    asked = []

    def noting(row_bytes, chunk):
        asked.append(row_bytes)
        return file_order.plan(row_bytes, chunk)

    monkeypatch.setattr("backprop_xp.training.data.cases.plan", noting)

    def loaded(X, Y, weights, numbers):
        assert len(X) == len(Y) == len(numbers)
        return Cases(X, Y, 2, labelled=False, weights=weights)

    inputs, targets = Rows(np.zeros((20, 3), "float32")), Rows(np.zeros((20, 2)))
    for Y in (targets, np.zeros((20, 2))):
        held = FileCases(inputs, Y, False, loaded)
        assert sum(part.count for part in held.shuffled(8, 0, 0)) == 20
    assert asked == [3 * 4 + 2 * 8, 3 * 4]  # targets in memory are not read
