"""A table of any shape takes memory in proportion to its size, beside a part for each column."""

import tracemalloc

import pytest

from backprop_xp.datasets import read_mixed
from backprop_xp.datasets.mixed import profile, source
from backprop_xp.errors import BackpropError

N = 2**15  # cells


def beyond_the_results(path, **options):
    """Return the most bytes of memory beside the results, and the error."""
    results, error = 0, ""
    read_mixed(path.with_name("small.csv"))
    tracemalloc.start()
    try:
        found = read_mixed(path, **options)
        results = tracemalloc.get_traced_memory()[0]
        del found
    except BackpropError as refused:
        error = str(refused)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - results, error


@pytest.fixture
def save(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_BLOCK", 2**10)
    monkeypatch.setattr(profile, "_MOST_SEEN", 2**6)
    (tmp_path / "small.csv").write_text("x,y\n1.5,a\n2.5,b\n")

    def write(*rows):
        path = tmp_path / "a.csv"
        path.write_text("".join(f"{','.join(row)}\n" for row in rows))
        return path

    return write


def most(path, columns):
    """Return the bytes that a table may take: 10 for each byte of its file, 4 KiB for a column."""
    return 10 * path.stat().st_size + 2**12 * columns


@pytest.mark.parametrize(
    "cell", ["{0}", "{0}.25", '"{0},5"', "text {0}", "text {1}", "2024-05-{2:02}", "true"]
)
def test_lines_of_two_cells(save, cell):
    rows = ([cell.format(i, i % 7, i % 28 + 1), "ab"[i % 2]] for i in range(N // 2))
    path = save(["x", "y"], *rows)
    assert beyond_the_results(path)[0] < most(path, 2)


@pytest.mark.parametrize("cell", ["{0}.25", "text {1}", ""])
def test_lines_of_many_cells(save, cell):
    rows = [[cell.format(i + j, (i + j) % 7) for j in range(300)] for i in range(N // 1000)]
    header = [f"n{j}" for j in range(300)]
    path = save([*header, "y"], *([*row, "ab"[i % 2]] for i, row in enumerate(rows)))
    assert beyond_the_results(path)[0] < most(path, 301)


def test_too_many_columns_are_refused(save):
    path = save(["x"] * (2**16 + 1), ["1"] * (2**16 + 1))
    taken, error = beyond_the_results(path)
    assert "got 65,537 cells; expected at most 65,536 columns" in error
    assert taken < 100 * 2**16  # the names of the columns


def test_empty_lines(save):
    path = save(["x", "y"], *[[]] * 2**17, ["1.5", "a"], ["2", "b"])
    taken, error = beyond_the_results(path)
    assert (error, taken < path.stat().st_size) == ("", True)


def test_a_large_cell_is_refused(save):
    path = save(["x", "y"], ["1", "2" * 2**20])
    taken, error = beyond_the_results(path)
    assert "field larger than field limit" in error
    assert taken < most(path, 2)
