"""An ensemble predicts its rows a block at a time."""

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
