"""Parameters of an estimator that are refused, each in words of its own."""

import re

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp

needs("sklearn")
X = np.random.default_rng(0).normal(size=(20, 4))
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
TWO = NUMBERS > 0


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"solver": "adm"}, "solver: got 'adm'; expected one of sgd, rmsprop"),
        ({"alpha": -1.0}, "alpha: got -1.0"),
        ({"tol": "small"}, "tol: got 'small'"),
        ({"max_iter": 0}, "max_iter: got 0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change: got 0"),
        ({"validation_fraction": 1.0}, "validation_fraction: got 1.0"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"batch_size": "large"}, "batch_size: got 'large'"),
        ({"batch_size": None}, "batch_size: got None; expected 'auto' or an integer >= 1"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes: got 0"),
        ({"hidden_layer_sizes": (3, 2.5)}, "hidden_layer_sizes: got 2.5"),
        ({"hidden_layer_sizes": [[3, 4], [5]]}, "hidden_layer_sizes: got [3, 4]"),
        ({"hidden_layer_sizes": "many"}, "hidden_layer_sizes: got 'many'"),
        ({"activation": "rlu"}, "activation: got 'rlu'"),
        ({"activation": ["relu", "tanh"]}, "activation: got 2 activations; expected one, or 1"),
        ({"solver": None}, "solver: got None; expected one of sgd, rmsprop, adagrad, adam"),
        ({"solver": bp.Adam}, "solver: got <class"),
        ({"learning_rate_init": 0.0}, "learning_rate_init: got 0.0"),
        ({"momentum": 1.1}, "momentum: got 1.1"),
        ({"early_stopping": "yes"}, "early_stopping: got 'yes'"),
        ({"loss": "none"}, "loss: got 'none'"),
        ({"dropout": 1.0}, "dropout"),
        ({"device": "tpu"}, "'tpu'"),
    ],
)
def test_what_is_refused(chosen, words):
    for kind, y in ((bp.MLPClassifier, TWO), (bp.MLPRegressor, NUMBERS)):
        with pytest.raises(bp.BackpropError, match=re.escape(words)):
            kind(**chosen).fit(X, y)
