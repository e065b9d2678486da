"""The functions that training calls for each block; equal rules share compiled functions."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays.backend import (
    Array,
    Namespace,
    compiles,
    device_of,
    dtype_name,
    from_host,
    namespace,
)
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.execution.steps import over_batches, takes_one_kernel, warn_of_fallback
from backprop_xp.losses import LOSSES
from backprop_xp.network.network import Network
from backprop_xp.optimizers import OPTIMIZERS
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import CheckedOptimizer
from backprop_xp.training.scoring import Scorer
from backprop_xp.training.step.scored import (
    CompiledSteps,
    OneKernelSteps,
    RecordedSteps,
    ScoredSteps,
)
from backprop_xp.training.step.summed import StepsWithSum, SummedSteps, parts_of_step
from backprop_xp.training.step.update import Step, UpdateRule, step_of

__all__ = ["Functions", "functions_of", "is_built_in", "scorer_of"]


class Functions(NamedTuple):
    """The functions that training calls for each block.

    Attributes
    ----------
    steps : ScoredSteps
        The steps over a block of batches, with the scores of each.
    score : Scorer
        Cost and accuracy of other cases.
    """

    steps: ScoredSteps
    score: Scorer


def functions_of(rule: UpdateRule, theta: Array, ranks: Ranks | None = None) -> Functions:
    """Return the functions of a rule; compiled functions are cached and shared by equal rules.

    Equal rules may differ in the numbers of their optimisers, which are inputs of a step. A rule
    with an object of a user's own is compiled anew and never replayed: the object may have changed,
    and its methods may read numbers from arrays.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (..., P)
        An example of θ: its library, device and dtype.
    ranks : Ranks, optional
        The processes that sum the gradient of each batch. Steps in two parts are not compiled by
        numba.
    """
    xp, pure = namespace(theta), is_built_in(rule.net, rule.optimizer)
    if ranks is not None:
        return _summed(rule, theta, ranks)
    if compiles(xp) and pure:
        return _compiled(rule, xp, device_of(theta), dtype_name(theta.dtype))
    return _made(rule, theta, pure)


def _summed(rule: UpdateRule, theta: Array, ranks: Ranks) -> Functions:
    xp, pure = namespace(theta), is_built_in(rule.net, rule.optimizer)
    if rule.compiled:
        warn_of_fallback("a sum over ranks stands between the gradient and the update")
    steps: StepsWithSum | SummedSteps
    if isinstance(theta, np.ndarray) and ranks.accumulate == 1:
        steps = StepsWithSum(_checked(rule), theta, ranks, pure=pure)
    elif compiles(xp) and pure:
        parts = _compiled_parts(rule, xp, device_of(theta), dtype_name(theta.dtype))
        steps = SummedSteps(*parts, ranks)
    else:
        steps = SummedSteps(*parts_of_step(_checked(rule), theta, pure=pure), ranks)
    score = scorer_of(rule.net, xp)
    return Functions(ScoredSteps(steps, score), score)


@lru_cache(maxsize=16)
def _compiled_parts(rule: UpdateRule, xp: Namespace, device: Any, dtype: str) -> tuple[Any, Any]:
    return parts_of_step(rule, _example(rule, xp, device, dtype), pure=True)


def scorer_of(net: Network, xp: Namespace) -> Scorer:
    """Return the scorer of a network; compiled functions are cached, as `functions_of` says."""
    return _scorer(net, xp) if compiles(xp) and _is_own_net(net) else Scorer(net, xp)


@lru_cache(maxsize=16)
def _scorer(net: Network, xp: Namespace) -> Scorer:
    return Scorer(net, xp)


def is_built_in(net: Network, optimizer: Any) -> bool:
    """Tell whether all parts of a step are built-in: they never read a number from an array."""
    return _is_own_net(net) and _is_own(optimizer)


def _is_own_net(net: Network) -> bool:
    activations = all(type(one) in ACTIVATIONS.values() for one in net.activations)
    return activations and type(net.loss) in LOSSES.values()


def _is_own(optimizer: Any) -> bool:
    return type(optimizer) in (*OPTIMIZERS, LBFGS)


@lru_cache(maxsize=16)
def _compiled(rule: UpdateRule, xp: Namespace, device: Any, dtype: str) -> Functions:
    return _made(rule, _example(rule, xp, device, dtype), pure=True)


def _example(rule: UpdateRule, xp: Namespace, device: Any, dtype: str) -> Array:
    return from_host(np.zeros(rule.net.parameter_count), xp, device, dtype)


def _checked(rule: UpdateRule) -> UpdateRule:
    """Return the rule, with a check of what a user's own optimiser returns."""
    if _is_own(rule.optimizer):
        return rule
    return replace(rule, optimizer=CheckedOptimizer(rule.optimizer))


def _made(rule: UpdateRule, theta: Array, pure: bool) -> Functions:
    xp, net, rule = namespace(theta), rule.net, _checked(rule)

    def make_step(like: Array = theta) -> Step:
        return step_of(rule, like)

    steps, score = (
        over_batches(
            make_step,
            xp,
            pure=pure,
            lengths=net.piece_lengths,
            rule=rule if pure else None,
        ),
        Scorer(net, xp),
    )
    plainly = ScoredSteps(steps, score)
    if pure and takes_one_kernel(xp):
        return Functions(OneKernelSteps(make_step, rule, plainly), score)
    if not rule.compiled:
        recorded = pure and theta.ndim > 1 and isinstance(theta, np.ndarray)
        return Functions(RecordedSteps(make_step, rule, plainly) if recorded else plainly, score)
    if not pure:
        warn_of_fallback("it has a part of your own, which may read numbers from arrays")
        return Functions(plainly, score)
    return Functions(CompiledSteps(make_step, rule, plainly), score)
