"""The training loop: one update for each batch; the host reads the costs at most once an epoch.

Where nothing asks for the numbers of an epoch, the host reads the scores of several epochs together
(`looks`). Where one of them went wrong, all are trained again from the last look, one by one.
θ, the history and errors are bit-identical to those of epochs that are read one by one.
"""

import math
from collections.abc import Iterable
from itertools import chain

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    compiles,
    context,
    copied,
    from_host_like,
    is_on_cpu,
    item_bytes,
    kept,
    namespace,
)
from backprop_xp.callbacks.callback import wants_batches
from backprop_xp.execution.cuda.nvtx import ranges
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.training.data.batches import BlockLimits, epochs_of_blocks
from backprop_xp.training.data.blocks import Block
from backprop_xp.training.data.shares import epochs_of_shares
from backprop_xp.training.driver import Driver
from backprop_xp.training.epoch_record import (
    EpochRecord,
    append,
    extend,
    not_finite,
    of_validation,
    repeated,
)
from backprop_xp.training.failures import Guarded, diverged
from backprop_xp.training.looks import LOOK_BYTES, Looks
from backprop_xp.training.options import Options
from backprop_xp.training.step.compiled import is_built_in
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
        one_by_one = bool(self._batch_callbacks)
        limits = BlockLimits(
            self.trainer.output_bytes, self.trainer.noise_bytes, one_by_one, task.compiled
        )
        given, order = (task.cases, task.batch_size, task.seed), options.order
        if task.ranks is not None:
            self._blocks_of = epochs_of_shares(*given, task.ranks, limits, order=order)
        else:
            last = self.earlier_epochs + options.epochs
            self._blocks_of = epochs_of_blocks(*given, limits, epochs=last, order=order)
        self._last_good, self._range = task.theta, ranges(task.theta)
        self._left = np.zeros(math.prod(task.stack), dtype=bool)
        self._kept_theta: tuple[Array, Array] | None = None  # the mask of those, and their θ
        is_whole = task.batch_size >= task.count and not self.trainer.noise_bytes
        at_once = is_on_cpu(task.theta) and not compiles(namespace(task.theta))
        at_once = at_once and task.ranks is None
        self._full_batches = self.trainer.full_batches if is_whole and at_once else 1
        self._joins_epochs = self.trainer.joins_epochs and self._full_batches == 1
        self._looks = Looks(self._most_unread() if self._is_unwatched(options) else 1)

    def train(self) -> None:
        """Train up to the last epoch, or until a callback or Ctrl-C stops training."""
        progress = self.progress
        while progress.epoch < progress.epochs and not (progress.stopped or self.interrupted):
            first = progress.epoch
            count = min(self._looks.begin(), progress.epochs - first)
            if count == 1:
                self._epoch()
            else:
                self._unread_epochs(count)
            self._looks.end(progress.epoch - first)

    def _is_unwatched(self, options: Options) -> bool:
        """Tell whether nothing asks for the numbers of an epoch, or for its moment.

        Parts of a user's own may see that epochs are trained again.
        """
        of_own = not is_built_in(self.task.net, self.rule.optimizer) or options.order is not None
        of_own = of_own or self.ranks is not None
        watched = self.callbacks or self.task.validation is not None or self.numbers.listens
        return not (of_own or watched)

    def _most_unread(self) -> int:
        """Return the most epochs of a look by the memory of their scores; 1 for a large θ."""
        task, state = self.task, self.progress.state
        each = item_bytes(task.theta)
        numbers = sum(math.prod(x.shape) for x in (task.theta, *state))
        if numbers * each > LOOK_BYTES:
            return 1
        batches = -(-task.cases.count // task.batch_size)
        scores = 3 * batches * math.prod(task.theta.shape[:-1])  # cost, penalty, correct cases
        return max(LOOK_BYTES // (scores * each), 1)

    def _let_go(self) -> None:
        """Keep θ of the networks that have left, and train the others."""
        left = self.progress.left > 0
        if (left != self._left).any():
            weights = self.progress.weights
            with context(weights):
                mask = from_host_like(left[:, None], weights, "bool")
                self._kept_theta = mask, copied(self._with_kept(weights))
            self._left = left
            self.trainer.leave(left)

    def _with_kept(self, theta: Array) -> Array:
        """Return θ with the rows of the networks that have left as they were then."""
        if self._kept_theta is None:
            return theta
        with context(theta):
            rows: Array = namespace(theta).where(*self._kept_theta, theta)
        return rows

    def _epoch(self) -> None:
        progress = self.progress
        self._let_go()
        self.guard.reached(progress.weights, progress.epoch)
        start = kept(progress.weights)
        self.guard.reached(start, progress.epoch)
        self.tell("on_epoch_start")
        record = EpochRecord(left=self._left if self._left.any() else None, ranks=self.ranks)
        with self._range(self._name_of_epoch()):
            whole = self._trained(self._blocks_of(self.earlier_epochs + progress.epoch), record)
        if not whole:
            return
        self._add_entries(start, record)
        progress.epoch += 1
        self.numbers.after_epoch(progress.history)
        progress.schedule_memory = self.numbers.state()
        self.tell("on_epoch_end")
        self.agree_on_stops()

    def _name_of_epoch(self) -> str:
        return f"epoch {self.earlier_epochs + self.progress.epoch}"

    def _trained(self, blocks: Iterable[Block], record: EpochRecord) -> bool:
        """Train on the blocks of the next epochs; return False where Ctrl-C leaves the rest."""
        progress, task = self.progress, self.task
        epoch = self.earlier_epochs + progress.epoch
        networks = math.prod(task.stack) if self.numbers.noise_per_network and task.stack else 0
        noise = noise_of_epoch(task.net.sizes, task.seed, epoch, progress.weights, networks)
        one_by_one = bool(self._batch_callbacks)
        for window in self.trainer.windows(blocks, one_by_one=one_by_one):
            if self.interrupts.noted and self.ranks is None:
                return False
            batches = sum(block.batches for block in window)
            with self._range(f"{batches} batches"):
                progress.weights, progress.state = self.trainer.blocks(
                    window, progress.weights, progress.state, noise, record
                )
            progress.weights = self._with_kept(progress.weights)
            progress.batch += batches
            self.tell("on_batch_end", self._batch_callbacks)
        progress.batch = 0
        return True

    def _unread_epochs(self, count: int) -> None:
        """Train some epochs, at most `count`, and read the scores of all."""
        progress, records = self.progress, list[EpochRecord]()
        first, memory = progress.epoch, self.numbers.state()
        self.guard.reached(progress.weights, first)
        theta, state = kept(progress.weights), tuple(map(kept, progress.state))
        self.guard.reached(theta, first)
        try:
            start = self._train_unread(count, records)
            found = [record.epochs() for record in records]
        except Exception:  # noqa: BLE001  epochs one by one raise it again, if it is an error
            found = None
        if found is None or not all(each.finite for each in found):
            progress.weights, progress.state = theta, state
            progress.epoch, progress.batch = first, 0
            self.numbers.restore(memory)
            self._looks.one_by_one(count)
            return
        self._last_good = start
        for each in found:
            entries = {"cost": each.cost, "accuracy": each.accuracy}
            extend(progress.history, entries, self.task.stack)
        progress.schedule_memory = self.numbers.state()

    def _train_unread(self, count: int, records: list[EpochRecord]) -> Array:
        """Train some epochs, whose scores are added to `records`; return θ before the last one.

        Several epochs are trained as one, but for the last, whose first θ may be asked for: full
        batches as one block, and the batches of a stack in groups as one stream.
        """
        progress = self.progress
        last = progress.epoch + count - 1
        while True:
            start = kept(progress.weights)
            late = self._looks.is_late() or self.interrupts.noted
            left = 0 if late else last - progress.epoch
            joined = max(left, 1) if self._joins_epochs else 1
            repeated = min(left, self._full_batches)
            at_once = max(joined, repeated, 1)
            first = self.earlier_epochs + progress.epoch
            blocks = chain.from_iterable(map(self._blocks_of, range(first, first + joined)))
            if at_once > joined:
                blocks = chain(block.repeated(at_once) for block in blocks)
            record = EpochRecord(by_batch=at_once > joined, joined=joined)
            with self._range(self._name_of_epoch()):
                whole = self._trained(blocks, record)
            if not whole:
                self._keep_whole_epochs(record, records)
                return start
            record.end(progress.weights)
            records.append(record)
            progress.epoch, progress.batch = progress.epoch + at_once, 0
            if not left or self.interrupts.noted:
                return start

    def _keep_whole_epochs(self, record: EpochRecord, records: list[EpochRecord]) -> None:
        """Note the epochs that were complete when Ctrl-C ended the stream of batches."""
        progress, batches = self.progress, -(-self.task.count // self.task.batch_size)
        complete = progress.batch // batches
        if complete:
            record.keep(complete, complete * batches)
            record.end(progress.weights)
            records.append(record)
            progress.epoch, progress.batch = progress.epoch + complete, progress.batch % batches

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
            **(of_validation(on_others, self.task.others) if others and on_others else {}),
        }
        if self._left.any():
            entries = repeated(entries, progress.history, self._left)
        append(progress.history, entries, self.task.stack)
