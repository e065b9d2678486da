"""Random programs of small matrices: operations in place or not, on views and on their bases."""

import numpy as np
from hypothesis import strategies as st


def product(x, y):
    """Return x y by BLAS."""
    return x @ y


def product_by_terms(x, y):
    """Return x y of (2, 2) matrices, each number a sum of two products in order."""
    return x[:, :1] * y[:1, :] + x[:, 1:] * y[1:, :]


UNARY = [
    np.negative,
    np.abs,
    np.tanh,
    lambda x: x.mT,
    lambda x: x - np.add.reduce(x, -2, keepdims=True),
    lambda x: np.maximum.reduce(x, -2, keepdims=True) + x,
    lambda x: x - np.sum(x, -1, keepdims=True),
    lambda x: x + np.add.reduce(x, -1, keepdims=True),
]
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.maximum,
    lambda x, y: np.where(x > y, x, y),
    lambda x, y: (x > y).astype(x.dtype),
    product,
    lambda x, y: x[:, :1] * y,
    lambda x, y: x[:1, :] - y.mT,
    lambda x, y: np.ones_like(x) - y,
]
OPERATIONS = st.lists(
    st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 6)),
    max_size=14,
)


def step_of(operations, unary=tuple(UNARY), binary=tuple(BINARY)):
    """Return the step of a program, whose carry is two matrices and a number for each column."""
    functions = (*unary, *binary)

    def step(carry, numbers, x):
        (a, b, c), values = carry, [x * 1, numbers * x, *carry[:2]]
        for which, first, second, place in operations:
            one, other = values[first % len(values)], values[second % len(values)]
            function = functions[which % len(functions)]
            made = function(one) if function in unary else function(one, other)
            if place == 0:
                a += made
            elif place == 1:
                b *= made.mT
            elif place == 2 and len(values) > 4:
                values[-1] -= made
            elif place == 3:
                c += np.add.reduce(made, -2, keepdims=True)
            elif place == 4:
                c *= np.maximum.reduce(made, -2, keepdims=True)
                made = made + c
            values.append(made)
        return (a, b * 0.5, c), (values[-1] + a, None)

    return step


def arguments(count):
    """Return the carry, the numbers and the batches of some steps."""
    rng = np.random.default_rng(0)
    carry = (*rng.normal(size=(2, 2, 2)), rng.normal(size=(1, 2)))
    return carry, ([np.array(0.5), np.array(-0.25)] * 2)[:count], rng.normal(size=(count, 2, 2))


def expected(step, carry, numbers, X):
    """Return the carry after the steps and their outs, by NumPy."""
    carry, outs = tuple(x.copy() for x in carry), []
    with np.errstate(all="ignore"):
        for number, x in zip(numbers, X, strict=True):
            carry, out = step(carry, number, x.copy())
            outs.append(out[0].copy())
    return carry, np.stack(outs)
