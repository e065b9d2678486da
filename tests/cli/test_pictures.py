"""``backprop-xp train --plot``: pictures by name, their files, and those that do not fit."""

import sys
from pathlib import Path

import numpy as np
import pytest
from cli_cases import flowers, houses, write_csv
from plot_cases import texts_outside

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command
from backprop_xp.cli import pictures, train
from backprop_xp.cli.main import main
from backprop_xp.cli.picture_choice import PICTURES, chosen_pictures
from backprop_xp.inspection import plots

ONCE = ["--epochs", "2", "--hidden", "4"]


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that the command draws, by name."""
    found = {}

    def note(name, trained):
        found[name] = pictures.figure_of(name, trained)
        return found[name]

    monkeypatch.setattr(train, "figure_of", note)
    return found


@pytest.fixture
def tables():
    """Write flowers.csv, of two inputs and three classes, and houses.csv, of numbers."""
    X, names = flowers()
    write_csv("flowers.csv", ["length", "width $", "kind"], zip(*X.T.tolist(), names, strict=True))
    X, price = houses()
    write_csv("houses.csv", ["a", "b", "c", "price"], np.column_stack([X, price]).tolist())
    rng = np.random.default_rng(0)
    np.savez("plane.npz", X=rng.normal(size=(60, 2)), Y=rng.normal(size=(60, 3)))


def files():
    return {path.name for path in Path().iterdir() if path.suffix in (".png", ".pdf", ".svg")}


def test_each_picture_is_a_function_of_the_plots():
    functions = [function for function, _ in PICTURES.values()]
    assert sorted([*functions, "score_scatter"]) == sorted(plots.__all__)
    assert set(pictures._FIGURES) == set(PICTURES)


@pytest.mark.parametrize(
    ("plot", "expected"),
    [
        (None, [("curve", "m.png")]),
        ("", []),
        ("curve", [("curve", "m.png")]),
        ("cost.pdf", [("curve", "cost.pdf")]),
        ("confusion.png", [("curve", "confusion.png")]),
        ("lr=0.1,momentum=0.9.png", [("curve", "lr=0.1,momentum=0.9.png")]),
        ("confusion", [("confusion", "m-confusion.png")]),
        ("confusion_matrix", [("confusion", "m-confusion.png")]),
        ("curve=a.svg, norms", [("curve", "a.svg"), ("norms", "m-norms.png")]),
        ("regions=a=b.PNG", [("regions", "a=b.PNG")]),
    ],
)
def test_names_and_files(plot, expected):
    found = chosen_pictures(plot, Path("folder/m.safetensors"))
    named = [(name, str(path).removeprefix("folder/")) for name, path in found]
    assert named == expected


def test_every_picture_of_two_inputs_and_classes(tables, drawn, capsys):
    names = [name for name in PICTURES if name != "weights"]
    assert main(["train", "flowers.csv", *ONCE, "--plot", ",".join(names)]) == 0
    endings = {"flowers.png", *(f"flowers-{name}.png" for name in names if name != "curve")}
    assert files() == endings
    assert list(drawn) == names
    assert [texts_outside(figure) for figure in drawn.values()] == [[]] * len(names)
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("written")][1:] == [
        "flowers.png",
        *(f"flowers-{name}.png" for name in names[1:]),
    ]


def test_weights_as_images(drawn):
    pytest.importorskip("sklearn", reason="scikit-learn, with the digits, is missing")
    assert main(["train", "digits", *ONCE, "--plot", "weights=pixels.pdf,confusion"]) == 0
    assert files() == {"pixels.pdf", "digits-confusion.png"}
    (panel, *_) = drawn["weights"].axes
    assert "8 × 8 pixels" in panel.get_xlabel()
    (panel, *_) = drawn["confusion"].axes
    assert sum(int(text.get_text()) for text in panel.texts) == 359
    assert panel.get_title() == "359 cases held out"


def test_regions_are_in_the_units_of_the_file(tables, drawn):
    assert main(["train", "flowers.csv", "--plot", "regions"]) == 0
    X, names = flowers()
    (panel, *_) = drawn["regions"].axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("length", r"width \$")
    assert [text.get_text() for text in panel.get_legend().get_texts()] == sorted(set(names))
    low, high = panel.get_xlim()
    assert low < X[:, 0].min() < X[:, 0].max() < high
    image = panel.images[0]
    left, right, bottom, top = image.get_extent()
    found = image.get_array()
    column = ((X[:, 0] - left) / (right - left) * found.shape[1]).astype(int)
    row = ((X[:, 1] - bottom) / (top - bottom) * found.shape[0]).astype(int)
    right_ones = np.asarray(found)[row, column] == np.unique(names, return_inverse=True)[1]
    assert right_ones.mean() > 0.97


def test_regions_of_a_number(drawn):
    rng = np.random.default_rng(0)
    X = 100 + 5 * rng.normal(size=(200, 2))
    write_csv("plane.csv", ["a", "b", "y"], np.column_stack([X, 1000 + X @ [3.0, 1.5]]).tolist())
    assert main(["train", "plane.csv", "--hidden", "", "--plot", "regions"]) == 0
    (panel, *_) = drawn["regions"].axes
    values = np.asarray(panel.images[0].get_array())
    left, right, bottom, top = panel.images[0].get_extent()
    expected = 1000 + 3 * (left + right) / 2 + 1.5 * (bottom + top) / 2
    assert values.mean() == pytest.approx(expected, rel=0.01)


def test_a_hinton_diagram_for_each_layer(tables, drawn):
    assert main(["train", "flowers.csv", *ONCE, "--plot", "hinton"]) == 0
    first, second = drawn["hinton"].axes
    assert [text.get_text() for text in first.get_xticklabels()] == ["length", r"width \$"]
    assert len(second.get_yticklabels()) == 3


def test_norms_and_activations_are_recorded_by_epoch(tables, drawn):
    assert main(["train", "houses.csv", *ONCE, "--plot", "norms,activations"]) == 0
    delta, _ = drawn["norms"].axes
    assert [len(line.get_xdata()) for line in delta.lines] == [3, 3]
    layers = [panel for panel in drawn["activations"].axes if panel.images]
    assert [panel.get_ylabel() for panel in layers] == [
        f"activation a of layer {k}" for k in (1, 2)
    ]


@pytest.mark.parametrize("name", ["confusion", "calibration", "regions", "surface", "hinton"])
def test_two_classes_in_one_unit(name, drawn):
    assert main(["train", "xor", *ONCE, "--plot", name]) == 0
    assert files() == {f"xor-{name}.png"}


def test_the_result_does_not_depend_on_the_pictures(tables):
    thetas = []
    for plot, out in (("", "a.safetensors"), ("norms,surface,curve", "b.safetensors")):
        assert main(["train", "houses.csv", *ONCE, "--plot", plot, "--out", out]) == 0
        thetas.append(bp.load(out).theta)
    np.testing.assert_array_equal(*thetas)


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        ("confusoin", "got 'confusoin'; expected pictures of curve, confusion, calibration"),
        ("confusoin", "Did you mean 'confusion'?"),
        ("curve,wieghts", "Did you mean 'weights'?"),
        ("confusoin=a.png", "Did you mean 'confusion'?"),
        ("curve,a.png", "got 'a.png'"),
        ("curve,", "got ''"),
        ("curve=a.bmp", "got 'a.bmp'; expected a name in .png, .pdf, .svg"),
        ("curve=", "got ''"),
        ("a.bmp", "or pictures of curve, confusion"),
        ("curve,curve", "a file that this command does not read or write otherwise"),
        ("curve=a.png,norms=./a.png", "a file that this command does not read or write otherwise"),
        ("norms=missing/a.png", "an existing folder 'missing'"),
        ("norms=xor.png,curve=xor.png", "--plot: got 'xor.png'"),
        ("weights", "'weights' for xor, cases of 2 numbers; expected images: digits or mnist"),
        ("weights", "Pictures that fit: curve, confusion, calibration, hinton, norms"),
    ],
)
def test_names_that_are_refused_before_training(plot, message, refused, monkeypatch):
    monkeypatch.setattr(train, "train", None)
    assert message in refused("train", "xor", "--plot", plot)


@pytest.mark.parametrize(
    ("data", "options", "name", "message"),
    [
        ("houses.csv", [], "confusion", "a target of classes. Pictures that fit: curve, hinton,"),
        ("houses.csv", [], "calibration", "a target of classes"),
        ("houses.csv", [], "regions", "'regions' for 3 inputs; expected 2 inputs"),
        ("plane.npz", [], "regions", "'regions' for 3 targets of numbers"),
        ("flowers.csv", ["--loss", "huber"], "calibration", "identity outputs of --loss huber"),
        ("flowers.csv", ["--hidden", "500,500"], "hinton", "'hinton' for 252,500 weights"),
        ("flowers.csv", [], "curve,weights", "images: digits or mnist"),
        ("symmetry", ["--loss", "squared_error"], "confusion", "a target of classes"),
        ("family_trees", [], "confusion", "24 targets of numbers"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_before_training(
    data, options, name, message, refused, monkeypatch, tables
):
    monkeypatch.setattr(train, "train", None)
    assert message in refused("train", data, "--plot", name, *options)


def test_pictures_need_matplotlib_before_training(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(train, "train", None)
    assert install_command("plot") in refused("train", "xor", "--plot", "confusion")


def test_help_lists_the_names(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    for name, (_, text) in PICTURES.items():
        assert f"  {name} " in out
        assert text in out
