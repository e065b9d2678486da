"""Constant, piecewise and combined schedules: by hand, and beside PyTorch's."""

import numpy as np
import pytest
from rates import torch_rates, values

from backprop_xp.errors import OptionError
from backprop_xp.schedules import (
    Constant,
    Exponential,
    Piecewise,
    Product,
    Sequential,
    Step,
    WarmUp,
)
from backprop_xp.schedules.ranges import value_at


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


# ---------------------------------------------------------------------------------------------
# by hand: numbers with few binary digits are exact


def test_warm_up_by_hand():
    assert values(WarmUp(4, 1.0, 0.0), 6) == [0, 0.25, 0.5, 0.75, 1, 1]
    assert values(WarmUp(2, Step(1.0, 2, 0.5), 0.5), 6) == [0.5, 0.75, 1, 1, 0.5, 0.5]
    assert WarmUp(0, 0.5)(0) == 0.5


def test_products_and_sequences_by_hand():
    halved = Step(1.0, 2, 0.5)
    assert values(Product(halved, halved), 4) == [1, 1, 0.25, 0.25]
    assert values(Product(2.0, halved), 3) == [2, 2, 1]
    assert values(Sequential([3, 4], [halved, 7, halved]), 7) == [1, 1, 0.5, 7, 1, 1, 0.5]
    assert values(Sequential([], [halved]), 3) == [1, 1, 0.5]


def test_any_function_of_the_step_is_a_schedule_in_them():
    assert Product(lambda step: step + 1.0, WarmUp(2, lambda step: 2.0 + step, 0.0))(3) == 12


# ---------------------------------------------------------------------------------------------
# PyTorch's


def test_sequences_equal_pytorchs():
    def make(schedulers):
        def both(sgd):
            first = schedulers.LinearLR(sgd, start_factor=0.25, total_iters=10)
            second = schedulers.ExponentialLR(sgd, gamma=0.9)
            return schedulers.SequentialLR(sgd, [first, second], milestones=[10])

        return both

    expected, _ = torch_rates(make, 40)
    for own in (
        WarmUp(10, Exponential(0.5, 0.9), 0.25),
        Sequential([10], [WarmUp(10, 0.5, 0.25), Exponential(0.5, 0.9)]),
    ):
        # products from rate to rate: a rounding of 1e-16 a step
        np.testing.assert_allclose(values(own, 40), expected, rtol=1e-13)


def test_products_equal_pytorchs():
    def make(schedulers):
        def both(sgd):
            first = schedulers.StepLR(sgd, step_size=7, gamma=0.3)
            return schedulers.ChainedScheduler([first, schedulers.ExponentialLR(sgd, gamma=0.9)])

        return both

    expected, _ = torch_rates(make, 40)
    own = Product(Step(0.5, 7, 0.3), Exponential(1.0, 0.9))
    np.testing.assert_allclose(values(own, 40), expected, rtol=1e-13)  # as above
