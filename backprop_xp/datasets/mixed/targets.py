"""The target of a table: classes, numbers or labels, decided from its cells or by `task`."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.datasets.cells import shown
from backprop_xp.datasets.mixed.column import Column
from backprop_xp.datasets.mixed.dates import ISO
from backprop_xp.datasets.mixed.kinds import are_codes, refuse_near_kinds
from backprop_xp.datasets.mixed.options import option
from backprop_xp.datasets.mixed.plan import (
    CATEGORY,
    NUMBER,
    TRUTH_VALUE,
    ColumnPlan,
    TargetPlan,
)
from backprop_xp.datasets.mixed.profile import TRUTH, WHOLE, Profile
from backprop_xp.datasets.mixed.values import Place, numbers_of, texts_of
from backprop_xp.datasets.mixed.written_numbers import canonical, number_of
from backprop_xp.errors import DataError, OptionError

__all__ = ["CLASSES", "LABELS", "NUMBERS", "TargetColumn", "target_plan", "target_values"]

CLASSES: Final = "classes"
NUMBERS: Final = "numbers"
LABELS: Final = "labels"

_MOST_CLASSES: Final = 10  # different whole numbers that are classes
_MOST_DOUBTFUL: Final = 30  # different whole numbers that may be classes


class TargetColumn(NamedTuple):
    """A column of the target, what its cells can be, and the decimal mark of its numbers."""

    column: Column
    profile: Profile
    mark: str | None


def target_plan(
    parts: Sequence[TargetColumn], task: str | None, dates: str | None, place: Place
) -> TargetPlan:
    """Return what a target is.

    Parameters
    ----------
    parts : sequence of TargetColumn
    task : {"classes", "numbers", "labels"} or None
        As the caller knows it; None to find out.
    dates : str or None
        A format of dates.
    place : callable
        Of `values`.

    Raises
    ------
    DataError
        The target has no value, one value, or values that do not fit the task; or whole numbers
        may be classes or numbers.
    OptionError
        There are classes in several columns.
    """
    for one in parts:
        if not one.profile.present:
            came, advice = "no values", "Name another target (--target)"
            where = place(0, one.column.position, one.column.name)
            raise DataError(where, came, "a target", advice)
    plans = tuple(_column_plan(one, task, dates, place) for one in parts)
    if len(parts) > 1 or task == LABELS:
        return _several(parts, plans, task, place)
    one, plan = parts[0], plans[0]
    if plan.kind == NUMBER or (task == NUMBERS and plan.kind == TRUTH_VALUE):
        numbers = numbers_of(one.column, plan, place)
        if task == NUMBERS or (task is None and not _are_classes(one, numbers, place)):
            return TargetPlan(NUMBERS, plans)
    elif task == NUMBERS:
        refused = ColumnPlan(plan.name, plan.position, NUMBER, one.mark or ".")
        numbers_of(one.column, refused, place)  # raises, with the first text
    classes = _classes(one.column, plan)
    _check_classes(one, classes, task, place)
    return TargetPlan(CLASSES, plans, classes)


def _column_plan(
    one: TargetColumn, task: str | None, dates: str | None, place: Place
) -> ColumnPlan:
    column, profile, mark = one
    name, position = column.name, column.position
    texts = column.levels or (task != NUMBERS and are_codes(column, profile))
    if mark is not None and profile.fits(mark) and not texts:
        return ColumnPlan(name, position, NUMBER, mark)
    if profile.fits(TRUTH):
        return ColumnPlan(name, position, TRUTH_VALUE)
    if task is None:
        if any(form and profile.fits(form) for form in (ISO, dates)):
            where = place(int(np.argmin(column.gaps())), position, name)
            advice = f"Name another target (--target), or pass {option('task', CLASSES)}"
            raise DataError(where, "a date", "a class or a number as the target", advice)
        otherwise = (
            f"{option('task', CLASSES)} if the column is classes, or name another target (--target)"
        )
        refuse_near_kinds(column, profile, mark, dates, place, otherwise)
    return ColumnPlan(name, position, CATEGORY)


def _are_classes(one: TargetColumn, numbers: NDArray[np.float64], place: Place) -> bool:
    """Tell whether numbers are classes.

    They are where there are two different ones, or up to ten that are whole numbers.

    Raises
    ------
    DataError
        There is one value, or whole numbers may be either.
    """
    different = np.unique(numbers[~np.isnan(numbers)])
    column, count = one.column, len(different)
    if count < 3:
        return True
    if not (np.isfinite(different) & (different == np.round(different))).all():
        return False
    if count > _MOST_DOUBTFUL:
        return False
    written = one.profile.fits(WHOLE)
    if written and count <= _MOST_CLASSES:
        return True
    came = f"{count} different whole numbers" + ("" if written else " with a decimal mark")
    expected = f"up to {_MOST_CLASSES} for classes, or more than {_MOST_DOUBTFUL} for numbers"
    advice = f"Pass {option('task', CLASSES)} or {option('task', NUMBERS)}"
    raise DataError(place(0, column.position, column.name), came, expected, advice)


def _classes(column: Column, plan: ColumnPlan) -> tuple[str, ...]:
    """Return the names of the classes: numbers by their size, false before true, texts by letters.

    A truth value has the text that it has first in the column.
    """
    if plan.kind == NUMBER:
        values = numbers_of(column, plan, _nowhere)
        return tuple(map(canonical, np.unique(values[~np.isnan(values)]).tolist()))
    different: dict[str, str] = {}
    for _, cells, _ in column.present():
        for cell in dict.fromkeys(cells):
            different.setdefault(cell.lower() if plan.kind == TRUTH_VALUE else cell, cell)
    return tuple(different[name] for name in sorted(different))


def _nowhere(_row: int, _column: int, name: str) -> str:
    return name


def _check_classes(
    one: TargetColumn, classes: tuple[str, ...], task: str | None, place: Place
) -> None:
    """Refuse a single class, and texts of which each is a class of its own."""
    column, rows = one.column, one.profile.present
    where = place(int(np.argmin(column.gaps())), column.position, column.name)
    if len(classes) < 2:
        came = f"{shown(classes[0])} in each row"
        advice = "Name another target (--target), or add rows with another value"
        raise DataError(where, came, "two different values or more", advice)
    if task is None and not one.profile.fits(TRUTH):
        _check_case(classes, where)
    if task is None and len(classes) > 2 and 2 * len(classes) > rows and len(classes) > 10:
        came = f"{len(classes):,} classes in {rows:,} rows"
        advice = f"Name another target (--target), or pass {option('task', CLASSES)}"
        raise DataError(where, came, "two rows or more of a class", advice)


def _check_case(classes: tuple[str, ...], where: str) -> None:
    """Refuse classes that differ in upper and lower case alone."""
    seen: dict[str, str] = {}
    for name in classes:
        before = seen.setdefault(name.casefold(), name)
        if before != name:
            came = f"the classes {shown(before)} and {shown(name)}"
            advice = f"Write them alike; or pass {option('task', CLASSES)} if they are two"
            raise DataError(where, came, "classes that differ in more than case", advice)


def _several(
    parts: Sequence[TargetColumn], plans: tuple[ColumnPlan, ...], task: str | None, place: Place
) -> TargetPlan:
    """Return the plan of labels, or of several columns of numbers."""
    if task == CLASSES:
        names = ", ".join(plan.name for plan in plans)
        came, advice = f"{len(plans)} columns, {names}", f"Pass {option('task', LABELS)}"
        raise OptionError("read_mixed(target)", came, "one column of classes", advice)
    labels = task != NUMBERS
    for one, plan in zip(parts, plans, strict=True):
        if plan.kind == CATEGORY:
            numbers_of(one.column, ColumnPlan(plan.name, plan.position, NUMBER, "."), place)
        values = numbers_of(one.column, plan, place)
        other = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
        if len(other) and task == LABELS:
            row = int(other[0])
            where = place(row, plan.position, plan.name)
            advice = f"Correct the cell, or pass {option('task', NUMBERS)}"
            raise DataError(where, canonical(values[row]), "0 or 1 in each label", advice)
        labels = labels and not len(other)
    return TargetPlan(LABELS if labels else NUMBERS, plans)


def target_values(
    columns: Sequence[Column], plan: TargetPlan, place: Place
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the labels or the numbers of a target, and where a cell is missing.

    Returns
    -------
    Y : array
        Labels (m,) of int64, 0 where missing; or numbers (m, k) of float64, NaN where missing.
    gaps : array (m,) of bool

    Raises
    ------
    DataError
        A class is unknown, or a cell is no number.
    """
    if plan.task != CLASSES:
        values = [
            numbers_of(column, one, place)
            for column, one in zip(columns, plan.columns, strict=True)
        ]
        found = np.stack(values, axis=1)
        return found, np.asarray(np.isnan(found).any(axis=1))
    column, one = columns[0], plan.columns[0]
    texts = texts_of(column, "")
    gaps = column.gaps()
    label_of = {_key(name, one, "."): label for label, name in enumerate(plan.classes)}
    labels = np.zeros(len(column), np.int64)
    known: dict[str, int] = {}
    for row in np.flatnonzero(~gaps).tolist():
        cell = texts[row]
        label = known.get(cell)
        if label is None:
            label = label_of.get(_key(cell, one, column.decimal or one.decimal), -1)
            if label < 0:
                raise _unknown(cell, row, one, plan.classes, place)
            known[cell] = label
        labels[row] = label
    return labels, gaps


def _key(cell: str, plan: ColumnPlan, decimal: str) -> str:
    """Return the text that a class has, whichever way a cell writes it."""
    if plan.kind == TRUTH_VALUE:
        return cell.lower()
    if plan.kind != NUMBER:
        return cell
    try:
        return canonical(number_of(cell, decimal))
    except ValueError:
        return cell


def _unknown(
    cell: str, row: int, plan: ColumnPlan, classes: tuple[str, ...], place: Place
) -> DataError:
    expected = f"one of the classes {', '.join(map(shown, classes[:10]))}"
    expected += ", ..." * (len(classes) > 10)
    where = place(row, plan.position, plan.name)
    return DataError(where, f"the class {shown(cell)}", expected, nearest_name(cell, classes))
