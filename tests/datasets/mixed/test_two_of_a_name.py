"""A table with two columns of one name is read where one of them is left out by its index."""

import pytest

from backprop_xp.datasets import read_like, read_mixed
from backprop_xp.errors import DataError

HEADER = ["price", "x", "price", "kind"]
ROWS = [[f"{i / 3:.2f}", f"{i / 7:.2f}", f"{i / 4:.2f}", "abc"[i % 3]] for i in range(30)]


def made(tmp_path, header=HEADER, rows=ROWS, name="t.csv"):
    path = tmp_path / name
    path.write_text("\n".join(map(",".join, [header, *rows])) + "\n")
    return path


@pytest.mark.parametrize(
    ("ignore", "column", "left_out"),
    [
        (2, 0, "price (column 3)"),
        (-2, 0, "price (column 3)"),
        (0, 2, "price (column 1)"),
    ],
)
@pytest.mark.parametrize("target", ["price", "kind"])
def test_one_of_both_is_left_out_by_its_index(tmp_path, ignore, column, left_out, target):
    path = made(tmp_path)
    table = read_mixed(path, target, ignore=ignore)
    assert table.left_out == {left_out: "ignored"}
    prices = [float(row[column]) for row in ROWS]
    for found in (table, read_like(path, table.decided, with_target=True)):
        here = found.Y[:, 0] if target == "price" else found.columns[found.names.index("price")]
        assert here.tolist() == prices
    without = made(tmp_path, HEADER[:3], [row[:3] for row in ROWS], "new.csv")
    assert len(read_like(without, table.decided)) == len(ROWS) if target == "kind" else True


def test_a_frame_too(tmp_path):
    frame = pytest.importorskip("pandas").DataFrame(
        [[float(cell) if cell[0].isdecimal() else cell for cell in row] for row in ROWS],
        columns=HEADER,
    )
    table = read_mixed(frame, "price", ignore=[2])
    assert read_like(frame, table.decided, with_target=True).Y.tolist() == table.Y.tolist()


def test_all_columns_of_a_name_may_be_left_out(tmp_path):
    table = read_mixed(made(tmp_path), "kind", ignore=[0, 2])
    assert table.names == ("x",)
    assert list(table.left_out) == ["price (column 1)", "price (column 3)"]


@pytest.mark.parametrize("ignore", [(), "price", "x", 1, [3, 1]])
def test_others_are_refused(tmp_path, ignore):
    with pytest.raises(DataError, match=r"line 1, column 3: .* 'price', which column 1 has too"):
        read_mixed(made(tmp_path), 0, ignore=ignore)


def test_the_same_name_elsewhere_is_refused_in_another_table(tmp_path):
    table = read_mixed(made(tmp_path), "kind", ignore=2)
    header = ["price", "price", "x", "kind"]
    with pytest.raises(DataError, match="2 columns 'price'"):
        read_like(made(tmp_path, header, name="new.csv"), table.decided)
    one = read_mixed(made(tmp_path, ["price", "x", "other", "kind"]), "kind", ignore=2)
    with pytest.raises(DataError, match="2 columns 'price'"):
        read_like(made(tmp_path), one.decided)
