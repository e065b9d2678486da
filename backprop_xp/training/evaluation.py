"""Cost and accuracy of a network for data that it was not trained on, as in validation."""

from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    context,
    detached,
    device_of,
    dtype_name,
    ignore_overflow,
    namespace,
)
from backprop_xp.arrays.cuda_streaming import HostRows
from backprop_xp.arrays.memory_errors import memory_errors
from backprop_xp.arrays.requirements import check_real
from backprop_xp.arrays.rows import FileRows, Rows, rows_of
from backprop_xp.arrays.threads import limited_threads
from backprop_xp.callbacks.progress import History
from backprop_xp.network import columns
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network
from backprop_xp.network.prediction import IN_CHUNKS
from backprop_xp.training.data.loading import Place, loaded, weighted
from backprop_xp.training.epoch_record import append, of_validation
from backprop_xp.training.scoring import CHUNK_ROWS
from backprop_xp.training.step.compiled import scorer_of

__all__ = ["Evaluation", "evaluate"]

_FEWER = "Pass fewer rows at a time, or fewer networks"


class Evaluation(NamedTuple):
    """Cost and accuracy of a network, or of each network of a stack.

    Attributes
    ----------
    cost : float, or ndarray (*stack) of float64
        The mean cost over the cases, without regularisation.
    accuracy : float, or ndarray (*stack) of float64, or None
        The share of correct cases, 0 to 1; None where Y holds targets instead of class labels.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 2], output="identity", loss="squared_error")
    >>> cost, accuracy = bp.evaluate(net, net.init(), X, [[0, 1], [1, 0], [1, 0], [0, 1]])
    >>> accuracy is None
    True
    """

    cost: Any
    accuracy: Any = None


@checks_keywords(batch_size=IN_CHUNKS, steps="Pass the rows to evaluate, such as X[:1000]")
@ignore_overflow
def evaluate(net: Network, theta: Any, X: Any, Y: Any, case_weights: Any = None) -> Evaluation:
    """Return the mean cost over some cases and, for class labels, the share of correct cases.

    The numbers are those of "validation_cost" and "validation_accuracy" in the history of `train`.
    They are computed on θ's device. The inputs may be on another device, and are read and moved in
    chunks of rows.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
    X : array (m, n_in), or (..., m, n_in) with one set of inputs for each network
        Finite numbers, converted to θ's dtype. X is an array of any library and device, a list, a
        data frame, a sparse matrix or a file, as `predict` takes it.
    Y : array, list or file
        Integer class labels (m,), or targets (m, n_out). Labels or targets for each network of a
        stack have the stack's axes in front.
    case_weights : array (m,) or (..., m), optional
        w_c ≥ 0, by default 1. The cost is Σ_c w_c E_c / Σ_c w_c, and the accuracy is the weighted
        share of correct cases.

    Returns
    -------
    Evaluation
        Numbers on the host: floats for a single network, arrays (*stack) for a stack.

    Raises
    ------
    ShapeError, DTypeError
        θ, X, Y or the weights do not fit the network or each other, or hold no real numbers.
    DataError
        There are no cases, a value is not finite, a label is no class, a target is out of the range
        of the loss, or a weight is below 0.
    OutOfMemoryError
        The memory does not suffice.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> Y = Y[:, 0].astype(int)  # class labels
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, epochs=100, optimizer=bp.Adam(0.1), validation=(X, Y))
    >>> found = bp.evaluate(net, run.theta, X, Y)
    >>> found.cost == run.history["validation_cost"][-1], found.accuracy
    (True, 1.0)
    """
    check_network(net, "evaluate", "the network, then theta, then X and Y")
    columns.check_theta(theta, net.parameter_count, "evaluate")
    check_real(theta, "evaluate(theta)")
    theta = detached(theta)
    xp, lead = namespace(theta), tuple(int(n) for n in theta.shape[:-1])
    place = Place(xp, device_of(theta), dtype_name(theta.dtype), lead)
    with context(theta), memory_errors("evaluate(X)", "room for the cases", _FEWER):
        cases = loaded(net, _in_chunks(rows_of(X, "evaluate(X)"), Y, place), Y, place, "evaluate")
        cases = weighted(cases, case_weights, None, net, place, "evaluate")
        flat = xp.reshape(theta, (-1, net.parameter_count)) if lead else theta
        with limited_threads(flat, net.sizes, min(cases.count, CHUNK_ROWS)):
            scores = scorer_of(net, xp).cases(flat, cases)
        entries = History()
        append(entries, of_validation(scores, cases.count), lead)
    return Evaluation(*(of[0] for of in entries.values()))


def _in_chunks(rows: Rows, Y: Any, place: Place) -> Rows:
    """Return the rows of an array on the host as rows that are read and moved in chunks.

    Inputs or targets for each network stay as they are: a file is shared among the networks.
    """
    x = rows.like
    shape = getattr(Y, "shape", None)
    axes = len(shape) if isinstance(shape, tuple) else np.ndim(Y)
    shared = x.ndim == 2 and (not place.lead or axes == 1)
    if rows.in_file or not shared or not isinstance(x, np.ndarray):
        return rows
    return FileRows(HostRows(x), x)
