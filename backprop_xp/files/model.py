"""A model as it is loaded: a network, its parameters, and predictions in the user's terms."""

from dataclasses import replace
from typing import Any, Generic, NamedTuple

from numpy.typing import NDArray

from backprop_xp.activations import Identity, Sigmoid, Softmax
from backprop_xp.arrays.backend import ArrayT_co, HostArray, dtype_name, is_array, to_host
from backprop_xp.arrays.rows import is_source
from backprop_xp.errors import MissingMethodError
from backprop_xp.files.input_rows import InputRows, check_columns, is_real
from backprop_xp.files.meaning import Meaning
from backprop_xp.network.data_values import check_finite
from backprop_xp.network.decisions import decided, probabilities
from backprop_xp.network.network import Network
from backprop_xp.network.prediction import predict
from backprop_xp.preprocessing.step import Step
from backprop_xp.preprocessing.table import WHERE, is_frame

__all__ = ["Model"]


class _Pair(NamedTuple, Generic[ArrayT_co]):
    network: Network
    theta: ArrayT_co


class Model(_Pair[ArrayT_co]):
    """A network and its parameters, as `load` returns them; it unpacks as ``net, theta``.

    A model that was saved from an estimator or a pipeline also knows its columns, its preprocessing
    and its classes. `predict` and `predict_proba` then take rows as the pipeline took them.

    Attributes
    ----------
    network : Network
    theta : array (..., P)
    classes : array (n_classes,) or None
        The classes, or the numbers of the labels; None where the model predicts numbers.
    feature_names : tuple of str
        The names of the columns in the order of training; empty where they had none.
    preprocessing : Step or None
        The step that makes the network's inputs of the columns, on the host and in float64; None
        where the columns are the inputs.

    Examples
    --------
    >>> net = Network([2, 3, 1])
    >>> model = Model(net, net.init())
    >>> model.network.parameter_count, model.theta.shape, model.classes
    (13, (13,), None)
    >>> net, theta = model
    """

    meaning: Meaning

    def __new__(
        cls, network: Network, theta: ArrayT_co, meaning: Meaning | None = None
    ) -> "Model[ArrayT_co]":
        """Return the model; None stands for a meaning of outputs as they are."""
        new: Any = super().__new__
        model: Model[ArrayT_co] = new(cls, network, theta)
        model.meaning = Meaning() if meaning is None else meaning
        return model

    @property
    def classes(self) -> HostArray | None:
        """The classes, or the numbers of the labels; None where the model predicts numbers.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network([2, 3])
        >>> Model(net, net.init(), Meaning(np.array(["a", "b", "c"]), flat=True)).classes
        array(['a', 'b', 'c'], dtype='<U1')
        """
        return self.meaning.classes

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns in the order of training; empty where they had none.

        Examples
        --------
        >>> net = Network([2, 3])
        >>> Model(net, net.init(), Meaning(feature_names=("length", "width"))).feature_names
        ('length', 'width')
        """
        return self.meaning.feature_names

    @property
    def preprocessing(self) -> Step | None:
        """The step that makes the network's inputs of the columns; None where there is none.

        Examples
        --------
        >>> import numpy as np
        >>> from backprop_xp.preprocessing.scaling import Standardisation
        >>> net = Network([1, 3])
        >>> step = Standardisation(np.array([20.0]), np.array([5.0]))
        >>> Model(net, net.init(), Meaning(preprocessing=step)).preprocessing
        Standardisation(mean=array([20.]), spread=array([5.]))
        """
        return self.meaning.preprocessing

    def predict(self, X: Any) -> HostArray:
        """Return the predicted classes, labels or numbers, on the host.

        Parameters
        ----------
        X : array, list, data frame, CSR matrix or file (m, n)
            Rows as in training. A data frame may have its columns in any order, and further ones.
            An array of any library is moved to the device of θ.

        Returns
        -------
        array
            One class or number for each case, (m,), or several, (m, n_out), as the y of training.
            Outputs (..., m, n_out) where the model was saved as ``net, theta``.

        Raises
        ------
        DataError
            A column is missing, a number is not finite, or a category is unknown where these are
            refused.
        ShapeError, DTypeError
            X has another number of columns, or a text where a number is expected.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network([2, 1], output="identity", loss="squared_error")
        >>> Model(net, np.array([2.0, 3.0, 0.5])).predict([[1, 0], [0, 1]])
        array([[2.5],
               [3.5]])
        """
        outputs = to_host(predict(self.network, self.theta, self._inputs(X)))
        predicted: NDArray[Any] = decided(outputs, self.classes, self.meaning.flat)
        return predicted

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class or label, (m, n_classes), on the host.

        Parameters
        ----------
        X : array, list, data frame, CSR matrix or file (m, n)
            As `predict` takes it.

        Raises
        ------
        MissingMethodError
            The model predicts numbers, or was saved without its classes.
        DataError, ShapeError, DTypeError
            As `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network([1, 1], output="sigmoid", loss="binary_cross_entropy")
        >>> meaning = Meaning(classes=np.array(["no", "yes"]), flat=True)
        >>> Model(net, np.array([2.0, 0.0]), meaning).predict_proba([[0.0]])
        array([[0.5, 0.5]])
        """
        output = self.network.output
        if self.classes is None or not isinstance(output, Sigmoid | Softmax):
            raise MissingMethodError(
                "predict_proba",
                "a model without classes",
                "one that was saved from a classifier",
                "Use predict",
            )
        linear = replace(self.network, output=Identity())
        z = to_host(predict(linear, self.theta, self._inputs(X)))
        found: NDArray[Any] = probabilities(z, output, self.classes, self.meaning.flat)
        return found

    def inputs(self, X: Any) -> HostArray:
        """Return the network's inputs, (m, n_in), for rows as `predict` takes them.

        Examples
        --------
        >>> import numpy as np
        >>> from backprop_xp.preprocessing.scaling import Standardisation
        >>> step = Standardisation(np.array([20.0]), np.array([5.0]))
        >>> net = Network([1, 1])
        >>> Model(net, net.init(), Meaning(preprocessing=step)).inputs([[30.0]])
        array([[2.]])
        """
        found = self._inputs(X)
        return found[:] if isinstance(found, InputRows) else to_host(found)

    def _inputs(self, X: Any) -> Any:
        """Return an array of inputs, or rows that are read a block at a time."""
        meaning, dtype = self.meaning, dtype_name(self.theta.dtype)
        named = bool(meaning.feature_names) and is_frame(X)
        direct = is_array(X) and not is_source(X)
        if meaning.preprocessing is None and direct and not named:
            if X.ndim == self.theta.ndim + 1 or X.ndim == 2:
                check_columns(X.shape, self.network.sizes[0])
            check_finite(X, WHERE, dtype) if is_real(X) and 0 not in X.shape else None
            return X
        return InputRows(X, meaning, meaning.columns(self.network), self.network.sizes[0], dtype)
