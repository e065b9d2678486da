"""What training returns: parameters, what was recorded on the way, networks of a stack."""

from dataclasses import dataclass, field, replace
from typing import Any, Generic

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    ArrayT_co,
    HostArray,
    context,
    from_host_like,
    namespace,
    to_host,
)
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import OptionError, ShapeError, StackIndexError, nearest_name
from backprop_xp.network.network import Network

__all__ = ["Run", "network_numbers"]


@dataclass(frozen=True)
class Run(Generic[ArrayT_co]):
    """What training returns.

    Attributes
    ----------
    theta : array (*stack, P)
        The parameters after the last epoch.
    history : dict of lists
        One entry for each epoch: "cost", the mean over the cases by their weights, regularisation
        included; "accuracy" where Y holds class labels (rows of targets have none, those of
        several labels neither), the share of the cases that are right. Both are of the outputs
        before each batch's update. "validation_cost" and "validation_accuracy" are of θ after the
        epoch, without regularisation. Numbers, or arrays over the stack.
    network : Network
    stopped : str
        Why training ended before its last epoch, such as by `EarlyStopping` or Ctrl-C; empty where
        it did not. After Ctrl-C θ is that of the last batch, and the history has the epochs before.
    epoch : int, or ndarray of int over the stack
        After how many epochs θ was as it is: the last, or the best one of `EarlyStopping`, so that
        ``history[name][epoch - 1]`` is the entry that goes with it.

    Examples
    --------
    Networks are picked as NumPy indexes an array of the stack's shape:

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
    history: History = field(repr=False)
    network: Network
    stopped: str = ""
    epoch: Any = None

    def __getitem__(self, key: Any) -> "Run[ArrayT_co]":
        """Return the run of some networks of a stack, which shares no memory with this one.

        Parameters
        ----------
        key : int, slice, list, mask, or a tuple of them
            What indexes a NumPy array of shape ``theta.shape[:-1]``, and picks one at least. A
            single network has θ (P,), and numbers in its history.

        Raises
        ------
        StackIndexError
            An IndexError: out of range, no network, or no index. So a loop over the run ends.
        ShapeError
            This run is of a single network.
        """
        lead = tuple(self.theta.shape[:-1])
        numbers = network_numbers(key, lead)
        history = {
            name: [_picked_entry(entry, lead, numbers) for entry in entries]
            for name, entries in self.history.items()
        }
        theta: Any = _picked_theta(self.theta, numbers)
        epoch = self.epoch
        if epoch is not None and np.ndim(epoch):
            epoch = np.reshape(epoch, -1)[numbers]
            epoch = int(epoch) if numbers.ndim == 0 else epoch
        return replace(self, theta=theta, history=history, epoch=epoch)

    def best(self, name: str = "validation_cost") -> "Run[ArrayT_co]":
        """Return the run of the network of a stack whose entry of a history is the best.

        Parameters
        ----------
        name : str
            A name in `history`: the lowest is the best, for accuracies the highest, and of equals
            the first.

        Raises
        ------
        OptionError
            `history` has no such entries.
        ShapeError
            This run is of a single network.
        """
        if self.theta.ndim == 1:
            return self[0]  # refused as every choice from a single network is
        if not self.history.get(name):
            known = ", ".join(self.history) or "those that an epoch records"
            missing = name in ("validation_cost", "validation_accuracy")
            advice = "Train with validation=" if missing else nearest_name(name, self.history)
            raise OptionError("run.best(name)", repr(name), f"one of {known}", advice)
        last = np.asarray(self.history[name][-1])
        if self.epoch is not None:  # the entries that go with θ
            entries = np.stack([np.broadcast_to(x, last.shape) for x in self.history[name]])
            at = np.maximum(np.broadcast_to(self.epoch, last.shape), 1) - 1
            last = np.take_along_axis(entries, at[None], axis=0)[0]
        sign = -1 if name.endswith("accuracy") else 1
        return self[np.unravel_index(np.argmin(sign * last), last.shape)]


def network_numbers(key: Any, lead: tuple[int, ...]) -> HostArray:
    """Return the numbers of the networks that `key` picks of a stack of shape `lead`.

    HostArray count the networks row by row. 0-d where `key` picks a single one.

    Raises
    ------
    ShapeError
        There is no stack to pick from.
    StackIndexError
        `key` picks no network, is out of range or is no index.

    Examples
    --------
    >>> network_numbers((1, slice(None)), (2, 3))
    array([3, 4, 5])
    """
    where = f"run[{_text(key)}]"
    if not lead:
        advice = "It is picked already; train with stack= for several"
        raise ShapeError(where, "the run of a single network", "that of a stack", advice)
    advice = f"Index it as a NumPy array of shape {lead}: by numbers, slices, lists or masks"
    expected = f"networks of a stack of shape {lead}"
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is None or isinstance(part, (bool, np.bool_)) for part in parts):
        raise StackIndexError(where, f"{key!r}", expected, advice)
    on_host = tuple(to_host(x) if array_api_compat.is_array_api_obj(x) else x for x in parts)
    try:
        picked = np.asarray(np.arange(np.prod(lead)).reshape(lead)[on_host])
    except (IndexError, TypeError, ValueError) as error:
        raise StackIndexError(where, str(error), expected, advice) from error
    if picked.size == 0:
        raise StackIndexError(where, "no network", "one at least", advice)
    return picked


def _picked_theta(theta: Array, numbers: HostArray) -> Array:
    """Return a new θ (*numbers.shape, P) of the networks of these numbers in θ (..., P)."""
    xp, P = namespace(theta), theta.shape[-1]
    rows = from_host_like(numbers.reshape(-1), theta, "int32")
    with context(theta):
        taken = xp.take(xp.reshape(theta, (-1, P)), rows, axis=0)
        picked: Array = xp.reshape(taken, (*numbers.shape, P))
    return picked


def _picked_entry(entry: Any, lead: tuple[int, ...], numbers: HostArray) -> Any:
    """Return the part of an entry of a history over `lead`; a float for a single network."""
    picked = np.broadcast_to(entry, lead).reshape(-1)[numbers]
    return float(picked) if numbers.ndim == 0 else picked


def _text(key: Any) -> str:
    return key.__class__.__name__ if hasattr(key, "shape") else f"{key!r:.60}"
