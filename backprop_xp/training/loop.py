"""The one training loop: batches in, gradient, optimiser, θ out; the host looks once an epoch."""

from collections.abc import Sequence

import numpy as np

from backprop_xp.arrays.backend import Array, kept
from backprop_xp.callbacks.callback import Callback, wants_batches
from backprop_xp.training.data.batches import epochs_of_blocks
from backprop_xp.training.epoch_record import EpochRecord, append, not_finite, of_validation
from backprop_xp.training.failures import Edge, diverged
from backprop_xp.training.interrupts import Interrupts
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.step.dropout import noise_of_epoch
from backprop_xp.training.step.numbers import Settings
from backprop_xp.training.trainer import Trainer

__all__ = ["Loop"]


class Loop:
    """Trains epoch after epoch, and tells callbacks of it.

    Parameters
    ----------
    progress : TrainingProgress
        Where training stands at the start.
    trainer : Trainer
    settings : Settings
    edge : Edge
        Is kept at the last edge between two epochs.
    batch_size : int
    callbacks : sequence of Callback
    """

    def __init__(
        self,
        progress: TrainingProgress,
        trainer: Trainer,
        settings: Settings,
        edge: Edge,
        batch_size: int,
        callbacks: Sequence[Callback],
    ) -> None:
        self._progress, self._trainer, self._settings = progress, trainer, settings
        self._edge, self._callbacks = edge, callbacks
        self._of_batches = [one for one in callbacks if wants_batches(one)]
        self._interrupts = Interrupts()
        task = progress.task
        self._blocks_of = epochs_of_blocks(
            task.cases,
            batch_size,
            task.seed,
            trainer.output_bytes,
            noise_bytes=trainer.noise_bytes,
            one_by_one=bool(self._of_batches),
            epochs=progress.epochs,
        )
        self._good = task.theta

    def run(self) -> None:
        """Train up to the last epoch, or until something stops it."""
        progress = self._progress
        with self._interrupts:
            self._tell("on_train_start")
            while progress.epoch < progress.epochs and not progress.stopped:
                self._epoch()
            self._edge.theta, self._edge.epoch = progress.weights, progress.epoch
            self._tell("on_train_end")

    def _tell(self, moment: str, callbacks: Sequence[Callback] | None = None) -> None:
        progress = self._progress
        place = progress.epoch, progress.batch, progress.epochs
        for one in self._callbacks if callbacks is None else callbacks:
            getattr(one, moment, _nothing)(progress)
            progress.epoch, progress.batch, progress.epochs = place  # a callback only reads them

    def _epoch(self) -> None:
        progress, task, edge = self._progress, self._progress.task, self._edge
        edge.theta, edge.epoch = progress.weights, progress.epoch
        start = edge.theta = kept(progress.weights)
        self._tell("on_epoch_start")
        record = EpochRecord()
        noise = noise_of_epoch(task.net.sizes, task.seed, progress.epoch, start)
        for block in self._blocks_of(progress.epoch):
            progress.weights, progress.state = self._trainer.block(
                block, progress.weights, progress.state, noise, record
            )
            progress.batch += block.batches
            self._tell("on_batch_end", self._of_batches)
            if self._interrupts.noted:
                progress.stop(
                    f"interrupted in epoch {progress.epoch}, after {progress.batch} of its batches"
                )
                return
        progress.batch = 0
        self._add_entries(start, record)
        progress.epoch += 1
        self._settings.after_epoch(progress.history)
        progress.of_settings = self._settings.state()
        self._tell("on_epoch_end")

    def _add_entries(self, start: Array, record: EpochRecord) -> None:
        """Read on the host what the epoch recorded, and what others are worth now."""
        progress, task, history = self._progress, self._progress.task, self._progress.history
        costs = record.batch_costs(progress.weights)
        self._good = start if costs.good_start else self._good
        if costs.first_bad is not None:
            bad = costs.bad_networks
            raise diverged(task, progress.epoch, costs.first_bad, bad, self._good, history)
        others = task.validation
        on_others = None if others is None else self._trainer.scores(progress.weights, others)
        bad = [] if on_others is None else not_finite(on_others.cost)
        if bad:
            raise diverged(task, progress.epoch, costs.batches - 1, bad, self._good, history)
        entries: dict[str, np.ndarray | None] = {
            "cost": costs.mean,
            "accuracy": record.accuracy(),
            **(of_validation(on_others, others.count) if others and on_others else {}),
        }
        append(history, entries, task.stack)


def _nothing(progress: TrainingProgress) -> None:
    pass
