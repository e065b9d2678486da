import numpy as np
import pytest

from backprop_xp.errors import OptionError
from backprop_xp.schedules import Constant, Piecewise, value_at


def test_constant():
    assert [Constant(0.5)(step) for step in (0, 1, 10**9)] == [0.5] * 3


def test_piecewise_by_hand():
    # 3 values and 2 boundaries: the next value begins at its boundary
    schedule = Piecewise([2, 5], [1.0, 0.5, 0.25])
    assert [schedule(step) for step in range(7)] == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_piecewise_without_boundaries_and_from_the_first_step():
    assert Piecewise([], [3])(0) == 3
    assert Piecewise([0], [1, 2])(0) == 2


def test_piecewise_copies_its_lists_and_can_be_a_key():
    boundaries, values = [1], [0.1, 0.2]
    schedule = Piecewise(boundaries, values)
    boundaries[0], values[1] = 100, 100
    assert schedule(1) == 0.2
    assert {schedule: "here"}[Piecewise((1,), (0.1, 0.2))] == "here"


@pytest.mark.parametrize(
    ("boundaries", "values"),
    [
        ([5, 2], [1, 2, 3]),
        ([2, 2], [1, 2, 3]),
        ([2], [1]),
        ([2], [1, 2, 3]),
        ([], []),
        (["a"], [1, 2]),
        ([1.5], [1, 2]),
        (3, [1]),
    ],
)
def test_piecewise_refuses_what_does_not_fit(boundaries, values):
    with pytest.raises(OptionError, match="increasing whole numbers, and one value more"):
        Piecewise(boundaries, values)


def test_value_at_takes_numbers_arrays_and_functions():
    rates = np.array([[0.1], [0.2]])
    assert value_at(0.1, 7) == 0.1
    assert value_at(rates, 7) is rates
    assert value_at(lambda step: 1 / (step + 1), 3) == 0.25
    assert value_at(Piecewise([3], [rates, 2 * rates]), 2) is rates
