"""Predictions in chunks: as at once, from memory or from a file, in bounded memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, is_on_cpu, namespace
from backprop_xp.errors import BackpropError, DataError, DTypeError, ShapeError
from backprop_xp.network import chunks, prediction
from backprop_xp.network.chunks import LEAST_CASES, cases_at_once, joined, pieces

NET = bp.Network([3, 4, 2], hidden="tanh")
RNG = np.random.default_rng(0)
THETA = RNG.normal(size=NET.parameter_count)
STACK = RNG.normal(size=(2, 3, NET.parameter_count))
M = 23
X = RNG.normal(size=(M, 3))


@pytest.fixture
def small(monkeypatch):
    """Chunks of 4 cases, and blocks of 8 that are read, so that few cases make several."""
    monkeypatch.setattr(chunks, "LEAST_CASES", 4)
    monkeypatch.setattr(chunks, "CPU_BYTES", 1)
    monkeypatch.setattr(chunks, "DEVICE_BYTES", 1)
    monkeypatch.setattr(prediction, "BLOCK_BYTES", 1)


def tolerance(xp):
    """A few dozen products and sums of numbers near 1."""
    return 1e-13 if xp.float64 else 1e-5


def mapped(folder, x, mode="r"):
    """Write an array to a file and return the memmap of it."""
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode=mode)


class Rows:
    """A source of rows, which knows how many it was asked for at one time."""

    def __init__(self, x, dtype=None):
        self.x, self.shape, self.dtype, self.most = x, x.shape, dtype or x.dtype, 0

    def __getitem__(self, key):
        assert not isinstance(key, tuple)
        rows = self.x[key]
        self.most = max(self.most, len(rows))
        return rows


def refused(error, says, function, *arguments):
    """Check that the error has the built-in type and four parts, and says where and what."""
    with pytest.raises(error) as caught:
        function(*arguments)
    assert isinstance(caught.value, BackpropError)
    assert all(caught.value.parts)
    assert says in str(caught.value)


# how many at once


def test_the_widest_layer_decides_how_many_cases_go_at_once():
    wide, narrow = np.zeros(1, "float32"), np.zeros(1, "float64")
    assert cases_at_once([784, 1024, 10], wide) == 512
    assert cases_at_once([784, 1024, 10], narrow) == 256
    assert cases_at_once([2, 3, 1], np.zeros((7, 1), "float32")) == 2 * 1024**2 // (7 * 3 * 4)
    assert cases_at_once([10**6, 2], wide) == LEAST_CASES


@pytest.mark.parametrize("m", [0, 1, 3, 4, 5, 12])
def test_pieces_joined_are_the_whole(xp, m):
    x = xp.array(np.arange(2.0 * m * 3).reshape(2, m, 3))
    parts = list(pieces(x, 4))
    assert [part.shape[-2] for part in parts] == ([4] * (m // 4) + [m % 4] * (m % 4 > 0) or [0])
    np.testing.assert_array_equal(xp.host(joined(parts)), xp.host(x))


def test_arrays_are_on_the_cpu_here(xp):
    assert is_on_cpu(xp.array(X)) == (xp.name != "cupy")


# forward in chunks


@pytest.mark.parametrize("theta", [THETA, STACK], ids=["one", "stack"])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_forward_in_chunks_is_forward_at_once(xp, monkeypatch, theta, own):
    own_X = RNG.normal(size=(*theta.shape[:-1], M, 3)) if own else X
    arrays = xp.array(theta), xp.array(own_X)
    whole = NET.forward(*arrays)
    monkeypatch.setattr(chunks, "LEAST_CASES", 4)
    monkeypatch.setattr(chunks, "CPU_BYTES", 1)
    monkeypatch.setattr(chunks, "DEVICE_BYTES", 1)
    parts = NET.forward(*arrays)
    assert tuple(parts.shape) == (*theta.shape[:-1], M, 2)
    assert parts.dtype == arrays[0].dtype
    assert device_of(parts) == device_of(arrays[0])
    # BLAS may sum in another order for another number of columns
    np.testing.assert_allclose(xp.host(parts), xp.host(whole), rtol=0, atol=tolerance(xp))


@given(m=st.integers(0, 40), length=st.integers(1, 50), seed=st.integers(0, 9))
@settings(max_examples=40)
def test_chunk_law(m, length, seed):
    """Whatever the chunks, the outputs are those of each case."""
    x = np.random.default_rng(seed).normal(size=(m, 3))
    parts = [NET.forward(STACK, piece) for piece in pieces(x, length)]
    np.testing.assert_allclose(joined(parts), NET.forward(STACK, x), rtol=0, atol=1e-14)


def test_connections_are_removed_in_every_chunk(small):
    mask = np.array([[1, 0, 1], [1, 1, 1], [0, 0, 1], [1, 1, 0]])
    net = bp.Network([3, 4, 2], hidden="tanh", connections=[mask, None])
    without = THETA.copy()
    without[:12] *= mask.reshape(-1)
    np.testing.assert_array_equal(net.forward(THETA, X), NET.forward(without, X))
    np.testing.assert_array_equal(bp.predict(net, THETA, X), NET.forward(without, X))


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_a_derivative_goes_through_every_chunk(xp, small):
    import torch

    theta = xp.array(THETA).requires_grad_()
    weights = torch.asarray(RNG.normal(size=(M, 2)))
    (NET.forward(theta, xp.array(X)) * weights).sum().backward()
    chunked = theta.grad.clone()
    theta.grad = None
    parts = [NET.forward(theta, row[None]) for row in xp.array(X)]
    (torch.concat(parts) * weights).sum().backward()
    np.testing.assert_allclose(chunked.numpy(), theta.grad.numpy(), rtol=0, atol=1e-13)
    assert chunked.abs().max() > 0


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_jax_traces_one_chunk(xp, small):
    import jax

    theta, x = xp.array(THETA), xp.array(X)
    traced = jax.jit(NET.forward)(theta, x)
    np.testing.assert_allclose(xp.host(traced), NET.forward(THETA, X), rtol=0, atol=1e-13)
    products = str(jax.make_jaxpr(NET.forward)(theta, x)).count("dot_general")
    assert products == 2  # one a layer


def peak(function, *arguments):
    """Return the most bytes that a call needed at one time."""
    tracemalloc.start()
    result = function(*arguments)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del result
    return most


WIDE = bp.Network([4, 512, 512, 2], hidden="relu")
MANY = 50_000


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_memory_of_forward_does_not_grow_with_the_hidden_layers(dtype):
    theta, x = WIDE.init(), np.ones((MANY, 4), dtype)
    hidden = MANY * 512 * 4  # 100 MB for each z and each a
    # three arrays of 4 MiB at one time, and the outputs twice
    assert peak(WIDE.forward, theta, x) < 16 * 1024**2 + 2 * MANY * 2 * 4 < hidden / 5
    assert peak(bp.predict, WIDE, theta, x) < 17 * 1024**2 + 2 * MANY * 2 * 4


def test_the_memory_of_inputs_in_another_dtype_is_that_of_a_chunk():
    net = bp.Network([1024, 1])
    x = np.ones((20_000, 1024), np.int8)  # as float32 80 MB
    assert peak(net.forward, net.init(), x) < 16 * 1024**2


def test_the_memory_of_an_ensemble_does_not_grow_with_the_stack():
    net = bp.Network([4, 8, 16])
    theta, x = net.init(stack=100), np.ones((20_000, 4), "float32")
    # all outputs would be 128 MB; a few arrays of 4 MiB, mean and spread twice
    assert peak(bp.ensemble, net, theta, x) < 24 * 1024**2 + 4 * 20_000 * 16 * 4


def test_the_memory_of_a_file_is_that_of_a_block(tmp_path):
    net = bp.Network([1024, 1])
    x = mapped(tmp_path, np.ones((40_000, 1024), np.float32))  # 160 MB
    assert peak(bp.predict, net, net.init(), x) < 1.5 * prediction.BLOCK_BYTES


# predict


@pytest.mark.parametrize("theta", [THETA, STACK], ids=["one", "stack"])
def test_predictions_are_those_of_forward_in_thetas_place(xp, small, theta):
    there = xp.array(theta)
    outputs = bp.predict(NET, there, X)
    assert namespace(outputs) is namespace(there)
    assert outputs.dtype == there.dtype
    assert device_of(outputs) == device_of(there)
    expected = xp.host(NET.forward(there, xp.array(X)))
    np.testing.assert_allclose(xp.host(outputs), expected, rtol=0, atol=tolerance(xp))
    own = np.broadcast_to(X, (*theta.shape[:-1], M, 3))
    again = xp.host(bp.predict(NET, there, own))
    np.testing.assert_allclose(again, expected, rtol=0, atol=tolerance(xp))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "bool", ">f4", "<i2"])
@pytest.mark.parametrize("m", [0, 1, 4, 8, M])
def test_a_file_gives_what_the_array_gives_bit_for_bit(xp, small, tmp_path, dtype, m):
    x = np.abs(9 * X[:m]).astype(dtype)
    theta = xp.array(THETA)
    whole = xp.host(bp.predict(NET, theta, x))
    assert whole.shape == (m, 2)
    file = mapped(tmp_path, x) if m else Rows(x)
    for place in (file, Rows(x), Rows(x, str(x.dtype)), x.tolist() if m else x):
        np.testing.assert_array_equal(xp.host(bp.predict(NET, theta, place)), whole)
    if not xp.name.startswith("jax"):
        on_device = xp.array(x, xp.float_dtypes[-1])
        np.testing.assert_array_equal(xp.host(NET.forward(theta, on_device)), whole)


def test_a_file_larger_than_a_block_gives_what_the_array_gives(tmp_path):
    net = bp.Network([784, 20, 10], hidden="relu")
    x = np.random.default_rng(1).normal(size=(12_000, 784)).astype("float32")
    rows = Rows(x)
    expected = net.forward(net.init(), x)
    np.testing.assert_array_equal(bp.predict(net, net.init(), mapped(tmp_path, x)), expected)
    np.testing.assert_array_equal(bp.predict(net, net.init(), rows), expected)
    assert rows.most * 784 * 4 <= prediction.BLOCK_BYTES
    assert rows.most % cases_at_once(net.sizes, net.init()) == 0


@pytest.mark.parametrize("library", ["h5py", "zarr"])
def test_data_sets_of_libraries(library, small, tmp_path):
    module = pytest.importorskip(library)
    if library == "h5py":
        with module.File(tmp_path / "x.h5", "w") as file:
            x = file.create_dataset("x", data=X, chunks=(5, 3))
            outputs, together = bp.predict(NET, STACK, x), bp.ensemble(NET, STACK, x)
    else:
        x = module.create_array(str(tmp_path / "x.zarr"), data=X, chunks=(5, 3))
        outputs, together = bp.predict(NET, STACK, x), bp.ensemble(NET, STACK, x)
    np.testing.assert_array_equal(outputs, bp.predict(NET, STACK, X))
    np.testing.assert_array_equal(together.mean, bp.ensemble(NET, STACK, X).mean)


def test_sparse_matrices(small):
    x = needs("scipy.sparse", "scipy").csr_array(np.where(X > 0, X, 0))
    expected = bp.predict(NET, STACK, x.toarray())
    np.testing.assert_array_equal(bp.predict(NET, STACK, x), expected)
    expected = bp.ensemble(NET, STACK, x.toarray())
    np.testing.assert_array_equal(bp.ensemble(NET, STACK, x).spread, expected.spread)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(
        bp.predict(NET, THETA, pandas.DataFrame(X)), NET.forward(THETA, X)
    )


def test_inputs_of_another_library_are_moved(xp, small):
    x = xp.array(X)
    np.testing.assert_array_equal(
        bp.predict(NET, THETA, x), bp.predict(NET, THETA, X.astype(xp.float_dtypes[-1]))
    )
    assert bp.predict(NET, THETA, x).dtype == THETA.dtype


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_no_derivatives_are_recorded(xp, small):
    theta, x = xp.array(STACK).requires_grad_(), xp.array(X).requires_grad_()
    assert not bp.predict(NET, theta, x).requires_grad
    assert not bp.ensemble(NET, theta, x).spread.requires_grad
    assert theta.requires_grad


def test_arguments_are_not_changed_and_results_share_no_memory(xp, small):
    net = bp.Network([3, 3], output="identity", loss="squared_error")
    theta, x = xp.array(RNG.normal(size=(2, 12))), xp.array(X)
    before = xp.host(theta).copy(), xp.host(x).copy()
    outputs = bp.predict(net, theta, x)
    bp.ensemble(net, theta, x)
    np.testing.assert_array_equal(xp.host(theta), before[0])
    np.testing.assert_array_equal(xp.host(x), before[1])
    if xp.name == "numpy":
        assert not np.shares_memory(outputs, x)
        assert not np.shares_memory(outputs, theta)


# ensemble


@pytest.mark.parametrize("lead", [(1,), (5,), (2, 3)])
def test_mean_and_spread_are_those_of_all_outputs(xp, small, lead):
    theta = xp.array(RNG.normal(size=(*lead, NET.parameter_count)))
    together = bp.ensemble(NET, theta, X)
    outputs = xp.host(bp.predict(NET, theta, X)).reshape(-1, M, 2)
    for found, expected in zip(together, (outputs.mean(axis=0), outputs.std(axis=0)), strict=True):
        assert namespace(found) is namespace(theta)
        assert found.dtype == theta.dtype
        assert device_of(found) == device_of(theta)
        np.testing.assert_allclose(xp.host(found), expected, rtol=0, atol=tolerance(xp))


def test_equal_networks_have_no_spread():
    together = bp.ensemble(NET, np.stack([THETA] * 4), X)
    np.testing.assert_array_equal(together.spread, 0)
    np.testing.assert_array_equal(together.mean, NET.forward(THETA, X))


def test_no_rows(xp, small):
    theta = xp.array(STACK)
    assert tuple(bp.predict(NET, theta, X[:0]).shape) == (2, 3, 0, 2)
    assert [tuple(x.shape) for x in bp.ensemble(NET, theta, X[:0])] == [(0, 2), (0, 2)]


# errors

MASKED = np.ma.masked_array(X, X > 0)
REFUSED = {
    "a swapped order": (DTypeError, "(net): got ndarray; expected a Network", (THETA, NET, X)),
    "a list for theta": (DTypeError, "(theta): got list; expected an array", (NET, [1.0], X)),
    "integers for theta": (DTypeError, "(theta): got dtype int64", (NET, STACK.astype(int), X)),
    "another network": (ShapeError, "(theta): got shape (2, 3, 25)", (NET, STACK[..., 1:], X)),
    "too few columns": (
        ShapeError,
        "(X): got shape (23, 2); expected (m, 3)",
        (NET, STACK, X[:, :2]),
    ),
    "one case": (ShapeError, "(X): got shape (3,)", (NET, STACK, X[0])),
    "a stack of a wrong size": (
        ShapeError,
        "(X): got shape (4, 5, 3)",
        (NET, STACK, np.ones((4, 5, 3))),
    ),
    "text": (DTypeError, "(X): got dtype <U1", (NET, STACK, [["a", "b", "c"]])),
    "complex numbers": (DTypeError, "(X): got dtype complex128", (NET, STACK, X + 1j)),
    "masked": (DTypeError, "(X): got a masked array", (NET, STACK, MASKED)),
    "ragged": (ShapeError, "(X): got rows of different lengths", (NET, STACK, [[1.0], [1.0, 2.0]])),
    "a stack in a file": (
        ShapeError,
        "(X): got a file of shape (2, 3, 3)",
        (NET, STACK, Rows(np.ones((2, 3, 3)))),
    ),
    "a file of text": (DTypeError, "(X): got dtype |S1", (NET, STACK, Rows(np.full((2, 3), b"a")))),
    "a file of labels": (ShapeError, "(X): got shape (5,)", (NET, STACK, Rows(np.ones(5)))),
    "a file that lies": (
        DataError,
        "got dtype float64; expected float32",
        (NET, STACK, Rows(X, np.dtype("float32"))),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("function", [bp.predict, bp.ensemble])
def test_what_cannot_be_used_is_refused(name, function):
    error, says, arguments = REFUSED[name]
    if says.startswith("("):
        says = function.__name__ + says
    refused(error, says, function, *arguments)


def test_an_ensemble_needs_a_stack_and_shared_inputs():
    says = "ensemble(theta): got a single network (26,); expected a stack of them (..., 26)"
    refused(ShapeError, says, bp.ensemble, NET, THETA, X)
    says = "ensemble(X): got shape (2, 3, 23, 3); expected (m, 3)"
    refused(ShapeError, says, bp.ensemble, NET, STACK, np.broadcast_to(X, (2, 3, M, 3)))


# ---------------------------------------------------------------------------------------------
# out of memory


class Full:
    """An activation that raises an error at its second call."""

    name = "full"

    def __init__(self, error):
        self.error, self.calls = error, 0

    def __call__(self, z):
        self.calls += 1
        if self.calls == 2:
            raise self.error
        return z

    def da_dz(self, z, a):
        return z * 0 + a * 0 + 1


@pytest.mark.parametrize(("function", "theta"), [(bp.predict, THETA), (bp.ensemble, STACK)])
def test_memory_that_does_not_suffice(function, theta, memory_error, small):
    error, lack = memory_error
    net = bp.Network([3, 4, 2], Full(error))
    with pytest.raises(bp.OutOfMemoryError) as caught:
        function(net, theta, X)
    assert caught.value.parts == (
        f"{function.__name__}(X)",
        f"no {lack}",
        "room for the outputs",
        "Pass fewer rows at a time, or fewer networks",
    )
    assert caught.value.theta is None


def test_a_file_that_fails_for_another_reason_says_so():
    class Broken(Rows):
        def __getitem__(self, key):
            raise RuntimeError("a bad sector")

    with pytest.raises(RuntimeError, match="a bad sector"):
        bp.predict(NET, THETA, Broken(X))


@pytest.mark.parametrize(("lead", "rows"), [((), 384), ((1,), 384), ((3,), 128), ((3, 2), 128)])
def test_a_block_of_inputs_of_each_network_is_shorter(lead, rows, monkeypatch):
    # a block holds the inputs of all networks: 384 rows of 5 numbers of 4 bytes for one of them
    monkeypatch.setattr(prediction, "BLOCK_BYTES", 384 * 5 * 4)
    theta, X = np.zeros((*lead, 7), "float32"), np.zeros((*lead, 1000, 5), "float32")
    assert prediction._block_length(X, theta, 128) == rows
    assert prediction._block_length(X, theta.astype("float64"), 128) == 128


def test_a_chunk_of_a_stack_is_shorter():
    sizes, item = (10, 1024, 3), 4
    for lead, networks in (((), 1), ((2,), 2), ((2, 1), 2), ((50,), 50)):
        found = cases_at_once(sizes, np.zeros((*lead, 5), "float32"))
        assert found == max(2 * 2**20 // (networks * 1024 * item), 128)
