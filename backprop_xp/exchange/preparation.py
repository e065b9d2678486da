"""Steps of preprocessing as expressions.

Columns pass from step to step. Where all inputs are numbers, they begin as one matrix. Where some
are texts, each input is a column of its own.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.exchange.columns_of_symbols import NUMBER, TEXT, Columns, Part
from backprop_xp.exchange.program import taken
from backprop_xp.exchange.served import Served
from backprop_xp.execution.expressions import Symbol
from backprop_xp.preprocessing.as_text import AsText
from backprop_xp.preprocessing.composition import Chain, SideBySide, Unchanged
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.inputs import text_columns
from backprop_xp.preprocessing.missing import is_nan
from backprop_xp.preprocessing.one_hot import REFUSED, OneHotEncoding
from backprop_xp.preprocessing.piecewise_linear import PiecewiseLinearEncoding
from backprop_xp.preprocessing.quantiles import BOUND, QuantileMapping
from backprop_xp.preprocessing.scaling import RangeScaling, Standardisation
from backprop_xp.preprocessing.smooth_clip import SmoothClip
from backprop_xp.preprocessing.step import Step

__all__ = ["STEPS", "prepared"]


def prepared(model: Served, where: str) -> tuple[list[Symbol], Symbol]:
    """Return the inputs of a model, and the inputs of its network, which its steps make of them.

    Raises
    ------
    OptionError
        A step cannot be exported; the message names it.
    """
    meaning = model.meaning
    n, step = meaning.columns(model.net), meaning.preprocessing
    texts = set() if step is None else text_columns(step)
    if not texts:
        inputs = [Symbol("input", name="X", kind=NUMBER, width=n, column=None)]
        parts = [Part(inputs[0], n)]
    else:
        names = meaning.feature_names or [f"x{place}" for place in range(n)]
        kinds = [TEXT if place in texts else NUMBER for place in range(n)]
        inputs = [
            Symbol("input", name=name, kind=kind, width=1, column=place)
            for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
        ]
        parts = [Part(x, 1, kind) for x, kind in zip(inputs, kinds, strict=True)]
    columns = Columns(tuple(parts), where, [])
    return inputs, (columns if step is None else _after(step, columns)).numbers()


def _after(step: Step, columns: Columns) -> Columns:
    """Return the columns that a step makes."""
    known = STEPS.get(type(step))
    if known is None:
        expected = f"one of {', '.join(kind.__name__ for kind in STEPS)}"
        raise columns.refusal(f"the step {type(step).__name__}", expected, "Transform X before")
    made = known(step, columns)
    composed = isinstance(step, Chain | SideBySide | Unchanged)
    if not composed and len(made.parts) == 1 and not made.parts[0].symbol.name:
        made.parts[0].symbol.named(columns.unique("x"))
    return made


# ---------------------------------------------------------------------------------------------
# one function for each step


def _chain(step: Chain, columns: Columns) -> Columns:
    for each in step.steps:
        columns = _after(each, columns)
    return columns


def _side_by_side(step: SideBySide, columns: Columns) -> Columns:
    made = [_after(each, columns.take(chosen)) for chosen, each in step.parts]
    return columns.of(*(part for one in made for part in one.parts))


def _standardisation(step: Standardisation, columns: Columns) -> Columns:
    mean, spread = columns.constant(step.mean, "mean"), columns.constant(step.spread, "spread")
    return columns.of(Part((columns.numbers() - mean) / spread, step.n_out))


def _range_scaling(step: RangeScaling, columns: Columns) -> Columns:
    factor = columns.constant(step.factor, "factor")
    x = columns.numbers() * factor + columns.constant(step.offset, "offset")
    return columns.of(Part(_clipped(x, step.low, step.high), step.n_out))


def _clipped(x: Symbol, low: float, high: float) -> Symbol:
    if np.isfinite(low):
        x = Symbol("maximum", x, float(low))
    return Symbol("minimum", x, float(high)) if np.isfinite(high) else x


def _imputation(step: Imputation, columns: Columns) -> Columns:
    numbers = [not isinstance(fill, str | None) for fill in step.fill]
    parts: list[Part] = []
    if all(numbers) and all(part.kind == NUMBER for part in columns.parts):
        kept = columns.take(step.kept)
        if len(step.kept):
            x = kept.numbers()
            fill = columns.constant(step.fill, "fill")
            absent = _absent(Part(x, kept.width), step.missing, columns)
            parts.append(Part(Symbol("where", absent, fill, x), kept.width))
    else:
        for place, fill in zip(step.kept, step.fill, strict=True):
            parts.append(_filled(columns.column(int(place)), fill, step.missing, columns))
    for place in step.indicators:
        absent = _absent(columns.column(int(place)), step.missing, columns)
        parts.append(Part(Symbol("number", absent), 1))
    return columns.of(*parts)


def _filled(part: Part, fill: Any, missing: Any, columns: Columns) -> Part:
    absent = _absent(part, missing, columns)
    if part.kind == NUMBER:
        return Part(Symbol("where", absent, float(fill), part.symbol), 1)
    known = columns.constant([str(fill)], "fill")
    return Part(Symbol("text_where", absent, known, part.symbol), 1, TEXT)


def _absent(part: Part, missing: Any, columns: Columns) -> Symbol:
    """Return whether each value of a part is missing."""
    if part.kind == TEXT:
        if isinstance(missing, str):
            sign = columns.constant([missing], "missing")
            return Symbol("text_equal", part.symbol, sign)
        return Symbol("text_missing", part.symbol)
    if missing is None or is_nan(missing):
        return Symbol("isnan", part.symbol)
    if isinstance(missing, str):
        came = f"SimpleImputer(missing_values={missing!r}) for numbers"
        raise columns.refusal(came, "a number or NaN", "Mark missing numbers with NaN")
    return Symbol("equal", part.symbol, float(missing))


def _one_hot_encoding(step: OneHotEncoding, columns: Columns) -> Columns:
    parts = []
    described = zip(step.categories, step.places, step.unknown, step.widths, strict=True)
    for place, (categories, places, unknown, width) in enumerate(described):
        part = columns.column(place)
        known = columns.constant(_known(categories, part.kind)[None, :], "categories")
        refuse = unknown == REFUSED
        hot = Symbol("one_hot", part.symbol, known, refuse=refuse, kind=part.kind)
        parts.append(Part(_in_places(hot, places, unknown, width, columns), width))
    return columns.of(*parts)


def _known(categories: Iterable[Any], kind: str) -> HostArray:
    """Return categories as an array: of texts, of objects with missing texts, or of numbers."""
    values = list(categories)
    if kind == TEXT:
        return np.array(values, dtype=str if all(isinstance(x, str) for x in values) else object)
    return np.array([np.nan if x is None else x for x in values], dtype=float)


def _in_places(hot: Symbol, places: Any, unknown: int, width: int, columns: Columns) -> Symbol:
    """Return the columns of 0 and 1 (m, width) from one column for each category.

    A category without a column gives zeros. Where unknown categories have the column u, of
    which e is the unit vector, the result is e + h (M − 1 eᵀ) for the matrix M of places.
    """
    if list(places) == list(range(width)) and unknown < 0:
        return hot
    W, b = np.zeros((width, len(places))), np.zeros(width)
    for category, place in enumerate(places):
        if place >= 0:
            W[place, category] = 1
    if unknown >= 0:
        W[unknown] -= 1
        b[unknown] = 1
    turned, added = columns.constant(W, "places"), columns.constant(b, "unknown")
    return Symbol("linear", hot, turned, added, stacked=False)


def _quantile_mapping(step: QuantileMapping, columns: Columns) -> Columns:
    x, q, n = columns.numbers(), step.quantiles, step.n_out
    r = np.repeat(step.shares[:, None], n, axis=1)
    named = (("quantiles", q), ("shares", r), ("falling", -q[::-1]), ("falling_shares", -r[::-1]))
    q_up, r_up, q_down, r_down = (columns.constant(values, name) for name, values in named)
    rising = Symbol("interpolate", x, q_up, r_up)
    falling = Symbol("interpolate", -x, q_down, r_down)
    share = (0.5 * (rising - falling)).named(columns.unique("share"))
    low, high = columns.constant(q[0], "lowest"), columns.constant(q[-1], "highest")
    above = x + BOUND > high if step.normal else Symbol("equal", x, high)
    below = x - BOUND < low if step.normal else Symbol("equal", x, low)
    share = Symbol("where", below, 0.0, Symbol("where", above, 1.0, share))
    if step.normal:
        edge = float(BOUND - np.spacing(1))
        share = Symbol("normal_quantile", _clipped(share, edge, 1 - edge))
    return columns.of(Part(share, n))


def _piecewise_linear(step: PiecewiseLinearEncoding, columns: Columns) -> Columns:
    repeated = np.repeat(np.arange(step.n_in), [len(edges) - 1 for edges in step.edges])
    x = taken(columns.numbers(), repeated.tolist())
    start = columns.constant(np.concatenate([edges[:-1] for edges in step.edges]), "bin_start")
    width = columns.constant(np.concatenate([np.diff(edges) for edges in step.edges]), "bin_width")
    return columns.of(Part(_clipped((x - start) / width, 0.0, 1.0), step.n_out))


def _smooth_clip(step: SmoothClip, columns: Columns) -> Columns:
    x = columns.numbers()
    share = x / float(step.bound)
    return columns.of(Part(x / Symbol("sqrt", 1.0 + share * share), step.n))


def _as_text(step: AsText, columns: Columns) -> Columns:
    """Return the columns, which are texts in a graph; a missing text is empty there."""
    if any(part.kind != TEXT for part in columns.parts):
        advice = "Encode them by numbers, or do not export this model"
        raise columns.refusal(
            f"{step.n} made columns as texts", "columns that come as texts", advice
        )
    return columns


STEPS: dict[type, Callable[[Any, Columns], Columns]] = {
    Standardisation: _standardisation,
    RangeScaling: _range_scaling,
    Imputation: _imputation,
    OneHotEncoding: _one_hot_encoding,
    QuantileMapping: _quantile_mapping,
    PiecewiseLinearEncoding: _piecewise_linear,
    SmoothClip: _smooth_clip,
    AsText: _as_text,
    Chain: _chain,
    SideBySide: _side_by_side,
    Unchanged: lambda _, columns: columns,
}
"""The function of each step."""
