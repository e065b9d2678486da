"""Values of data: finite, in range, labels that exist, weights that can be weights."""

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.errors import DataError
from backprop_xp.network.data_values import (
    check_case_weights,
    check_finite,
    check_labels,
    check_not_empty,
)

F64_MAX = float(np.finfo("float64").max)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (2, 0, 3)])
def test_data_without_a_case_are_refused(xp, shape):
    with pytest.raises(DataError, match=r"f\(X\): got shape .*; expected at least one case"):
        check_not_empty(xp.array(np.zeros(shape)), "f(X)")
    check_not_empty(xp.array(np.zeros((1, 1))), "f(X)")


def test_finite_numbers_pass_and_nothing_is_changed(xp):
    for values in ([[1.5, -2.0]], [[1, -2]], [[True, False]]):
        x = xp.array(values)
        assert check_finite(x, "f(X)", "float32") is None
        np.testing.assert_array_equal(xp.host(x), values)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_number_that_is_not_finite_is_named(xp, bad, dtype):
    # also where the computation is wider than the data: float32 data, float64 training
    for stored in xp.float_dtypes:
        x = np.zeros((4, 3))
        x[2, 1] = x[3, 0] = bad
        with pytest.raises(DataError, match=rf"f\(X\): got {bad} at row 2, column 1 \(counted"):
            check_finite(xp.array(x, stored), "f(X)", dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_half_precision_data_are_checked_too(dtype, bad):
    x = np.array([[0, bad]], dtype="float16")
    with pytest.raises(DataError, match=f"got {bad} at row 0, column 1"):
        check_finite(x, "f(X)", dtype)


def test_one_axis_has_rows_and_three_have_networks(xp):
    with pytest.raises(DataError, match=r"got nan at row 1 \(counted"):
        check_finite(xp.array([0, np.nan]), "f(w)", "float32")
    x = np.zeros((2, 3, 4, 5))
    x[1, 2, 3, 0] = np.nan
    with pytest.raises(DataError, match=r"at network \(1, 2\), row 3, column 0"):
        check_finite(xp.array(x), "f(X)", "float32")


def test_numbers_beyond_the_range_of_the_computation_are_refused(xp64):
    largest = float(np.finfo("float32").max)  # 3.4e38
    check_finite(xp64.array([[largest, -largest]]), "f(X)", "float32")
    check_finite(xp64.array([[1e39, -F64_MAX]]), "f(X)", "float64")
    for bad in (1e39, -1e39):
        with pytest.raises(DataError, match=r"1e\+39 at .* within the range of float32.*float64"):
            check_finite(xp64.array([[0, bad]]), "f(X)", "float32")


@pytest.mark.parametrize("number", [70_000, -70_000, 2**63 - 1, -(2**63)])
def test_integers_beyond_the_range_of_half_precision_are_refused(number):
    # −2⁶³ has no absolute value in int64
    with pytest.raises(DataError, match=f"got {number} at row 0, column 1"):
        check_finite(np.array([[0, number]]), "f(X)", "float16")


@pytest.mark.parametrize(("n_out", "top"), [(1, 1), (2, 1), (3, 2), (10, 9)])
def test_labels_in_range_pass(xp, n_out, top):
    check_labels(xp.array([0, top, 0]), n_out, "f(Y)")
    check_labels(xp.array([[0, top], [top, 0]]), n_out, "f(Y)")
    check_labels(xp.array([True, False]), n_out, "f(Y)")


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_labels_of_which_pytorch_takes_no_minimum(dtype):
    torch = needs("torch")
    check_labels(torch.tensor([0, 2], dtype=getattr(torch, dtype)), 3, "f(Y)")
    with pytest.raises(DataError, match="got label 3 at row 1"):
        check_labels(torch.tensor([0, 3], dtype=getattr(torch, dtype)), 3, "f(Y)")


@pytest.mark.parametrize(("n_out", "top"), [(1, 1), (2, 1), (10, 9)])
@pytest.mark.parametrize("over", [False, True])
def test_labels_out_of_range_are_refused(xp, n_out, top, over):
    bad = top + 1 if over else -1
    with pytest.raises(DataError, match=rf"f\(Y\): got label {bad} at row 2 .*from 0 to {top},"):
        check_labels(xp.array([0, 1, bad, bad]), n_out, "f(Y)")


@pytest.mark.parametrize(
    ("label", "dtype"), [(2**40, "int64"), (2**63 + 5, "uint64"), (255, "uint8"), (-128, "int8")]
)
def test_labels_that_int32_would_wrap_are_refused(label, dtype):
    with pytest.raises(DataError, match=f"label {label} at row 1"):
        check_labels(np.array([0, label], dtype=dtype), 10, "f(Y)")


def test_case_weights_that_can_be_used_pass(xp):
    check_case_weights(xp.array([0.0, 0.5, 2.0]), "f(w)", "float32")
    check_case_weights(xp.array([1, 0, 3]), "f(w)", "float32")
    check_case_weights(xp.array([[1.0, 0.0], [0.0, 1.0]]), "f(w)", "float32")
    check_case_weights(xp.array([True, False]), "f(w)", "float32")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0, -0.5, 1.0], "a weight of -0.5; expected weights >= 0"),
        ([1.0, np.nan], "nan at row 1"),
        ([np.inf, 1.0], "inf at row 0"),
        ([0.0, 0.0], "weights that are all 0"),
        ([[1.0, 1.0], [0.0, 0.0]], "weights that are all 0; expected at least one above 0 for"),
        ([False, False], "weights that are all 0"),
    ],
)
def test_other_case_weights_are_refused(xp, weights, words):
    with pytest.raises(DataError) as caught:
        check_case_weights(xp.array(weights), "f(w)", "float32")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "Y"),
    [
        ("binary_cross_entropy", [[0.5], [1.5]]),
        ("poisson", [[1.0], [-1.0]]),
        ("cross_entropy", [[1.0], [-0.1]]),
    ],
)
def test_targets_that_a_loss_is_not_made_for_are_refused(loss, Y):
    net = bp.Network([1, 1], output="exp", loss=loss)
    with pytest.raises(DataError, match=rf"train\(Y\): got target .* at \(1, 0\).*{loss}"):
        bp.train(net, np.ones((2, 1)), np.array(Y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_whose_squares_overflow_are_finite(dtype):
    largest = np.finfo(dtype).max
    for x in ([[largest, -largest]], [[1e30] * 3], np.full((3, 4), 1e20)):
        check_finite(np.array(x, dtype), "f(X)", dtype)
        check_finite(np.array(x, dtype).T, "f(X)", dtype)
    with pytest.raises(DataError, match=r"got 70000.0 at row 0, column 1"):
        check_finite(np.array([[0, 70_000]], dtype), "f(X)", "float16")
    many = np.full((100, 7), 60_000, dtype)  # each is within half precision, their norm is not
    check_finite(many, "f(X)", "float16")
    many[3, 4] = -70_000
    with pytest.raises(DataError, match=r"got -70000.0 at row 3, column 4"):
        check_finite(many, "f(X)", "float16")


def test_numbers_that_pytorch_holds_negated():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    X = torch.tensor([[1 + 2j, 3 + 4j]]).conj().imag  # a view whose signs are still to change
    check_finite(X, "X", "float32")
    with pytest.raises(DataError, match="row 0, column 1"):
        check_finite(torch.tensor([[1 + 2j, complex(0, float("inf"))]]).conj().imag, "X", "float32")
