"""A layer in blocks: each block of units is connected to inputs of its own alone.

A weight matrix of zeros but for blocks along a diagonal is kept as the blocks. The equations hold
for each block by itself, as they hold for each network of a stack: blocks are a leading axis.
"""

from collections.abc import Iterator
from inspect import unwrap
from typing import Any, Generic, NamedTuple

from backprop_xp import equations
from backprop_xp.arrays.backend import Array, ArrayT_co, namespace
from backprop_xp.arrays.native import writes_products

__all__ = ["BlockLayer"]

bias_gradient = unwrap(equations.bias_gradient)
weight_gradient = unwrap(equations.weight_gradient)


class BlockLayer(NamedTuple, Generic[ArrayT_co]):
    """The parameters of a layer in blocks, or their gradients.

    Blocks of one shape lie in one array. The first blocks take the first inputs, the next blocks
    the next inputs; units follow one another in the same order.

    Attributes
    ----------
    W : tuple of array (..., blocks, n_out of a block, n_in of a block)
    b : array (..., n_out, 1)

    Examples
    --------
    >>> import numpy as np
    >>> one, two = np.array([[[2.0]]]), np.array([[[3.0, 4.0]]])  # blocks of 1 and of 2 inputs
    >>> layer = BlockLayer((one, two), np.zeros((2, 1)))
    >>> layer.weighted_input(np.array([[1.0], [10.0], [100.0]]))
    array([[  2.],
           [430.]])
    """

    W: tuple[ArrayT_co, ...]
    b: ArrayT_co

    def weighted_input(self, a_prev: Array) -> Array:
        """Return z = W a + b, (..., n_out, m), for a of the layer below, (..., n_in, m)."""
        xp, inputs = namespace(a_prev), self._cut(a_prev, -1)
        if writes_products(xp):
            z: Array = self.b + xp.zeros_like(a_prev[..., :1, :])
            for view, W, a in zip(self._cut(z, -2), self.W, inputs, strict=True):
                part = view
                part += W @ a
            return z
        parts = [W @ a for W, a in zip(self.W, inputs, strict=True)]
        lead, m = tuple(parts[0].shape[:-3]), a_prev.shape[-1]
        whole: Array = xp.concat([xp.reshape(x, (*lead, -1, m)) for x in parts], axis=-2) + self.b
        return whole

    def gradient(
        self,
        delta: Array,
        a_prev: Array,
        ones: Array | None = None,
        out: Any = None,
    ) -> "BlockLayer[Array]":
        """Return ∂E/∂W and ∂E/∂b from δ (..., n_out, m) and a of the layer below.

        `ones` and `out`, a BlockLayer, are as `backpropagation.parameter_gradients` takes them.
        """
        of_W, of_b = out or ((None,) * len(self.W), None)
        blocks = zip(self._cut(delta, -2), self._cut(a_prev, -1), of_W, strict=True)
        W = tuple(weight_gradient(*each) for each in blocks)
        return BlockLayer(W, bias_gradient(delta, ones, of_b))

    def _cut(self, x: Array, axis: int) -> Iterator[Array]:
        """Yield the rows of x (..., n, m) as the blocks of each array, (..., blocks, n_each, m)."""
        xp, lead, start = namespace(x), tuple(x.shape[:-2]), 0
        for W in self.W:
            blocks, each = W.shape[-3], W.shape[axis]
            stop = start + blocks * each
            yield xp.reshape(x[..., start:stop, :], (*lead, blocks, each, x.shape[-1]))
            start = stop
