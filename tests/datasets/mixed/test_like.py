"""Another table, read the way a first one was read."""

import json

import numpy as np
import pytest

from backprop_xp.datasets import read_like, read_mixed
from backprop_xp.errors import BackpropError, DataError, OptionError

FIRST = """id;size;district;lift;since;kind
A1;52,5;north;true;01.05.2024;good
A2;80;;false;02.05.2024;bad
A3;41,25;north;true;03.05.2024;good
A4;47;south;true;04.05.2024;bad
"""


@pytest.fixture
def save(tmp_path):
    def write(text, name="new.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def decided(save):
    table = read_mixed(save(FIRST), ids="id", dates="%d.%m.%Y")
    return json.loads(json.dumps(table.decided))


def test_columns_in_another_order_and_others(save, decided):
    path = save("other;since;district;id;size;lift\n7;01.05.2024;west;B1;1.234,5;TRUE\n8;;;B2;;\n")
    table = read_like(path, decided)
    assert table.names == (
        "size",
        "district",
        "lift",
        "since.year",
        "since.month",
        "since.weekday",
        "since.days",
    )
    assert table.rows()[0].tolist() == [1234.5, "west", 1.0, 2024.0, 5.0, 2.0, 19844.0]
    assert [value is None or value != value for value in table.rows()[1]] == [True] * 7
    assert table.ids["id"].tolist() == ["B1", "B2"]
    assert (table.Y, table.task, table.class_names) == (None, "classes", ("bad", "good"))
    assert table.lines.tolist() == [2, 3]


def test_an_id_may_be_absent(save, decided):
    table = read_like(save("size;district;lift;since\n1;west;true;01.05.2024\n"), decided)
    assert dict(table.ids) == {}


def test_rows_without_a_target_stay_where_it_is_not_read(save, decided):
    path = save(FIRST.replace("good", ""))
    assert len(read_like(path, decided)) == 4
    table = read_like(path, decided, with_target=True)
    assert (table.Y.tolist(), table.without_target.tolist()) == ([0, 0], [2, 4])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("size", "width", ["line 1", "no column 'size'", "Add the column"]),
        ("district", "size", ["2 columns 'size'", "Rename or delete the others"]),
        ("41,25", "41.x", ["line 4, column 2 ('size')", "'41.x'", "','", "or leave it empty."]),
        ("41,25", "1.5", ["line 4, column 2 ('size')", "'1.5'", "a number with ','"]),
        ("41,25", "1,234.5", ["'1,234.5'", "Write the decimal mark ',', as the table of training"]),
        ("41,25", "inf", ["line 4, column 2 ('size')", "'inf'"]),
        ("03.05.2024", "2024-05-03", ["line 4, column 5 ('since')", "a date as %d.%m.%Y"]),
        ("false", "no", ["line 3, column 4 ('lift')", "'no'", "true or false"]),
        (";kind", ";sort", ["no column 'kind'", "'since', 'kind'", "the column of the target"]),
        ("good", "best", ["line 2, column 6 ('kind')", "the class 'best'", "'bad', 'good'"]),
        ("A1;52,5;", "A1;", ["line 2", "5 cells"]),
    ],
)
def test_refused(save, decided, old, new, words):
    with pytest.raises(DataError) as caught:
        read_like(save(FIRST.replace(old, new)), decided, with_target=True)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("width", ["whole", "without the target", "other"])
def test_without_a_header_columns_are_found_by_place(save, width):
    text = "".join(f"{'ab'[i % 2]},{i / 4},{'pq'[i % 2]}\n" for i in range(8))
    table = read_mixed(save(text, "old.csv"), target=0)
    cut = {"whole": text, "without the target": "0.25,q\n", "other": "1\n"}[width]
    if width == "other":
        with pytest.raises(DataError, match="1 columns; expected 3 as in the first table, or 2"):
            read_like(save(cut), table.decided)
        return
    rows = read_like(save(cut), table.decided).rows().tolist()
    assert rows[0] == ([0.0, "p"] if width == "whole" else [0.25, "q"])


def test_a_column_without_a_name_is_found_by_its_place(save):
    text = ",x,,y\n" + "".join(f"{i},{i / 4},{'ab'[i % 2]},{i}.5\n" for i in range(8))
    table = read_mixed(save(text), ids=0)
    assert table.names == ("x", "column 3")
    like = read_like(save(text), table.decided, with_target=True)
    assert like.rows().tolist() == table.rows().tolist()
    assert like.ids["column 1"].tolist() == table.ids["column 1"].tolist()


@pytest.mark.parametrize("first", [True, False])
def test_a_header_may_be_in_one_table_alone(save, first):
    rows = "".join(f"{'ab'[i % 2]},{'uvw'[i % 3]},{'pq'[i % 2]}\n" for i in range(12))
    texts = {True: "c,d,y\n" + rows, False: rows}
    table = read_mixed(save(texts[first]), header=first)
    like = read_like(save(texts[not first]), table.decided, header=not first)
    assert like.rows().tolist() == table.rows().tolist()


def test_numbers_that_are_categories_or_classes_have_one_text(save):
    text = "zone,x,y\n" + "".join(f"{i % 3},{i / 4},{i % 2 + 1}\n" for i in range(9))
    table = read_mixed(save(text), categories="zone")
    new = save("zone,x,y\n1.0,0,2.0\n,0,1\n")
    like = read_like(new, table.decided, with_target=True)
    assert like.rows()[:, 0].tolist() == ["1", None]
    assert like.Y.tolist() == [1, 0]


def test_a_table_without_a_target_has_none(save):
    table = read_mixed(save("x,c\n1.5,a\n2.5,a\n3,b\n"), target=())
    assert (table.Y, table.task, table.target_names) == (None, None, ())
    assert table.summary() == "2 columns: 1 number, 1 category\n3 rows"
    with pytest.raises(OptionError, match=r"read_like\(with_target\)"):
        read_like(save("x,c\n1,a\n"), table.decided, with_target=True)


@pytest.mark.parametrize("kind", ["nothing", "another version", "an entry less", "other kinds"])
def test_decisions_that_cannot_be_used_are_refused(save, decided, kind):
    path = save(FIRST)
    if kind == "nothing":
        decided = None
    elif kind == "another version":
        decided["version"] = 99
    elif kind == "an entry less":
        del decided["target"]["task"]
    else:
        decided["columns"] = [{"colour": 1}]
    with pytest.raises(BackpropError, match=r"read_like\(decided\)"):
        read_like(path, decided)


def test_a_number_or_a_text_comes_back_as_it_was(save):
    rng = np.random.default_rng(0)
    x = rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, 50)
    path = save("x,y\n" + "".join(f"{value!r},{i}\n" for i, value in enumerate(x.tolist())))
    np.testing.assert_array_equal(read_mixed(path, task="numbers").columns[0], x)
