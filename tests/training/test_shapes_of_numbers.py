"""A schedule may return one number at some steps of a block, and one a network at others."""

from dataclasses import fields

import numpy as np
import pytest
from surface import CLASSES, LABELS, NUMBER, NUMBERS, X, optimizer_kinds

import backprop_xp as bp
from backprop_xp.training.options import Regularisation

OWN = np.array([1.0, 2.0, 0.5])  # a factor for each network
NAMES = [one.name for one in fields(Regularisation) if "range" in one.metadata]


def train(device, **settings):
    """Train three networks by blocks of five steps."""
    chosen = {"epochs": 2, "batch_size": 2, "stack": 3, "seed": 1, **settings}
    return bp.train(CLASSES, X.astype("float32"), LABELS, device=device, **chosen)


def assert_shapes_do_not_matter(device, setting):
    """Compare schedules that return one shape with schedules that return two in turn."""

    def varied(of, step):
        return of if step % 3 == 1 else of * OWN

    def of_one_shape(of, step):
        return np.broadcast_to(varied(of, step), 3)

    found, expected = (
        train(device, **setting(lambda of, by=by: lambda step: by(of, step)))
        for by in (varied, of_one_shape)
    )
    np.testing.assert_array_equal(
        np.asarray(found.theta), np.asarray(expected.theta), err_msg=str(device)
    )
    assert np.array_equal(found.history["cost"], expected.history["cost"])


@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
@pytest.mark.parametrize("name", NAMES)
def test_a_number_of_the_regularisation(name, device):
    if device != "cpu":
        pytest.importorskip("torch")
    assert_shapes_do_not_matter(device, lambda by: {"optimizer": bp.SGD(0.1), name: by(NUMBER)})


@pytest.mark.parametrize("name", optimizer_kinds())
def test_the_numbers_of_an_optimiser(name):
    kind = optimizer_kinds()[name]
    plain = kind()
    numbers = [one.name for one in fields(kind) if type(getattr(plain, one.name)) is float]

    def setting(by):
        of_step = {each: by(NUMBERS.get(each, NUMBER)) for each in numbers}
        full = {"batch_size": None, "epochs": 5} if hasattr(kind, "full_batch") else {}
        return {"optimizer": kind(**of_step), **full}

    assert_shapes_do_not_matter("cpu", setting)
