"""Expressions: computations as data, which are written as ONNX or as NumPy source.

A `Symbol` is a number that is not known yet: an operation and its inputs. Arithmetic on symbols
makes further symbols, and so do the functions of the Array API standard. An activation that is
called on a symbol therefore returns its own formula:

>>> from backprop_xp.activations import Tanh
>>> formula(Tanh())
tanh(z)

So no formula of an activation is written a second time for a file, and a user's own activation is
exported like a built-in one.

Symbols stand for rows (m, n), one for each case, where the equations have columns (n, m): the axis
−2 of an activation, over the units of a layer, is the last axis of a symbol.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from backprop_xp.activations import Activation
from backprop_xp.errors import OptionError

__all__ = ["ELEMENTWISE", "REDUCTIONS", "Symbol", "Untraceable", "constant", "formula", "in_order"]

ELEMENTWISE = (
    *("add", "subtract", "multiply", "divide", "pow", "maximum", "minimum"),
    *("negative", "abs", "exp", "expm1", "log", "log1p", "tanh", "sqrt", "square", "sign"),
    *("greater", "greater_equal", "less", "less_equal", "equal"),
    *("logical_and", "logical_or", "logical_not", "isnan", "where", "number"),
)
"""Operations on each element, by their names in the Array API standard; "number" turns a truth
value into 0 or 1."""

REDUCTIONS = ("sum", "mean", "max", "min")
"""Operations over the last axis, which keeps length 1."""

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
        A name of `ELEMENTWISE` or `REDUCTIONS`, "input", "constant", or one of `program`.
    inputs : tuple of Symbol and float
    name : str
        The name of a variable that holds the result; "" for none.
    options : dict
        Further values of the operation, such as the array of a constant.
    """

    __slots__ = ("__weakref__", "inputs", "name", "operation", "options")
    dtype = _FLOAT

    def __init__(self, operation: str, *inputs: Any, name: str = "", **options: Any) -> None:
        self.operation, self.inputs, self.name, self.options = operation, inputs, name, options

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
    if axis != _UNITS or not keepdims:
        raise Untraceable(f"{operation} with axis={axis}, keepdims={keepdims}")
    return Symbol(operation, x)


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
        if dtype is not _FLOAT:
            raise Untraceable(f"a conversion to {dtype}")
        return _applied("number", x)


_FUNCTIONS = _Functions()


def formula(activation: Activation, where: str = "export") -> Symbol:
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
    z: Any = Symbol("input", name="z")
    try:
        found = _symbol(activation(z))
    except Exception as error:
        why = str(error) if isinstance(error, Untraceable) else f"{type(error).__name__}: {error}"
        raise OptionError(
            f"{where}(model)",
            f"the activation {name!r}, which computes with {why}",
            "operators and functions of the Array API standard, on z as a whole",
            "Write it as the activations of backprop_xp.activations are written",
        ) from error
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
