"""The task of a training: network, data and θ, checked and moved to the device before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context_of,
    device_of,
    dtype_name,
    is_floating,
    namespace,
)
from backprop_xp.arrays.memory_errors import memory_errors
from backprop_xp.arrays.requirements import check_real, is_sparse
from backprop_xp.arrays.rows import INTO_MEMORY, is_source, rows_of
from backprop_xp.arrays.scalars import float_name
from backprop_xp.arrays.several_devices import select_devices
from backprop_xp.callbacks.restored import file_to_resume
from backprop_xp.distributed.ranks import Ranks
from backprop_xp.errors import OptionError
from backprop_xp.files.training_state import Snapshot, read_snapshot
from backprop_xp.network import columns, data_values
from backprop_xp.network.description import stack_shape
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.rprop import Rprop
from backprop_xp.schedules.ranges import AT_LEAST_0
from backprop_xp.training.data.cases import Cases, FileCases
from backprop_xp.training.data.loading import Place, loaded, weighted
from backprop_xp.training.options import Options

__all__ = ["Task", "prepared"]

_SMALLER = "Try fewer networks in the stack, or dtype='float32'"


@dataclass(frozen=True)
class Task:
    """A network, its initial θ and its cases, on the device of training.

    Attributes
    ----------
    net : Network
    theta : array (P,), or (K, P) for a stack of K networks
        The initial parameters, with 0 for the weights of removed connections.
    stack : tuple of int
        The leading axes of θ for the user; their product is K.
    cases : Cases or FileCases
        The training cases.
    validation : Cases or FileCases, or None
        The validation cases.
    batch_size : int
        Cases in a batch; the number of all cases for the full batch.
    seed : int
    compared : dict
        X and Y of the cases, as a resumed run must share them; None for data in a file, which is
        not compared.
    resumed : Snapshot or None
        The checkpoint to resume; None for a new run.
    compiled : bool
        Whether numba compiles the steps (`execution.compiled`).
    layer_rates : tuple of float, or None
        The factor of the learning rate for each layer; None where all are 1.
    ranks : Ranks or None
        The processes that share each batch; None for this one alone.
    count : int
        The number of training cases, over all ranks where each has rows of its own.
    others : int
        The number of validation cases, counted so.
    devices : tuple of object
        The devices that share a stack's groups, of θ's library, θ's own device first; empty where
        the user names none.
    """

    net: Network
    theta: Array
    stack: tuple[int, ...]
    cases: Cases | FileCases
    validation: Cases | FileCases | None
    batch_size: int
    seed: int
    compared: Mapping[str, Any] = field(default_factory=dict)
    resumed: Snapshot | None = None
    compiled: bool = False
    layer_rates: tuple[float, ...] | None = None
    ranks: Ranks | None = None
    count: int = 0
    others: int = 0
    devices: tuple[Any, ...] = ()

    def in_axes(self, theta: Array) -> Array:
        """Return θ (*stack, P) from θ (K, P)."""
        shaped: Array = namespace(theta).reshape(theta, (*self.stack, theta.shape[-1]))
        return shaped


def prepared(net: Network, X: Any, Y: Any, theta: Any, options: Options) -> Task:
    """Return the task, after a check of all that needs the data, the device or the checkpoint.

    `train.train` describes the arguments. `options` are within their ranges.

    Raises
    ------
    BackpropError
        An argument cannot be used.
    """
    check_network(net, "train", "the network, such as bp.Network([4, 3]), then X and Y")
    rows, ranks = rows_of(X, "train(X)"), options.reduce
    file = file_to_resume(options.resume)
    resumed = None if file is None else read_snapshot(file)
    rates = _layer_rates(net, options)
    place = _place(net, rows.like, theta, options, resumed)
    X_others = Y_others = w_others = others = None
    if options.validation is not None:
        X_others, Y_others, w_others = _validation(options.validation)
    if ranks is not None:
        ranks.agree(_given(options, place, w_others), "train(reduce)")
    with context_of(place.xp, place.device):
        cases = loaded(net, rows, Y, place, "train")
        weights = options.case_weights, options.class_weights
        total = ranks.total if ranks is not None and ranks.rows == "own" else None
        cases = weighted(cases, *weights, net, place, "train", total=total)
        if options.validation is not None:
            where = "train(validation)"
            others = loaded(net, place.rows(X_others, f"{where}(X)"), Y_others, place, where)
            others = weighted(others, w_others, None, net, place, where, "weights", total)
        with memory_errors("train(theta)", "room for the parameters", _SMALLER):
            start = _theta(net, theta, options, place)
            if place.lead:
                start = place.xp.reshape(start, (-1, net.parameter_count))
    _check_smoothing(options, cases)
    count, count_of_others = (
        0 if x is None else x.count if ranks is None else sum(ranks.counts(x.count))
        for x in (cases, others)
    )
    size = _batch_size(options, cases, count)
    compared = {
        "X": _compared(X, cases),
        "Y": _compared(Y, cases),
        "validation(X)": _compared(X_others, others),
        "validation(Y)": _compared(Y_others, others),
        "validation(weights)": w_others,
    }
    compiled = _compiles(options, place)
    return Task(
        net,
        start,
        place.lead,
        cases,
        others,
        size,
        options.seed,
        compared,
        resumed,
        compiled,
        rates,
        ranks,
        count,
        count_of_others,
        () if options.device is None else tuple(x.handle for x in select_devices(options.device)),
    )


def _given(options: Options, place: Place, w_others: Any) -> Mapping[str, str]:
    """Return as texts the arguments from which sums over the ranks' own rows follow."""
    arrays = {
        "case_weights": options.case_weights,
        "validation": options.validation,
        "validation(weights)": w_others,
    }
    by_class = options.class_weights
    return {
        "rows": getattr(options.reduce, "rows", ""),
        "stack": f"{list(place.lead)}",
        "class_weights": "a mapping" if isinstance(by_class, Mapping) else repr(by_class),
        **{name: "None" if x is None else "given" for name, x in arrays.items()},
    }


def _place(
    net: Network, like: Any, theta: Any, options: Options, resumed: Snapshot | None
) -> Place:
    """Return the place of training: the named device, or the device of X, whose array is `like`.

    The dtype is `options.dtype`, else the dtype of the checkpoint's θ in a resumed run, else the
    dtype of `theta`, else the dtype of X where X holds floats, else float32.
    """
    device = options.device
    if options.reduce is not None and device is not None:
        device = options.reduce.place(device)
    chosen = None if device is None else select_devices(device)[0]
    lead = _lead(net, theta, options.stack)
    if options.dtype is not None:
        dtype = float_name(options.dtype, "train(dtype)")
    elif resumed is not None:
        dtype = float_name(resumed.theta.dtype, "train(resume)")
    elif theta is not None:
        check_real(theta, "train(theta)")
        dtype = float_name(theta.dtype, "train(theta)")
    else:
        dtype = dtype_name(like.dtype) if is_floating(like) else "float32"
    if chosen is not None:
        return Place(chosen.xp, chosen.handle, dtype, lead)
    return Place(namespace(like), device_of(like), dtype, lead, follow=like)


def _compiles(options: Options, place: Place) -> bool:
    """Tell whether steps are compiled: as the device says, or the variable for arrays of NumPy."""
    if options.device is not None:
        return select_devices(options.device)[0].compiled
    numpy = array_api_compat.is_numpy_namespace(place.xp)
    return bool(numpy and select_devices("cpu")[0].compiled)


def _layer_rates(net: Network, options: Options) -> tuple[float, ...] | None:
    """Return the factors of the learning rate; None where all are 1."""
    if options.layer_rates is None:
        return None
    where, given, layers = "train(layer_rates)", options.layer_rates, len(net.sizes) - 1
    rates = _numbers(given)
    if rates.shape != (layers,) or not AT_LEAST_0.hold(rates):
        came = f"{given!r:.60}"
        expected = f"{layers} finite numbers >= 0, one for each layer of W and b"
        advice = f"Such as {[1.0] * layers}; a schedule is the optimiser's learning_rate"
        raise OptionError(where, came, expected, advice)
    optimizer = options.optimizer
    of_step = {} if isinstance(optimizer, LBFGS) else optimizer.settings(0)
    if "learning_rate" not in of_step:
        came = f"factors of the rate of {type(optimizer).__name__}, which has none"
        advice = "Leave layer_rates out, or choose another optimiser"
        raise OptionError(where, came, "an optimiser with a learning_rate", advice)
    if isinstance(optimizer, Rprop) and not rates.all():
        came, expected = "a factor of 0 for Rprop", "first steps above 0, from which its steps grow"
        raise OptionError(where, came, expected, "Choose another optimiser to keep a layer")
    return None if (rates == 1).all() else tuple(rates.tolist())


def _numbers(given: Any) -> HostArray:
    """Return numbers as an array; an empty one where they are none."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        return np.zeros(0)


def _validation(given: Any) -> tuple[Any, Any, Any]:
    """Return X, Y and weights of the validation cases; None for weights that are not given."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) not in (2, 3):
        came, advice = type(given).__name__, "Pass (X_val, Y_val), or (X_val, Y_val, weights)"
        raise OptionError("train(validation)", came, "a pair (X, Y), or a triple", advice)
    return given[0], given[1], given[2] if len(given) > 2 else None


def _lead(net: Network, theta: Any, stack: int | Sequence[int]) -> tuple[int, ...]:
    shape = stack_shape(stack)
    if theta is None:
        return shape
    columns.check_theta(theta, net.parameter_count, "train")
    lead = tuple(int(n) for n in theta.shape[:-1])
    if shape not in ((), lead):
        expected, advice = f"{lead}, theta's leading axes", "Leave stack out with theta"
        raise OptionError("train(stack)", f"{shape}", expected, advice)
    return lead


def _theta(net: Network, theta: Any, options: Options, place: Place) -> Array:
    if theta is None:
        return place.move(net.init(options.seed, dtype=place.dtype, stack=options.stack))
    theta = place.array(theta, "train(theta)")
    data_values.check_finite(theta, "train(theta)", place.dtype)
    moved = place.move(theta)
    exists = net.existing(moved)
    return moved if exists is None else moved * exists


def _check_smoothing(options: Options, cases: Cases | FileCases) -> None:
    if "label_smoothing" in options.regularisation.in_use and not cases.labelled:
        came, expected = "Y with targets that are not classes", "class labels (m,) of integers"
        advice = "Leave label_smoothing at 0, or smooth the targets yourself"
        raise OptionError("train(label_smoothing)", came, expected, advice)


def _batch_size(options: Options, cases: Cases | FileCases, count: int) -> int:
    """Return the number of cases in a batch; refuse batches for a full-batch optimiser."""
    asked = options.batch_size
    if asked is None and isinstance(cases, FileCases):
        came, advice = "None, the full batch, for X in a file", f"Such as 128; or {INTO_MEMORY}"
        raise OptionError("train(batch_size)", came, "a number of cases", advice)
    size = min(asked or count, count)
    if getattr(options.optimizer, "full_batch", False) and size < count:
        name = type(options.optimizer).__name__
        came = f"{size} of {count} cases with {name}"
        expected = f"all cases in a batch: {name} compares the gradients of one step and the next"
        raise OptionError("train(batch_size)", came, expected, "Pass batch_size=None")
    return size


def _compared(x: Any, cases: Cases | FileCases | None) -> Any:
    """Return X or Y of some cases; None for data that are not read into memory as a whole."""
    in_file = isinstance(cases, FileCases) and is_source(x)
    return None if in_file and not is_sparse(x) else x
