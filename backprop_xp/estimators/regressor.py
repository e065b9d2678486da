"""`MLPRegressor`: a network that predicts numbers, with scikit-learn's interface, on any device."""

from typing import Any, Self

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import dtype_name, namespace
from backprop_xp.estimators.base import BaseMLP
from backprop_xp.estimators.output_kind import Head
from backprop_xp.estimators.parameters import OF_THE_ESTIMATOR, RATE
from backprop_xp.estimators.partial_fits import available_if_stochastic, check_partial_fit
from backprop_xp.estimators.user_arrays import brought, place_of
from backprop_xp.estimators.without_sklearn import stand_ins

try:
    from sklearn.base import RegressorMixin
except ImportError as error:
    _, _, RegressorMixin = stand_ins(error)

__all__ = ["MLPRegressor"]


@checks_keywords(lr=RATE, eta=RATE, eta0=RATE)
class MLPRegressor(RegressorMixin, BaseMLP):
    """A network that predicts numbers, trained by backpropagation on any device.

    Outputs are identity units; with the loss ``"poisson"`` they are exponential. The loss comes
    first, as in scikit-learn. All other parameters and the attributes are those of `MLPClassifier`,
    without ``classes_``. With `early_stopping` the score is R².

    Parameters
    ----------
    loss : str or Loss
        Default: "squared_error", ½ (a − y)², summed over the outputs of a case.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed, or older than 1.6.
    ParameterError
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
    >>> mlp = MLPRegressor(hidden_layer_sizes=[8], activation="tanh", solver="lbfgs", tol=1e-3)
    >>> mlp.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99
    True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
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
        scoring: Any = None,
        initializer: Any = None,
        callbacks: Any = (),
        dropout: Any = 0.0,
        l1: Any = 0.0,
        clip_value: Any = None,
        clip_norm: Any = None,
        max_norm: Any = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self._keep(locals())

    score = BaseMLP.score  # not that of the mixin

    def _target_kind(self, y: Any, *, known: bool) -> Head:  # noqa: ARG002  classes may be known
        head = Head.of_numbers(1 if y.ndim == 1 else y.shape[1], y.ndim == 1, self.loss)
        head.check_known(y, "fit(y)")
        return head

    def _targets(self, y: Any, head: Head, X: Any) -> Any:  # noqa: ARG002  numbers
        Y = brought(y, place_of(X), dtype_name(X.dtype))
        return namespace(Y).reshape(Y, (y.shape[0], -1))

    @available_if_stochastic
    @checks_keywords(**OF_THE_ESTIMATOR)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Return the estimator itself, trained for one more epoch; the solver goes on.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.

        Raises
        ------
        As `fit`.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> mlp = bp.MLPRegressor(hidden_layer_sizes=[4], random_state=0)
        >>> mlp.partial_fit([[0.0], [1.0]], [1.0, 2.0]).partial_fit([[2.0]], [3.0]).t_
        3
        """

        def fit() -> None:
            check_partial_fit(self)
            self._fit(X, y, sample_weight, None, incremental=True)

        return self._unharmed(X, fit)
