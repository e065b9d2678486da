"""`MLPClassifier` and `MLPRegressor`: networks with scikit-learn's interface, on any device.

Parameters and attributes have scikit-learn's names. Their meaning is scikit-learn's too, unless a
docstring says otherwise. θ is kept on the host, so that a fitted estimator can be pickled and then
used on a machine without the device.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
from array_api_compat import is_torch_array

from backprop_xp.activations import Activation, Identity
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray, dtype_name, from_host, to_host
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.requirements import check_real
from backprop_xp.errors import DataError, DivergenceError
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.parameters import checked
from backprop_xp.estimators.stopping import Watch, ctrl_c_raises
from backprop_xp.estimators.without_sklearn import stand_ins
from backprop_xp.losses import Loss
from backprop_xp.network.data_values import check_case_weights
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.training.run import Run
from backprop_xp.training.train import train

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_regressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    BaseEstimator, ClassifierMixin, RegressorMixin = stand_ins(error)

__all__ = ["MLPClassifier", "MLPRegressor"]


X_FORMATS = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}


class _Cases(NamedTuple):
    """Some cases of an estimator.

    Attributes
    ----------
    X : array or CSR matrix (m, n_in)
    Y : array (m,) or (m, units)
        The targets of training.
    y : array
        The targets of the score.
    w : array (m,) or None
        The weights of the cases.
    """

    X: Any
    Y: HostArray
    y: HostArray
    w: HostArray | None

    def part(self, rows: HostArray) -> "_Cases":
        """Return the cases of these rows."""
        w = None if self.w is None else self.w[rows]
        return _Cases(self.X[rows], self.Y[rows], self.y[rows], w)


def _of_some_weight(cases: _Cases) -> _Cases:
    """Return the cases whose weight is not 0, after a check of the weights."""
    if cases.w is None:
        return cases
    check_case_weights(cases.w, "fit(sample_weight)", cases.w.dtype.name)
    return cases if cases.w.all() else cases.part(np.flatnonzero(cases.w))


def _check_dtypes(**data: Any) -> None:
    """Refuse arrays of numbers that NumPy does not have, such as bfloat16, before scikit-learn."""
    for name, x in data.items():
        if is_torch_array(x):
            check_real(x, name)


class _MLP(BaseEstimator):
    """The common base of the classifier and the regressor: parameters, training, prediction."""

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
        """The weights of each layer, (n_in, n_out): the transpose of W.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> mlp = bp.MLPClassifier([4], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
        >>> mlp = mlp.fit(X, Y[:, 0])
        >>> [W.shape for W in mlp.coefs_]
        [(2, 4), (4, 1)]
        """
        return [layer.W.T for layer in self._layers()]

    @property
    def intercepts_(self) -> list[HostArray]:
        """The biases of each layer, (n_out,).

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> mlp = bp.MLPClassifier([4], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
        >>> mlp = mlp.fit(X, Y[:, 0])
        >>> [b.shape for b in mlp.intercepts_]
        [(4,), (1,)]
        """
        return [layer.b[:, 0] for layer in self._layers()]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Return the estimator itself, trained on X and y.

        Parameters
        ----------
        X : array or CSR matrix (m, n_in)
        y : array
            A class or a number for each case, (m,); labels of 0 and 1, (m, n_labels); or several
            numbers for each case, (m, n_out).
        sample_weight : array (m,), optional
            The weight of each case, ≥ 0. Default: 1 each. Cases of weight 0 are left out.

        Raises
        ------
        As the class. A fit that fails leaves the estimator as it was.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> mlp = bp.MLPClassifier([4], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
        >>> mlp.fit(X, Y[:, 0]).score(X, Y[:, 0])
        1.0
        """
        before = vars(self).copy()
        try:
            self._fit(X, y, sample_weight)
        except BaseException:  # Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        hidden, activation, optimizer = checked(self)
        _check_dtypes(X=X, y=y)
        X, y = validate_data(
            self, X, y, multi_output=True, y_numeric=is_regressor(self), **X_FORMATS
        )
        head, Y, y = self._targets(y.toarray() if hasattr(y, "toarray") else y, X.dtype)
        sizes, loss = [X.shape[1], *hidden, head.units], head.loss_for(self.loss)
        net = Network(sizes, activation, head.activation, loss)
        w = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        cases, held = _of_some_weight(_Cases(X, Y, y, w)), None
        if self.early_stopping and not isinstance(optimizer, LBFGS):
            cases, held = self._split(cases, head, seed)
        score = None if held is None else partial(self._score, net, head, held)
        watch = Watch(self.tol, self.n_iter_no_change, score)
        run = self._train(net, optimizer, cases, held, watch, seed)
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
        self.best_loss_ = min(self.loss_curve_, default=None) if held is None else None
        self.validation_scores_ = None if held is None else watch.scores
        self.best_validation_score_ = None if watch.theta is None else watch.best
        self._warn_unless_ended(run.stopped, optimizer)

    def _targets(self, y: HostArray, dtype: Any) -> tuple[Head, HostArray, HostArray]:
        """Return the kind of the outputs, the targets of training, and the y of the score."""
        raise NotImplementedError

    def _split(self, cases: _Cases, head: Head, seed: int) -> tuple[_Cases, _Cases]:
        """Return the cases to train on, and the cases that are held out."""
        m, numbers = cases.X.shape[0], head.classes is None
        if not 1 + numbers <= math.ceil(self.validation_fraction * m) < m:
            came = f"{m} case{'s' * (m != 1)}" + (" of weight > 0" if cases.w is not None else "")
            least = "two to hold out, for R^2" if numbers else "one to hold out"
            advice = "Pass more cases, another validation_fraction, or early_stopping=False"
            raise DataError("fit(X)", came, f"at least one to train on and {least}", advice)
        rows, others = train_test_split(
            np.arange(m),
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=cases.Y if not numbers and head.flat and head.units == 1 else None,
        )
        return cases.part(rows), cases.part(others)

    def _score(self, net: Network, head: Head, held: _Cases, theta: HostArray) -> float:
        """Return the score of the cases held out; NaN where an output is no number."""
        outputs = self._outputs(net, theta, held.X)
        if not np.isfinite(outputs).all():
            return math.nan
        metric = r2_score if head.classes is None else accuracy_score
        return float(metric(held.y, head.decide(outputs), sample_weight=held.w))

    def _train(
        self,
        net: Network,
        optimizer: Any,
        cases: _Cases,
        held: _Cases | None,
        watch: Watch,
        seed: int,
    ) -> Run:
        is_lbfgs = isinstance(optimizer, LBFGS)
        full_batch = is_lbfgs or bool(getattr(optimizer, "full_batch", False))
        X, Y, _, w = cases
        m = X.shape[0]
        size = m if full_batch else min(200 if self.batch_size == "auto" else self.batch_size, m)
        try:
            with ctrl_c_raises():
                return train(
                    net,
                    X.toarray() if full_batch and hasattr(X, "toarray") else X,
                    Y,
                    optimizer=optimizer,
                    epochs=self.max_iter,
                    batch_size=None if full_batch else size,
                    validation=None if held is None else (held.X, held.Y),
                    case_weights=w,
                    l2=self.alpha / (size if w is None else size * w.mean()),
                    dropout=self.dropout,
                    seed=seed,
                    device=select_device(self.device or "cpu"),
                    dtype=self.dtype,
                    callbacks=[] if is_lbfgs else [watch],
                    progress=bool(self.verbose),
                )
        except DivergenceError as error:
            if watch.theta is None:
                raise
            why = f"{Watch.DIVERGED} in epoch {error.epoch} (counted from 0)"
            return Run(watch.theta, error.history, net, why)

    def _warn_unless_ended(self, stopped: str, optimizer: Any) -> None:
        converged = "CONVERGENCE" if isinstance(optimizer, LBFGS) else Watch.REASON
        if converged in stopped:
            return
        why = stopped or f"no end of the descent within max_iter={self.max_iter}"
        advice = "pass a larger max_iter, or a larger tol"
        if stopped.startswith(Watch.DIVERGED):
            why += ", and the theta of the best score of the cases held out is kept"
            advice = "try a smaller learning rate, or inputs of mean 0 and variance 1"
        warnings.warn(f"{why}: {advice}", ConvergenceWarning, stacklevel=4)

    def predict(self, X: Any) -> HostArray:
        """Return the predicted classes, labels or numbers for X (m, n_in), in the shape of y.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> mlp = bp.MLPClassifier([4], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
        >>> mlp = mlp.fit(X, ["same", "other", "other", "same"])
        >>> mlp.predict(X).tolist()
        ['same', 'other', 'other', 'same']
        """
        check_is_fitted(self)
        decided: HostArray = self._head.decide(self._outputs_for(X, self.network_))
        return decided

    def _layers(self) -> Any:
        check_is_fitted(self)
        return self.network_.unpack(self.theta_)

    def _outputs_for(self, X: Any, net: Network) -> HostArray:
        """Return the outputs (m, n_out) of a network with the trained θ for X (m, n_in)."""
        _check_dtypes(X=X)
        X = validate_data(self, X, reset=False, **X_FORMATS)
        return self._outputs(net, self.theta_, X)

    def _outputs(self, net: Network, theta: HostArray, X: Any) -> HostArray:
        device = select_device(self.device or "cpu")
        dtype = dtype_name(theta.dtype if self.dtype is None else self.dtype)
        moved = from_host(theta, device.xp, device.handle, dtype)
        return to_host(predict(net, moved, X))


@checks_keywords
class MLPClassifier(ClassifierMixin, _MLP):
    """A network that classifies, trained by backpropagation on any device.

    Two classes have one sigmoid output. More classes have a softmax output each. Where a case may
    have several labels at once, each label has a sigmoid output.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        The number of units of each hidden layer, ≥ 1.
    activation : str, Activation or sequence of them
        The activation of all hidden layers, or of each: a name of `backprop_xp.activations`,
        ``"logistic"`` for the sigmoid, or an object of your own.
    loss : str or Loss, optional
        Default: cross-entropy.
    solver : {"adam", "sgd", "lbfgs"} or an optimiser
        An optimiser, such as ``bp.SGD(bp.schedules.Step(0.1, 50))``, has its own learning rate:
        `learning_rate_init`, `momentum` and `nesterovs_momentum` are then ignored.
    alpha : float
        Strength of the L2 penalty, ≥ 0. It adds ½ · alpha / n · Σ W² to the mean cost of a batch of
        n cases. Where the cases have weights, n is the mean sum of weights of a batch.
    batch_size : int or "auto"
        Cases per batch, ≥ 1. "auto" is 200, or all cases where there are fewer. L-BFGS and Rprop
        always take all cases.
    learning_rate_init : float
        The learning rate of "adam" and "sgd", above 0.
    momentum : float
        The momentum of "sgd", from 0 to below 1.
    nesterovs_momentum : bool
        Whether the momentum of "sgd" is Nesterov's.
    max_iter : int
        The largest number of epochs, ≥ 1.
    dropout : float
        The share of hidden units dropped, as in `backprop_xp.train`.
    tol : float
        The least gain that counts, ≥ 0. L-BFGS stops where no derivative is larger than `tol`.
    n_iter_no_change : int or inf
        Training stops after more than this number of epochs in a row whose cost was not lower than
        the best cost by `tol`. L-BFGS ignores it.
    early_stopping : bool
        Whether some cases are held out. The gain is then one of their score (accuracy, or R²), and
        the θ of the best score is kept, also where training diverges later: a ConvergenceWarning
        says so. A schedule of the solver, such as `schedules.ReduceOnPlateau`, may follow
        "validation_cost", the cost of the cases held out. L-BFGS ignores it.
    validation_fraction : float
        The share of cases held out for `early_stopping`, above 0 and below 1.
    random_state : int, RandomState or None
        Seed of the initial θ, of the order of the cases, of dropout and of the cases held out.
    verbose : bool
        Whether to show a progress bar.
    device : str or Device, optional
        The device that trains and predicts, such as ``"cuda"``. Default: "cpu".
    dtype : str, optional
        The dtype of the computation; GPUs are fastest in "float32". Default: float32 where X is
        float32, else float64.

    Attributes
    ----------
    classes_ : array (n_classes,)
        The classes in sorted order, or the numbers of the labels.
    network_ : Network
    theta_ : array (P,)
        All parameters, on the host; ``bp.save(path, mlp.network_, mlp.theta_)`` writes a file.
    coefs_, intercepts_ : list of array (n_in, n_out), (n_out,)
        The weights and the biases of each layer.
    loss_curve_ : list of float
        The mean cost of each epoch, with the penalty.
    loss_, best_loss_ : float or None
        The last and the lowest cost; None without an epoch. `best_loss_` is also None with
        `early_stopping`.
    validation_scores_, best_validation_score_ : list of float, float, or None
        The score of the cases held out after each epoch, and the best; None without
        `early_stopping`.
    n_iter_, n_layers_, n_outputs_, n_features_in_ : int
        The numbers of epochs, of layers with the inputs, of outputs and of inputs.
    out_activation_ : str
        The activation of the outputs.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed, or older than 1.6.
    OptionError
        `fit`: a parameter is out of range, or a name is unknown.
    DataError
        `fit`: there is a single class, or sample weights are negative or all 0.
    DivergenceError
        `fit`: a cost became infinite or NaN, and no score of cases held out was known.
    KeyboardInterrupt
        `fit`: Ctrl-C was pressed.
    BackpropError
        As `backprop_xp.train`.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, y = bp.datasets.digits()
    >>> mlp = MLPClassifier([32], early_stopping=True, random_state=0).fit(X[:1500], y[:1500])
    >>> mlp.score(X[1500:], y[1500:]) > 0.8
    True
    >>> mlp.predict(X[:3]), mlp.predict_proba(X[:3]).shape
    (array([0, 1, 2]), (3, 10))
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
            came, expected = f"one class, {classes[0]}", "at least two classes"
            raise DataError("fit(y)", came, expected, "Pass cases of other classes, too")
        if len(classes) == 2:
            head = Head(1, "sigmoid", "binary_cross_entropy", classes)
        else:
            head = Head(len(classes), "softmax", "cross_entropy", classes)
        return head, places.astype(np.int32), y

    def predict_proba(self, X: Any) -> HostArray:
        """Return the probability of each class or label, (m, n_classes), for X (m, n_in).

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> mlp = bp.MLPClassifier([4], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
        >>> mlp = mlp.fit(X, Y[:, 0])
        >>> mlp.predict_proba(X).round(1)  # columns as mlp.classes_, here 0 and 1
        array([[1., 0.],
               [0., 1.],
               [0., 1.],
               [1., 0.]], dtype=float32)
        """
        z = self._weighted_inputs_for(X)
        probabilities: HostArray = self._head.probabilities(z)
        return probabilities

    def predict_log_proba(self, X: Any) -> HostArray:
        """Return the logarithm of `predict_proba`, (m, n_classes), for X (m, n_in).

        It is finite where a probability rounds to 0.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> mlp = bp.MLPClassifier([4], "tanh", solver="lbfgs", tol=1e-3, random_state=0)
        >>> mlp = mlp.fit(X, Y[:, 0])
        >>> bool(np.allclose(np.exp(mlp.predict_log_proba(X)), mlp.predict_proba(X)))
        True
        """
        z = self._weighted_inputs_for(X)
        logarithms: HostArray = self._head.log_probabilities(z)
        return logarithms

    def _weighted_inputs_for(self, X: Any) -> HostArray:
        """Return z^L, (m, units), for X (m, n_in): the outputs with identity output units."""
        check_is_fitted(self)
        return self._outputs_for(X, replace(self.network_, output=Identity()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@checks_keywords
class MLPRegressor(RegressorMixin, _MLP):
    """A network that predicts numbers, trained by backpropagation on any device.

    Outputs are identity units; with the loss ``"poisson"`` they are exponential. The default loss
    is squared error. All other parameters and the attributes are those of `MLPClassifier`, without
    ``classes_``. With `early_stopping` the score is R².

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed, or older than 1.6.
    OptionError
        `fit`: a parameter is out of range, a name is unknown, or the loss is one of classes.
    DataError
        `fit`: y holds no real numbers, or sample weights are negative or all 0.
    DivergenceError
        `fit`: a cost became infinite or NaN, and no score of cases held out was known.
    KeyboardInterrupt
        `fit`: Ctrl-C was pressed.
    BackpropError
        As `backprop_xp.train`.

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
            advice = "Use MLPClassifier for classes"
            raise DataError("fit(y)", f"dtype {y.dtype}", "real numbers", advice)
        flat = y.ndim == 1 or y.shape[1] == 1
        y = column_or_1d(y, warn=True) if flat else y
        Y = y.reshape(len(y), -1).astype(dtype)
        activation = "exp" if getattr(self.loss, "name", self.loss) == "poisson" else "identity"
        return Head(Y.shape[1], activation, "squared_error", flat=flat), Y, y
