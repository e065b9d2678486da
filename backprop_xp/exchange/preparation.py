"""Transformers of scikit-learn as expressions: the steps of a pipeline before its network.

A `Table` passes from step to step. Where all inputs are numbers, it begins as one matrix. Where
some are texts, each input is a column of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.exchange.expressions import Symbol, constant
from backprop_xp.exchange.program import concatenated, taken
from backprop_xp.exchange.served import Served

__all__ = ["STEPS", "Part", "Table", "prepared"]

TEXT, NUMBER = "text", "number"


class Part(NamedTuple):
    """Columns of a table that one symbol holds.

    Attributes
    ----------
    symbol : Symbol (m, width)
    width : int
    kind : {"number", "text"}
    """

    symbol: Symbol
    width: int
    kind: str = NUMBER


class Table(NamedTuple):
    """Columns side by side.

    Attributes
    ----------
    parts : tuple of Part
    where : str
        The function of this library, for error messages.
    names : list of str
        A counter of the constants, shared by all tables of a model.
    """

    parts: tuple[Part, ...]
    where: str
    names: list[str]

    @property
    def width(self) -> int:
        """The number of columns."""
        return sum(part.width for part in self.parts)

    def of(self, *parts: Part) -> "Table":
        """Return a table of these parts."""
        return self._replace(parts=tuple(parts))

    def numbers(self, step: Any) -> Symbol:
        """Return all columns as one symbol (m, width).

        Raises
        ------
        OptionError
            Some columns are texts.
        """
        if any(part.kind == TEXT for part in self.parts):
            raise refused(self.where, step, "takes columns of texts", "numbers", "Encode them")
        return concatenated([part.symbol for part in self.parts])

    def column(self, place: int) -> Part:
        """Return one column."""
        for part in self.parts:
            if place < part.width:
                whole = part.width == 1
                symbol = part.symbol if whole else taken(part.symbol, [place])
                return Part(symbol, 1, part.kind)
            place -= part.width
        raise IndexError(place)

    def columns(self, places: Sequence[int]) -> "Table":
        """Return a table of these columns, in this order."""
        if len(self.parts) == 1 and self.parts[0].kind == NUMBER:
            (part,) = self.parts
            same = list(places) == list(range(part.width))
            symbol = part.symbol if same else taken(part.symbol, places)
            return self.of(Part(symbol, len(places)))
        return self.of(*(self.column(place) for place in places))

    def unique(self, name: str) -> str:
        """Return a name that no other constant or result of the steps has."""
        unique, number = name, 2
        while unique in self.names:
            unique, number = f"{name}_{number}", number + 1
        self.names.append(unique)
        return unique

    def constant(self, values: Any, name: str) -> Symbol:
        """Return the symbol of an array, under a name of its own."""
        array = np.asarray(values)
        known = array.astype(float) if array.dtype.kind in "fiub" else array
        return constant(known, self.unique(name))


def prepared(model: Served, where: str) -> tuple[list[Symbol], Symbol]:
    """Return the inputs of a model, and the inputs of its network, which its steps make of them.

    Raises
    ------
    OptionError
        A step cannot be exported; the message names it.
    """
    for step in model.steps:
        _check_known(step, where)
    texts = _text_columns(model.steps, list(range(model.n_inputs)), where)
    if not texts:
        inputs = [Symbol("input", name="X", kind=NUMBER, width=model.n_inputs, column=None)]
        parts = [Part(inputs[0], model.n_inputs)]
    else:
        names = model.features or [f"x{place}" for place in range(model.n_inputs)]
        kinds = [TEXT if place in texts else NUMBER for place in range(model.n_inputs)]
        inputs = [
            Symbol("input", name=name, kind=kind, width=1, column=place)
            for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
        ]
        parts = [Part(x, 1, kind) for x, kind in zip(inputs, kinds, strict=True)]
    table = Table(tuple(parts), where, [])
    for number, step in enumerate(model.steps, start=1):
        table = _transformed(step, table)
        if len(table.parts) == 1 and not table.parts[0].symbol.name:
            table.parts[0].symbol.named(f"x{number}")
    return inputs, table.numbers("the network")


def refused(where: str, step: Any, why: str, expected: str, advice: str) -> OptionError:
    """Return the error for a step that cannot be exported."""
    name = step if isinstance(step, str) else type(step).__name__
    return OptionError(f"{where}(model)", f"{name}, which {why}", expected, advice)


def _transformed(step: Any, table: Table) -> Table:
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return table
    _check_known(step, table.where)
    return STEPS[type(step).__name__](step, table)


def _check_known(step: Any, where: str) -> None:
    if step is None or (isinstance(step, str) and step in ("passthrough", "drop")):
        return
    ours = type(step).__module__.startswith("sklearn.")
    if not ours or type(step).__name__ not in STEPS:
        expected = f"steps of {', '.join(STEPS)}"
        advice = "Transform X before the model, and export the last step alone"
        raise refused(where, step, "cannot be written", expected, advice)


def _text_columns(steps: Sequence[Any], places: list[int], where: str) -> set[int]:
    """Return the inputs that hold texts, told by the first step that looks at each."""
    found: set[int] = set()
    for step in steps:
        name = type(step).__name__
        if name == "Pipeline":
            return found | _text_columns([each for _, each in step.steps], places, where)
        if name == "ColumnTransformer":
            for _, part, chosen in step.transformers_:
                at = [places[place] for place in _places(chosen, step)]
                found |= _text_columns([part], at, where)
            return found
        if name == "OneHotEncoder":
            kinds = [np.asarray(each).dtype.kind for each in step.categories_]
            return found | {p for p, kind in zip(places, kinds, strict=True) if kind in "OUS"}
        if name != "SimpleImputer":
            return found
        if np.asarray(step.statistics_).dtype.kind in "OUS":
            pairs = zip(places, step.statistics_, strict=True)
            found |= {place for place, value in pairs if isinstance(value, str)}
    return found


def _places(chosen: Any, step: Any) -> list[int]:
    """Return the numbers of the columns that a part of a ColumnTransformer takes."""
    everything = np.arange(step.n_features_in_)
    names = list(getattr(step, "feature_names_in_", []))
    if isinstance(chosen, slice):
        start, stop = chosen.start, chosen.stop
        if isinstance(start, str) or isinstance(stop, str):
            first = 0 if start is None else names.index(start)
            last = len(names) if stop is None else names.index(stop) + 1  # by name, both count
            return list(range(first, last, chosen.step or 1))
        return [int(place) for place in everything[chosen]]
    each = [chosen] if isinstance(chosen, str) or np.ndim(chosen) == 0 else list(chosen)
    if each and all(isinstance(one, str) for one in each):
        return [names.index(one) for one in each]
    picked = everything[np.asarray(each, dtype=None if each else int)]
    return [int(place) for place in picked]


# ---------------------------------------------------------------------------------------------
# one function for each transformer


def _scaled(
    table: Table, step: Any, x: Symbol, shift: HostArray | None, scale: HostArray | None
) -> Symbol:
    """Return (x − shift) / scale."""
    name = type(step).__name__.lower()
    if shift is not None:
        x = x - table.constant(shift, f"{name}_shift")
    return x if scale is None else x / table.constant(scale, f"{name}_scale")


def _standard_scaler(step: Any, table: Table) -> Table:
    shift = step.mean_ if step.with_mean else None
    scale = step.scale_ if step.with_std else None
    return table.of(Part(_scaled(table, step, table.numbers(step), shift, scale), table.width))


def _robust_scaler(step: Any, table: Table) -> Table:
    shift = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return table.of(Part(_scaled(table, step, table.numbers(step), shift, scale), table.width))


def _max_abs_scaler(step: Any, table: Table) -> Table:
    x = _scaled(table, step, table.numbers(step), None, step.scale_)
    return table.of(Part(_clipped(x, -1.0, 1.0) if getattr(step, "clip", False) else x, table.width))


def _min_max_scaler(step: Any, table: Table) -> Table:
    x = table.numbers(step) * table.constant(step.scale_, "minmaxscaler_scale")
    x = x + table.constant(step.min_, "minmaxscaler_min")
    return table.of(Part(_clipped(x, *step.feature_range) if step.clip else x, table.width))


def _clipped(x: Symbol, low: float, high: float) -> Symbol:
    return Symbol("minimum", Symbol("maximum", x, float(low)), float(high))


def _simple_imputer(step: Any, table: Table) -> Table:
    statistics = np.asarray(step.statistics_)
    missing, number = step.missing_values, statistics.dtype.kind in "fiub"
    kept = [place for place, value in enumerate(statistics) if number is False or value == value]
    if getattr(step, "keep_empty_features", False):
        kept = list(range(table.width))
    if number:
        x = table.columns(kept).numbers(step)
        absent = _absent(x, missing, step, table)
        filled = np.where(np.isnan(statistics), 0.0, statistics)[kept]
        known = table.constant(filled, "simpleimputer_fill")
        parts = [Part(Symbol("where", absent, known, x), len(kept))]
    else:
        parts = [_filled_text(table.column(place), statistics[place], step, table) for place in kept]
    if step.add_indicator:
        chosen = [int(place) for place in step.indicator_.features_]
        if not number:
            why = "marks missing texts with add_indicator"
            raise refused(table.where, step, why, "add_indicator=False", "Mark them before")
        marks = _absent(table.columns(chosen).numbers(step), missing, step, table)
        parts.append(Part(Symbol("number", marks), len(chosen)))
    return table.of(*parts)


def _absent(x: Symbol, missing: Any, step: Any, table: Table) -> Symbol:
    if isinstance(missing, float) and np.isnan(missing):
        return Symbol("isnan", x)
    if not isinstance(missing, int | float | np.number):
        why = f"takes {missing!r} for a missing number"
        raise refused(table.where, step, why, "missing_values=nan or a number", "Use np.nan")
    return Symbol("equal", x, float(missing))


def _filled_text(part: Part, fill: Any, step: Any, table: Table) -> Part:
    missing = step.missing_values
    if part.kind == NUMBER or not isinstance(missing, str) or not isinstance(fill, str):
        why = f"takes {missing!r} for a missing text"
        advice = "Mark missing texts with a text, such as missing_values=''"
        raise refused(table.where, step, why, "a text for missing texts", advice)
    absent = Symbol("text_equal", part.symbol, table.constant([missing], "simpleimputer_missing"))
    known = table.constant([fill], "simpleimputer_fill")
    return Part(Symbol("text_where", absent, known, part.symbol), 1, TEXT)


def _one_hot_encoder(step: Any, table: Table) -> Table:
    parts, refuse = [], step.handle_unknown == "error"
    infrequent = getattr(step, "infrequent_categories_", None) or []
    if step.handle_unknown == "warn" or any(each is not None for each in infrequent):
        why = "puts rare categories together"
        advice = "Fit it without min_frequency and max_categories"
        raise refused(table.where, step, why, "a column for each category", advice)
    dropped = [None] * len(step.categories_) if step.drop_idx_ is None else step.drop_idx_
    for place, (categories, drop) in enumerate(zip(step.categories_, dropped, strict=True)):
        part, values = table.column(place), np.asarray(categories)
        if part.kind == TEXT:
            if not all(isinstance(each, str) for each in values.tolist()):
                why = f"has categories of texts and others in column {place}"
                advice = "Fill missing texts before, with SimpleImputer"
                raise refused(table.where, step, why, "texts alone", advice)
            values = values.astype(str)
        elif np.isnan(values.astype(float)).any():
            why, advice = f"has the category nan in column {place}", "Fill it with SimpleImputer"
            raise refused(table.where, step, why, "numbers", advice)
        known = table.constant(values[None, :], f"categories{place}")
        hot = Symbol("one_hot", part.symbol, known, refuse=refuse, kind=part.kind)
        kept = [n for n in range(len(values)) if n != drop]
        parts.append(Part(hot if drop is None else taken(hot, kept), len(kept)))
    return table.of(Part(concatenated([part.symbol for part in parts]), sum(p.width for p in parts)))


def _quantile_transformer(step: Any, table: Table) -> Table:
    x, q = table.numbers(step), np.asarray(step.quantiles_, dtype=float)
    r = np.repeat(np.asarray(step.references_, dtype=float)[:, None], q.shape[1], axis=1)
    # repeated quantiles: the mean of the first and the last place
    tables = (("from", q), ("to", r), ("from_reversed", -q[::-1]), ("to_reversed", -r[::-1]))
    q_up, r_up, q_down, r_down = (table.constant(v, f"quantiles_{name}") for name, v in tables)
    up = Symbol("interpolate", x, q_up, r_up)
    down = Symbol("interpolate", -x, q_down, r_down)
    share = (0.5 * (up - down)).named(table.unique("share"))
    low, high = table.constant(q[0], "quantiles_low"), table.constant(q[-1], "quantiles_high")
    normal = step.output_distribution == "normal"
    margin = BOUNDS_THRESHOLD if normal else 0.0
    above = (x + margin > high) if normal else Symbol("equal", x, high)
    below = (x - margin < low) if normal else Symbol("equal", x, low)
    share = Symbol("where", below, 0.0, Symbol("where", above, 1.0, share))
    if normal:
        edge = float(BOUNDS_THRESHOLD - np.spacing(1))
        share = Symbol("normal_quantile", _clipped(share, edge, 1 - edge))
    return table.of(Part(share, table.width))


BOUNDS_THRESHOLD = 1e-7  # scikit-learn's, within which a number counts as the least or the greatest


def _pipeline(step: Any, table: Table) -> Table:
    for _, each in step.steps:
        table = _transformed(each, table)
    return table


def _column_transformer(step: Any, table: Table) -> Table:
    parts: list[Part] = []
    weights = step.transformer_weights or {}
    for name, each, chosen in step.transformers_:
        places = _places(chosen, step)
        if (isinstance(each, str) and each == "drop") or not places:
            continue
        made = _transformed(each, table.columns(places))
        if name in weights:
            x = made.numbers(step) * float(weights[name])
            made = made.of(Part(x, made.width))
        parts.extend(made.parts)
    return table.of(*parts)


STEPS: dict[str, Callable[[Any, Table], Table]] = {
    "StandardScaler": _standard_scaler,
    "MinMaxScaler": _min_max_scaler,
    "MaxAbsScaler": _max_abs_scaler,
    "RobustScaler": _robust_scaler,
    "SimpleImputer": _simple_imputer,
    "OneHotEncoder": _one_hot_encoder,
    "QuantileTransformer": _quantile_transformer,
    "ColumnTransformer": _column_transformer,
    "Pipeline": _pipeline,
}
"""The function of each transformer, by the name of its class."""
