"""Frames of pandas and Polars, and Parquet files: the table that a CSV file gives."""

import datetime as dt
import importlib
import subprocess
import sys

import numpy as np
import pytest
from needs import needs

from backprop_xp.datasets import read_like, read_mixed
from backprop_xp.errors import DataError, DTypeError

COLUMNS = {
    "size": [52.0, None, 41.5, 47.0, 52.0],
    "rooms": [2, 3, 2, 2, 1],
    "district": ["north", None, "north", "south", "NA"],
    "lift": [True, False, True, True, False],
    "since": [dt.date(2024, 5, day) for day in (1, 2, 3, 4, 5)],
    "rent": [610.5, 900.0, 505.5, 580.0, 640.0],
}
CSV = """size,rooms,district,lift,since,rent
52.0,2,north,True,2024-05-01,610.5
,3,,False,2024-05-02,900.0
41.5,2,north,True,2024-05-03,505.5
47.0,2,south,True,2024-05-04,580.0
52.0,1,NA,False,2024-05-05,640.0
"""


def frame(library, columns=COLUMNS):
    return pytest.importorskip(library).DataFrame(columns)


def assert_same(found, expected):
    assert (found.names, found.kinds) == (expected.names, expected.kinds)
    for one, other in zip(found.columns, expected.columns, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found.Y, expected.Y)
    assert found.class_names == expected.class_names


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    return read_mixed(path)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_is_read_as_its_csv_file(library, table):
    found = read_mixed(frame(library))
    assert_same(found, table)
    assert found.summary() == table.summary()
    assert found.lines.tolist() == [0, 1, 2, 3, 4]
    new = {name: values for name, values in COLUMNS.items() if name != "rent"}
    like = read_like(frame(library, new), table.decided)
    for one, other in zip(like.columns, table.columns, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_categories_of_a_frame_stay_categories(library):
    found = frame(library, {"zone": ["1", "2", "1", "2"], "y": [0.5, 1.5, 2.5, 3.5]})
    assert read_mixed(found).kinds == ("number",)
    if library == "pandas":
        found["zone"] = found["zone"].astype("category")
    else:
        import polars as pl

        found = found.with_columns(pl.col("zone").cast(pl.Categorical))
    assert read_mixed(found).kinds == ("category",)


def test_nullable_columns_and_timestamps_of_pandas():
    pd = pytest.importorskip("pandas")
    found = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "when": pd.to_datetime(["2024-05-01 06:00", None, "2024-05-03"], format="ISO8601"),
            "text": pd.array(["a", None, "a"], dtype="string"),
            "mixed": [1, "a", None],
            "y": np.array([1.5, 2.5, 3.5], dtype=np.float32),
        }
    )
    table = read_mixed(found, categories="mixed")
    assert table.kinds == ("number", "truth", *["number"] * 4, "category", "category")
    assert table.columns[5].tolist()[0] == 19844.25
    assert table.rows()[1].tolist()[-2:] == [None, "a"]
    assert np.isnan(table.columns[0][1])


def test_rows_without_a_target_are_named_by_their_numbers():
    table = read_mixed(frame("pandas", {"x": [1.5, 2.5, 3.5], "y": ["a", None, "b"]}))
    assert "3 rows" not in table.summary()
    assert "1 more without a target left out, row 1" in table.summary()
    assert table.lines.tolist() == [0, 2]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_fault_is_named_by_row_and_column(library):
    found = frame(library, {"x": [*map(str, range(20)), "x"], "y": [i / 2 for i in range(21)]})
    with pytest.raises(
        DataError, match=r"the frame, row 20, column 0 \('x'\), both counted from 0"
    ):
        read_mixed(found)


def test_a_name_that_occurs_twice_is_named_by_both_columns():
    pandas = needs("pandas")
    found = pandas.DataFrame([[1.5, "a", 2.5], [2.5, "b", 3.5]], columns=["x", "y", "x"])
    with pytest.raises(DataError, match="the frame: got the name 'x' of columns 0 and 2, counted"):
        read_mixed(found)


def test_intervals_are_the_categories_of_their_csv_file(tmp_path):
    pandas = needs("pandas")
    found = pandas.DataFrame({"x": np.linspace(0, 1, 40), "y": ["a", "b"] * 20})
    found["part"] = pandas.cut(found["x"], 3)
    found.to_csv(tmp_path / "t.csv", index=False)
    table, of_file = (read_mixed(one, target="y") for one in (found, tmp_path / "t.csv"))
    assert table.rows().tolist() == of_file.rows().tolist()
    assert "1 number, 1 category" in table.summary()


def test_other_objects_are_refused():
    with pytest.raises(DTypeError, match="an object of type list at the frame, row 1"):
        read_mixed(frame("pandas", {"x": [1, [2], 3], "y": [1.5, 2.5, 3.5]}))
    with pytest.raises(DTypeError, match=r"read_mixed\(source\): got list"):
        read_mixed([[1, 2]])


@pytest.mark.parametrize("columns", [{}, {"x": [], "y": []}])
def test_an_empty_frame_is_refused(columns):
    with pytest.raises(DataError, match="0 rows"):
        read_mixed(frame("pandas", columns))


def test_a_parquet_file_is_read_as_its_frame(tmp_path, table):
    path = tmp_path / "a.parquet"
    frame("polars").write_parquet(path)
    assert_same(read_mixed(path), table)
    whole = path.read_bytes()
    for data in (b"", b"PAR1", whole[:-1], whole[:40] + whole[-4:], b"a,b\n1,2\n"):
        path.write_bytes(data)
        with pytest.raises(DataError, match="expected a Parquet file"):
            read_mixed(path)


def test_without_pandas_and_polars_a_text_file_is_the_same_and_parquet_names_a_package(
    tmp_path, table
):
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "a.parquet").write_bytes(b"PAR1....PAR1")
    code = """
import sys
sys.modules["pandas"] = sys.modules["polars"] = sys.modules["pyarrow"] = None
import backprop_xp as bp
print(bp.datasets.read_mixed(sys.argv[1] + "/a.csv").rows().tolist())
try:
    bp.datasets.read_mixed(sys.argv[1] + "/a.parquet")
except bp.MissingExtraError as error:
    print(error)
"""
    package = importlib.import_module("backprop_xp").__path__[0]
    made = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=f"{package}/..",
    )
    rows, message = made.stdout.splitlines()
    assert rows == str(table.rows().tolist())
    assert "python -m pip install polars" in message


GERMAN = """size;since;code;rent
6,096;01.05.2024;1,5;18,3
7,25;02.05.2024;2,5;19,25
1234,5;13.05.2024;1,5;610,5
12,125;14.05.2024;2,5;505,125
"""
TYPED = {
    "size": [6.096, 7.25, 1234.5, 12.125],
    "since": [dt.datetime(2024, 5, day) for day in (1, 2, 13, 14)],
    "code": [1.5, 2.5, 1.5, 2.5],
    "rent": [18.3, 19.25, 610.5, 505.125],
}


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 1), slice(3, 4)])
def test_numbers_and_dates_of_a_frame_have_no_mark_of_a_file(library, rows, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(GERMAN)
    table = read_mixed(path, dates="%d.%m.%Y")
    found = frame(library, {name: values[rows] for name, values in TYPED.items()})
    like = read_like(found, table.decided, with_target=True)
    for one, other in zip(like.columns, table.columns, strict=True):
        np.testing.assert_array_equal(one, other[rows])
    np.testing.assert_array_equal(like.Y, table.Y[rows])
    assert like.decided == table.decided
    names, first = (line.split(";") for line in GERMAN.splitlines()[:2])
    texts = frame(library, {name: [cell] for name, cell in zip(names, first, strict=True)})
    as_texts = read_like(texts, table.decided, with_target=True)
    for one, other in zip(as_texts.columns, table.columns, strict=True):
        np.testing.assert_array_equal(one, other[:1])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_numbers_of_a_frame_are_no_groups_of_digits(library):
    """6.096 is about six, whatever the marks of the columns beside it and of the caller."""
    texts = {"other": ["7,25", "1,5", "2,75"], "size": [6.096, 1.125, 2.75], "y": [1.5, 2.5, 4.5]}
    for given in (None, ","):
        found = read_mixed(frame(library, texts), "y", decimal=given)
        assert found.columns[1].tolist() == texts["size"]
        assert found.columns[0].tolist() == [7.25, 1.5, 2.75]


def test_gaps_in_texts_are_no_numbers_or_dates(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "a.csv"
    path.write_text(GERMAN)
    decided = read_mixed(path, dates="%d.%m.%Y").decided
    found = pandas.DataFrame(
        {
            "size": ["7,25", float("nan")],
            "since": ["02.05.2024", pandas.NaT],
            "code": ["2,5", None],
        },
        dtype=object,
    )
    like = read_like(found, decided)
    np.testing.assert_array_equal(like.columns[0], [7.25, np.nan])
    assert np.isfinite(like.columns[1]).tolist() == [True, False]


def test_a_frame_with_numbers_and_texts_in_a_column_is_refused_not_guessed(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "a.csv"
    path.write_text(GERMAN)
    decided = read_mixed(path, dates="%d.%m.%Y").decided
    found = pandas.DataFrame(
        {"size": [6.096, "7,25"], "since": ["02.05.2024"] * 2, "code": [2.5] * 2}
    )
    with pytest.raises(DataError, match=r"'7,25'"):
        read_like(found, decided)


def test_dates_of_a_frame_are_dates_whatever_format_is_given():
    pandas = pytest.importorskip("pandas")
    found = read_mixed(pandas.DataFrame(TYPED), "rent", dates="%d.%m.%Y")
    assert "since.year" in found.names


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_numbers_of_a_frame_tell_nothing_of_the_marks_of_texts(library):
    columns = {"text": ["1,234", "2,345", "3,456"], "size": [6.5, 1.25, 2.75], "y": [1.5, 2.5, 4.5]}
    with pytest.raises(DataError, match=r"'1,234', which may be a thousand or more"):
        read_mixed(frame(library, columns), "y")
