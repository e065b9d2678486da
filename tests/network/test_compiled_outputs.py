"""Predictions compiled by numba: those of NumPy, to rounding."""

import threading
import warnings

import numpy as np
import pytest
from compiled_cache import cache, compiler  # noqa: F401  fixtures

import backprop_xp as bp
from backprop_xp.network import compiled_outputs as module
from backprop_xp.network.compiled_outputs import compiled_outputs

NET = bp.Network([3, 5, 2], "tanh")
NETS = [NET, *(bp.Network(sizes) for sizes in ([1, 4, 1], [3, 2], [2, 1, 1, 3]))]
RNG = np.random.default_rng(0)


@pytest.fixture
def compiled(monkeypatch):
    """Return a function that predicts as asked for, compiled or not."""

    def predicted(asked, *given):
        monkeypatch.setenv("BACKPROP_XP_COMPILED", str(int(asked)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it would say that nothing is compiled
            return bp.predict(*given)

    return predicted


@pytest.mark.parametrize("stack", [(), (3,)], ids=["one", "stack"])
@pytest.mark.parametrize("m", [1, 50, 128, 5001])
@pytest.mark.parametrize("net", NETS, ids=str)
def test_outputs_are_equal_to_rounding(compiled, net, stack, m):
    theta = net.init(0, stack=stack)
    theta.flags.writeable = False
    X = RNG.standard_normal((m, net.sizes[0])).astype("float32")
    for inputs in (X, np.asfortranarray(X), np.broadcast_to(X, (*stack, *X.shape))):
        expected, *found = (compiled(asked, net, theta, inputs) for asked in (False, True, True))
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(*found)
        assert found[0].dtype == expected.dtype


def test_rows_of_a_file_have_the_same_bits(compiled, tmp_path, monkeypatch):
    monkeypatch.setattr("backprop_xp.network.chunks.COMPILED_BYTES", 2**13)
    theta, X = NET.init(0), RNG.standard_normal((1700, 3)).astype("float32")
    np.save(tmp_path / "X.npy", X)
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(compiled(True, NET, theta, rows), compiled(True, NET, theta, X))


def unaligned(x):
    """Return a copy that begins at an odd address."""
    return np.frombuffer(b"x" + x.tobytes(), x.dtype, offset=1).reshape(x.shape)


def test_unaligned_arrays(compiled):
    theta, X = NET.init(0), RNG.standard_normal((300, 3)).astype("float32")
    expected = compiled(True, NET, theta, X)
    for given in ((theta, unaligned(X)), (unaligned(theta), X)):
        np.testing.assert_array_equal(compiled(True, NET, *given), expected)


def test_few_numbers_of_cases_are_recorded(compiled):
    """Predictions for any number of cases take the memory of few."""
    net = bp.Network([2, 4, 3], "tanh")
    theta = net.init(0)
    for m in range(1, 1500, 37):
        assert compiled(True, net, theta, np.zeros((m, 2), "float32")).shape == (m, 3)
    made = module._steps(net, threading.get_ident()).recordings
    assert made
    assert None not in made.values()
    assert len(made) <= 4  # 1024, 512, 256 and 128 cases


def test_a_fallback_is_said_of_a_prediction(monkeypatch):
    monkeypatch.setenv("BACKPROP_XP_COMPILED", "1")
    theta = NET.init(0)
    theta = theta.astype(theta.dtype.newbyteorder())
    with pytest.warns(UserWarning, match="prediction is not compiled.* in another byte order"):
        bp.predict(NET, theta, np.zeros((128, 3), "float32"))


def test_no_cases(compiled):
    assert compiled(True, NET, NET.init(0), np.zeros((0, 3))).shape == (0, 2)


class Own(bp.activations.Tanh):
    """A user's own activation."""


@pytest.mark.parametrize(
    ("net", "theta"),
    [
        (NET, NET.init(0).astype("float16")),
        (NET, NET.init(0, stack=(2, 2))),
        (bp.Network([3, 5, 2], Own()), NET.init(0)),
    ],
    ids=["half", "two axes", "own"],
)
def test_the_rest_is_not_compiled(net, theta, monkeypatch):
    monkeypatch.setenv("BACKPROP_XP_COMPILED", "1")
    assert compiled_outputs(net, theta) is None
