"""Trainings that ranks share, and the comparison with one process."""

import numpy as np

import backprop_xp as bp

CASES, OTHERS = 103, 31
SIZES = [7, 9, 3]

OPTIMIZERS = {
    name: {"optimizer": one}
    for name, one in {
        "sgd": bp.SGD(0.1),
        "momentum": bp.SGD(0.1, momentum=0.9, nesterov=True),
        "adam": bp.Adam(0.01),
        "adamw": bp.AdamW(0.01, weight_decay=0.1),
        "nadam": bp.NAdam(0.01),
        "rmsprop": bp.RMSprop(0.01),
        "adagrad": bp.Adagrad(0.05),
    }.items()
}
OPTIONS = {
    "case weights": {"case_weights": np.linspace(0.1, 3, CASES)},
    "class weights": {"class_weights": "balanced"},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "regularisation": {"l2": 0.01, "l1": 0.001, "shrinkage": 0.001, "max_norm": 1.5},
    "clipping": {"clip_value": 0.05, "clip_norm": 0.1},
    "smoothing": {"label_smoothing": 0.1},
    "a stack": {"stack": 3, "dropout": 0.2, "dropout_per_network": True},
    "layer rates": {"layer_rates": [0.5, 1.0]},
    "a rest smaller than the ranks": {"batch_size": 34},
    "batches smaller than the ranks": {"batch_size": 2, "epochs": 4},
    "the full batch": {"batch_size": None},
    "an order": {"order": lambda epoch: np.random.default_rng(epoch).permutation(CASES)},
    "a schedule": {"optimizer": bp.SGD(bp.schedules.Cosine(0.2, 100))},
    "early stopping": {"callbacks": "early stopping", "epochs": 60},
    "a plateau": {"optimizer": "plateau"},
}
OTHERS_TO_A_COST = {
    "rprop": {"optimizer": bp.Rprop(), "batch_size": None, "epochs": 20},
    "lbfgs": {"optimizer": bp.LBFGS(), "batch_size": None, "epochs": 20},
}
EVERY = OPTIMIZERS | OPTIONS


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(CASES + OTHERS, SIZES[0]))
    Y = (X[:, 0] + rng.normal(size=len(X)) > 0).astype(int) + (X[:, 1] > 1)
    return X[:CASES], Y[:CASES], X[CASES:], Y[CASES:]


def trained(options, reduce=None, epochs=20, convert=lambda x: x):
    """Return the run of a case, by ranks or by one process."""
    X, Y, X_others, Y_others = map(convert, data())
    given = {"epochs": epochs, "batch_size": 16, "optimizer": "momentum", **options}
    if given["optimizer"] == "momentum":
        given["optimizer"] = bp.SGD(0.1, momentum=0.9)
    if given["optimizer"] == "plateau":
        given["optimizer"] = bp.SGD(bp.schedules.ReduceOnPlateau(0.3, patience=1))
    if given.get("callbacks") == "early stopping":
        given["callbacks"] = [bp.EarlyStopping("validation_cost", patience=3)]
    net = bp.Network(SIZES, "tanh", "softmax", "cross_entropy")
    return bp.train(net, X, Y, validation=(X_others, Y_others), reduce=reduce, **given)


def difference(run, other):
    """Return the largest difference of θ and the history, relative to the largest of θ."""
    theta, expected = (np.asarray(each.theta, np.float64) for each in (run, other))
    assert np.array_equal(run.epoch, other.epoch)
    assert list(run.history) == list(other.history)
    costs = max(
        np.abs(np.subtract(run.history[name], other.history[name])).max() for name in run.history
    )
    return max(np.abs(theta - expected).max() / np.abs(expected).max(), costs)
