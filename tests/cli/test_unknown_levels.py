"""The commands and the model in Python say where cells are levels that training has not seen."""

import warnings

import pytest
from cli_cases import write_csv

pytest.importorskip("sklearn", minversion="1.6")

import backprop_xp as bp
from backprop_xp.cli.main import main

QUICK = ["--networks", "2", "--epochs", "1"]
LINES = [
    "column code: 40 of 40 cells are levels that training has not seen, such as 'w'",
    "column zip: 4 of 36 cells are levels that training has not seen, such as '9'",
]


def rows(codes, strange):
    """Rows of which each tenth has no zip, and the last ones have a strange zip."""
    zips = ["" if i % 10 == 0 else 9 if i >= 40 - strange else i % 3 for i in range(40)]
    return [[i / 7, codes[i % 2], zips[i], i / 4] for i in range(40)]


@pytest.fixture
def model():
    write_csv("t.csv", ["x", "code", "zip", "y"], rows("uv", 0))
    assert main(["train", "t.csv", "--categories", "zip", "--held-out", "0.2", *QUICK]) == 0
    write_csv("new.csv", ["x", "code", "zip", "y"], rows("ww", 4))
    return "t.safetensors"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_command_says_so_once(command, model, capsys):
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main([command, model, "t.csv"]) == 0
        assert capsys.readouterr().err == ""
        assert main([command, model, "new.csv"]) == 0
    assert capsys.readouterr().err.splitlines() == [f"backprop-xp: warning: {x}" for x in LINES]


def test_the_model_in_python_warns(model):
    loaded = bp.load(model)
    table = bp.datasets.read_like("new.csv", loaded.decided)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded.predict(bp.datasets.read_like("t.csv", loaded.decided).rows())
    for predict in (loaded.predict, loaded.predict_std):
        with pytest.warns(UserWarning, match="levels") as given:
            predict(table.rows())
        assert [str(one.message) for one in given] == LINES
        assert {one.filename for one in given} == {__file__}


def test_a_frame_warns_too(model):
    frame = pytest.importorskip("polars").read_csv("new.csv")
    with pytest.warns(UserWarning, match="levels") as given:
        bp.load(model).predict(frame)
    assert [str(one.message) for one in given] == LINES
