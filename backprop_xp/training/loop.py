"""The training loop: one update for each batch; the host reads the costs once an epoch."""

import numpy as np

from backprop_xp.arrays.backend import Array, kept
from backprop_xp.callbacks.callback import wants_batches
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.training.data.batches import epochs_of_blocks
from backprop_xp.training.driver import Driver
from backprop_xp.training.epoch_record import EpochRecord, append, not_finite, of_validation
from backprop_xp.training.failures import Guarded, diverged
from backprop_xp.training.options import Options
from backprop_xp.training.step.dropout import noise_of_epoch
from backprop_xp.training.task import Task

__all__ = ["Loop"]


class Loop(Driver):
    """Trains epoch after epoch, by one update for each batch.

    Its parameters and errors are those of `Driver`.
    """

    def __init__(self, task: Task, options: Options, guard: Guarded, optimizer: Optimizer) -> None:
        super().__init__(task, options, guard, optimizer)
        self._batch_callbacks = [one for one in self.callbacks if wants_batches(one)]
        self._blocks_of = epochs_of_blocks(
            task.cases,
            task.batch_size,
            task.seed,
            self.trainer.output_bytes,
            noise_bytes=self.trainer.noise_bytes,
            one_by_one=bool(self._batch_callbacks),
            epochs=self.earlier_epochs + options.epochs,
            order=options.order,
        )
        self._last_good = task.theta

    def train(self) -> None:
        """Train up to the last epoch, or until a callback or Ctrl-C stops training."""
        progress = self.progress
        while progress.epoch < progress.epochs and not (progress.stopped or self.interrupts.noted):
            self._epoch()

    def _epoch(self) -> None:
        progress, task = self.progress, self.task
        self.guard.reached(progress.weights, progress.epoch)
        start = kept(progress.weights)
        self.guard.reached(start, progress.epoch)
        self.tell("on_epoch_start")
        record = EpochRecord()
        epoch = self.earlier_epochs + progress.epoch
        noise = noise_of_epoch(task.net.sizes, task.seed, epoch, start)
        for block in self._blocks_of(epoch):
            progress.weights, progress.state = self.trainer.block(
                block, progress.weights, progress.state, noise, record
            )
            progress.batch += block.batches
            self.tell("on_batch_end", self._batch_callbacks)
            if self.interrupts.noted:
                return
        progress.batch = 0
        self._add_entries(start, record)
        progress.epoch += 1
        self.numbers.after_epoch(progress.history)
        progress.schedule_memory = self.numbers.state()
        self.tell("on_epoch_end")

    def _add_entries(self, start: Array, record: EpochRecord) -> None:
        """Read the scores of an epoch, score the validation cases, and add both to the history.

        Raises
        ------
        DivergenceError
            A cost or θ is infinite or NaN.
        """
        progress, others = self.progress, self.task.validation
        costs = record.batch_costs(progress.weights)
        self._last_good = start if costs.good_start else self._last_good
        if costs.first_bad is not None:
            bad, batch = costs.bad_networks, costs.first_bad
            raise diverged(progress, batch, bad, self._last_good, progress.epoch)
        on_others = None if others is None else self.trainer.scores(progress.weights, others)
        bad = [] if on_others is None else not_finite(on_others.cost)
        if bad:
            raise diverged(progress, costs.batches - 1, bad, self._last_good, progress.epoch)
        entries: dict[str, np.ndarray | None] = {
            "cost": costs.mean,
            "accuracy": record.accuracy(),
            **(of_validation(on_others, others.count) if others and on_others else {}),
        }
        append(progress.history, entries, self.task.stack)
