"""Training leaves no memory behind: no tape outlives it, and the process grows no larger."""

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from fused_on_host import NumpyLibrary
from needs import needs, some_of

import backprop_xp as bp
from backprop_xp.execution.cuda.replay import FusedReplayer
from backprop_xp.execution.numpy_replay import Replayer
from backprop_xp.execution.tape import Tape
from backprop_xp.execution.torch_replay import TorchReplayer

NET = bp.Network([3, 4, 2])
X, Y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2

OPTIMIZERS = {
    "SGD": bp.SGD(0.1, 0.9),
    "Adam": bp.Adam(),
    "RMSprop": bp.RMSprop(),
    "Adagrad": bp.Adagrad(),
    "Rprop": bp.Rprop(),
    "LBFGS": bp.LBFGS(),
}


@pytest.fixture(autouse=True)
def older_objects_apart():
    """Let the collector look at new objects alone: the others are many."""
    gc.freeze()
    yield
    gc.unfreeze()


def live_tapes():
    gc.collect()
    return sum(type(one) is Tape for one in gc.get_objects())


@pytest.mark.parametrize("xp", ["numpy", "torch", "jax"], indirect=True)
@pytest.mark.parametrize("name", some_of(OPTIMIZERS, 3))
def test_no_tape_outlives_its_training(xp, name):
    before, full = live_tapes(), name in ("Rprop", "LBFGS")
    for stack in ((), 3):
        bp.train(
            NET,
            xp.array(X),
            xp.array(Y),
            optimizer=OPTIMIZERS[name],
            epochs=2,
            batch_size=None if full else 4,
            stack=stack,
        )
    assert live_tapes() == before


def slices(carry, numbers, x):
    """Return what a step does whose instructions hold views of views."""
    carry += x[1:][0, 1:] * numbers
    return carry, (x[0:1] * 2,)


def reads(carry, numbers, x):
    return carry + x[0, 1:] * float(numbers), (x * 2,)


@pytest.mark.parametrize("step", [slices, reads], ids=["recorded", "refused"])
@pytest.mark.parametrize("library", ["numpy", "torch", "cupy"])
def test_no_tape_outlives_its_replayer(library, step):
    def plainly(carry, numbers, source, *batches):
        return carry, ()

    made = {
        "numpy": lambda: Replayer(lambda _: step, plainly),
        "torch": lambda: TorchReplayer(lambda _: step, plainly),
        "cupy": lambda: FusedReplayer(lambda _: step, plainly, NumpyLibrary()),
    }
    before = live_tapes()
    given = np.zeros(2), np.array(0.5), np.ones((2, 3, 3))
    if library == "torch":
        given = tuple(map(needs("torch").from_numpy, given))
    carry, numbers, X = given
    replayer = made[library]()
    for _ in range(2):
        replayer(carry, [numbers, numbers], None, X)
    assert [one is None for one in replayer.recordings.values()] == [step is reads]
    del replayer
    assert live_tapes() == before


# grows by the whole tape of each training, 40 MB in all, where tapes stay alive
GROWTH = """
import gc, sys
import numpy as np
import backprop_xp as bp

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

X = np.random.default_rng(0).standard_normal((512, 64), dtype="float32")
Y, net, device = np.arange(512) % 10, bp.Network([64, 32, 10]), bp.select_device(sys.argv[1])
for training in range(200):
    bp.train(net, X, Y, epochs=2, batch_size=128, device=device)
    if training == 19:
        then = resident()
print(resident() - then)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc tells memory in use")
@pytest.mark.parametrize(("module", "device"), [("numpy", "cpu"), ("torch", "torch:cpu")])
def test_two_hundred_trainings_take_as_much_memory_as_twenty(module, device):
    needs(module)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(GROWTH), device],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2  # MB
