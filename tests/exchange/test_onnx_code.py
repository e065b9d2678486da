"""Nodes of ONNX: every operation has some, and they compute what was meant."""

import numpy as np
import pytest
from exchange_cases import onnx_results
from needs import needs

from backprop_xp.exchange.expressions import ELEMENTWISE, REDUCTIONS, Symbol
from backprop_xp.exchange.onnx_code import Value, written
from backprop_xp.exchange.onnx_graph import Graph

onnx = needs("onnx")
X = np.array([[-2.5, 0.0, 0.3], [1.0, 3.5, 0.25]])
REFERENCES = {"number": lambda x: np.where(x, 1.0, 0.0), "pow": np.power, "abs": np.abs}


def computed(result, dtype="float64"):
    """Return what ONNX Runtime computes of a symbol in x."""
    graph = Graph(["X", "Y"])
    (value,) = written(graph, [result], {"x": Value("X", dtype)}, dtype, "test")
    graph.output(value, "Y")
    kind = graph.element_type(dtype)
    infos = [onnx.helper.make_tensor_value_info(name, kind, ["m", None]) for name in ("X", "Y")]
    made = onnx.helper.make_graph(graph.nodes, "g", infos[:1], infos[1:], graph.initializers)
    opset = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(made, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return onnx_results(model, X)["Y"]


def arity(name):
    if name == "where":
        return 3
    one = set(REDUCTIONS) | {
        *("negative", "abs", "exp", "expm1", "log", "log1p", "tanh", "sqrt", "square", "sign"),
        *("logical_not", "isnan", "number"),
    }
    return 1 if name in one else 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*ELEMENTWISE, *REDUCTIONS])
def test_every_operation(name, dtype):
    x = Symbol("input", name="x")
    truths = [x > 0.1, x < 1.0]
    inputs = {1: [x], 2: [x, x * 0.5 + 1.0], 3: [truths[0], x, -x]}[arity(name)]
    values = {1: [X], 2: [X, X * 0.5 + 1.0], 3: [X > 0.1, X, -X]}[arity(name)]
    if name.startswith("logical") or name == "number":
        inputs, values = truths[: len(inputs)], [X > 0.1, X < 1.0][: len(inputs)]
    made = Symbol(name, *inputs)
    truth = name in ("greater", "greater_equal", "less", "less_equal", "equal", "isnan")
    if truth or name.startswith("logical"):
        made = Symbol("number", made)
    got = computed(made, dtype)
    with np.errstate(all="ignore"):
        function = REFERENCES.get(name) or getattr(np, name)
        options = {"axis": -1, "keepdims": True} if name in REDUCTIONS else {}
        expected = function(*values, **options)
    np.testing.assert_allclose(got, np.asarray(expected, dtype=float), rtol=1e-5, atol=1e-6)


def test_equal_numbers_are_one_constant():
    x = Symbol("input", name="x")
    graph = Graph(["X"])
    result = (x + 1.0) * (x - 1.0) + 2.0
    written(graph, [result], {"x": Value("X", "float64")}, "float64", "test")
    assert len(graph.initializers) == 2


def test_large_constants_of_equal_shape_stay_apart():
    x = Symbol("input", name="x")
    made = x
    for k in range(30):
        made = made + Symbol("constant", name="c", values=np.full((2, 30), float(k))[:, :3] * k)
    np.testing.assert_allclose(computed(made), X + sum(k * k for k in range(30)))


def test_names_are_unique_beside_those_of_inputs():
    x = Symbol("input", name="x")
    graph = Graph(["X", "add", "constant"])
    written(graph, [x + 1.0 + 2.0], {"x": Value("X", "float64")}, "float64", "test")
    names = [each.output[0] for each in graph.nodes] + [each.name for each in graph.initializers]
    assert len({*names, "X", "add", "constant"}) == len(names) + 3
