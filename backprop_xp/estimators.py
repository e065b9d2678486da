"""`MLPClassifier` and `MLPRegressor`: networks with scikit-learn's interface, on any device.

Parameters and attributes have the names and the meaning that they have there. θ is kept on the
host, so that a fitted estimator can be pickled, and used where there is no such device.
"""

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from backprop_xp.activations import Activation
from backprop_xp.backend import dtype_name, from_host, to_host
from backprop_xp.callbacks import EarlyStopping
from backprop_xp.device_selection import Device, select_device
from backprop_xp.errors import DataError, MissingExtraError, OptionError, nearest_name
from backprop_xp.losses import Loss
from backprop_xp.network import Network
from backprop_xp.optimizers import LBFGS, SGD, Adam, Optimizer
from backprop_xp.options import check_count, finite_number
from backprop_xp.prediction import predict
from backprop_xp.training import train

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError(
        "MLPClassifier and MLPRegressor",
        "no scikit-learn, or one before 1.6",
        "the package scikit-learn",
        "Run: python -m pip install 'backprop-xp[sklearn]'",
    ) from error

__all__ = ["MLPClassifier", "MLPRegressor"]

HostArray: TypeAlias = np.ndarray[Any, Any]

SOLVERS = ("adam", "sgd", "lbfgs")
ROWS = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}
LOGISTIC = "logistic"  # scikit-learn's name for the sigmoid


class _MLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        loss: str | Loss | None = None,
        solver: str | Optimizer | LBFGS = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        dropout: float = 0.0,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        verbose: bool = False,
        device: str | Device | None = None,
        dtype: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.dropout = dropout
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose
        self.device = device
        self.dtype = dtype

    @property
    def coefs_(self) -> list[HostArray]:
        """The weights between the layers, (n_in, n_out) each: the transposes of the W."""
        return [layer.W.T for layer in self._layers()]

    @property
    def intercepts_(self) -> list[HostArray]:
        """The biases of the layers, (n_out,) each."""
        return [layer.b[:, 0] for layer in self._layers()]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _layers(self) -> Any:
        check_is_fitted(self)
        return self.network_.unpack(self.theta_)

    def _activation(self) -> Any:
        def known(name: Any) -> Any:
            return "sigmoid" if isinstance(name, str) and name == LOGISTIC else name

        given = self.activation
        if isinstance(given, Sequence) and not isinstance(given, str):
            return [known(each) for each in given]
        return known(given)

    def _optimizer(self) -> tuple[Optimizer | LBFGS, bool]:
        """Return the optimiser, and whether it takes all cases at once."""
        solver = self.solver
        if not isinstance(solver, str):
            return solver, isinstance(solver, LBFGS) or getattr(solver, "full_batch", False)
        if solver == "adam":
            return Adam(self.learning_rate_init), False
        if solver == "sgd":
            nesterov = bool(self.nesterovs_momentum and self.momentum)
            return SGD(self.learning_rate_init, self.momentum, nesterov=nesterov), False
        if solver == "lbfgs":
            return LBFGS(gtol=self.tol), True
        expected = f"one of {', '.join(SOLVERS)}, or an optimiser such as bp.SGD(0.1)"
        raise OptionError("solver", repr(solver), expected, nearest_name(solver, SOLVERS))

    def _check_numbers(self) -> None:
        check_count(self.max_iter, "max_iter", least=1)
        check_count(self.n_iter_no_change, "n_iter_no_change", least=1)
        for name in ("alpha", "tol"):
            if finite_number(getattr(self, name), name) < 0:
                raise OptionError(name, repr(getattr(self, name)), "a number >= 0", "Such as 1e-4")
        if not 0 < finite_number(self.validation_fraction, "validation_fraction") < 1:
            came = repr(self.validation_fraction)
            raise OptionError("validation_fraction", came, "a number in (0, 1)", "Such as 0.1")

    def _fit(
        self,
        X: Any,
        Y: HostArray,
        sample_weight: HostArray | None,
        output: tuple[int, str, str],
        stratify: HostArray | None = None,
    ) -> None:
        """Train on X (m, n_in) and Y, and set what is learned.

        `output` is the number of output units, their activation, and the loss where none was given.
        """
        self._check_numbers()
        n_out, name, usual = output
        loss = usual if self.loss is None else self.loss
        hidden = np.ravel(self.hidden_layer_sizes).astype(object).tolist()
        net = Network([X.shape[1], *hidden, n_out], self._activation(), name, loss)
        optimizer, whole = self._optimizer()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        validation, metric = None, "cost"
        if self.early_stopping:
            held = {"test_size": self.validation_fraction, "random_state": seed}
            parts = [X, Y] if sample_weight is None else [X, Y, sample_weight]
            parts = train_test_split(*parts, stratify=stratify, **held)
            (X, X_held), (Y, Y_held), *others = zip(parts[::2], parts[1::2], strict=True)
            sample_weight = others[0][0] if others else None
            validation = (X_held, Y_held)
            metric = "validation_accuracy" if stratify is not None else "validation_cost"
        X = X.toarray() if whole and hasattr(X, "toarray") else X
        m = X.shape[0]
        size = m if whole else min(200, m) if self.batch_size == "auto" else self.batch_size
        size = min(check_count(size, "batch_size", least=1), m)
        stop = EarlyStopping(
            metric, self.n_iter_no_change, self.tol, restore_best=bool(self.early_stopping)
        )
        run = train(
            net,
            X,
            Y,
            optimizer=optimizer,
            epochs=self.max_iter,
            batch_size=None if whole else size,
            validation=validation,
            case_weights=sample_weight,
            l2=self.alpha / (size if sample_weight is None else size * sample_weight.mean()),
            dropout=self.dropout,
            seed=seed,
            device=select_device(self.device or "cpu"),
            dtype=self.dtype,
            callbacks=[stop] if self.early_stopping or not isinstance(optimizer, LBFGS) else [],
            progress=bool(self.verbose),
        )
        self.network_, self.theta_ = net, to_host(run.theta)
        self.loss_curve_ = run.history["cost"]
        self.loss_, self.n_iter_ = self.loss_curve_[-1], len(self.loss_curve_)
        self.validation_scores_ = run.history.get("validation_accuracy")
        self.n_outputs_, self.out_activation_ = n_out, name
        self.n_layers_ = len(net.sizes)
        if not run.stopped and self.n_iter_ >= self.max_iter:
            warnings.warn(
                f"no end of the descent within max_iter={self.max_iter} epochs: pass more, or a "
                "larger tol",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _outputs(self, X: Any) -> HostArray:
        """Return the outputs (m, n_out) for X (m, n_in)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **ROWS)
        device, dtype = select_device(self.device or "cpu"), dtype_name(self.theta_.dtype)
        theta = from_host(self.theta_, device.xp, device.handle, dtype)
        return to_host(predict(self.network_, theta, X))


def _weights(sample_weight: Any, X: Any) -> HostArray | None:
    if sample_weight is None:
        return None
    weights: HostArray = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    return weights


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """A network that tells classes apart, trained by backpropagation on any device.

    One sigmoid unit for two classes, softmax for more, and a sigmoid unit for each of several
    labels that a case may have at once.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        The units of each hidden layer.
    activation : str, Activation or sequence of them
        Of all hidden layers or of each: a name of `backprop_xp.activations`, ``"logistic"``, or an
        object of your own.
    loss : str or Loss, optional
        Cross-entropy unless given.
    solver : {"adam", "sgd", "lbfgs"} or an optimiser
        Such as ``bp.SGD(bp.schedules.Step(0.1))``, in whose place `learning_rate_init`, `momentum`
        and `nesterovs_momentum` say nothing.
    alpha : float
        ≥ 0. Adds ½ · alpha / n · Σ W² to the mean cost of a batch of n cases, as scikit-learn does;
        n is the sum of a batch's weights on average, where the cases have weights.
    batch_size : int or "auto"
        "auto" is 200, or all cases where there are fewer. L-BFGS and Rprop take all.
    learning_rate_init, momentum, nesterovs_momentum
        Of "adam" and "sgd", and of "sgd" alone.
    max_iter : int
        Epochs at most, ≥ 1.
    dropout : float
        As `backprop_xp.train` takes it.
    tol, n_iter_no_change : float, int
        Training stops where the cost has not fallen by more than `tol` for so many epochs in a row;
        L-BFGS where no derivative is larger than `tol`.
    early_stopping : bool
        Whether a share of the cases is held out, their accuracy (their cost, without classes) is
        what must grow, and the best θ is kept.
    validation_fraction : float
        That share, in (0, 1).
    random_state : int, RandomState or None
        For the initial parameters, the order of the cases, dropout, and what is held out.
    verbose : bool
        Whether a progress bar is shown.
    device : str or Device, optional
        Where to train and predict, such as ``"cuda"``; "cpu" unless given.
    dtype : str, optional
        "float32" is that of GPUs; None is float32 for such X, else float64.

    Attributes
    ----------
    classes_ : array (n_classes,)
    network_ : Network
    theta_ : array (P,)
        All parameters, on the host; ``bp.save(path, mlp.network_, mlp.theta_)`` writes a file.
    coefs_, intercepts_ : list of array (n_in, n_out), (n_out,)
    loss_, loss_curve_ : float, list of float
        The mean cost of an epoch's batches, the penalty included.
    validation_scores_ : list of float or None
        The accuracy of each epoch on the cases that were held out.
    n_iter_, n_layers_, n_outputs_, n_features_in_ : int
    out_activation_ : str

    Raises
    ------
    MissingExtraError
        There is no scikit-learn, 1.6 or later.
    OptionError, and what `backprop_xp.train` raises

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, y = bp.datasets.digits()
    >>> mlp = MLPClassifier([32], early_stopping=True, random_state=0).fit(X[:1500], y[:1500])
    >>> mlp.score(X[1500:], y[1500:]) > 0.8
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MLPClassifier":
        """Train on X (m, n_in) and its classes y (m,), or labels (m, n_labels) of 0 and 1.

        `sample_weight` (m,) holds weights of the cases, ≥ 0.
        """
        X, y = validate_data(self, X, y, multi_output=True, **ROWS)
        check_classification_targets(y)
        weights = _weights(sample_weight, X)
        if type_of_target(y).startswith("multilabel"):
            y = y.toarray() if hasattr(y, "toarray") else y
            self.classes_ = np.arange(y.shape[1])
            output = (y.shape[1], "sigmoid", "binary_cross_entropy")
            self._fit(X, y.astype(X.dtype), weights, output)
            return self
        y = column_or_1d(y, warn=True)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            came, expected = f"one class, {self.classes_[0]}", "two classes at least"
            raise DataError("fit(y)", came, expected, "Pass cases of the others too")
        count, two = len(self.classes_), len(self.classes_) == 2
        output = (
            (1, "sigmoid", "binary_cross_entropy") if two else (count, "softmax", "cross_entropy")
        )
        self._fit(X, labels.astype(np.int32), weights, output, stratify=labels)
        return self

    def predict(self, X: Any) -> HostArray:
        """Return the classes (m,), or the labels (m, n_labels), for X (m, n_in)."""
        outputs = self._outputs(X)
        if self.out_activation_ == "softmax":
            places = outputs.argmax(axis=1)
        else:
            places = (outputs > 0.5).astype(int)
            if self.n_outputs_ > 1:
                return places
            places = places[:, 0]
        found: HostArray = self.classes_[places]
        return found

    def predict_proba(self, X: Any) -> HostArray:
        """Return the probability of each class, or of each label, (m, n_classes)."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: Any) -> HostArray:
        """Return the logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, _MLP):  # type: ignore[misc]
    """A network that estimates numbers, trained by backpropagation on any device.

    Identity units, or exponential ones with the loss ``"poisson"``. Parameters and attributes are
    those of `MLPClassifier`, but for ``classes_``; with `early_stopping` the cost of what is held
    out must fall.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> mlp = MLPRegressor([8], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
    >>> mlp.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "MLPRegressor":
        """Train on X (m, n_in) and numbers y (m,) or (m, n_out).

        `sample_weight` (m,) holds weights of the cases, ≥ 0.
        """
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, **ROWS)
        self._flat = y.ndim == 1 or y.shape[1] == 1
        Y = (column_or_1d(y, warn=True) if self._flat else y).reshape(len(y), -1)
        name = "exp" if getattr(self.loss, "name", self.loss) == "poisson" else "identity"
        output = (Y.shape[1], name, "squared_error")
        self._fit(X, Y.astype(X.dtype), _weights(sample_weight, X), output)
        return self

    def predict(self, X: Any) -> HostArray:
        """Return the estimates, (m,) or (m, n_out) as y was, for X (m, n_in)."""
        outputs = self._outputs(X)
        first: HostArray = outputs[:, 0]
        return first if self._flat else outputs
