"""Estimators with options of this library, and what `train` is given for the same."""

import numpy as np
import pytest
from estimator_cases import CLASSES, NUMBERS, TWO, X

sklearn = pytest.importorskip("sklearn", minversion="1.6")


import backprop_xp as bp  # noqa: E402

CHOSEN = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "learning_rate_init": 0.02}
TRAINED, OTHERS = slice(0, 60), slice(60, None)
KINDS = [
    pytest.param(bp.MLPClassifier, CLASSES, id="three classes"),
    pytest.param(bp.MLPClassifier, TWO, id="two classes"),
    pytest.param(
        bp.MLPClassifier, np.stack([TWO, CLASSES == "y"], axis=1).astype(int), id="labels"
    ),
    pytest.param(bp.MLPRegressor, NUMBERS, id="numbers"),
    pytest.param(bp.MLPRegressor, np.stack([NUMBERS, -NUMBERS], axis=1), id="several numbers"),
]
EACH = pytest.mark.parametrize(("kind", "y"), KINDS)


def targets(y):
    """Return the targets of training."""
    if y.dtype.kind in "Ub":
        return np.unique(y, return_inverse=True)[1]
    return y.reshape(len(y), -1)


class Start:
    """A callback that notes θ before training."""

    theta = None

    def on_train_start(self, progress):
        Start.theta = np.array(progress.theta)


def start(kind, y, **chosen):
    """Return the network and θ before training."""
    mlp = kind(**{**CHOSEN, **chosen, "max_iter": 1}, callbacks=[Start()]).fit(X, y)
    return mlp.network_, Start.theta
