"""`train`: collect the options, prepare the task, and let a driver train.

The docstring of the room, `backprop_xp.training`, leads along the whole path.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Never, Unpack, overload

from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, ArrayT
from backprop_xp.arrays.devices import Device
from backprop_xp.callbacks.checkpoint import claimed_folders
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.errors import OptionError
from backprop_xp.network.network import Network
from backprop_xp.optimizers.catalogue import find_optimizer
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.ranges import Setting
from backprop_xp.training.driver import Driver
from backprop_xp.training.failures import Guarded
from backprop_xp.training.loop import Loop
from backprop_xp.training.optimizer_state import OptimizerState
from backprop_xp.training.options import Keywords, Options, Regularisation
from backprop_xp.training.run import Run
from backprop_xp.training.step.compiled import is_built_in
from backprop_xp.training.task import Task, prepared

__all__ = ["driver_of", "train"]


@overload
def train(  # for X of type Any, such as an array of CuPy: Never accepts no other type
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
    device: str | Device | Sequence[str | Device],
    **keywords: Unpack[Keywords],
) -> Run[Array]: ...
@checks_keywords
def train(
    net: Network,
    X: Any,
    Y: Any,
    theta: Any = None,
    *,
    optimizer: Optimizer | LBFGS | str = SGD(0.1, momentum=0.9),  # noqa: B008  it is frozen
    epochs: int = 10,
    batch_size: int | None = 32,
    validation: Sequence[Any] | None = None,
    case_weights: Any = None,
    class_weights: Any = None,
    l2: Setting = 0.0,
    dropout: Setting = 0.0,
    l1: Setting = 0.0,
    shrinkage: Setting = 0.0,
    decay_biases: bool = False,
    input_dropout: Setting = 0.0,
    dropout_per_network: bool = False,
    label_smoothing: Setting = 0.0,
    clip_value: Setting = None,
    clip_norm: Setting = None,
    max_norm: Setting = None,
    layer_rates: Sequence[float] | None = None,
    seed: int = 0,
    order: Callable[[int], Any] | None = None,
    state: OptimizerState | None = None,
    device: str | Device | Sequence[str | Device] | None = None,
    dtype: Any = None,
    stack: int | Sequence[int] = (),
    callbacks: Sequence[Any] = (),
    progress: bool = False,
    jobs: int | None = None,
    resume: Any = None,
    reduce: Ranks | None = None,
) -> Run[Any]:
    """Train a network, or a stack of networks at once, and return a `Run`.

    Parameters
    ----------
    net : Network
    X : array (m, n_in), or (*stack, m, n_in)
        The inputs, one case in a row. X may stay in its file: a `numpy.memmap`, a data set of h5py
        or zarr, or any object with ``shape``, ``dtype`` and slices of rows. A sparse matrix of
        SciPy in CSR format stays sparse. Rows are then checked as they are read, and the memory
        holds whole batches. `training.data.file_order` describes the order of such rows.
    Y : array
        Class labels (m,) of an integer dtype, or targets (m, n_out). With the stack's axes in
        front, Y has labels or targets for each network. Y may stay in a file if X does.
    theta : array (..., P), optional
        The initial parameters, by default ``net.init(seed, stack=stack)``. The array is not
        changed.
    optimizer : Optimizer, LBFGS or str
        The rule of an update, or the name of an optimiser with its defaults: "sgd" (rate 0.1,
        momentum 0.9), "rmsprop", "adagrad", "adam", "adamw", "nadam", "rprop" or "lbfgs". `Rprop`
        and `LBFGS` need ``batch_size=None``. With `LBFGS` an epoch is one iteration, and the
        history has an entry for each iteration.
    epochs : int
        The number of sweeps through the cases, ≥ 0.
    batch_size : int or None
        The number of cases in a batch, ≥ 1. None is the full batch: one update per sweep.
    validation : (X, Y) or (X, Y, weights), optional
        Validation cases. Their cost and accuracy are recorded after each epoch. The weights ≥ 0 of
        the cases, (m_val,) or (*stack, m_val), are relative, as `case_weights` are. With weights of
        0 and 1 each network of a stack is scored on cases of its own, such as the fold that it does
        not train on.
    case_weights : array (m,) or (*stack, m), optional
        The weights of the cases, ≥ 0. Only their ratios matter: in a batch of s cases, case c
        counts w_c / (s w̄), where w̄ is the mean weight of all training cases. For the same θ, the
        mean cost of the batches, each batch counted by its number of cases, is the weighted mean
        cost of all cases, Σ_c w_c E_c / Σ_c w_c. Equal weights change nothing. A batch whose
        weights are all 0 has a gradient of 0; momentum and penalties act in it as in any batch. The
        accuracy counts each case by its weight. PyTorch's
        ``CrossEntropyLoss(weight=...)`` and scikit-learn's ``sample_weight`` differ: they divide by
        the sum of the weights in the batch. In small batches this undoes most of the weighting.
    class_weights : "balanced" or mapping, optional
        The weights of the classes, for class labels. Each w_c, which is 1 without `case_weights`,
        is multiplied by the weight of its class before w̄ is computed. "balanced" gives a class the
        weight n / (k n_class): n is the number of cases, n_class the number of cases in the class,
        and k the number of classes that occur. With `case_weights`, n and n_class are sums of w_c.
        A mapping goes from labels to weights ≥ 0; a class that it leaves out has weight 1. Neither
        case weights nor class weights change the scores of `validation`.
    l2 : number, array or schedule
        The factor of the penalty ½ · l2 · Σ W², ≥ 0. The sum is over weights, not biases. An array
        holds one number for each network of a stack. It has the stack's shape, or broadcasts
        against θ's leading axes and a last axis of 1.
    dropout : number, array or schedule
        The probability, ≥ 0 and < 1, that a unit of a hidden layer is dropped, for each case anew.
        The activations of the other units are multiplied by 1/(1 − dropout). Arrays, here and
        below, are as for `l2`.
    l1 : number, array or schedule
        The factor of the penalty l1 · Σ |W|, ≥ 0. The sum is over weights, not biases.
    shrinkage : number, array or schedule
        The share, ≥ 0 and < 1, that each weight loses after each update: W ← (1 − shrinkage) W.
    decay_biases : bool
        Whether `l2`, `l1` and `shrinkage` act on biases too.
    input_dropout : number, array or schedule
        The probability, ≥ 0 and < 1, that an input is dropped, as `dropout` does for units.
    dropout_per_network : bool
        Whether each network of a stack drops units and inputs of its own. By default all networks
        drop the same units, which takes K times fewer random numbers. Network 0 drops the same
        units in both cases.
    label_smoothing : number, array or schedule
        The share s, ≥ 0 and < 1, of each target that is spread evenly over all classes, for class
        labels. The smoothed target is (1 − s) y + s / n_out, or (1 − s) y + s / 2 for a single
        output unit. The training cost in the history uses smoothed targets, the validation cost
        uses the given ones.
    clip_value, clip_norm : number, array or schedule, or None
        Bounds > 0 on the gradient of a network, penalties included. `clip_value` bounds each
        number of the gradient; then `clip_norm` bounds its Euclidean norm. None is no bound.
    max_norm : number, array or schedule, or None
        A bound > 0 on the norm of the weights into each unit, a row of W. After each update, rows
        with a larger norm are scaled down to the bound. None is no bound. The order of one update
        is: gradient, penalties, clipping, optimiser, shrinkage, max-norm.
    layer_rates : sequence of L numbers, optional
        The factor ≥ 0 of the learning rate for W and b of each layer, in every network of a stack.
        A factor of 0 keeps a layer as it is, except for `shrinkage` and `max_norm`. An optimiser of
        your own then gets ``learning_rate`` as an array that broadcasts against θ. `Rprop` has
        first steps by layer, above 0; `LBFGS` has no rate.
    seed : int
        The seed, ≥ 0, of the initial parameters, the order of the cases, and dropout. A seed gives
        the same random numbers on every device.
    order : callable, optional
        The order of the cases: a function from the number of an epoch, counted from 0, to a
        permutation of 0 … m − 1, an integer array (m,). It is called once, at the start of the
        epoch, and holds for a full batch too. By default `seed` shuffles the cases anew in each
        epoch, and a full batch has the order of X.
    state : OptimizerState, optional
        The state of the optimiser, ``run.state`` of an earlier run; pass its ``run.theta`` as well.
        The steps of schedules, the order of the cases and dropout go on where that run ended.
        `epochs` counts the new epochs alone, and the history has their entries.
    device : str, Device, or sequence of them, optional
        The device to train on, by default the device of X. Several devices of one library, such as
        ``["cuda:0", "cuda:1"]`` or ``"cuda:*"`` for all, share the networks of a stack, a thread
        each. θ comes back to the first, which holds the data too.
    dtype : str or dtype, optional
        The dtype of θ and of the computation. By default it is the dtype of the checkpoint's θ in
        a resumed run, else the dtype of `theta`, else the dtype of X where X holds floats, else
        float32.
    stack : int or sequence of int
        The number of networks to train at once, or the leading axes of θ. Leave it out with
        `theta`.
    callbacks : sequence of Callback
        Objects that training calls at fixed moments, such as `EarlyStopping`, `Checkpoint`, logs,
        or your own.
    progress : bool
        Whether to show where training stands, a few times a second: a line on the terminal, or a
        live curve of the cost in Jupyter and marimo. A screen that fails gives a warning, and
        training goes on.
    jobs : int, optional
        The threads, ≥ 1, that train the groups of a large stack on a CPU. By default compiled steps
        take as many as NumPy would use for a product, so that OMP_NUM_THREADS, joblib and
        threadpoolctl limit them; other steps take one, since small arrays gain nothing. Each
        uses one thread of BLAS. Any number of jobs gives the same bits. JAX, a GPU and parts of
        your own run as one.
    resume : path or Checkpoint, optional
        The checkpoint to resume: a file, a folder or a `Checkpoint`. A folder stands for the file
        of its last epoch. The folder of a `Checkpoint` may still be empty: then a new run begins.
        `epochs` counts the epochs before the checkpoint too. On the same library and machine, the
        result is bit-identical to the result of a run that was never stopped. All other arguments
        and the data must be as they were. The numbers in `theta` are not used: θ is the
        checkpoint's.

    reduce : Ranks, optional
        The processes that train as one, such as `distributed.MPI`. Each of them calls `train` with
        the same arguments, and computes the gradient of its share of each batch; the sum of these
        gradients is the gradient of the batch. Batches, means and norms are those of all cases, and
        θ is the θ of one process, up to rounding. Callbacks that write to files or to the screen,
        and subclasses of them, are called in the first process alone; your own are called in all. A
        stop by a callback, or by Ctrl-C, holds for all processes, at the end of its epoch.

    Returns
    -------
    Run
        θ after the last epoch, or the best θ of `EarlyStopping`; the history; and the reason why
        training stopped early, if it did.

    Raises
    ------
    BackpropError
        An argument cannot be used. The error comes before any work, except for values that
        training asks for later: rows in a file, when they are read; the permutation of `order`, at
        the start of its epoch; and the value of a schedule, when its step is prepared.
    CallError
        A keyword is unknown. The message gives the name that `train` uses, where it knows one.
    DivergenceError
        A cost or θ is infinite or NaN, which is seen at the end of an epoch. The error holds the
        last good θ, from the start of an epoch. It names the epoch and the batch of the
        bad cost; the last batch where θ or the cost of the validation is bad.
    OutOfMemoryError
        The memory does not suffice. If training had begun, the error holds θ from before the
        current epoch.

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
        dropout_per_network=dropout_per_network,
        label_smoothing=label_smoothing,
        clip_value=clip_value,
        clip_norm=clip_norm,
    )
    options = Options(
        optimizer=find_optimizer(optimizer, "train(optimizer)"),
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        case_weights=case_weights,
        class_weights=class_weights,
        regularisation=regularisation,
        layer_rates=layer_rates,
        seed=seed,
        order=order,
        state=state,
        device=device,
        dtype=dtype,
        stack=stack,
        callbacks=callbacks,
        progress=progress,
        jobs=jobs,
        resume=resume,
        reduce=reduce,
    )
    if state is not None and theta is None:
        advice = "Pass run.theta of the run that state is of"
        raise OptionError("train(theta)", "a state without theta", "both of a run", advice)
    with claimed_folders(options.callbacks):
        task = prepared(net, X, Y, theta, options)
        with Guarded(task, built_in=is_built_in(net, options.optimizer)) as guard:
            driver = driver_of(task, options, guard)
            driver.run()
            return driver.result()


def driver_of(task: Task, options: Options, guard: Guarded) -> Driver:
    """Return the driver of the task: a `Minimisation` for L-BFGS, a `Loop` for other optimisers."""
    optimizer = options.optimizer
    if isinstance(optimizer, LBFGS):
        from backprop_xp.training.lbfgs import Minimisation  # most runs do without

        return Minimisation(task, options, guard, optimizer)
    return Loop(task, options, guard, optimizer)
