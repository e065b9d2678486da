"""A CSV file of any shape takes memory in proportion to its size."""

import tracemalloc

import pytest
from needs import some_of

from backprop_xp.datasets import csv_file, csv_rows
from backprop_xp.datasets.tables import read_features, read_table
from backprop_xp.errors import BackpropError

N = 2**15  # cells


def beyond_the_results(path, read=read_table, **options):
    """Return the most bytes of memory beside the results, per byte of the file; and the error."""
    results, error = 0, ""
    tracemalloc.start()
    try:
        found = read(path, **options)
        results = tracemalloc.get_traced_memory()[0]
        del found
    except BackpropError as refused:
        error = str(refused)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - results) / path.stat().st_size, error


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Make the constant part of the memory as small, beside these files, as beside large ones."""
    monkeypatch.setattr(csv_rows, "_PIECE", 2**10)
    monkeypatch.setattr(csv_file, "CELLS_AT_ONCE", 2**8)


@pytest.fixture
def save(tmp_path):
    def write(*rows, sep=","):
        path = tmp_path / "a.csv"
        path.write_text("".join(f"{sep.join(row)}\n" for row in rows), encoding="utf-8")
        return path

    return write


NAMES = [f"n{i}" for i in range(N)]


@pytest.mark.parametrize("cell", some_of(["0", "10", "1.5", "-1.2345678", '"0"'], 3))
@pytest.mark.parametrize("header", [False, True])
def test_a_line_of_many_cells(save, cell, header):
    share, error = beyond_the_results(save(*[NAMES] * header, [cell] * N))
    assert (error, share < 8) == ("", True)


@pytest.mark.parametrize("target", some_of([0, N // 2, -1, None], 2))
def test_a_target_among_many_cells(save, target):
    share, error = beyond_the_results(save(["0"] * N, ["1"] * N), target=target)
    assert (error, share < 8) == ("", True)


def test_columns_by_their_names_in_another_order(save):
    path = save([*NAMES, "y"], ["0"] * (N + 1))
    share, error = beyond_the_results(path, feature_names=NAMES[::-1])
    assert (error, share < 10) == ("", True)  # a dict of the names is most of it


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([NAMES], "no rows of values"),
        ([["ab"] * N], "a different name for each column"),
        ([["é"] * N], "a different name for each column"),
        ([[""] * N], "a missing value"),
        ([NAMES, [""] * N], "a missing value"),
        ([NAMES, ["1"] * (N - 2) + ["inf", "1"]], "got inf"),
        ([["0"] * N, ["1"]], f"line 2: got 1 cell; expected {N}, as in line 1"),
        ([["1", "2"], ["0"] * N], f"line 2: got {N} cells; expected 2, as in line 1"),
        ([["0"] * (2**20 + 1)], "got 1,048,577 cells; expected at most 1,048,576"),
        ([["a", "y"], ["1", "2" * 2**20]], "field larger than field limit"),
        ([["a", "y"], ["1", '"' + "x" * 2**20 + '"']], "field larger than field limit"),
        ([["a", "y"], ["1", '"' + "x\n" * 2**20 + '"']], "field larger than field limit"),
        ([["a", "y"], ["1", '"x'], *[["2"] * 9] * (N // 9)], "no CSV"),
    ],
)
def test_what_is_refused(save, rows, words):
    share, error = beyond_the_results(save(*rows))
    assert share < 8
    assert words in error


@pytest.mark.parametrize(
    "target",
    [
        [str(i % 10) for i in range(N)],
        ["setosa", "versicolor"] * (N // 2),
        [f"{i / 8}" for i in range(N)],
        [str(3 * i) for i in range(N)],
        ['"a,b"', '"c,d"'] * (N // 2),
    ],
)
def test_lines_of_two_cells(save, target):
    share, error = beyond_the_results(
        save(["a", "y"], *([str(i % 7), y] for i, y in enumerate(target)))
    )
    assert (error, share < 8) == ("", True)


def test_lines_of_one_cell(save):
    share, error = beyond_the_results(save(*[["0"]] * N), read_features)
    assert (error, share < 8) == ("", True)


def test_a_character_of_four_bytes_widens_its_piece_alone(save):
    share, error = beyond_the_results(save(["0"] * (N - 1) + ["\U0001f600"]))
    assert (error, share < 8) == ("", True)


def test_empty_lines(save):
    share, error = beyond_the_results(save(["a", "y"], *[[]] * 2**17, ["1", "2"]))
    assert (error, share < 1) == ("", True)
