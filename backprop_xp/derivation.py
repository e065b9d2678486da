"""A forward and a backward pass written down: each equation of backpropagation with its numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.backend import Array, context, to_host
from backprop_xp.outputs import Output, SoftmaxCrossEntropy
from backprop_xp.rendering import Section, Step

__all__ = ["NOTE", "TracedLayer", "sections"]

NOTE = (
    "Each column is a case. A single column (b) or row (w) is repeated to the size of what it "
    "meets at + and ⊙. y are the targets, w the weights of the cases, E_c their costs."
)


@dataclass(frozen=True, eq=False)
class TracedLayer:
    """What a layer makes of the cases, and what backpropagation finds for it.

    In columns: n units, m cases, n_in units below; the axes of a stack are in front.

    Attributes
    ----------
    W : array (..., n, n_in)
        With 0 for removed connections.
    b : array (..., n, 1)
    z, a : array (..., n, m)
        Weighted inputs and activations.
    dE_da, da_dz : array (..., n, m) or None
        The factors of δ. None where it is not their product: both where loss and output activation
        are a canonical pair, ∂a/∂z where the units of a layer depend on each other.
    delta : array (..., n, m)
        δ = ∂E/∂z.
    dE_dW : array (..., n, n_in)
    dE_db : array (..., n, 1)
    exists : array (n, n_in) or None
        1 where there is a connection, 0 where it was removed; None where all are there.
    """

    W: Array
    b: Array
    z: Array
    a: Array
    dE_da: Array | None
    da_dz: Array | None
    delta: Array
    dE_dW: Array
    dE_db: Array
    exists: Array | None


def sections(
    layers: Sequence[TracedLayer],
    names: Sequence[str],
    output: Output,
    a_in: Array,
    y: Array,
    w: Array,
    E: Array,
    E_c: Array,
) -> Iterator[Section]:
    """Yield the passes of a single network in their order: forward, the cost, backward.

    Parameters
    ----------
    layers : sequence of L TracedLayer
    names : sequence of str
        Of the L activations.
    output : Output
    a_in : array (n_in, m)
    y : array (n_out, m)
    w : array (1, m)
    E : array ()
    E_c : array (m,)
    """
    below = [a_in, *(layer.a for layer in layers)]
    numbered = list(zip(range(1, len(layers) + 1), layers, below[:-1], names, strict=True))
    for k, layer, a_prev, name in numbered:
        yield Section(f"Forward, layer {k}: σ is {name}", tuple(_forward(k, layer, a_prev)))
    yield Section(f"The cost: {output.loss.name}", tuple(_cost(y, w, E, E_c)))
    for k, layer, a_prev, name in reversed(numbered):
        if k == len(layers):
            steps = list(_output_error(k, layer, output, y, w))
        else:
            steps = [_input_gradient(k, layers[k], layer)]
        steps += [*_error(k, layer), *_gradients(k, layer, a_prev)]
        yield Section(f"Backward, layer {k}: σ is {name}", tuple(steps))


def _step(k: int, equation: str, *terms: Any) -> Step:
    """Return a step of layer k, whose equation is written with l for it."""
    for name, number in (("l-1", k - 1), ("l", k), ("l+1", k + 1)):
        equation = equation.replace(f"{{{name}}}", f"{{{number}}}")
    return Step(equation, tuple(x if isinstance(x, str) else to_host(x) for x in terms))


def _forward(k: int, layer: TracedLayer, a_prev: Array) -> Iterator[Step]:
    terms = ("=", layer.W, a_prev, "+", layer.b, "=", layer.z)
    yield _step(k, r"z^{l} = W^{l} a^{l-1} + b^{l}", *terms)
    yield _step(k, r"a^{l} = \sigma(z^{l})", "=", layer.a)


def _cost(y: Array, w: Array, E: Array, E_c: Array) -> Iterator[Step]:
    of_cases, total = to_host(E_c)[:, None], to_host(E)[None, None]
    yield Step("y", ("=", to_host(y)))
    yield Step(r"E = \sum_{c} w_{c} E_{c}", ("=", to_host(w), of_cases, "=", total))


def _output_error(k: int, layer: TracedLayer, output: Output, y: Array, w: Array) -> Iterator[Step]:
    """Yield δ^L of a canonical pair, of others what it is made from."""
    if layer.dE_da is not None:
        with context(y):
            of_cases = np.broadcast_to(to_host(output.loss.dE_da(layer.a, y)), y.shape)
        equation = r"\partial E/\partial a^{l} = w \odot \partial E_{c}/\partial a^{l}"
        yield _step(k, equation, "=", w, r"\odot", of_cases, "=", layer.dE_da)
        return
    targets = to_host(y)
    total = targets.sum(axis=0, keepdims=True)
    rounding = len(targets) * np.finfo(targets.dtype).eps
    if isinstance(output, SoftmaxCrossEntropy) and not np.allclose(total, 1, 0, rounding):
        equation = r"\delta^{l} = w \odot (a^{l} \odot \sum_{d} y_{d} - y)"
        difference: tuple[Any, ...] = (layer.a, r"\odot", total, "-", y)
    else:
        equation, difference = r"\delta^{l} = w \odot (a^{l} - y)", (layer.a, "-", y)
    yield _step(k, equation, "=", w, r"\odot", "(", *difference, ")", "=", layer.delta)


def _input_gradient(k: int, above: TracedLayer, layer: TracedLayer) -> Step:
    equation = r"\partial E/\partial a^{l} = (W^{l+1})^{\top} \delta^{l+1}"
    return _step(k, equation, "=", above.W.mT, above.delta, "=", layer.dE_da)


def _error(k: int, layer: TracedLayer) -> Iterator[Step]:
    if layer.da_dz is not None:
        equation = r"\delta^{l} = \partial E/\partial a^{l} \odot \sigma'(z^{l})"
        yield _step(k, equation, "=", layer.dE_da, r"\odot", layer.da_dz, "=", layer.delta)
    elif layer.dE_da is not None:  # the units of the layer depend on each other
        jacobian = r"(\partial a^{l}/\partial z^{l})^{\top}"
        yield _step(k, rf"\delta^{{l}} = {jacobian} \partial E/\partial a^{{l}}", "=", layer.delta)


def _gradients(k: int, layer: TracedLayer, a_prev: Array) -> Iterator[Step]:
    product: tuple[Any, ...] = (layer.delta, a_prev.mT)
    equation = r"\partial E/\partial W^{l} = \delta^{l} (a^{l-1})^{\top}"
    if layer.exists is not None:
        equation = r"\partial E/\partial W^{l} = M^{l} \odot (\delta^{l} (a^{l-1})^{\top})"
        product = (layer.exists, r"\odot", "(", *product, ")")
    yield _step(k, equation, "=", *product, "=", layer.dE_dW)
    yield _step(k, r"\partial E/\partial b^{l} = \sum_{c} \delta^{l}_{c}", "=", layer.dE_db)
