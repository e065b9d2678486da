"""Products of stacks by fewer calls: the bits of `numpy.matmul`, for any layout and any number."""

import numpy as np
import pytest

from backprop_xp.execution import numpy_stacks
from backprop_xp.execution.numpy_stacks import calls_of_stack
from backprop_xp.execution.tape import Instruction

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-39, 3e38]


def made(shape, dtype, seed, *, strided=False):
    """Return random numbers with special ones among them; `strided` leaves gaps between rows."""
    rng = np.random.default_rng(seed)
    lead, (rows, columns) = shape[:-2], shape[-2:]
    whole = rng.standard_normal((*lead, rows * columns + 5)).astype(dtype)
    places = rng.integers(0, whole.size, len(SPECIAL))
    with np.errstate(over="ignore"):
        whole.reshape(-1)[places] = np.array(SPECIAL, dtype)
    x = whole[..., : rows * columns].reshape(shape)
    return x if strided else x.copy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize(
    ("of_A", "of_B"),
    [
        ((50, 2, 6), (6, 64)),
        ((50, 2, 64), (64, 6)),
        ((50, 2, 1), (50, 1, 64)),
        ((50, 3, 1), (1, 8)),
        ((3, 1), (50, 1, 8)),
        ((2, 5, 3, 4), (4, 3)),
        ((1, 1), (2, 50, 1, 8)),
        ((50, 1, 1), (50, 1, 8)),
        ((50, 6, 1), (50, 1, 1)),
        ((50, 1, 1), (1, 1)),
    ],
    ids=str,
)
def test_the_calls_give_the_bits_of_the_product(of_A, of_B, strided, dtype):
    A, B = made(of_A, dtype, 0, strided=strided), made(of_B, dtype, 1)
    with np.errstate(all="ignore"):
        expected = A @ B
        before = A.tobytes(), B.tobytes()
        C = made(expected.shape, dtype, 2, strided=strided)
        calls = calls_of_stack(Instruction(np.matmul, (A, B), C))
        assert (A.tobytes(), B.tobytes()) == before
        for call in calls or [lambda: np.matmul(A, B, out=C)]:
            call()
    nan = np.isnan(expected)
    assert np.array_equal(np.isnan(C), nan)
    assert C[~nan].tobytes() == expected[~nan].tobytes()


def test_a_product_that_differs_in_a_trial_is_left_to_numpy(monkeypatch):
    A, B = made((4, 2, 3), "float32", 0), made((3, 2), "float32", 1)
    monkeypatch.setattr(numpy_stacks, "_joined", lambda A, B, C: [lambda: C.fill(1)])  # noqa: ARG005
    assert calls_of_stack(Instruction(np.matmul, (A, B), np.empty((4, 2, 2), "float32"))) == []


@pytest.mark.parametrize(
    ("of_A", "of_B", "dtype"),
    [
        ((2, 3), (3, 4), "float32"),
        ((5, 1, 3), (3, 4), "float32"),
        ((5, 200, 100), (100, 2), "float32"),
        ((5, 2, 3), (3, 4), "float16"),
    ],
    ids=str,
)
def test_other_products_are_left_to_numpy(of_A, of_B, dtype):
    A, B = np.ones(of_A, dtype), np.ones(of_B, dtype)
    assert calls_of_stack(Instruction(np.matmul, (A, B), A @ B)) == []
