"""Schedules that follow the history of training: lower a number where the validation cost stalls.

Such a schedule is a listener. It is frozen and holds no state. Its state is a dict of Python
numbers, or of lists with one number for each network, which a checkpoint writes as JSON. After each
epoch, `after_epoch` returns the next state from the last state and the history of training.
`training.step.numbers` keeps the states of a training, and replaces each listener by its value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

import numpy as np

from backprop_xp.arrays.advice import checks_keywords, metric_advice, nearest_name
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError
from backprop_xp.schedules.ranges import AT_LEAST_0, BETWEEN_0_AND_1, check_range, constant

__all__ = ["Listener", "ReduceOnPlateau", "find_listeners", "with_values"]


class Listener(Protocol):
    """The interface of a schedule that reads the history of training after each epoch."""

    def start(self) -> dict[str, Any]:
        """Return the state before the first epoch, of Python numbers and lists."""

    def after_epoch(
        self, state: Mapping[str, Any], history: Mapping[str, Sequence[Any]]
    ) -> dict[str, Any]:
        """Return the state after an epoch, whose entries are the last of the history."""

    def value(self, state: Mapping[str, Any]) -> Any:
        """Return the number for the steps of the next epoch, or an array over the stack."""


@checks_keywords
@dataclass(frozen=True)
class ReduceOnPlateau:
    """A number that is multiplied by a factor where a metric of training stalls.

    An epoch is an improvement where its metric is below the reference by more than `min_delta`.
    After more than `patience` epochs in a row without improvement, the value is multiplied by the
    factor, and the count starts again from 0. Each network of a stack has its own count.

    Parameters
    ----------
    initial : number or array
        ≥ 0. An array holds one number for each network of a stack.
    factor : float
        Above 0, below 1.
    patience : int
        ≥ 0, in epochs.
    min_delta : float
        ≥ 0, in the unit of the metric.
    minimum : number
        ≥ 0. The value is not lowered below it.
    metric : str
        A name in the history of training. For an accuracy, an improvement is above the reference.
    against : {"improvement", "lowest"}
        The reference. "improvement" is the metric of the last improvement, so that slow progress
        adds up to one. "lowest" is the lowest metric so far; an epoch that is below it by exactly
        `min_delta` is an improvement as well.

    Raises
    ------
    OptionError
        A parameter is out of range, or the schedule is called as a function of the step.

    Notes
    -----
    "improvement" is the rule of PyTorch's ``ReduceLROnPlateau`` with ``threshold_mode="abs"``.
    "lowest", with the factor 0.2 and the metric "cost", is the rule of scikit-learn's
    ``learning_rate="adaptive"``.

    Examples
    --------
    >>> rate = ReduceOnPlateau(0.8, factor=0.5, patience=1)
    >>> state, costs = rate.start(), []
    >>> for cost in (3.0, 2.0, 2.0, 2.0):
    ...     costs.append(cost)
    ...     state = rate.after_epoch(state, {"validation_cost": costs})
    ...     print(rate.value(state), state["waited"])
    0.8 0
    0.8 0
    0.8 1
    0.4 0
    """

    initial: Any
    factor: float = 0.5
    patience: int = 10
    min_delta: float = 1e-4
    minimum: float = 0.0
    metric: str = "validation_cost"
    against: str = "improvement"

    def __post_init__(self) -> None:
        where = "ReduceOnPlateau"
        object.__setattr__(self, "initial", constant(f"{where}(initial)", self.initial, AT_LEAST_0))
        check_range(f"{where}(factor)", self.factor, BETWEEN_0_AND_1)
        check_count(self.patience, f"{where}(patience)", least=0)
        check_range(f"{where}(min_delta)", self.min_delta, AT_LEAST_0)
        check_range(f"{where}(minimum)", self.minimum, AT_LEAST_0)
        known = ("improvement", "lowest")
        if self.against not in known:
            advice = nearest_name(self.against, known)
            raise OptionError(f"{where}(against)", repr(self.against), " or ".join(known), advice)

    def __call__(self, step: int) -> Any:
        """Refuse to return a value, which depends on the history of training.

        Raises
        ------
        OptionError
            Always.
        """
        raise OptionError(
            "ReduceOnPlateau(step)",
            f"step {step} alone",
            "the history of the epochs before it",
            "Pass it to train in a field of a dataclass, such as SGD's learning_rate; or call "
            "value(state)",
        )

    def start(self) -> dict[str, Any]:
        """Return the state before the first epoch: the initial value, no reference, no epochs.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.schedules.ReduceOnPlateau(0.5).start()
        {'value': 0.5, 'best': None, 'waited': 0}
        """
        return {"value": np.asarray(self.initial).tolist(), "best": None, "waited": 0}

    def after_epoch(
        self, state: Mapping[str, Any], history: Mapping[str, Sequence[Any]]
    ) -> dict[str, Any]:
        """Return the state after an epoch.

        Parameters
        ----------
        state : dict
            The state after the previous epoch; `start` returns the first one.
        history : dict of lists
            The history of training up to this epoch.

        Raises
        ------
        OptionError
            The history does not have the metric.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> rate = bp.schedules.ReduceOnPlateau(0.5, factor=0.5, patience=0)
        >>> state = rate.after_epoch(rate.start(), {"validation_cost": [3.0]})
        >>> rate.after_epoch(state, {"validation_cost": [3.0, 4.0]})
        {'value': 0.25, 'best': 3.0, 'waited': 0}
        """
        if not history.get(self.metric):
            known = ", ".join(name for name in history if history[name]) or "no entries"
            came, advice = f"{self.metric!r}", metric_advice(self.metric, history)
            raise OptionError("ReduceOnPlateau(metric)", came, f"one of {known}", advice)
        sign = -1 if self.metric.endswith("accuracy") else 1
        found = sign * np.asarray(history[self.metric][-1], dtype=np.float64)
        best = np.inf if state["best"] is None else sign * np.asarray(state["best"])
        if self.against == "lowest":
            better, best = found <= best - self.min_delta, np.fmin(found, best)
        else:
            better = found < best - self.min_delta
            best = np.where(better, found, best)
        most = np.finfo(np.float64).max  # JSON has no infinity, the reference before any number
        best = np.clip(best, -most, most)
        waited = np.where(better, 0, np.asarray(state["waited"]) + 1)
        stalled = waited > self.patience
        value = np.asarray(state["value"], dtype=np.float64)
        if value.ndim > found.ndim:  # an array over a stack, with a last axis of 1
            value = value[..., 0]
        lower = np.minimum(np.maximum(value * self.factor, self.minimum), value)
        return {
            "value": np.where(stalled, lower, value).tolist(),
            "best": (sign * best).tolist(),
            "waited": np.where(stalled, 0, waited).tolist(),
        }

    def value(self, state: Mapping[str, Any]) -> Any:
        """Return the value for the steps of the next epoch, an array for a stack.

        Examples
        --------
        >>> import numpy as np, backprop_xp as bp
        >>> rate = bp.schedules.ReduceOnPlateau(np.array([0.5, 0.25]))  # of a stack of two networks
        >>> rate.value(rate.start())
        array([0.5 , 0.25])
        """
        value = state["value"]
        return np.asarray(value) if isinstance(value, list) else value


def find_listeners(tree: Any, path: str = "") -> dict[str, Listener]:
    """Return the listeners in a tree of dataclasses, dicts and lists, by their paths in it.

    Examples
    --------
    >>> list(find_listeners({"l2": 0.1, "dropout": ReduceOnPlateau(0.5)}))
    ['dropout']
    """
    if _listens(tree):
        return {path: tree}
    found: dict[str, Listener] = {}
    for name, part in _parts(tree).items():
        found |= find_listeners(part, f"{path}.{name}" if path else name)
    return found


def with_values(tree: Any, values: Mapping[str, Any], path: str = "") -> Any:
    """Return the tree with the value at each path of `values` in place of the listener there.

    Examples
    --------
    >>> with_values({"l2": 0.1, "dropout": ReduceOnPlateau(0.5)}, {"dropout": 0.25})
    {'l2': 0.1, 'dropout': 0.25}
    """
    if path in values:
        return values[path]
    parts = {
        name: with_values(part, values, f"{path}.{name}" if path else name)
        for name, part in _parts(tree).items()
    }
    changed = {name: part for name, part in parts.items() if part is not _parts(tree)[name]}
    if not changed:
        return tree
    if isinstance(tree, Mapping):
        return {**tree, **changed}
    if isinstance(tree, tuple | list):
        return type(tree)(parts.values())
    return replace(tree, **changed)


def _listens(x: Any) -> bool:
    methods = (getattr(x, name, None) for name in ("start", "after_epoch", "value"))
    return not isinstance(x, type) and all(map(callable, methods))


def _parts(tree: Any) -> dict[str, Any]:
    if isinstance(tree, Mapping):
        return dict(tree)
    if isinstance(tree, tuple | list):
        return {str(number): part for number, part in enumerate(tree)}
    if is_dataclass(tree) and not isinstance(tree, type):
        return {field.name: getattr(tree, field.name) for field in fields(tree) if field.init}
    return {}
