"""The one training loop: batches in, gradient, optimiser, θ out; the host looks once an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backprop_xp.backend import Array, context, copied, namespace, to_host
from backprop_xp.cases import Cases, FileCases
from backprop_xp.data import Block, epochs_of_blocks
from backprop_xp.device_selection import Device
from backprop_xp.dropout import Noise, noise_of_epoch
from backprop_xp.errors import DivergenceError, OptionError
from backprop_xp.network import Network
from backprop_xp.optimizers import SGD, Optimizer, State
from backprop_xp.options import check_count
from backprop_xp.preparation import Task, prepare
from backprop_xp.recording import EpochRecord, History, append
from backprop_xp.schedules import Setting
from backprop_xp.scoring import Scorer
from backprop_xp.settings import Settings
from backprop_xp.stepping import over_batches
from backprop_xp.updates import only_active, step_of

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
    """

    theta: Any = field(repr=False)
    history: History = field(repr=False)
    network: Network


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
        ``dtype`` and rows that slices read, is never read whole: see `sources` for the order in
        which it is shuffled. So is Y, beside such an X.
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
        network of a stack and broadcasts against θ's leading axes and a last axis of 1.
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
    settings = Settings(optimizer, task.theta, l2, dropout)
    with context(task.theta), np.errstate(all="ignore"):  # the cost is checked after each epoch
        return _run(task, optimizer, settings, epochs, _size_of(batch_size, task.cases), progress)


def _size_of(batch_size: int | None, cases: Cases | FileCases) -> int:
    if batch_size is None and isinstance(cases, FileCases):
        raise OptionError(
            "train(batch_size)",
            "None, the full batch, for X in a file",
            "a number of cases",
            "Such as 128; or read the file into memory first, with X[...]",
        )
    return batch_size or cases.count


def _run(
    task: Task,
    optimizer: Optimizer,
    settings: Settings,
    epochs: int,
    batch_size: int,
    progress: bool,
) -> Run:
    from tqdm.auto import tqdm

    trainer = _Trainer(task, optimizer, settings)
    blocks_of = epochs_of_blocks(task.cases, batch_size, task.seed)
    theta, others, good = copied(task.theta), task.validation, task.theta
    state = optimizer.init(theta)
    history: History = {}
    with tqdm(total=epochs, unit="epoch", disable=not progress) as bar:
        for epoch in range(epochs):
            start, record = copied(theta), EpochRecord()
            noise = noise_of_epoch(task.net.sizes, task.seed, epoch, theta)
            for block in blocks_of(epoch):
                theta, state = trainer.block(block, theta, state, noise, record)
            costs = record.batch_costs(theta)
            good = start if costs.good_start else good
            if costs.first_bad is not None:
                raise _diverged(epoch, costs.first_bad, good, history)
            on_others = None if others is None else trainer.score.cases(theta, others)
            if on_others is not None and not np.isfinite(to_host(on_others.cost)).all():
                raise _diverged(epoch, costs.batches - 1, good, history)
            append(history, "cost", costs.mean)
            append(history, "accuracy", record.correct(), task.cases.total_weight)
            if others is not None and on_others is not None:
                append(history, "validation_cost", on_others.cost)
                append(history, "validation_accuracy", on_others.correct, others.count)
            last = {name: f"{np.mean(of[-1]):.4g}" for name, of in history.items()}
            bar.set_postfix(last, refresh=False)
            bar.update()
    return Run(theta, history, task.net)


class _Trainer:
    """Trains on block after block; what is to be recorded stays on the device."""

    def __init__(self, task: Task, optimizer: Optimizer, settings: Settings) -> None:
        xp = namespace(task.theta)
        step = step_of(task.net, optimizer, task.theta, task.cases.labelled)
        self._steps = over_batches(step, xp)
        self._guarded_steps = over_batches(only_active(step), xp)
        self._settings = settings
        self.score = Scorer(task.net, xp)

    def block(
        self, block: Block, theta: Array, state: State, noise: Noise, record: EpochRecord
    ) -> tuple[Array, State]:
        """Make one update for each batch of the block; θ and state are consumed."""
        batches, size = block.X.shape[0], block.X.shape[-2]
        numbers = [self._settings.next() for _ in range(batches)]
        dropping = any(each.dropout is not None for each in numbers)
        arrays = (block.X, block.y, block.w, *(noise(batches, size) if dropping else ()))
        if block.all_active:
            carry, outs = self._steps((theta, state), numbers, *arrays)
        else:
            active = block.active_like(theta)
            carry, outs = self._guarded_steps((theta, state), numbers, active, *arrays)
        theta, state = carry
        z_out, penalties = outs
        record.add(self.score.block(z_out, block), penalties, block.active)
        return theta, state


def _diverged(epoch: int, batch: int, theta: Array, history: History) -> DivergenceError:
    error = DivergenceError(
        f"train, epoch {epoch}, batch {batch} (counted from 0)",
        "a cost or parameters that are infinite or NaN",
        "finite ones",
        "Try a smaller learning rate or inputs of mean 0 and variance 1; the last good parameters "
        "are this error's .theta",
    )
    error.theta, error.epoch, error.batch, error.history = theta, epoch, batch, history
    return error
