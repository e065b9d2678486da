"""Training on a block of batches, by groups of networks where a stack is large."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    compiles,
    item_bytes,
    namespace,
    to_host,
)
from backprop_xp.arrays.requirements import shape_text
from backprop_xp.distributed.ranks import Ranks, Share
from backprop_xp.errors import ShapeError
from backprop_xp.optimizers.protocol import State
from backprop_xp.training.data.batches import BLOCK_BYTES, OUTPUT_BYTES
from backprop_xp.training.data.blocks import Block
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.data.networks import Networks, rows_of_networks
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.looks import Looks
from backprop_xp.training.parallel import GivenUp
from backprop_xp.training.scoring import Scores
from backprop_xp.training.step.dropout import Noise
from backprop_xp.training.step.numbers import Numbers, StepNumbers, parts_of
from backprop_xp.training.step.regularization import smoothed
from backprop_xp.training.step.scored import ScoredSteps
from backprop_xp.training.step.stack_groups import groups_of
from backprop_xp.training.step.stack_members import StackMembers
from backprop_xp.training.step.update import Carry, UpdateRule
from backprop_xp.training.workers import Worker, Workers

__all__ = ["Trainer"]

WINDOW_BYTES: Final = 2**25  # of the batches and the noise of a window


class _Given(NamedTuple):
    """All that the steps of a block take, on the first device."""

    block: Block
    numbers: list[Numbers]
    noise: tuple[Array, ...]


class Trainer:
    """Trains on one block after another; the scores stay on the device.

    Parameters
    ----------
    theta : array (P,), or (K, P) for a stack
        An example of θ: its library, device, dtype and number of networks.
    rule : UpdateRule
        Network, optimiser and form of the step.
    numbers : StepNumbers
        The learning rate and the other numbers of each step.
    size : int
        Cases in a batch.
    workers : Workers, optional
        Train the groups of a stack; by default a worker in the main thread.
    ranks : Ranks, optional
        The processes that share each batch.

    Attributes
    ----------
    output_bytes : int
        Bytes per case of the outputs of a group that a block keeps, or of its targets alone.
    noise_bytes : int
        Bytes of dropout's random numbers per case.
    full_batches : int
        The most batches of a block of full batches, each of which is an epoch.
    """

    def __init__(
        self,
        theta: Array,
        rule: UpdateRule,
        numbers: StepNumbers,
        size: int,
        workers: Workers | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        sizes, self._ranks = rule.net.sizes, ranks
        self._workers = Workers(rule, theta, ranks=ranks) if workers is None else workers
        self._steps, self._score = self._workers.first
        self._traced = compiles(namespace(theta)) and ranks is None
        self._numbers, self._optimizer = numbers, rule.optimizer
        compiled = rule.compiled
        least = self._workers.least
        found = (
            groups_of(theta, sizes, size, compiled=compiled, least=least) if theta.ndim > 1 else []
        )
        self._members, self._in_groups = StackMembers(found), len(found) > 1
        at_once = found[0].stop if found else 1
        outputs, number = sizes[-1] * at_once, item_bytes(theta)  # of a case, over a group
        kept = self._steps.keeps_outputs(outputs * size)
        self.output_bytes = number * (outputs if kept else sizes[-1])
        most = OUTPUT_BYTES if kept else BLOCK_BYTES
        self.full_batches = max(most // (number * outputs * size), 1)
        hidden = sum(sizes[1:-1]) * numbers.uses("dropout")
        inputs = sizes[0] * numbers.uses("input_dropout")
        copies = theta.shape[0] if numbers.noise_per_network and theta.ndim > 1 else 1
        self.noise_bytes = (hidden + inputs) * item_bytes(theta) * copies
        self._looks = Looks(2**20)

    @property
    def joins_epochs(self) -> bool:
        """Whether the batches of several epochs may be one stream, which saves meetings of groups.

        Dropout has the noise of its epoch.
        """
        return self._in_groups and self._ranks is None and not self.noise_bytes

    @property
    def execution(self) -> str:
        """How the steps of the last block were run, with the reason where not faster."""
        how = "compiled by XLA" if self._traced else self._steps.execution
        return ", ".join(filter(None, (how, self._workers.said)))

    def init(self, theta: Array) -> State:
        """Return the optimiser's initial state.

        Raises
        ------
        ShapeError
            The state is not a tuple of arrays with θ's leading axes.
        """
        state = self._optimizer.init(theta)
        lead = tuple(theta.shape[:-1])
        shapes = [getattr(x, "shape", None) for x in state] if isinstance(state, tuple) else [None]
        if any(shape is None or tuple(shape[: len(lead)]) != lead for shape in shapes):
            expected = f"a tuple of arrays {shape_text(*lead, '...')}"
            raise ShapeError("optimizer.init", repr(shapes), expected, "Make them like theta")
        return state

    def windows(
        self, blocks: Iterable[Block], *, one_by_one: bool = False
    ) -> Iterator[list[Block]]:
        """Yield the blocks in windows: a group trains on a window before the next group begins.

        A window takes some `looks.LOOK_SECONDS`, and at most `WINDOW_BYTES` or one block. Each
        block is a window where a stack has no groups, or with `one_by_one`; and with ranks, whose
        sums come in the same order although their times differ.
        """
        if one_by_one or not self._in_groups or self._ranks is not None:
            yield from ([block] for block in blocks)
            return
        window, most, held = list[Block](), self._looks.begin(), 0
        for block in blocks:
            window.append(block)
            held += _bytes_of(block) + self.noise_bytes * block.batches * block.size
            if len(window) >= most or held >= WINDOW_BYTES:
                yield window
                self._looks.end(len(window))
                window, most, held = [], self._looks.begin(), 0
        if window:
            yield window

    def blocks(
        self, blocks: list[Block], theta: Array, state: State, noise: Noise, record: EpochRecord
    ) -> tuple[Array, State]:
        """Return θ and state after one update for each batch of the blocks; both are consumed.

        The scores of the batches are added to `record`.
        """
        given, by_batch = [self._given(block, noise) for block in blocks], record.by_batch
        if not self._in_groups:
            carry: Carry = (theta, state)
            for one in given:
                carry, scores, penalties = _trained(self._steps, carry, one, by_batch=by_batch)
                record.add(scores, penalties, one.block.whole_size)
            return carry
        groups, members = self._members.groups, self._members

        def task(worker: Worker, number: int, given_up: GivenUp) -> tuple[Carry, list[Any]]:
            group, done = groups[number], []
            carry = worker.here(_part_of((theta, state), group), again=False)
            for one in given:
                if given_up():
                    break
                part = _part_of_given(one, group)
                numbers = worker.here_each(part.numbers)
                part = _Given(worker.here(part.block), numbers, worker.here(part.noise))
                carry, *scores = _trained(worker.functions.steps, carry, part, by_batch=by_batch)
                done.append(scores)
            return carry, done

        carries, done = zip(*self._workers.each(len(groups), task), strict=True)
        thetas, states = zip(*carries, strict=True)
        theta = members.written(theta, thetas)
        state = tuple(map(members.written, state, zip(*states, strict=True)))
        for one, of_groups in zip(given, zip(*done, strict=True), strict=True):
            each, penalties_of = zip(*of_groups, strict=True)
            penalties = None if penalties_of[0] is None else members.joined(penalties_of)
            record.add(Scores.joined(each, members.joined), penalties, one.block.whole_size)
        return theta, state

    def _given(self, block: Block, noise: Noise) -> _Given:
        hidden, inputs = self._numbers.uses("dropout"), self._numbers.uses("input_dropout")
        drawn = noise(block.batches, block.whole_size, hidden=hidden, inputs=inputs)
        if block.share is not None:
            start = min(block.share.start, block.whole_size - block.size)
            drawn = tuple(x[..., start : start + block.size] for x in drawn)
        return _Given(block, self._numbers.block(block.batches), drawn)

    def scores(self, theta: Array, cases: Cases | FileCases) -> Scores:
        """Return the mean cost, and the number of correct cases, over all cases of all ranks."""
        ranks = self._ranks
        if ranks is None:
            return self._scores(theta, cases)
        share = ranks.share(cases.count)
        if share.cases:
            cost, correct = self._scores(theta, cases, share)
        else:  # one case stands for the form of the scores
            cost, correct = self._scores(theta, cases.rows(0, 1))

        def total(x: Array) -> Array:
            summed: Any = ranks.total(to_host(x) if share.cases else np.zeros(x.shape))
            of_host: Array = summed
            return of_host

        return Scores(total(cost), None if correct is None else total(correct))

    def _scores(self, theta: Array, cases: Cases | FileCases, share: Share | None = None) -> Scores:
        if not self._in_groups:
            return self._score.cases(theta, cases, share)
        groups = self._members.groups

        def task(worker: Worker, number: int, _: GivenUp) -> Scores:
            group = groups[number]
            part = worker.here(rows_of_networks(theta, group), again=False)
            of_group = cases.part(group).moved(worker.here)
            return worker.functions.score.cases(part, of_group, share)

        return Scores.joined(self._workers.each(len(groups), task), self._members.joined)

    def leave(self, stopped: HostArray) -> None:
        """Train the other networks alone, where the stopped ones (K,) are an eighth of a group.

        The scores of networks that are left out are 0.
        """
        self._members.leave(stopped)
        self._in_groups = self._in_groups or len(self._members.gone) > 0


def _part_of(carry: Carry, group: Networks) -> Carry:
    theta, state = carry
    return rows_of_networks(theta, group), tuple(rows_of_networks(x, group) for x in state)


def _part_of_given(given: _Given, group: Networks) -> _Given:
    noise = tuple(rows_of_networks(x, group, 1) if x.ndim > 3 else x for x in given.noise)
    return _Given(given.block.part(group), parts_of(given.numbers, group), noise)


def _trained(
    steps: ScoredSteps, carry: Carry, given: _Given, *, by_batch: bool
) -> tuple[Carry, Scores, Array | None]:
    """Return the carry after the steps of a block, their scores and their penalties."""
    block = _smoothed(given.block, given.numbers)
    return steps(carry, given.numbers, block, given.noise, by_batch=by_batch)


def _bytes_of(block: Block) -> int:
    arrays = (x for x in block[:-1] if x is not None)
    return sum(math.prod(x.shape) * item_bytes(x) for x in arrays)


def _smoothed(block: Block, numbers: list[Numbers]) -> Block:
    """Return the block with smoothed targets, each batch by the number of its step."""
    if "label_smoothing" not in numbers[0].regularisation:
        return block
    first, y = numbers[0].regularisation["label_smoothing"], block.y
    xp = namespace(y)
    once = all(each is numbers[0] for each in numbers)
    shares = [each.regularisation["label_smoothing"] for each in (numbers[:1] if once else numbers)]
    lead = (len(shares), *first.shape[:1])  # the batches, and the networks where they differ
    if len(lead) > 1 and y.ndim == 3:
        y = xp.expand_dims(y, axis=1)
    shape = (*lead, *(1,) * (y.ndim - len(lead)))
    return block._replace(y=smoothed(y, xp.reshape(xp.stack(shares), shape)))
