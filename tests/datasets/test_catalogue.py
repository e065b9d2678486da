"""Data sets by name, and files by their suffix."""

import subprocess
import sys

import pytest

from backprop_xp import datasets, errors


def test_read_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y,x\nno,1\nyes,2\n")
    X, Y, feature_names, class_names = datasets.read_file(path, target="y")
    assert (X.tolist(), Y.tolist()) == ([[1], [2]], [0, 1])
    assert (feature_names, class_names) == (("x",), ("no", "yes"))


@pytest.mark.parametrize("name", ["family_trees", "symmetry", "xor"])
def test_names_that_a_command_line_may_take(name):
    assert isinstance(datasets.NAMES[name](), datasets.Dataset)


def test_names():
    assert set(datasets.NAMES) == {"digits", "mnist", "xor", "symmetry", "family_trees"}


def test_importing_the_module_loads_nothing_heavy():
    code = (
        "import sys, backprop_xp.datasets;"
        "print(sorted({'sklearn', 'pooch', 'pandas', 'requests', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_read_file_with_a_line_that_may_be_a_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,<1\n2,3\n")
    with pytest.raises(errors.DataError, match="ambiguous"):
        datasets.read_file(path)
    assert datasets.read_file(path, header=True).X.tolist() == [[2]]
