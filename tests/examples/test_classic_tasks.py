"""XOR, parity and the encoder: what the script computes, on few starts and sweeps."""

import re
from dataclasses import replace

import classic_tasks as classic
import numpy as np
import pytest
import starts
from wrong_equations import doubled, no_derivative, wrong_momentum

import backprop_xp as bp
from backprop_xp import activations
from backprop_xp.initializers import Uniform
from backprop_xp.network import backpropagation

TWO, _, _, DIRECT, WITHOUT = classic.xor_tasks()


def short(task, starts=30, sweeps=600):
    return classic.solve(replace(task, starts=starts, sweeps=sweeps))


def looks_published() -> bool:
    """Tell whether tasks are solved in as many sweeps as they take, not in fewer."""
    xor, encoder = short(TWO), short(classic.encoder_task())
    parity = short(classic.wide_parity_task(3), sweeps=200)
    return bool(
        0.3 < xor.solved.mean() < 0.7  # a half within 543
        and 0.3 < encoder.solved.mean() < 0.8  # a half within 574
        and parity.solved.mean() > 0.9
        and 20 < starts.quantile(parity.needed, 0.5) < 80
    )


def test_tasks_are_solved_as_soon_as_they_are():
    assert looks_published()


def other_cases(right):
    return lambda delta, a_prev, *out: right(delta, a_prev[..., ::-1], *out)


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (bp.SGD, "update", wrong_momentum),
        (activations.Sigmoid, "da_dz", no_derivative),
        (backpropagation, "weight_gradient", other_cases),
        (backpropagation, "bias_gradient", doubled),
    ],
)
def test_a_fault_is_found(owner, name, fault, monkeypatch):
    monkeypatch.setattr(owner, name, fault(getattr(owner, name)))
    assert not looks_published()


# -------------------------------------------------------------------------------------------------
# connections that skip a layer


def test_the_gradient_with_direct_links_is_the_central_difference():
    X, Y = DIRECT.data
    theta = DIRECT.net.init(seed=3, initializer=Uniform(1.0), dtype="float64")
    theta = classic.carry_inputs(DIRECT.net, theta)
    assert bp.check_gradient(DIRECT.net, theta, X, Y).passed


def test_inputs_reach_the_output_directly():
    # z of the output by hand: v h + u₁ x₁ + u₂ x₂ + b
    net, X = DIRECT.net, DIRECT.data.X
    theta = classic.carry_inputs(net, net.init(seed=3, initializer=Uniform(1.0), stack=2))
    hidden, output = net.unpack(theta)
    for k in range(2):
        h = 1 / (1 + np.exp(-(X @ hidden.W[k, 0] + hidden.b[k, 0])))
        v, u1, u2 = output.W[k, 0]
        z = v * h + u1 * X[:, 0] + u2 * X[:, 1] + output.b[k, 0]
        expected = 1 / (1 + np.exp(-z))
        np.testing.assert_allclose(net.forward(theta, X)[k, :, 0], expected, rtol=1e-5)


def test_what_hands_on_inputs_is_not_trained():
    task = replace(DIRECT, starts=30, sweeps=600)
    net, found = task.net, classic.solve(task)
    assert found.solved.sum() > 3
    hidden, _ = net.unpack(found.at_stop[found.solved].astype("float32"))
    np.testing.assert_array_equal(
        hidden.W[:, 1:], np.broadcast_to(np.eye(2), hidden.W[:, 1:].shape)
    )
    assert not hidden.b[:, 1:].any()
    assert classic.is_trained(net).sum() == 3 + 4  # w, w, b of the hidden unit; v, u, u, b


def test_one_hidden_unit_needs_the_direct_links():
    assert short(WITHOUT).solved.sum() == 0
    assert short(DIRECT).solved.mean() > 0.3


# -------------------------------------------------------------------------------------------------
# codes and settings


def test_codes_are_what_the_hidden_units_send():
    task = classic.encoder_task()
    theta = task.net.init(seed=0, stack=2)
    W, b = task.net.unpack(theta)[0]
    z = W[1, :, 4] + b[1, :, 0]  # pattern 4 is a 1 at input 4
    np.testing.assert_allclose(classic.codes(theta)[1, 4], 1 / (1 + np.exp(-z)), rtol=1e-6)


def test_kinds_of_codes():
    bits = np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in (3, 1, 4, 0, 5, 2, 6, 7)])
    clear, between, twice = 0.9 * bits + 0.05, 0.9 * bits + 0.05, 0.9 * bits + 0.05
    between[2, 1], twice[0] = 0.4, twice[1]
    found = np.array([clear, between, twice])
    assert classic.are_binary(found).tolist() == [True, True, False]
    assert classic.have_between(found).tolist() == [False, True, False]


def test_parity_has_units_and_inputs_as_told():
    narrow, wide = classic.parity_task(5), classic.wide_parity_task(5)
    assert (narrow.net.sizes, wide.net.sizes) == ((5, 5, 1), (5, 10, 1))
    assert set(np.unique(narrow.data[0])) == {0, 1}
    assert set(np.unique(wide.data[0])) == {-1, 1}
    np.testing.assert_array_equal(narrow.data[1], wide.data[1])
    first, *_, last, _ = classic.what_helps(5)
    assert (first.net, first.epsilon) == (narrow.net, narrow.epsilon)
    assert (last.net, last.epsilon) == (wide.net, wide.epsilon)


def test_the_report(monkeypatch):
    pytest.importorskip("matplotlib")
    sizes = {"starts": 12, "sweeps": 400}
    monkeypatch.setattr(classic, "shortened", lambda task: replace(task, **sizes))
    report = classic.report(quick=True, mnist=None)
    text = report.text()
    assert not re.search(r"\b(nan|inf)\b", text)
    assert "> 400" in text
    assert [len(table.rows) for table in report.tables] == [6, 4, 4, 6, 3]
    assert list(report.pictures) == ["classic_sweeps.png", "classic_codes.png"]
