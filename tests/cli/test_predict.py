"""``backprop-xp predict``: predictions of a model from a file, by name or by place."""

import numpy as np
import pytest
from cli_cases import flowers, houses, read_csv, write_csv

import backprop_xp as bp
from backprop_xp.cli.main import main

# ---------------------------------------------------------------------------------------------
# what works


def test_classes_from_csv_and_back(flower_model, capsys):
    assert main(["predict", flower_model, "flowers.csv", "--out", "out.csv"]) == 0
    assert "accuracy 100.00 %" in capsys.readouterr().out
    header, rows = read_csv("out.csv")
    _, names = flowers()
    assert header == ["class", *(f"probability_{name}" for name in sorted(set(names)))]
    assert [row[0] for row in rows] == names.tolist()
    shares = np.array([row[1:] for row in rows], dtype=np.float64)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)  # float32


def test_columns_are_found_by_name_in_any_order(flower_model, capsys):
    X, names = flowers(50, seed=1)
    rows = [["note", kind, width, length] for (length, width), kind in zip(X, names, strict=True)]
    write_csv("other.csv", ["remark", "kind", "width", "length"], rows)
    assert main(["predict", flower_model, "other.csv"]) == 0
    assert "accuracy 100.00 %" in capsys.readouterr().out
    assert [row[0] for row in read_csv("predictions.csv")[1]] == names.tolist()


def test_prediction_without_the_target_and_with_an_empty_one(flower_model, capsys):
    X, names = flowers(20, seed=1)
    write_csv("without.csv", ["length", "width"], X.tolist())
    write_csv("empty.csv", ["length", "width", "kind"], [[*x, ""] for x in X.tolist()])
    for name in ("without.csv", "empty.csv"):
        capsys.readouterr()
        assert main(["predict", flower_model, name]) == 0
        out = capsys.readouterr().out
        assert "accuracy" not in out
        assert ("not compared with the target: empty.csv, line 2" in out) == (name == "empty.csv")
        assert [row[0] for row in read_csv("predictions.csv")[1]] == names.tolist()


@pytest.mark.parametrize("place", [0, 2])
def test_files_without_a_header(place, capsys):
    X, names = flowers()
    rows = [[*x] for x in X.tolist()]
    write_csv("bare.csv", None, rows)
    for row, name in zip(rows, names, strict=True):
        row.insert(place, name)
    write_csv("full.csv", None, rows)
    assert main(["train", "full.csv", "--target", str(place), "--plot", ""]) == 0
    capsys.readouterr()
    for name in ("full.csv", "bare.csv"):
        assert main(["predict", "full.safetensors", name]) == 0
        assert ("accuracy 100.00 %" in capsys.readouterr().out) == (name == "full.csv")
        assert [row[0] for row in read_csv("predictions.csv")[1]] == names.tolist()


def test_numbers_from_csv_and_back(capsys):
    X, price = houses()
    header = ["area", "slope", "seven", "price"]
    write_csv("houses.csv", header, np.column_stack([X, price]).tolist())
    assert main(["train", "houses.csv", "--plot", "", "--epochs", "60"]) == 0
    out = capsys.readouterr().out
    assert "inputs and targets standardised for training" in out
    assert "identity, squared_error" in out
    new_X, new_price = houses(100, seed=1)
    write_csv("new.csv", header, np.column_stack([new_X, new_price]).tolist())
    assert main(["predict", "houses.safetensors", "new.csv"]) == 0
    header, rows = read_csv("predictions.csv")
    assert header == ["price"]
    error = np.array(rows, dtype=np.float64)[:, 0] - new_price
    r_squared = 1 - np.mean(error**2) / np.var(new_price)
    assert r_squared > 0.98  # a network that saw raw numbers would diverge or give the mean
    assert f"R^2 {r_squared:.4f}" in capsys.readouterr().out


def test_inputs_too_fine_for_float32_are_standardised_in_float64(capsys):
    seconds = 1.7e9 + np.arange(300)
    write_csv("time.csv", ["second", "y"], zip(seconds, np.sin(seconds / 50), strict=True))
    assert main(["train", "time.csv", "--plot", "", "--epochs", "200"]) == 0
    assert "kept in float64" not in capsys.readouterr().out
    assert bp.load("time.safetensors").theta.dtype == np.float32
    assert main(["predict", "time.safetensors", "time.csv"]) == 0
    y = np.array(read_csv("predictions.csv")[1], dtype=np.float64)[:, 0]
    assert np.corrcoef(y, np.sin(seconds / 50))[0, 1] > 0.95


@pytest.mark.parametrize("hidden", ["", "8"])
def test_npz_and_back(hidden, capsys):
    X, price = houses()
    np.savez("houses.npz", X=X.astype(np.float32), prices=np.stack([price, 1e-3 * X[:, 0]], axis=1))
    options = ["--plot", "", "--target", "prices", "--hidden", hidden, "--learning-rate", "0.01"]
    assert main(["train", "houses.npz", *options]) == 0
    assert "2 targets" in capsys.readouterr().out
    assert main(["predict", "houses.safetensors", "houses.npz"]) == 0
    assert "R^2 0.9" in capsys.readouterr().out
    header, rows = read_csv("predictions.csv")
    assert header == ["output_0", "output_1"]
    assert len(rows) == len(X)


def test_targets_of_0_and_1_have_sigmoid_outputs(capsys):
    X = np.random.default_rng(0).normal(size=(200, 2))
    np.savez("hot.npz", X=X, Y=(X > 0).astype(np.float32))
    assert main(["train", "hot.npz", "--plot", ""]) == 0
    assert "sigmoid, binary_cross_entropy" in capsys.readouterr().out
    assert main(["predict", "hot.safetensors", "hot.npz"]) == 0
    outputs = np.array(read_csv("predictions.csv")[1], dtype=np.float64)
    assert ((outputs > 0.5) == (X > 0)).mean() > 0.95


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("binary_cross_entropy", "sigmoid"),
        ("squared_error", "identity"),
        ("poisson", "exp"),
    ],
)
def test_the_output_activation_follows_the_loss(loss, output, capsys):
    X, names = flowers()
    write_csv("flowers.csv", None, zip(*X.T.tolist(), names, strict=True))
    options = ["--loss", loss, "--plot", "", "--learning-rate", "0.01"]
    assert main(["train", "flowers.csv", *options]) == 0
    assert f"relu, {output}, {loss}" in capsys.readouterr().out
    assert main(["predict", "flowers.safetensors", "flowers.csv"]) == 0
    header, rows = read_csv("predictions.csv")
    assert header[1] == "output_iris"
    assert np.mean([row[0] == name for row, name in zip(rows, names, strict=True)]) > 0.9


def test_a_model_saved_from_python_has_no_names(capsys):
    net = bp.Network([2, 3], output="softmax")
    bp.save("own.safetensors", net, net.init())
    write_csv("points.csv", ["p", "q"], [[0.0, 1.5], [2.5, 3.0]])
    assert main(["predict", "own.safetensors", "points.csv"]) == 0
    header, rows = read_csv("predictions.csv")
    assert header == ["class", "probability_0", "probability_1", "probability_2"]
    expected = net.forward(net.init(), [[0.0, 1.5], [2.5, 3.0]])
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=np.float32), expected)


def test_a_file_of_before_has_its_names_in_notes(capsys):
    net = bp.Network([2, 3], output="softmax")
    notes = {"feature_names": '["p", "q"]', "class_names": '["a", "b", "c"]', "target": '"y"'}
    bp.save("old.safetensors", net, net.init(), notes=notes)
    write_csv("points.csv", ["y", "q", "p"], [["a", 1.5, 0.0], ["b", 3.0, 2.5]])
    assert main(["predict", "old.safetensors", "points.csv"]) == 0
    assert "accuracy" in capsys.readouterr().out
    header, rows = read_csv("predictions.csv")
    assert header == ["class", "probability_a", "probability_b", "probability_c"]
    p = net.forward(net.init(), [[0.0, 1.5], [2.5, 3.0]])
    assert [row[0] for row in rows] == ["abc"[j] for j in p.argmax(axis=1)]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=np.float32), p)


class TestPipelines:
    """Model files of scikit-learn's pipelines."""

    sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")

    def fitted(self, y, classifier=True):
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        rng = np.random.default_rng(0)
        X = self.pandas.DataFrame(
            {"size": rng.normal(50, 9, 60), "city": rng.choice(["1", "Rome", "Oslo"], 60)}
        )
        X.loc[::7, "size"] = np.nan
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        texts = OneHotEncoder(handle_unknown="ignore")
        steps = ColumnTransformer([("n", numbers, ["size"]), ("t", texts, ["city"])])
        kind = bp.MLPClassifier if classifier else bp.MLPRegressor
        mlp = kind(hidden_layer_sizes=[4], solver="lbfgs", max_iter=30, tol=0.5, random_state=0)
        return make_pipeline(steps, mlp).fit(X, y), X

    @pytest.mark.parametrize("kind", ["two", "three", "labels", "number"])
    def test_the_table_has_what_the_pipeline_predicts(self, kind, capsys):
        rng = np.random.default_rng(0)
        y = {
            "two": rng.choice(["no", "yes"], 60),
            "three": rng.choice([3, 5, 9], 60),
            "labels": rng.integers(0, 2, (60, 2)),
            "number": rng.normal(size=60),
        }[kind]
        pipeline, X = self.fitted(y, kind != "number")
        bp.save("pipeline.safetensors", pipeline)
        rows = X.where(X.notna(), "").to_numpy().tolist()
        write_csv("new.csv", ["more", "city", "size"], [["x", *row[::-1]] for row in rows])
        assert main(["predict", "pipeline.safetensors", "new.csv"]) == 0
        assert "60 rows" in capsys.readouterr().out
        header, cells = read_csv("predictions.csv")
        expected = pipeline.predict(X)
        if kind == "number":
            np.testing.assert_allclose(np.array(cells, dtype=np.float64)[:, 0], expected)
            return
        p = pipeline.predict_proba(X)
        n = 2 if kind == "labels" else 1
        found = [row[0] if n == 1 else row[:2] for row in cells]
        assert found == expected.astype(str).tolist()
        np.testing.assert_allclose(np.array([row[n:] for row in cells], float), p, rtol=1e-12)
        assert header[:n] == (["class"] if n == 1 else ["label_0", "label_1"])
        named = range(2) if n == 2 else pipeline.classes_
        assert header[n:] == [f"probability_{name}" for name in named]

    def test_a_text_among_numbers_is_refused_with_its_line(self, refused):
        pipeline, _ = self.fitted(np.random.default_rng(0).choice(["no", "yes"], 60))
        bp.save("pipeline.safetensors", pipeline)
        write_csv("new.csv", ["city", "size"], [["Rome", 50.5], ["Oslo", "Rome"]])
        message = refused("predict", "pipeline.safetensors", "new.csv")
        assert "new.csv, line 3, column 2 ('size'): got the text 'Rome'" in message


# ---------------------------------------------------------------------------------------------
# what is refused


def test_models_that_cannot_be_used(flower_model, refused, tmp_path):
    assert "no such file" in refused("predict", "none.safetensors", "flowers.csv")
    whole = (tmp_path / flower_model).read_bytes()
    (tmp_path / "broken.safetensors").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused("predict", "broken.safetensors", "flowers.csv")
    assert "no model file of this library" in refused("predict", "flowers.csv", "flowers.csv")
    net = bp.Network([2, 3])
    bp.save("stack.safetensors", net, net.init(stack=2))
    assert "a single network" in refused("predict", "stack.safetensors", "flowers.csv")
    for name, text in (("class_names", '["a"]'), ("feature_names", "{"), ("target", "[]")):
        bp.save("noted.safetensors", net, net.init(), notes={name: text})
        assert f"a note '{name}'" in refused("predict", "noted.safetensors", "flowers.csv")


def test_data_that_do_not_fit_the_model(flower_model, refused):
    assert "got 6 numbers for each case; expected 2" in refused("predict", flower_model, "symmetry")
    write_csv("short.csv", ["length", "kind"], [[1.0, "iris"]])
    assert "no column 'width'" in refused("predict", flower_model, "short.csv")
    write_csv("huge.csv", ["length", "width"], [[1.5, 1e300]])
    assert "within the range of float32" in refused("predict", flower_model, "huge.csv")
    net = bp.Network([5, 1], output="identity", loss="squared_error")
    bp.save("five.safetensors", net, net.init())
    assert "2 columns" in refused("predict", "five.safetensors", "short.csv")
    assert "--out" in refused("predict", flower_model, "flowers.csv", "--out", "no/where.csv")
    assert "Use 'kinds.csv'" in refused(
        "predict", flower_model, "flowers.csv", "--out", "kinds.xlsx"
    )
    assert "'gpu'" in refused("predict", flower_model, "flowers.csv", "--device", "gpu")
