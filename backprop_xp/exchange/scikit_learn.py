"""`to_sklearn` and `from_sklearn`: scikit-learn's multi-layer perceptrons.

Its names for three activations are others, and its weights are the transpose of W.
"""

import inspect
from typing import Any

import numpy as np

from backprop_xp.activations import ACTIVATIONS, Activation
from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.estimators.from_parts import fitted_from_parts
from backprop_xp.estimators.output_kind import Head
from backprop_xp.exchange.served import Served, served
from backprop_xp.network.network import Network

__all__ = ["ITS_NAMES", "from_sklearn", "to_sklearn"]

ITS_NAMES = {
    "identity": "identity",
    "sigmoid": "logistic",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exp",
}
"""scikit-learn's name for each activation that it has."""

_OUR_NAMES = {its: ours for ours, its in ITS_NAMES.items()}
_HIDDEN = ("identity", "sigmoid", "tanh", "relu")
_PAIRS = {
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("identity", "squared_error"),
    ("exp", "poisson"),
}
_KEPT = (
    *("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "n_features_in_"),
    *("feature_names_in_", "validation_scores_", "best_validation_score_"),
)
_PLAIN = str | int | float | bool | np.random.RandomState | None


@checks_keywords
def from_sklearn(estimator: Any) -> Any:
    """Return scikit-learn's fitted estimator as one of this library, fitted.

    Its ``network_`` and ``theta_`` are the network and the parameters, which all functions of this
    library take. It predicts on any device: ``mlp.set_params(device="cuda")``.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor, or Pipeline
        Fitted. Of a pipeline the last step is replaced.

    Returns
    -------
    MLPClassifier, MLPRegressor or Pipeline
        With the parameters that both estimators have. The parameters θ are a copy, in the dtype of
        ``coefs_``. Where it is trained further, the optimiser begins anew.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    DTypeError
        The estimator is of another kind, or not fitted.

    See Also
    --------
    to_sklearn : the inverse.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = bp.datasets.digits()
    >>> theirs = MLPClassifier([16], tol=0.1, random_state=0).fit(X, y)
    >>> ours = bp.exchange.from_sklearn(theirs)
    >>> ours.network_.sizes, bool((ours.predict(X) == theirs.predict(X)).all())
    ((64, 16, 10), True)
    """
    where = "from_sklearn"
    sklearn = _sklearn(where)
    from backprop_xp.estimators.classifier import MLPClassifier
    from backprop_xp.estimators.regressor import MLPRegressor

    if hasattr(estimator, "steps") and hasattr(estimator, "named_steps"):
        return _with_last(estimator, from_sklearn(estimator.steps[-1][1]))
    classifies = isinstance(estimator, sklearn.MLPClassifier)
    if not classifies and not isinstance(estimator, sklearn.MLPRegressor):
        expected = "scikit-learn's MLPClassifier or MLPRegressor"
        came = getattr(estimator, "__name__", type(estimator).__name__)
        advice = "Pass the estimator, or a pipeline that ends in one"
        if isinstance(estimator, MLPClassifier | MLPRegressor):
            came, advice = f"{came} of backprop_xp", "Take it as it is"
        elif isinstance(estimator, type):
            came, advice = f"the class {came}", "Pass a fitted estimator of it"
        elif hasattr(estimator, "best_estimator_"):
            advice = "Pass its best_estimator_"
        raise DTypeError(f"{where}(estimator)", came, expected, advice)
    if not hasattr(estimator, "coefs_"):
        came = f"{type(estimator).__name__}, not fitted"
        raise DTypeError(f"{where}(estimator)", came, "a fitted one", "Call its fit(X, y) first")
    net, theta = _network(estimator)
    head = _head(estimator, net, classifies)
    kind = MLPClassifier if classifies else MLPRegressor
    known = inspect.signature(kind).parameters
    settings = {name: x for name, x in estimator.get_params().items() if name in known}
    fitted = {name: getattr(estimator, name) for name in _KEPT if hasattr(estimator, name)}
    fitted["out_activation_"] = estimator.out_activation_
    return fitted_from_parts(kind(**settings), head, net, theta, fitted)


def _network(estimator: Any) -> tuple[Network, HostArray]:
    """Return the network and θ of scikit-learn's fitted estimator."""
    sizes = [len(estimator.coefs_[0]), *(coef.shape[1] for coef in estimator.coefs_)]
    output = _OUR_NAMES[estimator.out_activation_]
    losses = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy", "exp": "poisson"}
    loss = losses.get(output, "squared_error")
    net = Network(sizes, _OUR_NAMES[estimator.activation], output, loss)
    pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    dtype = np.result_type(*estimator.coefs_)
    layers = [
        (np.ascontiguousarray(coef.T, dtype=dtype), np.array(each, dtype=dtype)[:, None])
        for coef, each in pairs
    ]
    return net, net.pack(layers)


def _head(estimator: Any, net: Network, classifies: bool) -> Head:
    """Return the meaning of the outputs of scikit-learn's fitted estimator."""
    units, output = net.sizes[-1], str(net.output.name)
    if not classifies:
        return Head(units, output, "squared_error", flat=units == 1)
    classes = np.asarray(estimator.classes_)
    several = output == "sigmoid" and units > 1
    loss = "cross_entropy" if output == "softmax" else "binary_cross_entropy"
    return Head(units, output, loss, np.arange(units) if several else classes, flat=not several)


@checks_keywords
def to_sklearn(model: Any, theta: Any = None, *, classes: Any = None) -> Any:
    """Return a model as scikit-learn's MLPClassifier or MLPRegressor, fitted.

    Predictions and probabilities agree to 1e-12 in float64. A model of classes becomes an
    MLPClassifier: softmax outputs with cross-entropy, or sigmoid outputs with binary
    cross-entropy. Identity outputs with squared error and exponential outputs with the Poisson
    loss become an MLPRegressor.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, Pipeline, Model, Run or Network
        Of a pipeline the last step is replaced. A softmax output of two units becomes one sigmoid
        output, as scikit-learn has it.
    theta : array (P,), optional
        The parameters, where the model is a network.
    classes : array (n_classes,), optional
        The classes of a network's outputs, in ascending order. Default: 0, 1, 2 and so on for
        softmax outputs and for one sigmoid output.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor, or Pipeline
        With the parameters that both estimators have. Its weights are a copy. Where it is trained
        further, the optimiser begins anew.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    OptionError
        scikit-learn cannot express the network: it has no other hidden activations than identity,
        logistic, tanh and relu, one for all layers; no removed connections; and no other losses.
    ShapeError
        θ is a stack, or does not fit.
    DTypeError
        The model is of another kind, or not fitted.

    See Also
    --------
    from_sklearn : the inverse.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> net = bp.Network([4, 3, 3], hidden="tanh")
    >>> mlp = bp.exchange.to_sklearn(net, net.init(seed=0), classes=["a", "b", "c"])
    >>> mlp.predict(np.eye(4)).shape, mlp.predict_proba(np.eye(4)).shape
    ((4,), (4, 3))
    """
    where = "to_sklearn"
    sklearn = _sklearn(where)
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        return _with_last(model, to_sklearn(model.steps[-1][1], theta, classes=classes))
    known = served(model, theta, classes, where)
    net = known.net
    _check_expressible(known, where)
    hidden = {one.name for one in net.hidden}
    activation = ITS_NAMES[hidden.pop()] if hidden else "identity"
    classifies = net.output.name in ("softmax", "sigmoid")
    kind = sklearn.MLPClassifier if classifies else sklearn.MLPRegressor
    settings = _settings(model, kind)
    settings |= {"hidden_layer_sizes": tuple(net.sizes[1:-1]), "activation": activation}
    if not classifies and "loss" in inspect.signature(kind).parameters:
        settings["loss"] = net.loss.name
    made = kind(**settings)
    layers = [(W.T, b[:, 0]) for W, b in known.layers()]
    output = ITS_NAMES[net.output.name]
    if output == "softmax" and net.sizes[-1] == 2:  # e^u / (e^u + e^v) is the sigmoid of u - v
        W, b = layers[-1]
        layers[-1], output = (W[:, 1:] - W[:, :1], b[1:] - b[:1]), "logistic"
    _fill(made, model, layers, output)
    if classifies:
        _set_classes(made, known, where)
    return made


def _sklearn(where: str) -> Any:
    with needs_extra("sklearn", f"{where}()", "no scikit-learn", "the package scikit-learn"):
        import sklearn.neural_network
    return sklearn.neural_network


def _with_last(pipeline: Any, last: Any) -> Any:
    """Return a pipeline whose last step is another; the other steps are the same objects."""
    from sklearn.pipeline import Pipeline

    return Pipeline([*pipeline.steps[:-1], (pipeline.steps[-1][0], last)])


def _check_expressible(model: Served, where: str) -> None:
    """Refuse a model that scikit-learn has no estimator for.

    Raises
    ------
    OptionError, ShapeError
    """
    net = model.net
    if model.theta.ndim > 1:
        came = f"a stack of {len(model.theta)} networks"
        raise ShapeError(f"{where}(theta)", came, "a single network", "Pass one, such as theta[0]")
    if model.meaning.preprocessing is not None:
        came, advice = "a model with preprocessing", "Pass its network and theta"
        raise OptionError(f"{where}(model)", came, "a network alone", advice)
    names = [_name(one) for one in net.hidden]
    unknown = [name for name in names if name not in _HIDDEN]
    if unknown:
        came = f"the hidden activation {unknown[0]!r}"
        expected = f"one of {', '.join(_HIDDEN)}"
        raise _inexpressible(where, came, expected)
    if len(set(names)) > 1:
        came = f"different hidden activations, {', '.join(names)}"
        raise _inexpressible(where, came, "one for all layers")
    if any(mask is not None for mask in net.connections):
        raise _inexpressible(where, "removed connections", "all connections")
    pair = _name(net.output), getattr(net.loss, "name", "")
    if pair not in _PAIRS:
        expected = "; ".join(f"{output} with {loss}" for output, loss in sorted(_PAIRS))
        raise _inexpressible(where, f"{pair[0]} outputs with the loss {pair[1]!r}", expected)


def _name(activation: Activation) -> str:
    """Return the name of a built-in activation; another text for a user's own."""
    name = str(activation.name)
    return name if type(activation) is ACTIVATIONS.get(name) else f"{name} of {activation!r}"


def _inexpressible(where: str, came: str, expected: str) -> OptionError:
    advice = "Export it with to_onnx or to_numpy_source"
    return OptionError(f"{where}(model)", came, f"what scikit-learn has: {expected}", advice)


def _settings(model: Any, kind: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that scikit-learn's has, too."""
    if not hasattr(model, "get_params"):
        return {}
    known = inspect.signature(kind).parameters
    given = model.get_params(deep=False).items()
    skipped = {"loss", "activation", "hidden_layer_sizes"}
    return {name: x for name, x in given if name in set(known) - skipped and isinstance(x, _PLAIN)}


def _fill(made: Any, model: Any, layers: list[tuple[HostArray, HostArray]], output: str) -> None:
    """Set the fitted attributes of scikit-learn's estimator, those of further training too."""
    made.coefs_ = [np.array(W, order="C") for W, _ in layers]
    made.intercepts_ = [np.array(b) for _, b in layers]
    made.n_layers_, made.n_outputs_ = len(layers) + 1, made.coefs_[-1].shape[1]
    made.out_activation_ = output
    made.n_features_in_ = len(made.coefs_[0])
    made.n_iter_ = made.t_ = 0
    made.loss_, made.best_loss_, made.loss_curve_ = np.inf, np.inf, []
    made.validation_scores_ = made.best_validation_score_ = None
    made._no_improvement_count = 0  # noqa: SLF001  partial_fit reads it
    for name in _KEPT:
        if getattr(model, name, None) is not None:
            setattr(made, name, getattr(model, name))


def _set_classes(made: Any, model: Served, where: str) -> None:
    """Set the classes, and scikit-learn's way from outputs to them."""
    from sklearn.preprocessing import LabelBinarizer

    units, classes = made.n_outputs_, model.meaning.classes
    several = made.out_activation_ == "logistic" and units > 1
    if classes is None:
        classes = np.arange(2 if units == 1 else units)
    if not several and not (np.sort(classes) == classes).all():
        came, advice = f"{classes.tolist()!r:.60}", "Sort them, and the outputs with them"
        raise OptionError(f"{where}(classes)", came, "classes in ascending order", advice)
    binarizer = LabelBinarizer()
    made._label_binarizer = binarizer.fit(  # noqa: SLF001  there is no other way to set it
        np.eye(units, dtype=int) if several else classes
    )
    made.classes_ = binarizer.classes_
