"""Schedules: numbers that change from step to step, such as the learning rate after t updates.

Any callable that takes the number of updates made so far and returns a number, or an array with one
number for each network of a stack, is a schedule. An array is read once: a schedule returns a new
array for new values.

.. code-block:: text

    ranges         what a number may be: a constant, an array over a stack, a schedule; its range
    formulas       values by a formula of the step: a factor, a power of time, a wave
    combinations   constants and pieces; warm-up, products and sequences of schedules
    plateau        values that follow the history of training

It imports `arrays` and `errors` alone.
"""

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
