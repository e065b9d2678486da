"""Options: `train`'s signature and the two dataclasses name the same, with the same defaults."""

import inspect
from dataclasses import fields

import numpy as np
import pytest
from training_cases import TARGETS, M, X, Y

import backprop_xp as bp
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.training.options import Options, Regularisation

SIGNATURE = inspect.signature(bp.train).parameters
TAKEN = ("net", "X", "Y", "theta")  # which are no options


def test_the_signature_and_the_dataclasses_name_the_same_with_the_same_defaults():
    own = [one for one in fields(Options) if one.name != "regularisation"]
    declared = {one.name: one.default for one in (*own, *fields(Regularisation))}
    assert declared == {name: one.default for name, one in SIGNATURE.items() if name not in TAKEN}
    assert all(SIGNATURE[name].kind is inspect.Parameter.KEYWORD_ONLY for name in declared)


def test_every_option_is_described():
    described = bp.train.__doc__.partition("Returns")[0]
    for name in SIGNATURE:
        assert name in described, name


@pytest.mark.parametrize("name", Regularisation().ranges)
def test_numbers_out_of_range_are_named(name):
    for bad in (-1, np.nan, "0.1", [0.1, -0.1], [], np.zeros((0, 1)), bp.SGD):
        with pytest.raises(OptionError, match=rf"^train\({name}\)"):
            Regularisation(**{name: bad})


def test_what_is_in_use():
    assert Regularisation().in_use == {}
    zeros = {"l2": 0, "dropout": np.zeros((3, 1)), "max_norm": None}
    assert Regularisation(**zeros).in_use == {}
    falling = bp.schedules.Step(0.0, 3)  # a schedule is not looked at
    used = Regularisation(l2=falling, clip_norm=2.0, shrinkage=[0.0, 0.1]).in_use
    assert list(used) == ["l2", "shrinkage", "clip_norm"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": -1}, r"train\(epochs\)"),
        ({"batch_size": 0}, r"train\(batch_size\)"),
        ({"seed": 1.5}, r"train\(seed\)"),
        ({"progress": 3}, r"train\(progress\)"),
        ({"progress": "yes"}, r"train\(progress\)"),
    ],
)
def test_options_out_of_range_are_named(given, words):
    with pytest.raises(OptionError, match=words):
        Options(**given)


def until_epoch_2(good, bad):
    """Return a function of a step or an epoch that is good up to 1."""
    return lambda at: good if at < 2 else bad


LATER = {
    "order": ({"order": until_epoch_2(np.arange(M), np.zeros(M, int))}, r"order\(2\)"),
    "schedule": ({"l2": until_epoch_2(0.1, -0.1)}, r"train\(l2\)"),
    "rate": ({"optimizer": bp.SGD(until_epoch_2(0.1, np.nan))}, "learning_rate"),
}


@pytest.mark.parametrize("case", LATER)
def test_values_that_come_later_are_refused_when_they_come(case):
    given, words = LATER[case]
    ended = []

    class Look:
        def on_epoch_end(self, progress):
            ended.append(progress.epoch)

    with pytest.raises(bp.OptionError, match=words):
        bp.train(TARGETS, X, Y, batch_size=None, epochs=9, callbacks=[Look()], **given)
    assert ended == [1, 2]


def test_a_callback_that_is_none_is_refused():
    with pytest.raises(DTypeError, match=r"train\(callbacks\)"):
        Options(callbacks=[bp.EarlyStopping])
