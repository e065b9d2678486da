"""The options of `train.train`, with their defaults and ranges: the first check of a training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict

import numpy as np

from backprop_xp.arrays.devices import Device
from backprop_xp.arrays.scalars import check_count, check_flag
from backprop_xp.callbacks.callback import Callback, checked_callbacks, writes
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.ranges import (
    ABOVE_0,
    AT_LEAST_0,
    BELOW_1,
    Range,
    Setting,
    check_range,
    on_host,
)
from backprop_xp.training.optimizer_state import OptimizerState

__all__ = ["Keywords", "Options", "Regularisation"]

_PROBABILITY = BELOW_1._replace(text="probabilities >= 0 and < 1")
_BOUND = ABOVE_0._replace(text="None or finite numbers > 0")


@dataclass(frozen=True)
class Regularisation:
    """The numbers that keep weights small and updates short; `train.train` has their equations.

    Each number is a constant, an array with one number for each network of a stack, or a schedule
    of the step.

    Parameters
    ----------
    l2, l1 : number, array or schedule
        ≥ 0, the factors of the penalties.
    shrinkage : number, array or schedule
        ≥ 0 and < 1, the share that each weight loses after each update.
    decay_biases : bool
        Whether `l2`, `l1` and `shrinkage` act on biases too.
    max_norm : number, array or schedule, or None
        > 0, a bound on the norm of the weights into each unit. None is no bound.
    dropout, input_dropout : number, array or schedule
        ≥ 0 and < 1, the probabilities that a hidden unit or an input is dropped.
    dropout_per_network : bool
        Whether each network of a stack drops units and inputs of its own.
    label_smoothing : number, array or schedule
        ≥ 0 and < 1, the share of a target that is spread over all classes.
    clip_value, clip_norm : number, array or schedule, or None
        > 0, bounds on the gradient, by number and by norm. None is no bound.

    Raises
    ------
    OptionError
        An option is out of its range.

    Examples
    --------
    >>> Regularisation(l2=0.01, dropout=0).in_use
    {'l2': 0.01}
    """

    l2: Setting = field(default=0.0, metadata={"range": AT_LEAST_0})
    l1: Setting = field(default=0.0, metadata={"range": AT_LEAST_0})
    shrinkage: Setting = field(default=0.0, metadata={"range": BELOW_1})
    decay_biases: bool = False
    max_norm: Setting = field(default=None, metadata={"range": _BOUND})
    dropout: Setting = field(default=0.0, metadata={"range": _PROBABILITY})
    input_dropout: Setting = field(default=0.0, metadata={"range": _PROBABILITY})
    dropout_per_network: bool = False
    label_smoothing: Setting = field(default=0.0, metadata={"range": BELOW_1})
    clip_value: Setting = field(default=None, metadata={"range": _BOUND})
    clip_norm: Setting = field(default=None, metadata={"range": _BOUND})

    def __post_init__(self) -> None:
        check_flag(self.decay_biases, "train(decay_biases)")
        check_flag(self.dropout_per_network, "train(dropout_per_network)")
        for name, value in self._given.items():
            check_range(f"train({name})", value, self.ranges[name])

    @property
    def ranges(self) -> dict[str, Range]:
        """The range of each number, by name."""
        return {one.name: one.metadata["range"] for one in fields(self) if one.metadata}

    @property
    def in_use(self) -> dict[str, Setting]:
        """The numbers that are schedules, or other than 0 and None, by name."""
        return {name: x for name, x in self._given.items() if callable(x) or np.any(on_host(x))}

    @property
    def _given(self) -> dict[str, Setting]:
        """The numbers by name, without bounds of None."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.metadata}
        bounds = {one.name for one in fields(self) if one.default is None}
        return {name: x for name, x in values.items() if x is not None or name not in bounds}


@dataclass(frozen=True, eq=False)
class Options:
    """The arguments of `train.train` except net, X, Y and θ, under the same names.

    Numbers, flags, `order`, `state` and `callbacks` are checked here. Arguments that need the data
    or the device are checked in `task.prepared`.

    Raises
    ------
    OptionError, DTypeError
        A number is out of its range, `order` or `state` has another type, or an object in
        `callbacks` is not a callback.
    """

    optimizer: Optimizer | LBFGS = SGD(0.1, momentum=0.9)  # noqa: RUF009  it is frozen
    epochs: int = 10
    batch_size: int | None = 32
    validation: Sequence[Any] | None = None
    case_weights: Any = None
    class_weights: str | Mapping[int, float] | None = None
    regularisation: Regularisation = Regularisation()
    layer_rates: Sequence[float] | None = None
    seed: int = 0
    order: Callable[[int], Any] | None = None
    state: OptimizerState | None = None
    device: str | Device | Sequence[str | Device] | None = None
    dtype: Any = None
    stack: int | Sequence[int] = ()
    callbacks: Sequence[Callback] = ()
    progress: bool = False
    jobs: int | None = None
    resume: Any = None
    reduce: Ranks | None = None

    def __post_init__(self) -> None:
        check_count(self.epochs, "train(epochs)", least=0)
        if self.batch_size is not None:
            check_count(self.batch_size, "train(batch_size)", least=1)
        check_count(self.seed, "train(seed)", least=0)
        check_flag(self.progress, "train(progress)")
        if self.jobs is not None:
            check_count(self.jobs, "train(jobs)", least=1)
        if self.order is not None and not callable(self.order):
            expected = "a function from the number of an epoch to a permutation of the cases"
            advice = (
                "Such as lambda epoch: np.arange(len(X)), which leaves the cases in their order"
            )
            raise OptionError("train(order)", f"{self.order!r:.60}", expected, advice)
        if not isinstance(self.state, OptimizerState | None):
            came = f"a {type(self.state).__name__}"
            advice = "Pass run.state together with run.theta"
            raise OptionError("train(state)", came, "the state of an earlier run", advice)
        if not isinstance(self.reduce, Ranks | None):
            came, expected = f"{self.reduce!r:.60}", "None, or the ranks that train together"
            raise OptionError("train(reduce)", came, expected, "Such as bp.distributed.MPI()")
        callbacks = checked_callbacks(self.callbacks)
        if self.reduce is not None and not self.reduce.writes:
            callbacks = [one for one in callbacks if not writes(one)]
        object.__setattr__(self, "callbacks", tuple(callbacks))


class Keywords(TypedDict, total=False):
    """The types of the keywords of `train.train` beside `device`, for its overloads."""

    optimizer: Optimizer | LBFGS | str
    epochs: int
    batch_size: int | None
    validation: Sequence[Any] | None
    case_weights: Any
    class_weights: Any
    l2: Setting
    dropout: Setting
    l1: Setting
    shrinkage: Setting
    decay_biases: bool
    input_dropout: Setting
    dropout_per_network: bool
    label_smoothing: Setting
    clip_value: Setting
    clip_norm: Setting
    max_norm: Setting
    layer_rates: Sequence[float] | None
    seed: int
    order: Callable[[int], Any] | None
    state: OptimizerState | None
    dtype: Any
    stack: int | Sequence[int]
    callbacks: Sequence[Any]
    progress: bool
    jobs: int | None
    resume: Any
    reduce: Ranks | None
