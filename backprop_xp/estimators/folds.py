"""The fits of a search on one fold: candidates in stacks, after the steps of a pipeline before."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from backprop_xp.estimators.base import BaseMLP
from backprop_xp.estimators.fits import Fit
from backprop_xp.estimators.stack_members import Member, is_stackable, members_of, stacks_of
from backprop_xp.estimators.stacks import train_stack

try:
    from sklearn import get_config
    from sklearn.base import clone
    from sklearn.pipeline import Pipeline
except ImportError:
    pass  # without scikit-learn there is no estimator, and so no call

__all__ = ["Fitted", "fitted_on", "is_ours", "seeds_of"]


@dataclass
class Fitted:
    """An estimator that a stack has fitted, and the seconds of its share."""

    estimator: Any
    seconds: float


def is_ours(estimator: Any) -> bool:
    """Tell whether an estimator, or the last step of a pipeline, is an MLP with the fit of here."""
    mlp = _last_step(estimator)
    return isinstance(mlp, BaseMLP) and type(mlp).fit is BaseMLP.fit


def _last_step(estimator: Any) -> Any:
    whole = type(estimator) is Pipeline and getattr(estimator, "transform_input", None) is None
    return estimator.steps[-1][1] if whole and estimator.steps else estimator


def fitted_on(
    base: Any,
    candidates: Sequence[Mapping[str, Any]],
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    seed: int | None = None,
) -> list[Fitted | None]:
    """Return the estimators that are fitted in stacks; None for each that has to be fitted alone.

    Parameters
    ----------
    base : estimator
    candidates : sequence of dict
        The parameters of each estimator, which differ from those of `base`.
    X, y
        The cases of the fold to train on.
    fit_params : dict
        The parameters of the method `fit`.
    seed : int, optional
        The seed of candidates whose `random_state` is None; `seeds_of` draws it.
    """
    found: list[Fitted | None] = [None] * len(candidates)
    made = _made(base, candidates)
    random = _Streams(seed)
    for places in _by_steps_before(candidates, made):
        estimators = [made[at] for at in places]
        for at, one in zip(places, _together(estimators, X, y, fit_params, random), strict=True):
            found[at] = one
    return found


def seeds_of(base: Any, candidates: Sequence[Mapping[str, Any]], folds: int) -> list[int | None]:
    """Return a seed for each fold, from NumPy's global stream; None where no candidate needs it."""
    states = [_last_step(one).random_state for one in _made(base, candidates).values()]
    if all(state is not None for state in states):
        return [None] * folds
    return [np.random.randint(2**31 - 1) for _ in range(folds)]  # noqa: NPY002


def _made(base: Any, candidates: Sequence[Mapping[str, Any]]) -> dict[int, Any]:
    """Return the estimators that are of here, by the places of their candidates."""
    return {at: one for at, p in enumerate(candidates) if (one := _with(base, p)) is not None}


def _with(base: Any, params: Mapping[str, Any]) -> Any:
    """Return an estimator with other parameters; None where it cannot be, or is not of here."""
    try:
        estimator = clone(base).set_params(**clone(dict(params), safe=False))
    except Exception:  # noqa: BLE001  a fit alone raises it with its own place
        return None
    return estimator if is_ours(estimator) else None


def _by_steps_before(
    candidates: Sequence[Mapping[str, Any]], made: Mapping[int, Any]
) -> list[list[int]]:
    """Return the places of candidates with the same steps before the last, group by group."""
    groups: dict[Any, list[int]] = {}
    for at, estimator in made.items():
        key: Any = None
        if isinstance(estimator, Pipeline):
            of_last = estimator.steps[-1][0]
            items = candidates[at].items()
            before = [(n, x) for n, x in items if n.split("__")[0] != of_last]
            key = of_last, tuple(sorted((name, _identity(x)) for name, x in before))
        groups.setdefault(key, []).append(at)
    return list(groups.values())


def _identity(x: Any) -> str:
    """Return a text that is the same for equal numbers and texts, and for the same object."""
    plain = isinstance(x, str | bytes | bool | int | float | np.generic) or x is None
    return f"{type(x).__name__} {x!r}" if plain else f"object {id(x)}"


class _Streams:
    """The random numbers of a fold where `random_state` is None: all candidates share them."""

    def __init__(self, seed: int | None) -> None:
        self._start = None if seed is None else np.random.RandomState(seed)

    def of(self, mlp: Any) -> np.random.RandomState | None:
        """Return a new stream, equal for all candidates; None where the estimator has its own."""
        if mlp.random_state is not None:
            return None
        return deepcopy(self._start)


def _together(
    estimators: Sequence[Any], X: Any, y: Any, fit_params: Mapping[str, Any], random: _Streams
) -> list[Fitted | None]:
    """Return the fitted estimators of one group; its pipelines share the steps before the last."""
    start = perf_counter()
    try:
        before, X, of_last = _after_steps_before(estimators[0], X, y, fit_params)
    except Exception:  # noqa: BLE001  a fit alone raises it with its own place
        return [None] * len(estimators)
    share = (perf_counter() - start) / len(estimators)
    mlps = [_last_step(one) for one in estimators]
    seconds = dict.fromkeys(range(len(mlps)), share)

    def ready() -> Iterator[tuple[BaseMLP, Fit]]:
        for at, mlp in enumerate(mlps):
            begun = perf_counter()
            try:
                fit = mlp._prepared(X, y, random=random.of(mlp), **of_last)  # noqa: SLF001
            except Exception:  # noqa: BLE001, S112  a fit alone raises it with its own place
                continue
            seconds[at] += perf_counter() - begun
            if is_stackable(fit):
                yield mlp, fit

    members = {id(member.mlp): member for member in _trained(members_of(ready()))}
    found: list[Fitted | None] = []
    for at, (estimator, mlp) in enumerate(zip(estimators, mlps, strict=True)):
        member = members.get(id(mlp))
        if member is None:
            found.append(None)
            continue
        if before is not None:
            estimator.steps[:-1] = before.steps
        found.append(Fitted(estimator, seconds[at] + member.seconds))
    return found


def _after_steps_before(
    estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the fitted steps before the last, their output, and the last step's fit parameters."""
    if not isinstance(estimator, Pipeline):
        return None, X, dict(fit_params)
    of_last, of_others = _split(fit_params, estimator.steps[-1][0])
    if len(estimator.steps) == 1:
        return None, X, of_last
    before = estimator[:-1]
    return before, before.fit_transform(X, y, **of_others), of_last


def _split(fit_params: Mapping[str, Any], last: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fit parameters of the last step of a pipeline, and of the steps before.

    Raises
    ------
    ValueError
        Metadata is routed, or a parameter names no step: the pipeline's own fit decides.
    """
    if fit_params and get_config().get("enable_metadata_routing"):
        raise ValueError("the pipeline routes metadata")
    if not all("__" in name for name in fit_params):
        raise ValueError("a parameter names no step")
    prefix = f"{last}__"
    of_last = {n.removeprefix(prefix): x for n, x in fit_params.items() if n.startswith(prefix)}
    return of_last, {n: x for n, x in fit_params.items() if not n.startswith(prefix)}


def _trained(members: Sequence[Member]) -> Iterator[Member]:
    """Train the members in stacks, and yield the fitted ones."""
    for stack in stacks_of(members):
        alone = train_stack(stack)
        for member in stack:
            if member not in alone:
                run = member.run()
                member.mlp._ended(member.fit, run)  # noqa: SLF001
                member.mlp._warn_unless_ended(run.stopped)  # noqa: SLF001
                yield member
