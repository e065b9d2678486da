"""Each code block of the README runs and prints what stands below it."""

import re
import shlex

import pytest
from cli_cases import write_csv
from code_blocks import ROOT, blocks, check_every_block_has_its_output, run
from mixed_tables import HEADER, mixed_rows
from needs import every

from backprop_xp.cli.main import main

README = ROOT / "README.md"


def test_every_python_block_has_its_output():
    check_every_block_has_its_output(README)


@pytest.mark.parametrize(("code", "output"), blocks(README))
def test_block(code, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(code, README) == output


@every
def test_its_commands_take_a_table_to_predictions(tmp_path, monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.chdir(tmp_path)
    rows = mixed_rows(m=80)
    for name in ("table.csv", "test.csv"):
        write_csv(name, HEADER, rows)
    write_csv("new.csv", HEADER[:-1], [row[:-1] for row in rows])
    section = README.read_text().split("## A table as it comes")[1]
    lines = re.findall(r"^backprop-xp (.*)$", section.split("```")[1], re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["train", "predict", "evaluate"]
    for line in lines:
        assert main(shlex.split(line)) == 0
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 81
    assert (tmp_path / "report.html").exists()
