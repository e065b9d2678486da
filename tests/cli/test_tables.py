"""Three commands take a table as it comes to predictions, scores and a report."""

import gzip
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_cases import read_csv, write_csv
from exchange_cases import onnx_results
from mixed_tables import HEADER, mixed_rows, write_mixed
from needs import needs

pytest.importorskip("sklearn", minversion="1.6")

import backprop_xp as bp
from backprop_xp.cli.main import main
from backprop_xp.estimators.table_scores import class_scores, number_scores
from backprop_xp.files import safetensors_file

QUICK = ["--networks", "2", "--epochs", "4"]


def scores_in(name):
    return json.loads(Path(name).read_text())


def run(*arguments):
    assert main([str(one) for one in arguments]) == 0


# ---------------------------------------------------------------------------------------------
# what works


def test_a_table_of_classes_from_training_to_predictions(capsys):
    rows = write_mixed()
    run("train", "orders.csv", "--target", "y", "--id", "order", "--json", "scores.json", *QUICK)
    out = capsys.readouterr().out
    assert "orders.csv: 5 columns: 2 numbers, 1 category, 1 date; 1 id: order" in out
    assert "target y: 2 classes, no (" in out
    assert "160 rows to train on, 40 held out" in out
    assert re.search(r"accuracy +\d+\.\d\d %  \(\d+\.\d\d %\)", out)
    assert "rows of a class, by predicted class:" in out
    assert "written   orders.safetensors" in out
    scores = scores_in("scores.json")
    assert (scores["task"], scores["rows"], scores["classes"]) == ("classes", 40, ["no", "yes"])
    assert set(scores["importance"]) == {"area", "district", "when", "visits"}
    run("predict", "orders.safetensors", "orders.csv", "--out", "p.csv")
    header, found = read_csv("p.csv")
    assert header == ["order", "class", "probability_no", "probability_yes"]
    assert [row[0] for row in found] == [row[0] for row in rows]
    p = np.array([row[2:] for row in found], dtype=float)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert [row[1] for row in found] == np.array(["no", "yes"])[p.argmax(axis=1)].tolist()
    run("evaluate", "orders.safetensors", "orders.csv", "--json", "all.json")
    of_all = scores_in("all.json")
    expected = class_scores([row[-1] for row in rows], [row[1] for row in found], p, ["no", "yes"])
    for name, value in expected.to_json().items():
        exact = not isinstance(value, float)
        assert of_all[name] == (value if exact else pytest.approx(value, abs=1e-6))


def test_the_scores_are_those_of_the_rows_held_out(capsys):
    rows = write_mixed(m=120)
    order = [row[0] for row in rows]
    for row, number in zip(rows, np.random.default_rng(1).permutation(len(rows)), strict=True):
        row[4] = int(number)
    write_csv("timed.csv", HEADER, rows)
    run(
        *("train", "timed.csv", "--id", "order", "--order", "visits", "--held-out", "0.25"),
        *("--json", "scores.json", *QUICK),
    )
    assert "90 rows to train on, 30 held out, the last by visits" in capsys.readouterr().out
    last = [row for row in rows if row[4] >= 90]
    write_csv("last.csv", HEADER, last)
    run("evaluate", "timed.safetensors", "last.csv", "--json", "again.json")
    one, other = map(scores_in, ("scores.json", "again.json"))
    for name in ("rows", "accuracy", "log_loss", "auc", "brier"):
        assert one[name] == pytest.approx(other[name])
    assert sorted(np.ravel(one["confusion"])) == sorted(np.ravel(other["confusion"]))
    assert order == [row[0] for row in rows]


def test_a_class_that_comes_late_is_in_no_score_of_probabilities(capsys):
    rows = write_mixed(m=60)
    for number, row in enumerate(rows):
        row[4] = number
        row[5] = "late" if number >= 48 else ("no", "yes", "yes")[number % 3]
    write_csv("orders.csv", HEADER, rows)
    run(
        *("train", "orders.csv", "--id", "order", "--order", "visits", "--held-out", "0.25"),
        *("--json", "s.json", "--report", "r.html", *QUICK),
    )
    out, over = capsys.readouterr().out, "over the 3 rows of known classes"
    for name in ("log loss", "Brier score"):
        assert re.search(rf"{name} +[\d.]+  \([\d.]+\)  {over}\n", out)
        assert f"{name}, {over}</th>" in Path("r.html").read_text()
    assert re.search(rf"AUC +[\d.]+  \(0.5\)  {over}\n", out)
    scores = scores_in("s.json")
    assert (scores["rows"], scores["rows_of_known_classes"]) == (15, 3)
    assert scores["largest_share"] == pytest.approx(2 / 15)  # of yes, most frequent in training


def test_a_table_of_numbers(capsys):
    rows = write_mixed("rents.csv", classes=())
    run("train", "rents.csv", "--ignore", "order", *QUICK)
    out = capsys.readouterr().out
    assert "1 left out: order, ignored" in out
    assert re.search(r"RMSE +[\d.]+  \([\d.]+\)", out)
    run("predict", "rents.safetensors", "rents.csv", "--out", "p.csv")
    header, found = read_csv("p.csv")
    assert header == ["y"]
    run("evaluate", "rents.safetensors", "rents.csv", "--json", "s.json")
    expected = number_scores([float(row[-1]) for row in rows], [float(row[0]) for row in found])
    scores = scores_in("s.json")
    for name, value in expected.to_json().items():
        assert scores[name] == (value if name == "task" else pytest.approx(value, rel=1e-5))


def test_the_model_predicts_in_python_too():
    rows = write_mixed(m=60)
    run("train", "orders.csv", "--id", "order", "--ignore", "when", *QUICK)
    run("predict", "orders.safetensors", "orders.csv", "--out", "p.csv")
    model = bp.load("orders.safetensors")
    assert model.feature_names == ("area", "district", "visits")
    table = [[float(r[1]) if r[1] else np.nan, r[2] or None, r[4]] for r in rows]
    assert model.predict(np.array(table, dtype=object)).tolist() == [
        row[1] for row in read_csv("p.csv")[1]
    ]


def test_new_tables_have_columns_in_any_order_and_no_target():
    rows = write_mixed(m=60)
    run("train", "orders.csv", "--id", "order", *QUICK)
    run("predict", "orders.safetensors", "orders.csv", "--out", "p.csv")
    turned = [[row[2], "more", row[4], row[3], row[1]] for row in rows]
    write_csv("new.csv", ["district", "other", "visits", "when", "area"], turned)
    run("predict", "orders.safetensors", "new.csv", "--out", "q.csv")
    assert [row[1:] for row in read_csv("p.csv")[1]] == read_csv("q.csv")[1]


def test_groups_are_held_out_as_a_whole(capsys):
    rows = mixed_rows(m=100)
    for i, row in enumerate(rows):
        row[0] = f"customer {i % 20}"
    write_csv("orders.csv", HEADER, rows)
    run("train", "orders.csv", "--group", "order", "--held-out", "0.25", *QUICK)
    out = capsys.readouterr().out
    assert "75 rows to train on, 25 held out, by order" in out
    assert "1 id: order" in out


def test_an_order_may_be_a_date_or_a_number_that_counts(capsys):
    rows = mixed_rows(m=60)
    for i, row in enumerate(rows):
        row[0] = i
    write_csv("orders.csv", HEADER, rows)
    for name in ("when", "order"):
        run("train", "orders.csv", "--order", name, *QUICK)
        assert f"48 rows to train on, 12 held out, the last by {name}" in capsys.readouterr().out


def test_a_class_of_held_out_rows_alone_is_said(capsys):
    rows = mixed_rows(m=60)
    for i, row in enumerate(rows):
        row[4] = i
    rows[-1][-1] = "later"
    write_csv("orders.csv", HEADER, rows)
    run("train", "orders.csv", "--id", "order", "--order", "visits", *QUICK)
    out = capsys.readouterr().out
    assert "the class later is in rows held out alone" in out
    assert "the class later is unknown to the model: its rows count as wrong" in out


def test_a_small_table_is_trained_on_as_a_whole(capsys):
    write_mixed(m=40)
    run("train", "orders.csv", *QUICK)
    out = capsys.readouterr().out
    assert "40 rows to train on, 0 held out" in out
    assert "result" not in out
    run("train", "orders.csv", "--held-out", "0.5", *QUICK)
    assert "20 rows to train on, 20 held out" in capsys.readouterr().out


def test_weights_of_classes_change_the_model():
    rows = [row for i, row in enumerate(mixed_rows(m=200)) if row[-1] == "no" or i % 5 == 0]
    write_csv("orders.csv", HEADER, rows)
    means = []
    for option in ([], ["--class-weights", "balanced"]):
        run("train", "orders.csv", "--id", "order", *QUICK, *option)
        run("predict", "orders.safetensors", "orders.csv", "--out", "p.csv")
        means.append(np.mean([float(row[-1]) for row in read_csv("p.csv")[1]]))
    assert means[1] > means[0]


def test_the_same_seed_gives_the_same_file():
    write_mixed(m=60)
    for name in ("a", "b"):
        run("train", "orders.csv", "--seed", "3", "--out", f"{name}.safetensors", *QUICK)
    one, other = (safetensors_file.read(Path(f"{name}.safetensors"), "here") for name in "ab")
    assert one.texts == other.texts
    assert one.tensors.keys() == other.tensors.keys()
    for name, array in one.tensors.items():
        np.testing.assert_array_equal(array, other.tensors[name])


def test_an_onnx_file_predicts_the_same():
    needs("onnx")
    needs("onnxruntime")
    rows = write_mixed(m=60)
    columns = ["--ignore", "order,when,district", *QUICK]
    for name in ("a.safetensors", "a.onnx"):
        run("train", "orders.csv", "--out", name, *columns)
    X = np.array([[float(row[1] or "nan"), row[4]] for row in rows], dtype="float32")
    model = bp.load("a.safetensors")
    found = onnx_results("a.onnx", X)
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-5)


def test_a_packed_table_with_semicolons_and_decimal_commas(tmp_path):
    rows = [[str(cell).replace(".", ",") for cell in row] for row in mixed_rows(m=60, classes=())]
    text = "\n".join(";".join(row) for row in [HEADER, *rows])
    with gzip.open("rents.csv.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    run("train", "rents.csv.gz", "--id", "order", *QUICK)
    run("predict", "rents.safetensors", "rents.csv.gz", "--out", "p.csv")
    assert len(read_csv("p.csv")[1]) == 60


# ---------------------------------------------------------------------------------------------
# the report


def test_the_report_is_a_page_that_needs_no_other_file(capsys):
    needs("matplotlib")
    name = '<script>alert("x")</script>'
    rows = mixed_rows(m=80, classes=(name, "other"))
    write_csv("orders.csv", [*HEADER[:2], name, *HEADER[3:]], rows)
    run("train", "orders.csv", "--report", "report.html", *QUICK)
    page = Path("report.html").read_text(encoding="ascii")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page
    assert page.count("data:image/svg+xml;base64,") == 3
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "default-src 'none'" in page


def test_the_report_of_numbers_has_a_picture_of_the_predictions():
    needs("matplotlib")
    write_mixed("rents.csv", m=80, classes=())
    run("train", "rents.csv", *QUICK)
    run("evaluate", "rents.safetensors", "rents.csv", "--report", "report.html")
    page = Path("report.html").read_text(encoding="ascii")
    assert "right predictions lie on the line" in page
    assert "R&#178;" in page


def test_the_report_without_matplotlib_says_so(monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, name, None)
    write_mixed(m=80)
    run("train", "orders.csv", "--report", "report.html", *QUICK)
    page = Path("report.html").read_text(encoding="ascii")
    assert "No pictures: no matplotlib" in page
    assert "balanced accuracy" in page


# ---------------------------------------------------------------------------------------------
# what is refused, and one network


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "z"], "'z', which is no column of orders.csv"),
        (["--task", "sums"], "--task"),
        (["--order", "district"], "Give the format of dates by --dates"),
        (["--order", "when", "--group", "order"], "one of both"),
        (["--held-out", "0", "--json", "s.json"], "--json with --held-out 0"),
        (["--held-out", "0.001"], "which is 0"),
        (["--held-out", "1"], "0 or a share below 1"),
        (["--networks", "0"], "--networks"),
        (["--epochs", "0"], "--epochs"),
        (["--dtype", "float16"], "--single"),
        (["--class-weights", "equal"], "balanced"),
        (["--out", "orders.csv"], "--out"),
        (["--report", "orders.csv"], "--report"),
        (["--report", "r.md"], "a name in .html or .htm"),
        (["--json", "nowhere/s.json"], "Create the folder first"),
        (["--id", "y", "--target", "y"], "y"),
        (["--hidden", "3", "--report", "r.html"], "--report, which goes with the ensemble"),
        (["--single", "--networks", "3"], "--networks, which goes with the ensemble"),
        (["--numbers", "district"], "line 2, column 3 ('district'): got 'south'"),
        (["--task", "numbers"], "column 6 ('y'): got"),
        (["--class-weights", "balanced", "--target", "area", "--id", "order"], "classes"),
    ],
)
def test_options_that_cannot_be_used(options, words, refused):
    write_mixed(m=60)
    assert words in refused("train", "orders.csv", *options)


def test_options_of_tables_do_not_go_with_a_data_set(refused):
    assert "--id, which goes with the ensemble of a table" in refused("train", "xor", "--id", "a")


def test_a_single_network_is_trained_as_before(capsys):
    write_csv("line.csv", ["x", "y"], [[i, 2.5 * i + 0.5] for i in range(60)])
    once = ["--plot", "", "--epochs", "2"]
    for option in (["--single"], ["--hidden", "3"], ["--optimizer", "adam"], []):
        run("train", "line.csv", *option, *once)
        assert "network   1-" in capsys.readouterr().out


def test_other_files_than_the_model_of_a_table(refused, flower_model):
    assert "an ensemble" in refused("evaluate", flower_model, "flowers.csv", "--report", "r.html")
    write_mixed(m=60)
    run("train", "orders.csv", *QUICK)
    for command in ("predict", "evaluate"):
        assert "got" in refused(command, "orders.safetensors", "xor")
    assert "no column 'area'" in refused("predict", "orders.safetensors", "flowers.csv")
    X = np.linspace(-1, 1, 40)[:, None]
    mlp = bp.MLPEnsembleRegressor(networks=1, epochs=1, random_state=0).fit(X, X[:, 0])
    bp.save("plain.safetensors", mlp)
    for command in ("predict", "evaluate"):
        message = refused(command, "plain.safetensors", "orders.csv")
        assert "without the columns of a table; expected a file of backprop-xp train" in message
        assert "in Python by bp.load('plain.safetensors').predict(X)" in message

    assert "no model file" in refused("predict", "orders.csv", "orders.csv")
    report = ["--report", "r.txt"]
    assert "Use 'r.html'" in refused("evaluate", "orders.safetensors", "orders.csv", *report)


def test_classes_that_begin_at_1_for_one_network(refused):
    rows = [[i / 7, 1 + i % 3] for i in range(60)]
    write_csv("from_1.csv", ["x", "y"], rows)
    message = refused("train", "from_1.csv", "--single", "--loss", "cross_entropy")
    assert "Number the classes from 0, or leave --single and --loss out" in message
    np.savez("from_1.npz", X=np.array(rows)[:, :1], Y=np.array(rows)[:, 1:])
    message = refused("train", "from_1.npz", "--loss", "cross_entropy")
    assert message.endswith("Number the classes from 0.")
    rows[0][1] = 1.5
    write_csv("halves.csv", ["x", "y"], rows)
    message = refused("train", "halves.csv", "--single", "--loss", "cross_entropy")
    assert "Use --loss squared_error" in message


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_help_says_which_ensembles_the_command_takes(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    page = " ".join(capsys.readouterr().out.split())
    assert "an ensemble of backprop_xp.save is used in Python, by bp.load(path).predict(X)" in page


def test_one_network_is_evaluated_too(flower_model, capsys):
    capsys.readouterr()
    run("evaluate", flower_model, "flowers.csv", "--json", "s.json")
    scores = scores_in("s.json")
    run("predict", flower_model, "flowers.csv", "--out", "p.csv")
    true = [row[-1] for row in read_csv("flowers.csv")[1]]
    found = [row[0] for row in read_csv("p.csv")[1]]
    assert scores["accuracy"] == np.mean(np.array(true) == np.array(found))
    assert scores["rows"] == len(true)


@pytest.mark.parametrize(
    "options",
    [
        ["--optimizer", name, "--epochs", "3"]
        for name in ("adam", "adamw", "nadam", "rmsprop", "adagrad", "rprop", "lbfgs")
    ]
    + [["--l2", "0.001"], ["--dropout", "0.2"], ["--class-weights", "balanced"]],
)
def test_options_of_one_network(options, flower_model, capsys):
    run("train", "flowers.csv", "--single", "--plot", "", "--epochs", "3", *options)
    assert "accuracy" in capsys.readouterr().out


def test_patience_stops_at_the_best_epoch(capsys):
    rng = np.random.default_rng(0)
    rows = [[*rng.normal(size=3), int(rng.integers(2))] for _ in range(100)]
    write_csv("noise.csv", ["a", "b", "c", "y"], rows)
    run("train", "noise.csv", "--target", "y", "--plot", "", "--patience", "2", "--epochs", "200")
    epochs = int(re.search(r"training  (\d+) epochs", capsys.readouterr().out)[1])
    assert epochs < 200


def test_a_run_is_resumed_to_the_bit():
    write_csv("line.csv", ["x", "y"], [[i, 2.5 * i] for i in range(60)])
    kept = ["train", "line.csv", "--plot", "", "--seed", "1", "--checkpoint", "state"]
    run(*kept[:-2], "--epochs", "6", "--out", "whole.safetensors")
    run(*kept, "--epochs", "3")
    run(*kept, "--epochs", "6", "--resume", "--out", "resumed.safetensors")
    whole, resumed = (bp.load(f"{name}.safetensors") for name in ("whole", "resumed"))
    np.testing.assert_array_equal(whole.theta, resumed.theta)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--resume"], "--checkpoint DIR beside it"),
        (["--l2", "-1"], "a number from 0"),
        (["--dropout", "1"], "0 or a share below 1"),
        (["--patience", "0"], "--patience"),
        (["--patience", "3", "--held-out", "0"], "cases held out"),
        (["--optimizer", "lbfgs", "--learning-rate", "0.1"], "an optimizer that has it"),
        (["--optimizer", "adam", "--momentum", "0.1"], "an optimizer that has it"),
        (["--optimizer", "adams"], "Did you mean 'adam'?"),
        (["--class-weights", "balanced"], "classes"),
    ],
)
def test_options_of_one_network_that_cannot_be_used(options, words, refused):
    write_csv("line.csv", ["x", "y"], [[i, 2.5 * i] for i in range(60)])
    assert words in refused("train", "line.csv", "--single", *options)
