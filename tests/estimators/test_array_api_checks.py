"""scikit-learn's own checks of the Array API: all have run, none was skipped, and all pass."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from needs import needs, some_of

sklearn = pytest.importorskip("sklearn", minversion="1.9")

import backprop_xp as bp  # noqa: E402

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests/support/array_api_checks.py"
COUNTS = {"numpy": 6 * 8, "torch": 6 * (8 + 1), "array_api_strict": 6 * (16 + 1)}


@pytest.mark.parametrize("library", some_of(COUNTS, len(COUNTS)))
def test_all_checks_run_and_pass(library):
    needs(library, "strict" if library == "array_api_strict" else None)
    if library == "torch":
        needs("array_api_strict", "strict")
    run = subprocess.run(
        [sys.executable, PROGRAM, library],
        cwd=ROOT,
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert {name: how for name, how in found.items() if how != "passed"} == {}
    assert len(found) == COUNTS[library]


@pytest.mark.parametrize("kind", [bp.MLPClassifier, bp.MLPRegressor])
def test_the_tag(kind):
    assert kind().__sklearn_tags__().array_api_support
