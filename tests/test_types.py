"""Types, as users' checkers see them: a page of users' code has no error, each mistake has one."""

import inspect
import json
import os
import re
import runpy
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.training.options import Keywords

ROOT = Path(bp.__file__).parent.parent
CODE = ROOT / "tests" / "data" / "user_code.py"
MISTAKES = ROOT / "tests" / "data" / "user_mistakes.py"
PAGES = (CODE, MISTAKES)


def output_of(*command: str) -> str:
    made = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        timeout=300,
    )
    assert made.returncode < 2, made.stdout + made.stderr  # 1: it found errors
    return made.stdout


def errors_of_mypy(folder: Path) -> dict[Path, dict[int, str]]:
    quiet = ("--no-error-summary", "--hide-error-context", "--no-pretty")
    of_its_own = ("--strict", "--config-file=", f"--cache-dir={folder}")
    found: dict[Path, dict[int, str]] = {page: {} for page in PAGES}
    printed = output_of("mypy", *of_its_own, *quiet, *map(str, PAGES))
    for name, line, text in re.findall(r"^(.+?):(\d+): error: (.*)$", printed, re.MULTILINE):
        found[ROOT / name][int(line)] = text  # an error elsewhere is a KeyError
    return found


def errors_of_basedpyright(folder: Path) -> dict[Path, dict[int, str]]:
    options = {"typeCheckingMode": "strict", "include": [*map(str, PAGES)]}
    (folder / "pyrightconfig.json").write_text(json.dumps({**options, "extraPaths": [str(ROOT)]}))
    used = ("--project", str(folder), "--pythonpath", sys.executable)
    found: dict[Path, dict[int, str]] = {page: {} for page in PAGES}
    for one in json.loads(output_of("basedpyright", "--outputjson", *used))["generalDiagnostics"]:
        found[Path(one["file"])][one["range"]["start"]["line"] + 1] = one["message"]
    return found


CHECKERS = {"mypy": errors_of_mypy, "basedpyright": errors_of_basedpyright}


@pytest.fixture(scope="module", params=CHECKERS)
def errors(request, tmp_path_factory):
    """The errors in each page by the number of their line; the last one of each line."""
    needs(request.param)
    return CHECKERS[request.param](tmp_path_factory.mktemp(request.param))


def test_checkers_find_nothing_in_the_code_of_users(errors):
    assert errors[CODE] == {}


def test_checkers_find_each_mistake_of_users(errors):
    lines = MISTAKES.read_text("utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, start=1) if line.endswith("# refused")}
    found = errors[MISTAKES]
    assert set(found) == marked, found
    assert len(marked) > 20


def test_the_code_of_users_runs(capsys):
    runpy.run_path(str(CODE), run_name="__main__")
    assert "2 of 5 epochs" in capsys.readouterr().out


def test_the_keywords_of_train_have_the_types_of_its_signature():
    signature = inspect.signature(bp.train).parameters.values()
    keywords = {one.name: one.annotation for one in signature if one.kind is one.KEYWORD_ONLY}
    del keywords["device"]  # the overloads differ by it
    assert typing.get_type_hints(Keywords) == keywords


def test_what_users_name_is_exported():
    named = "Activation Array Callback Initializer Loss Optimizer Progress Run Layer Model Trace"
    assert set(named.split()) <= set(bp.__all__)
