"""Each code block of the README runs and prints what stands below it."""

import pytest
from code_blocks import ROOT, blocks, check_every_block_has_its_output, run

README = ROOT / "README.md"


def test_every_python_block_has_its_output():
    check_every_block_has_its_output(README)


@pytest.mark.parametrize(("code", "output"), blocks(README))
def test_block(code, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(code, README) == output
