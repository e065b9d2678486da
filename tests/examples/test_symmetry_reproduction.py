"""The symmetry network of 1986: what the script computes, on few starts and sweeps."""

import re
from itertools import product

import numpy as np
import pytest
import rumelhart1986_symmetry as symmetry
import starts
from wrong_equations import no_derivative, wrong_momentum, wrong_sign

import backprop_xp as bp
from backprop_xp import activations
from backprop_xp.network import backpropagation

SHORT = symmetry.Size(starts=24, sweeps=2000, further=600)


def looks_published(outcome) -> bool:
    """Tell whether the starts find what the published ones find, as fast and not faster."""
    theta = outcome.later[outcome.solved]
    if not 0.25 < outcome.solved.mean() < 0.65:  # 42 % of a thousand
        return False
    holds = {name: of.mean() for name, of in symmetry.claims(theta).items()}
    ratio = holds.pop("Equal and opposite, sizes as 1 : 2 : 4")
    quick_ones = 700 < starts.quantile(outcome.needed, 0.25) < 1500
    return quick_ones and min(holds.values()) > 0.9 and 0.2 < ratio < 0.9


@pytest.fixture(scope="module")
def outcome():
    return symmetry.train(SHORT)


def test_the_starts_find_what_was_published(outcome):
    assert looks_published(outcome)
    assert 300 < outcome.needed[outcome.solved].min() < 700
    later = symmetry.ratios(outcome.later[outcome.solved])
    at_stop = symmetry.ratios(outcome.at_stop[outcome.solved])
    assert later["another"].mean() < at_stop["another"].mean()  # the ratios come after the stop
    assert later["1 : 2 : 4"].any()
    assert later["2 : 3 : 4"].any()


def test_what_is_right_is_right(outcome):
    solved = outcome.solved
    theta = outcome.at_stop[solved]
    assert starts.all_right(symmetry.NET, theta, symmetry.X, symmetry.Y).all()
    assert np.isnan(outcome.at_stop[~solved]).all()
    assert not np.isnan(outcome.later[solved]).any()
    assert not outcome.fell_back[~solved].any()
    assert outcome.needed[symmetry.shown(outcome)] > 0


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (bp.SGD, "update", wrong_momentum),
        (activations.Sigmoid, "da_dz", no_derivative),
        (backpropagation, "input_gradient", wrong_sign),
        (backpropagation, "weight_gradient", wrong_sign),
    ],
)
def test_a_fault_is_found(owner, name, fault, monkeypatch):
    monkeypatch.setattr(owner, name, fault(getattr(owner, name)))
    assert not looks_published(symmetry.train(SHORT))


# -------------------------------------------------------------------------------------------------
# starts that leave the stack


def by_hand(net, data, theta, epsilon, alpha, sweeps, further):
    """Return the outcome by Δθ(t) = −ε ∂E/∂θ + α Δθ(t−1), E a sum over cases, in one piece."""
    (X, Y), change, of_sweep, right = data, np.zeros_like(theta), [theta], []
    for _ in range(sweeps + further):
        _, dE_dtheta = net.gradient(of_sweep[-1], X, Y, case_weights=np.ones(len(X)))
        change = alpha * change - epsilon * dE_dtheta
        of_sweep.append(of_sweep[-1] + change)
        right.append(np.all((net.forward(of_sweep[-1], X) > 0.5) == (Y > 0.5), axis=(-2, -1)))
    of_sweep, right = np.array(of_sweep), np.array(right)
    solved = right[:sweeps].any(axis=0)
    needed = np.where(solved, right.argmax(axis=0) + 1, -1)
    number = np.arange(len(theta))
    after = [right[n - 1 : n + further, k] for k, n in enumerate(needed)]
    fell_back = np.array([n > 0 and not x.all() for n, x in zip(needed, after, strict=True)])
    return solved, needed, of_sweep[needed, number], of_sweep[needed + further, number], fell_back


@pytest.mark.parametrize("length", [1, 7, 1000])
def test_rounds_change_nothing(length, monkeypatch):
    monkeypatch.setattr(starts, "ROUND", length)
    X, Y = (x.astype("float64") for x in bp.datasets.xor())
    net = bp.Network([2, 2, 1], output="sigmoid", loss="squared_error")
    uniform = bp.initializers.Uniform(1.0)
    theta = net.init(seed=0, initializer=uniform, dtype="float64", stack=40)
    before = theta.copy()
    found = starts.follow(net, (X, Y), theta, epsilon=0.5, alpha=0.9, sweeps=150, further=30)
    solved, needed, at_stop, later, fell_back = by_hand(net, (X, Y), theta, 0.5, 0.9, 150, 30)
    np.testing.assert_array_equal(theta, before)
    assert 5 < solved.sum() < 35
    np.testing.assert_array_equal(found.needed, needed)
    np.testing.assert_array_equal(found.fell_back, fell_back)
    np.testing.assert_allclose(found.at_stop[solved], at_stop[solved], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.later[solved], later[solved], rtol=1e-9, atol=1e-12)
    assert np.isnan(found.later[~solved]).all()


def test_parameters_that_are_not_trained_stay():
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 2, 1], output="sigmoid", loss="squared_error")
    theta = net.init(seed=0, initializer=bp.initializers.Uniform(1.0), stack=20)
    trained = np.ones(net.parameter_count, dtype="float32")
    trained[2] = 0
    found = starts.follow(
        net, (X, Y), theta, epsilon=0.5, alpha=0.9, sweeps=500, further=3, trained=trained
    )
    solved = found.solved
    assert solved.sum() > 3
    np.testing.assert_array_equal(found.later[solved, 2], theta[solved, 2])
    assert np.all(found.later[solved] != theta[solved], axis=0).sum() == net.parameter_count - 1


# -------------------------------------------------------------------------------------------------
# what was learned


def test_the_pattern_of_1986():
    row = np.array([3.0, -12, 6, -6, 12, -3])
    W = np.array([[row, -2 * row], [row, row + np.eye(6)[5]], [row, row[[0, 0, 0, 5, 5, 5]]]])
    assert symmetry.asymmetry(W).tolist() == pytest.approx([0, 1 / 12, 0])
    np.testing.assert_allclose(symmetry.sizes(W)[0], [[1, 2, 4], [1, 2, 4]])
    assert symmetry.has_sizes(W, 1, 2, 4).tolist() == [True, True, False]
    assert not symmetry.has_sizes(W, 2, 3, 4).any()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_network_of_1986_is_right(sign):
    row = np.array([3.0, -12, 6, -6, 12, -3])
    hidden, output = (
        (np.array([row, -row]), [[-2.0 * sign], [-2]]),
        ([[-15.0, -15]], [[7.0 * sign]]),
    )
    theta = symmetry.NET.pack([map(np.array, hidden), map(np.array, output)])[None]
    right = starts.all_right(symmetry.NET, theta, symmetry.X, symmetry.Y)
    found = {name: bool(of[0]) for name, of in symmetry.claims(theta).items()}
    assert bool(right[0]) == (sign == 1)
    assert found["Equal and opposite, sizes as 1 : 2 : 4"]
    assert found["Both hidden biases negative"] == found["Output bias positive"] == (sign == 1)


@pytest.mark.parametrize(("sizes", "does"), [((1, 2, 4), 1), ((2, 3, 4), 1), ((1, 2, 3), 0)])
def test_which_ratios_do(sizes, does):
    sums = {np.dot(sizes, signs) for signs in product((-1, 0, 1), repeat=3) if any(signs)}
    assert (0 not in sums) == does  # of a row that is not symmetric, some bits differ


# -------------------------------------------------------------------------------------------------
# the report


def test_the_report(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(symmetry, "QUICK", symmetry.Size(16, 1500, 300))
    report = symmetry.report(quick=True, mnist=None)
    text = report.text()
    assert "1,425" in text
    assert not re.search(r"\b(nan|inf)\b", text)
    assert len(report.tables) == 4
    assert list(report.pictures) == ["symmetry_sweeps.png", "symmetry_weights.png"]


def test_starts_that_solve_nothing_are_told(monkeypatch):
    monkeypatch.setattr(symmetry, "QUICK", symmetry.Size(4, 3, 2))
    report = symmetry.report(quick=True, mnist=None)
    assert report.notes == ["No start is solved."]
    assert report.pictures == {}
    assert "0.0 %" in report.text()
