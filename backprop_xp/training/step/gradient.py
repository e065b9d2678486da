"""∂E/∂θ of a batch, in memory that is used again at each step where a library has views."""

from collections.abc import Sequence

from backprop_xp.activations import Activation
from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.arrays.native import writes_products
from backprop_xp.network.backpropagation import backpropagate
from backprop_xp.network.network import Network
from backprop_xp.network.output_layer import for_classes
from backprop_xp.network.parameters import AnyLayer, pack

__all__ = ["Gradient"]


class Gradient:
    """∂E/∂θ of a batch, written into one flat array where the library writes products.

    Three things are made once and used at each step: the flat array with its views, the layers as
    views of θ (while θ is updated in place), and the column of ones for the gradients of biases.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
        An example of θ: its library, device and dtype.
    labelled : bool
        Whether the targets are class labels.
    """

    def __init__(self, net: Network, theta: Array, labelled: bool) -> None:
        self._net = net
        self._output = for_classes(net.output_with_loss) if labelled else net.output_with_loss
        self._exists = net.existing(theta)
        self._in_place = writes_products(namespace(theta))
        self._theta: Array | None = None
        self._ones: Array | None = None
        self._flat: Array | None = None
        self._layers: tuple[AnyLayer, ...] = ()
        self._out: tuple[AnyLayer, ...] = ()

    def __call__(
        self, theta: Array, activations: Sequence[Activation], a_in: Array, y: Array, w: Array
    ) -> tuple[Array, Array]:
        """Return z^L (..., n_out, m) and ∂E/∂θ (..., P); the next call overwrites ∂E/∂θ."""
        if self._in_place:
            layers, dE_dtheta = self._prepared(theta, a_in)
            z_out, _ = backpropagate(
                layers, activations, self._output, a_in, y, w, self._ones, self._out
            )
        else:
            layers = self._net.layers(theta, self._exists)
            z_out, gradients = backpropagate(layers, activations, self._output, a_in, y, w)
            dE_dtheta = pack(gradients)
        if self._exists is not None:
            dE_dtheta *= self._exists
        return z_out, dE_dtheta

    def forget(self) -> None:
        """Take new memory for the next gradient: the optimiser keeps the array of the last one."""
        self._flat = None

    def _prepared(self, theta: Array, a_in: Array) -> tuple[tuple[AnyLayer, ...], Array]:
        """Return the layers of θ, and the flat array; `_out` holds views of it."""
        xp = namespace(theta)
        if self._flat is None or self._flat.shape != theta.shape:
            self._flat = xp.empty_like(theta)
            self._out = self._net.views(self._flat)
        if theta is not self._theta or self._exists is not None:
            self._theta, self._layers = theta, self._net.layers(theta, self._exists)
        if self._ones is None or self._ones.shape[0] != a_in.shape[-1]:
            row = a_in[(0,) * (a_in.ndim - 2) + (slice(0, 1),)]
            self._ones = xp.ones_like(row).mT  # one column serves all networks
        return self._layers, self._flat
