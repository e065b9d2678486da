"""An ONNX graph that is being built: its nodes, and its constants."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from backprop_xp.exchange.unique_names import unique_name

__all__ = ["Graph"]

_FEW = 9  # elements: equal constants of fewer are one


class Graph:
    """The nodes and constants of an ONNX graph.

    Parameters
    ----------
    names : sequence of str
        Names that belong to inputs and outputs.

    Attributes
    ----------
    nodes, initializers : list
        Of onnx.

    Examples
    --------
    >>> graph = Graph(["x"])
    >>> graph.node("Add", "x", graph.constant(np.array(2.0)))
    'add'
    >>> graph.nodes[0].input
    ['x', 'constant']
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._onnx: Any = import_module("onnx")
        self._names = set(names)
        self._known: dict[Any, str] = {}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def element_type(self, dtype: Any) -> int:
        """Return ONNX's number of a dtype of NumPy; that of texts for object.

        Examples
        --------
        >>> Graph().element_type("float32"), Graph().element_type(object)
        (1, 8)
        """
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of its result.

        Parameters
        ----------
        operator : str
            Of ONNX.
        inputs : str
            The names of values.
        name : str
            The name of the result, to which a number is added where it is taken.
        attributes
            Of the operator.

        Examples
        --------
        >>> graph = Graph()
        >>> graph.node("Exp", "x"), graph.node("Exp", "x")
        ('exp', 'exp_2')
        """
        result = self._unique(name or operator.lower())
        make = self._onnx.helper.make_node
        self.nodes.append(make(operator, list(inputs), [result], name=result, **attributes))
        return result

    def constant(self, values: Any, name: str = "constant") -> str:
        """Add a constant, and return its name; equal constants of few elements are one.

        Examples
        --------
        >>> graph = Graph()
        >>> graph.constant(np.array(1.0)), graph.constant(np.array(1.0))
        ('constant', 'constant')
        """
        array = np.array(values, order="C")
        array = array.astype(object) if array.dtype.kind in "US" else array
        described = array.dtype.str, array.shape, repr(array.tolist())
        key: Any = described if array.size < _FEW else object()
        if key not in self._known:
            self._known[key] = self._unique(name)
            made = self._onnx.numpy_helper.from_array(array, self._known[key])
            self.initializers.append(made)
        return self._known[key]

    def cast(self, value: str, dtype: Any) -> str:
        """Add a conversion of a value to a dtype, and return the name of the result.

        Examples
        --------
        >>> Graph().cast("x", "float64")
        'cast'
        """
        return self.node("Cast", value, to=self.element_type(dtype))

    def output(self, value: str, name: str) -> None:
        """Give a value the name of an output of the graph.

        Examples
        --------
        >>> graph = Graph(["y"])
        >>> graph.output(graph.node("Exp", "x"), "y")
        >>> graph.nodes[-1].output
        ['y']
        """
        make = self._onnx.helper.make_node
        self.nodes.append(make("Identity", [value], [name], name=f"to_{name}"))

    def _unique(self, name: str) -> str:
        unique = unique_name(name, self._names)
        self._names.add(unique)
        return unique
