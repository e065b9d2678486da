"""Data that do not fit a network are refused, each in words of its own."""

import numpy as np
import pytest
from network_cases import LABELS, NET, ONE_HOT, THETA, WEIGHTS, M, X, refused

import backprop_xp as bp
from backprop_xp.errors import DataError, DeviceError, DTypeError, ShapeError

# ---------------------------------------------------------------------------------------------
# refusals


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (np.ones((M, 4)), ShapeError, "got shape (5, 4); expected (m, 3), 3 inputs of layer 1"),
        (np.ones((3, M)), ShapeError, "got shape (3, 5); expected (m, 3)"),
        (np.ones(3), ShapeError, "got shape (3,); expected (m, 3)"),
        (np.ones(()), ShapeError, "got shape (); expected (m, 3)"),
        (np.ones((2, M, 3)), ShapeError, "got shape (2, 5, 3); expected (m, 3)"),
        ([[1, 2, 3], [4, 5]], ShapeError, "got rows of different lengths; expected rows of one"),
        (np.ones((M, 3), dtype=object), DTypeError, "got dtype object; expected real numbers"),
        (np.ones((M, 3), dtype=complex), DTypeError, "got dtype complex128; expected real"),
        (np.full((M, 3), "1.5"), DTypeError, "got dtype <U3; expected real numbers"),
        (np.zeros((M, 3), dtype="datetime64[s]"), DTypeError, "expected real numbers"),
        ([["a", "b", "c"]], DTypeError, "expected real numbers"),
        (np.ma.ones((M, 3)), DTypeError, "got a masked array; expected an array without a mask"),
        ([[None, 1, 2]], DataError, "got a missing value, None, at row 0, column 0"),
        (None, DTypeError, "got dtype object; expected real numbers"),
        ("text", DTypeError, "expected real numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, error, says):
    message = refused(error, says, NET.forward, THETA, x)
    assert message.startswith("forward(X): ")
    assert refused(error, says, NET.cost, THETA, x, LABELS).startswith("cost(X): ")
    assert refused(error, says, NET.gradient, THETA, x, LABELS).startswith("gradient(X): ")


@pytest.mark.parametrize(
    ("y", "error", "says"),
    [
        (
            np.ones((M, 3)),
            ShapeError,
            "got shape (5, 3) of dtype float64; expected class labels (5,)",
        ),
        (np.ones((M, 3)), ShapeError, "of an integer dtype or targets (5, 2)"),
        (LABELS[:4], ShapeError, "got shape (4,) of dtype int64; expected class labels (5,)"),
        (LABELS[:, None], ShapeError, "got shape (5, 1)"),
        (ONE_HOT.T, ShapeError, "got shape (2, 5)"),
        (
            LABELS.astype(float),
            ShapeError,
            "Convert labels held as floats with Y.astype(int)",
        ),
        (np.ones(()), ShapeError, "got shape ()"),
        (np.ones((2, M, 2)), ShapeError, "got shape (2, 5, 2)"),
        (ONE_HOT.astype(object), DTypeError, "got dtype object; expected real numbers"),
        (ONE_HOT.astype(complex), DTypeError, "got dtype complex128; expected real numbers"),
        (np.array(["a", "b", "b", "a", "b"]), DTypeError, "got dtype <U1; expected real numbers"),
        ([[1, 0], [1]], ShapeError, "got rows of different lengths"),
        (None, DTypeError, "expected real numbers"),
    ],
)
def test_targets_that_do_not_fit_are_refused(y, error, says):
    assert refused(error, says, NET.cost, THETA, X, y).startswith("cost(Y): ")
    assert refused(error, says, NET.gradient, THETA, X, y).startswith("gradient(Y): ")


@pytest.mark.parametrize(
    ("w", "error", "says"),
    [
        (WEIGHTS[:4], ShapeError, "got shape (4,); expected (5,)"),
        (WEIGHTS[:, None], ShapeError, "got shape (5, 1); expected (5,)"),
        (np.ones((2, M)), ShapeError, "got shape (2, 5); expected (5,)"),
        (np.float64(1), ShapeError, "got shape (); expected (5,)"),
        (0.2, ShapeError, "got shape (); expected (5,)"),
        (WEIGHTS.astype(object), DTypeError, "got dtype object; expected real numbers"),
        (WEIGHTS.astype(complex), DTypeError, "got dtype complex128; expected real numbers"),
        (["much"] * M, DTypeError, "expected real numbers"),
    ],
)
def test_case_weights_that_do_not_fit_are_refused(w, error, says):
    message = refused(error, says, NET.cost, THETA, X, LABELS, w)
    assert message.startswith("cost(case_weights): ")
    message = refused(error, says, NET.gradient, THETA, X, LABELS, w)
    assert message.startswith("gradient(case_weights): ")


def test_data_that_do_not_fit_a_stack_are_refused():
    theta = np.stack([THETA] * 4)
    says = "got shape (3, 5, 3); expected (m, 3) or (4, m, 3), 3 inputs of layer 1"
    refused(ShapeError, says, NET.forward, theta, np.ones((3, M, 3)))
    says = (
        "got shape (3, 5) of dtype int64; expected class labels (5,) of an integer dtype or targets"
    )
    refused(
        ShapeError, [says, "(4, m) and (4, m, 2)"], NET.cost, theta, X, np.ones((3, M), dtype=int)
    )
    says = "got shape (3, 5); expected (5,) or (4, 5)"
    refused(ShapeError, says, NET.cost, theta, X, LABELS, np.ones((3, M)))


def test_no_cases_at_all():
    """There is an output for each of no cases, but no mean of their costs."""
    nothing = np.ones((0, 3))
    assert NET.forward(THETA, nothing).shape == (0, 2)
    for method in (NET.cost, NET.gradient):
        refused(DataError, "(X): got no cases", method, THETA, nothing, np.ones((0, 2)))


@pytest.mark.parametrize("xp", ["strict", "torch", "jax"], indirect=True)
def test_libraries_do_not_mix(xp):
    theirs = [xp.array(x) for x in (THETA, X, LABELS, WEIGHTS)]
    ours = [THETA, X, LABELS, WEIGHTS]
    for place, name in ((1, "X"), (2, "Y"), (3, "case_weights")):
        for home, guests in ((ours, theirs), (theirs, ours)):
            arguments = [*home[:place], guests[place], *home[place + 1 :]]
            message = refused(
                DeviceError, "Arrays of two libraries do not mix", NET.gradient, *arguments
            )
            assert message.startswith(f"gradient({name}): got ")
            assert "; expected an array of " in message
            assert ", as theta is" in message
    refused(DeviceError, "forward(X): got numpy.ndarray", NET.forward, theirs[0], X)
    refused(DeviceError, "forward(X): got list", NET.forward, theirs[0], X.tolist())


@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
def test_devices_do_not_mix(xp):
    other = xp.xp.Device("device2")
    arguments = [xp.array(x) for x in (THETA, X, LABELS, WEIGHTS)]
    elsewhere = [
        xp.xp.asarray(x, device=other) for x in (THETA, X, LABELS.astype(np.int32), WEIGHTS)
    ]
    for place, name in ((1, "X"), (2, "Y"), (3, "case_weights")):
        mixed = [*arguments[:place], elsewhere[place], *arguments[place + 1 :]]
        says = [f"gradient({name}): got an array on ", "device2", "expected one on ", "device1"]
        refused(DeviceError, says, NET.gradient, *mixed)
    mixed = [elsewhere[0], *arguments[1:]]
    refused(DeviceError, "gradient(X): got an array on ", NET.gradient, *mixed)
    refused(DeviceError, "forward(X): got an array on ", NET.forward, *mixed[:2])


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_the_meta_device_does_not_mix_with_the_cpu(xp):
    theta, x = xp.array(THETA), xp.array(X).to("meta")
    refused(DeviceError, "forward(X): got an array on meta", NET.forward, theta, x)


# ---------------------------------------------------------------------------------------------
# arguments, tracing, extremes


def test_integers_that_could_be_labels_or_targets_are_refused():
    net = bp.Network([2, 2], output="sigmoid", loss="squared_error")
    theta = np.stack([net.init(seed=seed, dtype="float64") for seed in (0, 1)])
    labels = np.array([[1, 1], [0, 1]])
    refused(ShapeError, "could be labels or targets", net.cost, theta, np.ones((2, 2)), labels)


def test_masked_arrays_are_refused_even_in_the_dtype_of_theta():
    masked = np.ma.masked_array(X.astype(THETA.dtype), mask=X > 0)
    for method, arguments in ((NET.forward, ()), (NET.cost, (LABELS,)), (NET.gradient, (LABELS,))):
        refused(DTypeError, "(X): got a masked array", method, THETA, masked, *arguments)
    refused(DTypeError, "(theta): got a masked array", NET.forward, np.ma.array(THETA), X)


def test_a_theta_of_no_network_is_refused():
    nothing = np.ones((0, NET.parameter_count))
    refused(ShapeError, "(theta): got shape", NET.gradient, nothing, X, LABELS)
