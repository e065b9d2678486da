"""Expressions as nodes of an ONNX graph."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import ACTIVATIONS, Activation
from backprop_xp.errors import OptionError
from backprop_xp.exchange.expressions import REDUCTIONS, Symbol, formula, in_order
from backprop_xp.exchange.normal_quantile import normal_quantile
from backprop_xp.exchange.onnx_graph import Graph

__all__ = ["NATIVE", "OPERATORS", "Native", "Value", "written"]

OPERATORS = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "pow": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "negative": "Neg",
    "abs": "Abs",
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "sqrt": "Sqrt",
    "sign": "Sign",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_not": "Not",
    "isnan": "IsNaN",
    "where": "Where",
    "text_equal": "Equal",
    "text_where": "Where",
}
"""Operators of ONNX for the operations that are one operator."""


class Native(NamedTuple):
    """An operator of ONNX that is an activation.

    Attributes
    ----------
    operator : str
    attributes : mapping of str to object
    fields : mapping of str to str
        The attribute that each field of the activation becomes.
    wide : bool
        Whether ONNX Runtime computes it in float64 to all digits.
    """

    operator: str
    attributes: Mapping[str, Any] = {}
    fields: Mapping[str, str] = {}
    wide: bool = True


NATIVE: Mapping[str, Native] = {
    "sigmoid": Native("Sigmoid"),
    "tanh": Native("Tanh"),
    "relu": Native("Relu"),
    "exp": Native("Exp"),
    "softmax": Native("Softmax", {"axis": -1}),
    "gelu": Native("Gelu", {"approximate": "tanh"}, wide=False),
    "leaky_relu": Native("LeakyRelu", fields={"negative_slope": "alpha"}, wide=False),
    "elu": Native("Elu", fields={"alpha": "alpha"}, wide=False),
    "softplus": Native("Softplus", wide=False),
}
"""Operators for activations. Other activations, and these in float64 where the operator is not
wide, are written as formulas."""


class Value(NamedTuple):
    """A value of a graph.

    Attributes
    ----------
    name : str
    dtype : str
        The dtype of numbers, "float32" or "float64". Truth values, places and texts have the dtype
        of the numbers that they were made of, in which they become numbers again.
    """

    name: str
    dtype: str


def written(
    graph: Graph, results: Sequence[Symbol], inputs: Mapping[str, Value], dtype: str, where: str
) -> list[str]:
    """Add the nodes of expressions to a graph, and return the names of the results.

    Parameters
    ----------
    graph : Graph
    results : sequence of Symbol
    inputs : mapping of str to Value
        The value of each input, by the input's name.
    dtype : {"float32", "float64"}
        The dtype of "narrowed" numbers, in which the network computes.
    where : str
        The function of this library, for error messages.

    Raises
    ------
    OptionError
        An activation, or a sign of a missing text, cannot be written.

    Examples
    --------
    >>> graph, x = Graph(["x"]), Symbol("input", name="x")
    >>> written(graph, [x * x + 1.0], {"x": Value("x", "float32")}, "float32", "to_onnx")
    ['add']
    >>> [node.op_type for node in graph.nodes]
    ['Mul', 'Add']
    """
    writer = _Writer(graph, inputs, dtype, where)
    for x in in_order(results):
        writer.write(x)
    return [writer.values[id(x)].name for x in results]


class _Writer:
    """The writer of expressions: a method for each operation of several operators."""

    def __init__(self, graph: Graph, inputs: Mapping[str, Value], dtype: str, where: str) -> None:
        self.graph, self.where = graph, where
        self.values: dict[int, Value] = {}
        self._inputs, self._dtype = inputs, dtype

    def write(self, x: Symbol) -> None:
        """Add the nodes of one operation, whose inputs are written."""
        name = x.operation
        if name == "constant":
            return  # it is written in the dtype of the operation that takes it
        if name == "input":
            self.values[id(x)] = self._inputs[x.name]
            return
        if name in OPERATORS:
            made = self.graph.node(OPERATORS[name], *self.inputs(x), name=x.name)
        elif name in REDUCTIONS:
            made = self._over_units(f"Reduce{name.title()}", *self.inputs(x))
        else:
            made = getattr(self, f"of_{name}")(x)
        dtype = self._dtype if name == "narrowed" else self.dtype(x)
        self.values[id(x)] = Value(made, dtype)

    def dtype(self, x: Symbol) -> str:
        """Return the dtype of the inputs of an operation."""
        known = (self.values.get(id(y)) for y in x.inputs)
        return next((value.dtype for value in known if value is not None), self._dtype)

    def inputs(self, x: Symbol) -> list[str]:
        """Return the names of the inputs of an operation."""
        dtype, found = self.dtype(x), []
        for y in x.inputs:
            if not isinstance(y, Symbol):
                found.append(self.number(y, x))
            elif y.operation == "constant":
                values = y.options["values"]
                numbers = values.dtype.kind == "f"
                known = values.astype(dtype) if numbers else values
                found.append(self.graph.constant(known, y.name))
            else:
                found.append(self.values[id(y)].name)
        return found

    def number(self, value: float, x: Symbol) -> str:
        """Return the name of a constant number, in the dtype of an operation."""
        return self.graph.constant(np.asarray(value, dtype=self.dtype(x)))

    def places(self, *values: int) -> str:
        """Return the name of a constant array of integers."""
        return self.graph.constant(np.array(values, dtype=np.int64), "places")

    def _over_units(self, operator: str, value: str) -> str:
        return self.graph.node(operator, value, self.places(-1), keepdims=1)

    def _inner(self, result: Symbol, name: str, x: Symbol) -> str:
        """Add the nodes of an expression in the input of x, and return the name of the result."""
        known = {name: Value(self.inputs(x)[0], self.dtype(x))}
        return written(self.graph, [result], known, self._dtype, self.where)[0]

    # -----------------------------------------------------------------------------------------
    # one method for each operation

    def of_expm1(self, x: Symbol) -> str:
        return self.graph.node("Sub", self.graph.node("Exp", *self.inputs(x)), self.number(1, x))

    def of_log1p(self, x: Symbol) -> str:
        return self.graph.node("Log", self.graph.node("Add", *self.inputs(x), self.number(1, x)))

    def of_square(self, x: Symbol) -> str:
        return self.graph.node("Mul", *self.inputs(x) * 2)

    def of_number(self, x: Symbol) -> str:
        return self.graph.cast(self.inputs(x)[0], self.dtype(x))

    def of_narrowed(self, x: Symbol) -> str:
        return self.graph.cast(self.inputs(x)[0], self._dtype)

    def of_linear(self, x: Symbol) -> str:
        a, W, b = self.inputs(x)
        if not x.options["stacked"]:
            return self.graph.node("Gemm", a, W, b, transB=1, name="z")
        turned = self.graph.node("Transpose", W, perm=[0, 2, 1])
        return self.graph.node("Add", self.graph.node("MatMul", a, turned), b, name="z")

    def of_activation(self, x: Symbol) -> str:
        activation: Activation = x.options["activation"]
        known = getattr(activation, "name", "")
        native = NATIVE.get(known) if type(activation) is ACTIVATIONS.get(known) else None
        if native is not None and (native.wide or self.dtype(x) == "float32"):
            fields = {to: getattr(activation, field) for field, to in native.fields.items()}
            attributes = {**native.attributes, **fields}
            return self.graph.node(native.operator, *self.inputs(x), name=x.name, **attributes)
        return self._inner(formula(activation, self.where), "z", x)

    def of_networks_mean(self, x: Symbol) -> str:
        return self.graph.node("ReduceMean", *self.inputs(x), self.places(0), keepdims=0)

    def of_take(self, x: Symbol) -> str:
        return self.graph.node(
            "Gather", *self.inputs(x), self.places(*x.options["columns"]), axis=1
        )

    def of_concat(self, x: Symbol) -> str:
        return self.graph.node("Concat", *self.inputs(x), axis=-1)

    def of_largest_place(self, x: Symbol) -> str:
        return self.graph.node("ArgMax", *self.inputs(x), axis=-1, keepdims=0)

    def of_above_half(self, x: Symbol) -> str:
        above = self.graph.node("Greater", *self.inputs(x), self.number(0.5, x))
        return self.graph.cast(above, "int64")

    def of_second_above_half(self, x: Symbol) -> str:
        second = self.graph.constant(np.array(1), "second")
        p = self.graph.node("Gather", *self.inputs(x), second, axis=1)
        return self.graph.cast(self.graph.node("Greater", p, self.number(0.5, x)), "int64")

    def of_class_of(self, x: Symbol) -> str:
        place, classes = self.inputs(x)
        return self.graph.node("Gather", classes, place, axis=0)

    def of_one_hot(self, x: Symbol) -> str:
        categories = x.inputs[1].options["values"]
        if categories.dtype.kind == "O":
            came = f"OneHotEncoder with a missing text for a category, in {categories.tolist()!r}"
            advice = "Fill missing texts before, with SimpleImputer"
            raise OptionError(f"{self.where}(model)", came, "texts, as ONNX has no others", advice)
        graph, (column, known) = self.graph, self.inputs(x)
        if x.options["kind"] == "number":  # both in the dtype in which the input comes
            column, known = (graph.cast(each, self._dtype) for each in (column, known))
        equal = graph.node("Equal", column, known)
        if categories.dtype.kind == "f" and np.isnan(categories).any():
            both = graph.node("And", graph.node("IsNaN", column), graph.node("IsNaN", known))
            equal = graph.node("Or", equal, both)
        hot = graph.cast(equal, self.dtype(x))
        if not x.options["refuse"]:
            return hot
        # an unknown category is a place outside of an array of one number, which engines refuse
        missing = graph.node("Sub", self.number(1, x), self._over_units("ReduceSum", hot))
        ones = graph.constant(np.ones(1, dtype=self.dtype(x)), "known")
        found = graph.node("Gather", ones, graph.cast(missing, "int64"), name="unknown_category")
        return graph.node("Mul", hot, found)

    def of_interpolate(self, x: Symbol) -> str:
        """Add linear interpolation between the rows of two tables, as ``numpy.interp``.

        The place j of x is the last with xs[j] ≤ x.
        """
        node, (at, xs, ys) = self.graph.node, self.inputs(x)
        zero, one, axis = self.graph.constant(np.array(0)), self.graph.constant(np.array(1)), [1]
        last = self.graph.constant(np.array(len(x.inputs[1].options["values"]) - 1))
        not_below = node("GreaterOrEqual", node("Unsqueeze", at, self.places(*axis)), xs)
        counts = self.graph.cast(not_below, "int64")
        passed = node("ReduceSum", counts, self.places(*axis), keepdims=0)
        lower = node("Max", node("Sub", passed, one), zero)
        upper = node("Min", node("Add", lower, one), last)
        x0, y0 = (node("GatherElements", table, lower, axis=0) for table in (xs, ys))
        x1, y1 = (node("GatherElements", table, upper, axis=0) for table in (xs, ys))
        width, rise = node("Sub", x1, x0), node("Sub", y1, y0)
        along = node("Mul", node("Div", rise, width), node("Sub", at, x0))
        flat = node("Equal", width, self.number(0, x))
        inside = node("Where", flat, y0, node("Add", along, y0))
        start, first = (node("Gather", table, zero, axis=0) for table in (xs, ys))
        return node("Where", node("Less", at, start), first, inside)

    def of_text_missing(self, x: Symbol) -> str:
        came = f"SimpleImputer, to which None or NaN is a missing text, after {x.inputs[0].name!r}"
        advice = "Mark missing texts with a text: SimpleImputer(missing_values='')"
        raise OptionError(f"{self.where}(model)", came, "texts, as ONNX has no others", advice)

    def of_normal_quantile(self, x: Symbol) -> str:
        return self._inner(normal_quantile(Symbol("input", name="p")), "p", x)
