"""A folder of its own for each command, a model in it, and a check of refusals."""

import pytest
from cli_cases import flowers, write_csv

from backprop_xp.cli.main import main


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


@pytest.fixture
def flower_model():
    X, names = flowers()
    write_csv("flowers.csv", ["length", "width", "kind"], zip(*X.T.tolist(), names, strict=True))
    assert main(["train", "flowers.csv", "--plot", "", "--epochs", "10"]) == 0
    return "flowers.safetensors"
