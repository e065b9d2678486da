"""Training on a block of batches, by groups of networks where a stack is large."""

from typing import Any

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
from backprop_xp.training.data.batches import BLOCK_BYTES, OUTPUT_BYTES, Block
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.data.networks import rows_of_networks
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.scoring import Scores
from backprop_xp.training.step.compiled import functions_of
from backprop_xp.training.step.dropout import Noise
from backprop_xp.training.step.numbers import Numbers, StepNumbers, parts_of
from backprop_xp.training.step.regularization import smoothed
from backprop_xp.training.step.stack_groups import groups_of
from backprop_xp.training.step.stack_members import StackMembers
from backprop_xp.training.step.update import UpdateRule

__all__ = ["Trainer"]


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
    ranks : Ranks, optional
        The processes that share each batch.

    Attributes
    ----------
    output_bytes : int
        Bytes of outputs per case, over all networks of a group.
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
        ranks: Ranks | None = None,
    ) -> None:
        sizes, self._ranks = rule.net.sizes, ranks
        self._steps, self._score = functions_of(rule, theta, ranks)
        self._traced = compiles(namespace(theta)) and ranks is None
        self._numbers, self._optimizer = numbers, rule.optimizer
        compiled = rule.compiled
        found = groups_of(theta, sizes, size, compiled=compiled) if theta.ndim > 1 else []
        self._members, self._in_groups = StackMembers(found), len(found) > 1
        at_once = found[0].stop if found else 1
        self.output_bytes = sizes[-1] * item_bytes(theta) * at_once
        hidden = sum(sizes[1:-1]) * numbers.uses("dropout")
        inputs = sizes[0] * numbers.uses("input_dropout")
        copies = theta.shape[0] if numbers.noise_per_network and theta.ndim > 1 else 1
        self.noise_bytes = (hidden + inputs) * item_bytes(theta) * copies
        self.full_batches = self._most_full_batches(size, item_bytes(theta))

    @property
    def execution(self) -> str:
        """How the steps of the last block were run, with the reason where not faster."""
        return "compiled by XLA" if self._traced else self._steps.execution

    def _most_full_batches(self, size: int, number: int) -> int:
        batch_bytes = self.output_bytes * size
        kept = self._steps.keeps_outputs(batch_bytes // number)
        return max((OUTPUT_BYTES if kept else BLOCK_BYTES) // batch_bytes, 1)

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

    def block(
        self, block: Block, theta: Array, state: State, noise: Noise, record: EpochRecord
    ) -> tuple[Array, State]:
        """Return θ and state after one update for each batch of the block; both are consumed.

        The scores of the batches are added to `record`.
        """
        numbers = self._numbers.block(block.batches)
        by_batch = record.by_batch
        hidden, inputs = self._numbers.uses("dropout"), self._numbers.uses("input_dropout")
        drawn = noise(block.batches, block.whole_size, hidden=hidden, inputs=inputs)
        if block.share is not None:
            start = min(block.share.start, block.whole_size - block.size)
            drawn = tuple(x[..., start : start + block.size] for x in drawn)
        if not self._in_groups:
            theta, state, scores, penalties = self._group(
                block, theta, state, numbers, drawn, by_batch
            )
        else:
            members = self._members
            done = [
                self._group(
                    block.part(group),
                    rows_of_networks(theta, group),
                    tuple(rows_of_networks(x, group) for x in state),
                    parts_of(numbers, group),
                    tuple(rows_of_networks(x, group, 1) if x.ndim > 3 else x for x in drawn),
                    by_batch,
                )
                for group in members.groups
            ]
            thetas, states, of_groups, penalties_of = zip(*done, strict=True)
            theta = members.written(theta, thetas)
            state = tuple(map(members.written, state, zip(*states, strict=True)))
            scores = Scores.joined(of_groups, members.joined)
            penalties = None if penalties_of[0] is None else members.joined(penalties_of)
        record.add(scores, penalties, block.whole_size)
        return theta, state

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
        of_groups = [
            self._score.cases(rows_of_networks(theta, group), cases.part(group), share)
            for group in self._members.groups
        ]
        return Scores.joined(of_groups, self._members.joined)

    def leave(self, stopped: HostArray) -> None:
        """Train the other networks alone, where the stopped ones (K,) are an eighth of a group.

        The scores of networks that are left out are 0.
        """
        self._members.leave(stopped)
        self._in_groups = self._in_groups or len(self._members.gone) > 0

    def _group(
        self,
        block: Block,
        theta: Array,
        state: State,
        numbers: list[Numbers],
        noise: tuple[Array, ...],
        by_batch: bool,
    ) -> tuple[Array, State, Scores, Array | None]:
        block, carry = _smoothed(block, numbers), (theta, state)
        carry, scores, penalties = self._steps(carry, numbers, block, noise, by_batch=by_batch)
        return *carry, scores, penalties


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
