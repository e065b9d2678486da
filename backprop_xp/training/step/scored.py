"""Steps with the scores of their batches: cost, and correct cases."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.execution.plain_loop import execution_of
from backprop_xp.execution.steps import (
    compiled_over_batches,
    one_kernel_over_batches,
    over_batches,
)
from backprop_xp.training.data.blocks import Block
from backprop_xp.training.scoring import Scorer, Scores, scores_of_batch
from backprop_xp.training.step.numbers import Numbers
from backprop_xp.training.step.update import Carry, Step, UpdateRule

__all__ = [
    "CompiledSteps",
    "OneKernelSteps",
    "RecordedSteps",
    "ScoredSteps",
    "scored_steps",
]

MANY_OUTPUTS = 2**13  # of a batch; fewer outputs are scored faster when all steps are done


class ScoredSteps:
    """Steps over a block, whose outputs are scored when all are done.

    Parameters
    ----------
    steps : callable
        As `execution.steps.over_batches` returns it.
    score : Scorer

    Attributes
    ----------
    execution : str
        How the last steps were run, as `execution.plain_loop.execution_of` says it.
    """

    execution = ""

    def __init__(self, steps: Callable[..., Any], score: Scorer) -> None:
        self.steps, self._score = steps, score

    def __call__(
        self,
        carry: Carry,
        numbers: list[Numbers],
        block: Block,
        noise: tuple[Array, ...],
        *,
        by_batch: bool = False,
    ) -> tuple[Carry, Scores, Array | None]:
        """Return the carry after a step for each batch, their scores and their penalties.

        Correct cases are counted over the block, or in each batch where `by_batch`.
        """
        arrays = (block.X, block.y, block.w, *noise)
        carry, (z_out, penalties) = self.steps(carry, numbers, block.source, *arrays)
        self.execution = execution_of(self.steps)
        return carry, self.scores(z_out, block, by_batch=by_batch), penalties

    def scores(self, z_out: Array, block: Block, *, by_batch: bool) -> Scores:
        """Return the scores of the outputs of a block."""
        return (self._score.batches if by_batch else self._score.block)(z_out, block)

    def keeps_outputs(self, outputs: int) -> bool:  # noqa: ARG002  subclasses decide by it
        """Tell whether the outputs of a block are kept, for batches of so many outputs."""
        return True


class CompiledSteps(ScoredSteps):
    """Compiled steps, each of which scores its own outputs while they are in the cache.

    Parameters
    ----------
    make_step : callable
        ``make_step(theta)`` returns a step of the rule.
    rule : UpdateRule
    plainly : ScoredSteps
        Runs steps that are not compiled.
    """

    def __init__(
        self, make_step: Callable[..., Step], rule: UpdateRule, plainly: ScoredSteps
    ) -> None:
        self._plainly = plainly
        self.steps = self._over_batches(scored_steps(make_step, rule), rule)

    def _over_batches(
        self, make_scored: Callable[..., Any], rule: UpdateRule
    ) -> Callable[..., Any]:
        otherwise: Any = partial(_unscored, self._plainly.steps, labelled=rule.labelled)
        return compiled_over_batches(make_scored, otherwise, _programs(rule))

    def __call__(
        self,
        carry: Carry,
        numbers: list[Numbers],
        block: Block,
        noise: tuple[Array, ...],
        *,
        by_batch: bool = False,
    ) -> tuple[Carry, Scores, Array | None]:
        """Return the carry after a step for each batch, their scores and their penalties.

        Correct cases are counted over the block, or in each batch where `by_batch`.
        """
        labels = () if block.labels is None else (block.labels,)
        arrays = (block.X, block.y, block.w, *labels, *noise)
        carry, (cost, correct, penalties) = self.steps(carry, numbers, block.source, *arrays)
        self.execution = execution_of(self.steps)
        if isinstance(cost, _Unscored):
            self.execution = "; ".join(filter(None, (cost.execution, self.execution)))
            return carry, self._plainly.scores(cost.z_out, block, by_batch=by_batch), penalties
        if correct is not None and not by_batch:
            correct = namespace(cost).sum(correct, axis=0, dtype=correct.dtype)
        each = (block.batches, *carry[0].shape[:-1])
        return carry, Scores(namespace(cost).reshape(cost, each), correct), penalties

    def keeps_outputs(self, outputs: int) -> bool:  # noqa: ARG002  steps of any size are compiled
        """Tell whether the outputs of a block are kept, for batches of so many outputs."""
        return False


class OneKernelSteps(CompiledSteps):
    """Steps of one kernel on CuPy, in which a network scores its own outputs."""

    def _over_batches(
        self, make_scored: Callable[..., Any], rule: UpdateRule
    ) -> Callable[..., Any]:
        otherwise: Any = partial(_unscored, self._plainly.steps, labelled=rule.labelled)
        return one_kernel_over_batches(make_scored, otherwise, rule)


class _Unscored(NamedTuple):
    """The outputs of steps that did not score them, and how these steps were run."""

    z_out: Array
    execution: str


def _unscored(
    steps: Callable[..., Any],
    carry: Carry,
    numbers: list[Numbers],
    source: Array | None,
    *arrays: Array,
    labelled: bool,
) -> tuple[Carry, tuple[_Unscored, None, Array | None]]:
    """Run steps that do not score their outputs, on the arrays of steps that do."""
    X, y, w, *others = arrays
    noise = others[1:] if labelled else others
    carry, (z_out, penalties) = steps(carry, numbers, source, X, y, w, *noise)
    return carry, (_Unscored(z_out, execution_of(steps)), None, penalties)


class RecordedSteps(CompiledSteps):
    """Recorded steps on NumPy, each of which scores its own outputs where they are many.

    The scores are bit-identical to those of `ScoredSteps`. Correct cases with weights are added up
    over all batches at once, so that the steps of several batches do not score them.
    """

    def _over_batches(
        self,
        make_scored: Callable[..., Any],
        rule: UpdateRule,  # noqa: ARG002  for steps that are compiled
    ) -> Callable[..., Any]:
        xp = namespace(np.empty(0))
        return over_batches(make_scored, xp, pure=True, planned=True)

    def __call__(
        self,
        carry: Carry,
        numbers: list[Numbers],
        block: Block,
        noise: tuple[Array, ...],
        *,
        by_batch: bool = False,
    ) -> tuple[Carry, Scores, Array | None]:
        """Return the carry after a step for each batch, their scores and their penalties.

        Correct cases are counted over the block, or in each batch where `by_batch`.
        """
        networks = math.prod(carry[0].shape[:-1])
        outputs = networks * block.y.shape[-2] * block.size
        weighted = block.labels is not None and block.w.ndim > 1
        added = weighted and block.batches > 1 and not by_batch
        plainly = added or self.keeps_outputs(outputs)
        if not plainly:
            return super().__call__(carry, numbers, block, noise, by_batch=by_batch)
        result = self._plainly(carry, numbers, block, noise, by_batch=by_batch)
        self.execution = self._plainly.execution
        return result

    def keeps_outputs(self, outputs: int) -> bool:
        """Tell whether the outputs of a block are kept, for batches of so many outputs."""
        return outputs < MANY_OUTPUTS


def scored_steps(make_step: Callable[..., Step], rule: UpdateRule) -> Callable[..., Any]:
    """Return ``make(theta)``, which makes the step of a rule with the scores of its batch."""

    def make_scored(*like: Array) -> Callable[..., Any]:
        return partial(_scored, make_step(*like), rule)

    return make_scored


def _scored(
    step: Step,
    rule: UpdateRule,
    carry: Carry,
    numbers: Numbers,
    X: Array,
    y: Array,
    w: Array,
    *others: Array,
) -> tuple[Carry, tuple[Array, Array | None, Array | None]]:
    """Return the carry after a step, its cost (1, ...), its correct cases (...) and its penalty."""
    labels, noise = (others[0], others[1:]) if rule.labelled else (None, others)
    carry, (z_out, penalty) = step(carry, numbers, X, y, w, *noise)
    scores = scores_of_batch(rule.net, z_out, y, w, labels)
    return carry, (scores.cost, scores.correct, penalty)


@lru_cache(maxsize=16)
def _programs(rule: UpdateRule) -> dict[Any, Any]:  # noqa: ARG001  the key of the cache
    """Return the programs of a rule; equal rules share them."""
    return {}
