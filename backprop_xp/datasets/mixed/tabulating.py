"""A table from its columns and its plan: the features, the target, the ids and the lines."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.mixed.column import Column
from backprop_xp.datasets.mixed.dates import PARTS
from backprop_xp.datasets.mixed.plan import CATEGORY, DATE, Plan
from backprop_xp.datasets.mixed.table import MixedTable
from backprop_xp.datasets.mixed.targets import CLASSES, target_values
from backprop_xp.datasets.mixed.values import Place, date_parts, numbers_of, texts_of
from backprop_xp.errors import DataError

__all__ = ["tabulated"]


def tabulated(
    plan: Plan,
    columns: Mapping[int, Column],
    numbers: Mapping[int, NDArray[np.float64]],
    lines: NDArray[np.int64],
    place: Place,
    *,
    with_target: bool,
    unit: str,
) -> MixedTable:
    """Return the table of a plan.

    Parameters
    ----------
    plan : Plan
    columns : dict of int to Column
        By their positions in the plan; of ids those that are there.
    numbers : dict of int to array (m,)
        The columns that have been read as numbers.
    lines : array (m,) of int64
    place : callable
        Of `values`.
    with_target : bool
        Whether the target is read. Rows without it are left out.
    unit : {"line", "row"}
        The unit of `lines`.

    Raises
    ------
    DataError
        A cell is not of its column's kind, a class is unknown, or each target is missing.
    """
    target = plan.target if with_target else None
    Y = None
    kept: slice | NDArray[np.bool_] = slice(None)
    gaps = np.zeros(len(lines), np.bool_)
    if target is not None:
        Y, gaps = target_values([columns[one.position] for one in target.columns], target, place)
        if gaps.all():
            one = target.columns[0]
            where, came = place(0, one.position, one.name), "no row with a target"
            raise DataError(where, came, "at least one", "Fill in the cells")
        if gaps.any():
            kept = ~gaps
            Y = Y[kept]
    features: list[tuple[str, str, NDArray[Any]]] = []
    for one in plan.columns:
        if one.kind == CATEGORY:
            texts = texts_of(columns[one.position], one.decimal)
            features.append((one.name, CATEGORY, texts[kept]))
            continue
        values = numbers.get(one.position)
        if values is None:
            values = numbers_of(columns[one.position], one, place)
        if one.kind == DATE:
            for part, found in zip(PARTS, date_parts(values[kept]), strict=True):
                features.append((f"{one.name}.{part}", "number", found))
        else:
            features.append((one.name, one.kind, values[kept]))
    names = tuple(name for name, _, _ in features)
    _check_different(names, plan)
    ids = {
        one.name: texts_of(columns[one.position], "")[kept]
        for one in plan.ids
        if one.position in columns
    }
    return MixedTable(
        columns=tuple(values for _, _, values in features),
        names=names,
        kinds=tuple(kind for _, kind, _ in features),
        Y=Y,
        task=None if plan.target is None else plan.target.task,
        target_names=() if plan.target is None else tuple(one.name for one in plan.target.columns),
        class_names=_class_names(plan),
        ids=ids,
        left_out=dict(plan.left_out),
        lines=lines[kept],
        without_target=lines[gaps],
        decided=plan.to_json(),
        unit=unit,
    )


def _class_names(plan: Plan) -> tuple[str, ...] | None:
    target = plan.target
    return target.classes if target is not None and target.task == CLASSES else None


def _check_different(names: tuple[str, ...], plan: Plan) -> None:
    """Refuse a column that has the name of a part of a date."""
    if len(set(names)) == len(names):
        return
    name = next(name for name in names if names.count(name) > 1)
    date = next(one.name for one in plan.columns if name.startswith(f"{one.name}."))
    came = f"a column {name!r} beside the date {date!r}"
    raise DataError("read_mixed(source)", came, "a name of its own", "Rename the column")
