"""Training: what comes in, where it begins, and the run that comes out; the loop is in `loop`."""

from collections.abc import Sequence
from traceback import clear_frames
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    context,
    copied,
    device_of,
    dtype_name,
    from_host,
    namespace,
    without_derivatives,
)
from backprop_xp.arrays.devices import Device
from backprop_xp.arrays.memory_errors import lack_of_memory
from backprop_xp.arrays.requirements import is_sparse
from backprop_xp.arrays.rows import INTO_MEMORY, is_source
from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.callback import checked_callbacks, is_built_in
from backprop_xp.callbacks.checkpoint import Checkpoint, file_to_resume, restore_callbacks
from backprop_xp.callbacks.progress_bar import ProgressBar
from backprop_xp.errors import DivergenceError, OptionError, nearest_name
from backprop_xp.files.safetensors_file import interpreting
from backprop_xp.files.training_state import Snapshot, check_settings, read_snapshot
from backprop_xp.network.network import Network
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.ranges import Setting
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.failures import Edge, out_of_memory
from backprop_xp.training.fingerprint import described
from backprop_xp.training.lbfgs import Minimisation, check_options, what_steps
from backprop_xp.training.loop import Loop
from backprop_xp.training.progress import TrainingProgress
from backprop_xp.training.run import Run
from backprop_xp.training.step.numbers import Settings
from backprop_xp.training.task import Task, prepare
from backprop_xp.training.trainer import Trainer

__all__ = ["train"]


def train(
    net: Network,
    X: Any,
    Y: Any,
    theta: Any = None,
    *,
    optimizer: Optimizer | LBFGS = SGD(0.1, momentum=0.9),  # noqa: B008  it is frozen
    epochs: int = 10,
    batch_size: int | None = 32,
    validation: tuple[Any, Any] | None = None,
    case_weights: Any = None,
    class_weights: Any = None,
    l2: Setting = 0.0,
    dropout: Setting = 0.0,
    l1: Setting = 0.0,
    shrinkage: Setting = 0.0,
    decay_biases: bool = False,
    input_dropout: Setting = 0.0,
    label_smoothing: Setting = 0.0,
    clip_value: Setting = None,
    clip_norm: Setting = None,
    max_norm: Setting = None,
    seed: int = 0,
    device: str | Device | None = None,
    dtype: Any = None,
    stack: int | Sequence[int] = (),
    callbacks: Sequence[Any] = (),
    progress: bool = False,
    resume: Any = None,
) -> Run:
    """Train a network, or a stack of networks at once, and return a `Run`.

    Parameters
    ----------
    net : Network
    X : array (m, n_in), or (*stack, m, n_in)
        Inputs in rows. A `numpy.memmap`, an h5py or zarr data set, a sparse matrix of SciPy in CSR
        format, or anything with ``shape``, ``dtype`` and rows that slices read, stays as it is: see
        `sources` for the order in which it is shuffled. So does Y, beside such an X. A batch is in
        memory whole, and rows are checked as they are read.
    Y : array
        Class labels (m,) of an integer dtype, or targets (m, n_out); or one set per network.
    theta : array (..., P), optional
        Where to start; ``net.init(seed, stack=stack)`` unless given. It is not changed.
    optimizer : Optimizer or LBFGS
        `Rprop` and `LBFGS` need ``batch_size=None``; with `LBFGS` an epoch is an iteration, after
        which the entries of the history are taken.
    epochs : int
        Sweeps through the cases, ≥ 0.
    batch_size : int or None
        Cases in a batch; None is the full batch, one update per sweep.
    validation : (X, Y), optional
        Other cases, whose cost and accuracy are recorded after each epoch.
    case_weights : array (m,) or (*stack, m), optional
        ≥ 0, relative: in a batch of s cases, case c counts w_c / (s w̄), with w̄ the mean weight of
        all cases. So small batches add up to the weighted cost of all cases, and equal weights
        change nothing. A batch whose weights are all 0 has the gradient 0, in which momentum and
        penalties act as ever. Accuracy counts each case by its weight. PyTorch's
        ``CrossEntropyLoss(weight=...)`` and scikit-learn's ``sample_weight`` divide by the sum of
        each batch's own weights instead, which undoes most of them in small batches.
    class_weights : "balanced" or mapping, optional
        For class labels: a weight for each class, which multiplies those of its cases. "balanced"
        is n / (k n_class), for n cases, n_class of them of the class, and k classes, with the
        weights of the cases summed in place of counts. A mapping names classes by their labels; a
        class that it leaves out has weight 1. What `case_weights` says of batches holds for their
        product. Neither changes the scores of `validation`.
    l2 : number, array or schedule
        Adds ½ · l2 · Σ W² to the cost, over weights, not biases. An array holds one for each
        network of a stack: of the stack's shape, or one that broadcasts against θ's leading axes
        and a last axis of 1.
    dropout : number, array or schedule
        The probability, ≥ 0 and < 1, with which a unit of a hidden layer is left out of a case;
        the others send up 1/(1 − dropout) times as much. An array is as for `l2`.
    l1 : number, array or schedule
        Adds l1 · Σ |W| to the cost; an array, here and below, is as for `l2`.
    shrinkage : number, array or schedule
        The share, ≥ 0 and < 1, that each weight loses after each update, W ← (1 − shrinkage) W.
    decay_biases : bool
        Whether `l2`, `l1` and `shrinkage` hold for biases too.
    input_dropout : number, array or schedule
        As `dropout`, for the inputs.
    label_smoothing : number, array or schedule
        The share s, ≥ 0 and < 1, of all classes alike in the target of a case:
        (1 − s) y + s / n_out for class labels, (1 − s) y + s / 2 for those of a single output unit.
        The cost in the history is of these targets, the validation cost of those that were given.
    clip_value, clip_norm : number, array or schedule, or None
        Bounds > 0 on each number, and then on the Euclidean norm, of the whole gradient of a
        network, penalties included.
    max_norm : number, array or schedule, or None
        A bound > 0 on the norm of the weights into each unit, a row of W, to which they are scaled
        back after each update. One update is: gradient, penalties, clipping, optimiser, shrinkage,
        max-norm.
    seed : int
        Initial parameters, the order of the cases and the units that are dropped follow from it,
        the same on every device.
    device : str or Device, optional
        Where to train; None follows X.
    dtype : str or dtype, optional
        Of θ and the computation; None is that of X where X holds floats, else float32.
    stack : int or sequence of int
        Leading axes of θ where it is not given: how many networks to train at once.
    callbacks : sequence of Callback
        Told where training stands (`callbacks`): `EarlyStopping`, `Checkpoint`, logs, your own.
    progress : bool
        Show a progress bar.
    resume : path or Checkpoint, optional
        Go on from a checkpoint, up to `epochs` in all: a file, a folder of which the last epoch is
        meant, or a `Checkpoint`, whose folder may still be empty. What comes is what would have
        come, to the bit on the same library and machine. All else must be as it was, the data too;
        `theta` is that of the checkpoint.

    Raises
    ------
    BackpropError
        Something that came in cannot be used; raised before any work, or for rows of a file when
        they are read.
    DivergenceError
        A cost became infinite or NaN. It holds the last good θ, the epoch and the batch.
    OutOfMemoryError
        The memory does not suffice. Where training had begun, it holds θ of the last edge between
        two epochs.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, optimizer=bp.SGD(0.5, momentum=0.9), epochs=200, batch_size=None)
    >>> (net.forward(run.theta, X) > 0.5).astype(int).T
    array([[0, 1, 1, 0]])
    """
    check_count(epochs, "train(epochs)", least=0)
    if batch_size is not None:
        check_count(batch_size, "train(batch_size)", least=1)
    task = prepare(
        net, X, Y, theta, validation, case_weights, seed, device, dtype, stack, class_weights
    )
    others = {
        "l1": l1,
        "shrinkage": shrinkage,
        "input_dropout": input_dropout,
        "label_smoothing": label_smoothing,
        "clip_value": clip_value,
        "clip_norm": clip_norm,
        "max_norm": max_norm,
    }
    settings = Settings(what_steps(optimizer), task.theta, l2, dropout, task.stack, **others)
    size = _size_of(batch_size, task.cases)
    _check_full_batch(optimizer, size, task.cases.count)
    quiet = np.errstate(all="ignore")  # the cost is checked after each epoch
    bar = ProgressBar() if progress else None
    told: list[Any] = [*checked_callbacks(callbacks), *([bar] if bar else [])]
    told.sort(key=_place_of)
    _check_metrics(settings.metrics, told, task, validation)
    in_file = isinstance(task.cases, FileCases)
    kept = resume is not None or any(isinstance(one, Checkpoint) for one in told)
    made_with = (
        {}
        if not kept
        else _settings_of_run(
            network=net,
            X=_compared(X, in_file),
            Y=_compared(Y, in_file and is_source(Y)),
            optimizer=optimizer,
            batch_size=size,
            case_weights=case_weights,
            class_weights=class_weights,
            l2=l2,
            dropout=dropout,
            **others,
            decay_biases=decay_biases,
            seed=seed,
            dtype=dtype_name(task.theta.dtype),
            stack=task.stack,
            cases=task.cases.count,
        )
    )
    resumed = file_to_resume(resume)
    snapshot = None if resumed is None else read_snapshot(resumed)
    if snapshot is not None:
        check_settings(snapshot, made_with, "train(resume)")
        check_count(epochs, "train(epochs), with a checkpoint", least=snapshot.epoch)
    for one in told:
        if isinstance(one, Checkpoint):
            one.begin(made_with, told, resumed)
    check_options(optimizer, task.stack, told, resume, l2=l2, dropout=dropout, **others)
    edge = Edge(task.theta)
    try:
        with context(task.theta), without_derivatives(task.theta), quiet:
            trainer = Trainer(task, what_steps(optimizer), settings, size, decay_biases)
            at = _progress_of(task, trainer, settings, epochs, snapshot, told)
            edge.history = at.history
            if isinstance(optimizer, LBFGS):
                Minimisation(at, optimizer, settings, edge, decay_biases, told).run()
            else:
                Loop(at, trainer, settings, edge, size, told).run()
        with context(task.theta):
            epoch = at.epoch if at.taken is None else at.taken
            epoch = epoch if np.ndim(epoch) else int(epoch)
            return Run(task.in_axes(copied(at.weights)), at.history, net, at.stopped, epoch)
    except DivergenceError as error:
        error.theta = copied(error.theta)
        raise
    except (MemoryError, RuntimeError) as error:
        lack = lack_of_memory(error)
        if lack is None:
            raise
        clear_frames(error.__traceback__)  # the traceback would keep what the step worked on
        raise out_of_memory(task, edge, lack) from error
    finally:
        if bar is not None:
            bar.close()


def _check_full_batch(optimizer: Any, batch_size: int, count: int) -> None:
    """Refuse batches of fewer than all cases where the optimiser has a true ``full_batch``.

    Raises
    ------
    OptionError
    """
    if getattr(optimizer, "full_batch", False) and batch_size < count:
        name = type(optimizer).__name__
        raise OptionError(
            "train(batch_size)",
            f"{batch_size} of {count} cases with {name}",
            f"all cases in a batch: {name} compares the gradients of one step and the next",
            "Pass batch_size=None",
        )


def _size_of(batch_size: int | None, cases: Cases | FileCases) -> int:
    if batch_size is None and isinstance(cases, FileCases):
        raise OptionError(
            "train(batch_size)",
            "None, the full batch, for X in a file",
            "a number of cases",
            f"Such as 128; or {INTO_MEMORY}",
        )
    return min(batch_size or cases.count, cases.count)


def _place_of(callback: Any) -> int:
    """Return where a callback stands: first who may add entries, last who writes them down."""
    return is_built_in(callback) + isinstance(callback, Checkpoint)


def _check_metrics(
    of_schedules: set[str], callbacks: Sequence[Any], task: Task, validation: Any
) -> None:
    """Refuse to look at entries that no history will have, where no callback may add them."""
    watched = {getattr(one, "metric", None) for one in callbacks} | of_schedules
    known = ["cost", *(["accuracy"] if task.cases.labelled else [])]
    of_validation = [f"validation_{name}" for name in known]
    missing = sorted(set(of_validation) & watched)
    if missing and validation is None:
        expected = "validation= to be given, or another metric such as 'cost'"
        came = f"None, but {missing[0]} is watched"
        raise OptionError("train(validation)", came, expected, "Pass validation=(X_val, Y_val)")
    known += of_validation if validation is not None else []
    unknown = sorted(str(name) for name in watched - {None, *known})
    if unknown and all(_place_of(one) for one in callbacks):
        advice = nearest_name(unknown[0], known)
        raise OptionError("metric", repr(unknown[0]), f"one of {', '.join(known)}", advice)


def _compared(x: Any, in_file: bool) -> Any:
    """Return what of X or Y is to be the same in a resumed run: of what is in a file, nothing."""
    if is_sparse(x):
        return x.data, x.indices, x.indptr
    return None if in_file else x


def _settings_of_run(**given: Any) -> dict[str, str]:
    """Return what a checkpoint says of its run, as text; a resumed run has the same."""
    return {name: described(value) for name, value in given.items()}


def _progress_of(
    task: Task,
    trainer: Trainer,
    settings: Settings,
    epochs: int,
    snapshot: Snapshot | None,
    callbacks: Sequence[Any],
) -> TrainingProgress:
    """Return where training begins: at θ, or where a checkpoint was written."""
    if snapshot is None:
        theta = copied(task.theta)
        return TrainingProgress(
            task, epochs, theta, trainer.init(theta), of_settings=settings.state()
        )
    xp, device = namespace(task.theta), device_of(task.theta)

    def moved(x: np.ndarray[Any, Any]) -> Array:
        return from_host(x, xp, device, dtype_name(x.dtype))

    history = {
        name: [entry if entry.ndim else float(entry) for entry in of]
        for name, of in snapshot.history.items()
    }
    with interpreting("train(resume)"):
        like = trainer.init(copied(task.theta))
        theta = moved(snapshot.theta.reshape(task.theta.shape))
        state = tuple(moved(x) for x in snapshot.state)
        if [(x.shape, x.dtype) for x in (theta, *state)] != [
            (x.shape, x.dtype) for x in (task.theta, *like)
        ]:
            raise ValueError("θ or the optimiser's state has another shape or dtype")
        settings.restore(snapshot.of_settings)
        restore_callbacks(snapshot, callbacks)
    at = TrainingProgress(task, epochs, theta, state, snapshot.epoch, history=history)
    at.stopped = snapshot.stopped
    at.of_settings = settings.state()
    return at
