"""The command in this process, from its arguments to its files, its lines and its exit status."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.cli.main import main
from backprop_xp.errors import DTypeError
from backprop_xp.files import model_file

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn, with the digits, is missing"
)
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKPROP_XP_DEVICE", "cpu")


@pytest.fixture
def refused(capsys, tmp_path):
    """Run a command that must fail: one line on stderr, no file changed, its message returned."""

    def run(*arguments, status=1):
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert main([str(argument) for argument in arguments]) == status
        after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert after == before
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("backprop-xp: error: ")
        return line

    return run


def write_csv(name, header, rows):
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([header] if header else [])
        writer.writerows(rows)


def read_csv(name):
    with Path(name).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, rows


def flowers(m=200, seed=0):
    """Two columns of very different size, three classes that are far from each other."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=m)
    centres = np.array([[-1e5, 1e-3], [1e5, 1e-3], [0.0, -1e-3]])
    X = centres[labels] + rng.normal(size=(m, 2)) * [1e4, 1e-4] + [1e6, 0]
    return X, np.array(["iris", "rosé", 'say "x", y'])[labels]


def houses(m=400, seed=0):
    rng = np.random.default_rng(seed)
    X = np.stack([rng.normal(1e5, 2e4, m), rng.normal(0.01, 0.002, m), np.full(m, 7.7)], axis=1)
    price = 1e6 + 3e5 * np.sin((X[:, 0] - 1e5) / 2e4) + 5e7 * (X[:, 1] - 0.01)
    return X, price


@pytest.fixture
def flower_model():
    X, names = flowers()
    write_csv("flowers.csv", ["length", "width", "kind"], zip(*X.T.tolist(), names, strict=True))
    assert main(["train", "flowers.csv", "--plot", "", "--epochs", "10"]) == 0
    return "flowers.safetensors"


# ---------------------------------------------------------------------------------------------
# what works


def test_devices(capsys, monkeypatch):
    monkeypatch.delenv("BACKPROP_XP_DEVICE")
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cpu ")
    assert "cuda" in out
    assert f"auto picks {bp.select_device('auto').name} (" in out


LONG = "no driver here, and a long text of a library that goes on about 'what-it-found' for a while"


@pytest.mark.parametrize("columns", [None, 30, 60, 200])
def test_devices_in_a_terminal_of_any_width(columns, capsys, monkeypatch):
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    command = (
        "Run python -m pip uninstall cupy-cuda13x, then python -m pip install 'backprop-xp[x]'"
    )
    found = [
        bp.DeviceStatus("cpu", available=True),
        bp.DeviceStatus("cuda", False, f"{LONG}. {command}", command),
        bp.DeviceStatus("torch:cpu", False, "PyTorch is not installed. Run it", "Run it"),
    ]
    monkeypatch.setattr("backprop_xp.arrays.devices.devices", lambda: found)
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"             {command}" in lines  # in one piece, to be copied
    width = max(columns or 80, 40)
    assert max(len(line) for line in lines if command not in line) <= width
    cuda = lines[1 : lines.index(f"             {command}")]
    assert cuda[0].startswith("cuda         not available: no driver")
    assert all(line.startswith(" " * 13) for line in cuda[1:])
    said = " ".join(line.strip() for line in cuda)
    assert said == f"cuda         not available: {LONG}"  # words are not broken
    assert lines[0] == "cpu          available"
    assert lines[-1].startswith("auto picks cpu (named by BACKPROP_XP_DEVICE") or columns == 30


def test_other_runtime_errors_are_defects_and_keep_their_traceback(monkeypatch):
    def fail():
        raise RuntimeError("a defect")

    monkeypatch.setattr("backprop_xp.cli.main._devices", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        main(["devices"])


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


def test_classes_from_csv_and_back(flower_model, capsys):
    assert main(["predict", flower_model, "flowers.csv", "--out", "out.csv"]) == 0
    assert "accuracy 100.00 %" in capsys.readouterr().out
    header, rows = read_csv("out.csv")
    _, names = flowers()
    assert header == ["class", *(f"probability_{name}" for name in sorted(set(names)))]
    assert [row[0] for row in rows] == names.tolist()
    shares = np.array([row[1:] for row in rows], dtype=np.float64)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)  # float32


def test_the_model_takes_the_raw_numbers_of_the_file(flower_model):
    net, theta = bp.load(flower_model)
    X, names = flowers()
    assert theta.dtype == np.float32
    labels = np.unique(names, return_inverse=True)[1]
    assert (net.forward(theta, X).argmax(axis=1) == labels).all()


def test_the_notes_of_the_model_file_are_json(flower_model):
    notes = {name: json.loads(text) for name, text in model_file.read_notes(flower_model).items()}
    assert notes == {
        "data": "flowers.csv",
        "feature_names": ["length", "width"],
        "class_names": ["iris", "rosé", 'say "x", y'],
        "target": "kind",
    }


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


def test_a_column_that_was_constant_in_training_does_not_matter(capsys):
    X, price = houses()
    write_csv("houses.csv", None, np.column_stack([X, price]).tolist())
    assert main(["train", "houses.csv", "--plot", "", "--epochs", "2"]) == 0
    net, theta = bp.load("houses.safetensors")
    changed = X + np.array([0, 0, 1e6])
    np.testing.assert_array_equal(net.forward(theta, X), net.forward(theta, changed))


def test_numbers_too_fine_for_float32_are_kept_in_float64(capsys):
    seconds = 1.7e9 + np.arange(300)
    write_csv("time.csv", ["second", "y"], zip(seconds, np.sin(seconds / 50), strict=True))
    assert main(["train", "time.csv", "--plot", "", "--epochs", "200"]) == 0
    assert "kept in float64" in capsys.readouterr().out
    assert bp.load("time.safetensors").theta.dtype == np.float64
    assert main(["predict", "time.safetensors", "time.csv"]) == 0
    y = np.array(read_csv("predictions.csv")[1], dtype=np.float64)[:, 0]
    assert np.corrcoef(y, np.sin(seconds / 50))[0, 1] > 0.95


def test_numbers_beyond_float16_are_kept_in_float64(capsys):
    X, price = houses()
    write_csv("houses.csv", None, np.column_stack([X, price]).tolist())
    assert main(["train", "houses.csv", "--plot", "", "--dtype", "float16"]) == 0
    assert "R^2 0.9" in capsys.readouterr().out
    assert bp.load("houses.safetensors").theta.dtype == np.float64


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


def run_python(*arguments, **environment):
    command = [sys.executable, *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, env=env, check=False)


def test_a_fresh_process():
    done = run_python("-m", "backprop_xp", "train", "xor", "--plot", "", "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"accuracy 100.00 %" in done.stdout
    done = run_python("-m", "backprop_xp", "train", "nothing")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_the_terminal_cannot_show():
    write_csv("größe.csv", ["größe", "y"], [[i, i % 2] for i in range(60)])
    options = ["--plot", "", "--epochs", "1", "--device", "cpu"]
    command = ["-m", "backprop_xp", "train", "größe.csv", *options]
    done = run_python(*command, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"gr\xf6\xdfe.csv" in done.stdout


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
        (["--out", "xor.png", "--plot", "xor.png"], "--plot: got 'xor.png'"),
        (["--loss", "cross_entropy"], "classes, or shares that sum to 1"),
    ],
)
def test_options_that_cannot_be_used(options, message, refused):
    assert message in refused("train", "xor", "--plot", "", *options)


def test_arguments_that_are_not_understood_end_with_2(capsys):
    for arguments in ([], ["learn"], ["train"], ["train", "xor", "--epochs", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("backprop-xp: error: ")


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
    assert "'none.csv', where there is no file" in refused(*command, "none.csv")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n3\n", [], "line 3: got 1 cells"),
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
    assert message in refused("train", "table.csv", *options)


def test_data_and_models_are_never_replaced(flower_model, refused, tmp_path):
    (tmp_path / "link.csv").symlink_to("flowers.csv")
    (tmp_path / "predictions.csv").write_bytes((tmp_path / "flowers.csv").read_bytes())
    for out in ("flowers.csv", "./flowers.csv", "link.csv"):
        assert "--out" in refused("train", "flowers.csv", "--out", out)
        assert "--out" in refused("predict", flower_model, "flowers.csv", "--out", out)
    assert "--out" in refused("predict", flower_model, "flowers.csv", "--out", flower_model)
    assert "--out" in refused("predict", flower_model, "predictions.csv")


def test_models_that_cannot_be_used(flower_model, refused, tmp_path):
    assert "no such file" in refused("predict", "none.safetensors", "flowers.csv")
    whole = (tmp_path / flower_model).read_bytes()
    (tmp_path / "broken.safetensors").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused("predict", "broken.safetensors", "flowers.csv")
    assert "truncated" in refused("predict", "flowers.csv", "flowers.csv")
    net = bp.Network([2, 3])
    bp.save("stack.safetensors", net, net.init(stack=2))
    assert "a single network" in refused("predict", "stack.safetensors", "flowers.csv")
    for name, text in (("class_names", '["a"]'), ("feature_names", "{"), ("target", "[]")):
        bp.save("noted.safetensors", net, net.init(), notes={name: text})
        assert f"a note '{name}'" in refused("predict", "noted.safetensors", "flowers.csv")


def test_data_that_do_not_fit_the_model(flower_model, refused):
    assert "got 6 numbers for each case; expected 2" in refused("predict", flower_model, "symmetry")
    write_csv("short.csv", ["length", "kind"], [[1.0, "iris"]])
    assert "0 columns 'width'" in refused("predict", flower_model, "short.csv")
    write_csv("huge.csv", ["length", "width"], [[1.5, 1e300]])
    assert "within the range of float32" in refused("predict", flower_model, "huge.csv")
    net = bp.Network([5, 1], output="identity", loss="squared_error")
    bp.save("five.safetensors", net, net.init())
    assert "2 columns" in refused("predict", "five.safetensors", "short.csv")
    assert "--out" in refused("predict", flower_model, "flowers.csv", "--out", "no/where.csv")
    assert "'gpu'" in refused("predict", flower_model, "flowers.csv", "--device", "gpu")


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
    assert "pip install 'backprop-xp[plot]'" in refused("train", "xor", "--plot", "xor.png")
    assert main(["train", "xor"]) == 0
    captured = capsys.readouterr()
    (line,) = [line for line in captured.out.splitlines() if line.startswith("picture")]
    assert "pip install 'backprop-xp[plot]'" in line
    assert captured.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["xor.safetensors"]


def test_without_scikit_learn(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert "pip install 'backprop-xp[sklearn]'" in refused("train", "digits")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "data.csv"), 1, "data.csv: Permission denied"),
        (OSError("a disk\nis full"), 1, "a disk is full"),
        (MemoryError("8 TiB"), 1, "not enough memory (8 TiB). Try fewer cases, a smaller --batch"),
        (
            RuntimeError("CUDA out of memory. Tried"),
            1,
            "not enough memory (CUDA out of memory. Tri",
        ),
        (
            bp.OutOfMemoryError("train, epoch 3", "no memory for 8 TiB", "room", "Try batch_size="),
            1,
            "train, epoch 3: no memory for 8 TiB; nothing was written. Try fewer cases, a smaller",
        ),
    ],
)
def test_errors_from_outside_are_one_line_too(error, status, message, monkeypatch, refused):
    def fail():
        raise error

    monkeypatch.setattr("backprop_xp.cli.main._devices", fail)
    assert message in refused("devices", status=status)
