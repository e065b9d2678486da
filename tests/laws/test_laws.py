"""The laws of the gradient: what must hold for every network, whatever it is made of.

The oracles are independent of the library: a forward pass and costs written out here, with a
numeric derivative in NumPy and the automatic ones of PyTorch and JAX.
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.losses import LOSSES

# ---------------------------------------------------------------------------------------------
# every combination that is defined

POSITIVE = ("sigmoid", "softplus", "exp", "softmax")  # outputs above 0, for the logarithms
BELOW_1 = ("sigmoid", "softmax")
OUTPUTS = {"cross_entropy": POSITIVE, "poisson": POSITIVE, "binary_cross_entropy": BELOW_1}
NAMES = list(ACTIVATIONS)
PAIRS = [(output, loss) for loss in LOSSES for output in OUTPUTS.get(loss, NAMES)]

# z at which an activation, and r = a − y at which a loss, has a kink or a jump in its second
# derivative, where no difference quotient tells the derivative
KINKS_OF_Z = {"relu": 0.0, "leaky_relu": 0.0, "elu": 0.0}
KINKS_OF_R = {"absolute_error": (0.0,), "huber": (-1.0, 1.0)}
MARGIN = 4e-3  # ten times the largest nudge of a parameter below
STEEPEST = {"exp": 2.0}  # e^z of e^z of … bends too much for a difference quotient

# ---------------------------------------------------------------------------------------------
# the same functions by other formulas, on rows


@dataclass(frozen=True)
class Functions:
    """Activations, and losses that give E_c, of a library on rows (..., m, n)."""

    activations: dict[str, Any]
    losses: dict[str, Any]
    array: Any  # makes the library's array of a NumPy array


def losses_of(np):
    """Return the losses in a namespace that calls its functions as NumPy does."""
    return {
        "squared_error": lambda a, y: ((a - y) ** 2 / 2).sum(-1),
        "cross_entropy": lambda a, y: -(y * np.log(a)).sum(-1),
        "binary_cross_entropy": lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(-1),
        "poisson": lambda a, y: (a - y * np.log(a)).sum(-1),
        "absolute_error": lambda a, y: abs(a - y).sum(-1),
        "huber": lambda a, y: np.where(abs(a - y) < 1, (a - y) ** 2 / 2, abs(a - y) - 0.5).sum(-1),
    }


PLAIN = Functions(
    {
        "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
        "tanh": lambda z: 1 - 2 / (np.exp(2 * z) + 1),
        "relu": lambda z: np.where(z > 0, z, 0),
        "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
        "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
        "gelu": lambda z: z / (1 + np.exp(-math.sqrt(8 / math.pi) * (z + 0.044715 * z**3))),
        "silu": lambda z: z * (1 + np.tanh(z / 2)) / 2,
        "softplus": lambda z: np.log(1 + np.exp(z)),
        "identity": lambda z: z,
        "exp": np.exp,
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
    },
    losses_of(np),
    np.asarray,
)


def functions_of(library):
    """Return the functions that PyTorch or JAX has itself."""
    if library.name == "jax":
        import jax

        functions = {name: getattr(jax.nn, name, None) for name in NAMES}
        functions |= {"exp": jax.numpy.exp}
        return Functions(functions, losses_of(jax.numpy), library.array)
    import torch
    from torch.nn import functional

    functions = {name: getattr(functional, name, None) for name in NAMES}
    functions |= {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "gelu": torch.nn.GELU(approximate="tanh"),
        "identity": torch.nn.Identity(),
        "exp": torch.exp,
        "softmax": torch.nn.Softmax(dim=-1),
    }
    losses = {
        "squared_error": lambda a, y: functional.mse_loss(a, y, reduction="none") / 2,
        "cross_entropy": lambda a, y: -torch.xlogy(y, a),
        "binary_cross_entropy": lambda a, y: functional.binary_cross_entropy(
            a, y, reduction="none"
        ),
        "poisson": lambda a, y: functional.poisson_nll_loss(
            a, y, log_input=False, eps=0, reduction="none"
        ),
        "absolute_error": lambda a, y: functional.l1_loss(a, y, reduction="none"),
        "huber": lambda a, y: functional.huber_loss(a, y, reduction="none"),
    }
    by_case = {name: lambda a, y, f=f: f(a, y).sum(-1) for name, f in losses.items()}
    return Functions(functions, by_case, library.array)


@dataclass
class Case:
    """A network in words, with θ (*stack, P), data, targets as rows and weights, all float64."""

    sizes: list[int]
    hidden: list[str]
    output: str
    loss: str
    masks: list[Any]
    theta: Any
    X: Any
    Y: Any
    w: Any
    labels: Any = None
    net: bp.Network = field(init=False)

    def __post_init__(self):
        masks = None if all(mask is None for mask in self.masks) else self.masks
        self.net = bp.Network(self.sizes, self.hidden, self.output, self.loss, masks)

    @property
    def targets(self):
        """Y as handed to the library: labels where the targets stand for them."""
        return self.Y if self.labels is None else self.labels

    def layers(self, theta, array):
        """Cut θ (..., P) into W and b as rows, in the order W^1 by rows, b^1, W^2, …"""
        start, found = 0, []
        for n_in, n_out, mask in zip(self.sizes, self.sizes[1:], self.masks, strict=False):
            W = theta[..., start : start + n_out * n_in].reshape((*theta.shape[:-1], n_out, n_in))
            start += n_out * n_in
            b = theta[..., None, start : start + n_out]
            start += n_out
            found.append((W if mask is None else W * array(mask), b))
        return found

    def forward(self, theta, X, functions):
        """Return every z and the outputs, in rows."""
        a, zs = X, []
        names = [*self.hidden, self.output]
        for (W, b), name in zip(self.layers(theta, functions.array), names, strict=True):
            zs.append(a @ W.mT + b)
            a = functions.activations[name](zs[-1])
        return zs, a

    def cost(self, theta, X, Y, w, functions):
        return (w * functions.losses[self.loss](self.forward(theta, X, functions)[1], Y)).sum(-1)

    def alone(self):
        """Return θ, X, Y, w of each network of the stack, with w = 1/m where none are given."""
        stack, m = self.theta.shape[:-1], self.X.shape[-2]
        w = np.full(m, 1 / m) if self.w is None else self.w
        for network in np.ndindex(stack):
            yield tuple(
                x[network] if x.ndim - axes == len(stack) else x
                for x, axes in ((self.theta, 1), (self.X, 2), (self.Y, 2), (w, 1))
            )

    def is_smooth(self):
        """Tell whether no z and no output is near a kink, or where e^z bends too much."""
        names = [*self.hidden, self.output]
        for theta, X, Y, _ in self.alone():
            with np.errstate(all="ignore"):
                zs, a = self.forward(theta, X, PLAIN)
            for z, name in zip(zs, names, strict=True):
                if not z.max() < STEEPEST.get(name, 30):
                    return False
                if name in KINKS_OF_Z and (np.abs(z - KINKS_OF_Z[name]) < MARGIN).any():
                    return False
            for kink in KINKS_OF_R.get(self.loss, ()):
                if (np.abs(a - Y - kink) < MARGIN).any():
                    return False
        return True


def test_every_name_has_its_plain_form_here():
    assert sorted(PLAIN.activations) == sorted(ACTIVATIONS)
    assert sorted(PLAIN.losses) == sorted(LOSSES)
    assert {loss for _, loss in PAIRS} == set(LOSSES)


def draw_case(rng, sizes, hidden, output, loss, *, m=3, stack=(), own=(), removed=(), labels=False):
    """Return a case with numbers from `rng`, drawn again until they are smooth.

    `own` names what each network of the stack has for itself: of "X", "Y", "w"; "w" without a
    stack means weights at all. `removed` holds the layers with removed connections.
    """

    def lead(name):
        return stack if name in own else ()

    for attempt in range(200):
        masks = [
            rng.integers(0, 2, size=(n_out, n_in)) * 1.0 if layer in removed else None
            for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
        ]
        parts = []
        for n_in, n_out in itertools.pairwise(sizes):
            parts.append(rng.normal(size=(*stack, n_out * n_in)) / math.sqrt(n_in))
            parts.append(rng.normal(size=(*stack, n_out)) / 2)
        chosen = rng.integers(0, max(sizes[-1], 2), size=(*lead("Y"), m))
        if labels:
            one = chosen[..., None].astype(float)
            Y = one if sizes[-1] == 1 else np.eye(sizes[-1])[chosen]
        elif loss == "poisson":
            Y = rng.poisson(1.5, size=(*lead("Y"), m, sizes[-1])).astype(float)
        elif loss in OUTPUTS:
            Y = rng.uniform(size=(*lead("Y"), m, sizes[-1]))
        else:
            Y = rng.normal(size=(*lead("Y"), m, sizes[-1]))
        case = Case(
            sizes,
            hidden,
            output,
            loss,
            masks,
            0.99**attempt * np.concatenate(parts, axis=-1),
            rng.uniform(-1.5, 1.5, size=(*lead("X"), m, sizes[0])),
            Y,
            rng.uniform(0.2, 2, size=(*lead("w"), m)) if "w" in own else None,
            # labels of the networks that look like targets of the cases are taken for these
            chosen if labels and chosen.shape[-2:] != (m, sizes[-1]) else None,
        )
        if case.is_smooth():
            return case
    pytest.fail("200 draws in a row were not smooth")


def numeric_gradient(case, theta, X, Y, w, h=2e-4):
    """Return ∂E/∂θ of the plain cost by differences of order 4, all nudges in one array."""

    def E(step):
        return case.cost(theta + step * np.eye(theta.size), X, Y, w, PLAIN)

    return (8 * (E(h) - E(-h)) - (E(2 * h) - E(-2 * h))) / (12 * h)


def check_gradient_law(case):
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.targets, case.w)
    stack = case.theta.shape[:-1]
    for network, arguments in zip(np.ndindex(stack), case.alone(), strict=True):
        plain = case.cost(*arguments, PLAIN)
        # two ways to the same sums; the canonical pairs round less
        assert float(E[network]) == pytest.approx(plain, rel=1e-11, abs=1e-12)
        numeric = numeric_gradient(case, *arguments)
        # truncation h⁴/30 E⁽⁵⁾ = 5e-17 E⁽⁵⁾; rounding a few times 1.5 ε |E| / h = 2e-12 |E|
        scale = max(np.abs(numeric).max(), 1e-4 * abs(plain))
        assert np.abs(dE_dtheta[network] - numeric).max() <= 1e-7 * scale
    # the law as users check it, with differences of order 2 and their tolerance of 1e-7
    check = bp.check_gradient(case.net, case.theta, case.X, case.targets, case.w, sample=None)
    assert check.passed, str(check)


# ---------------------------------------------------------------------------------------------
# 1. the gradient law


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_gradient_law_for_every_combination(output, loss):
    """Each activation below each output activation with each loss, in mixtures of two layers."""
    rng = np.random.default_rng(sum(map(ord, output + loss)))
    for place, first in enumerate(NAMES):
        second = NAMES[(place + 1 + len(output)) % len(NAMES)]
        case = draw_case(rng, [2, 3, 2, 2], [first, second], output, loss)
        try:
            check_gradient_law(case)
        except AssertionError as error:
            error.add_note(f"hidden layers {first}, {second}")
            raise


@st.composite
def cases(draw):
    depth = draw(st.integers(1, 4))
    sizes = draw(st.lists(st.integers(1, 4), min_size=depth + 1, max_size=depth + 1))
    output, loss = draw(st.sampled_from(PAIRS))
    if output == "softmax" and loss == "binary_cross_entropy":
        sizes[-1] = max(sizes[-1], 2)  # a single unit is 1, and ln(1 − a) has its pole there
    stack = draw(st.sampled_from([(), (), (1,), (2,), (2, 2)]))
    return draw_case(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        sizes,
        draw(st.lists(st.sampled_from(NAMES), min_size=depth - 1, max_size=depth - 1)),
        output,
        loss,
        m=draw(st.integers(1, 5)),
        stack=stack,
        own=draw(st.sets(st.sampled_from(["X", "Y", "w"]))),
        removed=draw(st.sets(st.integers(0, depth - 1))),
        # a label that relu or a softmax of one unit can hit would lie on the kink of such a loss
        labels=loss not in KINKS_OF_R and draw(st.booleans()),
    )


@given(case=cases())
@settings(max_examples=200)
def test_gradient_law(case):
    check_gradient_law(case)


def automatic(costs, xp, theta):
    """Return E and ∂E/∂θ of each function in `costs` by the means of PyTorch or JAX."""
    if xp.name == "torch":
        results = []
        for cost in costs:
            leaf = theta.clone().requires_grad_()
            E = cost(leaf)
            E.backward()
            results.append((E.item(), leaf.grad))
        return results
    import jax

    traced = jax.jit(lambda theta: [jax.value_and_grad(cost)(theta) for cost in costs]).lower(theta)
    compile_fast = {"xla_backend_optimization_level": 0}
    return traced.compile(compiler_options=compile_fast)(theta)


def check_automatic_derivatives(case, xp, functions):
    theta, X, Y, w = (xp.array(x) for x in next(case.alone()))
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.targets, case.w)
    costs = [
        lambda theta: case.cost(theta, X, Y, w, functions),  # by functions of the library alone
        lambda theta: case.net.cost(theta, X, Y, w),  # ours, differentiated by theirs
    ]
    for theirs, derivative in automatic(costs, xp, theta):
        # two ways to the same sums, exact but for rounding; 1/a and 1/(1 − a) magnify that of a
        assert float(theirs) == pytest.approx(float(E), rel=1e-11, abs=1e-12)
        host = xp.host(derivative)
        scale = max(np.abs(host).max(), 1e-3 * abs(float(E)))
        assert np.abs(dE_dtheta - host).max() <= 1e-11 * scale


@pytest.mark.parametrize(("output", "loss"), PAIRS)
@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_automatic_derivative_of_torch(xp, output, loss):
    rng = np.random.default_rng(sum(map(ord, loss + output)))
    functions = functions_of(xp)
    for place in range(4):  # four of the activations in each of two layers, others for each pair
        hidden = [NAMES[(place * step + len(loss)) % len(NAMES)] for step in (3, 5)]
        case = draw_case(rng, [2, 3, 2, 2], hidden, output, loss, own={"w"}, removed={1})
        try:
            check_automatic_derivatives(case, xp, functions)
        except AssertionError as error:
            error.add_note(f"hidden layers {hidden}")
            raise


@pytest.mark.parametrize("place", range(len(NAMES)))
@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_automatic_derivative_of_jax(xp, place):
    """Every hidden activation and every loss, with ten of the output activations."""
    output, loss = PAIRS[(5 * place + 19) % len(PAIRS)]
    rng = np.random.default_rng(place)
    case = draw_case(rng, [2, 3, 2], [NAMES[place]], output, loss, own={"w"}, removed={1})
    check_automatic_derivatives(case, xp, functions_of(xp))


# ---------------------------------------------------------------------------------------------
# 2. the sum law, 3. the stack law, 7. the row law: to rounding


def close(result, expected, tolerance=1e-12):
    """Tell whether two arrays are equal to rounding, relative to the largest of their numbers.

    A number of either is a sum of a few dozen products at most, some of which cancel.
    """
    expected = np.asarray(expected)
    scale = np.abs(expected).max(initial=0.0)
    return result.shape == expected.shape and np.abs(result - expected).max() <= tolerance * scale


@given(case=cases(), cuts=st.lists(st.integers(0, 5), max_size=2))
@settings(max_examples=60)
def test_sum_law(case, cuts):
    """The gradient of a set of cases is the sum of the gradients of its parts."""
    m = case.X.shape[-2]
    w = np.full(m, 1 / m) if case.w is None else case.w
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, w)
    edges = sorted({0, m, *(cut for cut in cuts if cut < m)})
    parts = [
        case.net.gradient(case.theta, case.X[..., i:j, :], case.Y[..., i:j, :], w[..., i:j])
        for i, j in itertools.pairwise(edges)
    ]
    total = np.abs([part for part, _ in parts]).sum(axis=0)  # costs may have either sign
    assert (np.abs(sum(part for part, _ in parts) - E) <= 1e-13 * total).all()
    largest = max(np.abs(part).max() for _, part in parts)
    difference = np.abs(sum(part for _, part in parts) - dE_dtheta).max()
    assert difference <= 1e-12 * largest  # as in `close`


@given(case=cases(), weight=st.integers(2, 9))
@settings(max_examples=30)
def test_a_weight_is_a_number_of_copies(case, weight):
    """A case of weight 3 is three such cases; one of weight 0 is not there."""
    m = case.X.shape[-2]
    w = np.ones(m)
    w[0] = weight
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, w)
    copies = [0] * weight + list(range(1, m)) + [0]
    X, Y = case.X[..., copies, :], case.Y[..., copies, :]
    E_copies, dE_copies = case.net.gradient(case.theta, X, Y, [1] * (weight + m - 1) + [0])
    assert close(np.asarray(E_copies), E)
    assert close(dE_copies, dE_dtheta)


@given(case=cases())
@settings(max_examples=60)
def test_stack_law(case):
    """A stack of networks has the outputs, the costs and the gradients of each alone."""
    outputs = case.net.forward(case.theta, case.X)
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, case.w)
    stack = case.theta.shape[:-1]
    assert outputs.shape == (*stack, case.X.shape[-2], case.sizes[-1])
    assert E.shape == stack
    assert dE_dtheta.shape == case.theta.shape
    for network, (theta, X, Y, w) in zip(np.ndindex(stack), case.alone(), strict=True):
        E_alone, dE_alone = case.net.gradient(theta, X, Y, w)
        assert close(outputs[network], case.net.forward(theta, X))
        assert close(np.asarray(E[network]), E_alone)
        assert close(dE_dtheta[network], dE_alone)


@given(case=cases(), seed=st.integers(0, 100))
@settings(max_examples=60)
def test_row_law(case, seed):
    """Rows in, rows out: cases do not see each other, and their order counts for nothing."""
    m = case.X.shape[-2]
    order = np.random.default_rng(seed).permutation(m)
    X, Y = case.X[..., order, :], case.Y[..., order, :]
    outputs = case.net.forward(case.theta, case.X)
    assert close(case.net.forward(case.theta, X), outputs[..., order, :])
    one = case.net.forward(case.theta, case.X[..., :1, :])
    assert close(one, outputs[..., :1, :], tolerance=1e-11)  # of one row, whose size may differ
    w = None if case.w is None else case.w[..., order]
    E, dE_dtheta = case.net.gradient(case.theta, case.X, case.Y, case.w)
    E_order, dE_order = case.net.gradient(case.theta, X, Y, w)
    assert close(np.asarray(E_order), E)
    assert close(dE_order, dE_dtheta)


# ---------------------------------------------------------------------------------------------
# 4. the backend law, and the laws above on every library, in one shape for JAX's compiler


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_backend_law(xp, place):
    """The same seed and data give the same θ, outputs, costs and gradients, to rounding."""
    output, loss = PAIRS[(5 * place + 19) % len(PAIRS)]
    rng = np.random.default_rng(place)
    case = draw_case(rng, [3, 4, 2], [NAMES[place]], output, loss, m=5, own={"w"}, removed={1})
    device = bp.Device(xp.name, "a test", xp.xp, xp.device)
    dtype = xp.float_dtypes[-1]
    on_numpy = case.net.init(seed=place, dtype=dtype)
    theta = case.net.init(seed=place, dtype=dtype, device=device)
    np.testing.assert_array_equal(xp.host(theta), on_numpy)  # exact: drawn once, rounded once
    data = [x.astype(dtype) for x in (case.theta, case.X, case.Y, case.w)]
    there = [xp.array(x, dtype) for x in data]
    # float32 has ε = 1.2e-7, and sums of up to two dozen products
    tolerance = 1e-12 if xp.float64 else 2e-6
    outputs = xp.host(case.net.forward(*there[:2]))
    assert close(outputs, case.net.forward(*data[:2]), tolerance)
    E, dE_dtheta = case.net.gradient(*there)
    E_numpy, dE_numpy = case.net.gradient(*data)
    assert close(xp.host(E), E_numpy, tolerance)
    assert close(xp.host(dE_dtheta), dE_numpy, tolerance)
    if xp.name.startswith(("numpy", "strict")):  # the same NumPy below
        np.testing.assert_array_equal(outputs, case.net.forward(*data[:2]))
        np.testing.assert_array_equal(xp.host(dE_dtheta), dE_numpy)


@pytest.mark.parametrize("xp", ["torch", "jax"], indirect=True)
def test_backend_law_in_float32(xp):
    net = bp.Network([3, 4, 2], hidden="tanh")
    rng = np.random.default_rng(1)
    data = [rng.normal(size=(5, 3)), rng.uniform(size=(5, 2)), rng.uniform(size=5)]
    data = [net.init(seed=1), *(x.astype("float32") for x in data)]
    E, dE_dtheta = net.gradient(*(xp.array(x, "float32") for x in data))
    E_numpy, dE_numpy = net.gradient(*data)
    assert close(xp.host(E), E_numpy, 2e-6)  # as above
    assert close(xp.host(dE_dtheta), dE_numpy, 2e-6)


def test_sum_and_stack_law_on_every_library(xp):
    rng = np.random.default_rng(3)
    net = bp.Network([3, 4, 2], hidden="tanh")
    theta, w = rng.normal(size=(2, net.parameter_count)), rng.uniform(size=5)
    X, Y = rng.normal(size=(5, 3)), rng.uniform(size=(5, 2))
    tolerance = 1e-12 if xp.float64 else 2e-6  # as above

    def gradient(theta, w):
        E, dE_dtheta = net.gradient(*(xp.array(x) for x in (theta, X, Y, w)))
        return xp.host(E), xp.host(dE_dtheta)

    E, dE_dtheta = gradient(theta, w)
    for network in range(2):
        E_alone, dE_alone = gradient(theta[network], w)
        assert close(E[network], E_alone, tolerance)
        assert close(dE_dtheta[network], dE_alone, tolerance)
    # two parts of the cases, each as the set with weight 0 for the others
    parts = [gradient(theta, w * part) for part in ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1])]
    assert close(parts[0][0] + parts[1][0], E, tolerance)
    assert close(parts[0][1] + parts[1][1], dE_dtheta, tolerance)
