"""Each code block of the README runs and prints what stands below it."""

from pathlib import Path

import pytest
from code_blocks import blocks, check_every_block_has_its_output, run

README = Path(__file__).parents[1] / "README.md"


def test_every_python_block_has_its_output():
    check_every_block_has_its_output(README)


@pytest.mark.parametrize(("code", "output"), blocks(README))
def test_block(code, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(code, README) == output
