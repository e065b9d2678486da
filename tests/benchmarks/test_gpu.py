"""The command for a GPU keeps its budget, whatever its peers do; tried on the CPU."""

import json
import re

import pytest
from needs import every

from benchmarks import gpu
from benchmarks.__main__ import main
from benchmarks.budget import Budget
from benchmarks.gpu import Suite, Timed
from benchmarks.interleave import time_peers
from benchmarks.job import Job
from benchmarks.publishing import Report

TRAIN = Job("train", [6, 4, 3], 5, 20)
PARTS = (
    Suite(("tests/benchmarks/test_documents.py",)),
    Timed(TRAIN, ("backprop_xp", "torch-graph", "floor")),
    Timed(Job("stack", [6, 4, 3], 5, 20, stack=2), ("backprop_xp", "one-kernel", "floor")),
    Timed(Job("predict", [6, 4, 3], 20, 20), ("backprop_xp", "floor")),
)


@pytest.fixture
def hanging_jax(tmp_path, monkeypatch):
    """A library that is never imported to its end."""
    folder = tmp_path / "hanging" / "jax"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("import time\ntime.sleep(1000)\n")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))


def test_a_peer_that_hangs_is_left_out(hanging_jax):
    outcome = time_peers(TRAIN, ["backprop_xp", "jax", "floor"], 2, 1, Budget(30, 2))
    assert outcome.left_out == {"jax": "no answer within 2 s"}
    assert outcome.late == ["jax"]
    assert [len(outcome.seconds[name]) for name in ("backprop_xp", "floor")] == [2, 2]


@every
def test_a_peer_that_was_late_is_not_asked_again(hanging_jax, capsys):
    report, late = Report("a", "b"), set()
    for _ in range(2):
        gpu._timed(Timed(TRAIN, ("backprop_xp", "jax")), "cpu", 1, report, Budget(60, 2), late)
    assert [one["left_out"] for one in report.results] == [
        {"jax": "no answer within 2 s"},
        {"jax": "it was late before"},
    ]


def test_a_part_has_one_round_at_least():
    outcome = time_peers(TRAIN, ["backprop_xp"], 3, 1, Budget(30, 20).part(0.0))
    assert len(outcome.seconds["backprop_xp"]) == 1


def test_no_round_begins_after_the_end(monkeypatch):
    budget = Budget(30, 20)
    monkeypatch.setattr(budget, "left", lambda: 0.0)
    monkeypatch.setattr(budget, "of_an_answer", lambda: 20.0)
    outcome = time_peers(TRAIN, ["backprop_xp"], 2, 1, budget)
    assert outcome.left_out == {"backprop_xp": "the time was over before its first round"}


def test_a_part_takes_its_share():
    part = Budget(10, 60).part(0.5)
    assert 4 < part.of_the_part() <= 5 < part.left() <= 10
    assert Budget(10, 3).part(0.5).of_an_answer() == 3
    assert Budget(1e-9, 3).of_an_answer() == 0


@every
def test_the_results_are_written_after_each_part(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "PARTS", PARTS)
    seen = []
    monkeypatch.setattr(
        gpu, "write", lambda report, given: seen.append(len(report.results)) or write(report, given)
    )
    files = [tmp_path / "a.json", tmp_path / "a.md"]
    options = ["--device", "cpu", "--repeat", "1", "--deadline", "30"]
    assert main(["gpu", *options, "--json", str(files[0]), "--markdown", str(files[1])]) == 0
    assert seen == [0, 1, 2, 3, 3]
    content = json.loads(files[0].read_text())
    assert [one["job"]["task"] for one in content["results"]] == ["train", "stack", "predict"]
    assert {one["job"]["device"] for one in content["results"]} == {"cpu"}
    assert content["results"][0]["job"]["cases"] == 12_800
    text = files[1].read_text()
    assert text.startswith("# Results\n\n<!-- gpu cpu -->\n## Tests and benchmarks of cpu")
    assert re.search(r"`pytest -m gpu tests/benchmarks/test_documents.py`: \d+ deselected", text)
    assert "one-kernel is left out: the kernel is for CuPy's arrays, not for cpu" in text
    assert "Prediction: [6, 4, 3], 20 cases" in capsys.readouterr().out


write = gpu.write


def test_parts_that_are_not_begun_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "PARTS", PARTS)
    path = tmp_path / "a.md"
    assert main(["gpu", "--device", "cpu", "--budget", "1", "--markdown", str(path)]) == 0
    assert "4 of 4 parts were not begun: 1 s were over" in path.read_text()


@every
@pytest.mark.parametrize(
    ("body", "words", "status"),
    [
        ("assert True", "1 passed", 0),
        ("assert False", "1 failed", 1),
        ("import time; time.sleep(1000)", "no end within 8 s", 1),
    ],
)
def test_tests_that_pass_fail_and_hang(body, words, status, tmp_path):
    path = tmp_path / "test_it.py"
    mark = "import pytest\n@pytest.mark.gpu\n"
    path.write_text(f"{mark}def test_it():\n    {body}\n")
    report = Report("a", "b")
    assert gpu._tested(Suite((str(path),)), report, Budget(8, 60)) == status
    assert words in report.notes[0]
    assert ("FAILED" in report.notes[-1]) == (body == "assert False")


def test_a_variable_is_set_for_tests(tmp_path):
    path = tmp_path / "test_it.py"
    path.write_text(
        "import os, pytest\n@pytest.mark.gpu\ndef test_it():\n    assert os.environ['HERE'] == '1'"
    )
    report = Report("a", "b")
    assert gpu._tested(Suite((str(path),), "HERE"), report, Budget(60, 60)) == 0
    assert report.notes[0].startswith("`HERE=1 pytest -m gpu")
