"""The one training loop: batches in, gradient, optimiser, θ out; the host looks once an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from traceback import clear_frames
from typing import Any

import numpy as np

from backprop_xp.backend import context, copied, lack_of_memory, without_derivatives
from backprop_xp.cases import Cases, FileCases
from backprop_xp.data import epochs_of_blocks
from backprop_xp.device_selection import Device
from backprop_xp.dropout import noise_of_epoch
from backprop_xp.errors import DivergenceError, OptionError, nearest_name
from backprop_xp.failures import Edge, diverged, out_of_memory
from backprop_xp.network import Network
from backprop_xp.optimizers import SGD, Optimizer
from backprop_xp.options import check_count
from backprop_xp.picking import network_numbers, picked_entry, picked_theta
from backprop_xp.preparation import Task, prepare
from backprop_xp.recording import EpochRecord, History, append, not_finite, of_validation
from backprop_xp.schedules import Setting
from backprop_xp.settings import Settings
from backprop_xp.trainer import Trainer

__all__ = ["Run", "train"]


@dataclass(frozen=True)
class Run:
    """What training returns.

    Attributes
    ----------
    theta : array (*stack, P)
        The parameters after the last epoch.
    history : dict of lists
        One entry for each epoch: "cost", the mean over the epoch's batches, regularisation
        included, each taken before its update; "accuracy" where Y holds labels, the share of the
        cases that are right before their batch's update; "validation_cost" and
        "validation_accuracy" after the epoch, without regularisation. Numbers, or arrays over the
        stack.
    network : Network

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

    theta: Any = field(repr=False)
    history: History = field(repr=False)
    network: Network

    def __getitem__(self, key: Any) -> "Run":
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
            name: [picked_entry(entry, lead, numbers) for entry in entries]
            for name, entries in self.history.items()
        }
        return replace(self, theta=picked_theta(self.theta, numbers), history=history)

    def best(self, name: str = "validation_cost") -> "Run":
        """Return the run of the network of a stack whose last entry of a history is the best.

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
        sign = -1 if name.endswith("accuracy") else 1
        return self[np.unravel_index(np.argmin(sign * last), last.shape)]


def train(
    net: Network,
    X: Any,
    Y: Any,
    theta: Any = None,
    *,
    optimizer: Optimizer = SGD(0.1, momentum=0.9),  # noqa: B008  it is frozen
    epochs: int = 10,
    batch_size: int | None = 32,
    validation: tuple[Any, Any] | None = None,
    case_weights: Any = None,
    l2: Setting = 0.0,
    dropout: Setting = 0.0,
    seed: int = 0,
    device: str | Device | None = None,
    dtype: Any = None,
    stack: int | Sequence[int] = (),
    progress: bool = False,
) -> Run:
    """Train a network, or a stack of networks at once, and return a `Run`.

    Parameters
    ----------
    net : Network
    X : array (m, n_in), or (*stack, m, n_in)
        Inputs in rows. A `numpy.memmap`, an h5py or zarr data set, or anything with ``shape``,
        ``dtype`` and rows that slices read, stays in its file: see `sources` for the order in which
        it is shuffled. So does Y, beside such an X. A batch is in memory whole, and what the file
        holds is checked as it is read.
    Y : array
        Class labels (m,) of an integer dtype, or targets (m, n_out); or one set per network.
    theta : array (..., P), optional
        Where to start; ``net.init(seed, stack=stack)`` unless given. It is not changed.
    optimizer : Optimizer
    epochs : int
        Sweeps through the cases, ≥ 0.
    batch_size : int or None
        Cases in a batch; None is the full batch, one update per sweep.
    validation : (X, Y), optional
        Other cases, whose cost and accuracy are recorded after each epoch.
    case_weights : array (m,) or (*stack, m), optional
        ≥ 0, relative: those of each batch are divided by their sum. A batch whose weights are all
        zero changes nothing. Accuracy counts each case by its weight.
    l2 : number, array or schedule
        Adds ½ · l2 · Σ W² to the cost, over weights, not biases. An array holds one for each
        network of a stack: of the stack's shape, or one that broadcasts against θ's leading axes
        and a last axis of 1.
    dropout : number, array or schedule
        The probability, ≥ 0 and < 1, with which a unit of a hidden layer is left out of a case;
        the others send up 1/(1 − dropout) times as much. An array is as for `l2`.
    seed : int
        Initial parameters, the order of the cases and the units that are dropped follow from it,
        the same on every device.
    device : str or Device, optional
        Where to train; None follows X.
    dtype : str or dtype, optional
        Of θ and the computation; None is that of X where X holds floats, else float32.
    stack : int or sequence of int
        Leading axes of θ where it is not given: how many networks to train at once.
    progress : bool
        Show a progress bar.

    Raises
    ------
    BackpropError
        Something that came in cannot be used; raised before any work.
    DivergenceError
        A cost became infinite or NaN. It holds the last good θ, the epoch and the batch.
    OutOfMemoryError
        The memory does not suffice. Where training had begun, it holds θ of the last edge between
        two epochs.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, optimizer=bp.SGD(0.5, momentum=0.9), epochs=200, batch_size=None)
    >>> (net.forward(run.theta, X) > 0.5).astype(int).T
    array([[0, 1, 1, 0]])
    """
    check_count(epochs, "train(epochs)", least=0)
    if batch_size is not None:
        check_count(batch_size, "train(batch_size)", least=1)
    task = prepare(net, X, Y, theta, validation, case_weights, seed, device, dtype, stack)
    settings = Settings(optimizer, task.theta, l2, dropout, task.stack)
    size = _size_of(batch_size, task.cases)
    quiet = np.errstate(all="ignore")  # the cost is checked after each epoch
    edge = Edge(task.theta)
    try:
        with context(task.theta), without_derivatives(task.theta), quiet:
            trainer = Trainer(task, optimizer, settings, size)
            run = _run(task, trainer, edge, epochs, size, progress)
        return replace(run, theta=copied(run.theta))
    except DivergenceError as error:
        error.theta = copied(error.theta)
        raise
    except (MemoryError, RuntimeError) as error:
        lack = lack_of_memory(error)
        if lack is None:
            raise
        clear_frames(error.__traceback__)  # the traceback would keep what the step worked on
        raise out_of_memory(task, edge, lack) from error


def _size_of(batch_size: int | None, cases: Cases | FileCases) -> int:
    if batch_size is None and isinstance(cases, FileCases):
        raise OptionError(
            "train(batch_size)",
            "None, the full batch, for X in a file",
            "a number of cases",
            "Such as 128; or read the file into memory first, with np.array(X)",
        )
    return min(batch_size or cases.count, cases.count)


def _run(
    task: Task, trainer: Trainer, edge: Edge, epochs: int, batch_size: int, progress: bool
) -> Run:
    from tqdm.auto import tqdm

    blocks_of = epochs_of_blocks(task.cases, batch_size, task.seed, trainer.output_bytes)
    theta, others, good = copied(task.theta), task.validation, task.theta
    state, history = trainer.init(theta), edge.history
    with tqdm(total=epochs, unit="epoch", disable=not progress) as bar:
        for epoch in range(epochs):
            edge.theta, edge.epoch = theta, epoch
            start = edge.theta = copied(theta)
            record = EpochRecord()
            noise = noise_of_epoch(task.net.sizes, task.seed, epoch, theta)
            for block in blocks_of(epoch):
                theta, state = trainer.block(block, theta, state, noise, record)
            costs = record.batch_costs(theta)
            good = start if costs.good_start else good
            if costs.first_bad is not None:
                raise diverged(task, epoch, costs.first_bad, costs.bad_networks, good, history)
            on_others = None if others is None else trainer.scores(theta, others)
            bad = [] if on_others is None else not_finite(on_others.cost)
            if bad:
                raise diverged(task, epoch, costs.batches - 1, bad, good, history)
            entries = {
                "cost": costs.mean,
                "accuracy": record.accuracy(task.cases.total_weight),
                **(of_validation(on_others, others.count) if others and on_others else {}),
            }
            append(history, entries, task.stack)
            last = {name: f"{np.mean(of[-1]):.4g}" for name, of in history.items()}
            bar.set_postfix(last, refresh=False)
            bar.update()
    edge.theta, edge.epoch = theta, epochs
    return Run(task.in_axes(theta), history, task.net)
