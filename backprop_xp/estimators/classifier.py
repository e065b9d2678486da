"""`MLPClassifier`: a network that classifies, with scikit-learn's interface, on any device.

Parameters and attributes have scikit-learn's names, defaults and meanings, and a fit has
scikit-learn's weights, epoch by epoch. The guide says where answers differ, and why.
"""

from typing import Any, Self

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import dtype_name
from backprop_xp.arrays.data_frames import refuse_missing
from backprop_xp.errors import DataError
from backprop_xp.estimators.base import BaseMLP
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.parameters import OF_THE_ESTIMATOR, RATE
from backprop_xp.estimators.partial_fits import available_if_stochastic, check_partial_fit
from backprop_xp.estimators.user_arrays import on_host
from backprop_xp.estimators.without_sklearn import stand_ins
from backprop_xp.network.prediction import IN_CHUNKS

try:
    from sklearn.base import ClassifierMixin
    from sklearn.utils import column_or_1d
    from sklearn.utils.multiclass import (
        _check_partial_fit_first_call,
        check_classification_targets,
        type_of_target,
        unique_labels,
    )
except ImportError as error:
    _, ClassifierMixin, _ = stand_ins(error)

__all__ = ["MLPClassifier"]


@checks_keywords(lr=RATE, eta=RATE, eta0=RATE)
class MLPClassifier(ClassifierMixin, BaseMLP):
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
    solver : str or an optimiser
        "adam", "sgd" and "lbfgs" are scikit-learn's. The names of `backprop_xp.train` serve too,
        with `learning_rate_init`. An optimiser, such as ``bp.SGD(bp.schedules.Step(0.1, 50))``, has
        its own numbers; ``solver__learning_rate`` sets them in a search.
    alpha : float
        Strength of the L2 penalty, ≥ 0. It adds ½ · alpha / n · Σ W² to the mean cost of a batch of
        n cases. Where the cases have weights, n is the mean sum of weights of a batch.
    batch_size : int or "auto"
        Cases per batch, ≥ 1. "auto" is 200, or all cases where there are fewer. L-BFGS and Rprop
        always take all cases.
    learning_rate : {"constant", "invscaling", "adaptive"}
        The learning rate of "sgd". "invscaling": `learning_rate_init` / (n + 1)^power_t, for n
        cases seen, at the end of each epoch. "adaptive": a fifth, where the fit would end, until it
        is at most 10⁻⁶.
    learning_rate_init : float
        The learning rate of a named solver, above 0.
    power_t : float
        The power of "invscaling", ≥ 0.
    max_iter : int
        The largest number of epochs, ≥ 1.
    shuffle : bool
        Whether the cases are shuffled in each epoch.
    random_state : int, RandomState or None
        Seed of the initial θ, the cases held out and the order of the cases, all of which are those
        of scikit-learn; and of dropout.
    tol : float
        The least gain that counts, ≥ 0. L-BFGS stops where no derivative is larger than `tol`.
    verbose : bool or int
        Whether to print a line for each epoch.
    warm_start : bool
        Whether `fit` goes on from the parameters of the last fit.
    momentum : float
        The momentum of "sgd", from 0 to 1.
    nesterovs_momentum : bool
        Whether the momentum of "sgd" is Nesterov's.
    early_stopping : bool
        Whether some cases are held out. The gain is then one of their score (accuracy, or R²), and
        the θ of the best score is kept, also where training diverges later: a ConvergenceWarning
        says so. A schedule of the solver, such as `schedules.ReduceOnPlateau`, may follow
        "validation_cost", the cost of the cases held out. L-BFGS ignores it.
    validation_fraction : float
        The share of cases held out for `early_stopping`, ≥ 0 and below 1.
    beta_1, beta_2, epsilon : float
        The numbers of "adam": 0 ≤ β < 1, and ε̂ > 0 (``bp.Adam(epsilon_hat=True)``).
    n_iter_no_change : int or inf
        Training stops after more than this number of epochs in a row whose cost was not lower than
        the best cost by `tol`. L-BFGS ignores it.
    max_fun : int
        The largest number of evaluations of the cost by "lbfgs", ≥ 1.
    loss : str or Loss, optional
        Default, and "log_loss": cross-entropy.
    class_weight : dict or "balanced", optional
        The weight of each class, which multiplies the weights of its cases in training; 1 for
        classes that a dict does not name. "balanced" gives each class the same sum of weights.
        Labels take a list with a dict of 0 and 1 for each label.
    scoring : str or callable, optional
        A scorer of scikit-learn, such as "roc_auc", for the cases held out. Default: accuracy, or
        R² for numbers.
    initializer : str or callable, optional
        The start, as `Network.init` takes it. Default: scikit-learn's, Glorot's uniform numbers for
        weights and biases.
    callbacks : sequence of Callback
        Callbacks of `backprop_xp.train`, copied for each fit.
    dropout, l1, label_smoothing, clip_value, clip_norm, max_norm
        As in `backprop_xp.train`.
    device : str or Device, optional
        The device that trains and predicts, such as ``"cuda"``; X is moved there. Default: "cpu",
        and with scikit-learn's ``array_api_dispatch`` the device of X.
    dtype : str, optional
        The dtype of the computation; GPUs are fastest in "float32". Default: float32 where X is
        float32, else float64.

    Attributes
    ----------
    classes_ : array (n_classes,)
        The classes in sorted order, or the numbers of the labels.
    coefs_, intercepts_ : list of array (n_in, n_out), (n_out,)
        The weights and the biases of each layer. They can be set. These arrays, `theta_` and all
        predictions are NumPy arrays; with ``array_api_dispatch`` they are of the library of X, on
        its device.
    network_ : Network
    theta_ : array (P,)
        The numbers of `coefs_` and `intercepts_` as one vector;
        ``bp.save(path, mlp)`` writes a file.
    run_ : Run
        The run of `backprop_xp.train`: its history, and why it stopped.
    loss_curve_ : list of float
        The mean cost of each epoch, with the penalty; of all fits of a warm start.
    loss_, best_loss_ : float or None
        The last and the lowest cost. `best_loss_` is None with `early_stopping`.
    validation_scores_, best_validation_score_ : list of float, float, or None
        The score of the cases held out after each epoch, and the best; None without
        `early_stopping`.
    evals_result_ : dict of lists
        "loss" and "score" of the cases held out, or of `eval_set`, after each epoch.
    n_iter_, n_layers_, n_outputs_, n_features_in_ : int
        The numbers of epochs of the last fit, of layers with the inputs, of outputs and of inputs.
    t_ : int
        The number of cases that training has seen, over all epochs.
    out_activation_ : {"logistic", "softmax", "identity", "exp"}
        The activation of the outputs.
    feature_names_in_ : array (n_features_in_,)
        The names of the columns, where X is a data frame.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed, or older than 1.6.
    ParameterError
        `fit`: a parameter is out of range, or a name is unknown.
    DataError
        `fit`: sample weights are negative or all 0, or there are too few cases to hold some out.
    DivergenceError
        `fit`: a cost became infinite or NaN, and no score of cases held out was known. It is a
        ValueError, as in scikit-learn.
    KeyboardInterrupt
        `fit`: Ctrl-C was pressed.
    BackpropError
        As `backprop_xp.train`.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, y = bp.datasets.digits()
    >>> mlp = MLPClassifier([32], tol=1e-2, random_state=0).fit(X[:1500], y[:1500])
    >>> mlp.score(X[1500:], y[1500:]) > 0.8
    True
    >>> mlp.predict(X[:3]), mlp.predict_proba(X[:3]).shape
    (array([0, 1, 2]), (3, 10))
    """

    class_weight: Any
    label_smoothing: Any

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = None,
        class_weight: Any = None,
        scoring: Any = None,
        initializer: Any = None,
        callbacks: Any = (),
        dropout: Any = 0.0,
        l1: Any = 0.0,
        label_smoothing: Any = 0.0,
        clip_value: Any = None,
        clip_norm: Any = None,
        max_norm: Any = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self._keep(locals())

    score = BaseMLP.score  # not that of the mixin

    def _target_kind(self, y: Any, *, known: bool) -> Head:
        refuse_missing(np.asarray(y), "fit(y)")
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind.startswith("multilabel"):
            head = Head.of_labels(y.shape[1], sparse=hasattr(y, "toarray"))
            if not known or not hasattr(self, "classes_"):
                self.classes_ = head.classes
            return head
        found = unique_labels(column_or_1d(y))
        classes = self.classes_ = getattr(self, "classes_", found) if known else found
        if self.warm_start and set(found) != set(classes):
            raise DataError(
                "fit(y)",
                f"the classes {found}",
                f"{classes}: warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {classes}, `y` has {found}",
                "Pass warm_start=False for other classes",
            )
        if not np.isin(found, classes).all():
            came, expected = f"the classes {found}", f"those of the first call, {classes}"
            raise DataError("partial_fit(y)", came, expected, "Name all in the first call")
        return Head.of_classes(classes)

    def _targets(self, y: Any, head: Head, X: Any) -> Any:
        if not head.flat:
            return np.asarray(y, dtype_name(X.dtype))
        classes: Any = head.classes
        return np.asarray(np.searchsorted(classes, column_or_1d(y)), np.int32)

    @available_if_stochastic
    @checks_keywords(**OF_THE_ESTIMATOR)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Return the estimator itself, trained for one more epoch; the solver goes on.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.
        classes : array (n_classes,)
            All classes that y will ever have, or the numbers of the labels. The first call needs
            it.

        Raises
        ------
        ValueError
            The first call has no classes, or another call has others.
        As `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> X, y = bp.datasets.digits()
        >>> mlp = bp.MLPClassifier([16], random_state=0)
        >>> for rows in np.array_split(np.arange(len(X)), 4):
        ...     mlp = mlp.partial_fit(X[rows], y[rows], classes=np.arange(10))
        >>> mlp.t_ == len(X)
        True
        """

        def fit() -> None:
            check_partial_fit(self)
            _check_partial_fit_first_call(self, on_host(classes))
            self._fit(X, y, sample_weight, None, incremental=True)

        return self._unharmed(X, fit)

    @checks_keywords(batch_size=IN_CHUNKS)
    def predict_proba(self, X: Any) -> Any:
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
        z = self._weighted_inputs_for(X, "predict_proba")
        return self._head.probabilities(z)

    @checks_keywords(batch_size=IN_CHUNKS)
    def predict_log_proba(self, X: Any) -> Any:
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
        z = self._weighted_inputs_for(X, "predict_log_proba")
        return self._head.log_probabilities(z)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
