"""Advice: names of other libraries, and the command that installs."""

import importlib.metadata
import importlib.util
import inspect
import json
import re

import pytest

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays import advice
from backprop_xp.arrays.advice import checks_keywords, missing_attribute
from backprop_xp.arrays.names_elsewhere import ELSEWHERE, TAKEN_BY
from backprop_xp.errors import CallError
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


def keywords(function):
    return set(inspect.signature(function).parameters)


RETURNED = {
    "Device",
    "DeviceStatus",
    "Ensemble",
    "Evaluation",
    "GradientCheck",
    "Layer",
    "Model",
    "Run",
}
RETURNED |= {"Trace", "TracedLayer", "Dataset", "Split"}  # made by functions, not by users
NO_KEYWORDS = {"devices", "digits", "family_trees", "xor", "Schedule", "Setting"}
NO_KEYWORDS |= {
    "activations.error",
    "over_units",
    "find_activation",
    "find_loss",
    "find_initializer",
}
METHODS = {
    bp.Network: ["init", "forward", "cost", "gradient", "pack", "unpack"],
    bp.Run: ["best"],
    bp.Trace: ["to_text", "to_latex", "to_html"],
}


def public_functions():
    """Return the functions and classes by name whose keywords users write."""
    found = {}
    modules = (bp, bp.schedules, bp.activations, bp.losses, bp.initializers, bp.datasets)
    for module in modules:
        room = module.__name__.rpartition(".")[2]
        for name in module.__all__:
            one = getattr(module, name)
            is_kind = isinstance(one, type)
            if is_kind and (issubclass(one, Exception) or getattr(one, "_is_protocol", False)):
                continue
            if not callable(one) or {name, f"{room}.{name}"} & (RETURNED | NO_KEYWORDS):
                continue
            if keywords(one):
                found[name] = one
    for kind, names in METHODS.items():
        found |= {f"{kind.__name__}.{name}": getattr(kind, name) for name in names}
    if importlib.util.find_spec("sklearn"):
        methods = ["fit", "predict", "predict_proba", "predict_log_proba"]
        found |= {f"mlp.{name}": getattr(bp.MLPClassifier, name) for name in methods}
    return found


@pytest.mark.parametrize("name", public_functions())
def test_every_public_function_names_an_unknown_keyword(name):
    function = public_functions()[name]
    with pytest.raises(CallError, match=r"\(quux\): got an unknown keyword; expected one of") as of:
        function(quux=1)
    assert of.value.__context__ is None  # Python's error says nothing more
    known = keywords(function) - {"self"}
    assert all(one in str(of.value) for one in known)
    assert "keywords" not in known  # the signature stays readable


def test_an_error_within_a_function_is_its_own():
    @checks_keywords
    def f(a, b=None):
        raise TypeError("of another kind")

    with pytest.raises(TypeError, match="of another kind") as of:
        f(1, b=2)
    assert type(of.value) is TypeError


def test_the_table_names_what_is_here():
    here = {"cost", "accuracy", "validation_cost", "validation_accuracy"}
    here |= {*ACTIVATIONS, *LOSSES, *INITIALIZERS}
    for function in public_functions().values():
        here |= keywords(function)
    assert set(ELSEWHERE) - here == set()
    assert set(TAKEN_BY) - here == set()


def test_no_name_here_means_another_in_the_same_place():
    for known in (ACTIVATIONS, LOSSES, INITIALIZERS):
        for name in known:
            assert advice.name_here(name, [other for other in known if other != name]) is None


def test_a_class_keeps_its_signature_and_its_copies():
    import copy
    import pickle

    assert list(inspect.signature(bp.Adam).parameters) == [
        "learning_rate",
        "beta1",
        "beta2",
        "epsilon",
        "epsilon_hat",
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
