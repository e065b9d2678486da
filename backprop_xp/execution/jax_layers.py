"""A function of flat vectors, rewritten to work on their pieces W^1, b^1, W^2, ….

XLA has no views. It copies each layer out of θ before the products, and each gradient into one
vector after them: an eighth of the time of some steps. So the function is traced, and each
operation is made on the pieces where that is possible:

- an elementwise operation works piece by piece;
- a slice of θ from the start of a piece to its end is that piece;
- a concatenation of all pieces stays in pieces;
- a sum or maximum over θ combines the sums or maxima of the pieces.

Every other operation gets the whole vector. Results are equal but for the rounding of sums.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from backprop_xp.arrays.backend import Array

__all__ = ["Pieces", "by_pieces", "joined", "split"]

Pieces: TypeAlias = tuple[Array, ...]
Value: TypeAlias = Array | Pieces

# primitives of JAX whose result at each index depends on the inputs at that index alone
ELEMENTWISE = frozenset(
    "abs add and convert_element_type copy copy_p div eq exp ge"  # noqa: SIM905  else 32 lines
    " gt integer_pow is_finite le log lt max min mul ne neg not or pow rsqrt select_n sign sqrt"
    " square sub tanh".split()
)
REDUCTIONS = {"reduce_sum": "add", "reduce_max": "maximum"}  # and the function of two results
CALLS = ("jit", "pjit", "closed_call", "core_call")  # primitives that call a traced function


def split(x: Array, lengths: Sequence[int]) -> Value:
    """Return the pieces of `x` along its last axis, or `x` where that axis has another length."""
    if x.ndim == 0 or x.shape[-1] != sum(lengths):
        return x
    return tuple(x[..., end - n : end] for n, end in zip(lengths, accumulate(lengths), strict=True))


def joined(value: Value) -> Array:
    """Return the whole vector, the inverse of `split`."""
    if not isinstance(value, tuple):
        return value
    whole: Array = importlib.import_module("jax").numpy.concatenate(value, axis=-1)
    return whole


def by_pieces(function: Callable[..., Any], lengths: Sequence[int]) -> Callable[..., Any]:
    """Return the same function for a carry in pieces.

    Parameters
    ----------
    function : callable
        ``function(arrays, given) -> (arrays, out)``, pure. `arrays` is a list of JAX arrays, whose
        shapes it keeps; `given` and `out` are trees of arrays.
    lengths : sequence of int
        Lengths of the pieces.

    Returns
    -------
    callable
        ``function(values, given) -> (values, out)``, where `split` makes each value from an array.
    """
    jax = importlib.import_module("jax")

    def in_pieces(values: Sequence[Value], given: Any) -> Any:
        whole = [_form(jax, value) for value in values]
        traced, (_, form_out) = jax.make_jaxpr(function, return_shape=True)(whole, given)
        run = _Run(tuple(lengths))
        results = run(traced, [*values, *jax.tree.leaves(given)])
        after, out = results[: len(values)], results[len(values) :]
        after = [_like(*each, lengths) for each in zip(values, after, strict=True)]
        return after, jax.tree.unflatten(jax.tree.structure(form_out), map(joined, out))

    return in_pieces


def _like(before: Value, value: Value, lengths: Sequence[int]) -> Value:
    """Return `value` in pieces where `before` is in pieces, else as one vector."""
    if isinstance(before, tuple):
        return value if isinstance(value, tuple) else split(value, lengths)
    return joined(value)


def _form(jax: Any, value: Value) -> Any:
    """Return shape and dtype of the whole vector for pieces; an array as it is."""
    if not isinstance(value, tuple):
        return value
    shape = (*value[0].shape[:-1], sum(piece.shape[-1] for piece in value))
    return jax.ShapeDtypeStruct(shape, value[0].dtype)


class _Run:
    """An interpreter of traced functions, which works on pieces where it can."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        ends = list(accumulate(lengths))
        self._lengths = lengths
        self._places = [(end - n, end) for n, end in zip(lengths, ends, strict=True)]

    def __call__(self, traced: Any, inputs: Sequence[Value]) -> list[Value]:
        """Return the results of `traced`, a function that ``jax.make_jaxpr`` returned."""
        jaxpr = traced.jaxpr
        known = dict(zip(jaxpr.constvars, traced.consts, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def value_of(variable: Any) -> Any:
            return variable.val if hasattr(variable, "val") else known[variable]  # val: a literal

        for made in jaxpr.eqns:
            given = [value_of(variable) for variable in made.invars]
            known.update(zip(made.outvars, self._results(made, given), strict=True))
        return [value_of(variable) for variable in jaxpr.outvars]

    def _results(self, made: Any, given: list[Any]) -> Sequence[Value]:
        name, parameters = made.primitive.name, made.params
        if name in CALLS and hasattr(parameters.get("jaxpr"), "jaxpr"):
            return self(parameters["jaxpr"], given)
        if any(isinstance(value, tuple) for value in given):
            if name in ELEMENTWISE:
                on_each = [self._for_each(value) for value in given]
                return [tuple(_bound(made, each)[0] for each in zip(*on_each, strict=True))]
            (pieces, *others) = given
            if isinstance(pieces, tuple) and not others:
                found = self._of_pieces(made, pieces)
                if found is not None:
                    return [found]
        elif name == "concatenate" and self._are_pieces(given, parameters["dimension"]):
            return [tuple(given)]
        return _bound(made, [joined(value) for value in given])

    def _for_each(self, value: Value) -> Sequence[Array]:
        """Return the input of an elementwise operation on each piece."""
        value = value if isinstance(value, tuple) else split(value, self._lengths)
        return value if isinstance(value, tuple) else (value,) * len(self._lengths)

    def _of_pieces(self, made: Any, pieces: Pieces) -> Array | None:
        """Return a slice that is one piece, or a sum or maximum over all; else None."""
        lead, parameters, name = pieces[0].shape[:-1], made.params, made.primitive.name
        if name in REDUCTIONS and parameters["axes"] == (len(lead),):
            combine = getattr(importlib.import_module("jax").numpy, REDUCTIONS[name])
            return functools.reduce(combine, (_bound(made, [piece])[0] for piece in pieces))
        if name == "slice":
            start, stop = parameters["start_indices"], parameters["limit_indices"]
            whole_lead = not any(start[:-1]) and tuple(stop[:-1]) == lead
            one_by_one = all(step == 1 for step in parameters["strides"] or ())
            place = (start[-1], stop[-1])
            if whole_lead and one_by_one and place in self._places:
                return pieces[self._places.index(place)]
        return None

    def _are_pieces(self, arrays: Sequence[Any], axis: int) -> bool:
        """Tell whether these arrays, joined along `axis`, are all the pieces in order."""
        lengths = tuple(x.shape[-1] for x in arrays if x.ndim == axis + 1)
        return lengths == self._lengths


def _bound(made: Any, given: Sequence[Array]) -> Sequence[Array]:
    """Return the results of the traced operation on other arrays."""
    primitive = made.primitive
    parameters = primitive.get_bind_params(made.params)
    # JAX before 0.9 returns a pair: functions to call, and parameters
    functions, parameters = parameters if isinstance(parameters, tuple) else ((), parameters)
    results = primitive.bind(*functions, *given, **parameters)
    return results if primitive.multiple_results else [results]
