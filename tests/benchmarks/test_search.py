"""The benchmark of searches: all searches do the same work, and the command writes its section."""

import json

import pytest
from needs import every

pytest.importorskip("sklearn", minversion="1.7", reason="scikit-learn 1.7 is not installed")

from benchmarks.__main__ import main
from benchmarks.job import Job
from benchmarks.peers import PEERS, LeftOut, make


def test_all_searches_have_the_same_scores():
    job = Job("search", [64, 5, 10], 50, 150, optimizer="adam")
    scores = [make(name, job).run(2) for name in PEERS["search"]]
    assert scores == pytest.approx([scores[0]] * 3, abs=0.005)


def test_scikit_learn_searches_on_the_cpu_alone():
    with pytest.raises(LeftOut, match="CPU only"):
        make("sklearn", Job("search", [64, 5, 10], 50, 150, device="torch:cpu"))


@every
def test_the_command_writes_its_section(tmp_path):
    results, document = tmp_path / "a.json", tmp_path / "R.md"
    options = "--hidden 4 --batch-size 50 --cases 60 --epochs 1 --repeat 1"
    files = ["--json", str(results), "--markdown", str(document)]
    assert main(["search", *options.split(), *files]) == 0
    (found,) = json.loads(results.read_text())["results"]
    assert set(found["peers"]) == set(PEERS["search"])
    assert not found["warnings"]
    assert "**[64, 4, 10], batch 50, 60 cases, 1 thread**" in document.read_text()


def test_more_digits_than_there_are_are_refused(capsys):
    assert main(["search", "--cases", "2000"]) == 2
    assert "there are 1797 digits" in capsys.readouterr().err
