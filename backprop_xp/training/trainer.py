"""Training on one block of batches after another, in groups of networks where a stack is large."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    Namespace,
    compiles,
    device_of,
    dtype_name,
    from_host,
    item_bytes,
    namespace,
)
from backprop_xp.arrays.requirements import shape_text
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.execution.steps import over_batches
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import piece_lengths
from backprop_xp.optimizers.protocol import CheckedOptimizer, Optimizer, State
from backprop_xp.training.data.batches import Block
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.scoring import Scorer, Scores
from backprop_xp.training.step.dropout import Noise
from backprop_xp.training.step.numbers import Numbers, Settings, parts_of
from backprop_xp.training.step.regularization import smoothed
from backprop_xp.training.step.stack_groups import groups_of
from backprop_xp.training.step.update import Step, step_of
from backprop_xp.training.task import Task

__all__ = ["Trainer"]


class Trainer:
    """Trains on block after block; what is to be recorded stays on the device."""

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        settings: Settings,
        batch_size: int,
        decay_biases: bool = False,
    ) -> None:
        if settings.smooths_labels and not task.cases.labelled:
            came, expected = "Y of targets that are no classes", "class labels (m,) of integers"
            advice = "Leave label_smoothing at 0, or smooth the targets yourself"
            raise OptionError("train(label_smoothing)", came, expected, advice)
        if not isinstance(decay_biases, bool):
            came = repr(decay_biases)
            raise OptionError("train(decay_biases)", came, "True or False", "Pass one of them")
        theta, sizes = task.theta, task.net.sizes
        of_task = _functions(task, optimizer, decay_biases)
        self._steps, self._score = of_task
        self._settings = settings
        found = groups_of(theta, sizes, batch_size) if theta.ndim > 1 else []
        self._groups = found if len(found) > 1 else []
        self._optimizer = optimizer
        at_once = found[0].stop if found else 1
        self.output_bytes = sizes[-1] * item_bytes(theta) * at_once
        dropped = sum(sizes[1:-1]) * settings.drops_units + sizes[0] * settings.drops_inputs
        self.noise_bytes = dropped * item_bytes(theta)

    def init(self, theta: Array) -> State:
        """Return the optimiser's state at the start.

        Raises
        ------
        ShapeError
            It is no tuple of arrays with θ's leading axes.
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
        """Make one update for each batch of the block; θ and state are consumed."""
        numbers = self._settings.block(block.batches)
        hidden, inputs = self._settings.drops_units, self._settings.drops_inputs
        drawn = noise(block.batches, block.size, hidden=hidden, inputs=inputs)
        if not self._groups:
            theta, state, scores, penalties = self._group(block, theta, state, numbers, drawn)
        else:
            concat = namespace(theta).concat
            done = [
                self._group(
                    block.part(group),
                    theta[group, ...],
                    tuple(x[group, ...] for x in state),
                    parts_of(numbers, group),
                    drawn,
                )
                for group in self._groups
            ]
            thetas, states, of_groups, penalties_of = zip(*done, strict=True)
            theta = concat(thetas, axis=0)
            state = tuple(concat(x, axis=0) for x in zip(*states, strict=True))
            scores = Scores.joined(of_groups)
            penalties = None if penalties_of[0] is None else concat(penalties_of, axis=-1)
        record.add(scores, penalties, block.size)
        return theta, state

    def scores(self, theta: Array, cases: Cases | FileCases) -> Scores:
        """Return the mean cost and the right classes of all cases."""
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
    ) -> tuple[Array, State, Scores, Array | None]:
        block = _smoothed(block, numbers)
        arrays = (block.X, block.y, block.w, *noise)
        carry, (z_out, penalties) = self._steps((theta, state), numbers, block.source, *arrays)
        return *carry, self._score.block(z_out, block), penalties


def _smoothed(block: Block, numbers: list[Numbers]) -> Block:
    """Return the block with the targets of its batches smoothed, each by its step's number."""
    first, y = numbers[0].label_smoothing, block.y
    if first is None:
        return block
    xp = namespace(y)
    once = all(each is numbers[0] for each in numbers)
    shares = [each.label_smoothing for each in (numbers[:1] if once else numbers)]
    lead = (len(shares), *first.shape[:1])  # the batches, and the networks where they differ
    if len(lead) > 1 and y.ndim == 3:
        y = xp.expand_dims(y, axis=1)
    shape = (*lead, *(1,) * (y.ndim - len(lead)))
    return block._replace(y=smoothed(y, xp.reshape(xp.stack(shares), shape)))


class _Functions(NamedTuple):
    """What training calls block after block."""

    steps: Callable[..., Any]
    score: Scorer


def _functions(task: Task, optimizer: Optimizer, decay_biases: bool) -> _Functions:
    """Return the functions for a task; where they are compiled, those of an equal task before.

    A user's own objects may have changed since, and may look at numbers: what they are part of is
    compiled anew, and not replayed.
    """
    theta = task.theta
    what: tuple[Any, ...] = (task.net, optimizer, task.cases.labelled, decay_biases)
    parts = (optimizer, *task.net.activations, task.net.loss)
    pure = all(type(part).__module__.startswith("backprop_xp.") for part in parts)
    if compiles(namespace(theta)) and pure:
        try:
            return _compiled(*what, namespace(theta), device_of(theta), dtype_name(theta.dtype))
        except TypeError:  # numbers in arrays have no hash
            pass
    return _made(task.net, optimizer, task.cases.labelled, decay_biases, theta, pure)


@lru_cache(maxsize=16)
def _compiled(
    net: Network,
    optimizer: Optimizer,
    labelled: bool,
    decay_biases: bool,
    xp: Namespace,
    device: Any,
    dtype: str,
) -> _Functions:
    like = from_host(np.zeros(net.parameter_count), xp, device, dtype)
    return _made(net, optimizer, labelled, decay_biases, like, pure=True)


def _made(
    net: Network,
    optimizer: Optimizer,
    labelled: bool,
    decay_biases: bool,
    theta: Array,
    pure: bool,
) -> _Functions:
    xp = namespace(theta)
    if not type(optimizer).__module__.startswith("backprop_xp."):
        optimizer = CheckedOptimizer(optimizer)

    def make_step(like: Array = theta) -> Step:
        return step_of(net, optimizer, like, labelled, decay_biases)

    lengths = piece_lengths(net.sizes)
    return _Functions(
        over_batches(make_step, xp, pure=pure, lengths=lengths),
        Scorer(net, xp),
    )
