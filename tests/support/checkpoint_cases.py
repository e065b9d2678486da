"""The law that a resumed run is the whole run, and its network, for tests of checkpoints."""

import numpy as np

import backprop_xp as bp

_rng = np.random.default_rng(0)
X, Y = _rng.normal(size=(20, 3)), _rng.integers(0, 3, 20)
X_VAL, Y_VAL = _rng.normal(size=(10, 3)), _rng.integers(0, 3, 10)
NET = bp.Network([3, 4, 3], "tanh", connections=[np.eye(4, 3) + 1 > 1, None])
CHOSEN = {"batch_size": 6, "optimizer": bp.Adam(0.05), "dropout": 0.2, "l2": 0.01, "seed": 3}


def law(folder, net, X, Y, **chosen):
    """Train 5 epochs, and 3 and then 2; return both runs."""
    whole = bp.train(net, X, Y, epochs=5, **chosen)
    saving = bp.Checkpoint(folder, every=3)
    bp.train(net, X, Y, epochs=3, callbacks=[saving], **chosen)
    return whole, bp.train(net, X, Y, epochs=5, resume=folder, **chosen)


def assert_same(whole, resumed, host=np.asarray):
    np.testing.assert_array_equal(host(resumed.theta), host(whole.theta))
    assert resumed.history.keys() == whole.history.keys()
    for name, of in whole.history.items():
        np.testing.assert_array_equal(resumed.history[name], of)
    assert all(type(entry) is type(of[0]) for of in resumed.history.values() for entry in of)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class Metric:
    """Puts numbers into the history, the first of them for the first epoch."""

    def __init__(self, entries):
        self.entries = entries

    def on_epoch_end(self, progress):
        entry = np.full(progress.theta.shape[:-1], self.entries[progress.epoch - 1])
        progress.history.setdefault("metric", []).append(entry if entry.ndim else float(entry))
