"""The history is a dict that knows the names of other libraries."""

import copy
import pickle

import pytest

import backprop_xp as bp
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import MissingEntryError, MissingMethodError

COSTS = {"cost": [0.7, 0.3]}


def test_it_is_a_dict():
    history = History(COSTS)
    assert isinstance(history, dict)
    assert history == COSTS
    assert history.get("loss") is None
    assert history.setdefault("norm", []) == []
    assert {**history} == {**COSTS, "norm": []}
    assert "loss" not in history


@pytest.mark.parametrize(
    "through",
    [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_histories(through):
    again = through(History(COSTS))
    assert type(again) is History
    assert again == COSTS


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("loss", "Its name here is 'cost'"),
        ("val_loss", "train with validation=(X_val, Y_val)"),
        ("validation_cost", "Train with validation=(X_val, Y_val)"),
        ("cots", "Did you mean 'cost'?"),
        (-1, 'history["cost"][-1]'),
        ((slice(None), "train_loss"), 'history["cost"][-1]'),
    ],
)
def test_a_wrong_name_gets_the_name_here(name, advice):
    with pytest.raises(MissingEntryError) as caught:
        History(COSTS)[name]
    assert advice in str(caught.value)
    assert isinstance(caught.value, KeyError)
    assert all(caught.value.parts)


@pytest.mark.parametrize("name", ["history", "epoch", "params", "to_list"])
def test_an_attribute_of_other_histories_gets_the_name_here(name):
    with pytest.raises(MissingMethodError, match=f"history.{name}"):
        getattr(History(COSTS), name)
    with pytest.raises(AttributeError, match="no_such_name"):
        History().no_such_name  # noqa: B018


class Last:
    def on_epoch_end(self, progress):
        with pytest.raises(MissingEntryError, match="'cost'"):
            progress.history["loss"]


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_every_history_of_training_is_one(optimizer, tmp_path):
    if optimizer == "lbfgs":
        pytest.importorskip("scipy", reason="SciPy is not installed")
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    settings = {"optimizer": optimizer, "batch_size": None, "callbacks": [Last()]}
    run = bp.train(net, X, Y, epochs=2, **settings)
    assert type(run.history) is History
    assert type(bp.train(net, X, Y, epochs=0, **settings).history) is History
    if optimizer == "sgd":
        saving = [bp.Checkpoint(tmp_path)]
        bp.train(net, X, Y, epochs=1, callbacks=saving)
        assert type(bp.train(net, X, Y, epochs=2, resume=tmp_path).history) is History
        assert type(bp.train(net, X, Y, epochs=2, stack=3)[1].history) is History
    assert type(bp.Run(run.theta, dict(COSTS), net).history) is History
