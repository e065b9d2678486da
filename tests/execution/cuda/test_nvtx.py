"""Named ranges for a profiler: they nest, and are there only where they are asked for."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.execution.cuda import nvtx
from backprop_xp.execution.cuda.nvtx import ranges
from backprop_xp.execution.cuda.switches import NVTX
from backprop_xp.training import loop


@pytest.fixture
def pushed(monkeypatch):
    """Return what is pushed and popped."""
    noted = []
    made = SimpleNamespace(RangePush=noted.append, RangePop=lambda: noted.append("pop"))
    monkeypatch.setitem(sys.modules, "cupy.cuda.nvtx", made)
    monkeypatch.setattr(nvtx.importlib, "import_module", lambda name: sys.modules[name])
    return noted


def test_without_the_variable_there_are_none(pushed, monkeypatch):
    monkeypatch.delenv(NVTX, raising=False)
    with ranges()("capture"):
        pass
    assert ranges()("one") is ranges()("other")
    assert pushed == []


def test_with_it_they_begin_and_end(pushed, monkeypatch):
    monkeypatch.setenv(NVTX, "1")
    with pytest.raises(KeyError), ranges()("capture"):
        raise KeyError
    assert pushed == ["backprop_xp: capture", "pop"]


def test_other_libraries_have_none(pushed, monkeypatch):
    monkeypatch.setenv(NVTX, "1")
    with ranges(np.zeros(1))("epoch 0"):
        pass
    assert pushed == []


@pytest.mark.parametrize("progress", [False, True], ids=["looks", "epochs"])
def test_a_training_has_epochs_and_blocks(pushed, monkeypatch, progress):
    monkeypatch.setenv(NVTX, "1")
    monkeypatch.setattr(loop, "ranges", lambda _: ranges())
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    validation = (X, Y) if progress else None
    bp.train(net, X, Y, epochs=2, batch_size=2, validation=validation)
    block = ["backprop_xp: 2 batches", "pop"]
    assert pushed == [
        *("backprop_xp: epoch 0", *block, "pop"),
        *("backprop_xp: epoch 1", *block, "pop"),
    ]
