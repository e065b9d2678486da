"""Advice: names of other libraries, and the command that installs."""

import importlib.metadata
import json
import re

import pytest

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays import advice
from backprop_xp.arrays.advice import checks_keywords, missing_attribute
from backprop_xp.initializers import INITIALIZERS
from backprop_xp.losses import LOSSES


def installed(monkeypatch, text):
    class Distribution:
        def read_text(self, name):
            assert name == "direct_url.json"
            return text

    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Distribution())


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (None, "python -m pip install 'backprop-xp[jax]'"),
        (json.dumps({"url": "file:///x", "dir_info": {}}), "'backprop-xp[jax]'"),
        (json.dumps({"url": "file:///x", "dir_info": {"editable": True}}), "-e '.[jax]'"),
        (json.dumps({"url": "https://x", "vcs_info": {}}), "'backprop-xp[jax]'"),
    ],
)
def test_the_command_is_that_of_this_installation(monkeypatch, text, command):
    installed(monkeypatch, text)
    assert advice.install_command("jax").endswith(command)


def test_a_checkout_that_is_not_installed(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    assert advice.install_command("jax") == "python -m pip install -e '.[jax]'"


def test_the_table_names_what_is_here():
    def keywords(function):
        import inspect

        return set(inspect.signature(function).parameters)

    here = {"cost", "accuracy", "validation_cost", "validation_accuracy"}
    here |= {*ACTIVATIONS, *LOSSES, *INITIALIZERS}
    callbacks = (bp.EarlyStopping, bp.Checkpoint, bp.CSVLog, bp.TensorBoardLog)
    for function in (bp.train, bp.Network, bp.Network.init, *callbacks):
        here |= keywords(function)
    optimizers = (bp.Adam, bp.RMSprop, bp.SGD, bp.NAdam, bp.LBFGS)
    for kind in (*optimizers, bp.schedules.ReduceOnPlateau, bp.MLPClassifier):
        here |= keywords(kind)
    assert set(advice._ELSEWHERE) - here == set()
    assert set(advice._TAKEN_BY) - here == set()


def test_no_name_here_means_another_in_the_same_place():
    for known in (ACTIVATIONS, LOSSES, INITIALIZERS):
        for name in known:
            assert advice.name_here(name, [other for other in known if other != name]) is None


def test_a_class_keeps_its_signature_and_its_copies():
    import copy
    import inspect
    import pickle

    assert list(inspect.signature(bp.Adam).parameters) == [
        "learning_rate",
        "beta1",
        "beta2",
        "epsilon",
    ]
    assert copy.deepcopy(bp.Adam(0.1)) == pickle.loads(pickle.dumps(bp.Adam(0.1)))  # noqa: S301
    assert bp.train.__name__ == "train"


def test_a_wrong_number_of_arguments_is_left_to_python():
    @checks_keywords
    def f(a):
        return a

    with pytest.raises(TypeError, match=re.escape("f() missing 1 required positional")):
        f()
    assert f(a=1) == f(1) == 1


def test_an_attribute_that_no_library_has_is_an_ordinary_error():
    net = bp.Network([2, 1])
    with pytest.raises(AttributeError, match="'Network' object has no attribute 'forwards'") as one:
        net.forwards  # noqa: B018
    assert (one.value.name, one.value.obj) == ("forwards", net)
    assert type(missing_attribute(net, "forwards", {})) is AttributeError
    assert not hasattr(net, "fit")
