"""The meaning of a network's outputs in an estimator: classes, labels or numbers."""

from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import find_activation
from backprop_xp.arrays.backend import Array, HostArray, dtype_name
from backprop_xp.errors import DataError, OptionError
from backprop_xp.losses import find_loss
from backprop_xp.network.decisions import decided, log_probabilities, probabilities

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

    def check_known(self, y: Any, where: str) -> None:
        """Refuse classes that the outputs do not have, labels other than 0 and 1, and no numbers.

        Raises
        ------
        DataError
        """
        if self.classes is None:
            if not dtype_name(y.dtype).startswith(("float", "int", "uint", "bool")):
                advice = "Use MLPClassifier for classes"
                raise DataError(where, f"dtype {y.dtype}", "real numbers", advice)
            return
        known = self.classes if self.flat else np.arange(2)
        found = np.unique(y)
        unknown = found[~np.isin(found, known)]
        if len(unknown):
            came, expected = f"the classes {unknown}", f"some of {known}, which it was fitted with"
            advice = "Leave out the cases of other classes, or fit with all"
            raise DataError(where, f"{came:.200}", f"{expected:.200}", advice)

    def decide(self, outputs: Array) -> Any:
        """Return the predictions, (m,) or (m, units), for outputs (m, units), where these are."""
        predicted = decided(outputs, self.classes, self.flat)
        return _as_sparse(predicted) if self.sparse else predicted

    def probabilities(self, z: Array) -> Any:
        """Return the probability of each class or label, (m, n_classes), from z^L (m, units)."""
        output = find_activation(self.activation, "activation")
        return probabilities(z, output, self.classes, self.flat)

    def log_probabilities(self, z: Array) -> Any:
        """Return the logarithms of `probabilities`, finite where a probability rounds to 0."""
        output = find_activation(self.activation, "activation")
        return log_probabilities(z, output, self.classes, self.flat)

    def loss_for(self, given: Any) -> Any:
        """Return the given loss, or the default loss for None.

        Raises
        ------
        OptionError
            The loss is unknown, or it is one of classes and the outputs are numbers.
        """
        if given is None or (self.classes is not None and given == LOG_LOSS):
            return self.loss
        if self.classes is None and isinstance(given, str) and given == LOG_LOSS:
            given = "cross_entropy"  # by its name here, for the error below
        loss = find_loss(given, "loss")
        name = getattr(loss, "name", "")
        if name == "cross_entropy" and self.activation == "sigmoid":
            return self.loss  # binary cross-entropy: cross-entropy of a class and its complement
        if self.classes is None and name in ("cross_entropy", "binary_cross_entropy"):
            raise OptionError("loss", repr(given), "a loss of numbers", "Use 'huber' for one")
        return loss


def _as_sparse(labels: HostArray) -> Any:
    """Return labels (m, units) as a sparse matrix, as scikit-learn returns them."""
    from scipy.sparse import csr_matrix

    return csr_matrix(labels)
