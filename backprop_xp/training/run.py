"""The result of training: parameters, history, and the choice of networks of a stack."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from backprop_xp.arrays.advice import checks_keywords, metric_advice, missing_attribute
from backprop_xp.arrays.backend import (
    Array,
    ArrayT_co,
    HostArray,
    context,
    from_host_like,
    is_array,
    namespace,
    to_host,
)
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import OptionError, ShapeError, StackIndexError
from backprop_xp.network.network import Network
from backprop_xp.training.optimizer_state import OptimizerState

__all__ = ["Run", "network_numbers"]

_UNPACKED = "Call run.network.unpack(run.theta), whose layers have W and b"
_COSTS = 'Use run.history["cost"]'
_PREDICT = "Call bp.predict(run.network, run.theta, X)"
_ELSEWHERE = {
    "best_epoch": "Use run.epoch, with bp.EarlyStopping among the callbacks",
    "coef_": _UNPACKED,
    "coefs_": _UNPACKED,
    "compile": "Call bp.train(net, X, Y, optimizer=...); the loss is bp.Network(..., loss=...)",
    "evaluate": "Call bp.evaluate(run.network, run.theta, X, Y)",
    "fit": "Call bp.train(run.network, X, Y, theta=run.theta)",
    "get_weights": _UNPACKED,
    "loss": _COSTS,
    "loss_curve_": _COSTS,
    "losses": _COSTS,
    "model": "Use run.network and run.theta",
    "net": "Use run.network",
    "params": "Use run.network and run.theta",
    "partial_fit": "Call bp.train(run.network, X, Y, theta=run.theta)",
    "plot_history": "Call run.plot()",
    "predict": _PREDICT,
    "predict_classes": f"{_PREDICT}.argmax(axis=-1)",
    "predict_proba": _PREDICT,
    "save": "Call bp.save(path, run)",
    "save_params": "Call bp.save(path, run)",
    "score": "Call bp.evaluate(run.network, run.theta, X, Y)",
    "summary": "Call run.network.summary()",
    "to_csv": "Call run.to_frame().to_csv(path), or pass callbacks=[bp.CSVLog(path)] to bp.train",
    "to_dataframe": "Call run.to_frame()",
    "to_pandas": "Call run.to_frame()",
    "weights": _UNPACKED,
}


@dataclass(frozen=True)
class Run(Generic[ArrayT_co]):
    """The result of training: the parameters, the history, and why training stopped.

    Attributes
    ----------
    theta : array (*stack, P)
        The parameters after the last epoch, or the best parameters of `EarlyStopping`.
    history : dict of lists
        One entry for each epoch: a float, or an array (*stack). "cost" is the weighted mean cost
        over the cases, regularisation included. "accuracy" is the weighted share of correct cases,
        0 to 1, where Y holds class labels; rows of targets have no accuracy, even where each unit
        is a class. Both come from the outputs before each batch's update. "validation_cost" and
        "validation_accuracy" come from θ after the epoch, without case weights and regularisation;
        weights of the validation cases count. Entries of a network that has left its stack repeat.
    network : Network
    stopped : str
        Why training ended before its last epoch, such as by `EarlyStopping` or Ctrl-C; otherwise
        empty. After Ctrl-C, θ is from the last batch, and the history has the complete epochs.
    epoch : int, or ndarray of int over the stack
        The number of epochs after which θ was `theta`: the last epoch, or the best epoch of
        `EarlyStopping`. The entry of this θ is ``history[name][epoch - 1]``.
    state : OptimizerState or None
        The state of the optimiser after the last epoch, for ``train(state=)``. None where no state
        goes with `theta`: after L-BFGS, where `theta` is of an earlier epoch, and for networks
        picked from a stack.
    execution : str
        How the last steps were run: "recorded", "compiled", "compiled by XLA"; on CuPy "graphs",
        "kernels" or "one kernel"; or "plain", operation by operation. The reason follows where a
        faster way was not taken. Empty without steps, and for L-BFGS.
    device_bytes : int or None
        Bytes of the GPU's memory that CuPy's pool holds after training, for the whole process: the
        peak, unless the pool was told to free some. None elsewhere, and where CuPy allocates
        from a pool of yours.

    Examples
    --------
    A run of a stack is indexed like a NumPy array of the stack's shape:

    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, stack=5, epochs=3)
    >>> run[2:5].theta.shape, run[[0, 2]].theta.shape, run[-1].theta.shape
    ((3, 17), (2, 17), (17,))
    >>> costs = run.history["cost"][-1]
    >>> bool(run.best("cost").history["cost"][-1] == costs.min())
    True
    """

    theta: ArrayT_co = field(repr=False)
    history: dict[str, list[Any]] = field(repr=False)
    network: Network
    stopped: str = ""
    epoch: Any = None
    state: OptimizerState | None = field(default=None, repr=False)
    execution: str = field(default="", repr=False)
    device_bytes: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.history, History):
            object.__setattr__(self, "history", History(self.history))

    def __getitem__(self, key: Any) -> "Run[ArrayT_co]":
        """Return the run of some networks of a stack; it shares no memory with this run.

        Parameters
        ----------
        key : int, slice, list, mask, or a tuple of them
            An index of a NumPy array of shape ``theta.shape[:-1]``, which picks at least one
            network. The run of a single network has θ (P,) and a history of floats.

        Raises
        ------
        StackIndexError
            The key is out of range, picks no network, or is not an index. The error is an
            IndexError too, so that a loop over the run ends.
        ShapeError
            This run is of a single network.
        """
        lead = tuple(self.theta.shape[:-1])
        numbers = network_numbers(key, lead)
        history = History(
            (name, [_picked_entry(entry, lead, numbers) for entry in entries])
            for name, entries in self.history.items()
        )
        theta: Any = _picked_theta(self.theta, numbers)
        epoch = self.epoch
        if epoch is not None and np.ndim(epoch):
            epoch = np.reshape(epoch, -1)[numbers]
            epoch = int(epoch) if numbers.ndim == 0 else epoch
        return replace(self, theta=theta, history=history, epoch=epoch, state=None)

    if not TYPE_CHECKING:  # a type checker shall still find misspelt attributes

        def __getattr__(self, name: str) -> Any:
            raise missing_attribute(self, name, _ELSEWHERE)

    def plot(self) -> Any:
        """Return the figure of the learning curve: cost and, with labels, accuracy by epoch.

        For a stack each network is a thin line, 200 of them at most. The band is the middle half of
        the networks, and the thick line is their median. The best epoch is marked where there is a
        validation, or where `EarlyStopping` restored an earlier θ. No window is opened and no
        screen is needed. A notebook shows the figure.

        Returns
        -------
        matplotlib.figure.Figure
            ``figure.axes`` are its one or two panels, to draw on. ``figure.savefig(path)`` writes
            it to a file.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        OptionError
            The history has no epochs.

        See Also
        --------
        backprop_xp.plots.learning_curve : one panel of the figure, on axes of yours.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
        >>> run = bp.train(net, X, Y, epochs=30)
        >>> figure = run.plot()  # doctest: +SKIP
        >>> figure.savefig("curve.png")  # doctest: +SKIP
        """
        from backprop_xp.inspection.learning_curve import learning_curve

        return learning_curve(self)

    def _repr_html_(self) -> str:
        """Return the history as a small table in HTML, as notebooks show it."""
        from backprop_xp.inspection.run_table import run_table

        return run_table(self)

    def to_frame(self) -> Any:
        """Return the history as a data frame of pandas, a row for each epoch and network.

        Returns
        -------
        pandas.DataFrame
            The columns are "epoch", counted from 1; for a stack the index of the network:
            "network", or "network_0", "network_1" and so on for a stack of several axes; and the
            names of the history. The k-th entry of a name is in the rows of epoch k, and a shorter
            list ends in missing values.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        ShapeError
            A callback's entry is no number, and no array over the stack.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> X, Y = bp.datasets.xor()
        >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
        >>> run = bp.train(net, X, Y, stack=3, epochs=2)
        >>> list(run.to_frame().columns)  # doctest: +SKIP
        ['epoch', 'network', 'cost']
        >>> run.to_frame().groupby("epoch")["cost"].median()  # doctest: +SKIP
        """
        from backprop_xp.inspection.history_frame import history_frame

        return history_frame(self.history, tuple(self.theta.shape[:-1]))

    @checks_keywords
    def best(self, name: str = "validation_cost") -> "Run[ArrayT_co]":
        """Return the run of the best network of a stack, by an entry of the history.

        Parameters
        ----------
        name : str
            A name in `history`. The entry that goes with `theta` is compared. The lowest is the
            best, for accuracies the highest; the first among equals.

        Raises
        ------
        OptionError
            `history` has no entries of this name.
        ShapeError
            This run is of a single network.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
        >>> run = bp.train(net, *bp.datasets.xor(), stack=3, epochs=100)
        >>> run.history["cost"][-1].round(2), round(run.best("cost").history["cost"][-1], 2)
        (array([0.18, 0.18, 0.06]), 0.06)
        """
        if self.theta.ndim == 1:
            return self[0]  # raises the error of any index of a single network
        if not self.history.get(name):
            known = ", ".join(self.history) or "the entries of an epoch"
            advice = metric_advice(name, self.history)
            raise OptionError("run.best(name)", repr(name), f"one of {known}", advice)
        last = np.asarray(self.history[name][-1])
        if self.epoch is not None:  # the entries of θ, which may be of an earlier epoch
            entries = np.stack([np.broadcast_to(x, last.shape) for x in self.history[name]])
            at = np.maximum(np.broadcast_to(self.epoch, last.shape), 1) - 1
            last = np.take_along_axis(entries, at[None], axis=0)[0]
        sign = -1 if name.endswith("accuracy") else 1
        return self[np.unravel_index(np.argmin(sign * last), last.shape)]


def network_numbers(key: Any, lead: tuple[int, ...]) -> HostArray:
    """Return the numbers of the networks that `key` picks from a stack of shape `lead`.

    The networks of a stack are numbered row by row, from 0. The result is 0-d where `key` picks a
    single network.

    Raises
    ------
    ShapeError
        There is no stack to pick from.
    StackIndexError
        `key` picks no network, is out of range or is not an index.

    Examples
    --------
    >>> network_numbers((1, slice(None)), (2, 3))
    array([3, 4, 5])
    """
    where = f"run[{_text(key)}]"
    if not lead:
        advice = "Use the run itself, or train with stack= for several networks"
        raise ShapeError(where, "the run of a single network", "the run of a stack", advice)
    advice = f"Index the run as a NumPy array of shape {lead}: by numbers, slices, lists or masks"
    expected = f"networks of a stack of shape {lead}"
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is None or isinstance(part, (bool, np.bool_)) for part in parts):
        raise StackIndexError(where, f"{key!r}", expected, advice)
    on_host = tuple(to_host(x) if is_array(x) else x for x in parts)
    try:
        picked = np.asarray(np.arange(np.prod(lead)).reshape(lead)[on_host])
    except (IndexError, TypeError, ValueError) as error:
        raise StackIndexError(where, str(error), expected, advice) from error
    if picked.size == 0:
        raise StackIndexError(where, "no network", "at least one network", advice)
    return picked


def _picked_theta(theta: Array, numbers: HostArray) -> Array:
    """Return θ (*numbers.shape, P) of the networks with these numbers, as a new array."""
    xp, P = namespace(theta), theta.shape[-1]
    rows = from_host_like(numbers.reshape(-1), theta, "int32")
    with context(theta):
        taken = xp.take(xp.reshape(theta, (-1, P)), rows, axis=0)
        picked: Array = xp.reshape(taken, (*numbers.shape, P))
    return picked


def _picked_entry(entry: Any, lead: tuple[int, ...], numbers: HostArray) -> Any:
    """Return an entry of the history for the picked networks; a float for a single network."""
    picked = np.broadcast_to(entry, lead).reshape(-1)[numbers]
    return float(picked) if numbers.ndim == 0 else picked


def _text(key: Any) -> str:
    return key.__class__.__name__ if hasattr(key, "shape") else f"{key!r:.60}"
