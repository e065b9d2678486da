"""Steps one after another: the loop, and lax.scan on JAX, against a loop of their own."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp.arrays.backend import copied, device_of, dtype_name, namespace
from backprop_xp.execution.steps import over_batches

# numbers with few binary digits, so that every step is exact and the tolerance is 0


class Numbers(NamedTuple):
    by_name: dict[str, Any]
    missing: Any
    shift: Any


def step(carry, numbers, x, w):
    """Return the next (sum, count) and (a product, None)."""
    total, (count,) = carry
    out = total * w
    total = total * numbers.by_name["rate"] + x + numbers.shift
    return (total, (count + 1,)), (out, None)


def by_hand(total, rates, shifts, X, W):
    outs = []
    for rate, shift, x, w in zip(rates, shifts, X, W, strict=True):
        outs.append(total * w)
        total = total * rate + x + shift
    return total, outs


def made(xp, rate, shift):
    return Numbers({"rate": xp.array(rate)}, None, xp.array(shift))


X = np.array([[1.0, 2.0], [-1.0, 4.0], [0.5, 0.0]])
W = np.array([2.0, -1.0, 0.25])
START = np.array([3.0, -2.0])


def run(xp, numbers, count, step=step):
    carry = xp.array(START), (xp.array(0.0),)
    return over_batches(lambda: step, xp.xp)(
        carry, numbers, None, xp.array(X[:count]), xp.array(W[:count])
    )


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("varied", [False, True])
def test_steps_are_taken_in_their_order(xp, count, varied):
    rates, shifts = ([0.5, 0.25, 2.0], [0.0, 1.0, -1.0]) if varied else ([0.5] * 3, [1.0] * 3)
    once = made(xp, 0.5, 1.0)
    numbers = [made(xp, *of) if varied else once for of in zip(rates, shifts, strict=True)]
    (total, (steps,)), (outs, none) = run(xp, numbers[:count], count)
    expected, of_steps = by_hand(START, rates[:count], shifts[:count], X[:count], W[:count])
    np.testing.assert_array_equal(xp.host(total), expected)
    np.testing.assert_array_equal(xp.host(outs), of_steps)
    assert float(steps) == count
    assert none is None
    for one in (total, outs):
        assert (device_of(one), namespace(one)) == (xp.device, xp.xp)
        assert dtype_name(one.dtype) == xp.float_dtypes[-1]


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("varied", [False, True])
def test_a_repeated_batch_is_that_batch_at_each_step(xp, varied, pure):
    numbers = [made(xp, 0.5, shift * varied) for shift in (1.0, 2.0, 3.0)]
    once = [xp.array(x[:1]) for x in (X, W)]
    found = []
    for repeated in (True, False):
        batches = [
            xp.xp.broadcast_to(x, (3, *x.shape[1:])) if repeated else xp.xp.concat([x] * 3)
            for x in once
        ]
        carry = copied(xp.array(START)), (copied(xp.array(0.0)),)
        steps = over_batches(lambda *_: step, xp.xp, pure=pure)
        (total, _), (outs, _) = steps(carry, numbers, None, *batches)
        found.append([xp.host(x).tolist() for x in (total, outs)])
    assert found[0] == found[1]


def test_numbers_of_equal_value_are_as_one_object(xp):
    once, each = made(xp, 0.5, 1.0), [made(xp, 0.5, 1.0) for _ in range(3)]
    for one, other in zip(run(xp, [once] * 3, 3), run(xp, each, 3), strict=True):
        np.testing.assert_array_equal(xp.host(one[0]), xp.host(other[0]))


def test_numbers_that_change_after_the_second_step_count(xp):
    # all but the last are one object
    once, last = made(xp, 0.5, 1.0), made(xp, 2.0, 0.0)
    (total, _), _ = run(xp, [once, once, last], 3)
    expected, _ = by_hand(START, [0.5, 0.5, 2.0], [1.0, 1.0, 0.0], X, W)
    np.testing.assert_array_equal(xp.host(total), expected)


def test_no_out_at_all(xp):
    def nothing(carry, numbers, x, w):
        return step(carry, numbers, x, w)[0], (None, None)

    (total, _), outs = run(xp, [made(xp, 0.5, 1.0)] * 3, 3, nothing)
    assert outs == (None, None)
    np.testing.assert_array_equal(xp.host(total), by_hand(START, [0.5] * 3, [1.0] * 3, X, W)[0])


@pytest.mark.parametrize("xp", ["numpy", "strict", "torch"], indirect=True)
def test_numbers_for_another_count_of_steps_are_refused(xp):
    for count in (2, 4):
        with pytest.raises(ValueError, match="zip"):
            run(xp, [made(xp, 0.5, 1.0)] * count, 3)


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_a_scan_traces_the_step_once_for_constant_and_once_for_varied_numbers(xp):
    traced = []

    def noted(carry, numbers, x, w):
        traced.append(numbers)
        return step(carry, numbers, x, w)

    steps = over_batches(lambda: noted, xp.xp)
    carry, batches = (xp.array(START), (xp.array(0.0),)), (xp.array(X), xp.array(W))
    of_each = [made(xp, rate, 1.0) for rate in (0.5, 0.25, 2.0)]
    for numbers, most in (([of_each[0]] * 3, 1), ([of_each[1]] * 3, 1), (of_each, 2)):
        for _ in range(2):
            steps(carry, numbers, None, *batches)
            assert len(traced) <= most
    steps(carry, of_each[::-1], None, *batches)
    assert len(traced) == 2


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_constant_numbers_are_no_part_of_the_compiled_code(xp):
    steps = over_batches(lambda: step, xp.xp)
    carry, batches = (xp.array(START), (xp.array(0.0),)), (xp.array(X), xp.array(W))
    for rate in (0.5, 0.25):
        (total, _), _ = steps(carry, [made(xp, rate, 1.0)] * 3, None, *batches)
        expected, _ = by_hand(START, [rate] * 3, [1.0] * 3, X, W)
        np.testing.assert_array_equal(xp.host(total), expected)


@given(
    rates=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=8),
    seed=st.integers(0, 100),
)
def test_any_number_of_steps(rates, seed):
    rng = np.random.default_rng(seed)
    X, W = rng.integers(-8, 8, (len(rates), 2)) / 4, rng.integers(-8, 8, len(rates)) / 4
    numbers = [Numbers({"rate": np.array(rate)}, None, np.array(1.0)) for rate in rates]
    (total, _), (outs, _) = over_batches(lambda: step, np)(
        (START, (np.array(0),)), numbers, None, X, W
    )
    expected, of_steps = by_hand(START, rates, [1.0] * len(rates), X, W)
    np.testing.assert_array_equal(total, expected)
    np.testing.assert_array_equal(outs, of_steps)
