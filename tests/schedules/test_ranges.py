"""Numbers in range: edges, arrays, and what is no number."""

import math

import numpy as np
import pytest

from backprop_xp.errors import OptionError
from backprop_xp.schedules import ranges
from backprop_xp.schedules.ranges import Range, check_range, constant, is_zero, on_host, value_at

EDGES = {  # what is within, and what is not
    "FINITE": ([-1e300, 0, 1e300], [math.inf, -math.inf, math.nan]),
    "AT_LEAST_0": ([0, -0.0, 1e300], [-1e-300, math.inf, math.nan]),
    "ABOVE_0": ([1e-300, 1e300], [0, -1, math.inf, math.nan]),
    "ABOVE_1": ([1 + 1e-15, 1e300], [1, 0.5, math.inf, math.nan]),
    "BELOW_1": ([0, 1 - 1e-15], [1, -1e-300, math.nan]),
    "SHARE": ([0, 1], [-1e-300, 1.1, math.nan]),
    "BETWEEN_0_AND_1": ([1e-300, 1 - 1e-15], [0, 1, math.nan]),
}


def test_every_range_is_tried():
    assert {name for name, one in vars(ranges).items() if isinstance(one, Range)} == set(EDGES)


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    limits, (good, bad) = getattr(ranges, name), EDGES[name]
    assert limits.hold(np.array(good))
    check_range("here", good, limits)
    for number in bad:
        assert not limits.hold(np.array([good[-1], number]))
        with pytest.raises(OptionError) as caught:
            check_range("here", number, limits)
        assert caught.value.parts[:3] == ("here", repr(number), limits.text)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_bounds_are_not_rounded_to_the_dtype_of_the_values(dtype):
    assert ranges.SHARE.hold(np.ones(1, dtype))
    assert not ranges.SHARE.hold(np.nextafter(np.ones(1, dtype), np.full(1, 2, dtype)))
    assert not ranges.BELOW_1.hold(np.ones(1, dtype))


def test_schedules_are_not_looked_at():
    check_range("here", lambda _: "no number", ranges.FINITE)
    assert not is_zero(lambda _: 0.0)


@pytest.mark.parametrize("bad", ["fast", None, 1j, [[1], [1, 2]], 10**400])
def test_what_is_no_number(bad):
    with pytest.raises(OptionError, match=r"here: got .*; expected finite numbers"):
        check_range("here", bad, ranges.FINITE)


def test_zeros(xp):
    assert is_zero(0)
    assert is_zero(xp.array([[0.0], [0.0]]))
    assert not is_zero(xp.array([[0.0], [0.1]]))


def test_constants(xp):
    assert constant("here", 3, ranges.FINITE) == 3
    assert isinstance(constant("here", 3, ranges.FINITE), int)
    made = constant("here", xp.array([0.5, 0.25]), ranges.FINITE)
    assert (type(made), made.dtype) == (np.ndarray, np.float64)
    with pytest.raises(OptionError, match=r"Combine schedules by Product"):
        constant("here", lambda _: 0.1, ranges.FINITE)
    with pytest.raises(OptionError, match="here: got -1"):
        constant("here", -1, ranges.AT_LEAST_0)


def test_values_and_hosts(xp):
    assert value_at(lambda step: step + 1, 2) == 3
    assert value_at(0.5, 2) == 0.5
    made = on_host(xp.array([0.5]))
    assert (type(made), made.dtype, made[0]) == (np.ndarray, np.float64, 0.5)
