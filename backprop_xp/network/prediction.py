"""Outputs of networks for data of any size, library and device: of each network, or their mean.

Cases are read, moved to θ's device and passed through the layers chunk by chunk, so that data may
be larger than memory.
"""

import math
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple

from backprop_xp.arrays import requirements
from backprop_xp.arrays.advice import checks_keywords
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
from backprop_xp.arrays.threads import limited_threads
from backprop_xp.errors import ShapeError
from backprop_xp.network import backpropagation, columns
from backprop_xp.network.chunks import LEAST_CASES, cases_at_once, halves, joined, pieces
from backprop_xp.network.compiled_outputs import compiled_outputs
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network

__all__ = ["Ensemble", "ensemble", "predict"]

BLOCK_BYTES = 32 * 1024**2  # inputs in θ's dtype that are read and moved at a time

IN_CHUNKS = "Leave it out: rows pass through the network in chunks that fit into the memory"
_FEWER = "Pass fewer rows at a time, or fewer networks"


class Ensemble(NamedTuple, Generic[ArrayT_co]):
    """Mean and spread of the outputs of the networks of a stack.

    Attributes
    ----------
    mean : array (m, n_out)
        The mean of the outputs over all networks.
    spread : array (m, n_out)
        The standard deviation of the outputs over the K networks, with the divisor K, not K − 1:
        the networks are the whole population, not a sample of it.

    Examples
    --------
    >>> import numpy as np
    >>> import backprop_xp as bp
    >>> net = bp.Network([1, 1], output="identity", loss="squared_error")
    >>> both = bp.ensemble(net, np.array([[1.0, 0.0], [3.0, 0.0]]), [[10.0]])  # outputs 10, 30
    >>> both.mean, both.spread
    (array([[20.]]), array([[10.]]))
    """

    mean: ArrayT_co
    spread: ArrayT_co


@checks_keywords(batch_size=IN_CHUNKS)
@ignore_overflow
def predict(net: Network, theta: ArrayT, X: Any) -> ArrayT:
    """Return the outputs as rows, (..., m, n_out), for inputs of any library, device or file.

    The result is that of `Network.forward`, but the inputs may be on another device than θ, and the
    memory is bounded. The inputs are read and moved in blocks of `BLOCK_BYTES`, and each block
    passes through the layers in chunks of `chunks.cases_at_once`, compiled where the variable
    BACKPROP_XP_COMPILED asks for it (`arrays.devices`). Only the result and its chunks
    grow with m. Derivatives are not recorded: to trace or to differentiate, call ``net.forward``.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
    X : array (m, n_in), or (..., m, n_in) with one set of inputs for each network
        Real numbers, converted to θ's dtype. X is an array of any library and device, a list, a
        data frame, or a sparse matrix of SciPy in CSR format. Or X is a file (m, n_in): a memmap, a
        data set of h5py or zarr, or an object with shape, dtype and slices of rows. Shapes and
        dtypes are checked, values are not.

    Returns
    -------
    array (..., m, n_out)
        In θ's library and dtype, on its device.

    Raises
    ------
    ShapeError, DTypeError
        X or θ does not fit the network, or does not hold real numbers.
    DataError
        A file has masked rows, or has become shorter; or the arrays of a sparse matrix contradict
        each other.
    OutOfMemoryError
        The memory does not suffice for the result, or for a chunk of cases in the layers.

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


@checks_keywords(batch_size=IN_CHUNKS)
@ignore_overflow
def ensemble(net: Network, theta: ArrayT, X: Any) -> Ensemble[ArrayT]:
    """Return the mean of a stack's outputs and their spread over the networks, (m, n_out) each.

    For the outputs a_k of K networks, ā = Σ_k a_k / K and s = √(Σ_k (a_k − ā)² / K). All leading
    axes of θ count as networks. The memory is bounded as in `predict`: the outputs of all networks
    exist only for one chunk of cases at a time.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
        With at least one leading axis.
    X : array (m, n_in) or file
        As `predict` takes it, the same for all networks.

    Returns
    -------
    Ensemble
        In θ's library and dtype, on its device.

    Raises
    ------
    ShapeError
        θ is a single network, or X has inputs for each network; or as `predict`.
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
    """Return θ's namespace after checking that θ has the parameters of the network."""
    check_network(net, where, "the network, then theta, then X")
    xp = columns.check_theta(theta, net.parameter_count, where)
    requirements.check_real(theta, f"{where}(theta)")
    return xp


def _outputs(net: Network, theta: Any, X: Any, where: str, shared: bool = False) -> Iterator[Any]:
    """Yield the outputs of one chunk of cases after another, (..., cases, n_out)."""
    xp, n_in, name = namespace(theta), net.sizes[0], f"{where}(X)"
    theta, rows = detached(theta), rows_of(X, name)
    columns.check_shape_of_inputs(rows.like, () if shared else tuple(theta.shape[:-1]), n_in, name)
    layers, compiled = net.layers(theta, net.existing(theta)), compiled_outputs(net, theta)
    length = cases_at_once(net.sizes, theta, compiled=compiled is not None)
    device, dtype = device_of(theta), dtype_name(theta.dtype)

    def of_piece(piece: Any) -> Any:
        with limited_threads(theta, net.sizes, piece.shape[-2]):
            if compiled is not None and piece.shape[-2] >= LEAST_CASES:
                return compiled(piece)
            return backpropagation.outputs(layers, net.activations, piece.mT).mT

    def outputs(block: Array) -> Iterator[Array]:
        if compiled is None or not block.shape[-2]:
            yield from map(of_piece, pieces(block, length))
            return
        start = 0
        for cases in halves(block.shape[-2], length):
            yield of_piece(block[..., start : start + cases, :])
            start += cases

    m, at_once = rows.like.shape[-2], _block_length(rows.like, theta, length)
    by = mover(xp, device) if m > at_once else None
    for start in range(
        0, max(m, 1), at_once
    ):  # a name for the block would keep it while the next is read
        yield from outputs(
            moved_by(by, rows.read(start, min(start + at_once, m)), xp, device, dtype)
        )


def _block_length(X: Any, theta: Array, length: int) -> int:
    """Return the number of rows to read at a time: whole chunks of `length` rows, at least one.

    So the chunks are the same wherever the rows come from, and the result is bit-identical.
    """
    networks, item_bytes = math.prod(X.shape[:-2]), namespace(theta).finfo(theta.dtype).bits // 8
    row_bytes = networks * X.shape[-1] * item_bytes
    return max(int(BLOCK_BYTES // (row_bytes * length)), 1) * length
