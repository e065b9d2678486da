"""`MLPClassifier` and `MLPRegressor`: networks with scikit-learn's interface, on any device.

Parameters and attributes have the names that they have there, and the meaning but for what the
docstrings say. θ is kept on the host, so that a fitted estimator can be pickled, and used where
there is no such device.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from backprop_xp.activations import Activation
from backprop_xp.arrays.backend import HostArray, dtype_name, from_host, to_host
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.errors import DataError, needs_extra
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.parameters import checked
from backprop_xp.estimators.stopping import Watch
from backprop_xp.losses import Loss
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.training.run import Run
from backprop_xp.training.train import train

with needs_extra(
    "sklearn",
    "MLPClassifier and MLPRegressor",
    "no scikit-learn, or one before 1.6",
    "the package scikit-learn",
):
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_regressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

__all__ = ["MLPClassifier", "MLPRegressor"]


ROWS = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}


class _MLP(BaseEstimator):
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (m, n_in) and y; of `sample_weight` (m,) each is the weight of a case, ≥ 0.

        y holds a class or a number for each case, (m,), labels of 0 and 1, (m, n_labels), or
        several numbers, (m, n_out).
        """
        hidden, activation, optimizer = checked(self)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=is_regressor(self), **ROWS)
        head, Y, y = self._targets(y.toarray() if hasattr(y, "toarray") else y, X.dtype)
        sizes, loss = [X.shape[1], *hidden, head.units], head.loss_for(self.loss)
        net = Network(sizes, activation, head.activation, loss)
        w = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        score = None
        if self.early_stopping and not isinstance(optimizer, LBFGS):
            rows, score = self._held_out(net, head, X, Y, y, w, seed)
            X, Y, w = X[rows], Y[rows], None if w is None else w[rows]
        _check_weights(w, "trained on")
        watch = Watch(self.tol, self.n_iter_no_change, score)
        run = self._train(net, optimizer, X, Y, w, seed, watch)
        self._head, self.network_ = head, net
        self.theta_ = to_host(run.theta) if watch.theta is None else watch.theta
        if head.classes is not None:
            self.classes_ = head.classes
        self.n_outputs_, self.out_activation_, self.n_layers_ = (
            head.units,
            head.activation,
            len(sizes),
        )
        self.loss_curve_ = run.history.get("cost", [])
        self.n_iter_ = len(self.loss_curve_)
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else None
        self.best_loss_ = min(self.loss_curve_, default=None) if score is None else None
        self.validation_scores_ = None if score is None else watch.scores
        self.best_validation_score_ = max(watch.scores, default=None) if score else None
        self._warn_unless_ended(run.stopped, optimizer)
        return self

    def _targets(self, y: HostArray, dtype: Any) -> tuple[Head, HostArray, HostArray]:
        """Return what outputs stand for, the targets, and what is to be predicted."""
        raise NotImplementedError

    def _held_out(
        self, net: Network, head: Head, X: Any, Y: HostArray, y: HostArray, w: Any, seed: int
    ) -> tuple[HostArray, Callable[[HostArray], float]]:
        """Return the rows to train on, and the function from θ to the score on the others."""
        rows, held = train_test_split(
            np.arange(X.shape[0]),
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=Y if head.classes is not None and head.flat and head.units == 1 else None,
        )
        if head.classes is None and len(held) < 2:
            came, expected = f"{len(held)} case held out", "two at least, for R²"
            advice = "Pass a larger validation_fraction, or early_stopping=False"
            raise DataError("fit(X)", came, expected, advice)
        X, y, w = X[held], y[held], None if w is None else w[held]
        _check_weights(w, "held out")
        scored = r2_score if head.classes is None else accuracy_score

        def score(theta: HostArray) -> float:
            return float(scored(y, head.decide(self._outputs(net, theta, X)), sample_weight=w))

        return rows, score

    def _train(
        self, net: Network, optimizer: Any, X: Any, Y: HostArray, w: Any, seed: int, watch: Watch
    ) -> Run:
        of_lbfgs = isinstance(optimizer, LBFGS)
        whole = of_lbfgs or bool(getattr(optimizer, "full_batch", False))
        m = X.shape[0]
        size = m if whole else min(200 if self.batch_size == "auto" else self.batch_size, m)
        return train(
            net,
            X.toarray() if whole and hasattr(X, "toarray") else X,
            Y,
            optimizer=optimizer,
            epochs=self.max_iter,
            batch_size=None if whole else size,
            case_weights=w,
            l2=self.alpha / (size if w is None else size * w.mean()),
            dropout=self.dropout,
            seed=seed,
            device=select_device(self.device or "cpu"),
            dtype=self.dtype,
            callbacks=[] if of_lbfgs else [watch],
            progress=bool(self.verbose),
        )

    def _warn_unless_ended(self, stopped: str, optimizer: Any) -> None:
        of_lbfgs = isinstance(optimizer, LBFGS)
        if "CONVERGENCE" in stopped if of_lbfgs else stopped.startswith(Watch.WHY):
            return
        why = stopped or f"no end of the descent within max_iter={self.max_iter}"
        advice = "pass a larger max_iter, or a larger tol"
        warnings.warn(f"{why}: {advice}", ConvergenceWarning, stacklevel=3)

    def predict(self, X: Any) -> HostArray:
        """Return the classes, labels or numbers, (m,) or as many for each case as y had, for X."""
        outputs = self._outputs_for(X)
        decided: HostArray = self._head.decide(outputs)
        return decided

    def _layers(self) -> Any:
        check_is_fitted(self)
        return self.network_.unpack(self.theta_)

    def _outputs_for(self, X: Any) -> HostArray:
        """Return the outputs (m, n_out) of what was learned, for X (m, n_in)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **ROWS)
        return self._outputs(self.network_, self.theta_, X)

    def _outputs(self, net: Network, theta: HostArray, X: Any) -> HostArray:
        device = select_device(self.device or "cpu")
        moved = from_host(theta, device.xp, device.handle, dtype_name(theta.dtype))
        return to_host(predict(net, moved, X))


def _check_weights(w: HostArray | None, part: str) -> None:
    if w is not None and not (w.min() >= 0 and w.sum() > 0):
        came = f"from {w.min()} to {w.max()} in the cases {part}"
        expected = ">= 0, and one above 0 at least"
        raise DataError("fit(sample_weight)", came, expected, "Leave cases out with weight 0")


class MLPClassifier(ClassifierMixin, _MLP):
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
        Such as ``bp.SGD(bp.schedules.Step(0.1, 50))``, beside which `learning_rate_init`,
        `momentum` and `nesterovs_momentum` say nothing.
    alpha : float
        ≥ 0. Adds ½ · alpha / n · Σ W² to the mean cost of a batch, for n cases in a whole batch;
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
        Training stops where more than so many epochs in a row were not better by `tol` than the
        best; L-BFGS where no derivative is larger than `tol`.
    early_stopping : bool
        Whether a share of the cases is held out, the score on them (accuracy, or R²) is what must
        grow, and the best θ is kept. L-BFGS takes no notice.
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
    loss_, best_loss_, loss_curve_ : float, float, list of float
        The mean cost over an epoch's cases, the penalty included; None where there was no epoch,
        and the best one with `early_stopping`.
    validation_scores_, best_validation_score_ : list of float, float, or None
        The score after each epoch on the cases that were held out.
    n_iter_, n_layers_, n_outputs_, n_features_in_ : int
    out_activation_ : str

    Raises
    ------
    MissingExtraError
        There is no scikit-learn, 1.6 or later.
    OptionError, DataError, and what `backprop_xp.train` raises

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, y = bp.datasets.digits()
    >>> mlp = MLPClassifier([32], early_stopping=True, random_state=0).fit(X[:1500], y[:1500])
    >>> mlp.score(X[1500:], y[1500:]) > 0.8
    True
    """

    def _targets(self, y: HostArray, dtype: Any) -> tuple[Head, HostArray, HostArray]:
        check_classification_targets(y)
        if type_of_target(y).startswith("multilabel"):
            labels = np.arange(y.shape[1])
            head = Head(y.shape[1], "sigmoid", "binary_cross_entropy", labels, flat=False)
            return head, y.astype(dtype), y.astype(int)
        y = column_or_1d(y, warn=True)
        classes, places = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            came, expected = f"one class, {classes[0]}", "two classes at least"
            raise DataError("fit(y)", came, expected, "Pass cases of the others too")
        if len(classes) == 2:
            head = Head(1, "sigmoid", "binary_cross_entropy", classes)
        else:
            head = Head(len(classes), "softmax", "cross_entropy", classes)
        return head, places.astype(np.int32), y

    def predict_proba(self, X: Any) -> HostArray:
        """Return the probability of each class, or of each label, (m, n_classes)."""
        outputs = self._outputs_for(X)
        two = self._head.flat and self._head.units == 1
        return np.hstack([1 - outputs, outputs]) if two else outputs

    def predict_log_proba(self, X: Any) -> HostArray:
        """Return the logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, _MLP):
    """A network that estimates numbers, trained by backpropagation on any device.

    Identity units with squared error unless another loss is given, exponential ones with the loss
    ``"poisson"``. Parameters and attributes are those of `MLPClassifier`, but for ``classes_``;
    with `early_stopping` it is R² that must grow.

    Raises
    ------
    MissingExtraError
        There is no scikit-learn, 1.6 or later.
    OptionError, DataError, and what `backprop_xp.train` raises

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> mlp = MLPRegressor([8], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
    >>> mlp.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99
    True
    """

    def _targets(self, y: HostArray, dtype: Any) -> tuple[Head, HostArray, HostArray]:
        if y.dtype.kind not in "fiub":
            advice = "For classes take MLPClassifier"
            raise DataError("fit(y)", f"dtype {y.dtype}", "real numbers", advice)
        flat = y.ndim == 1 or y.shape[1] == 1
        y = column_or_1d(y, warn=True) if flat else y
        Y = y.reshape(len(y), -1).astype(dtype)
        name = "exp" if getattr(self.loss, "name", self.loss) == "poisson" else "identity"
        return Head(Y.shape[1], name, "squared_error", flat=flat), Y, y
