"""Expressions: computations as data, which are written as ONNX, NumPy source or JavaScript.

A `Symbol` is a number that is not known yet: an operation and its inputs. Arithmetic on symbols
makes further symbols, and so do the functions of the Array API standard. An activation that is
called on a symbol therefore returns its own formula:

>>> from backprop_xp.activations import Tanh
>>> formula(Tanh())
tanh(z)

So no formula of an activation or a loss is written a second time for a file, and a user's own
activation is exported like a built-in one.

The axis −2 of an activation, over the units of a layer, is the only axis of a symbol over which
there are sums. Files that hold rows (m, n), one for each case, have it as their last axis.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from backprop_xp.errors import OptionError

__all__ = [
    "ELEMENTWISE",
    "PER_CASE",
    "REDUCTIONS",
    "Symbol",
    "Untraceable",
    "constant",
    "formula",
    "in_order",
    "reason",
    "variable",
]

ELEMENTWISE = (
    *("add", "subtract", "multiply", "divide", "pow", "maximum", "minimum"),
    *("negative", "abs", "exp", "expm1", "log", "log1p", "tanh", "sqrt", "square", "sign"),
    *("greater", "greater_equal", "less", "less_equal", "equal"),
    *("logical_and", "logical_or", "logical_not", "isnan", "where", "number"),
)
"""Operations on each element, by their names in the Array API standard; "number" turns a truth
value into 0 or 1."""

REDUCTIONS = ("sum", "mean", "max", "min")
"""Operations over the units of a layer, whose axis keeps length 1."""

PER_CASE = "per_case"
"""The operation that removes an axis of units of length 1, as a loss does: (1, m) becomes (m,)."""

_NUMPY_NAMES = {"absolute": "abs", "power": "pow", "amax": "max", "amin": "min"}
_FLOAT = "the dtype of the computation"
_UNITS = -2  # the axis of the units in an activation


class Untraceable(Exception):  # noqa: N818  turned into the error that names the activation
    """The computation reads a number, or calls a function that no file can hold."""


class Symbol:
    """A number that is not known yet: an operation and its inputs.

    Attributes
    ----------
    operation : str
        A name of `ELEMENTWISE` or `REDUCTIONS`, `PER_CASE`, "input", "constant", or a name of
        `exchange.program`.
    inputs : tuple of Symbol and float
    name : str
        The name of a variable that holds the result; "" for none.
    options : dict
        Further values of the operation, such as the array of a constant.
    dtype : str
        That of the first input that is a symbol; "the dtype of the computation" unless `variable`
        set another one.
    """

    __slots__ = ("__weakref__", "dtype", "inputs", "name", "operation", "options")

    def __init__(self, operation: str, *inputs: Any, name: str = "", **options: Any) -> None:
        self.operation, self.inputs, self.name, self.options = operation, inputs, name, options
        self.dtype: str = next((x.dtype for x in inputs if isinstance(x, Symbol)), _FLOAT)

    def __repr__(self) -> str:
        if self.operation in ("input", "constant"):
            return self.name
        return f"{self.operation}({', '.join(map(repr, self.inputs))})"

    def named(self, name: str) -> Self:
        """Return the symbol itself, whose result is held by a variable of this name."""
        self.name = name
        return self

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return _FUNCTIONS

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = _NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or options or name not in ELEMENTWISE:
            raise Untraceable(f"numpy.{ufunc.__name__}")
        return _applied(name, *inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = _NUMPY_NAMES.get(func.__name__, func.__name__)
        if name not in (*ELEMENTWISE, *REDUCTIONS, "clip"):
            raise Untraceable(f"numpy.{func.__name__}")
        return getattr(_FUNCTIONS, name)(*args, **kwargs)

    def __bool__(self) -> bool:
        raise Untraceable("a decision that depends on z")

    def __float__(self) -> float:
        raise Untraceable("a conversion to a Python number")

    def __iter__(self) -> Iterator[Any]:
        raise Untraceable("a loop over elements")

    def __getitem__(self, key: Any) -> Any:
        first = isinstance(key, tuple) and key == (..., 0, slice(None))
        if first and self.operation in REDUCTIONS:
            return Symbol(PER_CASE, self)
        raise Untraceable("an index")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Untraceable(f".{name}")

    def __neg__(self) -> "Symbol":
        return _applied("negative", self)

    def __abs__(self) -> "Symbol":
        return _applied("abs", self)

    def __add__(self, other: Any) -> "Symbol":
        return _applied("add", self, other)

    def __radd__(self, other: Any) -> "Symbol":
        return _applied("add", other, self)

    def __sub__(self, other: Any) -> "Symbol":
        return _applied("subtract", self, other)

    def __rsub__(self, other: Any) -> "Symbol":
        return _applied("subtract", other, self)

    def __mul__(self, other: Any) -> "Symbol":
        return _applied("multiply", self, other)

    def __rmul__(self, other: Any) -> "Symbol":
        return _applied("multiply", other, self)

    def __truediv__(self, other: Any) -> "Symbol":
        return _applied("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Symbol":
        return _applied("divide", other, self)

    def __pow__(self, other: Any) -> "Symbol":
        return _applied("pow", self, other)

    def __gt__(self, other: Any) -> "Symbol":
        return _applied("greater", self, other)

    def __ge__(self, other: Any) -> "Symbol":
        return _applied("greater_equal", self, other)

    def __lt__(self, other: Any) -> "Symbol":
        return _applied("less", self, other)

    def __le__(self, other: Any) -> "Symbol":
        return _applied("less_equal", self, other)

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> "Symbol":
        """Return the sum over the units of a layer."""
        return _reduced("sum", self, axis, keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> "Symbol":
        """Return the mean over the units of a layer."""
        return _reduced("mean", self, axis, keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> "Symbol":
        """Return the maximum over the units of a layer."""
        return _reduced("max", self, axis, keepdims)

    def min(self, axis: Any = None, *, keepdims: bool = False) -> "Symbol":
        """Return the minimum over the units of a layer."""
        return _reduced("min", self, axis, keepdims)


def variable(name: str, dtype: str = _FLOAT) -> Symbol:
    """Return the symbol of an input.

    Examples
    --------
    >>> from backprop_xp.losses import SquaredError
    >>> SquaredError()(variable("a"), variable("y"))
    multiply(0.5, per_case(sum(multiply(subtract(a, y), subtract(a, y)))))
    """
    made = Symbol("input", name=name)
    made.dtype = dtype
    return made


def constant(values: Any, name: str = "") -> Symbol:
    """Return the symbol of an array of numbers, truth values or texts that are known.

    Examples
    --------
    >>> constant([1.0, 2.0], "mean").options["values"]
    array([1., 2.])
    """
    return Symbol("constant", name=name, values=np.asarray(values))


def _applied(operation: str, *inputs: Any) -> Symbol:
    for x in inputs:
        if not isinstance(x, Symbol | int | float | np.number | np.bool_):
            raise Untraceable(f"an operand of the type {type(x).__name__}")
    return Symbol(operation, *(x if isinstance(x, Symbol) else float(x) for x in inputs))


def _reduced(operation: str, x: Symbol, axis: Any, keepdims: bool) -> Symbol:
    if axis != _UNITS:
        raise Untraceable(f"{operation} with axis={axis}, keepdims={keepdims}")
    found = Symbol(operation, x)
    return found if keepdims else Symbol(PER_CASE, found)


class _Functions:
    """The functions of the Array API standard on symbols, as far as files can hold them."""

    __name__ = "symbols"

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda x, axis=None, keepdims=False: _reduced(name, x, axis, keepdims)
        if name in ELEMENTWISE:
            return lambda *inputs: _applied(name, *inputs)
        if name.startswith("__"):
            raise AttributeError(name)
        raise Untraceable(f"the function {name}")

    def clip(self, x: Symbol, low: float, high: float) -> Symbol:
        """Return x, and the bound where x is outside of a range."""
        return _applied("minimum", _applied("maximum", x, low), high)

    def astype(self, x: Symbol, dtype: Any, **_: Any) -> Symbol:
        """Return truth values as numbers."""
        if dtype != x.dtype:
            raise Untraceable(f"a conversion to {dtype}")
        return _applied("number", x)

    def finfo(self, dtype: Any) -> Any:
        """Return the limits of a dtype that is known, as it is not in most files."""
        if dtype == _FLOAT:
            raise Untraceable("the function finfo")
        return np.finfo(dtype)

    def ones_like(self, x: Symbol) -> float:
        """Return 1, which broadcasts."""
        return self.full_like(x, 1.0)

    def zeros_like(self, x: Symbol) -> float:
        """Return 0, which broadcasts."""
        return self.full_like(x, 0.0)

    def full_like(self, x: Symbol, value: float) -> float:  # noqa: ARG002  a size is not known
        """Return a number, which broadcasts."""
        return float(value)


_FUNCTIONS = _Functions()


def formula(activation: Callable[[Any], Any], where: str = "export") -> Symbol:
    """Return the formula of an activation, an expression in the input z.

    Parameters
    ----------
    activation : Activation
        Built in, or a user's own.
    where : str
        The function, for the error message.

    Raises
    ------
    OptionError
        The activation computes in a way that no file can hold, as by a loop over elements.

    Examples
    --------
    >>> from backprop_xp.activations import Sigmoid
    >>> formula(Sigmoid())
    divide(1.0, add(1.0, exp(negative(z))))
    """
    name = getattr(activation, "name", type(activation).__name__)
    z: Any = variable("z")
    try:
        found = _with_units(_symbol(activation(z)))
    except Exception as error:
        why = reason(error)
        raise OptionError(
            f"{where}(model)",
            f"the activation {name!r}, which computes with {why}",
            "operators and functions of the Array API standard, on z as a whole",
            "Write it as the activations of backprop_xp.activations are written",
        ) from error
    return found


def reason(error: Exception) -> str:
    """Return why a computation has no expression, from the error that it raised.

    Examples
    --------
    >>> reason(Untraceable("an index")), reason(ZeroDivisionError("division by zero"))
    ('an index', 'ZeroDivisionError: division by zero')
    """
    return str(error) if isinstance(error, Untraceable) else f"{type(error).__name__}: {error}"


def _with_units(found: Symbol) -> Symbol:
    for x in in_order([found]):
        if x.operation == PER_CASE:
            raise Untraceable(f"{x.inputs[0].operation} with keepdims=False")
    return found


def _symbol(x: Any) -> Symbol:
    if not isinstance(x, Symbol):
        raise Untraceable(f"a result of the type {type(x).__name__}")
    return x


def in_order(results: Sequence[Symbol]) -> list[Symbol]:
    """Return all symbols that the results depend on, each once and after its inputs.

    Examples
    --------
    >>> z = Symbol("input", name="z")
    >>> in_order([z * z + 1.0])
    [z, multiply(z, z), add(multiply(z, z), 1.0)]
    """
    found: dict[int, Symbol] = {}
    waiting: list[tuple[Symbol, bool]] = [(x, False) for x in reversed(results)]
    while waiting:
        x, entered = waiting.pop()
        if id(x) in found:
            continue
        if entered:
            found[id(x)] = x
            continue
        waiting.append((x, True))
        waiting.extend((y, False) for y in reversed(x.inputs) if isinstance(y, Symbol))
    return list(found.values())
