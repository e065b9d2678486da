"""What JAX compiles: once for trainings that differ in numbers alone."""

import logging

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.schedules import (
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    ReduceOnPlateau,
    WarmUp,
)
from backprop_xp.training.step import compiled

# each pair is of one structure: constant for constant, schedule for schedule, array for array
PAIRS = {
    "SGD": ({"optimizer": bp.SGD(0.1)}, {"optimizer": bp.SGD(0.3)}),
    "momentum": ({"optimizer": bp.SGD(0.1, 0.9)}, {"optimizer": bp.SGD(0.3, 0.5)}),
    "Nesterov": (
        {"optimizer": bp.SGD(0.1, 0.9, nesterov=True)},
        {"optimizer": bp.SGD(0.3, 0.5, nesterov=True)},
    ),
    "RMSprop": ({"optimizer": bp.RMSprop(0.01)}, {"optimizer": bp.RMSprop(0.02, 0.9, 1e-3)}),
    "RMSprop centred": (
        {"optimizer": bp.RMSprop(0.01, momentum=0.9, centered=True)},
        {"optimizer": bp.RMSprop(0.02, 0.9, 1e-3, 0.5, centered=True)},
    ),
    "Adagrad": ({"optimizer": bp.Adagrad(0.1)}, {"optimizer": bp.Adagrad(0.2, 1e-4)}),
    "Adam": ({"optimizer": bp.Adam()}, {"optimizer": bp.Adam(0.02, 0.8, 0.9, 1e-4)}),
    "AdamW": ({"optimizer": bp.AdamW()}, {"optimizer": bp.AdamW(0.02, 0.8, 0.9, 1e-4, 0.2)}),
    "NAdam": ({"optimizer": bp.NAdam()}, {"optimizer": bp.NAdam(0.02, 0.8, 0.9, 1e-4, 0.1)}),
    "Rprop": (
        {"optimizer": bp.Rprop(), "batch_size": None},
        {"optimizer": bp.Rprop(0.1, 0.4, 1.5, 1e-5, 1.0), "batch_size": None},
    ),
    "schedules": (
        {"optimizer": bp.SGD(InverseTime(0.1, 0.1), Exponential(0.9, 0.99))},
        {"optimizer": bp.SGD(Cosine(0.3, 20), OneCycle(0.5, 20, initial=0.9))},
    ),
    "schedules of Adam": (
        {"optimizer": bp.Adam(WarmUp(3, 0.01), beta1=Exponential(0.9, 0.99))},
        {"optimizer": bp.Adam(lambda step: 0.1 / (step + 1), beta2=Exponential(0.9, 0.99))},
    ),
    "plateau": (
        {"optimizer": bp.SGD(ReduceOnPlateau(0.1, metric="cost"))},
        {"optimizer": bp.SGD(ReduceOnPlateau(0.3, metric="cost", factor=0.5))},
    ),
    "arrays": (
        {"optimizer": bp.SGD(np.array([0.1, 0.2]), 0.9), "stack": 2},
        {"optimizer": bp.SGD(np.array([0.3, 0.4]), 0.5), "stack": 2},
    ),
    "penalties": (
        {"l2": 0.1, "l1": 0.01, "shrinkage": 0.01, "max_norm": 2.0},
        {"l2": 0.2, "l1": 0.02, "shrinkage": 0.02, "max_norm": 1.0},
    ),
    "dropout": (
        {"dropout": 0.2, "input_dropout": 0.1, "label_smoothing": 0.1},
        {"dropout": 0.4, "input_dropout": 0.3, "label_smoothing": 0.2},
    ),
    "clipping": ({"clip_value": 0.1, "clip_norm": 0.2}, {"clip_value": 0.3, "clip_norm": 0.1}),
    "seed": ({"seed": 1}, {"seed": 2}),
}


def compilations(caplog):
    """Return what JAX says of each compilation since the last call."""
    found = [text for text in caplog.messages if text.startswith("Compiling")]
    caplog.clear()
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_trainings_that_differ_in_numbers_alone_are_compiled_once(name, caplog):
    jax = pytest.importorskip("jax", reason="jax is not installed")
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)).astype("float32"), rng.integers(0, 3, 12)
    net = bp.Network([3, 4, 3])
    arrays = jax.numpy.asarray(X), jax.numpy.asarray(Y)
    first, second = ({"batch_size": 4, "epochs": 2, **chosen} for chosen in PAIRS[name])
    compiled._compiled.cache_clear()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        before = bp.train(net, *arrays, validation=arrays, **first)
        assert compilations(caplog)
        after = bp.train(net, *arrays, validation=arrays, **second)
        assert compilations(caplog) == []
    for run, chosen in ((before, first), (after, second)):
        expected = bp.train(net, X, Y, **chosen).theta
        np.testing.assert_allclose(np.asarray(run.theta), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (bp.SGD(0.1), bp.SGD(0.1, 0.9)),
        (bp.SGD(0.1, 0.9), bp.SGD(0.1, 0.9, nesterov=True)),
        (bp.SGD(0.1), bp.Adagrad(0.1)),
        (bp.RMSprop(), bp.RMSprop(centered=True)),
        (bp.RMSprop(), bp.RMSprop(momentum=0.5)),
        (bp.Adam(), bp.Adam(beta1=Exponential(0.9, 0.99))),
        (bp.Adam(), bp.AdamW()),
        (bp.AdamW(weight_decay=0.0), bp.Adam()),
    ],
)
def test_another_structure_is_another_rule(one, other):
    assert one.structure != other.structure
    assert len({one.structure, other.structure}) == 2
