"""One update of θ: gradient, penalties, clipping, the optimiser's step, and bounds on weights."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from backprop_xp.activations import Activation
from backprop_xp.arrays.backend import Array, copied, namespace
from backprop_xp.arrays.native import writes_products
from backprop_xp.network.backpropagation import backpropagate
from backprop_xp.network.network import Network
from backprop_xp.network.output_layer import for_classes
from backprop_xp.network.parameters import Layer, pack, unpack
from backprop_xp.optimizers.protocol import Optimizer, State
from backprop_xp.training.step.dropout import dropped, dropped_inputs
from backprop_xp.training.step.numbers import Numbers
from backprop_xp.training.step.regularization import (
    bounded,
    clipped,
    l1_penalty,
    l2_penalty,
    shrunk,
)

__all__ = ["Carry", "Step", "step_of"]

Carry: TypeAlias = tuple[Array, State]
Step: TypeAlias = Callable[..., tuple[Carry, tuple[Array, Array | None]]]


def step_of(
    net: Network,
    optimizer: Optimizer,
    theta: Array,
    labelled: bool = False,
    decay_biases: bool = False,
) -> Step:
    """Return the training step, a function of arrays that consumes θ and the optimiser's state.

    It does what `regularization` says, in the order that stands there.

    Parameters
    ----------
    net : Network
    optimizer : Optimizer
    theta : array (..., P)
        Tells the library, device and dtype.
    labelled : bool
        Whether the targets are classes.
    decay_biases : bool
        Whether l2, l1, shrinkage and what the optimiser names in ``of_weights`` hold for biases
        too.

    Returns
    -------
    callable
        ``step((theta, state), numbers, X, y, w, *noise)``, which returns
        ``(theta, state), (z_out, penalty)``: `X` (..., m, n_in) holds the cases of a batch in rows,
        `y` (..., n_out, m) their targets in columns, `w` their weights, which broadcast against
        (..., 1, m), `noise` one array (n, m) for each hidden layer where units are dropped, then
        one for the inputs where they are; z^L is (..., n_out, m), the penalty (...) is
        ½ l2 Σ W² + l1 Σ |W|, or None.
    """
    gradient = _Gradient(net, theta, labelled)
    decayed = None if decay_biases else net.is_weight(theta)
    of_weights = getattr(optimizer, "of_weights", ())

    def step(
        carry: Carry, numbers: Numbers, X: Array, y: Array, w: Array, *noise: Array
    ) -> tuple[Carry, tuple[Array, Array | None]]:
        theta, state = carry
        activations, a_in, penalty = net.activations, X.mT, None
        if numbers.input_dropout is not None:
            a_in = dropped_inputs(a_in, noise[-1], numbers.input_dropout)
            noise = noise[:-1]
        if numbers.dropout is not None:
            activations = dropped(activations, noise, numbers.dropout)
        z_out, dE_dtheta = gradient(theta, activations, a_in, y, w)
        for of, number in ((l2_penalty, numbers.l2), (l1_penalty, numbers.l1)):
            if number is not None:
                part, derivative = of(theta, _for_decayed(number, decayed))
                penalty = part if penalty is None else penalty + part
                dE_dtheta += derivative
        dE_dtheta = clipped(dE_dtheta, numbers.clip_value, numbers.clip_norm)
        given = {
            name: _for_decayed(number, decayed) if name in of_weights else number
            for name, number in numbers.optimizer.items()
        }
        theta, state = optimizer.update(theta, state, dE_dtheta, **given)
        if theta is dE_dtheta or any(kept is dE_dtheta for kept in state):
            gradient.forget()
        if numbers.shrinkage is not None or numbers.max_norm is not None:
            theta = _kept_small(net.sizes, theta, state, numbers, decayed)
        return (theta, state), (z_out, penalty)

    return step


def _for_decayed(number: Array, decayed: Array | None) -> Array:
    """Return the number in the places of parameters that decay, 0 elsewhere."""
    return number if decayed is None else number * decayed


def _kept_small(
    sizes: Sequence[int], theta: Array, state: State, numbers: Numbers, decayed: Array | None
) -> Array:
    """Return θ after shrinkage and max-norm; it is consumed, unless the state holds it too."""
    if any(kept is theta for kept in state):
        theta = copied(theta)
    if numbers.shrinkage is not None:
        theta = shrunk(theta, _for_decayed(numbers.shrinkage, decayed))
    return theta if numbers.max_norm is None else bounded(sizes, theta, numbers.max_norm)


class _Gradient:
    """∂E/∂θ of a batch, written into one flat array where the library writes products.

    What lasts from step to step is made once: the flat array and its views, the layers as views of
    θ while θ is updated in place, and the column of ones of the biases.
    """

    def __init__(self, net: Network, theta: Array, labelled: bool) -> None:
        self._net = net
        self._output = for_classes(net.output_with_loss) if labelled else net.output_with_loss
        self._exists = net.existing(theta)
        self._in_place = writes_products(namespace(theta))
        self._theta: Array | None = None
        self._ones: Array | None = None
        self._flat: Array | None = None
        self._layers: tuple[Layer, ...] = ()
        self._out: tuple[Layer, ...] = ()

    def __call__(
        self, theta: Array, activations: Sequence[Activation], a_in: Array, y: Array, w: Array
    ) -> tuple[Array, Array]:
        """Return z^L (..., n_out, m) and ∂E/∂θ (..., P), which the next call writes over."""
        if self._in_place:
            layers, dE_dtheta = self._prepared(theta, a_in)
            z_out, _ = backpropagate(
                layers, activations, self._output, a_in, y, w, self._ones, self._out
            )
        else:
            layers = self._net.layers(theta, self._exists)
            z_out, gradients = backpropagate(layers, activations, self._output, a_in, y, w)
            dE_dtheta = pack(gradients)
        if self._exists is not None:
            dE_dtheta *= self._exists
        return z_out, dE_dtheta

    def forget(self) -> None:
        """Take new memory for the next gradient: the last one is kept by another."""
        self._flat = None

    def _prepared(self, theta: Array, a_in: Array) -> tuple[tuple[Layer, ...], Array]:
        """Return the layers of θ, and the flat array that the views `_out` fill."""
        xp = namespace(theta)
        if self._flat is None or self._flat.shape != theta.shape:
            self._flat = xp.empty_like(theta)
            self._out = unpack(self._net.sizes, self._flat)
        if theta is not self._theta or self._exists is not None:
            self._theta, self._layers = theta, self._net.layers(theta, self._exists)
        if self._ones is None or self._ones.shape[0] != a_in.shape[-1]:
            row = a_in[(0,) * (a_in.ndim - 2) + (slice(0, 1),)]
            self._ones = xp.ones_like(row).mT  # one column serves all networks
        return self._layers, self._flat
