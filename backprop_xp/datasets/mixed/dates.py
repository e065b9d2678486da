"""Dates as numbers: the year, the month, the weekday, and days since the start of 1970.

A time of day is the fraction of the day. An offset from UTC is left out: the date and the time are
those that the cell shows.
"""

import re
from datetime import date, datetime
from typing import Final

from backprop_xp.datasets.cells import is_value
from backprop_xp.errors import OptionError

__all__ = [
    "ISO",
    "PARTS",
    "check_format",
    "day_of",
    "formats_of",
    "is_other_date",
    "offset_of",
    "parts_of",
]

ISO: Final = "iso"
"""The format of dates such as 2024-05-31, with or without a time of day."""

PARTS: Final = ("year", "month", "weekday", "days")
"""The numbers of a date: months from 1, weekdays from Monday, 0, and days since 1970-01-01."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,9})?))?"
_OFFSET: Final = "(?: ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
_ISO: Final = re.compile(rf"({_DATE})(?:[T ]{_TIME}{_OFFSET})?")
_NUMERIC: Final = re.compile(
    r"([0-9]{1,4})([./-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})"
    r"(?:[T ]([0-9]{1,2}:[0-9]{2})(:[0-9]{2})?( ?[AaPp][Mm])?)?"
)
_MONTHS: Final = {  # of a year
    "%Y-%m": re.compile("[12][0-9]{3}-(0[1-9]|1[0-2])"),
    "%m/%Y": re.compile("(0?[1-9]|1[0-2])/[12][0-9]{3}"),
}


def day_of(cell: str, form: str) -> float:
    """Return the days from 1970-01-01 to a date.

    Parameters
    ----------
    cell : str
        Without spaces around it.
    form : str
        `ISO`, or a format of ``datetime.strptime``.

    Raises
    ------
    ValueError
        The cell is no date of this format.

    Examples
    --------
    >>> day_of("1970-01-02", ISO), day_of("1970-01-01 06:00", ISO), day_of("3.1.1970", "%d.%m.%Y")
    (1.0, 0.25, 2.0)
    """
    if form != ISO:
        moment = datetime.strptime(cell, form)
        seconds = 3600 * moment.hour + 60 * moment.minute + moment.second + moment.microsecond / 1e6
        return moment.toordinal() - _EPOCH + seconds / 86400
    found = _ISO.fullmatch(cell)
    if found is None:
        raise ValueError(cell)
    day = date.fromisoformat(found[1]).toordinal() - _EPOCH
    if found[2] is None:
        return float(day)
    hour, minute, second = int(found[2]), int(found[3]), float(found[4] or 0)
    if hour > 23 or minute > 59 or second >= 61:
        raise ValueError(cell)
    return day + (3600 * hour + 60 * minute + second) / 86400


def offset_of(cell: str) -> int | None:
    """Return the offset of an ISO date from UTC in minutes; None where it has none.

    Raises
    ------
    ValueError
        The cell is no ISO date.

    Examples
    --------
    >>> offset_of("2024-05-31T01:00:00+02:00"), offset_of("2024-05-31 01:00Z")
    (120, 0)
    >>> offset_of("2024-05-31")
    """
    found = _ISO.fullmatch(cell)
    if found is None:
        raise ValueError(cell)
    text = found[5]
    if text is None or text in ("Z", "UTC"):
        return None if text is None else 0
    minutes = 60 * int(text[1:3]) + int(text[-2:])
    return -minutes if text[0] == "-" else minutes


def parts_of(day: float) -> tuple[float, float, float, float]:
    """Return the numbers of a date, in the order of `PARTS`.

    Examples
    --------
    >>> parts_of(day_of("2024-05-31", ISO))  # a Friday
    (2024.0, 5.0, 4.0, 19874.0)
    """
    whole = date.fromordinal(int(day // 1) + _EPOCH)
    return float(whole.year), float(whole.month), float(whole.weekday()), day


def is_other_date(cell: str) -> bool:
    """Tell whether a cell is a date that is no ISO date, such as 31.12.2024 or Jan 5, 2020.

    Examples
    --------
    >>> is_other_date("31.12.2024"), is_other_date("Jan 5, 2020"), is_other_date("2024-12-31")
    (True, True, False)
    >>> is_other_date("1/2/2024 1:30 PM"), is_other_date("2024-12")  # a month
    (True, True)
    >>> is_other_date("may be"), is_other_date("1.5")
    (False, False)
    """
    if _NUMERIC.fullmatch(cell) is not None:
        return _ISO.fullmatch(cell) is None
    if any(one.fullmatch(cell) for one in _MONTHS.values()):
        return True
    return cell[:1].isalpha() and any(map(str.isdecimal, cell)) and is_value(cell)


def formats_of(cell: str) -> list[str]:
    """Return the formats that a date which is not ISO may have, the likeliest first.

    Examples
    --------
    >>> formats_of("31.12.2024"), formats_of("1/2/24")
    (['%d.%m.%Y'], ['%m/%d/%y', '%d/%m/%y'])
    >>> formats_of("1/31/2024 1:30 PM"), formats_of("2024-12")
    (['%m/%d/%Y %I:%M %p'], ['%Y-%m'])
    """
    found = _NUMERIC.fullmatch(cell)
    if found is None:
        months = [form for form, one in _MONTHS.items() if one.fullmatch(cell)]
        if months:
            return months
        known = ("%b %d, %Y", "%b %d %Y", "%B %d, %Y", "%b-%Y", "%b %Y", "%a, %b %d, %Y")
        return [form for form in known if _has_format(cell, form)]
    mark, year = found[2], "%Y" if len(found[4]) == 4 else "%y"
    orders = ["%d{0}%m{0}" + year, "%m{0}%d{0}" + year]
    if mark == "/":
        orders.reverse()
    if len(found[1]) == 4:
        orders = ["%Y{0}%m{0}%d"]
    half = found[7] or ""  # of a day
    hour = "%I" if half else "%H"
    time = f" {hour}:%M" + ":%S" * bool(found[6]) if found[5] else ""
    time += " " * half.startswith(" ") + "%p" * bool(half)
    forms = [order.format(mark) + time for order in orders]
    return [form for form in forms if _has_format(cell.replace("T", " "), form)]


def _has_format(cell: str, form: str) -> bool:
    try:
        day_of(cell, form)
    except ValueError:
        return False
    return True


def check_format(form: str) -> None:
    """Refuse a format that does not write and read dates.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> check_format("dd.mm.yyyy")
    Traceback (most recent call last):
    backprop_xp.errors.OptionError: read_mixed(dates): got 'dd.mm.yyyy'; expected a format of
        datetime.strptime with the day, the month and the year. Pass such as dates='%d.%m.%Y'
        (--dates %d.%m.%Y).
    """
    shown = datetime(2023, 11, 29)
    try:
        read = datetime.strptime(shown.strftime(form), form)
    except (ValueError, TypeError):
        read = None
    if read is None or read.date() not in (shown.date(), shown.date().replace(day=1)):
        expected = "a format of datetime.strptime with the day, the month and the year"
        advice = "Pass such as dates='%d.%m.%Y' (--dates %d.%m.%Y)"
        raise OptionError("read_mixed(dates)", repr(form), expected, advice)
