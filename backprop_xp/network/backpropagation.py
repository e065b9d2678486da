"""Backpropagation: the equations, layer after layer, forward and backward.

.. code-block:: text

    backpropagate          the four steps below:
      forward_pass           a^0 → z^1, a^1 → … → z^L, a^L
      Output.error           δ^L
      backward_pass          δ^L → δ^(L−1) → … → δ^1
      parameter_gradients    ∂E/∂W^l, ∂E/∂b^l from δ^l and a^(l−1)

All arrays hold one column for each case. Lists are in the order of the layers.
"""

from collections.abc import Sequence
from inspect import unwrap

from backprop_xp import activations as activation_functions
from backprop_xp import equations
from backprop_xp.activations import Activation
from backprop_xp.arrays.backend import Array
from backprop_xp.network.block_layer import BlockLayer
from backprop_xp.network.output_layer import Output
from backprop_xp.network.parameters import AnyLayer, Layer

__all__ = [
    "backpropagate",
    "backward_pass",
    "forward_pass",
    "output_weighted_input",
    "outputs",
    "parameter_gradients",
]

# The layers of one network fit each other, and a check of shapes at every step would cost as much
# as some of the arithmetic: the equations are called without their checks.
weighted_input = unwrap(equations.weighted_input)
input_gradient = unwrap(equations.input_gradient)
weight_gradient = unwrap(equations.weight_gradient)
bias_gradient = unwrap(equations.bias_gradient)


def backpropagate(
    layers: Sequence[AnyLayer],
    activations: Sequence[Activation],
    output: Output,
    a_in: Array,
    y: Array,
    w: Array,
    ones: Array | None = None,
    out: Sequence[AnyLayer] | None = None,
) -> tuple[Array, list[AnyLayer]]:
    """Return z^L and the gradients ∂E/∂W^l, ∂E/∂b^l of each layer.

    Parameters
    ----------
    layers : sequence of L Layer
    activations : sequence of L Activation
    output : Output
        The output activation with the loss.
    a_in : array (..., n_in, m)
    y : array (..., n_out, m)
    w : array, broadcasting against (..., 1, m)
        Weights of the cases.
    ones, out
        As `parameter_gradients` takes them.

    Returns
    -------
    z_out : array (..., n_out, m)
    gradients : list of L Layer
    """
    z, a = forward_pass(layers, activations, a_in)
    delta_out = output.error(z[-1], a[-1], y, w)
    deltas = backward_pass(layers, activations, z, a, delta_out)
    return z[-1], parameter_gradients(deltas, a, ones, out, layers)


def forward_pass(
    layers: Sequence[AnyLayer], activations: Sequence[Activation], a_in: Array
) -> tuple[list[Array], list[Array]]:
    """Return z^1 … z^L and a^0 … a^L for the inputs a^0.

    Parameters
    ----------
    layers : sequence of L Layer
    activations : sequence of L Activation
    a_in : array (..., n_in, m)

    Returns
    -------
    z : list of L arrays (..., n, m)
    a : list of L + 1 arrays (..., n, m); ``a[0]`` is `a_in`
    """
    z: list[Array] = []
    a = [a_in]
    for layer, activation in zip(layers, activations, strict=True):
        z.append(_weighted_input(layer, a[-1]))
        a.append(activation(z[-1]))
    return z, a


def outputs(layers: Sequence[AnyLayer], activations: Sequence[Activation], a_in: Array) -> Array:
    """Return a^L (..., n_out, m) for the inputs a^0 (..., n_in, m); no earlier z or a is kept.

    The parameters are the same as in `forward_pass`.
    """
    return activations[-1](output_weighted_input(layers, activations, a_in))


def output_weighted_input(
    layers: Sequence[AnyLayer], activations: Sequence[Activation], a_in: Array
) -> Array:
    """Return z^L (..., n_out, m) for the inputs a^0 (..., n_in, m); no earlier z or a is kept.

    The parameters are the same as in `forward_pass`.
    """
    a = a_in
    for layer, activation in zip(layers[:-1], activations[:-1], strict=True):
        a = activation(_weighted_input(layer, a))
    return _weighted_input(layers[-1], a)


def backward_pass(
    layers: Sequence[AnyLayer],
    activations: Sequence[Activation],
    z: Sequence[Array],
    a: Sequence[Array],
    delta_out: Array,
) -> list[Array]:
    """Return δ^1 … δ^L from δ^L, carried back by δ^(l−1) = (W^l)ᵀ δ^l ⊙ σ′(z^(l−1)).

    Parameters
    ----------
    layers, activations, z, a
        As `forward_pass` takes and returns them.
    delta_out : array (..., n_out, m)
        δ^L, from `output_layer.Output.error`.

    Returns
    -------
    list of L arrays (..., n, m)
    """
    deltas = [delta_out]
    for below in reversed(range(len(layers) - 1)):
        dE_da = input_gradient(layers[below + 1].W, deltas[-1])
        deltas.append(activation_functions.error(activations[below], dE_da, z[below], a[below + 1]))
    return deltas[::-1]


def parameter_gradients(
    deltas: Sequence[Array],
    a: Sequence[Array],
    ones: Array | None = None,
    out: Sequence[AnyLayer] | None = None,
    layers: Sequence[AnyLayer] | None = None,
) -> list[AnyLayer]:
    """Return ∂E/∂W^l and ∂E/∂b^l for each layer, from δ^1 … δ^L and a^0 … a^(L−1).

    Parameters
    ----------
    deltas : sequence of L arrays (..., n, m)
    a : sequence of L or more arrays (..., n, m)
    ones : array (m, 1), optional
        A column of ones for `bias_gradient`, which makes its own unless given.
    out : sequence of L Layer, optional
        Consumed: the gradients are written into these arrays, which are returned.
    layers : sequence of L Layer, optional
        Where the first layer is in blocks: their shapes are asked for.

    Returns
    -------
    list of L Layer
    """
    into: Sequence[AnyLayer | None] = out or [None] * len(deltas)
    forms: Sequence[AnyLayer | None] = layers or [None] * len(deltas)
    found: list[AnyLayer] = []
    for delta, a_prev, to, form in zip(deltas, a, into, forms, strict=False):  # a^L feeds no layer
        if isinstance(form, BlockLayer):
            found.append(form.gradient(delta, a_prev, ones, to))
        else:
            W, b = to or (None, None)
            found.append(Layer(weight_gradient(delta, a_prev, W), bias_gradient(delta, ones, b)))
    return found


def _weighted_input(layer: AnyLayer, a_prev: Array) -> Array:
    """Return z^l; of a layer in blocks, block by block."""
    if isinstance(layer, BlockLayer):
        return layer.weighted_input(a_prev)
    z: Array = weighted_input(layer.W, a_prev, layer.b)
    return z
