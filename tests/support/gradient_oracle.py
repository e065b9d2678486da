"""An oracle of the gradient that is independent of the library.

A forward pass and costs are written out here, with a numeric derivative in NumPy and the
automatic ones of PyTorch and JAX.
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.losses import LOSSES

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
