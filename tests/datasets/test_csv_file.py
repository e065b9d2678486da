"""CSV files in the dialects of several programs, and errors that name line and column."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_xp.datasets import csv_rows
from backprop_xp.datasets.csv_file import first_rows, read_columns
from backprop_xp.errors import DataError


@pytest.fixture
def save(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "a.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_dialects(save, mark, end, encoding):
    text = end.join(["a,b,é", "1,2.5,x", '-3,4e2,"x y"', ""]).replace(",", mark)
    columns = read_columns(save(text, encoding), True, [0, 1], 2)
    assert columns.X.tolist() == [[1, 2.5], [-3, 400]]
    assert columns.names == ("a", "b")
    assert list(columns.target) == ["x", "x y"]
    assert list(columns.lines) == [2, 3]
    assert columns.X.flags.writeable


def test_marks_inside_quotation_marks_do_not_count(save):
    assert first_rows(save('"a;b","c\td",e\n'))[:2] == (["a;b", "c\td", "e"], [])


def test_a_comma_in_a_name_does_not_beat_the_semicolon(save):
    found = first_rows(save("height, cm;weight\n1;2\n"))
    assert found == (["height, cm", "weight"], ["1", "2"], 1, "a semicolon")


def test_empty_lines_and_lines_in_cells_are_counted(save):
    columns = read_columns(save('\na,b\n\n1,"x\ny"\n2,z\n  \n\n3,z'), True, [0], 1)
    assert list(columns.lines) == [4, 6, 9]
    assert list(columns.target) == ["x\ny", "z", "z"]


@settings(deadline=None)  # files take as long as the disk does
@given(
    X=st.lists(
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=5
    )
)
def test_numbers_come_back_exactly(tmp_path_factory, X):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text("\n".join(",".join(map(repr, row)) for row in X))
    np.testing.assert_array_equal(
        read_columns(path, False, [2, 0, 1], None).X, np.array(X)[:, [2, 0, 1]]
    )


@pytest.mark.parametrize(
    ("text", "where", "came"),
    [
        ("a,b\n1,2\n3\n", "a.csv, line 3", "1 cell"),
        ("a,b\n1,2\n\n3,4,5\n", "a.csv, line 4", "3 cells"),
        ("a,b\n1,2\n3,\n", "a.csv, line 3, column 2 ('b')", "'', a missing value"),
        ("a,b\n1,2\nNA,4\n", "a.csv, line 3, column 1 ('a')", "'NA', a missing value"),
        ("a,b\n1,2\n3,nan\n", "a.csv, line 3, column 2 ('b')", "'nan', a missing value"),
        ("a,b\n1,2\n3,-inf\n", "a.csv, line 3, column 2 ('b')", "-inf"),
        ("a,b\n1,2\n3,1e999\n", "a.csv, line 3, column 2 ('b')", "inf"),
        ("a,b\n1,2\n3,x\n", "a.csv, line 3, column 2 ('b')", "the text 'x'"),
        ("a;b\n1;2\n3;1,5\n", "a.csv, line 3, column 2 ('b')", "the text '1,5'"),
        ("a,b\n1,2\n3,1_0\n", "a.csv, line 3, column 2 ('b')", "the text '1_0'"),
        ("a,b\n", "a.csv", "no rows of values"),
        ("", "a.csv", "no rows of values"),
        ('a,b\n1,2\n3,"4', "a.csv, line 3", "a line that is no CSV"),
        ('a,b\n1,2\n3,"4"5\n', "a.csv, line 3", "a line that is no CSV"),
        ("a,b\n1," + "2" * 200_000, "a.csv, line 2", "a line that is no CSV"),
        ("a,b\n1,2\n3,ü\n".encode("latin-1"), "a.csv, line 3", "bytes that are no UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "a.csv, line 1", "bytes that are no UTF-8"),
    ],
)
def test_refused_with_line_and_column(save, text, where, came):
    path = save(text)
    with pytest.raises(DataError) as caught:
        read_columns(path, True, [0, 1], None)
    assert caught.value.parts[0] == where
    assert caught.value.parts[1].startswith(came)


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file(save, text):
    with pytest.raises(DataError, match="an empty file"):
        first_rows(save(text))


@settings(deadline=None)  # files take as long as the disk does
@given(data=st.binary(max_size=60))
def test_any_bytes_give_a_table_or_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(data)
    try:
        first = first_rows(path).first
        columns = read_columns(path, False, list(range(len(first))), None)
    except DataError:
        return
    assert np.isfinite(columns.X).all()


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("row", ["{0}{0}", " {0} {0}  "])
def test_a_row_of_empty_cells_is_a_row_of_missing_values(save, mark, row):
    text = "\n".join(["a,b,c", "1,2,3", row.format(","), "4,5,6"]).replace(",", mark)
    with pytest.raises(DataError) as caught:
        read_columns(save(text), True, [0, 1], 2)
    assert caught.value.parts[0] == "a.csv, line 3, column 1 ('a')"
    assert caught.value.parts[1].endswith("a missing value")


def test_a_tab_separates_before_a_semicolon_and_a_semicolon_before_a_comma(save):
    assert first_rows(save("a;1,b\tc;2,d\n")).first == ["a;1,b", "c;2,d"]
    assert first_rows(save("a,1;b,2\n")).first == ["a,1", "b,2"]
    assert first_rows(save("a|1,b|2\n")).first == ["a|1", "b|2"]


@pytest.mark.parametrize("blank", ["\n", "  \n", "\t\n", "\r\n\n"])
def test_the_separator_is_that_of_the_first_line_with_cells(save, blank):
    assert first_rows(save(f"{blank}a,1;b\n1;2\n"))[:2] == (["a,1", "b"], ["1", "2"])


CELL = st.sampled_from(
    ["0", "2.5", '"3"', "", "x", "é", "\0", '"a,b"', '"x""y"', '"l\nm"', 'a"b', '"']
)


def outcome(path):
    """Return all that the two readers say about a file."""
    found = []
    try:
        width = len(first_rows(path).first)
    except DataError as error:
        return [str(error)] * 4
    for read in (
        lambda: [list(row) for row in first_rows(path)[:2]],
        lambda: read_columns(path, True, range(1, width), 0),
        lambda: read_columns(path, False, list(range(width))[::-1], None),
        lambda: read_columns(path, False, [], width // 2),
    ):
        try:
            result = read()
        except DataError as error:
            result = str(error)
        if not isinstance(result, str | list):
            X, names, target, lines = result
            result = [X.tolist(), names, list(target), list(lines)]
        found.append(result)
    return found


@settings(deadline=None)  # files take as long as the disk does
@given(data=st.data())
def test_a_long_line_gives_the_cells_of_a_short_one(tmp_path_factory, data):
    width = data.draw(st.integers(1, 8))
    cells = data.draw(st.sampled_from([CELL, st.sampled_from(["0", "2.5", '"3"'])]))
    rows = data.draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=4))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(end.join(map(",".join, rows)), encoding="utf-8", newline="")
    expected = outcome(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "_PIECE", data.draw(st.integers(1, 8)))
        found = outcome(path)
    # an error names the first text in the order of the line where the line is long
    np.testing.assert_equal(found[:2] + found[3:], expected[:2] + expected[3:])
    if not isinstance(expected[2], str):
        assert found[2] == expected[2]
    else:
        assert isinstance(found[2], str)


@pytest.mark.parametrize("features", [range(1, 4), [3, 1, 2, 1], [1, 3], [5, 0], []])
def test_features_of_long_lines_in_any_order(save, monkeypatch, features):
    monkeypatch.setattr(csv_rows, "_PIECE", 4)
    path = save("n0,n1,n2,n3,n4,n5\n0,1,2,3,4,5\n10,11,12,13,14,15\n")
    X, names, target, _ = read_columns(path, True, features, 4)
    assert X.tolist() == [[j + 10 * row for j in features] for row in range(2)]
    assert names == tuple(f"n{j}" for j in features)
    assert list(target) == ["4", "14"]
    path.write_text("0,1,2,x,4,5")
    if 3 in features:
        with pytest.raises(DataError, match="line 1, column 4: got the text 'x'"):
            read_columns(path, False, features, None)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_end_of_a_line_is_no_separator(save, end):
    assert first_rows(save(f"sep={end}a,b{end}".replace("a,b", "c"))) == (
        ["sep="],
        ["c"],
        1,
        "a comma",
    )
