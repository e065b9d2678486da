"""Training by L-BFGS: SciPy minimises, a step of training tells it cost and gradient.

What training computes at a step serves here as it is, penalties, weights of cases and all, on its
device, replayed or fused: `Derivative` is an optimiser whose update of θ is ∂E/∂θ itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.arrays.backend import Array, device_of, dtype_name, from_host, namespace, to_host
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.progress import History
from backprop_xp.callbacks.progress_bar import ProgressBar
from backprop_xp.errors import MissingExtraError, OptionError
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import State
from backprop_xp.schedules.ranges import on_host
from backprop_xp.training.data.batches import Block, epochs_of_blocks
from backprop_xp.training.epoch_record import EpochRecord, append, of_validation
from backprop_xp.training.failures import Edge, diverged
from backprop_xp.training.interrupts import Interrupts
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.step.dropout import noise_of_epoch
from backprop_xp.training.step.numbers import Settings
from backprop_xp.training.task import Task
from backprop_xp.training.trainer import Trainer

__all__ = ["Derivative", "Minimisation", "check_options", "what_steps"]

HostArray: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Derivative:
    """An optimiser after whose update θ is ∂E/∂θ."""

    def settings(self, step: int) -> Mapping[str, Any]:  # noqa: ARG002  as of every optimiser
        """Return no numbers."""
        return MappingProxyType({})

    def init(self, theta: Array) -> State:  # noqa: ARG002  as of every optimiser
        """Return no state."""
        return ()

    def update(
        self, theta: Array, state: State, dE_dtheta: Array, **_: Array
    ) -> tuple[Array, State]:
        """Return the gradient in the place of `theta`, which is consumed."""
        theta *= 0
        theta += dE_dtheta
        return theta, state


def what_steps(optimizer: Any) -> Any:
    """Return the optimiser of training's steps: `Derivative` for L-BFGS, else itself."""
    return Derivative() if isinstance(optimizer, LBFGS) else optimizer


def check_options(
    optimizer: Any,
    stack: tuple[int, ...],
    callbacks: Sequence[Any],
    resume: Any,
    **given: Any,
) -> None:
    """Refuse what does not go with a minimisation, where the optimiser is `LBFGS`.

    Parameters
    ----------
    optimizer : Optimizer or LBFGS
    stack : tuple of int
    callbacks : sequence of Callback
    resume : object
    **given : object
        Other options of training by their names.

    Raises
    ------
    OptionError
        An option makes the cost another one from evaluation to evaluation, or has a kink; training
        is to be resumed, or kept in checkpoints, which hold none of SciPy's memory; or callbacks
        are to look at a stack, whose networks are minimised one after another.
    """
    if not isinstance(optimizer, LBFGS):
        return
    expected, advice = "a cost that is smooth and stays as it is", "Leave it at 0"
    for name, value in given.items():
        stays = name in ("l2", "label_smoothing") and not callable(value)
        if not stays and value is not None and (callable(value) or np.any(on_host(value))):
            raise OptionError(f"train({name})", f"{value!r:.100} with LBFGS", expected, advice)
    advice = "Use bp.save(path, net, run.theta), and train(theta=) to go on from there"
    if resume is not None:
        raise OptionError("train(resume)", f"{resume!r:.100} with LBFGS", "None", advice)
    for one in callbacks:
        if isinstance(one, Checkpoint) or (stack and not isinstance(one, ProgressBar)):
            came = f"{type(one).__name__} with LBFGS" + (" for a stack" if stack else "")
            expected = "none for a stack, and no Checkpoint"
            raise OptionError("train(callbacks)", came, expected, advice)


class _Evaluation(NamedTuple):
    """What is known of one network at a point.

    Attributes
    ----------
    x : ndarray (P,)
    cost : float
    gradient : ndarray (P,)
    accuracy : ndarray or None
    """

    x: HostArray
    cost: float
    gradient: HostArray
    accuracy: Any


class Minimisation:
    """Minimises the cost of each network, and tells callbacks of the iterations as of epochs.

    Parameters
    ----------
    progress : TrainingProgress
        Where training stands at the start.
    optimizer : LBFGS
    settings : Settings
        Of an optimiser `Derivative`.
    edge : Edge
    decay_biases : bool
    callbacks : sequence of Callback

    Raises
    ------
    MissingExtraError
        SciPy is not installed.
    """

    def __init__(
        self,
        progress: TrainingProgress,
        optimizer: LBFGS,
        settings: Settings,
        edge: Edge,
        decay_biases: bool,
        callbacks: Sequence[Any],
    ) -> None:
        self._progress, self._optimizer, self._edge = progress, optimizer, edge
        self._settings, self._decay_biases, self._callbacks = settings, decay_biases, callbacks
        self._minimize, self._interrupts = _minimize(), Interrupts()
        task = progress.task
        self._count = task.theta.shape[0] if task.theta.ndim > 1 else 1
        (self._block,) = epochs_of_blocks(task.cases, task.cases.count, task.seed)(0)
        self._thetas = np.array(to_host(task.theta), dtype=np.float64).reshape(self._count, -1)

    def run(self) -> None:
        """Minimise network after network; the history has the entries after each iteration.

        Raises
        ------
        DivergenceError
            A cost is infinite or NaN after an iteration, or at the start.
        """
        with self._interrupts:
            self._run()

    def _run(self) -> None:
        progress, histories, ends = self._progress, [], []
        epochs, progress.epochs = progress.epochs, progress.epochs * self._count
        self._tell("on_train_start")
        for network in range(self._count if epochs else 0):
            of_network = _OfNetwork(
                progress.task, network, self._settings, self._block, self._decay_biases
            )
            history, end = self._minimised(of_network, epochs)
            histories.append(history)
            ends.append(end)
        progress.epochs = epochs
        progress.history.update(_joined(histories, progress.task.stack))
        progress.epoch = len(progress.history.get("cost", []))
        if progress.epoch < epochs:
            progress.stop("; ".join(dict.fromkeys(ends)))
        progress.weights = self._theta()
        self._edge.theta, self._edge.epoch = progress.weights, progress.epoch
        self._tell("on_train_end")

    def _minimised(self, network: "_OfNetwork", epochs: int) -> tuple[dict[str, list[Any]], str]:
        """Return a network's entries, those of the start first, and why it ended."""
        chosen, task = self._optimizer, self._progress.task
        row = self._thetas[network.number]
        entries: dict[str, list[Any]] = {}

        def look(x: HostArray) -> None:
            at = network.at(x)
            if not np.isfinite(at.cost):
                epoch, history = max(len(entries.get("cost", [])) - 1, 0), self._progress.history
                bad = [network.number]
                raise diverged(task, epoch, 0, bad, self._theta(), history)
            row[:] = x
            for name, entry in network.entries(at).items():
                entries.setdefault(name, []).append(float(entry))

        def after_iteration(intermediate_result: Any) -> None:
            look(intermediate_result.x)
            self._tell_of(entries)
            if self._interrupts.noted:
                done = len(entries["cost"]) - 1
                self._progress.stop(f"interrupted after {done} iterations")
            if self._progress.stopped:
                raise StopIteration

        look(row.copy())
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
        """Tell callbacks of an iteration; they see the history of the network that is minimised."""
        progress = self._progress
        progress.epoch += 1
        progress.weights = self._edge.theta = self._theta()
        for name, of in entries.items():
            progress.history[name] = of[1:]
        self._tell("on_epoch_end")

    def _tell(self, moment: str) -> None:
        for one in self._callbacks:
            method = getattr(one, moment, None)
            if method is not None:
                method(self._progress)

    def _theta(self) -> Array:
        """Return the parameters of all networks as they are now."""
        return _like(self._thetas, self._progress.task.theta)


class _OfNetwork:
    """Cost and gradient of one network, as SciPy asks for them."""

    def __init__(
        self, task: Task, number: int, settings: Settings, block: Block, decay_biases: bool
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
            self._block, settings = block.part(group), settings.part(group)
        self._task = task
        self._trainer = Trainer(task, Derivative(), settings, block.size, decay_biases)
        self._noise = noise_of_epoch(task.net.sizes, task.seed, 0, task.theta)
        self._last: _Evaluation | None = None

    def at(self, x: HostArray) -> _Evaluation:
        """Return what is known at `x`, from the last evaluation where it was there."""
        if self._last is None or not np.array_equal(self._last.x, x):
            record = EpochRecord()
            theta = _like(x, self._task.theta)
            gradient, _ = self._trainer.block(self._block, theta, (), self._noise, record)
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
        """Return the entries of a history at a point, with those of the validation."""
        others = self._task.validation
        entries: dict[str, Any] = {"cost": np.asarray(at.cost), "accuracy": at.accuracy}
        if others is not None:
            scores = self._trainer.scores(_like(at.x, self._task.theta), others)
            entries |= of_validation(scores, others.count)
        history: History = {}
        append(history, {n: None if e is None else np.asarray(e) for n, e in entries.items()}, ())
        return {name: of[0] for name, of in history.items()}


def _like(x: HostArray, theta: Array) -> Array:
    """Return numbers of the host as an array like θ."""
    host = x.reshape(tuple(theta.shape))
    return from_host(host, namespace(theta), device_of(theta), dtype_name(theta.dtype))


def _joined(histories: Sequence[Mapping[str, list[Any]]], stack: tuple[int, ...]) -> History:
    """Return the history of all networks; the last entry of one that ended before stays."""
    if not histories:
        return {}
    longest = max(len(history["cost"]) for history in histories)
    joined: History = {}
    for at in range(1, longest):
        entries: dict[str, Any] = {
            name: np.array([of[name][min(at, len(of[name]) - 1)] for of in histories])
            for name in histories[0]
        }
        append(joined, entries, stack)
    return joined


def _minimize() -> Any:
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtraError(
            "train(optimizer)",
            "LBFGS without SciPy, which minimises",
            "the package scipy",
            "Run: python -m pip install 'backprop-xp[scipy]'",
        ) from error
    return minimize
