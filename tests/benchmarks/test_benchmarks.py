"""The benchmarks run, on tiny work; their figures are looked at by people, not by tests."""

import dataclasses
import doctest
import importlib.util
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from needs import every, some_of

from benchmarks import disk, documents, summary, tables, train
from benchmarks.__main__ import main
from benchmarks.interleave import (
    ROOT,
    Ended,
    Outcome,
    Worker,
    _starts,
    different_work,
    environment,
    interleave,
    time_peers,
)
from benchmarks.job import Job
from benchmarks.peers import PEERS, make
from benchmarks.products import (
    ORDERS,
    best_plan,
    fastest,
    operands,
    places_of,
    products_of,
    stored,
)
from benchmarks.publishing import Report

TINY = Job("train", [6, 5, 4, 3], batch_size=4, cases=12)
TINY_STACK = Job("stack", [6, 5, 3], batch_size=4, cases=12, stack=2)


def benchmark(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def needs(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


# ---------------------------------------------------------------------------------------------
# the commands, on tiny work

TIMING = ("--repeat", "1", "--threads", "1")
COMMANDS = {
    "train sgd cpu 6,4,3": [
        *("train", "--sizes", "6,4,3", "--batch-size", "5", "--cases", "12", "--epochs", "1"),
        *(*TIMING, "--peers", "floor"),
    ],
    "stack cpu": [
        *("stack", "--sizes", "6,4,3", "--stack", "2", "--cases", "64", "--starts", "3"),
        *("--sweeps", "2", *TIMING, "--peers", "own-loop,floor"),
    ],
    "predict cpu": ["predict", "--sizes", "6,4,3", "--cases", "9", *TIMING, "--peers", "floor"],
    "scale cpu": ["scale", "--sweeps", "stack", "--points", "2", *TIMING],
    "import": ["import", "--repeat", "1", "--peers", "numpy"],
    "threads cpu 6,4,3": [
        *("threads", "--sizes", "6,4,3", "--batch-size", "5", "--cases", "12", "--epochs", "1"),
        *("--repeat", "1", "--threads", "1", "--load", "1"),
    ],
    "disk cpu": ["disk", "--gigabytes", "0.001", "--memory-gigabytes", "0.0005", "--repeat", "1"],
    "machines jobs": [
        *("machines", "--jobs", "2", "--epochs", "1", "--repeat", "1", "--steps", "recorded"),
    ],
}


@pytest.mark.parametrize("key", some_of(COMMANDS, 2))
def test_a_command_writes_its_results(key, tmp_path):
    document = tmp_path / "RESULTS.md"
    document.write_text(f"# Results\n\n<!-- {key} -->\nold\n<!-- end -->\n\nafter\n")
    done = benchmark(*COMMANDS[key], "--json", tmp_path / "a.json", "--markdown", document)
    assert done.returncode == 0, done.stderr
    assert "backprop_xp" in done.stdout or key.startswith("disk")
    content = json.loads((tmp_path / "a.json").read_text())
    assert {"command", "date", "machine", "options", "results"} == set(content)
    assert content["command"] == key
    assert content["machine"]["versions"]["numpy"] == np.__version__
    written = document.read_text()
    assert "old" not in written
    assert written.endswith("<!-- end -->\n\nafter\n")
    assert "| --- |" in written
    for text in (written, json.dumps(content)):  # neither names of folders nor of the machine
        assert str(tmp_path) not in text
        assert str(ROOT) not in text


@every
def test_ranks_are_timed_beside_independent_processes(tmp_path):
    needs("mpi4py")
    if not shutil.which("mpiexec"):
        pytest.skip("mpiexec is not there")
    done = benchmark("machines", "--part", "ranks", "--repeat", "1", "--json", tmp_path / "a.json")
    assert done.returncode == 0, done.stderr
    for result in json.loads((tmp_path / "a.json").read_text())["results"]:
        assert {"backprop_xp", "processes"} <= set(result["peers"])
        assert not result["warnings"]  # the ranks and DDP do the same work
        (apart,), (waiting,) = result["laps"]["summing apart"], result["laps"]["waiting"]
        assert 0 < waiting < apart < 1


def test_ranks_need_mpiexec(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert main(["machines", "--part", "ranks"]) == 2
    assert "needs mpiexec and mpi4py" in capsys.readouterr().err


@pytest.mark.parametrize("key", some_of(["train sgd cpu 6,4,3", "stack cpu", "scale cpu"], 3))
def test_a_command_draws_its_results(key, tmp_path):
    needs("matplotlib")
    done = benchmark(*COMMANDS[key], "--plot", tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    header = (tmp_path / "a.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert int.from_bytes(header[16:20]) == 1200  # pixels wide


def test_who_cannot_do_the_work_is_named_with_the_reason():
    done = benchmark(*COMMANDS["train sgd cpu 6,4,3"], "--peers", "torch-graph")
    assert done.returncode == 0, done.stderr
    why = "CUDA graphs need a CUDA device"
    reason = why if importlib.util.find_spec("torch") else "torch is not installed"
    assert f"torch-graph is left out: {reason}" in done.stderr
    assert f"torch-graph is left out: {reason}" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no groups of processes")
def test_an_interruption_ends_the_workers():
    command = [sys.executable, "-m", "benchmarks", "train", "--sizes", "6,4,3"]
    with subprocess.Popen(
        [*command, "--peers", "torch-graph", "--repeat", "1000000"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert "torch-graph is left out" in process.stderr.readline()  # a worker is ready
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
            with pytest.raises(ProcessLookupError):
                os.killpg(process.pid, 0)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


BAD_OPTIONS = {
    "no cases": ("train --cases 0", "--cases: '0' is not an integer >= 1"),
    "a part of a case": ("train --cases 1.5", "--cases: '1.5' is not an integer >= 1"),
    "a batch larger than the cases": (
        "train --sizes 6,4,3 --batch-size 9 --cases 8",
        "a batch of 9 is larger than the 8 cases",
    ),
    "a batch of the table": ("train --batch-size 9", "--batch-size goes with --sizes"),
    "sizes that are no numbers": ("train --sizes 6,x,3", "'x' is not an integer >= 1"),
    "one size": ("train --sizes 6", "'6' has fewer than 2 numbers"),
    "one output": ("train --sizes 6,1", "needs 2 units"),
    "no thread": ("train --threads 0", "--threads: '0' is not an integer >= 1"),
    "an unknown peer": ("train --peers quux", "unknown peers: quux; known: backprop_xp,"),
    "a peer of another command": ("stack --peers torch", "unknown peers: torch"),
    "an unknown device": ("train --device quux", "device: got 'quux'"),
    "an unknown optimiser": ("train --optimizer quux", "invalid choice: 'quux'"),
    "no round": ("predict --repeat 0", "--repeat: '0' is not an integer >= 1"),
    "an unknown sweep": ("scale --sweeps quux", "--sweeps: 'quux' is not some of width,"),
    "two numbers of threads": ("scale --threads 1,2", "--threads: give one number"),
    "threads of a device": ("threads --device jax:cpu", "--device: the threads of jax:cpu are"),
    "cases of the table of threads": ("threads --cases 9", "--cases go with --sizes"),
    "no load": ("threads --load -1", "--load: '-1' is not an integer >= 0"),
    "an unknown module": ("import --peers quux", "'quux' is not some of backprop_xp,"),
    "no gigabytes": ("disk --gigabytes 0", "--gigabytes: '0' is not a number > 0"),
    "a file of no case": ("disk --gigabytes 0.0000001", "larger than the 0 cases"),
    "more than the disk": ("disk --gigabytes 1e9", "do not fit on a disk with"),
    "no folder": ("disk --folder quux", "--folder: 'quux' is not a folder"),
    "a file in no folder": ("train --json quux/a.json", "is not a file in a writable folder"),
    "no command": ("quux", "invalid choice: 'quux'"),
}


@pytest.mark.parametrize(("line", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options_are_refused_in_one_line(line, message, capsys):
    try:
        status = main(line.split())
    except SystemExit as exit_:
        status = exit_.code
    assert status == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


# ---------------------------------------------------------------------------------------------
# the same work for all

PEER_MODULES = {"sklearn": "sklearn", "torch": "torch", "jax": "jax", "own-loop": "numpy"}
MATES = [
    *itertools.product(
        ["train"], ["sklearn", "torch", "jax"], ["sgd", "adam"], ["relu", "sigmoid"]
    ),
    *itertools.product(
        ["stack"], ["own-loop", "sklearn", "torch-vmap", "jax-vmap"], ["sgd"], ["relu"]
    ),
]


def figure(peer, epochs=1):
    return float(np.mean(np.asarray(peer.run(epochs))))


@pytest.mark.parametrize(("task", "name", "optimizer", "hidden"), MATES)
def test_peers_have_the_cost_of_this_library(task, name, optimizer, hidden):
    pytest.importorskip(PEER_MODULES[name.removesuffix("-vmap")])
    base = TINY if task == "train" else TINY_STACK
    job = Job(**{**vars(base), "optimizer": optimizer, "hidden": hidden})
    own, peer = make("backprop_xp", job), make(name, job)
    # three steps of float32, whose costs differ by rounding alone
    assert figure(peer) == pytest.approx(figure(own), rel=1e-5)
    assert figure(peer, epochs=2) == pytest.approx(figure(own), rel=1e-5)  # it starts again


@pytest.mark.parametrize("name", ["bp.predict", "sklearn", "torch", "jax"])
def test_peers_predict_what_this_library_predicts(name):
    if name != "bp.predict":
        pytest.importorskip(name)
    job = Job("predict", [6, 5, 3], batch_size=12, cases=12)
    outputs = np.asarray(make(name, job).run(1))
    # a float32 softmax, to rounding
    assert outputs == pytest.approx(np.asarray(make("backprop_xp", job).run(1)), abs=1e-6)


def test_scikit_learn_shuffles_into_the_given_orders():
    pytest.importorskip("sklearn")
    from sklearn.utils import shuffle

    from benchmarks.peers_sklearn import GivenOrder

    cases, chance = np.arange(TINY.cases), GivenOrder(TINY)
    for epoch in range(3):
        cases = shuffle(cases, random_state=chance)
        np.testing.assert_array_equal(cases, TINY.order(epoch))


def test_different_work_is_seen():
    figures = {"backprop_xp": 2.0, "near": 2.01, "far": 2.03, "nan": np.nan, "floor": None}
    warnings = different_work(Outcome(figures=figures), "backprop_xp")
    assert [warning.split()[0] for warning in warnings] == ["far", "nan"]
    assert different_work(Outcome(figures={"near": 1.0}), "backprop_xp") == []


def test_every_class_is_there():
    X, Y = TINY.data()
    assert X.shape == (12, 6)
    assert X.dtype == np.float32
    assert set(Y) == {0, 1, 2}


def test_a_file_holds_the_inputs(tmp_path):
    disk._write(tmp_path / "X", cases=5, n_in=3)
    job = Job("train", [3, 2], batch_size=5, cases=5, file=str(tmp_path / "X"))
    X, _ = job.data()
    assert isinstance(X, np.memmap)
    assert X.shape == (5, 3)
    assert ((X >= 0) & (X < 1)).all()


# ---------------------------------------------------------------------------------------------
# processes


def test_a_peer_that_fails_loses_nothing_of_the_others(capsys):
    missing = Job(**{**vars(TINY), "file": "quux"})
    work = {"bad": ("backprop_xp", missing), "backprop_xp": ("backprop_xp", TINY)}
    outcome = interleave(work, repeat=2, times=1)
    assert len(outcome.seconds["backprop_xp"]) == 2
    assert "bad" not in outcome.seconds
    assert "FileNotFoundError" in outcome.left_out["bad"]
    assert "bad is left out" in capsys.readouterr().err
    report = Report("key", "title")
    report.add(TINY, outcome)
    assert report.results[0]["left_out"] == outcome.left_out
    assert report.notes == [f"bad is left out: {outcome.left_out['bad']}"]


@pytest.mark.parametrize(
    ("device", "starts"),
    [("cpu", [["a"], ["floor"], ["b"]]), ("cuda", [["floor"], ["a", "b"]])],
)
def test_peers_on_a_gpu_start_at_once_but_for_the_floor(device, starts):
    job = Job(**{**vars(TINY), "device": device})
    work = {name: ("floor" if name == "floor" else "torch", job) for name in ("a", "floor", "b")}
    assert _starts(work) == starts


def test_a_process_that_ends_says_how():
    with Worker("backprop_xp", TINY) as worker:
        assert {"memory", "figure"} == set(worker.answer())
        worker._process.kill()
        worker._process.wait()
        with pytest.raises(Ended, match="ended with status -9"):
            worker.seconds(1)


def test_workers_run_with_the_same_threads_and_no_slow_kernels(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    variables = environment(threads=3)
    assert not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & set(variables)
    assert {variables[name] for name in ("OMP_NUM_THREADS", "PJRT_NPROC")} == {"3"}


@pytest.mark.parametrize("device", ["cpu", "torch:cpu", "jax:cpu"])
def test_without_this_library_there_are_times_but_no_ratios(device):
    needs("numpy" if device == "cpu" else device.partition(":")[0])
    job = dataclasses.replace(TINY, device=device)
    outcome = time_peers(job, ["floor"], repeat=1, times=1)
    found = summary.summarise(job, outcome, "backprop_xp")["floor"]
    assert found["ratio"] is None
    assert found["share_of_floor"] == 1
    assert train.ratios({"floor": found}) == {}


def test_the_bars_of_a_picture_are_of_this_library_too():
    outcome = Outcome(seconds={"backprop_xp": [2.0, 2.0], "floor": [1.0, 1.0]})
    outcome.figures = dict.fromkeys(outcome.seconds, 1.0)
    outcome.memory = {name: {"peak": 0} for name in outcome.seconds}
    found = summary.summarise(TINY, outcome, "backprop_xp")
    assert train.ratios(found) == {"backprop_xp": 1, "floor": 0.5}


def test_every_peer_has_a_function():
    for task, peers in PEERS.items():
        for module, function in peers.values():
            text = (ROOT / "benchmarks" / f"{module}.py").read_text()
            assert f"\ndef {function}(job: Job) -> Peer:" in text, (task, module, function)


# ---------------------------------------------------------------------------------------------
# arithmetic


def test_operations_of_a_small_network():
    job = Job("train", [2, 3, 4], batch_size=5, cases=10)
    # forward 2·3 + 3·4, ∂E/∂W as many, ∂E/∂a 3·4: 48 products and sums for each of 10 cases
    assert job.flops() == 2 * 48 * 10
    assert Job("predict", [2, 3, 4], 10, 10).flops() == 2 * 18 * 10
    assert Job("stack", [2, 3, 4], 5, 10, stack=7).flops() == 7 * job.flops()


def test_bytes_of_a_step():
    # 2 · (9 + 16) parameters and gradients, 2 · 7 · 5 of a and δ, 2 · 5 inputs, of 4 bytes
    assert Job("train", [2, 3, 4], batch_size=5, cases=10).bytes_of_a_step() == 4 * (50 + 70 + 10)


@pytest.mark.parametrize("job", [TINY, TINY_STACK, Job("predict", [6, 5, 3], 12, 12)])
def test_products_are_the_operations_of_the_job(job):
    steps = 1 if job.task == "predict" else job.batches
    assert steps * sum(product.flops for product in products_of(job)) == job.flops()


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("stack", [0, 2])
def test_a_product_is_the_same_in_every_storage(orders, stack):
    product = next(of for of in products_of(TINY) if of.A == "delta2")
    product = type(product)(**{**vars(product), "stack": stack})
    lead = (stack,) if stack else ()
    rng = np.random.default_rng(0)
    delta = rng.standard_normal((*lead, product.p, product.q))
    a_prev = rng.standard_normal((*lead, product.r, product.q))
    by_columns = {"delta2": delta, "a1": a_prev}
    arrays = {}
    for place in places_of(product, orders):
        name, _, storage = place.key.partition(" by ")
        x = by_columns.get(name, np.zeros((*lead, product.p, product.r)))
        arrays[place.key] = np.ascontiguousarray(x.mT if storage == "columns" else x)
    x, y, out = operands(product, orders, arrays)
    assert out.flags.c_contiguous
    np.matmul(x, y, out=out)
    C = places_of(product, orders)[2].view(arrays)
    np.testing.assert_allclose(C, delta @ a_prev.mT, rtol=1e-12)  # float64, to rounding


def test_the_fastest_storage_is_taken_for_each_shape():
    products, tried = products_of(TINY), []

    def seconds(plan):
        ((product, orders),) = plan
        tried.append(product.shape)
        return 1.0 if orders == (True, False, True) else 2.0

    assert fastest(products, seconds) == [(True, False, True)] * len(products)
    assert len(tried) == len(set(tried)) * (len(ORDERS) + 2)


@pytest.mark.parametrize("job", [TINY, TINY_STACK, Job("predict", [6, 5, 3], 12, 12)])
@pytest.mark.parametrize("units_by_columns", [False, True])
def test_a_matrix_of_a_step_is_stored_once(job, units_by_columns):
    plan = stored(products_of(job), units_by_columns=units_by_columns)
    found = {place.key for product, orders in plan for place in places_of(product, orders)}
    names = [key.partition(" by ")[0] for key in found]
    assert len(names) == len(set(names))
    of_units = {f"{name} by columns" for name in names if name == "a0" or units_by_columns}
    of_units = {key for key in of_units if not key.startswith(("W", "dW"))}
    assert {key for key in found if key.endswith("columns")} == of_units


@pytest.mark.parametrize("best", [0, 1, 2])
def test_the_plan_is_taken_that_is_fastest_as_a_whole(best):
    products = products_of(TINY)
    own = (True, True, True)
    plans = [
        [(product, own) for product in products],
        *(stored(products, units_by_columns=columns) for columns in (False, True)),
    ]
    assert plans[0] not in plans[1:]

    def seconds(plan):
        if len(plan) == 1:
            return 1.0 if plan[0][1] == own else 1.1
        return 1.0 if plan == plans[best] else 2.0

    assert best_plan(products, seconds) == plans[best]


def test_figures_of_interleaved_rounds():
    outcome = Outcome(
        seconds={"backprop_xp": [1.0, 2.0, 4.0], "sklearn": [2.0, 6.0, 8.0], "floor": [0.5, 1, 3]},
        figures={"backprop_xp": 2.0, "sklearn": 2.0, "floor": None},
        memory={peer: {"peak": 10} for peer in ("backprop_xp", "sklearn", "floor")},
    )
    job = Job("train", [2, 3, 4], batch_size=5, cases=10)
    found = summary.summarise(job, outcome, "backprop_xp")
    assert found["sklearn"]["ratio"] == 2  # of 2, 3, 2
    assert found["sklearn"]["ratio_of_minima"] == 2
    assert found["backprop_xp"]["median"] == 2
    assert found["backprop_xp"]["minimum"] == 1
    assert found["backprop_xp"]["samples_per_second"] == 5
    assert found["backprop_xp"]["gflop_per_second"] == pytest.approx(480e-9)
    assert found["backprop_xp"]["share_of_floor"] == 0.5  # of 0.5, 0.5, 0.75
    assert found["floor"]["memory"] == 10


def test_slopes():
    x = [1, 10, 100]
    assert summary.slope(x, [5, 50, 500]) == pytest.approx(1)
    assert summary.slope(x, [7, 7, 7]) == pytest.approx(0)
    assert summary.slope([1, 2], [0, 0]) is None
    assert summary.slope([1], [1]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.5, "1,234"), (0.00001234, "0.0000123"), (99.96, "100"), (None, "–")],
)
def test_numbers_have_no_exponent(value, text):
    assert tables.number(value) == text


@pytest.mark.parametrize("module", [documents, summary, tables])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0
