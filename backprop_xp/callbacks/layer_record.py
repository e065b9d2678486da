"""A record of the layers: norms of δ and ∂E/∂W, and histograms of activations, by epoch."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    context,
    from_host_like,
    ignore_overflow,
    namespace,
    to_host,
)
from backprop_xp.arrays.requirements import real_host_array
from backprop_xp.arrays.scalars import check_count
from backprop_xp.callbacks.progress import Progress
from backprop_xp.network import backpropagation, columns, parameters
from backprop_xp.network.data_values import check_finite, check_labels
from backprop_xp.network.network import Network

__all__ = ["LayerRecord"]

_NAMES = ("epochs", "delta_norms", "gradient_norms", "edges", "counts")


@checks_keywords
class LayerRecord:
    """Records norms of δ and ∂E/∂W and histograms of activations after each epoch, by layer.

    One forward and one backward pass over the given cases, without dropout, computes the norms and
    histograms for θ before the first epoch and after each epoch. The host reads the activations of
    all layers, which is slow for many cases; some hundred suffice. `plots.layer_norms` and
    `plots.activation_histogram` draw the record.

    Parameters
    ----------
    X : array (m, n_in), list or data frame
        The inputs of the cases, finite numbers.
    Y : array or list
        Their class labels (m,) or targets (m, n_out), as `train` takes them.
    bins : int
        Bins of a histogram, at least 1.

    Attributes
    ----------
    epochs : ndarray (T,) of int
        The epochs of the T entries, from 0.
    delta_norms : ndarray (T, L, *stack)
        The mean over the cases of ‖∂E_c/∂z^l‖, the Euclidean norm of a case's δ^l with weight 1.
    gradient_norms : ndarray (T, L, *stack)
        ‖∂E/∂W^l‖, the Frobenius norm, for the mean cost E over the cases.
    edges : ndarray (T, L, bins + 1)
        The edges of the bins, from the least to the greatest activation of the layer.
    counts : ndarray (T, L, bins) of int
        The activations in each bin, over all units, cases and networks. Only finite ones count.

    Raises
    ------
    DTypeError, ShapeError, DataError, OptionError
        X or Y holds no finite real numbers or does not fit the network, a label is no class, or
        `bins` is below 1.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net, (X, Y) = bp.Network([2, 4, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
    >>> record = LayerRecord(X, Y)
    >>> run = bp.train(net, X, Y, epochs=3, callbacks=[record])
    >>> record.epochs.tolist(), record.delta_norms.shape, record.counts.sum(axis=-1)[0].tolist()
    ([0, 1, 2, 3], (4, 2), [16, 4])
    """

    built_in: ClassVar[bool] = True

    def __init__(self, X: Any, Y: Any, *, bins: int = 40) -> None:
        self._X = real_host_array(X, "LayerRecord(X)")
        self._Y = real_host_array(Y, "LayerRecord(Y)")
        self._bins = check_count(bins, "LayerRecord(bins)", least=1)
        self._entries: list[tuple[Any, ...]] = []

    @property
    def epochs(self) -> NDArray[Any]:
        """The epochs of the T entries, (T,), from 0 for θ before the first epoch.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 3, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y, bins=10)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> record.epochs
        array([0, 1, 2])
        """
        return self._column("epochs")

    @property
    def delta_norms(self) -> NDArray[Any]:
        """The mean over the cases of ‖∂E_c/∂z^l‖, (T, L, *stack).

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 3, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y, bins=10)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> record.delta_norms.shape
        (3, 2)
        """
        return self._column("delta_norms")

    @property
    def gradient_norms(self) -> NDArray[Any]:
        """‖∂E/∂W^l‖ for the mean cost E over the cases, (T, L, *stack).

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 3, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y, bins=10)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> record.gradient_norms.shape
        (3, 2)
        """
        return self._column("gradient_norms")

    @property
    def edges(self) -> NDArray[Any]:
        """The edges of the bins, (T, L, bins + 1).

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 3, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y, bins=10)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> record.edges.shape
        (3, 2, 11)
        """
        return self._column("edges")

    @property
    def counts(self) -> NDArray[Any]:
        """The activations in each bin, (T, L, bins).

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 3, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y, bins=10)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> record.counts.sum(axis=-1)[0]  # 3 and 1 units, 4 cases
        array([12,  4])
        """
        return self._column("counts")

    def on_train_start(self, progress: Progress) -> None:
        """Check the cases, forget an earlier run unless this run resumes it, and record θ.

        Raises
        ------
        ShapeError, DataError

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 1], output="sigmoid", loss="huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y)
        >>> runs = [bp.train(net, X, Y, epochs=2, callbacks=[record]) for _ in range(2)]
        >>> record.epochs.tolist()
        [0, 1, 2]
        """
        net, theta = progress.network, progress.theta
        self._cases = _cases(net, theta, self._X, self._Y)
        before = self._entries if progress.epoch else []
        self._entries = [entry for entry in before if entry[0] < progress.epoch]
        self.on_epoch_end(progress)

    def on_epoch_end(self, progress: Progress) -> None:
        """Record the layers for θ after the epoch.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 1], output="sigmoid", loss="huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> record.epochs.tolist()
        [0, 1, 2]
        """
        delta_norms, gradient_norms, activations = _of_layers(
            progress.network, progress.theta, self._cases
        )
        histograms = [_histogram(a, self._bins) for a in activations]
        edges, counts = (np.stack(of) for of in zip(*histograms, strict=True))
        self._entries.append((progress.epoch, delta_norms, gradient_norms, edges, counts))

    def state(self) -> Mapping[str, Any]:
        """Return the record so far, for a checkpoint.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 1], output="sigmoid", loss="huber"), bp.datasets.xor()
        >>> record = bp.callbacks.LayerRecord(X, Y)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> sorted(record.state())
        ['counts', 'delta_norms', 'edges', 'epochs', 'gradient_norms']
        """
        return {name: self._column(name) for name in _NAMES} if self._entries else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a record that `state` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            `state` is no such record.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net, (X, Y) = bp.Network([2, 1], output="sigmoid", loss="huber"), bp.datasets.xor()
        >>> record, other = bp.callbacks.LayerRecord(X, Y), bp.callbacks.LayerRecord(X, Y)
        >>> run = bp.train(net, X, Y, epochs=2, callbacks=[record])
        >>> other.restore(record.state())
        >>> other.epochs.tolist()
        [0, 1, 2]
        """
        self._entries = []
        if state:
            read = [np.array(state[name]) for name in _NAMES]
            epochs, *others = read
            self._entries = list(zip([int(n) for n in epochs], *others, strict=True))

    def _column(self, name: str) -> NDArray[Any]:
        place = _NAMES.index(name)
        return np.array([entry[place] for entry in self._entries])


def _cases(net: Network, theta: Array, X: HostArray, Y: HostArray) -> tuple[Array, Array, Array]:
    """Return a^0, y and w in columns beside θ, after checking the values."""
    labels = Y.dtype.kind in "biu"
    with context(theta):
        x, y = from_host_like(X, theta), from_host_like(Y, theta, "int32" if labels else None)
        cases = net.in_columns(theta, x, y, None, "LayerRecord")
        for given, name in ((X, "X"), (Y, "Y")):
            check_finite(given, f"LayerRecord({name})", "float64")
        shape = X.shape[-2], net.sizes[-1], tuple(theta.shape[:-1])
        if net.are_classes(columns.kind_of_targets(y, *shape, "LayerRecord(Y)")):
            check_labels(y, net.sizes[-1], "LayerRecord(Y)")
        return cases


@ignore_overflow
def _of_layers(
    net: Network, theta: Array, cases: tuple[Array, Array, Array]
) -> tuple[HostArray, HostArray, list[HostArray]]:
    """Return ‖δ^l‖ and ‖∂E/∂W^l‖, (L, *stack) each, and a^l (..., n, m) of each layer."""
    a_in, y, w = cases
    with context(theta):
        xp, exists = namespace(theta), net.existing(theta)
        layers = net.layers(theta, exists)
        z, a = backpropagation.forward_pass(layers, net.activations, a_in)
        delta_out = net.output_with_loss.error(z[-1], a[-1], y, w)
        deltas = backpropagation.backward_pass(layers, net.activations, z, a, delta_out)
        packed = parameters.pack(backpropagation.parameter_gradients(deltas, a))
        # the weights 1/m of the cases make the sum of the norms their mean
        of_deltas = [xp.sum(xp.sqrt(xp.sum(d * d, axis=-2)), axis=-1) for d in deltas]
        gradients = [dE_dW for dE_dW, _ in net.layers(packed, exists)]
        of_gradients = [xp.sqrt(xp.sum(dE_dW * dE_dW, axis=(-2, -1))) for dE_dW in gradients]
        norms = [np.stack([to_host(one) for one in of]) for of in (of_deltas, of_gradients)]
        return norms[0], norms[1], [to_host(one) for one in a[1:]]


def _histogram(a: HostArray, bins: int) -> tuple[HostArray, HostArray]:
    """Return the edges (bins + 1,) and the counts (bins,) of the finite activations."""
    finite = np.asarray(a, dtype=np.float64)[np.isfinite(a)]
    counts, edges = np.histogram(finite, bins)
    return edges, counts
