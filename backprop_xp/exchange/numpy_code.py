"""Expressions as NumPy source: one statement for each result that has a name or is used twice."""

import keyword
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backprop_xp.activations import Activation
from backprop_xp.arrays.backend import HostArray
from backprop_xp.exchange.unique_names import unique_name
from backprop_xp.execution.expressions import Symbol, formula, in_order

__all__ = ["CALLS", "INFIX", "PREFIX", "Functions", "array_text", "body"]

INFIX = {
    "greater": (">", 1),
    "greater_equal": (">=", 1),
    "less": ("<", 1),
    "less_equal": ("<=", 1),
    "equal": ("==", 1),
    "add": ("+", 2),
    "subtract": ("-", 2),
    "multiply": ("*", 3),
    "divide": ("/", 3),
    "pow": ("**", 5),
}
"""Operators of Python, and how tightly each binds."""

PREFIX = {"negative": ("-", 4)}

CALLS = {
    **{name: f"np.{name}({{}})" for name in ("exp", "expm1", "log", "log1p", "tanh", "sqrt")},
    **{name: f"np.{name}({{}})" for name in ("abs", "square", "sign", "isnan", "logical_not")},
    **{name: f"np.{name}({{}}, {{}})" for name in ("maximum", "minimum")},
    **{name: f"np.{name}({{}}, {{}})" for name in ("logical_and", "logical_or")},
    "where": "np.where({}, {}, {})",
    "number": "np.where({}, 1.0, 0.0)",
    **{name: f"np.{name}({{}}, axis=-1, keepdims=True)" for name in ("sum", "mean", "max", "min")},
    "networks_mean": "np.mean({}, axis=0)",
    "largest_place": "np.argmax({}, axis=-1)",
    "interpolate": "interpolate({}, {}, {})",
    "normal_quantile": "normal_quantile({})",
    "text_equal": "({} == {})",
    "text_where": "np.where({}, {}, {})",
    "text_missing": "text_missing({})",
}
"""Calls of NumPy, or of the functions of `HELPERS`."""

HELPERS = {
    "interpolate": """\
def interpolate(x, xs, ys):
    columns = [np.interp(x[:, j], xs[:, j], ys[:, j]) for j in range(x.shape[1])]
    return np.stack(columns, axis=1)
""",
    "one_hot": """\
def one_hot(x, categories, refuse):
    found = (x == categories) | ((x != x) & (categories != categories))  # NaN is a category
    if refuse and not found.any(axis=1).all():
        raise ValueError(f"unknown category in {x.ravel()[~found.any(axis=1)][:3]}")
    return found.astype(float)
""",
    "text_missing": """\
def text_missing(x):
    return np.vectorize(lambda one: one is None or one != one, otypes=[bool])(x)
""",
    "normal_quantile": """\
def normal_quantile(p):
    quantile = NormalDist().inv_cdf
    return np.vectorize(lambda q: quantile(q) if 0 < q < 1 else np.nan, otypes=[float])(p)
""",
}
"""Functions of the written module, by their names."""

RESERVED = {"np", "predict", "predict_proba", "NormalDist", "Path", "CLASSES", "X", *HELPERS}
"""Names of the written module that no activation may take."""

_COMPARED, _TIGHTEST = 1, 9  # how tightly comparisons and calls bind


class Functions:
    """The functions of a module that is being written, each once.

    Attributes
    ----------
    texts : dict of str to str
        The source of each function by its name.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def activation(self, activation: Activation, where: str) -> str:
        """Return the name of the function of an activation."""
        z = Symbol("input", name="z")
        lines = "\n".join(f"    {line}" for line in body([formula(activation, where)], self, where))
        if lines not in self._names:
            name = re.sub(r"\W", "_", str(getattr(activation, "name", "activation")))
            if not name.isidentifier() or keyword.iskeyword(name) or name in RESERVED:
                name = f"activation_{name}"
            unique = self._names[lines] = unique_name(name, self.texts)
            self.texts[unique] = f"def {unique}({z.name}):\n{lines}\n"
        return self._names[lines]

    def helper(self, name: str) -> None:
        """Note that a function of `HELPERS` is called."""
        self.texts[name] = HELPERS[name]


def body(
    results: Sequence[Symbol],
    functions: Functions,
    where: str,
    inputs: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the statements of a function that returns the last of the results.

    Parameters
    ----------
    results : sequence of Symbol
    functions : Functions
        Receives the functions that are called.
    where : str
        The function of this library, for error messages.
    inputs : mapping of str to str, optional
        The text of an input, by its name; the name unless given.

    Examples
    --------
    >>> from backprop_xp.activations import Softmax
    >>> for line in body([formula(Softmax())], Functions(), "export"):
    ...     print(line)
    t1 = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return t1 / np.sum(t1, axis=-1, keepdims=True)
    """
    order = in_order(results)
    uses = Counter(id(x) for each in order for x in each.inputs if isinstance(x, Symbol))
    writer = _Writer(functions, where, inputs or {})
    lines: list[str] = []
    temporaries = 0
    for x in order:
        text = writer.write(x)
        leaf, last = x.operation in ("input", "constant"), x is results[-1]
        if not leaf and not last and (x.name or uses[id(x)] > 1):
            temporaries += not x.name
            name = x.name or f"t{temporaries}"
            lines.append(f"{name} = {text}")
            writer.texts[id(x)] = name, _TIGHTEST
    return [*lines, f"return {writer.text(results[-1])}"]


class _Writer:
    """The writer of expressions: a method for each operation that is no single call.

    Attributes
    ----------
    texts : dict of int to (str, int)
        The source of each symbol that is written, and how tightly it binds.
    """

    def __init__(self, functions: Functions, where: str, inputs: Mapping[str, str]) -> None:
        self._functions, self._where, self._inputs = functions, where, inputs
        self.texts: dict[int, tuple[str, int]] = {}

    def text(self, x: Any, least: int = 0) -> str:
        """Return the source of an operand, in brackets where it binds less than `least`."""
        found, binds = self.texts[id(x)] if isinstance(x, Symbol) else _number(x)
        return f"({found})" if binds < least else found

    def write(self, x: Symbol) -> str:
        """Write one operation, whose inputs are written, and return its source."""
        name = x.operation
        if name == "constant":
            made = x.name, _TIGHTEST
        elif name == "input":
            made = self._inputs.get(x.name, x.name), _TIGHTEST
        elif name in INFIX:
            made = self._infix(x)
        elif name in PREFIX:
            sign, binds = PREFIX[name]
            made = f"{sign}{self.text(x.inputs[0], binds)}", binds
        elif name == "linear":
            a, W, b = x.inputs
            turned = ".swapaxes(-1, -2)" if x.options["stacked"] else ".T"
            made = f"{self.text(a, 3)} @ {self.text(W)}{turned} + {self.text(b)}", 2
        else:
            made = self._call(x), _TIGHTEST
        self.texts[id(x)] = made
        return made[0]

    def _infix(self, x: Symbol) -> tuple[str, int]:
        sign, binds = INFIX[x.operation]
        left, right = (binds + 1, binds) if x.operation == "pow" else (binds, binds + 1)
        if binds == _COMPARED:  # a < b < c is not (a < b) < c
            left = binds + 1
        return f"{self.text(x.inputs[0], left)} {sign} {self.text(x.inputs[1], right)}", binds

    def _call(self, x: Symbol) -> str:
        name = x.operation
        if name in HELPERS:
            self._functions.helper(name)
        if name in CALLS:
            return CALLS[name].format(*map(self.text, x.inputs))
        made: str = getattr(self, f"of_{name}")(x)
        return made

    # -----------------------------------------------------------------------------------------
    # one method for each operation

    def of_activation(self, x: Symbol) -> str:
        name = self._functions.activation(x.options["activation"], self._where)
        return f"{name}({self.text(x.inputs[0])})"

    def of_take(self, x: Symbol) -> str:
        return f"{self.text(x.inputs[0], _TIGHTEST)}[:, {x.options['columns']}]"

    def of_concat(self, x: Symbol) -> str:
        return f"np.concatenate([{', '.join(map(self.text, x.inputs))}], axis=-1)"

    def of_one_hot(self, x: Symbol) -> str:
        column, known = map(self.text, x.inputs)
        return f"one_hot({column}, {known}, {x.options['refuse']})"

    def of_above_half(self, x: Symbol) -> str:
        return f"({self.text(x.inputs[0], 2)} > 0.5).astype(int)"

    def of_second_above_half(self, x: Symbol) -> str:
        return f"({self.text(x.inputs[0], _TIGHTEST)}[:, 1] > 0.5).astype(int)"

    def of_class_of(self, x: Symbol) -> str:
        place, classes = x.inputs
        return f"{self.text(classes)}[{self.text(place)}]"

    def of_narrowed(self, x: Symbol) -> str:
        found, dtype = self.text(x.inputs[0], _TIGHTEST), x.options["dtype"]
        wide = dtype == "float64"  # in which the steps compute
        return found if wide else f'{found}.astype("{dtype}")'


def _number(x: float) -> tuple[str, int]:
    if not np.isfinite(x):
        return ("np.nan" if np.isnan(x) else "np.inf" if x > 0 else "-np.inf"), _TIGHTEST
    return repr(float(x)), _TIGHTEST if x >= 0 else PREFIX["negative"][1]


def array_text(values: HostArray) -> str:
    """Return the source of an array, which evaluates to the same values in the same dtype.

    Examples
    --------
    >>> array_text(np.array([[0.1, 2.0]], dtype="float32"))
    'np.array([[0.1, 2.0]], dtype="float32")'
    """
    dtype = f', dtype="{values.dtype.name}"' if values.dtype.kind not in "US" else ""
    return f"np.array({_literal(values)}{dtype})"


def _literal(x: Any) -> str:
    """Return the source of nested lists, or of a number, a text or None."""
    if isinstance(x, np.ndarray):
        return f"[{', '.join(map(_literal, x))}]"
    if isinstance(x, float | np.floating) and not np.isfinite(x):
        return _number(float(x))[0]
    return repr(str(x)) if isinstance(x, str) else str(x)  # str(float32) has the fewest digits
