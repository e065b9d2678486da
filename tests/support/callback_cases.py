"""A short run to watch, and callbacks that note what they are told."""

import os
import signal

import numpy as np

import backprop_xp as bp

_rng = np.random.default_rng(0)
X, Y = _rng.normal(size=(20, 3)), _rng.integers(0, 2, 20)
X_VAL, Y_VAL = _rng.normal(size=(10, 3)), _rng.integers(0, 2, 10)
NET = bp.Network([3, 4, 2], hidden="tanh")
CHOSEN = {"batch_size": 5, "optimizer": bp.Adam(0.05), "dropout": 0.2, "seed": 3}


class Entries:
    """Puts entries into the history, and notes each θ."""

    def __init__(self, entries):
        self.entries, self.thetas = entries, []

    def on_epoch_end(self, progress):
        progress.history.setdefault("metric", []).append(self.entries[progress.epoch - 1])
        self.thetas.append(progress.theta)


class Interrupting:
    """Sends Ctrl-C to the process in the middle of an epoch."""

    def __init__(self, epoch, batch, times=1):
        self.at, self.times, self.theta = (epoch, batch), times, None

    def on_batch_end(self, progress):
        if (progress.epoch, progress.batch) == self.at:
            self.theta = progress.theta
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
