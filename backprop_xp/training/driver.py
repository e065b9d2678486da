"""The base class of `Loop` and `Minimisation`: callbacks, numbers, progress, and the result."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from backprop_xp.arrays.advice import metric_advice
from backprop_xp.arrays.backend import kept, to_host, with_derivatives
from backprop_xp.arrays.device_memory import device_bytes
from backprop_xp.callbacks.callback import Callback, is_built_in
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.early_stopping import EarlyStopping
from backprop_xp.distributed.ranks import gathered_at
from backprop_xp.errors import CheckpointWarning, OptionError
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.training.failures import Guarded
from backprop_xp.training.fingerprint import digest
from backprop_xp.training.interrupts import Interrupts
from backprop_xp.training.optimizer_state import OptimizerState
from backprop_xp.training.options import Options
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.run import Run
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.step.update import UpdateRule
from backprop_xp.training.task import Task
from backprop_xp.training.trainer import Trainer
from backprop_xp.training.workers import Workers, jobs_of

__all__ = ["Driver"]


class Driver(ABC):
    """Trains a task up to its last epoch, and calls the callbacks.

    Parameters
    ----------
    task : Task
    options : Options
    guard : Guarded
        Holds the last good θ for errors; the driver hands it θ between two epochs.
    optimizer : Optimizer
        The optimiser of the steps.

    Raises
    ------
    BackpropError
        The options do not fit the task, or contradict each other.
    """

    def __init__(self, task: Task, options: Options, guard: Guarded, optimizer: Optimizer) -> None:
        self.task, self.guard, self.interrupts = task, guard, Interrupts()
        shown = options.progress and (task.ranks is None or task.ranks.writes)
        bar = _progress_bar(task) if shown else None
        told = [*options.callbacks, *([bar] if bar else [])]
        self.callbacks: Sequence[Any] = sorted(told, key=_rank_of)
        if bar is not None:
            guard.callback(bar.close)
        regularisation = options.regularisation
        self.numbers = StepNumbers(optimizer, task.theta, regularisation, task.stack)
        _check_metrics(self.numbers.metrics, self.callbacks, task)
        labelled, decay_biases = task.cases.labelled, regularisation.decay_biases
        self.rule = UpdateRule(
            task.net, optimizer, labelled, decay_biases, task.compiled, task.layer_rates
        )
        from backprop_xp.training.resume import restore_snapshot, snapshot_to_resume

        snapshot = snapshot_to_resume(task, options, self.callbacks)
        self.ranks, self._interrupts_all = task.ranks, False
        if task.ranks is None:
            jobs = jobs_of(self.rule, task.theta, options.jobs, guard.threads, len(task.devices))
            workers = Workers(self.rule, task.theta, jobs, task.devices)
        else:
            _check_one_worker(options)
            workers = Workers(self.rule, task.theta, ranks=task.ranks)
        guard.callback(workers.close)
        self.trainer = Trainer(
            task.theta, self.rule, self.numbers, task.batch_size, workers, task.ranks
        )
        theta = kept(task.theta)
        state, remembered = self.trainer.init(theta), self.numbers.state()
        self.progress = TrainingProgress(
            task, options.epochs, theta, state, schedule_memory=remembered
        )
        self.earlier_epochs = 0 if options.state is None else options.state.epoch
        if options.state is not None:
            self.progress.state = options.state.like(state, self._kind)
            self.numbers.restore(options.state.memory, "train(state)")
            self.progress.schedule_memory = self.numbers.state()
        if snapshot is not None:
            restore_snapshot(self.progress, snapshot, self.numbers, self.callbacks)
        guard.history = self.progress.history

    @abstractmethod
    def train(self) -> None:
        """Train up to the last epoch, or until a callback or Ctrl-C stops training."""

    def run(self) -> None:
        """Train, with the calls of callbacks at the start and the end of the run."""
        with self.interrupts:
            self.tell("on_train_start")
            self.agree_on_stops()
            if self.progress.stopped and 0 < self.progress.epoch < self.progress.epochs:
                _warn_of_stop(self.progress)
            self.train()
            self.guard.reached(self.progress.weights, self.progress.epoch)
            self.tell("on_train_end", sorted(self.callbacks, key=_place_at_end))
            self._agree_on_end()
        if self.interrupted:  # now, so that no checkpoint holds it: a resumed run goes on
            self.progress.stopped = self._interrupted()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ends the run; of several ranks, whether they have agreed on it."""
        return self.interrupts.noted if self.ranks is None else self._interrupts_all

    def agree_on_stops(self) -> None:
        """Stop in all ranks where a callback or Ctrl-C stops one of them.

        Raises
        ------
        OptionError
            θ of a rank differs from θ of rank 0.
        """
        if self.ranks is None:
            return
        at = self.progress
        # a tenth of the time of SHA-256
        same = crc32(np.ascontiguousarray(to_host(at.weights)).data)
        moment = f"the end of epoch {at.epoch}"
        found = gathered_at(moment, (same, at.stopped, self.interrupts.noted), self.ranks)
        for rank, (other, _, _) in enumerate(found):
            if other != found[0][0]:
                came, expected = f"another theta after epoch {at.epoch}", "theta as in rank 0"
                advice = "Let callbacks and parts of your own do the same in all ranks"
                raise OptionError(f"train(reduce), rank {rank}", came, expected, advice)
        stopped = next((text for _, text, _ in found if text), None)
        if stopped is not None and not at.stopped:
            at.stop(stopped)
        self._interrupts_all = any(noted for _, _, noted in found)
        self.ranks.ended_epoch()

    def _agree_on_end(self) -> None:
        """Check that all ranks return the same θ, which `EarlyStopping` may take from an epoch.

        Raises
        ------
        OptionError
        """
        if self.ranks is None:
            return
        at = self.progress
        found = {
            "epoch of theta": f"{np.asarray(at.taken).tolist()}, {at.left.tolist()}",
            "theta after training": digest(to_host(at.weights).tobytes()),
        }
        self.ranks.agree(found, "train(reduce)")

    def result(self) -> Run:
        """Return the run, with a copy of θ."""
        at = self.progress
        epoch: Any = at.epoch if at.taken is None else at.taken
        if at.taken is None and at.left.any():
            epoch = np.where(at.left > 0, at.left, at.epoch).reshape(self.task.stack)
        with with_derivatives(at.weights):
            theta, state = self.task.in_axes(kept(at.weights)), self.state()
        epoch = epoch if np.ndim(epoch) else int(epoch)
        execution = self.trainer.execution
        history, held = at.history, device_bytes(at.weights)
        return Run(theta, history, self.task.net, at.stopped, epoch, state, execution, held)

    def state(self) -> OptimizerState | None:
        """Return the state that goes with θ; None where θ is of an earlier epoch."""
        at = self.progress
        if at.taken is not None or at.left.any():
            return None
        arrays = tuple(map(kept, at.state))
        epochs = self.earlier_epochs + at.epoch
        return OptimizerState(arrays, epochs, self.numbers.state(), self._kind)

    @property
    def _kind(self) -> str:
        return type(self.rule.optimizer).__name__

    def _interrupted(self) -> str:
        at = self.progress
        if at.batch:
            return f"interrupted in epoch {at.epoch}, after {at.batch} of its batches"
        return f"interrupted after {at.epoch} epochs"

    def tell(self, moment: str, callbacks: Sequence[Callback] | None = None) -> None:
        """Call the method named `moment` of each callback that has it, by default of all."""
        progress = self.progress
        place = progress.epoch, progress.batch, progress.epochs
        for one in self.callbacks if callbacks is None else callbacks:
            before = progress.stopped
            with with_derivatives(progress.weights):
                getattr(one, moment, _nothing)(progress)
            if progress.stopped != before:
                progress.stopped_by = one if progress.stopped else None
            progress.epoch, progress.batch, progress.epochs = place  # a callback only reads them


def _check_one_worker(options: Options) -> None:
    """Refuse several devices in a rank, and warn of several jobs.

    Raises
    ------
    OptionError
        `device` names several devices.
    """
    named: Any = options.device
    several = isinstance(named, Sequence) and not isinstance(named, str)
    if several and len(named) > 1:
        came, expected = f"{len(named)} devices", "one device for each rank"
        advice = "Start as many ranks as there are devices"
        raise OptionError("train(device), with reduce", came, expected, advice)
    if (options.jobs or 1) > 1:
        why = "the sums come in the same order in all ranks"
        warnings.warn(f"train(jobs): {options.jobs} jobs run as one: {why}", stacklevel=2)


def _progress_bar(task: Task) -> Any:
    from backprop_xp.callbacks.progress_bar import ProgressBar  # most runs do without

    return ProgressBar(task.count)


def _nothing(progress: TrainingProgress) -> None:
    pass


def _rank_of(callback: Any) -> int:
    """Return the rank of a callback, by which callbacks are called in turn.

    A user's own callback has 0: it may add entries that other callbacks read. A built-in callback
    has 1. A checkpoint has 2: it writes the memories of all other callbacks.
    """
    return is_built_in(callback) + isinstance(callback, Checkpoint)


def _place_at_end(callback: Any) -> int:
    """Return a callback's place after the last epoch: a checkpoint is written before θ changes."""
    return not isinstance(callback, Checkpoint)


def _warn_of_stop(progress: TrainingProgress) -> None:
    """Warn that a resumed run trains no further, since a callback had stopped it."""
    by = type(progress.stopped_by).__name__
    larger = "with a larger patience, or "
    way_out = f"{larger if isinstance(progress.stopped_by, EarlyStopping) else ''}without {by}"
    text = (
        f"train(resume): the run stays at epoch {progress.epoch} of {progress.epochs}, where "
        f"{by} had stopped it: {progress.stopped}. To go on, resume it {way_out}."
    )
    warnings.warn(text, CheckpointWarning, stacklevel=2)


def _check_metrics(of_schedules: set[str], callbacks: Sequence[Any], task: Task) -> None:
    """Refuse metrics that the history will not have; a user's own callback may add any entry."""
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
    if unknown and all(_rank_of(one) for one in callbacks):
        advice = metric_advice(unknown[0], known)
        raise OptionError("metric", repr(unknown[0]), f"one of {', '.join(known)}", advice)
