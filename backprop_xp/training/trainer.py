"""Training on a block of batches, by groups of networks where a stack is large."""

from collections.abc import Sequence

import numpy as np

from backprop_xp.arrays.backend import Array, compiles, item_bytes, namespace
from backprop_xp.arrays.requirements import shape_text
from backprop_xp.errors import ShapeError
from backprop_xp.optimizers.protocol import State
from backprop_xp.training.data.batches import BLOCK_BYTES, OUTPUT_BYTES, Block
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.scoring import Scores
from backprop_xp.training.step.compiled import functions_of
from backprop_xp.training.step.dropout import Noise
from backprop_xp.training.step.numbers import Numbers, StepNumbers, parts_of
from backprop_xp.training.step.regularization import smoothed
from backprop_xp.training.step.stack_groups import groups_of
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

    Attributes
    ----------
    output_bytes : int
        Bytes of outputs per case, over all networks of a group.
    noise_bytes : int
        Bytes of dropout's random numbers per case.
    full_batches : int
        The most batches of a block of full batches, each of which is an epoch.
    """

    def __init__(self, theta: Array, rule: UpdateRule, numbers: StepNumbers, size: int) -> None:
        sizes = rule.net.sizes
        self._steps, self._score = functions_of(rule, theta)
        self._traced = compiles(namespace(theta))
        self._numbers, self._optimizer = numbers, rule.optimizer
        compiled = rule.compiled
        found = groups_of(theta, sizes, size, compiled=compiled) if theta.ndim > 1 else []
        self._groups = found if len(found) > 1 else []
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
        drawn = noise(block.batches, block.size, hidden=hidden, inputs=inputs)
        if not self._groups:
            theta, state, scores, penalties = self._group(
                block, theta, state, numbers, drawn, by_batch
            )
        else:
            concat = namespace(theta).concat
            done = [
                self._group(
                    block.part(group),
                    theta[group, ...],
                    tuple(x[group, ...] for x in state),
                    parts_of(numbers, group),
                    tuple(x[:, group, ...] if x.ndim > 3 else x for x in drawn),
                    by_batch,
                )
                for group in self._groups
            ]
            thetas, states, of_groups, penalties_of = zip(*done, strict=True)
            theta = _whole(theta, thetas)
            state = tuple(map(_whole, state, zip(*states, strict=True)))
            scores = Scores.joined(of_groups)
            penalties = None if penalties_of[0] is None else concat(penalties_of, axis=-1)
        record.add(scores, penalties, block.size)
        return theta, state

    def scores(self, theta: Array, cases: Cases | FileCases) -> Scores:
        """Return the mean cost, and the number of correct cases, over all cases."""
        if not self._groups:
            return self._score.cases(theta, cases)
        return Scores.joined(
            [self._score.cases(theta[group, ...], cases.part(group)) for group in self._groups]
        )

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


def _whole(x: Array, parts: Sequence[Array]) -> Array:
    """Return the array of all networks from those of the groups: x itself, if they are in place."""
    if isinstance(x, np.ndarray) and all(getattr(part, "base", None) is x for part in parts):
        return x
    joined: Array = namespace(x).concat(parts, axis=0)
    return joined


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
