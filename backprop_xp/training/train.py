"""`train`: options and data are checked, then a driver trains."""

from collections.abc import Sequence
from typing import Any, Literal, Never, Unpack, overload

from numpy.typing import NDArray

from backprop_xp.arrays.backend import Array, ArrayT
from backprop_xp.arrays.devices import Device
from backprop_xp.network.network import Network
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.ranges import Setting
from backprop_xp.training.driver import Driver
from backprop_xp.training.failures import Guarded
from backprop_xp.training.lbfgs import Minimisation
from backprop_xp.training.loop import Loop
from backprop_xp.training.options import Keywords, Options, Regularisation
from backprop_xp.training.run import Run
from backprop_xp.training.task import Task, prepared

__all__ = ["driver_of", "train"]


@overload
def train(  # X is untyped, as arrays of CuPy are: Never takes Any alone
    net: Network,
    X: Never,
    Y: Any,
    theta: Any = None,
    *,
    device: None = None,
    **keywords: Unpack[Keywords],
) -> Run[Any]: ...
@overload
def train(
    net: Network,
    X: NDArray[Any],
    Y: Any,
    theta: Any = None,
    *,
    device: None = None,
    **keywords: Unpack[Keywords],
) -> Run[NDArray[Any]]: ...
@overload
def train(
    net: Network,
    X: ArrayT,
    Y: Any,
    theta: Any = None,
    *,
    device: None = None,
    **keywords: Unpack[Keywords],
) -> Run[ArrayT]: ...
@overload
def train(
    net: Network,
    X: Any,
    Y: Any,
    theta: Any = None,
    *,
    device: Literal["cpu"] | None = None,
    **keywords: Unpack[Keywords],
) -> Run[NDArray[Any]]: ...
@overload
def train(
    net: Network,
    X: Any,
    Y: Any,
    theta: Any = None,
    *,
    device: str | Device,
    **keywords: Unpack[Keywords],
) -> Run[Array]: ...
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
) -> Run[Any]:
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
    regularisation = Regularisation(
        l2=l2,
        l1=l1,
        shrinkage=shrinkage,
        decay_biases=decay_biases,
        max_norm=max_norm,
        dropout=dropout,
        input_dropout=input_dropout,
        label_smoothing=label_smoothing,
        clip_value=clip_value,
        clip_norm=clip_norm,
    )
    options = Options(
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        case_weights=case_weights,
        class_weights=class_weights,
        regularisation=regularisation,
        seed=seed,
        device=device,
        dtype=dtype,
        stack=stack,
        callbacks=callbacks,
        progress=progress,
        resume=resume,
    )
    task = prepared(net, X, Y, theta, options)
    with Guarded(task) as guard:
        driver = driver_of(task, options, guard)
        driver.run()
        return driver.result()


def driver_of(task: Task, options: Options, guard: Guarded) -> Driver:
    """Return what trains the task: L-BFGS is SciPy's, all other optimisers take steps in a loop."""
    optimizer = options.optimizer
    if isinstance(optimizer, LBFGS):
        return Minimisation(task, options, guard, optimizer)
    return Loop(task, options, guard, optimizer)
