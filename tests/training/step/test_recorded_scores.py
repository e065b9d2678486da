"""Scores from recorded steps: the bits of scores of whole blocks."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.training.step import scored


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [None, 16, 20])
@pytest.mark.parametrize("labelled", [False, True])
def test_scores_in_the_steps_are_those_of_the_block(monkeypatch, labelled, batch_size, weighted):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((48, 4)).astype("float32")
    Y = rng.integers(0, 3, 48) if labelled else rng.random((48, 3)).astype("float32")
    loss = ("softmax", "cross_entropy") if labelled else ("sigmoid", "squared_error")
    net = bp.Network([4, 5, 3], "tanh", *loss)
    weights = rng.random(48) + 0.1 if weighted else None

    def trained(least):
        monkeypatch.setattr(scored, "MANY_OUTPUTS", least)
        return bp.train(net, X, Y, stack=7, epochs=4, batch_size=batch_size, case_weights=weights)

    in_steps, in_blocks = trained(1), trained(10**9)
    assert in_steps.theta.tobytes() == in_blocks.theta.tobytes()
    assert in_steps.history.keys() == in_blocks.history.keys()
    for name, entries in in_steps.history.items():
        assert np.array(entries).tobytes() == np.array(in_blocks.history[name]).tobytes()
