"""Steps with the scores of their batches: cost, and correct cases."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import array_api_compat.numpy as np

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.execution.steps import compiled_over_batches, over_batches
from backprop_xp.training.data.batches import Block
from backprop_xp.training.scoring import Scorer, Scores, scores_of_batch
from backprop_xp.training.step.numbers import Numbers
from backprop_xp.training.step.update import Carry, Step, UpdateRule

__all__ = ["CompiledSteps", "RecordedSteps", "ScoredSteps"]

MANY_OUTPUTS = 2**13  # of a batch; fewer outputs are scored faster when all steps are done


class ScoredSteps:
    """Steps over a block, whose outputs are scored when all are done.

    Parameters
    ----------
    steps : callable
        As `execution.steps.over_batches` returns it.
    score : Scorer
    """

    def __init__(self, steps: Callable[..., Any], score: Scorer) -> None:
        self.steps, self._score = steps, score

    def __call__(
        self, carry: Carry, numbers: list[Numbers], block: Block, noise: tuple[Array, ...]
    ) -> tuple[Carry, Scores, Array | None]:
        """Return the carry after a step for each batch, their scores and their penalties."""
        arrays = (block.X, block.y, block.w, *noise)
        carry, (z_out, penalties) = self.steps(carry, numbers, block.source, *arrays)
        return carry, self._score.block(z_out, block), penalties


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
        self._rule, self._plainly = rule, plainly
        self.steps = self._over_batches(_made_scored(make_step, rule))

    def _over_batches(self, make_scored: Callable[..., Any]) -> Callable[..., Any]:
        otherwise: Any = self._otherwise
        return compiled_over_batches(make_scored, otherwise, _programs(self._rule))

    def __call__(
        self, carry: Carry, numbers: list[Numbers], block: Block, noise: tuple[Array, ...]
    ) -> tuple[Carry, Scores, Array | None]:
        """Return the carry after a step for each batch, their scores and their penalties."""
        return self._scored_in_steps(carry, numbers, block, noise)

    def _scored_in_steps(
        self, carry: Carry, numbers: list[Numbers], block: Block, noise: tuple[Array, ...]
    ) -> tuple[Carry, Scores, Array | None]:
        labels = () if block.labels is None else (block.labels,)
        arrays = (block.X, block.y, block.w, *labels, *noise)
        carry, (cost, correct, penalties) = self.steps(carry, numbers, block.source, *arrays)
        if isinstance(cost, Scores):
            return carry, cost, penalties
        xp, of_all = namespace(cost), None
        if correct is not None:
            of_all = xp.sum(correct, axis=0, dtype=correct.dtype)
        return carry, Scores(cost[:, 0, ...], of_all), penalties

    def _otherwise(
        self, carry: Carry, numbers: list[Numbers], source: Array | None, *arrays: Array
    ) -> tuple[Carry, tuple[Scores, None, Array | None]]:
        X, y, w, *others = arrays
        labels = others.pop(0) if self._rule.labelled else None
        block = Block(X, y, w, labels, source)
        carry, scores, penalties = self._plainly(carry, numbers, block, tuple(others))
        return carry, (scores, None, penalties)


class RecordedSteps(CompiledSteps):
    """Recorded steps on NumPy, each of which scores its own outputs where they are many.

    The scores are bit-identical to those of `ScoredSteps`. Correct cases with weights are added up
    over all batches at once, so that the steps of several batches do not score them.
    """

    def _over_batches(self, make_scored: Callable[..., Any]) -> Callable[..., Any]:
        return over_batches(make_scored, np, pure=True)

    def __call__(
        self, carry: Carry, numbers: list[Numbers], block: Block, noise: tuple[Array, ...]
    ) -> tuple[Carry, Scores, Array | None]:
        """Return the carry after a step for each batch, their scores and their penalties."""
        networks = math.prod(carry[0].shape[:-1])
        many = networks * block.y.shape[-2] * block.size >= MANY_OUTPUTS
        weighted = block.labels is not None and block.w.ndim > 1
        if not many or (weighted and block.batches > 1):
            return self._plainly(carry, numbers, block, noise)
        return self._scored_in_steps(carry, numbers, block, noise)


def _made_scored(make_step: Callable[..., Step], rule: UpdateRule) -> Callable[..., Any]:
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
