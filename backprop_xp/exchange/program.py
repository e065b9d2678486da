"""The program of a model: everything between its inputs and its predictions, as expressions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from backprop_xp.activations import Activation, Identity
from backprop_xp.exchange.served import Served
from backprop_xp.execution.expressions import Symbol, constant

__all__ = ["Program", "concatenated", "program_of", "taken"]


class Program(NamedTuple):
    """The expressions of a model.

    Beside the operations of `expressions` there are:

    .. code-block:: text

        linear          x W^T + b; inputs x, W, b
        activation      an activation of the option `activation`
        networks_mean   the mean over the networks of an ensemble
        take            the columns of the option `columns`
        concat          arrays side by side
        interpolate     numbers between the rows of two tables; inputs x, from, to
        narrowed        numbers in the dtype of theta, the option `dtype`
        text_equal, text_where   `equal` and `where` of texts
        text_missing    whether a text is None or NaN
        normal_quantile the number below which a share p of the standard normal distribution lies
        one_hot         1 where x (m, 1) is one of n categories, (m, n); the option `refuse` tells
                        whether an unknown category is an error
        largest_place   the place of the largest probability, (m,)
        above_half      1 where a probability is above 1/2, else 0, in integers
        second_above_half   the same for the second column alone, (m,)
        class_of        the class at a place; inputs places, classes

    Attributes
    ----------
    inputs : sequence of Symbol
        One matrix X (m, n), or one column (m, 1) for each input where some hold texts.
    outputs : Symbol (m, n_out)
        The outputs of the network.
    probabilities : Symbol (m, n_classes), or None
    predictions : Symbol (m,) or (m, n_labels), or None
        Classes or labels; None where the model predicts numbers, which are its outputs.
    """

    inputs: Sequence[Symbol]
    outputs: Symbol
    probabilities: Symbol | None = None
    predictions: Symbol | None = None


def program_of(
    model: Served, inputs: Sequence[Symbol], x: Symbol, others: Sequence[Served] = ()
) -> Program:
    """Return the program of a model, or of an ensemble of several architectures.

    Parameters
    ----------
    model : Served
    inputs : sequence of Symbol
    x : Symbol (m, n_in)
        The inputs of the network, which the steps of the model have made of `inputs`.
    others : sequence of Served
        The other architectures of an ensemble. The outputs of all are added: each has weights.
    """
    outputs = _outputs(model, x)
    for one in others:
        outputs = outputs + _outputs(one, x)
    if model.meaning.classes is None:
        return Program(inputs, outputs)
    if model.two_classes:
        place = Symbol("second_above_half", outputs)
    else:
        place = Symbol("above_half" if model.several_labels else "largest_place", outputs)
    if model.several_labels:
        return Program(inputs, outputs, outputs, place)
    classes = constant(model.meaning.classes, "CLASSES")
    return Program(inputs, outputs, outputs, Symbol("class_of", place, classes))


def _outputs(model: Served, x: Symbol) -> Symbol:
    """Return the outputs (m, n_out) of a model, for two classes the probabilities (m, 2)."""
    layers, activations = model.layers(), model.net.activations
    dtype = model.theta.dtype.name
    z = a = Symbol("narrowed", x, dtype=dtype) if model.meaning.preprocessing else x
    for number, (layer, activation) in enumerate(zip(layers, activations, strict=True), start=1):
        W = constant(layer.W, f"W{number}")
        b = constant(layer.b[..., 0] if layer.b.ndim == 2 else layer.b.mT, f"b{number}")
        z = Symbol("linear", a, W, b, stacked=layer.W.ndim > 2)
        a = _activated(activation, z).named(f"a{number}")
    if not model.two_classes:
        return _mean(model, a)
    # the first class has the probability 1 - s(z) = s(-z), from which s(-z) loses no digit
    both = concatenated([-z.named(f"z{len(layers)}"), z])
    return _mean(model, _activated(activations[-1], both))


def taken(x: Symbol, columns: Sequence[int]) -> Symbol:
    """Return these columns of x (m, n), in this order."""
    return Symbol("take", x, columns=[int(column) for column in columns])


def concatenated(parts: Sequence[Symbol]) -> Symbol:
    """Return arrays (m, n) side by side."""
    return parts[0] if len(parts) == 1 else Symbol("concat", *parts)


def _activated(activation: Activation, z: Symbol) -> Symbol:
    if isinstance(activation, Identity):
        return z
    options: dict[str, Any] = {"activation": activation}
    return Symbol("activation", z, **options)


def _mean(model: Served, a: Symbol) -> Symbol:
    """Return the mean over the networks, or Σ_k w_k a_k for weights, as the mean of K w_k a_k."""
    if model.weights is not None:
        a = a * constant(model.weights[:, None, None] * len(model.weights), "weights")
    return Symbol("networks_mean", a) if model.theta.ndim > 1 else a
