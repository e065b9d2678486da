"""The kind of each feature: a number, a category, a truth value, a date, or a column left out."""

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import shown, usual_signs
from backprop_xp.datasets.mixed.column import Column, name_without_header
from backprop_xp.datasets.mixed.dates import ISO, formats_of, is_other_date
from backprop_xp.datasets.mixed.options import option
from backprop_xp.datasets.mixed.plan import CATEGORY, DATE, NUMBER, TRUTH_VALUE, ColumnPlan
from backprop_xp.datasets.mixed.profile import AMOUNT, OTHER_DATE, TRUTH, WHOLE, Profile
from backprop_xp.datasets.mixed.values import Place, numbers_of
from backprop_xp.datasets.mixed.written_numbers import COMMA, POINT, is_signed, is_written, unit_of
from backprop_xp.errors import DataError

__all__ = ["Feature", "are_codes", "category", "feature_of", "number", "refuse_near_kinds"]

_ALL_DIFFERENT: Final = "all different"
_NEARLY: Final = 0.95  # the share of different texts in a column that tells rows apart
_MANY: Final = 100  # different texts, below which a column is a category
_LONG: Final = 50  # rows, from which a first column that counts them is their number
_ID: Final = re.compile(
    r"(^|[_\W])(id|uuid|guid|index|idx|row_?names?|row_?id)$|unnamed: \d+|"
    r"(case|user|customer|client|person|subject|patient|order|row|record|sample|item|product|"
    r"member|student|employee|passenger|household|session|transaction)[_ ]?id",
    re.IGNORECASE,
)
_CAMEL_ID: Final = re.compile("[a-z](Id|ID)$")


class Feature(NamedTuple):
    """A column's plan, and its numbers where they are known; or the reason to leave it out."""

    plan: ColumnPlan | None
    numbers: NDArray[np.float64] | None = None
    reason: str = ""


def feature_of(
    column: Column, profile: Profile, mark: str | None, dates: str | None, place: Place
) -> Feature:
    """Return what a column is, from its cells.

    Parameters
    ----------
    column : Column
    profile : Profile
    mark : str or None
        The decimal mark, where numbers prevail.
    dates : str or None
        A format of dates beside `ISO`.
    place : callable
        Of `values`.

    Raises
    ------
    DataError
        The column is a number or a date in most cells, but not in all; or numbers have a currency
        or a percent sign; or dates have a format that was not given.
    """
    if not profile.present:
        return Feature(None, reason="no values")
    if column.levels:
        return _text(column, profile)
    form = next((form for form in (dates, ISO) if form and profile.fits(form)), None)
    if mark is not None and profile.fits(mark) and form is None:
        return _number(column, profile, mark, place)
    if profile.fits(TRUTH):
        plan = ColumnPlan(column.name, column.position, TRUTH_VALUE)
        return _varied(plan, numbers_of(column, plan, place), column, profile)
    if form is not None:
        plan = ColumnPlan(column.name, column.position, DATE, form=form)
        return _varied(plan, numbers_of(column, plan, place), column, profile)
    otherwise = option("categories", column.name)
    otherwise += (
        f" if the column is texts, or leave the column out: {option('ignore', column.name)}"
    )
    refuse_near_kinds(column, profile, mark, dates, place, otherwise)
    return _text(column, profile)


def category(column: Column, profile: Profile) -> Feature:
    """Return a column that the caller calls a category; 1 and 1.0 are one level."""
    numeric = profile.fits(POINT) and not are_codes(column, profile)
    return Feature(ColumnPlan(column.name, column.position, CATEGORY, POINT * numeric))


def number(column: Column, profile: Profile, mark: str | None, place: Place) -> Feature:
    """Return a column that the caller calls a number.

    Raises
    ------
    DataError
        A cell is no number.
    """
    name, position = column.name, column.position
    plan = ColumnPlan(name, position, NUMBER, mark or POINT)
    if profile.fits(TRUTH):
        plan = ColumnPlan(name, position, TRUTH_VALUE)
    return Feature(plan, numbers_of(column, plan, place))


def _number(column: Column, profile: Profile, mark: str, place: Place) -> Feature:
    if are_codes(column, profile):
        return _text(column, profile)
    plan = ColumnPlan(column.name, column.position, NUMBER, mark)
    numbers = numbers_of(column, plan, place)
    if profile.fits(WHOLE) and profile.different == profile.count > 2:
        first, last = numbers[0], numbers[-1]
        counts = first in (0, 1) and last - first == len(numbers) - 1
        counts = counts and bool((np.diff(numbers) == 1).all())
        if counts and (column.position == 0 and len(numbers) >= _LONG):
            return Feature(None, reason="the number of the row")
        if _is_id(column):
            return Feature(None, reason=_ALL_DIFFERENT)
    return _varied(plan, numbers, column, profile)


def _is_id(column: Column) -> bool:
    """Tell whether the name of a column is that of an id, or is left away in a header."""
    unnamed = column.first is None and column.name == name_without_header(column.position)
    return bool(unnamed or _ID.search(column.name) or _CAMEL_ID.search(column.name))


def _varied(
    plan: ColumnPlan, numbers: NDArray[np.float64], column: Column, profile: Profile
) -> Feature:
    """Return the feature, or leave it out where it has one value and no gap."""
    if profile.present == profile.count and (numbers == numbers[0]).all():
        return Feature(None, reason=_one_value(column))
    return Feature(plan, numbers)


def _one_value(column: Column) -> str:
    return f"one value, {shown(next(iter(next(column.parts()))))}"


def are_codes(column: Column, profile: Profile) -> bool:
    """Tell whether whole numbers are codes of one length, such as 01234, some of which begin by 0.

    Zeros and ones alone are numbers.
    """
    if not profile.fits(WHOLE):
        return False
    lengths, zero = set[int](), False
    for _, cells, _ in column.present():
        lengths |= set(map(len, cells))
        zero = zero or any(cell.startswith("0") for cell in cells)
        if len(lengths) > 1:
            return False
    return zero and lengths != {1}


def _text(column: Column, profile: Profile) -> Feature:
    different, present = profile.different, profile.present
    if different == 1 and present == profile.count:
        return Feature(None, reason=_one_value(column))
    if different == present > 1:
        return Feature(None, reason=_ALL_DIFFERENT)
    if different > _MANY and different >= _NEARLY * present:
        return Feature(None, reason=f"nearly {_ALL_DIFFERENT}, {different:,} of {present:,}")
    return Feature(ColumnPlan(column.name, column.position, CATEGORY))


def refuse_near_kinds(
    column: Column,
    profile: Profile,
    mark: str | None,
    dates: str | None,
    place: Place,
    otherwise: str,
) -> None:
    """Refuse a column that is nearly one of numbers or dates, and amounts with a sign.

    Parameters
    ----------
    column, profile, mark, dates, place
        As in `feature_of`.
    otherwise : str
        The options by which the column is read as it is, or left out, for the error.

    Raises
    ------
    DataError
    """
    if mark is not None and profile.prevails(mark) and profile.looks_continuous(mark):
        way, expected = mark, "a number as in the other rows"
    else:
        forms = [form for form in (ISO, dates) if form and profile.prevails(form)]
        if not forms:
            _refuse_amounts_and_dates(column, profile, place, otherwise)
            return
        way, expected = forms[0], "a date as in the other rows"
    texts, count = profile.misfits(way), profile.ways[way].count
    came = f"the text{'s' * (len(texts) > 1)} {', '.join(map(shown, texts))}"
    came += f", in {count} of {profile.present:,} cells" * (count > 1)
    given = () if column.signs == usual_signs() else sorted(column.signs - {""})
    cells, they = ("cells", "they are") if len(texts) > 1 else ("cell", "it is")
    advice = (
        f"Correct the {cells}; or pass {option('missing', *given, *texts)} if {they} a missing "
        f"value, {otherwise}"
    )
    where = place(profile.misfit(way)[1], column.position, column.name)
    raise DataError(where, came, expected, advice)


def _refuse_amounts_and_dates(
    column: Column, profile: Profile, place: Place, otherwise: str
) -> None:
    if profile.has_few() and not _are_days(column, profile):
        return
    cell = next(cells for _, cells, _ in column.present() if cells)[0]
    where = place(int(np.argmin(column.gaps())), column.position, column.name)
    if profile.fits(AMOUNT) or (profile.nearly_fits(AMOUNT) and is_signed(cell)):
        cell, row = profile.misfit(POINT)
        where = place(row, column.position, column.name)
        what, expected, advice = _about_amount(cell)
        raise DataError(where, f"{shown(cell)}, {what}", expected, f"{advice}; or pass {otherwise}")
    unit = _common_unit(column)
    if unit:
        came, expected = f"{shown(cell)}, a number with the unit {unit!r}", "numbers without a unit"
        raise DataError(where, came, expected, f"Remove the units; or pass {otherwise}")
    if profile.fits(OTHER_DATE) or (profile.nearly_fits(OTHER_DATE) and is_other_date(cell)):
        forms = " or ".join(option("dates", form) for form in _formats_of_all(column))
        came = f"{shown(cell)}, a date that is not written as 2024-05-31"
        advice = f"Pass {forms or 'its format as dates (--dates)'}; or {otherwise}"
        raise DataError(where, came, "a known format of dates", advice)


def _about_amount(cell: str) -> tuple[str, str, str]:
    """Return what an amount is, what is expected in its place, and what to write."""
    if is_written(cell, COMMA):
        what = "a decimal comma among numbers with a decimal point"
        return what, "one decimal mark in a column", "Write one mark"
    if cell.startswith("("):
        return "a number in brackets", "a minus sign, if it is below 0", f"Write -{cell[1:-1]}"
    if cell.endswith("-"):
        return "a number before its sign", "the minus sign first", f"Write -{cell[:-1]}"
    if cell.count(COMMA) > 1 and cell.replace(COMMA, "").replace(POINT, "").isdecimal():
        return "a number in groups of two digits", "groups of three", "Remove the commas"
    return "a number with a sign", "numbers without signs", "Remove the signs"


def _are_days(column: Column, profile: Profile) -> bool:
    """Tell whether all cells are days of one format, which no codes of categories are."""
    return profile.fits(OTHER_DATE) and any("%d" in form for form in _formats_of_all(column))


def _common_unit(column: Column) -> str:
    """Return the unit that all cells have after a number; "" if there is none."""
    units: set[str] = set()
    for _, cells, _ in column.present():
        units.update(map(unit_of, cells))
        if len(units) > 1:
            return ""
    return next(iter(units), "")


def _formats_of_all(column: Column) -> list[str]:
    """Return the formats that all dates of a column may have."""
    found: list[str] | None = None
    for _, cells, _ in column.present():
        for cell in filter(is_other_date, cells):
            here = formats_of(cell)
            found = here if found is None else [form for form in found if form in here]
    return found or []
