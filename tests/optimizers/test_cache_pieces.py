"""Updates in pieces are the updates at once."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.optimizers import cache_pieces as module
from backprop_xp.optimizers.cache_pieces import piecewise


def scaled(x, y):
    x *= 2
    x += y
    return (x,)


@pytest.mark.parametrize("count", [1, 4, 5, 8, 13])
def test_pieces_cover_everything_once(xp, monkeypatch, count):
    monkeypatch.setattr(module, "PIECE", 4)
    for shape in ((count,), (2, count)):
        x = xp.array(np.arange(np.prod(shape)).reshape(shape) * 1.0) * 1
        y = xp.array(np.ones(shape))
        expected = 2 * xp.host(x) + 1
        (found,) = piecewise(scaled, x, y)
        np.testing.assert_array_equal(xp.host(found), expected)
        np.testing.assert_array_equal(xp.host(y), 1)


def test_adam_in_pieces_is_adam_to_the_bit(xp, monkeypatch):
    rng = np.random.default_rng(0)
    theta, gradients = rng.standard_normal(50), rng.standard_normal((5, 50))
    for adam in (bp.Adam(0.1), bp.Adam(0.1, beta1=lambda step: 0.5 + 0.1 * step)):
        found = []
        for size in (50, 7):
            monkeypatch.setattr(module, "PIECE", size)
            now = xp.array(theta) * 1
            state = adam.init(now)
            for step, gradient in enumerate(gradients):
                numbers = {name: xp.array(x) for name, x in adam.settings(step).items()}
                now, state = adam.update(now, state, xp.array(gradient) * 1, **numbers)
            found.append([xp.host(x) for x in (now, *state)])
        for whole, in_pieces in zip(*found, strict=True):
            np.testing.assert_array_equal(whole, in_pieces)
