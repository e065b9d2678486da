"""Reports of the reproductions: what is printed, what is written, and what is refused."""

import doctest
import importlib.util
import io
import signal
import sys
from pathlib import Path

import notation
import pytest
import reporting
import starts
from needs import needs
from reporting import Report, Table

import backprop_xp as bp

FOLDER = Path(__file__).parents[2] / "examples"


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
            if self.key == command.interrupted_in:
                signal.raise_signal(signal.SIGINT)
            return small(self.key, str(len(calls)))

    for key in ("one", "two"):
        monkeypatch.setitem(sys.modules, f"script_{key}", Script(key))
    monkeypatch.setattr(command, "SCRIPTS", {"one": "script_one", "two": "script_two"})
    command.calls, command.interrupted_in = calls, None
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
        (["one", "--all"], "give names or --all, not both"),
        (["three"], "there is no 'three'; names are one, two"),
        (["one", "--folder", ""], "the name of the folder is empty"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_work(reproduce, arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        reproduce.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert reproduce.calls == []


def test_a_folder_is_looked_at_before_any_work(reproduce, tmp_path, capsys):
    assert reproduce.main(["one", "--folder", "nowhere"]) == 2
    assert "--folder nowhere is not a folder" in capsys.readouterr().err
    (tmp_path / "RESULTS.md").write_bytes("# Schön\n".encode("latin-1"))
    assert reproduce.main(["one", "--folder", str(tmp_path)]) == 2
    assert "is not in UTF-8" in capsys.readouterr().err
    assert reproduce.calls == []
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]


def test_images_are_looked_at_before_any_work(reproduce, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reproduce, "NEED_MNIST", ("two",))
    assert reproduce.main(["one", "two", "--mnist", str(tmp_path), "--quick"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert reproduce.calls == []


def test_a_quick_version_takes_the_place_of_nothing(reproduce, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reproduce, "HERE", tmp_path)
    assert reproduce.main(["one", "one", "--quick"]) == 0
    assert reproduce.calls == [("one", True, None)]
    assert list(tmp_path.iterdir()) == []
    assert "Nothing is written." in capsys.readouterr().out
    assert reproduce.main(["one"]) == 0
    assert (tmp_path / "RESULTS.md").exists()
    assert f"Written to {tmp_path}: RESULTS.md, one_a.png." in capsys.readouterr().out


def test_what_is_interrupted_is_not_published(reproduce, tmp_path, capsys):
    reproduce.interrupted_in = "two"
    before = signal.getsignal(signal.SIGINT)
    assert reproduce.main(["--all", "--folder", str(tmp_path)]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    text = (tmp_path / "RESULTS.md").read_text()
    assert "Title one" in text
    assert "Title two" not in text
    assert "interrupted" in capsys.readouterr().err


def test_an_interruption_ends_a_training_at_once():
    class Interrupting:
        def on_epoch_end(self, _):
            signal.raise_signal(signal.SIGINT)

    ended = []

    def work():
        X, Y = bp.datasets.xor()
        net = bp.Network([2, 2, 1], "tanh", "sigmoid", "binary_cross_entropy")
        ended.append(bp.train(net, X, Y, epochs=3, callbacks=[Interrupting()]))

    assert reporting.guarded(work) == 130
    assert ended == []


def test_what_cannot_be_written_is_seen_at_least(reproduce, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError("no space left on the disk")

    monkeypatch.setattr(reporting, "write_section", full)
    assert reproduce.main(["one", "--folder", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "Title one" in printed.out
    assert printed.err == "no space left on the disk\n"


def test_a_terminal_without_greek_letters_loses_nothing(reproduce, tmp_path, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(reporting.Report, "text", lambda _: "σ and Σ")
    assert reproduce.main(["one", "--folder", str(tmp_path)]) == 0
    assert terminal.buffer.getvalue().startswith(b"sigma and sum")
    assert (tmp_path / "RESULTS.md").exists()


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


@pytest.mark.parametrize("module", [notation, reporting, starts])
def test_examples_in_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
