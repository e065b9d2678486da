"""Steps with the sum of the gradient over several processes between gradient and update.

NumPy records such a step as a whole, with the sum as one of its calls. Elsewhere, and where a batch
is computed in parts, a step has two parts.
"""

from collections.abc import Callable, Sequence
from typing import Any

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.execution.plain_loop import Steps, execution_of
from backprop_xp.execution.steps import over_batches
from backprop_xp.optimizers.protocol import State
from backprop_xp.training.step.numbers import Numbers
from backprop_xp.training.step.update import BatchGradient, Carry, UpdateRule, step_of, update_by

__all__ = ["StepsWithSum", "SummedSteps", "parts_of_step"]


class StepsWithSum:
    """Steps on NumPy over batches of which this rank has a share, each with a sum over ranks.

    It is called as `execution.steps.over_batches` says. θ, the state and the gradient stay in their
    memory, as in one process.

    Parameters
    ----------
    rule : UpdateRule
    theta : ndarray (..., P)
        An example of θ.
    ranks : Ranks
        Sums the gradients of all ranks.
    pure : bool
        As `execution.steps.over_batches` takes it.
    """

    def __init__(self, rule: UpdateRule, theta: Array, ranks: Ranks, *, pure: bool) -> None:
        def make_step(like: Array = theta) -> Callable[..., Any]:
            return step_of(rule, like, ranks.sum)

        self._steps, self._ranks = over_batches(make_step, namespace(theta), pure=pure), ranks

    def __call__(
        self, carry: Carry, numbers: Sequence[Numbers], source: Array | None, *batches: Array
    ) -> tuple[Carry, tuple[Array | None, ...]]:
        """Return the carry after all steps, z^L of this rank's cases, and the penalties."""
        return self._steps(carry, numbers, source, *batches)

    @property
    def execution(self) -> str:
        """How the last steps were run."""
        return f"{execution_of(self._steps)}, a sum by {self._ranks.transport} in between"


class SummedSteps:
    """Steps over batches of which this rank has a share, as `execution.steps.over_batches`.

    Parameters
    ----------
    gradients, updates : callable
        From `parts_of_step`.
    ranks : Ranks
        Sums the gradients of all ranks.

    Attributes
    ----------
    execution : str
        How the last steps were run.
    """

    execution = ""

    def __init__(self, gradients: Steps, updates: Steps, ranks: Ranks) -> None:
        self._gradients, self._updates, self._ranks = gradients, updates, ranks

    def __call__(
        self, carry: Carry, numbers: Sequence[Numbers], source: Array | None, *batches: Array
    ) -> tuple[Carry, tuple[Array, Array | None]]:
        """Return the carry after all steps, z^L of this rank's cases, and the penalties."""
        z_outs, penalties = [], list[Array]()
        for k in range(len(numbers)):
            of_step = [numbers[k]]
            one = [x[k : k + 1, ...] for x in batches]
            theta, z_out, dE_dtheta = self._gradient(carry[0], of_step, source, one)
            dE_dtheta = self._ranks.sum(dE_dtheta)
            carry, (penalty,) = self._updates((theta, carry[1]), of_step, None, dE_dtheta)
            z_outs.append(z_out)
            penalties += [] if penalty is None else [penalty]
        parts = execution_of(self._gradients), execution_of(self._updates)
        between = f"a sum by {self._ranks.transport} in between"
        self.execution = f"gradient {parts[0]}, update {parts[1]}, {between}"
        xp = namespace(carry[0])
        return carry, (xp.concat(z_outs, axis=0), xp.concat(penalties) if penalties else None)

    def _gradient(
        self, theta: Array, numbers: list[Numbers], source: Array | None, batch: list[Array]
    ) -> tuple[Array, Array, Array]:
        """Return θ, z^L (1, ..., n_out, m) and ∂E/∂θ (1, ..., P) of a batch, part by part."""
        size, z_outs, total = batch[1].shape[-1], list[Array](), list[Array]()
        parts = min(self._ranks.accumulate, size)
        for part in range(parts):
            cases = slice(size * part // parts, size * (part + 1) // parts)
            some = batch if parts == 1 else _cases(batch, cases, of_rows=source is not None)
            outs: Any
            (theta, _), outs = self._gradients((theta, ()), numbers, source, *some)
            z_out, dE_dtheta = outs
            total = [total[0] + dE_dtheta if total else dE_dtheta]
            z_outs.append(z_out)
        return theta, namespace(theta).concat(z_outs, axis=-1), total[0]


def _cases(batch: Sequence[Array], cases: slice, *, of_rows: bool) -> list[Array]:
    """Return some cases of the arrays X, y, w and noise of a batch; X may be row numbers."""
    X, y, w, *noise = batch
    return [
        X[..., cases] if of_rows else X[..., cases, :],
        y[..., cases],
        w[..., cases] if w.ndim > 1 else w,
        *(x[..., cases] for x in noise),
    ]


def parts_of_step(
    rule: UpdateRule, theta: Array, *, pure: bool
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the functions that compute gradients, and that update θ, batch by batch.

    Parameters
    ----------
    rule : UpdateRule
    theta : array (..., P)
        An example of θ: its library, device and dtype.
    pure : bool
        Whether both are functions of arrays that never read a number from one.

    Returns
    -------
    pair of callable
        As `execution.steps.over_batches` returns them. The carry of the first is ``(theta, ())``,
        its outs are z^L and ∂E/∂θ. The batches of the second are ∂E/∂θ, its out is the penalty.
    """

    def of_gradients(like: Array = theta) -> Callable[..., Any]:
        gradient = BatchGradient(rule, like)

        def step(carry: tuple[Array, State], numbers: Numbers, *batch: Array) -> Any:
            return carry, gradient(carry[0], numbers, *batch)

        return step

    def of_updates(like: Array = theta) -> Callable[..., Any]:
        update = update_by(rule, like)

        def step(carry: Carry, numbers: Numbers, dE_dtheta: Array) -> Any:
            carry, penalty = update(carry, numbers, dE_dtheta)
            return carry, (penalty,)

        return step

    xp, lengths = namespace(theta), rule.net.piece_lengths
    keys = (("gradient", rule), ("update", rule)) if pure else (None, None)
    gradients, updates = (
        over_batches(make, xp, pure=pure, lengths=lengths, rule=key)
        for make, key in zip((of_gradients, of_updates), keys, strict=True)
    )
    return gradients, updates
