"""A function of flat vectors, carried out on their pieces: for XLA, which sees no views.

XLA copies each layer out of θ before its products, and each gradient into one vector after them, an
eighth of some steps. So the function is traced, and its operations are made on W^1, b^1, W^2, …
one by one: arithmetic goes piece by piece, what is sliced from θ where a piece begins and ends is
that piece, pieces that are joined stay pieces, and a sum or maximum is that of theirs. All other
operations get the whole vector. What is computed is the same, number by number, but for the
rounding of sums.
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

# the primitives of JAX whose results are, number by number, of those in the same place
ELEMENTWISE = frozenset(
    "abs add and convert_element_type copy copy_p div eq exp ge"  # noqa: SIM905  else 32 lines
    " gt integer_pow is_finite le log lt max min mul ne neg not or pow rsqrt select_n sign sqrt"
    " square sub tanh".split()
)
REDUCTIONS = {"reduce_sum": "add", "reduce_max": "maximum"}  # with what joins two of their results
CALLS = ("jit", "pjit", "closed_call", "core_call")  # which hold the operations of a function


def split(x: Array, lengths: Sequence[int]) -> Value:
    """Return the pieces of `x` along its last axis, or `x` where its last axis is another."""
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
    """Return the function with the arrays that it carries in pieces.

    Parameters
    ----------
    function : callable
        ``function(arrays, given) -> (arrays, out)``, pure, with a list of arrays of JAX, and arrays
        in any containers as `given` and `out`; the arrays that come back have the shapes of those
        that came in.
    lengths : sequence of int
        Those of the pieces.

    Returns
    -------
    callable
        ``function(values, given) -> (values, out)``, with what `split` returns for each array.
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
    """Return the value in pieces where the one before it is."""
    if isinstance(before, tuple):
        return value if isinstance(value, tuple) else split(value, lengths)
    return joined(value)


def _form(jax: Any, value: Value) -> Any:
    """Return what `function` is traced with in the place of pieces."""
    if not isinstance(value, tuple):
        return value
    shape = (*value[0].shape[:-1], sum(piece.shape[-1] for piece in value))
    return jax.ShapeDtypeStruct(shape, value[0].dtype)


class _Run:
    """Makes the operations of a traced function, on pieces where it can."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        ends = list(accumulate(lengths))
        self._lengths = lengths
        self._places = [(end - n, end) for n, end in zip(lengths, ends, strict=True)]

    def __call__(self, traced: Any, inputs: Sequence[Value]) -> list[Value]:
        """Return the results of what ``jax.make_jaxpr`` returned."""
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
        """Return what an operation on each piece takes from a value of the whole."""
        value = value if isinstance(value, tuple) else split(value, self._lengths)
        return value if isinstance(value, tuple) else (value,) * len(self._lengths)

    def _of_pieces(self, made: Any, pieces: Pieces) -> Array | None:
        """Return a slice that is a piece, a sum or maximum of all; None for other operations."""
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
        """Tell whether what is joined along an axis are pieces."""
        lengths = tuple(x.shape[-1] for x in arrays if x.ndim == axis + 1)
        return lengths == self._lengths


def _bound(made: Any, given: Sequence[Array]) -> Sequence[Array]:
    """Return the results of an operation on arrays."""
    primitive = made.primitive
    parameters = primitive.get_bind_params(made.params)
    # JAX before 0.9 returns the functions that it calls apart
    functions, parameters = parameters if isinstance(parameters, tuple) else ((), parameters)
    results = primitive.bind(*functions, *given, **parameters)
    return results if primitive.multiple_results else [results]
