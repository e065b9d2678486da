"""The meaning of a network's outputs in an estimator: classes, labels or numbers."""

from typing import Any, NamedTuple

from backprop_xp.activations import find_activation
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.losses import find_loss
from backprop_xp.network.decisions import decided, log_probabilities, probabilities

__all__ = ["Head"]


class Head(NamedTuple):
    """The output layer of an estimator's network, and the way from outputs to predictions.

    Attributes
    ----------
    units : int
        The number of output units.
    activation : str
        The activation of the outputs.
    loss : str
        The default loss.
    classes : array (n_classes,) or None
        The classes in sorted order, or the numbers of the labels; None where y holds numbers.
    flat : bool
        Whether y has one class or number for each case, (m,), not several, (m, units).
    """

    units: int
    activation: str
    loss: str
    classes: HostArray | None = None
    flat: bool = True

    def decide(self, outputs: HostArray) -> HostArray:
        """Return the predictions, (m,) or (m, units), for outputs (m, units)."""
        return decided(outputs, self.classes, self.flat)

    def probabilities(self, z: HostArray) -> HostArray:
        """Return the probability of each class or label, (m, n_classes), from z^L (m, units)."""
        return probabilities(z, find_activation(self.activation, "activation"), self.flat)

    def log_probabilities(self, z: HostArray) -> HostArray:
        """Return the logarithms of `probabilities`, finite where a probability rounds to 0."""
        return log_probabilities(z, find_activation(self.activation, "activation"), self.flat)

    def loss_for(self, given: Any) -> Any:
        """Return the given loss, or the default loss for None.

        Raises
        ------
        OptionError
            The loss is unknown, or it is one of classes and the outputs are numbers.
        """
        if given is None:
            return self.loss
        loss = find_loss(given, "loss")
        name = getattr(loss, "name", "")
        if name == "cross_entropy" and self.activation == "sigmoid":
            return self.loss  # binary cross-entropy: cross-entropy of a class and its complement
        if self.classes is None and name in ("cross_entropy", "binary_cross_entropy"):
            raise OptionError("loss", repr(given), "a loss of numbers", "Use 'huber' for one")
        return loss
