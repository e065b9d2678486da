"""Output and loss of an estimator, and its decisions from outputs."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.estimators.output_kind import Head

OUTPUTS = np.array([[0.2, 0.7, 0.1], [0.6, 0.6, 0.3]])
NAMES = np.array(["x", "y", "z"])
BINARY = "binary_cross_entropy"


@pytest.mark.parametrize(
    ("head", "outputs", "expected"),
    [
        (Head(3, "softmax", "cross_entropy", NAMES), OUTPUTS, ["y", "x"]),
        (Head(1, "sigmoid", BINARY, NAMES[:2]), OUTPUTS[:, :1], ["x", "y"]),
        (Head(1, "sigmoid", BINARY, NAMES[:2]), np.array([[0.5]]), ["x"]),
        (Head(3, "sigmoid", BINARY, np.arange(3), flat=False), OUTPUTS, [[0, 1, 0], [1, 1, 0]]),
        (Head(1, "identity", "squared_error"), OUTPUTS[:, :1], [0.2, 0.6]),
        (Head(3, "identity", "squared_error", flat=False), OUTPUTS, OUTPUTS),
    ],
    ids=["classes", "two", "in the middle", "labels", "number", "numbers"],
)
def test_decisions(head, outputs, expected):
    np.testing.assert_array_equal(head.decide(outputs), expected)


@pytest.mark.parametrize("loss", ["cross_entropy", bp.losses.CrossEntropy()])
def test_cross_entropy_of_one_unit_is_binary(loss):
    two, more = Head(1, "sigmoid", BINARY, NAMES[:2]), Head(3, "softmax", "cross_entropy", NAMES)
    assert (two.loss_for(loss), two.loss_for(None)) == (BINARY, BINARY)
    assert more.loss_for(loss) == bp.losses.CrossEntropy()


@pytest.mark.parametrize("loss", ["cross_entropy", bp.losses.BinaryCrossEntropy()])
def test_a_loss_of_classes_is_none_of_numbers(loss):
    with pytest.raises(bp.OptionError, match=r"^loss: got .* expected a loss of numbers"):
        Head(1, "identity", "squared_error").loss_for(loss)


@pytest.mark.parametrize(("units", "flat"), [(1, True), (1, False), (3, False)])
def test_just_one_half_is_the_first_class(units, flat):
    head = Head(units, "sigmoid", BINARY, np.arange(2), flat=flat)
    half, above = np.full((2, units), 0.5), np.full((2, units), np.nextafter(0.5, 1))
    assert not head.decide(half).any()
    assert head.decide(above).all()
