"""Products of small matrices in fewer calls: the bits of NumPy's product of the stack."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_xp.execution.compiled.small_products import in_fewer_calls
from backprop_xp.execution.tape import Instruction

SIZES = st.integers(1, 5)


def done(instructions):
    """Do the instructions on the memory of their arrays."""
    for one in instructions:
        if one.kind == "convert":
            one.target[...] = one.inputs[0]
        else:
            one.function(*one.inputs, out=one.target)


def drawn(rng, shape, dtype, *, gaps, turned):
    """Return a stack of matrices with gaps between them, or with their axes in reverse order."""
    *lead, n, m = shape
    whole = rng.choice([0.0, -0.0, 1.5, -2.25, 1e-3], (*lead, n, m + gaps)).astype(dtype)
    x = whole[..., :m]
    return np.ascontiguousarray(x.mT).mT if turned else x


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SIZES, min_size=4, max_size=4),
    st.sampled_from(["float32", "float64"]),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.integers(0, 2**16),
)
def test_the_bits_of_one_product_for_each_matrix(sizes, dtype, chosen, seed):
    networks, p, q, r = sizes
    shared, gaps, others, turned, turned_too, gaps_out = chosen
    rng = np.random.default_rng(seed)
    A = drawn(rng, (networks, p, q), dtype, gaps=gaps, turned=turned)
    lead = () if shared else (networks,)
    B = drawn(rng, (*lead, q, r), dtype, gaps=others, turned=turned_too)
    C = np.full((networks, p, r + gaps_out), 7, dtype)[..., :r]
    expected = np.matmul(A, B, out=C.copy())
    done(in_fewer_calls(Instruction(np.matmul, (A, B), C)))
    assert C.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((4, 3, 1), (4, 1, 5)), ["multiply", "add"]),
        (((1, 1), (1, 4, 1, 5)), ["multiply", "add"]),
        (((3, 1), (1, 5)), ["matmul"]),  # no stack: the recorded step calls BLAS too
        (((4, 200, 1), (4, 1, 200)), ["matmul"]),  # large: the call matters little
        (((4, 3, 2), (4, 2, 5)), ["matmul"]),
    ],
)
def test_products_with_one_inner_number_are_elementwise(shapes, expected):
    A, B = (np.ones(shape) for shape in shapes)
    C = np.zeros(np.matmul(A, B).shape)
    made = in_fewer_calls(Instruction(np.matmul, (A, B), C))
    assert [one.function.__name__ for one in made] == expected


def test_a_stack_times_one_matrix_is_one_product_of_all_rows():
    A, B, C = np.ones((4, 2, 8))[..., :6], np.ones((16, 6)).T, np.zeros((4, 2, 16))
    copy, product = in_fewer_calls(Instruction(np.matmul, (A, B), C))
    assert (copy.kind, product.inputs[0].shape, product.target.shape) == (
        "convert",
        (8, 6),
        (8, 16),
    )


def test_a_part_of_a_gradient_and_a_stack_of_one_stay_as_they_are():
    X = np.ones((16, 6))
    for networks, width in ((4, 7), (1, 6)):
        delta, slopes = np.ones((networks, 2, 16)), np.zeros((networks, 2, width))[..., :6]
        product = Instruction(np.matmul, (delta, X), slopes)
        assert in_fewer_calls(product) == [product]
