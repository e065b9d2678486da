"""Expressions as JavaScript: operations compute what NumPy computes, with NaN and infinities."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from backprop_xp.execution.expressions import (
    ELEMENTWISE,
    REDUCTIONS,
    Symbol,
    Untraceable,
    variable,
)
from backprop_xp.inspection.page.javascript import CALLS, INFIX, PREFIX, function_text

NUMBERS = np.array([-np.inf, -2.5, -0.0, 0.0, 0.3, 1.0, 2.0, np.inf, np.nan])
TRUTHS = ("logical_and", "logical_or", "logical_not", "where", "number")


def values_of(texts, *inputs):
    """Return what the functions return in Node, for the same inputs."""
    node = shutil.which("node") or pytest.skip("node is not installed")
    encoded = json.dumps([[str(float(x)) for x in one] for one in inputs])
    encoded = encoded.replace('"inf"', '"Infinity"').replace('"-inf"', '"-Infinity"')
    script = f"""
const inputs = {encoded}.map((one) => Float64Array.from(one, Number));
const made = [{", ".join(texts)}].map((f) => f(...inputs));
console.log(JSON.stringify(made.map((one) => [one].flat().map((x) =>
  typeof x === "object" ? Array.from(x, String) : String(x)))));
"""
    done = subprocess.run([node, "-"], input=script, capture_output=True, text=True, check=True)
    return [
        [np.array(one, float) if isinstance(one, list) else float(one) for one in each]
        for each in json.loads(done.stdout.replace("Infinity", "inf"))
    ]


def test_every_operation_is_written():
    assert {*CALLS, *INFIX, *PREFIX} == set(ELEMENTWISE)


def test_every_operation_computes_what_numpy_computes():
    x, y = variable("x"), variable("y")
    names = [name for name in ELEMENTWISE if name not in TRUTHS]
    a, b = NUMBERS, np.roll(NUMBERS, 2)
    texts, expected = [], []
    with np.errstate(all="ignore"):
        for name in names:
            of = getattr(np, name)
            inputs, arrays = ([x, y], [a, b]) if of.nin == 2 else ([x], [a])
            found, values = Symbol(name, *inputs), of(*arrays)
            if values.dtype == bool:
                found, values = Symbol("number", found), values.astype(float)
            texts.append(function_text([x, y], [found]))
            expected.append(values)
    for name, (got,), values in zip(names, values_of(texts, a, b), expected, strict=True):
        np.testing.assert_allclose(got, values, rtol=1e-14, err_msg=name)


def test_truth_values():
    x, y = variable("x"), variable("y")
    a, b = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([-1.0, -1.0, 1.0, 1.0])
    p, q = x > 0.0, y > 0.0
    each = [
        (Symbol("logical_and", p, q), (a > 0) & (b > 0)),
        (Symbol("logical_or", p, q), (a > 0) | (b > 0)),
        (Symbol("logical_not", p), ~(a > 0)),
    ]
    texts = [function_text([x, y], [Symbol("number", one)]) for one, _ in each]
    texts.append(function_text([x, y], [Symbol("where", p, y, -x)]))
    expected = [*(values for _, values in each), np.where(a > 0, b, -a)]
    for (got,), values in zip(values_of(texts, a, b), expected, strict=True):
        np.testing.assert_array_equal(got, values)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    x = variable("x")
    numbers = np.array([0.5, -3.0, 4.0])
    texts = [
        function_text([x], [x - Symbol(name, x)]),
        function_text([x], [Symbol(name, x), Symbol(name, x * x) + 1.0]),
    ]
    centred, several = values_of(texts, numbers)
    of = getattr(np, name)
    np.testing.assert_allclose(centred[0], numbers - of(numbers), rtol=1e-15)
    np.testing.assert_allclose(several, [of(numbers), of(numbers**2) + 1], rtol=1e-15)


def test_brackets_keep_the_order_of_operations():
    x, y = variable("x"), variable("y")
    each = [
        lambda x, y: x - (y - x),
        lambda x, y: (x - y) - x,
        lambda x, y: x / (y / x),
        lambda x, y: y - (-(-x)),  # noqa: B002  two signs
        lambda x, y: y + (-x) ** 2.0,
        lambda x, y: y + -(x**2.0),
        lambda x, y: (x**2.0) ** y,
        lambda x, y: y * (x - -2.0),
        lambda x, y: x * (y + -1.0),
        lambda x, y: (x + y) * (x - y),
    ]
    a, b = np.array([1.5, 2.0]), np.array([0.5, 3.0])
    texts = [function_text([x, y], [f(x, y)]) for f in each]
    for (got,), f in zip(values_of(texts, a, b), each, strict=True):
        np.testing.assert_allclose(got, f(a, b), rtol=1e-15)


def test_a_number_for_the_case_is_no_number_for_each_unit():
    a, y = variable("a"), variable("y")
    per_case = (a * y).sum(axis=-2)
    with pytest.raises(Untraceable, match="beside others"):
        function_text([a, y], [per_case + a])
    with pytest.raises(Untraceable, match="a result of the shape"):
        function_text([a, y], [per_case], each_unit=True)
    with pytest.raises(Untraceable, match="a result of the shape"):
        function_text([a, y], [a], each_unit=False)
    with pytest.raises(Untraceable, match="the operation linear"):
        function_text([a, y], [Symbol("linear", a)])
