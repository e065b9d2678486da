"""The options of `read_mixed`: what they take, and what overrides the rules."""

import pytest

from backprop_xp.datasets import read_mixed
from backprop_xp.errors import BackpropError, CallError

TEXT = "id,zone,size,note,kind\n" + "".join(
    f"{i},{i % 3},{i / 4},note {i},{'ab'[i % 2]}\n" for i in range(12)
)


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "a.csv"
    found.write_text(TEXT)
    return found


def test_each_choice_can_be_overridden(path):
    assert read_mixed(path).names == ("zone", "size")
    options = {"numbers": "id", "categories": ["zone", "note"], "ignore": 2}
    table = read_mixed(path, **options)
    assert table.names == ("id", "zone", "note")
    assert table.kinds == ("number", "category", "category")
    assert dict(table.left_out) == {"size": "ignored"}
    table = read_mixed(path, ids=["id", "note"], target="size")
    assert table.ids["note"][:2].tolist() == ["note 0", "note 1"]
    assert table.names == ("zone", "kind")


def test_the_target_is_the_last_column_that_is_not_taken(path):
    assert read_mixed(path, ids=["id", "note"], ignore=-1).target_names == ("size",)


@pytest.mark.parametrize("target", ["zone", 1, -4, ["zone"]])
def test_a_target_by_name_or_place(path, target):
    table = read_mixed(path, target)
    assert table.target_names == ("zone",)
    assert table.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("missing", "gaps"), [(None, 4), ("x", 4), (["x", "NA"], 8), ((), 0), ([], 0)]
)
def test_signs_of_a_missing_value(tmp_path, missing, gaps):
    path = tmp_path / "a.csv"
    path.write_text("c,y\n" + "".join(f"{('x', 'NA', 'b')[i % 3]},{i / 2}\n" for i in range(12)))
    table = read_mixed(path, missing=missing)
    assert sum(value is None for value in table.columns[0]) == gaps


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "regression"}, "read_mixed(task): got 'regression'; expected one of 'classes'"),
        ({"header": 1}, "read_mixed(header): got 1; expected one of True, False"),
        ({"decimal": ";"}, "read_mixed(decimal)"),
        ({"dates": "yyyy"}, "read_mixed(dates): got 'yyyy'"),
        ({"dates": 5}, "read_mixed(dates): got 5"),
        ({"dates": "%H:%M"}, "read_mixed(dates): got '%H:%M'"),
        ({"categories": 1.5}, "read_mixed(categories): got 1.5"),
        ({"categories": [True]}, "read_mixed(categories): got [True]"),
        ({"numbers": "sise"}, "Did you mean 'size'?"),
        ({"numbers": 5}, "an index from -5 to 4"),
        ({"numbers": "note"}, "line 2, column 4 ('note'): got 'note 0'"),
        ({"target": "kind", "ids": "kind"}, "read_mixed(target): got 'kind', which is in ids too"),
        ({"target": ["zone", "kind"], "task": "classes"}, "task='labels'"),
        ({"target": "zone", "task": "labels"}, "expected 0 or 1 in each label"),
        ({"target": "kind", "task": "labels"}, "'a'"),
        (
            {"ignore": ["zone", "size"]},
            "no columns of features (zone, ignored; size, ignored; id, all different; note, all",
        ),
    ],
)
def test_refused(path, options, words):
    with pytest.raises(BackpropError) as caught:
        read_mixed(path, **options)
    assert words in str(caught.value)


def test_an_unknown_keyword_is_refused(path):
    with pytest.raises(CallError, match=r"read_mixed\(categorical\)"):
        read_mixed(path, categorical=["zone"])


@pytest.mark.parametrize(
    ("keyword", "words"), [("na_values", "'missing'"), ("parse_dates", "'dates'"), ("sep", "sep=:")]
)
def test_a_keyword_of_pandas_has_advice(path, keyword, words):
    with pytest.raises(CallError, match=words):
        read_mixed(path, **{keyword: "x"})


@pytest.mark.parametrize("name", ["a.xlsx", "a.npz", "a", "a.json"])
def test_another_kind_of_file(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(BackpropError, match=r"expected a name in \.csv"):
        read_mixed(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_mixed(tmp_path / "a.csv")


def test_a_column_with_the_name_of_a_part_of_a_date(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("d,d.year,y\n2024-05-01,1.5,a\n2024-05-02,2.5,b\n2024-05-03,1,a\n")
    with pytest.raises(BackpropError, match=r"'d\.year' beside the date 'd'"):
        read_mixed(path)
