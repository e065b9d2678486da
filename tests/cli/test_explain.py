"""``backprop-xp explain``: a page that steps through backpropagation, and its text."""

import webbrowser
from pathlib import Path

import numpy as np
import pytest
from cli_cases import flowers, houses, write_csv

import backprop_xp as bp
from backprop_xp.cli.main import main
from backprop_xp.inspection.page.stories import four_layers


def explained(*arguments):
    assert main(["explain", *map(str, arguments)]) == 0


def test_without_arguments_it_is_the_four_layer_network(capsys):
    explained("--text")
    assert capsys.readouterr().out == four_layers().traced.to_text()
    assert list(Path().iterdir()) == []
    explained()
    assert capsys.readouterr().out == "written   explain.html\n"
    page = Path("explain.html").read_bytes()
    assert b"Four layers" in page
    assert len(page) < 300_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--network", "2,3,1"], "2 → 3 → 1"),
        (["--data", "xor"], "2 → 3 → 1"),
        (["--network", "2,5,1", "--data", "xor", "--case", "3"], "2 → 5 → 1"),
        (["--network", "64,10", "--data", "digits", "--case", "1700"], "64 → 10"),
    ],
)
def test_a_network_and_data(arguments, words, capsys):
    explained(*arguments, "--text", "--out", "page.html")
    out = capsys.readouterr().out
    assert f"Backpropagation through {words}" in out
    assert out.endswith("written   page.html\n")
    assert Path("page.html").stat().st_size < 400_000


def test_a_model_on_its_data_and_on_a_file(capsys):
    assert main(["train", "digits", "--epochs", "1", "--hidden", "8", "--plot", ""]) == 0
    capsys.readouterr()
    explained("digits.safetensors", "--case", 7, "--text")
    net, theta = bp.load("digits.safetensors")
    X, Y = bp.datasets.digits()
    expected = bp.trace(
        net, theta.astype(np.float64), X[7].astype(np.float64), Y[7], optimizer=bp.SGD(0.5)
    )
    assert capsys.readouterr().out == expected.to_text()


def test_a_model_of_a_file_takes_the_numbers_of_the_file(flower_model, capsys):
    explained(flower_model, "--data", "flowers.csv", "--text", "--case", 0)
    assert "softmax" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["flowers", "houses"])
def test_a_table(table, capsys):
    X, y = flowers(30) if table == "flowers" else houses(30)
    rows = [[*x, one] for x, one in zip(X.tolist(), y.tolist(), strict=True)]
    write_csv("table.csv", [*"abc"[: X.shape[1]], "target"], rows)
    explained("--data", "table.csv", "--text")
    loss = "cross_entropy" if table == "flowers" else "squared_error"
    assert f"The cost: {loss}" in capsys.readouterr().out


def test_it_opens_the_page(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    explained("--text", "--open")
    assert opened == [Path("explain.html").resolve().as_uri()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--network", "2,b"], "two sizes or more"),
        (["--network", "2"], "two sizes or more"),
        (["--network", "2,0,1"], "two sizes or more"),
        (["--network", "2,3", "--data", "xor"], "2 and 1, as xor has"),
        (["--data", "xor", "--case", "4"], "an index from 0 to 3"),
        (["--case", "1"], "an index from 0 to 0"),
        (["--data", "nothing"], "one of"),
        (["--out", "page.png"], "a name in .html"),
        (["--out", "no/page.html"], "existing folder"),
        (["nothing.safetensors"], "no such file"),
        (["nothing.safetensors", "--network", "2,3,1"], "Leave one of them out"),
    ],
)
def test_refusals(arguments, words, refused):
    assert words in refused("explain", *arguments)


def test_a_model_without_data_or_without_a_target_is_refused(flower_model, refused):
    assert "Pass its table by --data" in refused("explain", flower_model)
    write_csv("bare.csv", ["length", "width"], [[1.0, 2.0]])
    assert "the target of each case" in refused("explain", flower_model, "--data", "bare.csv")
    net = bp.Network([2, 3, 1], output="sigmoid", loss="binary_cross_entropy")
    bp.save("stack.safetensors", net, net.init(stack=2))
    assert "a single network" in refused("explain", "stack.safetensors", "--data", "xor")


@pytest.mark.parametrize("name", ["digits", "table.csv"])
def test_a_model_saved_without_names_has_classes_from_0(name):
    X, y = bp.datasets.digits()
    if name == "table.csv":
        np.savetxt(name, np.column_stack([X[:30], y[:30]]), delimiter=",", fmt="%g")
    net = bp.Network([64, 5, 10], output="softmax", loss="cross_entropy")
    bp.save("saved.safetensors", net, net.init(0))
    explained("saved.safetensors", "--data", name, "--case", "7", "--out", "page.html")
    assert Path("page.html").is_file()
