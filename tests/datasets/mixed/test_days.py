"""The day of a date, with its time as a part of a day, beside Python's datetime."""

from datetime import UTC, datetime

import pytest

from backprop_xp.datasets.mixed.dates import ISO, day_of

MOMENTS = [datetime(1969, 12, 31, 23, 59, 59), datetime(2024, 2, 29, 1, 2, 3), datetime(2000, 3, 1)]
FORMATS = {ISO: "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S": "%d.%m.%Y %H:%M:%S"}


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize("form", FORMATS)
def test_a_moment_is_its_seconds_since_1970_in_days(moment, form):
    expected = moment.replace(tzinfo=UTC).timestamp() / 86400
    assert day_of(moment.strftime(FORMATS[form]), form) == pytest.approx(expected, abs=1e-10)


def test_parts_of_a_second():
    for cell, form in [("1970-01-02 00:00:00.5", ISO), ("2.1.1970 0.500000", "%d.%m.%Y %S.%f")]:
        assert day_of(cell, form) == pytest.approx(1 + 0.5 / 86400, abs=1e-12)


def test_a_leap_second_is_a_time_and_later_seconds_are_none():
    assert day_of("2016-12-31T23:59:60", ISO) == day_of("2017-01-01", ISO)
    for cell in ("2016-12-31T23:59:61", "2016-12-31T23:60:00", "2016-12-31T24:00:00"):
        with pytest.raises(ValueError, match="2016"):
            day_of(cell, ISO)
