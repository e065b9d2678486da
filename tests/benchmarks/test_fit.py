"""The benchmark of fits: both estimators do the same work, and the command writes its section."""

import json

import pytest

pytest.importorskip("sklearn", minversion="1.7", reason="scikit-learn 1.7 is not installed")

from benchmarks.__main__ import main
from benchmarks.job import Job
from benchmarks.peers import PEERS, make


@pytest.mark.parametrize("sizes", [[6, 5, 3], [6, 5, 4, 2]])
def test_both_estimators_have_the_same_first_cost(sizes):
    job = Job("fit", sizes, 4, 40, optimizer="adam")
    costs = [make(name, job).run(2) for name in PEERS["fit"]]
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)


def test_scikit_learn_fits_on_the_cpu_whatever_the_device():
    job = Job("fit", [6, 5, 3], 4, 40, device="torch:cpu", optimizer="adam")
    assert make("sklearn", job).run(1) > 0


def test_the_command_writes_its_section(tmp_path):
    results, document = tmp_path / "a.json", tmp_path / "R.md"
    options = "--sizes 6,5,3 --batch-size 4 --cases 14 --epochs 1 --repeat 3"
    files = ["--json", str(results), "--markdown", str(document)]
    assert main(["fit", *options.split(), *files]) == 0
    (found,) = json.loads(results.read_text())["results"]
    assert set(found["peers"]) == set(PEERS["fit"])
    assert not found["warnings"]
    assert "**[6, 5, 3], batch 4, 12 cases, 1 thread**" in document.read_text()


def test_cases_of_no_network_are_refused(capsys):
    assert main(["fit", "--cases", "100"]) == 2
    assert "--cases goes with --sizes" in capsys.readouterr().err
