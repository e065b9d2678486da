"""Scores on the device: the class at one half, and how many cases go at once."""

import numpy as np
import pytest
from training_cases import BINARY, BITS, CLASSES, LABELS, WITHOUT_JAX, M, X

import backprop_xp as bp
from backprop_xp.training import scoring
from backprop_xp.training.data.cases import Cases


@WITHOUT_JAX
@pytest.mark.parametrize("stack", [(), (2,)], ids=["one", "stack"])
def test_one_sigmoid_unit_at_just_one_half_is_class_0(xp, stack):
    theta = xp.array(np.zeros((*stack, BINARY.parameter_count)), "float32")
    data = xp.array(X, "float32"), xp.array(BITS)
    settings = {"optimizer": bp.SGD(0.0), "epochs": 1, "batch_size": 3, "validation": data}
    run = bp.train(BINARY, *data, theta, **settings)
    share = np.float32(np.mean(BITS == 0))
    assert 0 < share < 1
    assert share != 0.5
    for name in ("accuracy", "validation_accuracy"):
        np.testing.assert_allclose(run.history[name][0], np.full(stack, share), rtol=1e-6)


def test_of_equal_outputs_the_first_is_the_class():
    theta = np.zeros(CLASSES.parameter_count)
    settings = {"optimizer": bp.SGD(0.0), "epochs": 1, "validation": (X, LABELS)}
    run = bp.train(CLASSES, X, LABELS, theta, **settings)
    share = np.mean(LABELS == 0)
    assert run.history["accuracy"] == run.history["validation_accuracy"] == [share]


@pytest.mark.parametrize(("networks", "rows"), [(1, [6, 4]), (2, [3, 3, 3, 1]), (6, [1] * M)])
def test_cases_at_once_are_fewer_for_more_networks(networks, rows, monkeypatch):
    # four numbers of 8 bytes for each unit of the widest layer, of each network
    monkeypatch.setattr(scoring, "CHUNK_BYTES", 6 * 4 * 4 * 8)
    read = []

    class Reading(Cases):
        """Cases that note how many are read at a time."""

        def rows(self, start, stop):
            read.append(stop - start)
            return super().rows(start, stop)

    theta = CLASSES.init(seed=0, dtype="float64", stack=(networks,))
    cases = Reading(X, LABELS.astype("int32"), 3, labelled=True)
    scores = scoring.Scorer(CLASSES, np).cases(theta, cases)
    assert read == rows
    np.testing.assert_allclose(scores.cost, CLASSES.cost(theta, X, LABELS), rtol=1e-12)  # rounding
    right = (CLASSES.forward(theta, X).argmax(axis=-1) == LABELS).sum(axis=-1)
    np.testing.assert_array_equal(scores.correct, right)
