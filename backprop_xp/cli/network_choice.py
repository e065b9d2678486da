"""The choice of a network for the data, and of the standardisation for its training."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import to_host
from backprop_xp.cli.evaluation import are_labels, is_binary
from backprop_xp.cli.standardisation import scaling_of_inputs, scaling_of_targets
from backprop_xp.cli.training_data import Cases, TrainingData
from backprop_xp.datasets.mixed.source import is_table
from backprop_xp.errors import DataError, OptionError
from backprop_xp.files.meaning import Meaning
from backprop_xp.network.folding import with_targets
from backprop_xp.network.network import Network
from backprop_xp.network.output_layer import CANONICAL_PAIRS
from backprop_xp.network.prediction import predict
from backprop_xp.preprocessing.scaling import Standardisation
from backprop_xp.preprocessing.step import applied

__all__ = ["Task", "task_for"]

_OUTPUT_OF_LOSS: Final = {pair.loss.name: pair.activation.name for pair in CANONICAL_PAIRS}
_MOST_PARAMETERS: Final = 10**9
_CHECKED_ROWS: Final = 4096
_AGREEMENT: Final = 1e-3  # between standardised outputs


@dataclass(frozen=True)
class Task:
    """A network, its data, and their standardisation for training.

    Attributes
    ----------
    net : Network
    data : TrainingData
        In the units of the file.
    inputs, targets : Standardisation or None
        The standardisation of inputs and of targets; None where they are left as they are.
    """

    net: Network
    data: TrainingData
    inputs: Standardisation | None
    targets: Standardisation | None

    def standardised(self, cases: Cases) -> Cases:
        """Return the cases standardised, as training takes them."""
        Y = cases.Y if self.targets is None else applied(self.targets, cases.Y)
        return Cases(self.inputs_of(cases.X), Y)

    def inputs_of(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return X in the units that the network takes."""
        return X if self.inputs is None else applied(self.inputs, X)

    @property
    def meaning(self) -> Meaning:
        """The columns, their standardisation and the classes, as a model file holds them."""
        notes = self.data.notes
        flat = notes.class_names is not None or self.data.n_out == 1
        return Meaning(notes.classes, flat, notes.feature_names, self.inputs)

    def theta_for_file(self, theta: NDArray[Any]) -> NDArray[Any]:
        """Return the parameters of a network whose outputs are in the units of the file.

        Their dtype is θ's where the outputs agree with those of the trained network. It is float64
        elsewhere: where the mean of a target is far above its spread, its numbers need more digits.
        """
        if self.targets is None:
            return theta
        exact = with_targets(self.net, theta, self.targets.mean, self.targets.spread)
        X = self.inputs_of(self.data.train.X[:_CHECKED_ROWS])
        expected = to_host(predict(self.net, theta.astype(np.float64), X))
        narrow = exact.astype(theta.dtype)
        found = applied(self.targets, to_host(predict(self.net, narrow, X)))
        agree = np.abs(found - expected).max() <= _AGREEMENT * max(1, np.abs(expected).max())
        return narrow if agree else exact


def task_for(
    data: TrainingData, hidden: list[int], activation: str, loss: str | None = None
) -> Task:
    """Return the task of training a network on the data.

    Parameters
    ----------
    data : TrainingData
    hidden : list of int
        The sizes of the hidden layers.
    activation : str
        The activation of the hidden layers. The activation of the outputs is the one that
        forms a canonical pair with the loss, or else the identity.
    loss : str, optional
        Default: cross_entropy for labels, binary_cross_entropy for targets that are all 0 or 1,
        squared_error for others.

    Raises
    ------
    DataError
        The loss is not defined for the targets, or a column cannot be standardised.
    OptionError
        A name is unknown, or the network has too many parameters.
    """
    X, Y = data.train
    if loss is None and are_labels(Y):
        loss = "cross_entropy"
    elif loss is None:
        loss = "binary_cross_entropy" if is_binary(Y) else "squared_error"
    _check_range(loss, data)
    output = _OUTPUT_OF_LOSS.get(loss, "identity")
    net = Network([X.shape[1], *hidden, data.n_out], activation, output, loss)
    if net.parameter_count > _MOST_PARAMETERS:
        came, expected = f"{net.parameter_count:,} parameters", f"at most {_MOST_PARAMETERS:,}"
        raise OptionError("--hidden", came, expected, "Choose smaller layers")
    inputs = scaling_of_inputs(X, data.notes.feature_names) if data.from_file else None
    scaled_targets = data.from_file and output == "identity" and not are_labels(Y)
    return Task(net, data, inputs, scaling_of_targets(Y) if scaled_targets else None)


def _check_range(loss: str, data: TrainingData) -> None:
    """Refuse targets, trained on or held out, for which the loss is not defined."""
    parts = [cases.Y for cases in (data.train, data.held_out) if cases is not None]
    if are_labels(parts[0]):
        return
    Y = np.concatenate(parts)
    low, high, totals = Y.min(), Y.max(), Y.sum(axis=1, dtype=np.float64)
    sum_to_1 = Y.shape[1] > 1 and np.abs(totals - 1).max() < 1e-3
    good, expected = {
        "cross_entropy": (low >= 0 and sum_to_1, "classes, or shares that sum to 1"),
        "binary_cross_entropy": (low >= 0 and high <= 1, "classes, or targets from 0 to 1"),
        "poisson": (low >= 0, "counts >= 0"),
    }.get(loss, (True, ""))
    if not good:
        came = f"targets from {low:g} to {high:g} for {loss}"
        advice = "Use --loss squared_error"
        if loss == "cross_entropy" and Y.shape[1] == 1 and (np.rint(Y) == Y).all():
            advice = "Number the classes from 0"
            if is_table(data.notes.data):
                advice += ", or leave --single and --loss out: the ensemble takes them as they are"
        raise DataError(data.notes.data, came, expected, advice)
