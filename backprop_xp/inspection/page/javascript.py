"""Expressions as JavaScript: functions of the units of one case, written from their own formulas.

An operation is either one number for each unit, computed in a loop, or one number for the case,
such as the sum in softmax. A function returns an array of units or a number.

>>> from backprop_xp.activations import Tanh
>>> from backprop_xp.execution.expressions import formula, variable
>>> print(function_text([variable("z")], [formula(Tanh())]))
function (z) {
  const n = z.length;
  const result = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    result[i] = Math.tanh(z[i]);
  }
  return result;
}
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from backprop_xp.execution.expressions import PER_CASE, REDUCTIONS, Symbol, Untraceable, in_order

__all__ = ["CALLS", "INFIX", "PREFIX", "function_text"]

INFIX: Final = {
    "greater": (">", 1),
    "greater_equal": (">=", 1),
    "less": ("<", 1),
    "less_equal": ("<=", 1),
    "equal": ("===", 1),
    "add": ("+", 2),
    "subtract": ("-", 2),
    "multiply": ("*", 3),
    "divide": ("/", 3),
    "pow": ("**", 5),
}
"""Operators of JavaScript, and how tightly each binds."""

PREFIX: Final = {"negative": ("-", 4)}

CALLS: Final = {
    **{name: f"Math.{name}({{}})" for name in ("abs", "exp", "expm1", "log", "log1p")},
    **{name: f"Math.{name}({{}})" for name in ("tanh", "sqrt", "sign")},
    "square": "({} ** 2)",
    "maximum": "Math.max({}, {})",
    "minimum": "Math.min({}, {})",
    "isnan": "Number.isNaN({})",
    "logical_and": "({} && {})",
    "logical_or": "({} || {})",
    "logical_not": "(!{})",
    "where": "({} ? {} : {})",
    "number": "Number({})",
}
"""Calls of JavaScript; Math.max and Math.min return NaN where an operand is NaN, as NumPy does."""

_START: Final = {"sum": "0", "mean": "0", "max": "-Infinity", "min": "Infinity"}
_TIGHTEST: Final = 9
_UNITS, _KEPT, _DROPPED = "a number for each unit", "(1, m)", "(m,)"


def function_text(
    inputs: Sequence[Symbol],
    results: Sequence[Symbol | float],
    numbers: Sequence[str] = (),
    *,
    each_unit: bool | None = None,
) -> str:
    """Return the text of a function of one case.

    Parameters
    ----------
    inputs : sequence of Symbol
        The parameters, made by `execution.expressions.variable`. The length of the first is n.
    results : sequence of Symbol or float
        A single result is returned as it is, several as an array of results. A float stands for a
        number that broadcasts.
    numbers : sequence of str
        The names of inputs that are one number for the case.
    each_unit : bool, optional
        Whether a result must be a number for each unit, or else one number for the case.

    Raises
    ------
    Untraceable
        An operation is not in the tables, adds arrays (n, m) and (m,), or a result has another
        shape than `each_unit` demands.
    """
    return _Function(inputs, numbers).text(results, each_unit)


class _Function:
    """A function that is being written.

    Attributes
    ----------
    lines : list of str
        The statements so far.
    """

    def __init__(self, inputs: Sequence[Symbol], numbers: Sequence[str]) -> None:
        self._inputs, self._numbers = inputs, frozenset(numbers)
        self.lines: list[str] = [f"const n = {inputs[0].name}.length;"]
        self._kinds: dict[int, str] = {}
        self._of_case: dict[int, tuple[str, int]] = {}  # texts of numbers for the case
        self._count = 0

    def text(self, results: Sequence[Symbol | float], each_unit: bool | None) -> str:
        """Return the whole function."""
        symbols = [x for x in results if isinstance(x, Symbol)]
        order = in_order(symbols)
        for x in order:
            self._kinds[id(x)] = self._kind(x)
        for x in symbols:
            if each_unit is not None and each_unit != (self._kinds[id(x)] == _UNITS):
                raise Untraceable(f"a result of the shape of {self._kinds[id(x)]}")
        uses = Counter(id(y) for x in order for y in x.inputs if isinstance(y, Symbol))
        for x in order:
            if self._kinds[id(x)] != _UNITS:
                self._write_number(x, uses[id(x)])
        returned = [self._result(x) for x in results]
        self.lines.append(f"return {returned[0] if len(results) == 1 else _list(returned)};")
        parameters = ", ".join(x.name for x in self._inputs)
        return f"function ({parameters}) {{\n" + "\n".join(f"  {x}" for x in self.lines) + "\n}"

    def _kind(self, x: Symbol) -> str:
        if x.operation == "input":
            return _KEPT if x.name in self._numbers else _UNITS
        kinds = {self._kinds[id(y)] for y in x.inputs if isinstance(y, Symbol)}
        if x.operation == PER_CASE or kinds == {_DROPPED}:
            return _DROPPED
        if x.operation in REDUCTIONS:
            return _KEPT
        if _DROPPED in kinds:
            raise Untraceable("numbers of shape (m,) beside others of shape (n, m) or (1, m)")
        return _UNITS if _UNITS in kinds else _KEPT

    def _new_name(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def _write_number(self, x: Symbol, uses: int) -> None:
        """Write a number for the case: as a constant where it is used twice."""
        (first, *_) = x.inputs or (None,)
        if x.operation in REDUCTIONS and self._kinds[id(first)] == _UNITS:
            self._of_case[id(x)] = self._reduction(x, first), _TIGHTEST
            return
        if x.operation in (*REDUCTIONS, PER_CASE):  # of one number
            self._of_case[id(x)] = self._operand(first, self._of_case)
            return
        found = self._written(x, self._of_case)
        if uses > 1 and x.operation != "input":
            name = self._new_name()
            self.lines.append(f"const {name} = {found[0]};")
            found = name, _TIGHTEST
        self._of_case[id(x)] = found

    def _reduction(self, x: Symbol, of: Any) -> str:
        name, operation = self._new_name(), x.operation
        self.lines.append(f"let {name} = {_START[operation]};")
        if operation in ("sum", "mean"):
            self._loop(of, lambda text: f"{name} += {text};")
        else:
            self._loop(of, lambda text: f"{name} = Math.{operation}({name}, {text});")
        if operation == "mean":
            self.lines.append(f"{name} /= n;")
        return name

    def _result(self, x: Symbol | float) -> str:
        """Write the loop that computes a result, and return its name, or a number."""
        if not isinstance(x, Symbol):
            return f"new Float64Array(n).fill({_number(x)[0]})"
        if self._kinds[id(x)] != _UNITS:
            return self._of_case[id(x)][0]
        name = "result" if "const result = new Float64Array(n);" not in self.lines else ""
        name = name or self._new_name()
        self.lines.append(f"const {name} = new Float64Array(n);")
        self._loop(x, lambda text: f"{name}[i] = {text};")
        return name

    def _loop(self, target: Symbol, last: Any) -> None:
        """Write a loop over the units, in which numbers that are used twice are constants."""
        order = self._each_unit(target)
        uses = Counter(id(y) for x in order for y in x.inputs if isinstance(y, Symbol))
        texts, lines = dict(self._of_case), []
        for x in order:
            found = self._written(x, texts)
            if uses[id(x)] > 1 and x.operation != "input":
                name = self._new_name()
                lines.append(f"const {name} = {found[0]};")
                found = name, _TIGHTEST
            texts[id(x)] = found
        self.lines.append("for (let i = 0; i < n; i += 1) {")
        self.lines += [f"  {line}" for line in (*lines, last(texts[id(target)][0]))]
        self.lines.append("}")

    def _each_unit(self, target: Symbol) -> list[Symbol]:
        """Return what the loop for a target computes for each unit, in order."""
        needed, waiting = {id(target)}, [target]
        while waiting:
            for y in waiting.pop().inputs:
                if isinstance(y, Symbol) and self._kinds[id(y)] == _UNITS and id(y) not in needed:
                    needed.add(id(y))
                    waiting.append(y)
        within = [x for x in in_order([target]) if id(x) in needed]
        return [x for x in within if self._kinds[id(x)] == _UNITS]

    def _written(self, x: Symbol, texts: dict[int, tuple[str, int]]) -> tuple[str, int]:
        name = x.operation
        if name == "input":
            return (f"{x.name}[i]" if self._kinds[id(x)] == _UNITS else x.name), _TIGHTEST
        operands = [self._operand(y, texts) for y in x.inputs]
        if name in INFIX:
            sign, binds = INFIX[name]
            left, right = (binds + 1, binds) if name == "pow" else (binds, binds + 1)
            left += binds == 1  # a < b < c is not (a < b) < c
            sides = _within(operands[0], left), _within(operands[1], right)
            return f"{sides[0]} {sign} {sides[1]}", binds
        if name in PREFIX:
            sign, binds = PREFIX[name]
            # --x would decrement, and -x ** 2 is refused
            return f"{sign}{_within(operands[0], INFIX['pow'][1] + 1)}", binds
        if name in CALLS:
            least = PREFIX["negative"][1] if name in ("square", "logical_not") else 0
            return CALLS[name].format(*(_within(one, least + 1) for one in operands)), _TIGHTEST
        raise Untraceable(f"the operation {name}")

    def _operand(self, x: Any, texts: dict[int, tuple[str, int]]) -> tuple[str, int]:
        return texts[id(x)] if isinstance(x, Symbol) else _number(x)


def _within(found: tuple[str, int], least: int) -> str:
    """Return a text, in brackets where it binds less than `least`."""
    return f"({found[0]})" if found[1] < least else found[0]


def _number(x: float) -> tuple[str, int]:
    if not np.isfinite(x):
        return ("NaN" if np.isnan(x) else "Infinity" if x > 0 else "(-Infinity)"), _TIGHTEST
    return repr(float(x)), _TIGHTEST if x >= 0 else PREFIX["negative"][1]


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(texts)}]"
