"""The sizes by which a trainer cuts an epoch into blocks."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.training.options import Regularisation
from backprop_xp.training.step import stack_groups
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.step.update import UpdateRule
from backprop_xp.training.trainer import Trainer

NET = bp.Network([5, 4, 3], "tanh")


def trainer(dtype="float64", stack=(), **regularisation):
    theta, optimizer = NET.init(dtype=dtype, stack=stack), bp.SGD(0.1)
    numbers = StepNumbers(optimizer, theta, Regularisation(**regularisation))
    return Trainer(theta, UpdateRule(NET, optimizer, True, False), numbers, 2)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float64", 8)])
@pytest.mark.parametrize(("stack", "networks"), [((), 1), ((1,), 1), ((6,), 6)])
def test_the_outputs_of_a_case_are_those_of_all_networks(dtype, size, stack, networks):
    assert trainer(dtype, stack).output_bytes == 3 * size * networks


def test_the_outputs_of_a_case_are_those_of_a_group(monkeypatch):
    each = 8 * (2 * NET.parameter_count + 4 * 7 * 2)
    monkeypatch.setattr(stack_groups, "CPU_BYTES", 2 * each)
    assert trainer(stack=(6,)).output_bytes == 3 * 8 * 2


@pytest.mark.parametrize(
    ("chosen", "units"),
    [
        ({}, 0),
        ({"dropout": 0.5}, 4),
        ({"input_dropout": 0.5}, 5),
        ({"dropout": 0.5, "input_dropout": 0.5}, 9),
    ],
)
def test_the_noise_of_a_case_is_that_of_one_network(chosen, units):
    assert trainer(stack=(6,), **chosen).noise_bytes == 8 * units


def test_a_large_stack_is_cut_into_shorter_blocks():
    assert np.isclose(trainer(stack=(60,)).output_bytes / trainer().output_bytes, 60)
