"""Cost and accuracy of outputs, on the device."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from backprop_xp.activations import Softmax
from backprop_xp.arrays.backend import (
    Array,
    Namespace,
    compiled,
    context,
    device_of,
    dtype_name,
    item_bytes,
    namespace,
)
from backprop_xp.arrays.native import constant, largest
from backprop_xp.distributed.ranks import Share
from backprop_xp.network.backpropagation import output_weighted_input
from backprop_xp.network.network import Network
from backprop_xp.network.output_layer import Output, SoftmaxCrossEntropy, for_classes
from backprop_xp.training.data.blocks import Block, whole_block
from backprop_xp.training.data.cases import Cases, FileCases

__all__ = ["CHUNK_ROWS", "Scorer", "Scores", "scores_of_batch"]

CHUNK_ROWS = 8192  # most rows of one forward pass over many cases
CHUNK_BYTES = 2**26  # most memory of one forward pass, over all networks of the stack


class Scores(NamedTuple):
    """Cost and accuracy of the outputs of some batches.

    Attributes
    ----------
    cost : array (batches, ...), or (...) over all cases
        The cost of each batch, or the mean cost over all cases.
    correct : array (...) or None
        The number of correct cases, each counted by its weight of mean 1; None without labels.
        Where each batch is scored by itself, (batches, ...).
    """

    cost: Array
    correct: Array | None

    @classmethod
    def joined(
        cls, groups: Sequence["Scores"], join: Callable[[Sequence[Array]], Array]
    ) -> "Scores":
        """Return the scores of a stack from the scores of its groups, by a function that joins."""
        correct = [scores.correct for scores in groups if scores.correct is not None]
        cost = join([scores.cost for scores in groups])
        return cls(cost, join(correct) if correct else None)


class Scorer:
    """Computes the scores of a network; compiled once where the array library compiles.

    Parameters
    ----------
    net : Network
    xp : module
        The namespace of the arrays to come.
    """

    def __init__(self, net: Network, xp: Namespace) -> None:
        self._net = net
        self.block: Callable[[Array, Block], Scores] = compiled(partial(_score_block, net), xp)
        by_batch = partial(_score_block, net, by_batch=True)
        self.batches: Callable[[Array, Block], Scores] = compiled(by_batch, xp)
        self._chunk: Callable[..., Scores] = compiled(partial(_score_chunk, net), xp)

    def cases(self, theta: Array, cases: Cases | FileCases, share: Share | None = None) -> Scores:
        """Return the mean cost (...) and the number of correct cases (...), chunk by chunk.

        A case counts by its weight. Regularisation is left out. Where a share of the cases is
        given, its sums over the share.size cases of all ranks are those of the share alone.
        """
        share = share or Share(0, cases.count, cases.count)
        xp, exists = namespace(theta), self._net.existing(theta)
        costs, correct = [], []
        networks = math.prod(theta.shape[:-1])
        row_bytes = 4 * max(self._net.sizes) * item_bytes(theta) * networks
        rows = max(min(CHUNK_ROWS, CHUNK_BYTES // row_bytes), 1)
        for start in range(share.start, share.stop, rows):
            part = cases.rows(start, min(start + rows, share.stop))
            scores = self._chunk(theta, exists, whole_block(part))
            costs.append(scores.cost[0, ...] * (part.count / share.size))
            correct.append(scores.correct)
        total = (
            None
            if correct[0] is None
            else xp.sum(xp.stack(correct), axis=0, dtype=correct[0].dtype)
        )
        return Scores(xp.sum(xp.stack(costs), axis=0), total)


def _score_chunk(net: Network, theta: Array, exists: Array | None, block: Block) -> Scores:
    """Return the scores of a block of one batch."""
    layers = net.layers(theta, exists)
    z_out = output_weighted_input(layers, net.activations, block.X[0, ...].mT)
    return _score_block(net, namespace(theta).expand_dims(z_out, axis=0), block)


def _score_block(net: Network, z_out: Array, block: Block, *, by_batch: bool = False) -> Scores:
    """Return the scores of a block from its weighted inputs z^L, (batches, ..., n_out, size).

    Correct cases are counted over the block, or in each batch where `by_batch`.
    """
    xp, networks = namespace(z_out), z_out.ndim - 3
    output = net.output_with_loss if block.labels is None else for_classes(net.output_with_loss)
    z_out = output.shifted(z_out)
    E_c = output.cost_of_shifted(z_out, _for_networks(block.y, 2, networks))
    rows = block.w[..., 0, :] if block.w.ndim > 1 else xp.expand_dims(block.w, axis=-1)
    cost = xp.sum(_for_networks(rows, 1, networks) * E_c, axis=-1)
    if block.labels is None:
        return Scores(cost, None)
    hits = _classes(output, z_out) == _for_networks(block.labels, 1, networks)
    cases = -1 if by_batch else (0, -1)
    if block.w.ndim == 1:
        return Scores(cost, xp.sum(xp.astype(hits, xp.int32), axis=cases, dtype=xp.int32))
    if dtype_name(rows.dtype) == "float16":  # which counts to 65,504 alone
        rows = xp.astype(rows, xp.float32)
    shares = xp.sum(xp.astype(hits, rows.dtype) * _for_networks(rows, 1, networks), axis=cases)
    return Scores(cost, block.whole_size * shares)


def scores_of_batch(net: Network, z_out: Array, y: Array, w: Array, labels: Array | None) -> Scores:
    """Return the scores of one batch from its z^L (..., n_out, size); the cost is (1, ...).

    `y`, `w` and `labels` are those of a `Block` without the axis of the batches.
    """
    one = Block(z_out, y[None, ...], w[None, ...], None if labels is None else labels[None, ...])
    return _score_block(net, z_out[None, ...], one)


def _for_networks(x: Array, axes: int, networks: int) -> Array:
    """Return x (batches, ..., its last `axes`) with as many axes as `networks` in between."""
    missing = 1 + networks + axes - x.ndim
    shape = (x.shape[0], *(1,) * missing, *x.shape[1:])
    aligned: Array = namespace(x).reshape(x, shape)
    return aligned


def _classes(output: Output, z: Array) -> Array:
    """Return the class of each case, int32: the first largest output, or 1 for one output above ½.

    Softmax keeps the order of z, so that z serves in place of a; the largest z is 0 after the shift
    of softmax with cross-entropy. `argmax` is not used: it returns int64, which a device need not
    support.
    """
    coupled = isinstance(output.activation, Softmax)
    xp, a = namespace(z), z if coupled else output.activation(z)
    n_out = a.shape[-2]
    if n_out == 1:
        above: Array = xp.astype(a[..., 0, :] > 0.5, xp.int32)
        return above
    with context(a):
        from_end = xp.arange(n_out, 0, -1, dtype=xp.int32, device=device_of(a))
    shifted = isinstance(output, SoftmaxCrossEntropy)
    is_largest = xp.astype(a == (constant(0.0, a) if shifted else largest(a, axis=-2)), xp.int32)
    first: Array = (
        n_out - largest(is_largest * xp.expand_dims(from_end, axis=-1), axis=-2)[..., 0, :]
    )
    return first
