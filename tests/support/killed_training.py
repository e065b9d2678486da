"""Trains in child processes that are killed, and resumes each: ``python killed_training.py N``.

Prints as JSON how many were killed, how many of them while they wrote a file, and how many came to
the very θ of a run that nothing disturbed.
"""

import itertools
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a child of one thread
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

import backprop_xp as bp

EPOCHS = 30
NET = bp.Network([6, 8, 3], hidden="tanh")
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(200, 6)).astype("float32"), rng.integers(0, 3, 200)


def train(folder):
    """Train to the end, from the last checkpoint where there is one."""
    saving = bp.Checkpoint(folder, keep=2, metric="cost")
    stop = bp.EarlyStopping("cost", patience=EPOCHS)
    chosen = {"optimizer": bp.Adam(0.01), "dropout": 0.3, "l2": 0.001, "batch_size": 10}
    callbacks = [saving, stop]
    return bp.train(NET, X, Y, epochs=EPOCHS, callbacks=callbacks, resume=saving, **chosen).theta


def in_child(work):
    """Run `work` in a child process; return its number."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  the child ends here
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return child


class Slowly:
    """A file that says when half of what it is given is written."""

    def __init__(self, file, say):
        self._file, self._say = file, say

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *error):
        return self._file.__exit__(*error)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, content):
        middle = len(content) // 2
        self._file.write(content[:middle])
        self._file.flush()
        self._say()
        self._file.write(content[middle:])


def write_slowly(pipe):
    """Let each stage of writing a file be announced, so that it can be its last."""

    def say():
        os.write(pipe, b".")
        time.sleep(0.02)

    new, fsync, replace = os.fdopen, os.fsync, Path.replace
    os.fdopen = lambda *a, **k: Slowly(new(*a, **k), say)
    os.fsync = lambda number: (say(), fsync(number))
    Path.replace = lambda path, target: (say(), replace(path, target), say())


def killed(folder, chance, seconds):
    """Train in a child and kill it; return whether it was writing, None where it was through."""
    writing = chance.random() < 0.5
    reader, writer = os.pipe()

    def work():
        if writing:
            write_slowly(writer)
        train(folder)

    child = in_child(work)
    os.close(writer)
    if writing:
        for _ in range(chance.randrange(1, 4 * 12)):  # four stages of some files
            select.select([reader], [], [], 30)
            os.read(reader, 1)
    else:
        time.sleep(chance.uniform(0, seconds))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reader)
    return writing if os.WIFSIGNALED(status) else None


def resumed(folder, expected):
    """Tell whether another child goes on to the same θ."""
    child = in_child(lambda: np.save(folder / "theta.npy", train(folder)))
    _, status = os.waitpid(child, 0)
    return status == 0 and np.array_equal(np.load(folder / "theta.npy"), expected)


def main(kills):
    chance = random.Random(0)  # noqa: S311  no secret
    count = {"killed": 0, "writing": 0, "same": 0, "checkpoints": 0}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        expected = train(Path(folder) / "undisturbed")
        seconds = time.perf_counter() - start
        for attempt in itertools.count():
            if count["killed"] == kills:
                break
            here = Path(folder) / str(attempt)
            writing = killed(here, chance, seconds)
            if writing is None:
                continue
            count["killed"] += 1
            count["writing"] += writing
            count["checkpoints"] += bool(list(here.glob("epoch-*")))
            count["same"] += resumed(here, expected)
    print(json.dumps(count))


if __name__ == "__main__":
    main(int(sys.argv[1]))
