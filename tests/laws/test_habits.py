"""The page for people of Keras and skorch: its names here exist, its names there get advice."""

import inspect
import re

import pytest
from bad_input_cases import NET, X, Y, train
from code_blocks import GUIDE

import backprop_xp as bp
from backprop_xp.arrays.advice import name_here, place_of_keyword

PAGE = GUIDE / "from-keras-and-skorch.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("|") and not line.startswith("|---")
]
THERE = sorted(
    {code for *cells, _ in ROWS for cell in cells for code in re.findall("`(.+?)`", cell)}
)
HERE = sorted({code for *_, cell in ROWS for code in re.findall("`(.+?)`", cell)})
UNLIKE = {"layers", "module_"}  # a method here, and a name too short to be advised on
ON_MODULES = (bp, bp.callbacks, bp.schedules)


def names(pattern, codes):
    return sorted({name for code in codes for name in re.findall(pattern, code)} - UNLIKE)


def test_the_tables_are_found():
    assert len(ROWS) > 40
    assert len(HERE) > 40


@pytest.mark.parametrize("name", names(r"\b((?:bp|net|run)\.[\w.]+)", HERE))
def test_a_name_here_exists(name):
    of, *path = name.split(".")
    found = {"bp": bp, "net": NET, "run": train(epochs=1)}[of]
    for part in path:
        found = getattr(found, part)


@pytest.mark.parametrize("name", names(r"(?:model|net)\.(\w+)", THERE))
def test_a_method_there_is_one_here_or_gets_advice(name):
    if name not in dir(NET):
        with pytest.raises(bp.MissingMethodError) as caught:
            getattr(NET, name)
        assert re.search(r"bp\.|net\.|run\.|theta", caught.value.parts[3])


@pytest.mark.parametrize("name", names(r"^([A-Z]\w+)\(", THERE))
def test_a_class_there_is_one_here_or_gets_advice(name):
    if hasattr(bp, name) or hasattr(bp.schedules, name) or name in ("L2", "PrintLog"):
        return
    for module in ON_MODULES:
        with pytest.raises(bp.MissingMethodError):
            getattr(module, name)


@pytest.mark.parametrize("keyword", names(r"fit\((\w+)=", THERE))
def test_an_argument_of_fit_is_one_here_or_gets_advice(keyword):
    known = inspect.signature(bp.train).parameters
    if keyword not in known:
        with pytest.raises(bp.CallError):
            bp.train(NET, X, Y, **{keyword: None})
        assert name_here(keyword, known) or place_of_keyword(keyword)


@pytest.mark.parametrize("keyword", names(r"NeuralNet\((\w+)=", THERE))
def test_an_argument_of_skorch_is_one_here_or_gets_advice(keyword):
    known = inspect.signature(bp.train).parameters
    assert keyword in known or name_here(keyword, known) or place_of_keyword(keyword)
