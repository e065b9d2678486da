"""An estimator's parameters by name, as scikit-learn asks for them; its copies and pickles."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from backprop_xp.arrays.devices import Device
from backprop_xp.errors import OptionError, ParameterError
from backprop_xp.estimators.parameters import parts_of_solver, with_parts_of_solver
from backprop_xp.estimators.user_arrays import with_host_arrays
from backprop_xp.estimators.without_sklearn import stand_ins

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import validate_data  # noqa: F401  new in version 1.6
except ImportError as error:
    (BaseEstimator,) = stand_ins(error)[:1]

__all__ = ["Configured", "ConfiguredMLP"]


class Configured(BaseEstimator):
    """An estimator with its parameters, fitted or not: of networks alone, or of an ensemble."""

    device: Any

    def _keep(self, parameters: Mapping[str, Any]) -> None:
        """Set each parameter as an attribute; `parameters` are the ``locals()`` of `__init__`."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the estimator as it was where a fit fails; an OptionError names a parameter."""
        before = vars(self).copy()
        try:
            yield
        except BaseException as error:  # Ctrl-C too
            self.__dict__.clear()
            self.__dict__.update(before)
            if type(error) is OptionError:
                raise ParameterError(*error.parts).with_traceback(error.__traceback__) from None
            raise

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes of a pickle or a copy: its arrays are of NumPy."""
        state = {name: with_host_arrays(x) for name, x in super().__getstate__().items()}
        if isinstance(state.get("device"), Device):
            state["device"] = state["device"].name  # a pickle loads where there is no such device
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the attributes of a pickle; parameters that it lacks have their defaults."""
        defaults = inspect.signature(type(self)).parameters.items()
        super().__setstate__({**{n: one.default for n, one in defaults if n not in state}, **state})


class ConfiguredMLP(Configured):
    """The parameters of `MLPClassifier` and `MLPRegressor`."""

    hidden_layer_sizes: Any
    activation: Any
    solver: Any
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    loss: Any
    scoring: Any
    initializer: Any
    callbacks: Any
    dropout: Any
    l1: Any
    clip_value: Any
    clip_norm: Any
    max_norm: Any
    dtype: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Whether the parameters of an optimiser as `solver` are among them, as
            ``solver__learning_rate``.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.MLPClassifier(solver=bp.SGD(0.5)).get_params()["solver__learning_rate"]
        0.5
        """
        params: dict[str, Any] = super().get_params(deep)
        if deep:
            parts = parts_of_solver(self.solver)
            params |= {f"solver__{name}": x for name, x in parts.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, those of an optimiser as ``solver__learning_rate``.

        Raises
        ------
        ParameterError
            The solver has no such parameter.
        ValueError
            There is no such parameter.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.MLPClassifier(solver=bp.Adam()).set_params(solver__beta1=0.8).solver.beta1
        0.8
        """
        prefix = "solver__"
        parts = {n.removeprefix(prefix): x for n, x in params.items() if n.startswith(prefix)}
        super().set_params(**{n: x for n, x in params.items() if not n.startswith(prefix)})
        if parts:
            self.solver = with_parts_of_solver(self.solver, parts)
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the attributes of a pickle; `theta_` of version 0.1 becomes those of today."""
        theta = state.pop("theta_", None)
        super().__setstate__(state)
        if theta is not None:
            self.theta_ = theta

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags
