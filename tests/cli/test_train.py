"""``backprop-xp train``: from its arguments to its files and its lines."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from cli_cases import flowers, houses, read_csv, write_csv
from exchange_cases import onnx_results
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command
from backprop_xp.cli.main import main
from backprop_xp.errors import DTypeError
from backprop_xp.files import model_file
from backprop_xp.losses import LOSSES

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn, with the digits, is missing"
)
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)

# ---------------------------------------------------------------------------------------------
# what works


@pytest.mark.parametrize("write", [flowers, houses])
def test_a_name_in_onnx_writes_an_onnx_file(write, capsys):
    needs("onnx")
    X, Y = write()
    write_csv("data.csv", [f"x{j}" for j in range(X.shape[1])] + ["y"], np.column_stack([X, Y]))
    for name in ("data.onnx", "data.safetensors"):
        assert main(["train", "data.csv", "--out", name, "--epochs", "3", "--plot", ""]) == 0
    assert "written   data.onnx" in capsys.readouterr().out
    model = bp.load("data.safetensors")
    X = X.astype("float32")
    results = onnx_results("data.onnx", X)
    if model.classes is None:
        np.testing.assert_allclose(results["variable"], model.predict(X).reshape(-1, 1), rtol=1e-5)
    else:
        np.testing.assert_array_equal(results["label"], model.predict(X))
        got = results["probabilities"]
        np.testing.assert_allclose(got, model.predict_proba(X), atol=1e-6)


def test_an_onnx_file_needs_onnx_before_training(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = refused("train", "xor", "--out", "xor.onnx", "--plot", "")
    assert f"Run: {install_command('onnx')}" in message


@needs_sklearn
@needs_matplotlib
def test_digits_with_every_default(capsys, tmp_path):
    assert main(["train", "digits"]) == 0
    out = capsys.readouterr().out
    for part in ("1,797 cases of 64 numbers, 10 classes", "1,438 to train on, 359 held out"):
        assert part in out
    for part in ("device    ", "64-64-64-10, relu, softmax, cross_entropy", "8,970 parameters"):
        assert part in out
    accuracy = float(out.partition("held out: ")[2].partition("accuracy ")[2].split()[0])
    assert accuracy >= 97
    assert {path.name for path in tmp_path.iterdir()} == {"digits.safetensors", "digits.png"}
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")

    assert main(["predict", "digits.safetensors", "digits"]) == 0
    header, rows = read_csv("predictions.csv")
    assert header == ["class", *(f"probability_{digit}" for digit in range(10))]
    right = [int(row[0]) == label for row, label in zip(rows, bp.datasets.digits().Y, strict=True)]
    assert np.mean(right) >= 0.97
    assert f"accuracy {100 * np.mean(right):.2f} %" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["xor", "symmetry", "family_trees"])
def test_truth_tables_are_learnt_as_a_whole(name, capsys):
    assert main(["train", name, "--plot", ""]) == 0
    out = capsys.readouterr().out
    assert " 0 held out" in out
    assert "sigmoid, binary_cross_entropy" in out
    assert "accuracy 100.00 %" in out


def test_a_test_part_of_its_own_is_held_out_unless_told(monkeypatch, capsys):
    rng = np.random.default_rng(0)

    def made(m):
        X = rng.normal(size=(m, 4)).astype(np.float32)
        return bp.datasets.Dataset(X, (X[:, 0] > 0).astype(np.int64))

    split = bp.datasets.Split(made(100), made(30))
    monkeypatch.setattr(bp.datasets, "NAMES", {"mnist": lambda: split})
    assert main(["train", "mnist", "--plot", ""]) == 0
    assert "100 to train on, 30 held out" in capsys.readouterr().out
    assert main(["train", "mnist", "--plot", "", "--held-out", "0.1"]) == 0
    assert "90 to train on, 10 held out" in capsys.readouterr().out
    assert main(["predict", "mnist.safetensors", "mnist"]) == 0
    assert "30 rows" in capsys.readouterr().out


def test_the_model_takes_the_raw_numbers_of_the_file(flower_model):
    model = bp.load(flower_model)
    X, names = flowers()
    assert model.theta.dtype == np.float32
    assert model.feature_names == ("length", "width")
    np.testing.assert_array_equal(model.classes, np.unique(names))
    np.testing.assert_array_equal(model.predict(X), names)
    net, theta = model  # the network of standardised numbers
    p = net.forward(theta, model.inputs(X))
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-5)


def test_the_notes_of_the_model_file_are_json(flower_model):
    notes = {name: json.loads(text) for name, text in model_file.read_notes(flower_model).items()}
    assert notes == {
        "data": "flowers.csv",
        "target": "kind",
    }


def test_a_column_that_was_constant_in_training_does_not_matter(capsys):
    X, price = houses()
    write_csv("houses.csv", None, np.column_stack([X, price]).tolist())
    assert main(["train", "houses.csv", "--plot", "", "--epochs", "2"]) == 0
    model = bp.load("houses.safetensors")
    changed = X + np.array([0, 0, 1e6])
    np.testing.assert_array_equal(model.predict(X), model.predict(changed))


def test_numbers_beyond_float16_are_kept_in_float64(capsys):
    X, price = houses()
    write_csv("houses.csv", None, np.column_stack([X, price]).tolist())
    assert main(["train", "houses.csv", "--plot", "", "--dtype", "float16"]) == 0
    assert "R^2 0.9" in capsys.readouterr().out
    assert bp.load("houses.safetensors").theta.dtype == np.float64


def test_the_seed_decides_everything():
    runs = []
    for seed, out in (("1", "a"), ("1", "b"), ("2", "c")):
        options = ["--seed", seed, "--out", f"{out}.safetensors", "--plot", "", "--epochs", "2"]
        assert main(["train", "symmetry", "--held-out", "0.3", *options]) == 0
        runs.append(bp.load(f"{out}.safetensors").theta)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_what_is_held_out_is_not_trained_on(monkeypatch):
    seen = {}
    real = bp.train

    def spy(net, X, Y, **options):
        seen.update(X=X, validation=options["validation"][0])
        return real(net, X, Y, **options)

    monkeypatch.setattr("backprop_xp.cli.train.train", spy)
    assert main(["train", "symmetry", "--held-out", "0.25", "--epochs", "1", "--plot", ""]) == 0
    parts = [{tuple(x) for x in seen[name].tolist()} for name in ("X", "validation")]
    assert [len(part) for part in parts] == [48, 16]
    assert not parts[0] & parts[1]


# ---------------------------------------------------------------------------------------------
# what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "-1"], "--epochs: got -1"),
        (["--epochs", "0"], "--epochs: got 0"),
        (["--batch-size", "0"], "--batch-size: got 0"),
        (["--seed", "-1"], "--seed: got -1"),
        (["--hidden", "8,,8"], "--hidden: got '8,,8'"),
        (["--hidden", "many"], "--hidden: got 'many'"),
        (["--hidden", "-3"], "--hidden: got '-3'"),
        (["--hidden", "99999999999"], "--hidden: got 399,999,999,997 parameters"),
        (["--activation", "rely"], "Did you mean 'relu'?"),
        (["--loss", "cross_entropi"], "Did you mean 'cross_entropy'?"),
        (["--optimizer", "sgdd"], "Did you mean 'sgd'?"),
        (["--learning-rate", "-1"], "--learning-rate: got -1"),
        (["--learning-rate", "nan"], "--learning-rate: got nan"),
        (["--learning-rate", "1e60"], "that float32 can hold"),
        (["--momentum", "1"], "--momentum: got 1"),
        (["--held-out", "1"], "--held-out: got 1"),
        (["--held-out", "nan"], "--held-out: got nan"),
        (["--held-out", "0.01"], "0.01 of 4 cases"),
        (["--device", "gpu"], "Did you mean 'cuda'?"),
        (["--device", "cuda:99"], "device 'cuda:99'"),
        (["--dtype", "int8"], "--dtype: got 'int8'"),
        (["--target", "y"], "--target: got 'y' with the data set 'xor'"),
        (["--out", "missing/xor.safetensors"], "an existing folder 'missing'"),
        (["--out", "."], "not of a folder or device"),
        (["--plot", "missing/xor.png"], "an existing folder 'missing'"),
        (["--plot", "xor.bmp"], "--plot: got 'xor.bmp'"),
        (
            ["--out", "xor.keras"],
            "a name in .safetensors, which is what is written. Use 'xor.safeten",
        ),
        (["--out", "xor.pt"], "Use 'xor.safetensors'"),
        (["--out", "xor.PKL"], "Use 'xor.safetensors'"),
        (["--out", "xor.csv"], "Use 'xor.safetensors'"),
        (["--header"], "--header: got DATA 'xor'; expected a .csv file"),
        (["--no-header"], "--no-header: got DATA 'xor'"),
        (["--out", "xor.png", "--plot", "xor.png"], "--out: got 'xor.png'"),
        (["--loss", "cross_entropy"], "classes, or shares that sum to 1"),
    ],
)
def test_options_that_cannot_be_used(options, message, refused):
    assert message in refused("train", "xor", "--plot", "", *options)


def test_the_option_header_decides_about_an_ambiguous_line(refused):
    write_csv(
        "new.csv", None, [["1", "<1", "0"], *([str(i), str(i % 7), str(i % 2)] for i in range(60))]
    )
    once = ["--epochs", "1", "--plot", ""]
    assert "pass header=True (--header)" in refused("train", "new.csv", *once)
    assert "line 1, column 2: got the text '<1'" in refused(
        "train", "new.csv", "--no-header", *once
    )
    assert main(["train", "new.csv", "--header", *once]) == 0
    assert main(["predict", "new.safetensors", "new.csv"]) == 0  # the names are known now
    write_csv("other.csv", None, [["-", "2"], ["3", "4"]])
    assert main(["train", "new.csv", "--header", "--out", "named", *once]) == 0
    write_csv("plain.csv", None, [[str(i), str(i % 7), str(i % 2)] for i in range(60)])
    assert main(["train", "plain.csv", "--no-header", *once]) == 0
    command = ["predict", "plain.safetensors", "other.csv"]
    assert "ambiguous" in refused(*command)
    assert "got the text '-'" in refused(*command, "--no-header")
    assert main([*command, "--header"]) == 0
    assert len(read_csv("predictions.csv")[1]) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_its_outputs(loss):
    options = ["--hidden", "", "--epochs", "1", "--plot", "", "--learning-rate", "1e-3"]
    write_csv("classes.csv", ["x", "kind"], [[i, "ab"[i % 2]] for i in range(9)])
    data = "classes.csv" if loss == "cross_entropy" else "symmetry"
    assert main(["train", data, "--loss", loss, "--out", "model", *options]) == 0
    pairs = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "exp"}
    assert bp.load("model").network.output.name == pairs.get(loss, "identity")


def test_a_network_that_overflows_at_its_last_update_is_not_written(refused):
    rows = [[x, 1e3 * x] for x in np.linspace(0, 1, 60)]
    write_csv("line.csv", ["x", "y"], rows)
    once = ["--epochs", "1", "--batch-size", "1000", "--learning-rate", "1e25", "--plot", ""]
    assert "smaller" in refused("train", "line.csv", "--hidden", "", *once)
    assert "a cost of inf after training" in refused(
        "train", "line.csv", "--hidden", "", "--held-out", "0", *once
    )


@pytest.mark.parametrize("command", [["train"], ["predict", "model.safetensors"]])
def test_data_that_do_not_exist(command, refused):
    assert "Did you mean 'digits'?" in refused(*command, "digitz")
    assert "'none.csv', no such file" in refused(*command, "none.csv")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n3\n", [], "line 3: got 1 cell"),
        ("a,b\n1,2\nx,3\n", [], "line 3, column 1 ('a'): got the text 'x'"),
        ("a,b\n1,2\n,3\n", [], "a missing value"),
        ("", [], "an empty file"),
        ("a,b\n1,x\n2,x\n", [], "at least two classes"),
        ("a,kind\n1,x\n2,y\n", ["--target", "kinds"], "Did you mean 'kind'?"),
        ("a,kind\n1,x\n2,y\n", ["--target", "7"], "an index from -2 to 1"),
        ("a,b\n1,2.5\n2,3.5\n", ["--loss", "binary_cross_entropy"], "targets from 0 to 1"),
        ("a,b\n1,-2.5\n2,3.5\n", ["--loss", "poisson"], "counts >= 0"),
        ("a,b\n1e12,1\n1000000000001,2\n", [], "column 'a': got numbers around 1e+12"),
    ],
)
def test_files_that_cannot_be_trained_on(text, options, message, refused, tmp_path):
    (tmp_path / "table.csv").write_text(text)
    assert message in refused("train", "table.csv", "--single", *options)


def test_data_and_models_are_never_replaced(flower_model, refused, tmp_path):
    (tmp_path / "link.csv").symlink_to("flowers.csv")
    (tmp_path / "predictions.csv").write_bytes((tmp_path / "flowers.csv").read_bytes())
    for out in ("flowers.csv", "./flowers.csv", "link.csv"):
        assert "--out" in refused("train", "flowers.csv", "--out", out)
        assert "--out" in refused("predict", flower_model, "flowers.csv", "--out", out)
    assert "--out" in refused("predict", flower_model, "flowers.csv", "--out", flower_model)
    assert "--out" in refused("predict", flower_model, "predictions.csv")


def test_a_dtype_that_the_device_lacks(monkeypatch, refused):
    def lacking(*_):
        raise DTypeError("dtype on the device", "float64", "one of float32", "Use it")

    monkeypatch.setattr("backprop_xp.cli.train.from_host", lacking)
    message = refused("train", "xor", "--dtype", "float64", "--plot", "")
    assert "--dtype: got float64 on cpu; expected one of float32. " in message


def test_a_diverging_run_says_what_to_try(refused):
    options = ["--loss", "squared_error", "--learning-rate", "1e6", "--plot", ""]
    message = refused("train", "symmetry", *options)
    assert "diverged in epoch" in message
    assert "nothing was written" in message
    assert "such as 1e+05" in message


def test_without_matplotlib(monkeypatch, capsys, refused, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert install_command("plot") in refused("train", "xor", "--plot", "xor.png")
    assert main(["train", "xor"]) == 0
    captured = capsys.readouterr()
    (line,) = [line for line in captured.out.splitlines() if line.startswith("picture")]
    assert install_command("plot") in line
    assert captured.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["xor.safetensors"]


def test_without_scikit_learn(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert install_command("sklearn") in refused("train", "digits")
