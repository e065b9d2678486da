"""Predictions compiled by numba: those of NumPy, to the bit."""

import numpy as np
import pytest
from compiled_cache import cache, compiler  # noqa: F401  fixtures

import backprop_xp as bp
from backprop_xp.network.compiled_outputs import compiled_outputs

NET = bp.Network([3, 5, 2], "tanh")
RNG = np.random.default_rng(0)


@pytest.fixture
def compiled(monkeypatch):
    """Return a function that predicts as asked for, compiled or not."""

    def predicted(asked, *given):
        monkeypatch.setenv("BACKPROP_XP_COMPILED", str(int(asked)))
        return bp.predict(*given)

    return predicted


@pytest.mark.parametrize("stack", [(), (3,)], ids=["one", "stack"])
@pytest.mark.parametrize("m", [50, 5000])
def test_outputs_are_equal_to_the_bit(compiled, stack, m):
    theta = NET.init(0, stack=stack)
    theta.flags.writeable = False
    X = RNG.standard_normal((m, 3)).astype("float32")
    for inputs in (X, np.asfortranarray(X), np.broadcast_to(X, (*stack, m, 3))):
        expected, found = (compiled(asked, NET, theta, inputs) for asked in (False, True))
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


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
