"""Optimisers by name, and what is refused in their place."""

import inspect
import re

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.catalogue import OPTIMIZERS, check_optimizer, find_optimizer

X, Y = bp.datasets.xor()
NET = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_trains_as_its_optimiser_does(name):
    if name == "lbfgs":
        pytest.importorskip("scipy", reason="scipy is not installed")
    runs = [
        bp.train(NET, X, Y, optimizer=optimizer, epochs=2, batch_size=None)
        for optimizer in (name, OPTIMIZERS[name])
    ]
    np.testing.assert_array_equal(runs[0].theta, runs[1].theta)


def test_sgd_is_the_default_of_training():
    assert OPTIMIZERS["sgd"] == inspect.signature(bp.train).parameters["optimizer"].default


class Own:
    def settings(self, _):
        return {}

    def init(self, _):
        return ()

    def update(self, theta, state, _):
        return theta, state


def test_an_object_with_the_methods_is_taken_as_it_is():
    own = Own()
    assert find_optimizer(own, "train(optimizer)") is own
    assert find_optimizer(bp.LBFGS(), "train(optimizer)") == bp.LBFGS()


@pytest.mark.parametrize("missing", ["settings", "init", "update"])
def test_an_object_that_lacks_a_method(missing):
    own = Own()
    setattr(own, missing, None)
    with pytest.raises(OptionError, match="an optimiser with settings, init and update"):
        find_optimizer(own, "train(optimizer)")


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (bp.Adam, "Pass bp.Adam()"),
        (bp.LBFGS, "Pass bp.LBFGS()"),
        (Own, "Pass Own()"),
        ("Adam", "Pass bp.Adam()"),
        ("adan", "Did you mean 'adam'?"),
        (None, "Pass bp.SGD(0.1)"),
    ],
)
def test_the_advice(given, advice):
    with pytest.raises(OptionError, match=re.escape(advice)) as caught:
        bp.train(NET, X, Y, optimizer=given)
    assert caught.value.parts[0] == "train(optimizer)"


def test_a_name_beyond_those_of_a_place_is_told_its_object():
    with pytest.raises(OptionError, match=r"Pass bp.RMSprop\(\)"):
        check_optimizer("rmsprop", "solver", ("adam", "sgd"))
