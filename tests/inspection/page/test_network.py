"""The scripts of the page compute what the library computes, from the library's own formulas."""

import numpy as np
import pytest
from page_cases import computed, random_networks

import backprop_xp as bp
from backprop_xp.inspection.written_equations import sections

TRACES = random_networks()


@pytest.fixture(scope="module")
def found():
    return dict(zip(TRACES, computed(TRACES.values()), strict=True))


def close(x, y):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    np.testing.assert_allclose(x.ravel(), y.ravel(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TRACES)
def test_every_number_of_a_pass(name, found):
    trace, here = TRACES[name], found[name]
    close(here["E"], trace.E)
    close(here["E_c"], trace.E_c)
    close(here["dE_dx"], trace.dE_dx)
    gradients = [x for one in trace.layers for x in (one.dE_dW, one.dE_db)]
    close(here["gradient"], np.concatenate([x.ravel() for x in gradients]))
    for number, layer in enumerate(trace.layers, start=1):
        for quantity in ("z", "a", "delta"):
            close(here[quantity][number], getattr(layer, quantity))


@pytest.mark.parametrize("name", TRACES)
def test_every_term_that_a_step_names(name, found):
    steps = [step for section in sections(TRACES[name]) for step in section.steps]
    for step, terms in zip(steps, found[name]["terms"], strict=True):
        arrays = [term for term in step.terms if not isinstance(term, str)]
        for array, (n, m, numbers) in zip(arrays, terms, strict=True):
            assert array.ndim == 0 or array.shape == (n, m)
            close(numbers, array)


# a logarithm of an output below 0 is that of 2e-246: the gradient is 1e245 times too long to step
STEADY = [name for name, one in TRACES.items() if max(abs(x.dE_dW).max() for x in one.layers) < 1e6]


@pytest.mark.parametrize("name", STEADY)
def test_three_steps_of_the_optimiser(name, found):
    trace = TRACES[name]
    net, optimizer = trace.network, trace.optimizer
    theta = net.pack([(one.W, one.b) for one in trace.layers])
    state = optimizer.init(theta)
    for step in range(3):
        _, g = net.gradient(theta, trace.a_in.T, trace.y.T, trace.w[0])
        settings = {k: np.asarray(v) for k, v in optimizer.settings(step).items()}
        theta, state = optimizer.update(theta, state, g.copy(), **settings)
    close(found[name]["after"], theta)


@pytest.mark.parametrize("name", [name for name in STEADY if "absolute" not in name])
def test_finite_differences_confirm_the_errors(name, found):
    trace = TRACES[name]
    for layer, nudged in zip(trace.layers, found[name]["nudged"], strict=True):
        np.testing.assert_allclose(nudged, layer.delta[-1, 0], rtol=1e-4, atol=1e-6)


class Swish:
    name = "swish <script>"

    def __call__(self, z):
        return z / (1 + np.exp(-2 * z))

    def da_dz(self, z, a):
        s = 1 / (1 + np.exp(-2 * z))
        return s + 2 * a * (1 - s)


class FourthPower:
    name = "fourth power"

    def __call__(self, a, y):
        return ((a - y) ** 4).sum(axis=-2)

    def dE_da(self, a, y):
        return 4 * (a - y) ** 3


class Centred:
    name = "centred"

    def __call__(self, z):
        return z - z.mean(axis=-2, keepdims=True)

    def vjp(self, dE_da, _):
        return dE_da - dE_da.mean(axis=-2, keepdims=True)


@pytest.mark.parametrize("sigma", [Swish(), Centred()], ids=["swish", "centred"])
def test_parts_of_a_user(sigma):
    net = bp.Network([3, 4, 2], sigma, "tanh", FourthPower())
    trace = bp.trace(net, net.init(0, dtype="float64"), np.eye(3), np.full((3, 2), 0.25))
    (here,) = computed([trace])
    close(here["E"], trace.E)
    close(here["delta"][1], trace.layers[0].delta)
