"""The meaning of a network's outputs in an estimator: classes, labels or numbers."""

from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import Sigmoid, Softmax
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.losses import find_loss

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
        if self.classes is None:
            return outputs[:, 0] if self.flat else outputs
        if not self.flat:
            return (outputs > 0.5).astype(int)
        labels = (outputs[:, 0] > 0.5).astype(int) if self.units == 1 else outputs.argmax(axis=1)
        predicted: HostArray = self.classes[labels]
        return predicted

    def probabilities(self, z: HostArray) -> HostArray:
        """Return the probability of each class or label, (m, n_classes), from z^L (m, units)."""
        return np.asarray(self._of_classes()(self._class_inputs(z))).T

    def log_probabilities(self, z: HostArray) -> HostArray:
        """Return the logarithms of `probabilities`, finite where a probability rounds to 0.

        For a label above ½ it is the logarithm of the rounded probability, as in scikit-learn: the
        labels of a case then have the same order by both, also where probabilities round to 1.
        """
        logarithms = np.asarray(self._of_classes().log(self._class_inputs(z))).T
        if self.flat:
            return logarithms
        p = self.probabilities(z)
        return np.where(p > 0.5, np.log(np.maximum(p, 0.5)), logarithms)

    def _of_classes(self) -> Sigmoid | Softmax:
        return Softmax() if self.activation == "softmax" else Sigmoid()

    def _class_inputs(self, z: HostArray) -> HostArray:
        """Return z with a row for each class, (n_classes, m).

        One sigmoid unit is two classes. The first has the probability 1 − σ(z) = σ(−z), from which
        σ(−z) loses no digit.
        """
        two = self.flat and self.units == 1
        return np.vstack([-z.T, z.T]) if two else z.T

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
