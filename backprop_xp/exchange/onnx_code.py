"""Expressions as nodes of an ONNX graph."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import ACTIVATIONS, Activation
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import OptionError
from backprop_xp.exchange.expressions import REDUCTIONS, Symbol, formula, in_order
from backprop_xp.exchange.normal_quantile import normal_quantile

__all__ = ["NATIVE", "OPERATORS", "Graph", "Native"]

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


class Graph:
    """The nodes and constants of an ONNX graph that is being built.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        The dtype of inputs, network and outputs. The steps before a network compute in float64.
    where : str
        The function of this library, for error messages.
    names : sequence of str
        Names that belong to inputs and outputs.

    Attributes
    ----------
    nodes, initializers : list
        Of onnx.
    """

    def __init__(self, dtype: str, where: str, names: Sequence[str] = ()) -> None:
        self._onnx: Any = import_module("onnx")
        self._dtype, self._where = dtype, where
        self._names = set(names)
        self._known: dict[Any, str] = {}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def element_type(self, dtype: str) -> int:
        """Return ONNX's number of a dtype of NumPy."""
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of its result."""
        result = self._unique(name or operator.lower())
        make = self._onnx.helper.make_node
        self.nodes.append(make(operator, list(inputs), [result], name=result, **attributes))
        return result

    def constant(self, values: Any, name: str = "constant") -> str:
        """Add a constant, and return its name; equal constants of few elements are one."""
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        if array.dtype.kind in "US":
            array = array.astype(object)
        few = array.size < 9
        key: Any = (array.dtype.str, array.shape, repr(array.tolist())) if few else object()
        if key not in self._known:
            self._known[key] = self._unique(name)
            made = self._onnx.numpy_helper.from_array(array, self._known[key])
            self.initializers.append(made)
        return self._known[key]

    def renamed(self, value: str, name: str) -> None:
        """Give a value another name, that of an output of the graph."""
        make = self._onnx.helper.make_node
        self.nodes.append(make("Identity", [value], [name], name=f"to_{name}"))

    def written(
        self, results: Sequence[Symbol], inputs: Mapping[str, tuple[str, str]]
    ) -> list[str]:
        """Add the nodes of expressions, and return the names of the results.

        Parameters
        ----------
        results : sequence of Symbol
        inputs : mapping of str to (str, str)
            The value and the dtype of each input, by the input's name.
        """
        values: dict[int, str] = {}
        dtypes: dict[int, str] = {}

        def value(x: Any, dtype: str) -> str:
            if not isinstance(x, Symbol):
                return self.constant(np.asarray(x, dtype=dtype))
            if x.operation == "constant":
                known = x.options["values"]
                numbers = known.dtype.kind == "f"
                return self.constant(known.astype(dtype) if numbers else known, x.name)
            return values[id(x)]

        for x in in_order(results):
            if x.operation == "constant":
                continue
            if x.operation == "input":
                values[id(x)], dtypes[id(x)] = inputs[x.name]
                continue
            found = [dtypes[id(y)] for y in x.inputs if isinstance(y, Symbol) and id(y) in dtypes]
            dtype = found[0] if found else self._dtype
            dtypes[id(x)] = x.options["dtype"] if x.operation == "narrowed" else dtype
            if x.operation == "narrowed":
                dtypes[id(x)] = self._dtype
            values[id(x)] = self._one(x, [value(y, dtype) for y in x.inputs], dtype)
        return [values[id(x)] for x in results]

    def _unique(self, name: str) -> str:
        unique, number = name, 2
        while unique in self._names:
            unique, number = f"{name}_{number}", number + 1
        self._names.add(unique)
        return unique

    def _one(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        """Add the nodes of one operation, and return the name of its result."""
        name = x.operation
        if name in OPERATORS:
            return self.node(OPERATORS[name], *inputs, name=x.name)
        if name in REDUCTIONS:
            axes = self.constant(np.array([-1]), "last_axis")
            return self.node(f"Reduce{name.title()}", inputs[0], axes, keepdims=1, name=x.name)
        return _OTHERS[name](self, x, inputs, dtype)

    # -----------------------------------------------------------------------------------------
    # operations of several operators

    def _expm1(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("Sub", self.node("Exp", *inputs), self._number(1, dtype))

    def _log1p(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("Log", self.node("Add", *inputs, self._number(1, dtype)))

    def _square(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("Mul", inputs[0], inputs[0])

    def _cast(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("Cast", inputs[0], to=self.element_type(dtype))

    def _narrowed(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("Cast", inputs[0], to=self.element_type(self._dtype))

    def _linear(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        a, W, b = inputs
        if not x.options["stacked"]:
            return self.node("Gemm", a, W, b, transB=1, name="z")
        turned = self.node("Transpose", W, perm=[0, 2, 1])
        return self.node("Add", self.node("MatMul", a, turned), b, name="z")

    def _activation(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        activation: Activation = x.options["activation"]
        known = getattr(activation, "name", "")
        native = NATIVE.get(known) if type(activation) is ACTIVATIONS.get(known) else None
        if native is not None and (native.wide or dtype == "float32"):
            fields = {to: getattr(activation, field) for field, to in native.fields.items()}
            attributes = {**native.attributes, **fields}
            return self.node(native.operator, *inputs, name=x.name, **attributes)
        return self.written([formula(activation, self._where)], {"z": (inputs[0], dtype)})[0]

    def _networks_mean(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        first = self.constant(np.array([0]), "networks_axis")
        return self.node("ReduceMean", inputs[0], first, keepdims=0, name="mean")

    def _take(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        columns = self.constant(np.array(x.options["columns"], dtype=np.int64), "columns")
        return self.node("Gather", inputs[0], columns, axis=1)

    def _concat(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("Concat", *inputs, axis=-1)

    def _largest_place(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        return self.node("ArgMax", inputs[0], axis=-1, keepdims=0)

    def _above_half(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        above = self.node("Greater", inputs[0], self._number(0.5, dtype))
        return self.node("Cast", above, to=self.element_type("int64"))

    def _second_above_half(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        one = self.constant(np.array(1), "second")
        return self._above_half(x, [self.node("Gather", inputs[0], one, axis=1)], dtype)

    def _class_of(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        place, classes = inputs
        return self.node("Gather", classes, place, axis=0)

    def _one_hot(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        column, known = inputs
        if x.options["kind"] == "number":  # both in the dtype in which the input comes
            kind = self.element_type(self._dtype)
            column, known = (self.node("Cast", each, to=kind) for each in (column, known))
        equal = self.node("Equal", column, known)
        hot = self.node("Cast", equal, to=self.element_type(dtype))
        if not x.options["refuse"]:
            return hot
        # an unknown category is a place outside of an array of one number, which engines refuse
        axes = self.constant(np.array([-1]), "last_axis")
        sums = self.node("ReduceSum", hot, axes, keepdims=1)
        missing = self.node("Sub", self._number(1, dtype), sums)
        place = self.node("Cast", missing, to=self.element_type("int64"))
        one = self.constant(np.ones(1, dtype=dtype), "known")
        return self.node("Mul", hot, self.node("Gather", one, place, name="unknown_category"))

    def _interpolate(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        """Add linear interpolation between the rows of the tables `xs` and `ys`, by column.

        As ``numpy.interp``: the place j is the last with xs[j] ≤ x.
        """
        at, xs, ys = inputs
        rows = len(x.inputs[1].options["values"])
        least, last = self.constant(np.array(0), "zero"), self.constant(np.array(rows - 1), "last")
        axis = self.constant(np.array([1]), "table_axis")
        not_below = self.node("GreaterOrEqual", self.node("Unsqueeze", at, axis), xs)
        counts = self.node("Cast", not_below, to=self.element_type("int64"))
        passed = self.node("ReduceSum", counts, axis, keepdims=0)
        one = self.constant(np.array(1), "second")
        lower = self.node("Max", self.node("Sub", passed, one), least)
        upper = self.node("Min", self.node("Add", lower, one), last)
        x0, y0 = (self.node("GatherElements", table, lower, axis=0) for table in (xs, ys))
        x1, y1 = (self.node("GatherElements", table, upper, axis=0) for table in (xs, ys))
        width, rise = self.node("Sub", x1, x0), self.node("Sub", y1, y0)
        slope = self.node("Div", rise, width)
        between = self.node("Add", self.node("Mul", slope, self.node("Sub", at, x0)), y0)
        flat = self.node("Equal", width, self._number(0, dtype))
        inside = self.node("Where", flat, y0, between)
        first = self.node("Gather", ys, least, axis=0)
        start = self.node("Gather", xs, least, axis=0)
        return self.node("Where", self.node("Less", at, start), first, inside)

    def _text_missing(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        came = "SimpleImputer, to which None or NaN is a missing text"
        advice = "Mark missing texts with a text: SimpleImputer(missing_values='')"
        raise OptionError(f"{self._where}(model)", came, "texts, as ONNX has no others", advice)

    def _normal_quantile(self, x: Symbol, inputs: list[str], dtype: str) -> str:
        p = Symbol("input", name="p")
        return self.written([normal_quantile(p)], {"p": (inputs[0], dtype)})[0]

    def _number(self, x: float, dtype: str) -> str:
        return self.constant(np.asarray(x, dtype=dtype))


_Operation = Callable[[Graph, Symbol, list[str], str], str]
_OTHERS: dict[str, _Operation] = {
    "expm1": Graph._expm1,
    "log1p": Graph._log1p,
    "square": Graph._square,
    "number": Graph._cast,
    "narrowed": Graph._narrowed,
    "linear": Graph._linear,
    "activation": Graph._activation,
    "networks_mean": Graph._networks_mean,
    "take": Graph._take,
    "concat": Graph._concat,
    "largest_place": Graph._largest_place,
    "above_half": Graph._above_half,
    "second_above_half": Graph._second_above_half,
    "class_of": Graph._class_of,
    "one_hot": Graph._one_hot,
    "interpolate": Graph._interpolate,
    "text_missing": Graph._text_missing,
    "normal_quantile": Graph._normal_quantile,
}
