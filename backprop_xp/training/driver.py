"""What both ways to train have in common: the loop over epochs, and L-BFGS."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import copied, with_derivatives
from backprop_xp.callbacks.callback import Callback, is_built_in
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.progress_bar import ProgressBar
from backprop_xp.errors import OptionError, metric_advice
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.training.failures import Guarded
from backprop_xp.training.interrupts import Interrupts
from backprop_xp.training.options import Options
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.resume import begun, go_on
from backprop_xp.training.run import Run
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.step.update import UpdateRule
from backprop_xp.training.task import Task
from backprop_xp.training.trainer import Trainer

__all__ = ["Driver"]


class Driver(ABC):
    """Trains a task up to its last epoch, and tells callbacks of it.

    Parameters
    ----------
    task : Task
    options : Options
    guard : Guarded
        Is told of the edges between two epochs.
    optimizer : Optimizer
        The optimiser of the steps.

    Raises
    ------
    BackpropError
        The options do not go with the task, or with each other.
    """

    def __init__(self, task: Task, options: Options, guard: Guarded, optimizer: Optimizer) -> None:
        self.task, self.guard, self.interrupts = task, guard, Interrupts()
        bar = ProgressBar() if options.progress else None
        told = [*options.callbacks, *([bar] if bar else [])]
        self.callbacks: Sequence[Any] = sorted(told, key=_place_of)
        if bar is not None:
            guard.callback(bar.close)
        regularisation = options.regularisation
        self.numbers = StepNumbers(optimizer, task.theta, regularisation, task.stack)
        _check_metrics(self.numbers.metrics, self.callbacks, task)
        labelled, decay_biases = task.cases.labelled, regularisation.decay_biases
        self.rule = UpdateRule(task.net, optimizer, labelled, decay_biases)
        snapshot = begun(task, options, self.callbacks)
        self.trainer = Trainer(task.theta, self.rule, self.numbers, task.batch_size)
        theta = copied(task.theta)
        state, remembered = self.trainer.init(theta), self.numbers.state()
        self.progress = TrainingProgress(task, options.epochs, theta, state, of_settings=remembered)
        if snapshot is not None:
            go_on(self.progress, snapshot, self.numbers, self.callbacks)
        guard.history = self.progress.history

    @abstractmethod
    def train(self) -> None:
        """Train up to the last epoch, or until something stops it."""

    def run(self) -> None:
        """Train, between the first and the last moment of a run."""
        with self.interrupts:
            self.tell("on_train_start")
            self.train()
            self.guard.reached(self.progress.weights, self.progress.epoch)
            self.tell("on_train_end")

    def result(self) -> Run:
        """Return the run, whose θ is a copy."""
        at = self.progress
        epoch = at.epoch if at.taken is None else at.taken
        with with_derivatives(at.weights):
            theta = self.task.in_axes(copied(at.weights))
        epoch = epoch if np.ndim(epoch) else int(epoch)
        return Run(theta, at.history, self.task.net, at.stopped, epoch)

    def tell(self, moment: str, callbacks: Sequence[Callback] | None = None) -> None:
        """Call the method of that name of the callbacks that have it."""
        progress = self.progress
        place = progress.epoch, progress.batch, progress.epochs
        for one in self.callbacks if callbacks is None else callbacks:
            with with_derivatives(progress.weights):
                getattr(one, moment, _nothing)(progress)
            progress.epoch, progress.batch, progress.epochs = place  # a callback only reads them


def _nothing(progress: TrainingProgress) -> None:
    pass


def _place_of(callback: Any) -> int:
    """Return where a callback stands: first who may add entries, last who writes them down."""
    return is_built_in(callback) + isinstance(callback, Checkpoint)


def _check_metrics(of_schedules: set[str], callbacks: Sequence[Any], task: Task) -> None:
    """Refuse to look at entries that no history will have, where no callback may add them."""
    watched = {getattr(one, "metric", None) for one in callbacks} | of_schedules
    known = ["cost", *(["accuracy"] if task.cases.labelled else [])]
    of_validation = [f"validation_{name}" for name in known]
    missing = sorted(set(of_validation) & watched)
    if missing and task.validation is None:
        expected = "validation= to be given, or another metric such as 'cost'"
        came = f"None, but {missing[0]} is watched"
        raise OptionError("train(validation)", came, expected, "Pass validation=(X_val, Y_val)")
    known += of_validation if task.validation is not None else []
    unknown = sorted(str(name) for name in watched - {None, *known})
    if unknown and all(_place_of(one) for one in callbacks):
        advice = metric_advice(unknown[0], known)
        raise OptionError("metric", repr(unknown[0]), f"one of {', '.join(known)}", advice)
