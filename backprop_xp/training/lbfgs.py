"""Training by L-BFGS: SciPy minimises the cost, and a training step computes cost and gradient.

The step is `update.step_of`, as in the loop: on the device of training, with penalties and case
weights, replayed or fused. The optimiser of the step is `Derivative`, which returns ∂E/∂θ in place
of a new θ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.advice import needs_extra
from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    from_host_like,
    to_host,
)
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.progress import History
from backprop_xp.errors import OptionError
from backprop_xp.optimizers.lbfgs import LBFGS, Derivative
from backprop_xp.training.data.batches import epochs_of_blocks
from backprop_xp.training.data.blocks import Block
from backprop_xp.training.data.shares import epochs_of_shares
from backprop_xp.training.driver import Driver
from backprop_xp.training.epoch_record import EpochRecord, append, of_validation
from backprop_xp.training.failures import Guarded, diverged
from backprop_xp.training.options import Options
from backprop_xp.training.step.dropout import noise_of_epoch
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.step.update import UpdateRule
from backprop_xp.training.task import Task
from backprop_xp.training.trainer import Trainer

__all__ = ["Minimisation"]


class _Evaluation(NamedTuple):
    """Cost, gradient and accuracy of one network at x.

    Attributes
    ----------
    x : ndarray (P,)
        The parameters, float64.
    cost : float
    gradient : ndarray (P,)
        ∂E/∂θ, float64.
    accuracy : ndarray or None
        None without class labels.
    """

    x: HostArray
    cost: float
    gradient: HostArray
    accuracy: Any


class Minimisation(Driver):
    """Minimises the cost of each network; an iteration takes the place of an epoch for callbacks.

    Parameters
    ----------
    task, options, guard
        As `Driver` takes them.
    chosen : LBFGS
        The settings of the minimisation.

    Raises
    ------
    MissingExtraError
        SciPy is not installed.
    OptionError
        An option does not fit a minimisation, or a fault that `Driver` refuses.
    """

    def __init__(self, task: Task, options: Options, guard: Guarded, chosen: LBFGS) -> None:
        _check(task, options)
        super().__init__(task, options, guard, Derivative())
        self._chosen, self._minimize = chosen, _minimize()
        self._count = task.theta.shape[0] if task.theta.ndim > 1 else 1
        given = task.cases, task.count, task.seed
        ranks = task.ranks
        blocks = epochs_of_blocks(*given) if ranks is None else epochs_of_shares(*given, ranks)
        (self._block,) = blocks(0)
        self.progress.epochs *= self._count  # the networks are minimised one after another

    def train(self) -> None:
        """Minimise one network after another; the history has the entries after each iteration.

        Raises
        ------
        DivergenceError
            A cost is infinite or NaN after an iteration, or at the start.
        """
        progress, histories, ends = self.progress, [], []
        self._thetas = np.array(to_host(progress.weights), np.float64).reshape(self._count, -1)
        epochs = progress.epochs // self._count
        for number in range(self._count if epochs else 0):
            network = _HostCost(self.task, number, self.numbers, self._block, self.rule)
            history, end = self._minimised(network, epochs)
            histories.append(history)
            ends.append(end)
        progress.epochs = epochs
        progress.history.update(_joined(histories, self.task.stack))
        progress.epoch = len(progress.history.get("cost", []))
        if progress.epoch < epochs:
            progress.stop("; ".join(dict.fromkeys(ends)))
        progress.weights = self._theta()

    def state(self) -> None:
        """Return None: SciPy keeps the memory of earlier iterations."""
        return

    def _minimised(self, network: "_HostCost", epochs: int) -> tuple[dict[str, list[Any]], str]:
        """Return a network's entries, at the initial θ first, and why its minimisation ended."""
        chosen, progress = self._chosen, self.progress
        row = self._thetas[network.number]
        entries: dict[str, list[Any]] = {}

        def look(x: HostArray) -> None:
            at = network.at(x)
            if not np.isfinite(at.cost):
                epoch, bad = max(len(entries.get("cost", [])) - 1, 0), [network.number]
                raise diverged(progress, 0, bad, self._theta(), epoch)
            row[:] = x
            for name, entry in network.entries(at).items():
                entries.setdefault(name, []).append(float(entry))

        def after_iteration(intermediate_result: Any) -> None:
            look(intermediate_result.x)
            self._tell_of(entries)
            self.agree_on_stops()
            if progress.stopped or self.interrupted:
                raise StopIteration

        look(row.copy())
        if network.number and self.interrupted:  # while an earlier one was minimised
            return entries, "interrupted"
        result = self._minimize(
            network.cost_and_gradient,
            row.copy(),
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={
                "maxiter": min(epochs, chosen.max_iterations or epochs),
                "maxfun": chosen.maxfun,
                "maxcor": chosen.history_size,
                "gtol": chosen.gtol,
                "ftol": chosen.ftol,
            },
        )
        return entries, f"L-BFGS: {result.message}"

    def _tell_of(self, entries: Mapping[str, list[Any]]) -> None:
        """Call the callbacks after an iteration, with the history of the current network."""
        progress = self.progress
        progress.epoch += 1
        theta = progress.weights = self._theta()
        self.guard.reached(theta, progress.epoch)
        for name, of in entries.items():
            progress.history[name] = of[1:]
        self.tell("on_epoch_end")
        if progress.weights is not theta:
            came, expected = "another theta after an iteration", "theta as SciPy has it"
            advice = "Take it in on_train_start or on_train_end, or choose another optimiser"
            raise OptionError("progress.take, with LBFGS", came, expected, advice)

    def _theta(self) -> Array:
        """Return the current parameters of all networks, on the device."""
        return _like(self._thetas, self.task.theta)


def _check(task: Task, options: Options) -> None:
    """Refuse options that do not fit a minimisation.

    The cost must be smooth, and the same at each evaluation. A checkpoint cannot hold SciPy's
    memory of earlier iterations. The networks of a stack are minimised one after another, so
    callbacks cannot see the whole stack.

    Raises
    ------
    OptionError
        An option does not fit.
    """
    expected, advice = "a smooth cost, the same at each evaluation", "Leave it at 0"
    for name, value in options.regularisation.in_use.items():
        if name not in ("l2", "label_smoothing") or callable(value):
            came = f"{value!r:.100} with LBFGS"
            raise OptionError(f"train({name})", came, expected, advice)
    advice = "Use bp.save(path, net, run.theta), then train(theta=) from the saved parameters"
    if options.resume is not None:
        came = f"{options.resume!r:.100} with LBFGS"
        raise OptionError("train(resume)", came, "None", advice)
    for name in ("order", "state"):
        if getattr(options, name) is not None:
            came, expected = f"{name} with LBFGS", "None"
            advice = "Leave it out: an iteration takes all cases, and L-BFGS starts anew"
            raise OptionError(f"train({name})", came, expected, advice)
    for one in options.callbacks:
        if task.stack or isinstance(one, Checkpoint):
            came = f"{type(one).__name__} with LBFGS" + (" for a stack" if task.stack else "")
            expected = "no callbacks for a stack, and never a Checkpoint"
            raise OptionError("train(callbacks)", came, expected, advice)


class _HostCost:
    """The cost of one network as a function of θ in float64 on the host, for SciPy."""

    def __init__(
        self, task: Task, number: int, numbers: StepNumbers, block: Block, rule: UpdateRule
    ) -> None:
        self.number, self._block = number, block
        if task.theta.ndim > 1:
            group = slice(number, number + 1)
            others = task.validation
            task = replace(
                task,
                theta=task.theta[group, ...],
                stack=(1,),
                cases=task.cases.part(group),
                validation=None if others is None else others.part(group),
            )
            self._block, numbers = block.part(group), numbers.part(group)
        self._task = task
        self._trainer = Trainer(task.theta, rule, numbers, block.size, ranks=task.ranks)
        self._noise = noise_of_epoch(task.net.sizes, task.seed, 0, task.theta)
        self._last: _Evaluation | None = None

    def at(self, x: HostArray) -> _Evaluation:
        """Return cost, gradient and accuracy at `x`; the last evaluation is cached."""
        if self._last is None or not np.array_equal(self._last.x, x):
            record = EpochRecord(ranks=self._task.ranks)
            theta = _like(x, self._task.theta)
            gradient, _ = self._trainer.blocks([self._block], theta, (), self._noise, record)
            costs = record.batch_costs(gradient)
            self._last = _Evaluation(
                x.copy(),
                float(costs.mean.reshape(())),
                np.array(to_host(gradient), dtype=np.float64).reshape(-1),
                record.accuracy(),
            )
        return self._last

    def cost_and_gradient(self, x: HostArray) -> tuple[float, HostArray]:
        """Return E and ∂E/∂θ at `x`."""
        at = self.at(x)
        return at.cost, at.gradient.copy()

    def entries(self, at: _Evaluation) -> dict[str, float]:
        """Return the entries of the history at a point, validation included."""
        others = self._task.validation
        entries: dict[str, Any] = {"cost": np.asarray(at.cost), "accuracy": at.accuracy}
        if others is not None:
            scores = self._trainer.scores(_like(at.x, self._task.theta), others)
            entries |= of_validation(scores, self._task.others)
        history = History()
        append(history, {n: None if e is None else np.asarray(e) for n, e in entries.items()}, ())
        return {name: of[0] for name, of in history.items()}


def _like(x: HostArray, theta: Array) -> Array:
    """Return the host array x in θ's shape, dtype and library, on its device."""
    host = x.reshape(tuple(theta.shape))
    return from_host_like(host, theta)


def _joined(histories: Sequence[Mapping[str, list[Any]]], stack: tuple[int, ...]) -> History:
    """Return the history of all networks; a network that ended early repeats its last entry."""
    if not histories:
        return History()
    longest = max(len(history["cost"]) for history in histories)
    joined = History()
    for at in range(1, longest):
        entries: dict[str, Any] = {
            name: np.array([of[name][min(at, len(of[name]) - 1)] for of in histories])
            for name in histories[0]
        }
        append(joined, entries, stack)
    return joined


def _minimize() -> Any:
    came = "LBFGS without SciPy, which does the minimisation"
    with needs_extra("scipy", "train(optimizer)", came, "the package scipy"):
        from scipy.optimize import minimize
    return minimize
