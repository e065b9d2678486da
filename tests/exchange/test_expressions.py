"""Expressions: activations return their own formulas."""

import numpy as np
import pytest
from exchange_cases import Centred, Cube, Deciding

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.exchange.expressions import Symbol, constant, formula, in_order


class Computes:
    name = "computes"

    def __init__(self, function):
        self.function = function

    def __call__(self, z):
        return self.function(z)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_a_formula(name):
    found = formula(ACTIVATIONS[name]())
    assert isinstance(found, Symbol)
    assert [x.name for x in in_order([found]) if x.operation == "input"] == ["z"]


@pytest.mark.parametrize("activation", [Cube(), Centred()])
def test_an_activation_of_a_user_has_a_formula(activation):
    assert formula(activation).operation in ("add", "subtract")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (Deciding(), r"\.all"),
        (lambda z: z if z > 0 else -z, "a decision"),
        (float, "Python number"),
        (lambda z: [each for each in z], "a loop"),  # noqa: C416
        (lambda z: z[..., :1, :], "an index"),
        (np.sinc, "numpy.sinc"),
        (lambda z: np.sort(z, axis=-2), "numpy.sort"),
        (np.maximum.reduce, "numpy.maximum"),
        (np.cbrt, "numpy.cbrt"),
        (lambda z: z.sum(axis=-1, keepdims=True), "sum with axis=-1"),
        (lambda z: z.sum(axis=-2), "keepdims=False"),
        (lambda z: z + np.ones(3), "ndarray|numpy"),
        (lambda z: z.shape, r"\.shape"),
        (lambda _: 3.0, "float"),
        (lambda _: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_an_activation_that_no_file_can_hold_is_refused_with_the_reason(function, words):
    activation = function if hasattr(function, "name") else Computes(function)
    with pytest.raises(bp.OptionError, match=f"(?s){activation.name}.*{words}"):
        formula(activation, "to_onnx")


def test_inputs_come_before_results_each_once():
    z = Symbol("input", name="z")
    shared = z + 1.0
    order = in_order([shared * shared, shared])
    assert order.index(shared) == 1
    assert len(order) == 3


def test_a_long_chain_needs_no_deep_stack():
    x = Symbol("input", name="z")
    for _ in range(5000):
        x = x + 1.0
    assert len(in_order([x])) == 5001


def test_reflected_operators_keep_their_order():
    z = Symbol("input", name="z")
    assert repr(2 - z) == "subtract(2.0, z)"
    assert repr(1 / z) == "divide(1.0, z)"
    assert repr(np.float32(2) * z) == "multiply(2.0, z)"


def test_functions_of_numpy_are_noted():
    z = Symbol("input", name="z")
    assert repr(np.where(z > 1, np.clip(z, -1, 1), np.abs(z))).startswith("where(greater(z, 1.0)")
    assert repr(np.sum(z, axis=-2, keepdims=True)) == "sum(z)"
    assert repr(np.max(z, axis=-2, keepdims=True)) == "max(z)"


def test_a_constant_keeps_its_values():
    assert constant(["a", "b"]).options["values"].tolist() == ["a", "b"]
