"""An ensemble predicts the weighted mean and spread of its networks, a block of rows at a time."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.errors import BackpropError
from backprop_xp.files import ensemble_model
from backprop_xp.files.ensemble_model import EnsembleModel, Member
from backprop_xp.files.meaning import Meaning


def ensemble(classes=None):
    members = []
    for hidden in (3, 5):
        units = 1 if classes is None else len(classes)
        output, loss = (
            ("identity", "squared_error") if classes is None else ("softmax", "cross_entropy")
        )
        net = bp.Network([2, hidden, units], output=output, loss=loss)
        theta = net.init(seed=hidden, dtype="float64", stack=2)
        members.append(Member(net, theta, np.array([0.125, 0.375])))
    return EnsembleModel(tuple(members), Meaning(classes=classes, flat=True))


@pytest.mark.parametrize("classes", [None, np.array(["a", "b", "c"])], ids=["numbers", "classes"])
def test_mean_and_spread_have_the_weights_of_the_networks(classes):
    model, X = ensemble(classes), np.random.default_rng(0).normal(size=(6, 2))
    outputs = [one.network.forward(theta, X) for one in model.members for theta in one.theta]
    w = np.array([0.125, 0.375, 0.125, 0.375])
    mean = sum(share * a for share, a in zip(w, outputs, strict=True))
    squares = sum(share * (a - mean) ** 2 for share, a in zip(w, outputs, strict=True))
    if classes is None:
        mean, squares = mean[:, 0], squares[:, 0]
    of_mean = model.predict(X) if classes is None else model.predict_proba(X)
    np.testing.assert_allclose(of_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(model.predict_std(X), np.sqrt(squares), rtol=1e-10)


@pytest.mark.parametrize("m", [0, 1, 4, 5, 8])
@pytest.mark.parametrize("classes", [None, np.array(["a", "b", "c"])], ids=["numbers", "classes"])
def test_blocks_of_rows_predict_as_all_rows(m, classes, monkeypatch):
    model = ensemble(classes)
    X = np.random.default_rng(0).normal(size=(m, 2))
    names = ["predict", "predict_std"] + ["predict_proba"] * (classes is not None)
    whole = {name: getattr(model, name)(X) for name in names}
    monkeypatch.setattr(ensemble_model, "_ROWS", 4)
    for name, expected in whole.items():
        found = getattr(model, name)(X)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-12)
        else:
            np.testing.assert_array_equal(found, expected)


def test_a_value_in_a_later_block_is_named_by_its_row(monkeypatch):
    monkeypatch.setattr(ensemble_model, "_ROWS", 4)
    X = np.zeros((9, 2))
    X[6, 1] = np.nan
    with pytest.raises(BackpropError, match=r"\b6\b"):
        ensemble().predict(X)
