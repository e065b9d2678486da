"""Scores of a command: cost, accuracy and R², by hand."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.cli.evaluation import Scores, scores

LINE = bp.Network([1, 2], output="identity", loss="squared_error")
BITS = bp.Network([1, 2], output="sigmoid", loss="binary_cross_entropy")


def test_outputs_of_just_one_half_are_on_the_side_of_0():
    X, Y = np.zeros((4, 1)), np.array([[0, 0], [0, 0], [1, 0], [1, 1.0]])
    found = scores(BITS, np.zeros(4), X, Y)
    assert found.accuracy == 0.5
    assert found.cost == pytest.approx(2 * np.log(2), rel=1e-15)
    assert found.r_squared is None
    above = np.array([0.0, 0.0, 1e-6, -1e-6])
    assert scores(BITS, above, X, Y).accuracy == 0.25
    assert scores(BITS, above, X, np.array([[1.0, 0.0]] * 4)).accuracy == 1


def test_labels_are_compared_with_the_largest_output():
    net = bp.Network([1, 3])
    theta = np.array([0.0, 0, 0, 0, 2, 1])
    found = scores(net, theta, np.zeros((4, 1)), np.array([1, 1, 2, 0]))
    assert found.accuracy == 0.5
    assert scores(net, np.zeros(6), np.zeros((4, 1)), np.array([0, 1, 2, 0])).accuracy == 0.5


def test_r_squared_by_hand():
    # outputs x and 0; the second target does not vary, and does not count
    X, theta = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 0.0, 0.0])
    Y = np.array([[1.0, 7.0], [3.0, 7.0], [5.0, 7.0]])
    found = scores(LINE, theta, X, Y)
    assert found.r_squared == pytest.approx(1 - 5 / 8, rel=1e-14)
    assert found.accuracy is None
    # the mean of two that vary: 1 − 5/8 and 1 − (1 + 4 + 9)/2
    Y[:, 1] = [1, 2, 3]
    assert scores(LINE, theta, X, Y).r_squared == pytest.approx((3 / 8 - 6) / 2, rel=1e-14)
    assert scores(LINE, theta, X, np.full((3, 2), 7.0)).r_squared is None
    assert scores(LINE, theta, X[:1], Y[:1]).r_squared is None  # one case does not vary


def test_r_squared_of_numbers_whose_squares_overflow():
    X, Y = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0, 0], [3.0, 0], [5.0, 0]])
    theta = np.array([1.0, 0.0, 0.0, 0.0])
    with np.errstate(over="ignore"):
        found = scores(LINE, theta * 1e200, X, Y * 1e200)
    assert found.r_squared == pytest.approx(1 - 5 / 8, rel=1e-14)


def test_costs_of_several_chunks_are_one_mean():
    X, Y = np.zeros((10_000, 1)), np.zeros((10_000, 2))
    Y[9_000:] = 2.0
    assert scores(LINE, np.zeros(4), X, Y).cost == pytest.approx(0.4, rel=1e-12)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Scores(0.25), "cost 0.25"),
        (Scores(0.123456, accuracy=0.98765), "cost 0.1235, accuracy 98.77 %"),
        (Scores(1234567.0, r_squared=0.99999), "cost 1.235e+06, R^2 1.0000"),
    ],
)
def test_scores_as_a_text(found, text):
    assert str(found) == text
