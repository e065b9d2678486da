"""What the outputs of an estimator's network stand for: classes, labels or numbers."""

from typing import Any, NamedTuple

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.losses import find_loss

__all__ = ["Head"]


class Head(NamedTuple):
    """What the outputs of a network stand for.

    Attributes
    ----------
    units : int
    activation, loss : str
        The usual ones.
    classes : array (n_classes,) or None
        The classes, or the places of the labels; None for numbers.
    flat : bool
        Whether there is one class or number for a case, (m,).
    """

    units: int
    activation: str
    loss: str
    classes: HostArray | None = None
    flat: bool = True

    def decide(self, outputs: HostArray) -> HostArray:
        """Return what is predicted, (m,) or (m, units), from outputs (m, units)."""
        if self.classes is None:
            return outputs[:, 0] if self.flat else outputs
        if not self.flat:
            return (outputs > 0.5).astype(int)
        places = (outputs[:, 0] > 0.5).astype(int) if self.units == 1 else outputs.argmax(axis=1)
        found: HostArray = self.classes[places]
        return found

    def loss_for(self, given: Any) -> Any:
        """Return the loss that was given, the usual one for None.

        Raises
        ------
        OptionError
            It does not fit what the outputs stand for.
        """
        if given is None:
            return self.loss
        loss = find_loss(given)
        name = getattr(loss, "name", "")
        if name == "cross_entropy" and self.activation == "sigmoid":
            return self.loss  # of a class and of its absence, which one unit tells
        if self.classes is None and name in ("cross_entropy", "binary_cross_entropy"):
            raise OptionError("loss", repr(given), "a loss of numbers", "Such as 'huber'")
        return loss
