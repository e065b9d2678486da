"""Reports of the reproductions: what is printed, what is written, and what is refused."""

import importlib.util
import sys
from pathlib import Path

import pytest
import reporting
from needs import needs
from reporting import Report, Table

import backprop_xp as bp

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.fixture
def command(monkeypatch):
    """Return the module of ``python -m examples``, with a script of its own in place of all."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("examples_command", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def reproduce(command, monkeypatch):
    """Return the command whose names are of small reports; `calls` is what they were given."""
    calls = []

    class Script:
        def __init__(self, key):
            self.key = key

        def report(self, *, quick, mnist):
            calls.append((self.key, quick, mnist))
            return small(self.key, str(len(calls)))

    for key in ("one", "two"):
        monkeypatch.setitem(sys.modules, f"script_{key}", Script(key))
    monkeypatch.setattr(command, "SCRIPTS", {"one": "script_one", "two": "script_two"})
    command.calls = calls
    return command


def small(key, here):
    figure = needs("matplotlib.figure").Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    table = Table("Sweeps", ["", "published", "here"], [["half", "1,425", here]])
    return Report(key, f"Title {key}", "Settings.", [table], ["A note."], {f"{key}_a.png": figure})


def test_all_scripts_are_there_and_have_a_report(command):
    found = {path.stem for path in FOLDER.glob("*.py") if "def report(*, quick" in path.read_text()}
    assert found == set(command.SCRIPTS.values())


def test_a_section_for_each_report_is_written_once_and_replaced(reproduce, tmp_path, capsys):
    (tmp_path / "RESULTS.md").write_text("# Mine\n\nWords of my own.\n")
    assert reproduce.main(["--all", "--quick", "--folder", str(tmp_path)]) == 0
    assert reproduce.calls == [("one", True, None), ("two", True, None)]
    first = (tmp_path / "RESULTS.md").read_text()
    assert reproduce.main(["one", "--folder", str(tmp_path), "--mnist", "images"]) == 0
    assert reproduce.calls[-1] == ("one", False, Path("images"))
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.startswith("# Mine\n\nWords of my own.\n")
    assert "| half | 1,425 | 1 |" in first
    assert "quick version" in first
    assert "| half | 1,425 | 3 |" in text
    for key in ("one", "two"):
        assert text.count(f"## Title {key}\n") == 1
        assert f"![{key} a]({key}_a.png)" in text
        assert (tmp_path / f"{key}_a.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "A note." in printed
    assert "numpy" in printed  # versions


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give names, or --all"),
        (["one", "--all"], "give names, or --all"),
        (["three"], "there is no 'three'; names are one, two"),
        (["one", "--folder", "nowhere"], "--folder nowhere is no folder"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_work(reproduce, arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        reproduce.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert reproduce.calls == []


def test_what_the_library_refuses_is_said_in_its_words(capsys):
    def report(*, quick, mnist):
        return bp.datasets.mnist(mnist)

    assert reporting.script(report, "About.", ["--mnist", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_script_by_itself_writes_nothing_unless_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert reporting.script(lambda **_: small("own", "7"), "About.", []) == 0
    assert list(tmp_path.iterdir()) == []
    assert "Title own" in capsys.readouterr().out
    assert reporting.script(lambda **_: small("own", "7"), "About.", ["--folder", "."]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"RESULTS.md", "own_a.png"}
