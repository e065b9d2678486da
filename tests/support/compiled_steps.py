"""Compiled steps beside recorded ones, on the same batches."""

import numpy as np
from training_steps import numbers_of, step_for

from backprop_xp.execution.steps import over_batches
from backprop_xp.execution.tape import leaves

BATCHES, M = 3, 5


def batches_for(net, stack, own, source, dtype, regularisation, m=M):
    """Return θ, the source of X or None, and the batches of a few steps."""
    rng = np.random.default_rng(1)
    theta = (rng.standard_normal((*stack, net.parameter_count)) * 0.5).astype(dtype)
    lead, n_in = stack if own else (), net.sizes[0]
    X = rng.standard_normal((*lead, BATCHES * m, n_in)).astype(dtype)
    rows = rng.permutation(BATCHES * m).astype("int32").reshape(BATCHES, m)
    y = rng.uniform(0.1, 0.9, (BATCHES, *lead, net.sizes[-1], m))
    y = (y / y.sum(axis=-2, keepdims=True)).astype(dtype)
    w = rng.uniform(0.5, 1.5, (BATCHES, 1, m)).astype(dtype)
    dropped = [*net.sizes[1:-1]] * ("dropout" in regularisation)
    dropped += [n_in] * ("input_dropout" in regularisation)
    noise = [rng.random((BATCHES, n, m)).astype(dtype) for n in dropped]
    first = rows if source else np.ascontiguousarray(np.moveaxis(X[..., rows, :], -3, 0))
    return theta, X if source else None, (first, y, w, *noise)


def steps_of(make_step):
    """Return compiled steps that refuse to run by other means."""
    from backprop_xp.execution.compiled.replayer import Compiled

    def otherwise(*_):
        raise AssertionError("the step is not compiled")

    return Compiled(make_step, otherwise)


def both(
    net,
    optimizer,
    *,
    stack=(),
    own=False,
    source=True,
    dtype="float32",
    labelled=False,
    m=M,
    **regularisation,
):
    """Return what recorded and compiled steps make of the same batches, as flat lists of arrays."""
    theta, X, batches = batches_for(net, stack, own, source, dtype, regularisation, m)
    found = []
    for compiled in (False, True):
        start = theta.copy()
        numbers = numbers_of(optimizer, theta, **regularisation)

        def make(*_, start=start):
            return step_for(net, optimizer, start, labelled)

        steps = steps_of(make) if compiled else over_batches(make, np, pure=True)
        given, carry = numbers.block(BATCHES), (start, optimizer.init(start))
        with np.errstate(all="ignore"):
            for _ in range(2):
                carry, outs = steps(carry, given, X, *batches)
        found.append(leaves((carry, outs)))
    return found


def assert_same(found, *, rounding=0):
    """Assert that both are equal: to the bit, or to so many roundings of the largest number."""
    recorded, compiled = found
    for one, other in zip(recorded, compiled, strict=True):
        if one is not None:
            assert other.dtype == one.dtype
            if rounding and one.dtype.kind == "f":
                most = rounding * np.finfo(one.dtype).eps * np.abs(one).max()
                np.testing.assert_allclose(other, one, rtol=0, atol=most)
            else:
                np.testing.assert_array_equal(other, one)
