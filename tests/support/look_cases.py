"""Runs whose epochs the host reads together, and runs whose epochs are asked for."""

import numpy as np
import pytest

from backprop_xp.arrays.backend import to_host
from backprop_xp.training import looks, loop
from backprop_xp.training.looks import Looks

EPOCHS = 23


class Watching:
    """Asks for each epoch, and does nothing."""

    def on_epoch_end(self, progress):
        pass


@pytest.fixture
def counted(monkeypatch):
    """Let time stand nearly still, so that looks grow; return the epochs of each look."""
    clock, found = iter(np.arange(10**6) * 1e-9), []
    monkeypatch.setattr(looks.time, "perf_counter", lambda: next(clock))

    class Noted(Looks):
        def end(self, epochs, now=None):
            found.append(epochs)
            super().end(epochs, now)

    monkeypatch.setattr(loop, "Looks", Noted)
    return found


def same(one, other):
    """Check that two runs, or two errors, have the same θ and history, to the bit."""
    host = [to_host(x.theta) for x in (one, other)]
    assert host[0].tobytes() == host[1].tobytes()
    assert host[0].dtype == host[1].dtype
    assert one.history.keys() == other.history.keys()
    for name, entries in one.history.items():
        others = other.history[name]
        assert [type(x) for x in entries] == [type(x) for x in others]
        assert np.array(entries).tobytes() == np.array(others).tobytes()
        assert [np.shape(x) for x in entries] == [np.shape(x) for x in others]
