"""The equations of a traced pass, forward, cost, backward and update, each with its numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Generic

import numpy as np

from backprop_xp.arrays.backend import ArrayT_co, HostArray, to_host
from backprop_xp.inspection.formulas import formula_of
from backprop_xp.inspection.rendering import Section, Step
from backprop_xp.network.output_layer import Output, SoftmaxCrossEntropy

__all__ = ["TracedLayer", "note", "sections"]

NOTE = (
    "Each column is a case. A single column (b) or row (w) is repeated to the size of the other "
    "operand of + or ⊙, the Hadamard product, entry by entry. y are the targets, w the weights of "
    "the cases, E_c their costs."
)
NOTE_OF_ONE_CASE = (
    "One case, in columns. ⊙ is the Hadamard product, entry by entry. y are the targets, E is the "
    "cost of the case."
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


def note(trace: Any) -> str:
    """Return the paragraph that explains the notation."""
    return NOTE_OF_ONE_CASE if _is_alone(trace) else NOTE


def sections(trace: Any, *, elements: bool = False) -> Iterator[Section]:
    """Yield the sections of a traced pass in the order of computation.

    A section for each layer forward, one for the cost, and one for each layer backward; one for the
    inputs; and one for the update where an optimiser made one.

    Parameters
    ----------
    trace : Trace
        Of a single network.
    elements : bool
        Whether δ and the gradients are also written as sums of numbers, unit by unit, for the first
        case.
    """
    trace = _on_host(trace)
    layers, activations = trace.layers, trace.network.activations
    below = [trace.a_in, *(traced.a for traced in layers)]
    for layer, traced in enumerate(layers, start=1):
        title = f"Forward, layer {layer}: σ is {_name(activations[layer - 1])}"
        yield Section(title, tuple(_forward(layer, traced, below[layer - 1], activations)))
    yield Section(f"The cost: {_name(trace.network.loss)}", tuple(_cost(trace)))
    for layer, traced in reversed([*enumerate(layers, start=1)]):
        sigma = activations[layer - 1]
        last = layer == len(layers)
        above = None if last else layers[layer]
        found = [*_output_error(layer, trace)] if above is None else [_back(layer, above, traced)]
        found += [*_error(layer, traced, sigma), *_gradients(layer, traced, below[layer - 1])]
        yield Section(f"Backward, layer {layer}: σ is {_name(sigma)}", tuple(found))
        if last and (why := [*_why(layer, trace)]):
            yield Section(f"Why δ{_raised(layer)} is a{_raised(layer)} − y", tuple(why))
        if elements and (sums := [*_sums(layer, traced, above, below[layer - 1])]):
            yield Section(f"Sum by sum, layer {layer}", tuple(sums))
    equation = r"\partial E/\partial a^{0} = (W^{1})^{\top} \delta^{1}"
    terms = "=", layers[0].W.mT, layers[0].delta, "=", trace.dE_dx
    yield Section("Backward, the inputs", (_step(0, equation, *terms),))
    if trace.updated is not None:
        kind = type(trace.optimizer).__name__
        yield Section(f"The update: a step of {kind}", tuple(_update(trace)))


def _on_host(trace: Any) -> Any:
    """Return the trace with NumPy arrays."""

    def host(x: Any) -> Any:
        return None if x is None else to_host(x)

    layers = tuple(
        TracedLayer(*(host(getattr(one, at.name)) for at in fields(one))) for one in trace.layers
    )
    updated = trace.updated and tuple(type(one)(*map(host, one)) for one in trace.updated)
    names = ("E", "E_c", "a_in", "y", "w", "dE_dx")
    arrays = {name: host(getattr(trace, name)) for name in names}
    return replace(trace, **arrays, layers=layers, updated=updated)


def _is_alone(trace: Any) -> bool:
    """Tell whether there is one case, of weight 1."""
    return trace.a_in.shape[-1] == 1 and float(to_host(trace.w)[..., 0, 0]) == 1


def _name(part: Any) -> str:
    """Return the name of an activation or a loss; for a user's own without one, its class name."""
    return str(getattr(part, "name", type(part).__name__))


def _raised(layer: int) -> str:
    return str(layer).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _step(layer: int, equation: str, *terms: Any, where: str = "") -> Step:
    """Return a step of a layer, from an equation in which l stands for the layer's number."""
    for name, number in (("l-1", layer - 1), ("l", layer), ("l+1", layer + 1)):
        equation = equation.replace(f"{{{name}}}", f"{{{number}}}")
    return Step(equation, tuple(x if isinstance(x, str) else to_host(x) for x in terms), where)


def _forward(layer: int, traced: TracedLayer, a_prev: Any, activations: Any) -> Iterator[Step]:
    terms = ("=", traced.W, a_prev, "+", traced.b, "=", traced.z)
    yield _step(layer, r"z^{l} = W^{l} a^{l-1} + b^{l}", *terms)
    formula = formula_of(activations[layer - 1])
    where = "" if formula is None else rf"\sigma(z) = {formula.value}"
    yield _step(layer, r"a^{l} = \sigma(z^{l})", "=", traced.a, where=where)


def _cost(trace: Any) -> Iterator[Step]:
    of_cases, total = trace.E_c[:, None], trace.E[None, None]
    formula = formula_of(trace.network.loss)
    where = "" if formula is None else f"E_{{c}} = {formula.value}"
    yield Step("y", ("=", trace.y))
    layer, a = len(trace.layers), trace.layers[-1].a
    yield _step(layer, r"a^{l} - y", "=", a, "-", trace.y, "=", a - trace.y)
    if _is_alone(trace):
        yield Step("E = E_{c}", ("=", total), where)
    else:
        terms = "=", trace.w, of_cases, "=", total
        yield Step(r"E = \sum_{c} w_{c} E_{c}", terms, where)


def _output_error(layer: int, trace: Any) -> Iterator[Step]:
    """Yield the step for δ^L of a canonical pair, or else the step for ∂E/∂a^L."""
    traced, output, y = trace.layers[-1], trace.network.output_with_loss, trace.y
    alone = _is_alone(trace)
    weights: tuple[Any, ...] = () if alone else (trace.w, r"\odot")
    w = "" if alone else r"w \odot "
    if traced.dE_da is not None:
        of_cases = np.broadcast_to(to_host(output.loss.dE_da(traced.a, y)), y.shape)
        formula = formula_of(output.loss)
        where = "" if formula is None else rf"\partial E_{{c}}/\partial a = {formula.slope}"
        equation = rf"\partial E/\partial a^{{l}} = {w}\partial E_{{c}}/\partial a^{{l}}"
        terms = ("=", *weights, of_cases, *(() if alone else ("=", traced.dE_da)))
        yield _step(layer, equation, *terms, where=where)
        return
    total, opened, closed = _sum_of_targets(output, y), "(" * (not alone), ")" * (not alone)
    factor: tuple[Any, ...] = () if total is None else (r"\odot", total)
    symbols = "a^{l} - y" if total is None else r"a^{l} \odot \sum_{d} y_{d} - y"
    difference = (*opened, traced.a, *factor, "-", y, *closed)
    terms = ("=", *weights, *difference, "=", traced.delta)
    yield _step(layer, rf"\delta^{{l}} = {w}{opened}{symbols}{closed}", *terms)


def _sum_of_targets(output: Output, y: Any) -> HostArray | None:
    """Return Σ_d y_d (1, m) where softmax's error has it as a factor that is not 1."""
    total: HostArray = y.sum(axis=0, keepdims=True)
    rounding = len(y) * np.finfo(y.dtype).eps
    is_one = not isinstance(output, SoftmaxCrossEntropy) or np.allclose(total, 1, 0, rounding)
    return None if is_one else total


def _back(layer: int, above: TracedLayer, traced: TracedLayer) -> Step:
    equation = r"\partial E/\partial a^{l} = (W^{l+1})^{\top} \delta^{l+1}"
    return _step(layer, equation, "=", above.W.mT, above.delta, "=", traced.dE_da)


def _error(layer: int, traced: TracedLayer, sigma: Any) -> Iterator[Step]:
    formula = formula_of(sigma)
    if traced.da_dz is not None:
        where = "" if formula is None else rf"\sigma'(z) = {formula.slope}"
        equation = r"\delta^{l} = \partial E/\partial a^{l} \odot \sigma'(z^{l})"
        terms = "=", traced.dE_da, r"\odot", traced.da_dz, "=", traced.delta
        yield _step(layer, equation, *terms, where=where)
    elif traced.dE_da is not None:  # the units of the layer depend on each other
        where = "" if formula is None else rf"\partial a_{{d}}/\partial z_{{k}} = {formula.slope}"
        jacobian = r"(\partial a^{l}/\partial z^{l})^{\top}"
        equation = rf"\delta^{{l}} = {jacobian} \partial E/\partial a^{{l}}"
        yield _step(layer, equation, "=", traced.delta, where=where)


def _why(layer: int, trace: Any) -> Iterator[Step]:
    """Yield the chain rule of a canonical pair, multiplied out for the first case.

    Nothing where rounding spoils it, as y / a does where a rounds to 0.
    """
    traced, output = trace.layers[-1], trace.network.output_with_loss
    if traced.dE_da is not None or len(traced.a) > 12:
        return
    a, y, z = (np.array(x[:, :1], np.float64) for x in (traced.a, trace.y, traced.z))
    slopes, jacobian = _factors(output, z, a, y)
    coupled = isinstance(output, SoftmaxCrossEntropy)
    with np.errstate(all="ignore"):
        result = jacobian.T @ slopes if coupled else slopes * jacobian
    expected = (a * y.sum(axis=0) if coupled else a) - y
    if not np.allclose(result, expected, rtol=1e-6, atol=1e-9):
        return
    cost, sigma = formula_of(output.loss), formula_of(output.activation)
    if cost is None or sigma is None:
        return
    where = rf"\partial E_{{c}}/\partial a = {cost.slope}"
    yield _step(layer, r"\partial E_{c}/\partial a^{l}", "=", slopes, where=where)
    if coupled:
        where = rf"\partial a_{{d}}/\partial z_{{k}} = {sigma.slope}"
        yield _step(layer, r"\partial a^{l}/\partial z^{l}", "=", jacobian, where=where)
        equation = (
            r"\partial E_{c}/\partial z^{l} = (\partial a^{l}/\partial z^{l})^{\top} "
            r"\partial E_{c}/\partial a^{l} = a^{l} - y"
        )
        if _sum_of_targets(output, trace.y[:, :1]) is not None:
            equation = equation.replace("a^{l} - y", r"a^{l} \odot \sum_{d} y_{d} - y")
        product: tuple[Any, ...] = (jacobian.T, slopes)
    else:
        yield _step(layer, r"\sigma'(z^{l})", "=", jacobian, where=rf"\sigma'(z) = {sigma.slope}")
        equation = (
            r"\partial E_{c}/\partial z^{l} = \partial E_{c}/\partial a^{l} \odot \sigma'(z^{l}) "
            r"= a^{l} - y"
        )
        product = (slopes, r"\odot", jacobian)
    yield _step(layer, equation, "=", *product, "=", result)


def _factors(
    output: Output, z: HostArray, a: HostArray, y: HostArray
) -> tuple[HostArray, HostArray]:
    """Return ∂E_c/∂a (n, 1), and σ′(z) (n, 1) or softmax's ∂a/∂z (n, n)."""
    with np.errstate(all="ignore"):
        slopes: HostArray = np.broadcast_to(np.asarray(output.loss.dE_da(a, y)), y.shape)
        sigma: Any = output.activation
        if isinstance(output, SoftmaxCrossEntropy):
            rows = [sigma.vjp(unit[:, None], a)[:, 0] for unit in np.eye(len(a))]
            return slopes, np.stack(rows)
        return slopes, np.broadcast_to(sigma.da_dz(z, a), z.shape)


def _gradients(layer: int, traced: TracedLayer, a_prev: Any) -> Iterator[Step]:
    product: tuple[Any, ...] = (traced.delta, a_prev.mT)
    equation = r"\partial E/\partial W^{l} = \delta^{l} (a^{l-1})^{\top}"
    if traced.exists is not None:
        equation = r"\partial E/\partial W^{l} = M^{l} \odot (\delta^{l} (a^{l-1})^{\top})"
        product = (traced.exists, r"\odot", "(", *product, ")")
    yield _step(layer, equation, "=", *product, "=", traced.dE_dW)
    if traced.delta.shape[-1] == 1:
        yield _step(layer, r"\partial E/\partial b^{l} = \delta^{l}", "=", traced.dE_db)
        return
    yield _step(layer, r"\partial E/\partial b^{l} = \sum_{c} \delta^{l}_{c}", "=", traced.dE_db)


def _sums(
    layer: int, traced: TracedLayer, above: TracedLayer | None, a_prev: Any
) -> Iterator[Step]:
    """Yield δ of each unit of the first case as a sum of numbers, and a gradient as a product."""
    delta = traced.delta
    if above is not None and traced.da_dz is not None:
        W, errors, slopes = above.W, above.delta, traced.da_dz
        for K in range(len(delta)):
            equation = (
                rf"\delta^{{l}}_{{{K + 1}}} = (\sum_{{j}} \delta^{{l+1}}_{{j}} "
                rf"w^{{l+1}}_{{j,{K + 1}}}) \sigma'(z^{{l}}_{{{K + 1}}})"
            )
            terms: list[Any] = ["=", "("]
            for j in range(len(errors)):
                terms += ["+"] * (j > 0) + [errors[j, 0], r"\cdot", W[j, K]]
            terms += [")", r"\cdot", slopes[K, 0], "=", delta[K, 0]]
            yield _step(layer, equation, *map(_scalar, terms))
    if delta.shape[1] == 1:
        equation = r"\partial E/\partial w^{l}_{1,1} = \delta^{l}_{1} a^{l-1}_{1}"
        product = traced.delta[0, 0] * a_prev[0, 0]
        terms = ["=", delta[0, 0], r"\cdot", a_prev[0, 0], "=", product]
        yield _step(layer, equation, *map(_scalar, terms))


def _scalar(term: Any) -> Any:
    return term if isinstance(term, str) else np.asarray(term)


def _update(trace: Any) -> Iterator[Step]:
    """Yield the parameters after a step of the optimiser."""
    rate = trace.learning_rate
    for layer, (traced, after) in enumerate(zip(trace.layers, trace.updated, strict=True), start=1):
        for name, before, gradient, new in (
            ("W", traced.W, traced.dE_dW, after.W),
            ("b", traced.b, traced.dE_db, after.b),
        ):
            derivative = rf"\partial E/\partial {name}^{{l}}"
            if rate is None:
                equation = rf"{name}^{{l}} \leftarrow {name}^{{l}} + \Delta {name}^{{l}}"
                yield _step(layer, equation, "=", before, "+", new - before, "=", new)
                continue
            equation = rf"{name}^{{l}} \leftarrow {name}^{{l}} - \epsilon {derivative}"
            terms = "=", before, "-", np.asarray(rate), r"\cdot", gradient, "=", new
            yield _step(layer, equation, *terms)
