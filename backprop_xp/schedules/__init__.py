"""Schedules: numbers that change from step to step, such as the learning rate after t updates.

A schedule is a callable. It takes the number of updates made so far, and returns a number or an
array with one number for each network of a stack. Return a new array for new numbers: each array is
read once.

>>> import backprop_xp as bp
>>> rate = bp.schedules.WarmUp(100, then=bp.schedules.Cosine(0.5, steps=900))
>>> rate(0), rate(100), rate(1000)
(0.05, 0.5, 0.0)
>>> optimizer = bp.SGD(rate)

.. code-block:: text

    ranges         a number of training: a constant, an array or a schedule, and its range
    formulas       schedules by a formula of the step: a factor, a power of time, a wave
    combinations   constants, pieces, warm-up, products and sequences of schedules
    plateau        schedules that follow the history of training

Read `formulas` first, then `combinations` and `plateau`. The room imports `arrays` and `errors`
alone.
"""

from typing import Any

from backprop_xp.arrays.advice import missing_name
from backprop_xp.schedules.combinations import Constant, Piecewise, Product, Sequential, WarmUp
from backprop_xp.schedules.formulas import Cosine, Exponential, InverseTime, OneCycle, Step
from backprop_xp.schedules.plateau import ReduceOnPlateau
from backprop_xp.schedules.ranges import Schedule, Setting

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "OneCycle",
    "Piecewise",
    "Product",
    "ReduceOnPlateau",
    "Schedule",
    "Sequential",
    "Setting",
    "Step",
    "WarmUp",
]


def __getattr__(name: str) -> Any:
    """Refuse a name that is not here, with the name here for another library's."""
    raise missing_name(__name__, name)
