"""The meaning of a network's outputs in an estimator: classes, labels or numbers."""

from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import Sigmoid, Softmax
from backprop_xp.arrays.backend import Array, HostArray, context, device_of, namespace
from backprop_xp.errors import OptionError
from backprop_xp.estimators.user_arrays import classes_of_labels
from backprop_xp.losses import find_loss

__all__ = ["Head"]

LOG_LOSS = "log_loss"  # scikit-learn's name for cross-entropy


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
    sparse : bool
        Whether labels come and go as a sparse matrix.
    """

    units: int
    activation: str
    loss: str
    classes: HostArray | None = None
    flat: bool = True
    sparse: bool = False

    @classmethod
    def of_classes(cls, classes: HostArray) -> "Head":
        """Return the head for one class of several for each case, in sorted order.

        Examples
        --------
        >>> Head.of_classes(np.array(["x", "y"])).units, Head.of_classes(np.arange(3)).activation
        (1, 'softmax')
        """
        if len(classes) <= 2:
            return cls(1, "sigmoid", "binary_cross_entropy", classes)
        return cls(len(classes), "softmax", "cross_entropy", classes)

    @classmethod
    def of_labels(cls, count: int, sparse: bool = False) -> "Head":
        """Return the head for any number of `count` labels for each case."""
        labels = np.arange(count)
        return cls(count, "sigmoid", "binary_cross_entropy", labels, flat=False, sparse=sparse)

    @classmethod
    def of_numbers(cls, count: int, flat: bool, loss: Any) -> "Head":
        """Return the head for `count` numbers for each case."""
        activation = "exp" if getattr(loss, "name", loss) == "poisson" else "identity"
        return cls(count, activation, "squared_error", flat=flat)

    def decide(self, outputs: Array) -> Any:
        """Return the predictions, (m,) or (m, units), for outputs (m, units), where these are."""
        if self.classes is None:
            return outputs[:, 0] if self.flat else outputs
        xp = namespace(outputs)
        with context(outputs):
            if self.flat and self.units > 1:
                return classes_of_labels(xp.argmax(outputs, axis=1), self.classes)
            labels = xp.astype(outputs > 0.5, _whole_numbers(outputs))
            if not self.flat:
                return _as_sparse(labels) if self.sparse else labels
            labels = labels[:, 0] * (len(self.classes) - 1)  # 0 where there is one class
            return classes_of_labels(labels, self.classes)

    def probabilities(self, z: Array) -> Any:
        """Return the probability of each class or label, (m, n_classes), from z^L (m, units)."""
        with context(z):
            if self.flat and self.classes is not None and len(self.classes) == 1:
                return namespace(z).ones_like(z)  # the only class there is
            return self._of_classes()(self._class_inputs(z)).mT

    def log_probabilities(self, z: Array) -> Any:
        """Return the logarithms of `probabilities`, finite where a probability rounds to 0.

        For a label above ½ it is the logarithm of the rounded probability, as in scikit-learn: the
        labels of a case then have the same order by both, also where probabilities round to 1.
        """
        xp = namespace(z)
        with context(z):
            if self.flat and self.classes is not None and len(self.classes) == 1:
                return xp.zeros_like(z)
            logarithms = self._of_classes().log(self._class_inputs(z)).mT
            if self.flat:
                return logarithms
            p = self.probabilities(z)
            return xp.where(p > 0.5, xp.log(xp.maximum(p, 0.5)), logarithms)

    def _of_classes(self) -> Sigmoid | Softmax:
        return Softmax() if self.activation == "softmax" else Sigmoid()

    def _class_inputs(self, z: Any) -> Any:
        """Return z with a row for each class, (n_classes, m).

        One sigmoid unit is two classes. The first has the probability 1 − σ(z) = σ(−z), from which
        σ(−z) loses no digit.
        """
        two = self.flat and self.units == 1
        return namespace(z).concat([-z.mT, z.mT], axis=0) if two else z.mT

    def loss_for(self, given: Any) -> Any:
        """Return the given loss, or the default loss for None.

        Raises
        ------
        OptionError
            The loss is unknown, or it is one of classes and the outputs are numbers.
        """
        if given is None or (self.classes is not None and given == LOG_LOSS):
            return self.loss
        loss = find_loss(given, "loss")
        name = getattr(loss, "name", "")
        if name == "cross_entropy" and self.activation == "sigmoid":
            return self.loss  # binary cross-entropy: cross-entropy of a class and its complement
        if self.classes is None and name in ("cross_entropy", "binary_cross_entropy"):
            raise OptionError("loss", repr(given), "a loss of numbers", "Use 'huber' for one")
        return loss


def _whole_numbers(x: Array) -> Any:
    """Return the dtype of predicted labels: int64, or int32 where the library has no int64."""
    known = namespace(x).__array_namespace_info__().dtypes(device=device_of(x))
    return known.get("int64", known["int32"])


def _as_sparse(labels: HostArray) -> Any:
    """Return labels (m, units) as a sparse matrix, as scikit-learn returns them."""
    from scipy.sparse import csr_matrix

    return csr_matrix(labels)
