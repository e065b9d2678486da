"""The command as a whole: devices, arguments, fresh processes, and errors of one line."""

import os
import subprocess
import sys

import pytest
from cli_cases import write_csv

import backprop_xp as bp
from backprop_xp.cli.arguments import parser
from backprop_xp.cli.main import main
from backprop_xp.cli.predict import PredictOptions
from backprop_xp.cli.table_evaluate import EvaluateOptions
from backprop_xp.cli.table_options import ONE_NETWORK, TableOptions
from backprop_xp.cli.train_options import EPOCHS, TrainOptions
from backprop_xp.cli.training_data import SHARE

# ---------------------------------------------------------------------------------------------
# what works


def test_devices(capsys, monkeypatch):
    monkeypatch.delenv("BACKPROP_XP_DEVICE")
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cpu ")
    assert "cuda" in out
    assert f"auto picks {bp.select_device('auto').name} (" in out


LONG = "no driver here, and a long text of a library that goes on about 'what-it-found' for a while"


@pytest.mark.parametrize("columns", [None, 30, 60, 200])
def test_devices_in_a_terminal_of_any_width(columns, capsys, monkeypatch):
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    command = (
        "Run python -m pip uninstall cupy-cuda13x, then python -m pip install 'backprop-xp[x]'"
    )
    found = [
        bp.DeviceStatus("cpu", available=True),
        bp.DeviceStatus("cuda", False, f"{LONG}. {command}", command),
        bp.DeviceStatus("torch:cpu", False, "PyTorch is not installed. Run it", "Run it"),
    ]
    monkeypatch.setattr("backprop_xp.arrays.devices.devices", lambda: found)
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"             {command}" in lines  # in one piece, to be copied
    width = max(columns or 80, 40)
    assert max(len(line) for line in lines if command not in line) <= width
    cuda = lines[1 : lines.index(f"             {command}")]
    assert cuda[0].startswith("cuda         not available: no driver")
    assert all(line.startswith(" " * 13) for line in cuda[1:])
    said = " ".join(line.strip() for line in cuda)
    assert said == f"cuda         not available: {LONG}"  # words are not broken
    assert lines[0] == "cpu          available"
    assert lines[-1].startswith("auto picks cpu (named by BACKPROP_XP_DEVICE") or columns == 30


def test_other_runtime_errors_are_defects_and_keep_their_traceback(monkeypatch):
    def fail():
        raise RuntimeError("a defect")

    monkeypatch.setattr("backprop_xp.cli.main._devices", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        main(["devices"])


def run_python(*arguments, **environment):
    command = [sys.executable, *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, env=env, check=False)


def run_shell(arguments):
    command = f"{sys.executable} -m backprop_xp {arguments}"
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)


def test_a_fresh_process():
    done = run_python("-m", "backprop_xp", "train", "xor", "--plot", "", "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"accuracy 100.00 %" in done.stdout
    done = run_python("-m", "backprop_xp", "train", "nothing")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_the_terminal_cannot_show():
    write_csv("größe.csv", ["größe", "y"], [[i, i % 2] for i in range(60)])
    options = ["--plot", "", "--epochs", "1", "--device", "cpu"]
    command = ["-m", "backprop_xp", "train", "größe.csv", *options]
    done = run_python(*command, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"gr\xf6\xdfe.csv" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="the shell of this system closes no stream")
@pytest.mark.parametrize(
    ("closed", "shown"), [("2>&-", True), ("<&- 2>&-", True), ("1>&-", False), ("1>&- 2>&-", False)]
)
def test_a_closed_stream_does_not_stop_training(closed, shown, tmp_path):
    done = run_shell(f"train xor --plot '' --device cpu {closed}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"accuracy 100.00 %" in done.stdout) == shown
    assert bp.load(tmp_path / "xor.safetensors").network.sizes[0] == 2


@pytest.mark.skipif(os.name != "posix", reason="the shell of this system closes no stream")
@pytest.mark.parametrize(("arguments", "status"), [("train nothing", 1), ("train", 2)])
def test_an_error_does_not_go_to_stdout_where_stderr_is_closed(arguments, status):
    done = run_shell(f"{arguments} 2>&-")
    assert (done.returncode, done.stdout) == (status, b"")


def test_closed_streams_are_none_again_afterwards(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["devices"]) == 0
    assert sys.stdin is sys.stdout is sys.stderr is None


@pytest.mark.parametrize(
    ("command", "options"),
    [("predict", PredictOptions("m", "x")), ("evaluate", EvaluateOptions("m", "x"))],
)
def test_defaults_are_those_of_the_options(command, options):
    parsed = vars(parser().parse_args([command, "m", "x"]))
    assert {**vars(options), **parsed} == {**vars(options), "command": command}
    without_default = {name for name, value in vars(options).items() if value is None}
    assert set(parsed) == {*vars(options), "command"} - without_default


def test_only_options_that_are_given_reach_train():
    assert vars(parser().parse_args(["train", "xor"])) == {"command": "train", "data": "xor"}


def test_every_option_of_train_is_an_argument_and_belongs_to_a_network_or_a_table():
    command = next(
        one.choices["train"] for one in parser()._actions if isinstance(one.choices, dict)
    )
    arguments = {one.dest for one in command._actions} - {"help"}
    of_one, of_table = (
        set(vars(kind("xor"))) - {"progress"} for kind in (TrainOptions, TableOptions)
    )
    assert arguments == of_one | of_table
    assert set(ONE_NETWORK) == of_one - of_table


METAVARS = {
    **dict.fromkeys(["epochs", "batch_size", "seed"], "N"),
    **dict.fromkeys(["device", "dtype"], "NAME"),
    "held_out": "SHARE",
}


@pytest.mark.parametrize("name", METAVARS)
def test_help_says_the_default(name, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    page = " ".join(capsys.readouterr().out.split())
    _, _, about = page.partition(f" --{name.replace('_', '-')} {METAVARS[name]} ")
    default = {"epochs": EPOCHS, "held_out": SHARE}.get(name, getattr(TrainOptions, name))
    assert f"(default: {default}" in about[:400]


# ---------------------------------------------------------------------------------------------
# what is refused


def test_arguments_that_are_not_understood_end_with_2(capsys):
    for arguments in ([], ["learn"], ["train"], ["train", "xor", "--epochs", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("backprop-xp: error: ")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "data.csv"), 1, "data.csv: Permission denied"),
        (OSError("a disk\nis full"), 1, "a disk is full"),
        (MemoryError("8 TiB"), 1, "not enough memory (8 TiB). Try fewer cases, a smaller --batch"),
        (
            RuntimeError("CUDA out of memory. Tried"),
            1,
            "not enough memory (CUDA out of memory. Tri",
        ),
        (
            bp.OutOfMemoryError("train, epoch 3", "no memory for 8 TiB", "room", "Try batch_size="),
            1,
            "train, epoch 3: no memory for 8 TiB; nothing was written. Try fewer cases, a smaller",
        ),
    ],
)
def test_errors_from_outside_are_one_line_too(error, status, message, monkeypatch, refused):
    def fail():
        raise error

    monkeypatch.setattr("backprop_xp.cli.main._devices", fail)
    assert message in refused("devices", status=status)
