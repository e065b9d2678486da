"""Rows are not ordered by stamps of several offsets from UTC, and gaps are one group."""

import pytest
from cli_cases import write_csv

from backprop_xp.cli.table_columns import table_to_train
from backprop_xp.cli.table_options import TableOptions
from backprop_xp.errors import OptionError

M = 30


def stamp(i, offset=""):
    return f"2024-05-{i + 1:02d}T01:00:00{offset}"


def refusal(stamps, **options):
    """The refusal of --order for a column of stamps, or None."""
    write_csv("t.csv", ["x", "when", "y"], [[i / 7, stamps(i), i / 4] for i in range(M)])
    try:
        found = table_to_train(TableOptions(data="t.csv", order="when", **options))
    except OptionError as error:
        return str(error)
    assert len(found.order) == M
    return None


@pytest.mark.parametrize(
    ("stamps", "came"),
    [
        (stamp, None),
        (lambda i: stamp(i, "+02:00"), None),
        (lambda i: stamp(i, ["Z", "+00:00", " UTC", "-0000"][i % 4]), None),
        (lambda i: stamp(i, ["+02:00", "+0200"][i % 2]), None),
        (lambda i: stamp(i)[: 10 if i % 2 else None], None),
        (lambda i: stamp(i, "+01:00" if i < 9 else "+02:00"), "in line 11, '2024-05-10T01:00"),
        (lambda i: stamp(i, "" if i else "Z"), "in line 3, '2024-05-02T01:00:00'"),
        (lambda i: stamp(i, "Z" if i == 7 else ""), "in line 9, '2024-05-08T01:00:00Z'"),
        (lambda i: stamp(i, "Z") if i else "2024-05-01", "in line 3, '2024-05-02T01:00:00Z'"),
        (lambda i: stamp(i, "+05:45" if i == 20 else "+05:30"), "in line 22, "),
    ],
)  # fmt: skip
def test_an_order_of_stamps_has_one_offset(stamps, came):
    found = refusal(stamps)
    if came is None:
        assert found is None
    else:
        assert found.startswith("--order: got the column 'when' with another offset from UTC ")
        assert came in found
        assert found.endswith("Write all stamps in one offset, such as UTC.")


def test_dates_of_a_format_have_no_offset():
    assert refusal(lambda i: f"{i + 1:02d}.05.2024 01:00", dates="%d.%m.%Y %H:%M") is None


@pytest.mark.parametrize("name", ["1", "column 2"])
def test_stamps_without_a_header(name):
    rows = [[i / 7, stamp(i, "Z" if i else "+02:00"), i / 4] for i in range(M)]
    write_csv("t.csv", None, rows)
    with pytest.raises(OptionError, match="in line 2, "):
        table_to_train(TableOptions(data="t.csv", order=name, header=False))


def test_rows_without_a_target_have_any_offset():
    cells = [stamp(i, "Z" if i == 4 else "") for i in range(M)]
    rows = [[i / 7, cells[i], "" if i == 4 else i / 4] for i in range(M)]
    write_csv("t.csv", ["x", "when", "y"], rows)
    assert len(table_to_train(TableOptions(data="t.csv", order="when")).order) == M - 1


@pytest.mark.parametrize("gap", ["", "NA"])
def test_rows_with_a_gap_are_one_group_and_it_is_said(gap, capsys):
    rows = [[i / 7, gap if i in (3, 8) else f"c{i % 5}", i / 4] for i in range(M)]
    write_csv("t.csv", ["x", "customer", "y"], rows)
    groups = table_to_train(TableOptions(data="t.csv", group="customer")).groups
    assert [i for i in range(M) if groups[i] == groups[3]] == [3, 8]
    words = "--group: 2 rows have a gap in the column 'customer', and count as one group"
    assert capsys.readouterr().err == f"backprop-xp: warning: {words}\n"
