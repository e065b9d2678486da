"""Scores as lines: a score that is missing has its reason beside it."""

import numpy as np
import pytest
from cli_cases import write_csv
from needs import needs

import backprop_xp as bp
from backprop_xp.cli.main import main
from backprop_xp.cli.table_words import figures, importance_lines, reasons, score_lines

needs("sklearn")

from backprop_xp.estimators.table_scores import class_scores, number_scores  # noqa: E402


def scores_of(true, names):
    p = np.full((len(true), len(names)), 1 / len(names))
    return class_scores(true, [names[0]] * len(true), p, names)


def test_one_thing_has_no_plural(capsys):
    write_csv("one.csv", ["x", "y"], [[i / 2, i + 0.25] for i in range(60)])
    once = ["--epochs", "1", "--plot", ""]
    assert main(["train", "one.csv", "--networks", "1", "--epochs", "1"]) == 0
    assert main(["train", "one.csv", "--single", *once]) == 0
    write_csv("new.csv", ["x"], [[1.5]])
    assert main(["predict", "one.safetensors", "new.csv"]) == 0
    out = capsys.readouterr().out
    for words in ("1 candidate in", "1 epoch in", "60 cases of 1 number, 1 target", "csv: 1 row\n"):
        assert words in out
    assert "1 rows" not in out
    read = bp.datasets.read_mixed("one.csv")
    assert "\n1 row" in bp.datasets.read_like("new.csv", read.decided).summary()


@pytest.mark.parametrize(
    ("true", "names", "lacking"),
    [
        ("aab", "ab", None),
        ("aaa", "ab", "b"),
        ("abb", "abc", "c"),
        ("aaz", "ab", "b"),
        ("aaa", "abcdefg", "b, c, d and 3 more"),
        ("zz", "ab", None),  # the class z is said to be unknown
    ],
)
def test_the_classes_that_the_auc_lacks(true, names, lacking):
    scores = scores_of(list(true), list(names))
    expected = (
        []
        if lacking is None
        else [f"no AUC: it needs rows of each class, and there are none of {lacking}"]
    )
    assert reasons(scores) == expected
    assert [line.strip() for line in score_lines(scores) if "no AUC" in line] == expected


def test_a_target_that_does_not_vary():
    assert reasons(number_scores([1.0, 2.0], [1.0, 1.0])) == []
    lines = score_lines(number_scores([2.0, 2.0], [1.0, 1.0]))
    assert lines[-1].strip() == "no R^2: the target is the same in all rows"


@pytest.mark.parametrize(
    ("true", "over"),
    [
        ("aab", ""),
        ("aabzz", "over the 3 rows of known classes"),
        ("azz", "over the 1 row of known classes"),
        ("zz", "over the 0 rows of known classes"),
    ],
)
def test_scores_of_probabilities_say_their_rows(true, over):
    scores = scores_of(list(true), list("ab"))
    assert {one.name: one.over for one in figures(scores)} == {
        **dict.fromkeys(["accuracy", "balanced accuracy"], ""),
        **dict.fromkeys(["log loss", "AUC", "Brier score"], over),
    }
    assert sum(line.endswith(")  " + over) for line in score_lines(scores)) == 3 * bool(over)


@pytest.mark.parametrize(
    ("true", "loss"), [("aab", "log loss"), ("az", "log loss of known classes")]
)
def test_the_importance_of_columns_says_its_loss(true, loss):
    scores = scores_of(list(true), list("ab"))
    assert f"by what the {loss} gains" in importance_lines({"x": 0.5}, scores)[0]


def test_without_a_row_of_known_classes_no_score_is_reached():
    scores = scores_of(list("zz"), list("ab"))
    assert [one.value for one in figures(scores)] == ["0.00 %", "0.00 %", "-", "-", "-"]
    assert [one.without for one in figures(scores)] == ["0.00 %", "0.00 %", "-", "0.5", "-"]
