"""NumPy source: what is written computes what was meant."""

import numpy as np
import pytest
from exchange_cases import Centred, Cube

from backprop_xp.activations import ACTIVATIONS, ELU, LeakyReLU
from backprop_xp.exchange.expressions import ELEMENTWISE, REDUCTIONS, Symbol, in_order
from backprop_xp.exchange.numpy_code import CALLS, INFIX, PREFIX, Functions, array_text, body

Z = np.array([[-800.0, -3.0, -1e-9], [0.0, 0.7, 700.0]])


def evaluated(results, **inputs):
    functions = Functions()
    lines = "\n".join(f"    {line}" for line in body(results, functions, "test"))
    code = "\n".join([*functions.texts.values(), f"def f({', '.join(inputs)}):\n{lines}"])
    names = {"np": np}
    exec(code, names)  # noqa: S102
    return names["f"](*inputs.values())


@pytest.mark.parametrize("name", ACTIVATIONS)
@np.errstate(over="ignore")
def test_the_source_of_each_activation_computes_what_it_computes(name):
    check(ACTIVATIONS[name]())


@pytest.mark.parametrize("activation", [LeakyReLU(-0.5), ELU(2.5), Cube(), Centred()])
@np.errstate(over="ignore")
def test_so_does_one_with_numbers_or_of_a_user(activation):
    check(activation)


def check(activation):
    z = Symbol("input", name="z")
    x = Symbol("activation", z, activation=activation)
    np.testing.assert_array_equal(evaluated([x], z=Z), activation(Z.T).T)


def test_every_operation_has_a_source():
    assert set(ELEMENTWISE) | set(REDUCTIONS) <= set(INFIX) | set(PREFIX) | set(CALLS)


@pytest.mark.parametrize("seed", range(40))
def test_operators_bind_as_they_should(seed):
    rng = np.random.default_rng(seed)
    x, y = Symbol("input", name="x"), Symbol("input", name="y")
    values = {"x": np.array([1.5, 0.25]), "y": np.array([0.5, 3.0])}
    known = {id(x): values["x"], id(y): values["y"]}
    pool = [x, y, -x, 2.0, -3.0]
    for _ in range(6):
        name = str(rng.choice(["add", "subtract", "multiply", "divide", "negative", "pow"]))
        left, right = (pool[k] for k in rng.integers(len(pool), size=2))
        pool.append(Symbol(name, left) if name == "negative" else Symbol(name, left, right))
    for each in in_order([one for one in pool if isinstance(one, Symbol)]):
        if id(each) not in known:
            given = [known.get(id(i), i) for i in each.inputs]
            with np.errstate(all="ignore"):
                known[id(each)] = getattr(np, each.operation)(*given)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(evaluated([pool[-1]], **values), known[id(pool[-1])])


def test_two_activations_of_one_name_are_two_functions():
    functions = Functions()
    names = [functions.activation(one, "test") for one in (ELU(1.0), ELU(2.0), ELU(1.0))]
    assert names == ["elu", "elu_2", "elu"]


@pytest.mark.parametrize("name", ["lambda", "np", "predict", "a b", "3d"])
def test_a_name_that_no_function_may_have_is_changed(name):
    activation = Cube()
    activation.name = name
    made = Functions().activation(activation, "test")
    assert made.isidentifier()
    assert made.startswith("activation_") or made == "a_b"


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.1, -1e-300], [np.inf, np.nan]]),
        np.array([0.1, 1 / 3], dtype="float32"),
        np.array([1, 2**62]),
        np.array([True, False]),
        np.array(["it's", 'a "b"', "é\n"]),
        np.zeros((0, 2)),
        np.array([["nan", "a nan b", None, "'nan'", "nan, nan"]], dtype=object),
    ],
)
def test_an_array_is_written_with_all_its_digits(values):
    read = eval(array_text(values), {"np": np})  # noqa: S307
    assert read.dtype.kind == values.dtype.kind
    np.testing.assert_array_equal(read.reshape(values.shape), values)
