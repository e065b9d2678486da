"""The numbers of an optimiser by name: one of a user's own, made of the same parts."""

import copy
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.hyperparameters import Hyperparameters
from backprop_xp.schedules.ranges import ABOVE_0, BELOW_1, Range


@dataclass(frozen=True)
class Own(Hyperparameters):
    rate: Any = 0.5
    share: Any = 0.25
    loud: bool = False

    ranges: ClassVar[Mapping[str, Range]] = {"rate": ABOVE_0, "share": BELOW_1}

    def init(self, _):
        return ()

    def update(self, theta, state, dE_dtheta, *, rate, share):
        theta -= rate * (1 - share) * dE_dtheta
        return theta, state


def test_numbers_are_its_fields_with_a_range():
    own = Own()
    assert own.settings(3) == {"rate": 0.5, "share": 0.25}
    assert own.settings(3) is own.settings(4)
    assert own.limits == Own.ranges
    with pytest.raises(TypeError):
        own.settings(0)["rate"] = 1


class Noting(Own):
    """An optimiser with more than its fields."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "_noted", [1])


def test_a_copy_after_use_is_equal():
    for own in (Own(0.125), Noting(0.125), bp.SGD(0.1, 0.5)):
        own.settings(0)
        for again in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):  # noqa: S301  its own
            assert again == own
            assert again.settings(1) == own.settings(1)
            assert getattr(again, "_noted", None) == getattr(own, "_noted", None)


def test_schedules_are_asked_for_their_values():
    own = Own(share=lambda step: step / 4)
    assert [own.settings(step)["share"] for step in range(3)] == [0, 0.25, 0.5]
    assert own.settings(0)["rate"] == 0.5
    with pytest.raises(OptionError, match=r"Own\(share\): got 1.0; expected numbers >= 0 and < 1"):
        own.settings(4)


def test_numbers_out_of_range():
    with pytest.raises(OptionError, match=r"Own\(rate\): got 0; expected finite numbers > 0"):
        Own(0)


def test_it_trains(xp):
    # ½ (w·1 + b)² has the gradient (w + b) (1, 1): θ − ½·¾·3
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    X, theta = xp.array(np.ones((1, 1))), xp.array(np.array([1.0, 2.0]))
    run = bp.train(net, X, 0 * X, theta, optimizer=Own(), epochs=1)
    np.testing.assert_array_equal(xp.host(run.theta), [-0.125, 0.875])
