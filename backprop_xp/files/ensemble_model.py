"""An ensemble: networks of several architectures, each with a weight, that predict together."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from backprop_xp.activations import Identity
from backprop_xp.arrays.backend import Array, HostArray, dtype_name, to_host
from backprop_xp.arrays.devices import Device
from backprop_xp.arrays.moves import move
from backprop_xp.errors import (
    DataError,
    DTypeError,
    MissingMethodError,
    OptionError,
    ShapeError,
)
from backprop_xp.files.input_rows import InputRows
from backprop_xp.files.meaning import Meaning
from backprop_xp.network.decisions import decided, probabilities
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict
from backprop_xp.preprocessing.inputs import text_columns
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import WHERE, is_frame
from backprop_xp.preprocessing.unknown_levels import unknown_levels

__all__ = ["EnsembleModel", "Member", "weighted_mean"]

_ROWS: Final = 2**13  # that are preprocessed at once


@dataclass(frozen=True, eq=False)
class Member:
    """The networks of one architecture in an ensemble.

    Attributes
    ----------
    network : Network
    theta : array (K, P)
        The parameters of K networks.
    weights : array (K,)
        The weight of each network. All weights of an ensemble, over all its members, add up to 1.
    """

    network: Network
    theta: Any
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EnsembleModel:
    """An ensemble, as `load` returns it from the file of one.

    The prediction is the weighted mean of the networks' outputs, for classes of their
    probabilities.

    Attributes
    ----------
    members : tuple of Member
        One for each architecture.
    meaning : Meaning
        The columns, the preprocessing and the classes.
    decided : dict or None
        How the table of training was read, as `MixedTable.decided`; None where it was no table of
        ``backprop-xp train``. A data frame with the columns of that table is read the same way. A
        UserWarning names each column of categories in which at least a tenth of the cells are
        levels that training has not seen.

    Examples
    --------
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> both = Member(net, np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([0.5, 0.5]))
    >>> model = EnsembleModel((both,), Meaning(flat=True))
    >>> model.predict([[10.0]]), model.predict_std([[10.0]])
    (array([20.]), array([10.]))
    """

    members: tuple[Member, ...]
    meaning: Meaning
    decided: Mapping[str, Any] | None = None

    @property
    def classes(self) -> HostArray | None:
        """The classes; None where the ensemble predicts numbers.

        Examples
        --------
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> member = Member(net, net.init(stack=2), np.array([0.5, 0.5]))
        >>> EnsembleModel((member,), Meaning(flat=True)).classes is None
        True
        """
        return self.meaning.classes

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns in the order of training; empty where they had none.

        Examples
        --------
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> member = Member(net, net.init(stack=2), np.array([0.5, 0.5]))
        >>> EnsembleModel((member,), Meaning(flat=True, feature_names=("size",))).feature_names
        ('size',)
        """
        return self.meaning.feature_names

    @property
    def preprocessing(self) -> Step | None:
        """The step that makes the networks' inputs of the columns; None where there is none.

        Examples
        --------
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> member = Member(net, net.init(stack=2), np.array([0.5, 0.5]))
        >>> EnsembleModel((member,), Meaning(flat=True)).preprocessing is None
        True
        """
        return self.meaning.preprocessing

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of all networks, member by member.

        Examples
        --------
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> member = Member(net, net.init(stack=2), np.array([0.25, 0.75]))
        >>> EnsembleModel((member,), Meaning(flat=True)).weights
        array([0.25, 0.75])
        """
        return np.concatenate([member.weights for member in self.members])

    def predict(self, X: Any) -> HostArray:
        """Return the predicted classes or numbers, (m,) or (m, n_out), on the host.

        Parameters
        ----------
        X : array, list or data frame (m, n)
            Rows as in training. A data frame may have its columns in any order, and further ones.
            Where `decided` is known, a frame may hold the table as it comes, with dates and texts.

        Raises
        ------
        DataError, ShapeError, DTypeError
            As `Model.predict`, and as `datasets.read_like` for a frame as it comes.

        Examples
        --------
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> member = Member(net, np.array([[2.0, 1.0]]), np.array([1.0]))
        >>> EnsembleModel((member,), Meaning(flat=True)).predict([[3.0]])
        array([7.])
        """
        mean, classes = weighted_mean(self._outputs(X), self.weights), self.classes
        if classes is None:
            found: HostArray = decided(mean, None, self.meaning.flat)
            return found
        return np.asarray(classes[np.argmax(mean, axis=-1)])

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, (m, n_classes), on the host.

        Raises
        ------
        MissingMethodError
            The ensemble predicts numbers.
        DataError, ShapeError, DTypeError
            As `predict`.

        Examples
        --------
        >>> net = Network([1, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> member = Member(net, np.array([[2.0, 0.0]]), np.array([1.0]))
        >>> meaning = Meaning(classes=np.array(["no", "yes"]), flat=True)
        >>> EnsembleModel((member,), meaning).predict_proba([[0.0]])
        array([[0.5, 0.5]])
        """
        if self.classes is None:
            came, expected = "an ensemble without classes", "one of a classifier"
            raise MissingMethodError("predict_proba", came, expected, "Use predict")
        return weighted_mean(self._outputs(X), self.weights)

    def predict_std(self, X: Any) -> NDArray[Any]:
        """Return the spread of the networks, √(Σ_k w_k (a_k − ā)²), for each number or probability.

        Returns
        -------
        array (m,), (m, n_out) or (m, n_classes)

        Raises
        ------
        DataError, ShapeError, DTypeError
            As `predict`.

        Examples
        --------
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> both = Member(net, np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([0.5, 0.5]))
        >>> EnsembleModel((both,), Meaning(flat=True)).predict_std([[1.0]])
        array([1.])
        """
        outputs, w = self._outputs(X), self.weights
        spread = np.sqrt(weighted_mean((outputs - weighted_mean(outputs, w)) ** 2, w))
        one = self.classes is None and self.meaning.flat
        return spread[:, 0] if one else spread

    def on(self, device: Device) -> "EnsembleModel":
        """Return the ensemble with its parameters on a device.

        Examples
        --------
        >>> from backprop_xp.arrays.devices import select_device
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> member = Member(net, net.init(stack=2), np.array([0.25, 0.75]))
        >>> moved = EnsembleModel((member,), Meaning(flat=True)).on(select_device("cpu"))
        >>> moved.members[0].theta.shape
        (2, 2)
        """
        members = []
        for one in self.members:
            dtype = dtype_name(one.theta.dtype)
            moved = move(one.theta, device.xp, device.handle, dtype)
            members.append(replace(one, theta=moved))
        return replace(self, members=tuple(members))

    def __repr__(self) -> str:
        networks, kinds = len(self.weights), len(self.members)
        n, classes = self.meaning.columns(self.members[0].network), self.classes
        of = "numbers" if classes is None else f"{len(classes)} classes {classes.tolist()!r:.60}"
        counts = ((n, "column"), (networks, "network"), (kinds, "architecture"))
        what = ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts)
        return f"EnsembleModel({what}, {of})"

    def __iter__(self) -> Iterator[NoReturn]:
        came = f"an ensemble of {len(self.members)} architectures, to be unpacked"
        expected = "its members: model.members[0].network and model.members[0].theta"
        raise OptionError("net, theta = model", came, expected, "Or call model.predict(X)")

    def _outputs(self, X: Any) -> NDArray[Any]:
        """Return the outputs of all networks, for classes their probabilities, (K, m, n)."""
        classes, flat = self.classes, self.meaning.flat
        try:
            rows = self._rows(self._as_in_training(X))
            blocks = [
                np.concatenate([_outputs_of(one, x, classes, flat) for one in self.members])
                for x in self._blocks(rows)
            ]
        except (DataError, DTypeError, ShapeError) as error:
            if self.decided is None or error.parts[0] != WHERE:
                raise
            _, came, expected, _ = error.parts
            advice = "Read a table as it comes by datasets.read_like(X, model.decided)"
            raise type(error)(WHERE, came, expected, f"{advice}, and pass its rows()") from None
        step = self.preprocessing
        if self.decided is not None and step is not None and text_columns(step):
            for column in unknown_levels(step, rows.table()):
                warnings.warn(str(column), stacklevel=3)
        return np.concatenate(blocks, axis=1)

    def _rows(self, X: Any) -> InputRows:
        first = self.members[0]
        n, n_in = self.meaning.columns(first.network), first.network.sizes[0]
        return InputRows(X, self.meaning, n, n_in, dtype_name(first.theta.dtype))

    def _blocks(self, rows: InputRows) -> Iterator[HostArray]:
        """Yield the networks' inputs for some rows after others."""
        dtype = dtype_name(self.members[0].theta.dtype)
        for start in range(0, max(rows.shape[0], 1), _ROWS):
            yield rows[start : start + _ROWS].astype(dtype)

    def _as_in_training(self, X: Any) -> Any:
        """Return the rows of a frame with the columns of the table that was read.

        A frame may have the features instead, such as one that `read_like` has made numbers of.

        Raises
        ------
        DataError
            A column is missing.
        """
        if self.decided is None or not is_frame(X):
            return X
        from backprop_xp.datasets.mixed import read_like  # which most calls do without

        present = set(map(str, X.columns))
        as_it_comes = present.issuperset(str(one["name"]) for one in self.decided["columns"])
        if not as_it_comes and present.issuperset(self.feature_names):
            return X
        return read_like(X, self.decided).rows()


def _outputs_of(member: Member, x: HostArray, classes: Any, flat: bool) -> NDArray[Any]:
    """Return the outputs of a member's networks, or the probabilities of classes, (K, m, n)."""
    net = member.network
    if classes is None:
        return np.asarray(to_host(predict(net, member.theta, x)), dtype=np.float64)
    z: Array = predict(replace(net, output=Identity()), member.theta, x)
    z = to_host(z).astype(np.float64)
    return np.asarray(probabilities(z, net.output, classes, flat))


def weighted_mean(outputs: Any, weights: Sequence[float] | HostArray) -> NDArray[np.float64]:
    """Return Σ_k w_k a_k over the first axis, for weights that add up to 1.

    Examples
    --------
    >>> weighted_mean(np.array([[1.0], [3.0]]), [0.75, 0.25])
    array([1.5])
    """
    return np.asarray(np.tensordot(np.asarray(weights, dtype=np.float64), outputs, axes=1))
