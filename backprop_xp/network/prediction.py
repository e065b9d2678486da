"""What networks make of data of any size and place: the outputs of each, or of all together.

Cases are read, moved to θ and carried through the layers a few at a time, so that data may be
larger than memory.
"""

import math
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple

from backprop_xp.arrays import requirements
from backprop_xp.arrays.backend import (
    Array,
    ArrayT,
    ArrayT_co,
    context,
    detached,
    device_of,
    dtype_name,
    ignore_overflow,
    namespace,
)
from backprop_xp.arrays.cuda_streaming import moved_by, mover
from backprop_xp.arrays.memory_errors import memory_errors
from backprop_xp.arrays.rows import rows_of
from backprop_xp.errors import DTypeError, ShapeError
from backprop_xp.network import backpropagation, columns
from backprop_xp.network.chunks import cases_at_once, joined, pieces
from backprop_xp.network.network import Network

__all__ = ["Ensemble", "ensemble", "predict"]

BLOCK_BYTES = 32 * 1024**2  # of inputs in θ's dtype, read and moved at one time

_FEWER = "Pass fewer rows at a time, or fewer networks"


class Ensemble(NamedTuple, Generic[ArrayT_co]):
    """What the networks of a stack say together.

    Attributes
    ----------
    mean : array (m, n_out)
        The mean of the outputs over all networks.
    spread : array (m, n_out)
        Their standard deviation over the networks, divided by K: the K networks are all there are,
        not a sample of others.
    """

    mean: ArrayT_co
    spread: ArrayT_co


@ignore_overflow
def predict(net: Network, theta: ArrayT, X: Any) -> ArrayT:
    """Return the outputs as rows, (..., m, n_out), for inputs of any library, device or file.

    As `Network.forward`, for inputs that need not be where θ is, and bounded in memory: the inputs
    are read and moved by `BLOCK_BYTES`, and pass through the layers by `chunking.cases_at_once`.
    Beside the result and its parts, which is joined from them, no array grows with m. Derivatives
    are not recorded: to trace or to differentiate, call ``net.forward``.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
    X : array (m, n_in), or (..., m, n_in) with one set of inputs for each network
        An array of any library and device, a list or a data frame; or a file (m, n_in) whose rows
        are read: a memmap, a data set of h5py or zarr, a sparse matrix of SciPy in CSR format, an
        object with shape, dtype and slices of rows. Real numbers, converted to θ's dtype. Shapes
        and dtypes are checked, values are not.

    Returns
    -------
    array (..., m, n_out)
        In θ's library and dtype, on its device.

    Raises
    ------
    ShapeError, DTypeError
        X or θ does not fit the network, or does not hold real numbers.
    DataError
        A file has masked rows, or has become shorter; the arrays of a sparse matrix do not fit.
    OutOfMemoryError
        The memory does not hold the result, or some cases between the layers.

    Examples
    --------
    >>> import numpy as np
    >>> net = Network([2, 1], output="identity", loss="squared_error")
    >>> predict(net, np.array([2.0, 3.0, 0.5]), [[1, 0], [0, 1]])
    array([[2.5],
           [3.5]])
    """
    _checked(net, theta, "predict")
    with context(theta), memory_errors("predict(X)", "room for the outputs", _FEWER):
        a_out: ArrayT = joined(list(_outputs(net, theta, X, "predict")))
        return a_out


@ignore_overflow
def ensemble(net: Network, theta: ArrayT, X: Any) -> Ensemble[ArrayT]:
    """Return the mean of a stack's outputs and their spread over the networks, (m, n_out) each.

    For the outputs a_k of K networks: ā = Σ_k a_k / K and s = √(Σ_k (a_k − ā)² / K). All leading
    axes of θ are networks. Memory as of `predict`; the outputs of all networks exist for some cases
    at a time alone.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
        With one leading axis at least.
    X : array (m, n_in) or file
        As `predict` takes it, the same for all networks.

    Returns
    -------
    Ensemble
        In θ's library and dtype, on its device.

    Raises
    ------
    ShapeError
        θ is a single network, or X has one set of inputs for each; or as `predict`.
    DTypeError, DataError, OutOfMemoryError
        As `predict`.

    References
    ----------
    Lakshminarayanan, Pritzel, Blundell, "Simple and scalable predictive uncertainty estimation
    using deep ensembles", NeurIPS (2017).

    Examples
    --------
    >>> import numpy as np
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> mean, spread = ensemble(net, np.array([[1.0, 0.0], [3.0, 0.0]]), [[1.0], [10.0]])
    >>> mean.T, spread.T
    (array([[ 2., 20.]]), array([[ 1., 10.]]))
    """
    xp = _checked(net, theta, "ensemble")
    networks = tuple(range(theta.ndim - 1))
    if not networks:
        raise ShapeError(
            "ensemble(theta)",
            f"a single network {tuple(theta.shape)}",
            f"a stack of them {requirements.shape_text('...', net.parameter_count)}",
            "Use predict, or train with stack=",
        )
    means: list[Any] = []
    spreads: list[Any] = []
    with context(theta), memory_errors("ensemble(X)", "room for the outputs", _FEWER):
        for a in _outputs(net, theta, X, "ensemble", shared=True):
            mean = xp.mean(a, axis=networks)
            off = a - mean
            means.append(mean)
            spreads.append(xp.sqrt(xp.mean(off * off, axis=networks)))
        return Ensemble(joined(means), joined(spreads))


def _checked(net: Any, theta: Any, where: str) -> Any:
    """Return θ's namespace after checking that θ is one of the network."""
    if not isinstance(net, Network):
        advice = "Pass the network, then theta, then X"
        raise DTypeError(f"{where}(net)", type(net).__name__, "a Network", advice)
    return columns.check_theta(theta, net.parameter_count, where)


def _outputs(net: Network, theta: Any, X: Any, where: str, shared: bool = False) -> Iterator[Any]:
    """Yield the outputs of some cases after the other, (..., cases, n_out)."""
    xp, n_in, name = namespace(theta), net.sizes[0], f"{where}(X)"
    theta, rows = detached(theta), rows_of(X, name)
    columns.check_shape_of_inputs(rows.like, () if shared else tuple(theta.shape[:-1]), n_in, name)
    layers, length = net.layers(theta, net.existing(theta)), cases_at_once(net.sizes, theta)
    device, dtype = device_of(theta), dtype_name(theta.dtype)

    def outputs(block: Array) -> Iterator[Array]:
        for piece in pieces(block, length):
            yield backpropagation.outputs(layers, net.activations, piece.mT).mT

    m, at_once = rows.like.shape[-2], _block_length(rows.like, theta, length)
    by = mover(xp, device) if m > at_once else None
    for start in range(0, max(m, 1), at_once):  # no name here keeps a block while the next is read
        yield from outputs(
            moved_by(by, rows.read(start, min(start + at_once, m)), xp, device, dtype)
        )


def _block_length(X: Any, theta: Array, length: int) -> int:
    """Return how many rows are read at one time: whole chunks of `length`, one at least.

    So are the chunks, and the result to the last bit, the same wherever the rows come from.
    """
    networks, item_bytes = math.prod(X.shape[:-2]), namespace(theta).finfo(theta.dtype).bits // 8
    row_bytes = networks * X.shape[-1] * item_bytes
    return max(int(BLOCK_BYTES // (row_bytes * length)), 1) * length
