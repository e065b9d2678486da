"""The equations of a traced pass, forward, cost and backward, each with its numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np

from backprop_xp.activations import Activation
from backprop_xp.arrays.backend import Array, ArrayT_co, context, to_host
from backprop_xp.inspection.rendering import Section, Step
from backprop_xp.network.output_layer import Output, SoftmaxCrossEntropy

__all__ = ["NOTE", "TracedLayer", "sections"]

NOTE = (
    "Each column is a case. A single column (b) or row (w) is repeated to the size of the other "
    "operand of + or ⊙. y are the targets, w the weights of the cases, E_c their costs."
)


@dataclass(frozen=True, eq=False)
class TracedLayer(Generic[ArrayT_co]):
    """A layer's parameters, its quantities in both passes, and its gradients.

    n is the number of units, n_in of units in the layer below, m of cases. Each case is a column.
    The axes of a stack are in front.

    Attributes
    ----------
    W : array (..., n, n_in)
        The weights; 0 for removed connections.
    b : array (..., n, 1)
        The biases.
    z, a : array (..., n, m)
        The weighted inputs and the activations.
    dE_da, da_dz : array (..., n, m) or None
        The factors of δ = ∂E/∂a ⊙ ∂a/∂z. Both are None where loss and output activation are a
        canonical pair. ∂a/∂z is None where the units of the layer depend on each other (softmax).
    delta : array (..., n, m)
        δ = ∂E/∂z.
    dE_dW : array (..., n, n_in)
    dE_db : array (..., n, 1)
    exists : array (n, n_in) or None
        1 for a connection, 0 for a removed one; None where no connection was removed.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> import numpy as np
    >>> net = bp.Network([1, 1], output="identity", loss="squared_error")
    >>> (layer,) = bp.trace(net, np.array([2.0, 0.5]), [3.0], [6.0]).layers
    >>> layer.z, layer.delta, layer.dE_dW
    (array([[6.5]]), array([[0.5]]), array([[1.5]]))
    """

    W: ArrayT_co
    b: ArrayT_co
    z: ArrayT_co
    a: ArrayT_co
    dE_da: ArrayT_co | None
    da_dz: ArrayT_co | None
    delta: ArrayT_co
    dE_dW: ArrayT_co
    dE_db: ArrayT_co
    exists: ArrayT_co | None


def sections(
    layers: Sequence[TracedLayer],
    activations: Sequence[Activation],
    output: Output,
    a_in: Array,
    y: Array,
    w: Array,
    E: Array,
    E_c: Array,
) -> Iterator[Section]:
    """Yield the sections of a single network in the order of computation.

    A section for each layer forward, one for the cost, and one for each layer backward.

    Parameters
    ----------
    layers : sequence of L TracedLayer
    activations : sequence of L Activation
    output : Output
        The output activation and the loss.
    a_in : array (n_in, m)
    y : array (n_out, m)
    w : array (1, m)
    E : array ()
    E_c : array (m,)
    """
    below = [a_in, *(traced.a for traced in layers)]
    names = [_name(activation) for activation in activations]
    numbered = list(zip(range(1, len(layers) + 1), layers, below[:-1], names, strict=True))
    for layer, traced, a_prev, name in numbered:
        steps = _forward(layer, traced, a_prev)
        yield Section(f"Forward, layer {layer}: σ is {name}", tuple(steps))
    yield Section(f"The cost: {_name(output.loss)}", tuple(_cost(y, w, E, E_c)))
    for layer, traced, a_prev, name in reversed(numbered):
        if layer == len(layers):
            found = list(_output_error(layer, traced, output, y, w))
        else:
            found = [_input_gradient(layer, layers[layer], traced)]
        found += [*_error(layer, traced), *_gradients(layer, traced, a_prev)]
        yield Section(f"Backward, layer {layer}: σ is {name}", tuple(found))


def _name(part: Any) -> str:
    """Return the name of an activation or a loss; for a user's own without one, its class name."""
    return str(getattr(part, "name", type(part).__name__))


def _step(layer: int, equation: str, *terms: Any) -> Step:
    """Return a step of a layer, from an equation in which l stands for the layer's number."""
    for name, number in (("l-1", layer - 1), ("l", layer), ("l+1", layer + 1)):
        equation = equation.replace(f"{{{name}}}", f"{{{number}}}")
    return Step(equation, tuple(x if isinstance(x, str) else to_host(x) for x in terms))


def _forward(layer: int, traced: TracedLayer, a_prev: Array) -> Iterator[Step]:
    terms = ("=", traced.W, a_prev, "+", traced.b, "=", traced.z)
    yield _step(layer, r"z^{l} = W^{l} a^{l-1} + b^{l}", *terms)
    yield _step(layer, r"a^{l} = \sigma(z^{l})", "=", traced.a)


def _cost(y: Array, w: Array, E: Array, E_c: Array) -> Iterator[Step]:
    of_cases, total = to_host(E_c)[:, None], to_host(E)[None, None]
    yield Step("y", ("=", to_host(y)))
    yield Step(r"E = \sum_{c} w_{c} E_{c}", ("=", to_host(w), of_cases, "=", total))


def _output_error(
    layer: int, traced: TracedLayer, output: Output, y: Array, w: Array
) -> Iterator[Step]:
    """Yield the step for δ^L of a canonical pair, or else the step for ∂E/∂a^L."""
    if traced.dE_da is not None:
        with context(y):
            of_cases = np.broadcast_to(to_host(output.loss.dE_da(traced.a, y)), y.shape)
        equation = r"\partial E/\partial a^{l} = w \odot \partial E_{c}/\partial a^{l}"
        yield _step(layer, equation, "=", w, r"\odot", of_cases, "=", traced.dE_da)
        return
    targets = to_host(y)
    total = targets.sum(axis=0, keepdims=True)
    rounding = len(targets) * np.finfo(targets.dtype).eps
    if isinstance(output, SoftmaxCrossEntropy) and not np.allclose(total, 1, 0, rounding):
        equation = r"\delta^{l} = w \odot (a^{l} \odot \sum_{d} y_{d} - y)"
        difference: tuple[Any, ...] = (traced.a, r"\odot", total, "-", y)
    else:
        equation, difference = r"\delta^{l} = w \odot (a^{l} - y)", (traced.a, "-", y)
    yield _step(layer, equation, "=", w, r"\odot", "(", *difference, ")", "=", traced.delta)


def _input_gradient(layer: int, traced_next: TracedLayer, traced: TracedLayer) -> Step:
    equation = r"\partial E/\partial a^{l} = (W^{l+1})^{\top} \delta^{l+1}"
    return _step(layer, equation, "=", traced_next.W.mT, traced_next.delta, "=", traced.dE_da)


def _error(layer: int, traced: TracedLayer) -> Iterator[Step]:
    if traced.da_dz is not None:
        equation = r"\delta^{l} = \partial E/\partial a^{l} \odot \sigma'(z^{l})"
        yield _step(layer, equation, "=", traced.dE_da, r"\odot", traced.da_dz, "=", traced.delta)
    elif traced.dE_da is not None:  # the units of the layer depend on each other
        jacobian = r"(\partial a^{l}/\partial z^{l})^{\top}"
        yield _step(
            layer, rf"\delta^{{l}} = {jacobian} \partial E/\partial a^{{l}}", "=", traced.delta
        )


def _gradients(layer: int, traced: TracedLayer, a_prev: Array) -> Iterator[Step]:
    product: tuple[Any, ...] = (traced.delta, a_prev.mT)
    equation = r"\partial E/\partial W^{l} = \delta^{l} (a^{l-1})^{\top}"
    if traced.exists is not None:
        equation = r"\partial E/\partial W^{l} = M^{l} \odot (\delta^{l} (a^{l-1})^{\top})"
        product = (traced.exists, r"\odot", "(", *product, ")")
    yield _step(layer, equation, "=", *product, "=", traced.dE_dW)
    yield _step(layer, r"\partial E/\partial b^{l} = \sum_{c} \delta^{l}_{c}", "=", traced.dE_db)
