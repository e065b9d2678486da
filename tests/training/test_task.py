"""What training refuses before any work. What it accepts is in test_train.py."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.errors import (
    BackpropError,
    DataError,
    DeviceError,
    DTypeError,
    OptionError,
    ShapeError,
)
from backprop_xp.training.data import loading
from backprop_xp.training.options import Options
from backprop_xp.training.task import prepared

TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error")

_rng = np.random.default_rng(0)
M = 10
X = _rng.standard_normal((M, 3))
Y = _rng.standard_normal((M, 2))
BITS = _rng.integers(0, 2, M)
WEIGHTS = _rng.uniform(0.1, 2, M)
BITS[:2] = 0, 1


class Unused:
    """An optimiser that must not get as far as its state."""

    def settings(self, _):
        return {}

    def init(self, _):
        raise AssertionError("work began before the check")

    update = init


def bad(X, row, column, value):
    X = np.array(X)
    X[row, column] = value
    return X


THETA = TARGETS.init(dtype="float64")
WIDE = X.astype("float32")
REFUSALS = {
    # shapes
    "X one axis": ({"X": X[0]}, ShapeError, "train(X)", "shape (3,)"),
    "X no axis": ({"X": 3.0}, ShapeError, "train(X)", "shape ()"),
    "X columns": ({"X": X[:, :2]}, ShapeError, "train(X)", "shape (10, 2)"),
    "X axes": ({"X": X[None]}, ShapeError, "train(X)", "shape (1, 10, 3)"),
    "X stack": ({"X": np.zeros((3, M, 3)), "stack": 2}, ShapeError, "train(X)", "(3, 10, 3)"),
    "X one axis, weights": (
        {"X": X[0], "case_weights": WEIGHTS},
        ShapeError,
        "train(X)",
        "shape (3,)",
    ),
    "X no axis, weights": ({"X": 3.0, "case_weights": WEIGHTS}, ShapeError, "train(X)", "()"),
    "Y rows": ({"Y": Y[:9]}, ShapeError, "train(Y)", "shape (9, 2)"),
    "Y columns": ({"Y": Y[:, :1]}, ShapeError, "train(Y)", "shape (10, 1)"),
    "Y no axis": ({"Y": 1.0}, ShapeError, "train(Y)", "shape ()"),
    "Y stack": ({"Y": np.zeros((3, M, 2)), "stack": 2}, ShapeError, "train(Y)", "(3, 10, 2)"),
    "Y floats for labels": ({"Y": BITS * 1.0}, ShapeError, "train(Y)", "dtype float64"),
    "w rows": ({"case_weights": WEIGHTS[:9]}, ShapeError, "train(case_weights)", "shape (9,)"),
    "w column": ({"case_weights": WEIGHTS[:, None]}, ShapeError, "train(case_weights)", "(10, 1)"),
    "w number": ({"case_weights": 2.0}, ShapeError, "train(case_weights)", "shape ()"),
    "w stack": (
        {"case_weights": np.ones((3, M)), "stack": 2},
        ShapeError,
        "train(case_weights)",
        "(3, 10)",
    ),
    "theta length": ({"theta": THETA[:-1]}, ShapeError, "train(theta)", "shape (25,)"),
    "theta no axis": ({"theta": THETA[0]}, ShapeError, "train(theta)", "shape ()"),
    "theta of no network": (
        {"theta": THETA[None][:0]},
        ShapeError,
        "train(theta)",
        "shape (0, 26)",
    ),
    "ragged X": ({"X": [[1.0, 2.0, 3.0], [1.0]]}, ShapeError, "train(X)", "different lengths"),
    "ragged Y": ({"Y": [[1.0, 2.0], [1.0]]}, ShapeError, "train(Y)", "different lengths"),
    "ragged w": ({"case_weights": [[1.0], [1.0, 2]]}, ShapeError, "train(case_weights)", "lengths"),
    "rate stack": (
        {"optimizer": bp.SGD(np.ones((3, 1))), "stack": 2},
        ShapeError,
        "learning_rate",
        "3",
    ),
    "l2 stack": ({"l2": np.ones((3, 1)), "stack": 2}, ShapeError, "l2", "(3, 1)"),
    # values
    "no cases": ({"X": X[:0], "Y": Y[:0]}, DataError, "train(X)", "shape (0, 3)"),
    "X NaN": ({"X": bad(X, 4, 2, np.nan)}, DataError, "train(X)", "nan at row 4, column 2"),
    "X inf": ({"X": bad(X, 4, 2, -np.inf)}, DataError, "train(X)", "-inf at row 4, column 2"),
    "X float32 NaN, dtype float64": (
        {"X": bad(WIDE, 4, 2, np.nan), "dtype": "float64"},
        DataError,
        "train(X)",
        "nan at row 4",
    ),
    "X float32 inf, dtype float64": (
        {"X": bad(WIDE, 4, 2, np.inf), "dtype": "float64"},
        DataError,
        "train(X)",
        "inf at row 4",
    ),
    "X overflows": (
        {"X": bad(X, 1, 0, 1e39), "dtype": "float32"},
        DataError,
        "train(X)",
        "1e+39 at row 1",
    ),
    "Y NaN": ({"Y": bad(Y, 3, 1, np.nan)}, DataError, "train(Y)", "nan at row 3, column 1"),
    "Y overflows": (
        {"X": WIDE, "Y": bad(Y, 3, 1, -1e39)},
        DataError,
        "train(Y)",
        "-1e+39 at row 3, column 1",
    ),
    "theta NaN": ({"theta": THETA * np.nan}, DataError, "train(theta)", "nan at row 0"),
    "theta overflows": (
        {"theta": THETA * 0 + 1e39, "dtype": "float32"},
        DataError,
        "train(theta)",
        "1e+39",
    ),
    "label -1": ({"Y": BITS - 1}, DataError, "train(Y)", "label -1"),
    "label n_out": ({"Y": BITS + 1}, DataError, "train(Y)", "label 2"),
    "label 2**40": ({"Y": BITS * 2**40}, DataError, "train(Y)", "label 1099511627776"),
    "w negative": (
        {"case_weights": WEIGHTS - 2},
        DataError,
        "train(case_weights)",
        "a weight of -",
    ),
    "w NaN": ({"case_weights": WEIGHTS * np.nan}, DataError, "train(case_weights)", "nan at row 0"),
    "w inf": ({"case_weights": WEIGHTS * np.inf}, DataError, "train(case_weights)", "inf at row 0"),
    "w all 0": ({"case_weights": np.zeros(M)}, DataError, "train(case_weights)", "all 0"),
    "w all 0 for one": (
        {"case_weights": np.eye(2)[:, [0] * M], "stack": 2},
        DataError,
        "case_weights",
        "all 0",
    ),
    # types
    "X complex": ({"X": X + 0j}, DTypeError, "train(X)", "complex128"),
    "X object": ({"X": X.astype(object)}, DTypeError, "train(X)", "object"),
    "X text": ({"X": X.astype(str)}, DTypeError, "train(X)", "dtype <U"),
    "X dates": ({"X": X.astype("M8[s]")}, DTypeError, "train(X)", "datetime64"),
    "X masked": ({"X": np.ma.array(X, mask=X > 1)}, DTypeError, "train(X)", "mask"),
    "X None": ({"X": None}, DTypeError, "train(X)", "object"),
    "X long": ({"X": X.astype(np.longdouble), "theta": THETA}, DTypeError, "train(X)", "float"),
    "Y complex": ({"Y": Y + 0j}, DTypeError, "train(Y)", "complex128"),
    "Y text": ({"Y": ["a"] * M}, DTypeError, "train(Y)", "dtype <U1"),
    "Y None": ({"Y": None}, DTypeError, "train(Y)", "object"),
    "w text": ({"case_weights": ["a"] * M}, DTypeError, "train(case_weights)", "dtype <U1"),
    "theta list": ({"theta": THETA.tolist()}, DTypeError, "train(theta)", "list"),
    "theta int": ({"theta": THETA.astype(int)}, DTypeError, "train(theta)", "int64"),
    "dtype int": ({"dtype": "int32"}, DTypeError, "train(dtype)", "'int32'"),
    "dtype unknown": ({"dtype": "float33"}, DTypeError, "train(dtype)", "'float33'"),
    # options
    "epochs -1": ({"epochs": -1}, OptionError, "train(epochs)", "-1"),
    "epochs 1.5": ({"epochs": 1.5}, OptionError, "train(epochs)", "1.5"),
    "epochs text": ({"epochs": "10"}, OptionError, "train(epochs)", "'10'"),
    "epochs True": ({"epochs": True}, OptionError, "train(epochs)", "True"),
    "epochs None": ({"epochs": None}, OptionError, "train(epochs)", "None"),
    "batch_size 0": ({"batch_size": 0}, OptionError, "train(batch_size)", "0"),
    "batch_size -1": ({"batch_size": -1}, OptionError, "train(batch_size)", "-1"),
    "batch_size 2.0": ({"batch_size": 2.0}, OptionError, "train(batch_size)", "2.0"),
    "batch_size text": ({"batch_size": "all"}, OptionError, "train(batch_size)", "'all'"),
    "seed -1": ({"seed": -1}, OptionError, "seed", "-1"),
    "seed 1.5": ({"seed": 1.5}, OptionError, "seed", "1.5"),
    "seed None": ({"seed": None}, OptionError, "seed", "None"),
    "seed -1, theta": ({"seed": -1, "theta": THETA, "batch_size": 2}, OptionError, "seed", "-1"),
    "seed -1, full batch": (
        {"seed": -1, "theta": THETA, "batch_size": None},
        OptionError,
        "seed",
        "-1",
    ),
    "stack 0": ({"stack": 0}, OptionError, "stack", "0"),
    "stack -1": ({"stack": (2, -1)}, OptionError, "stack", "-1"),
    "stack 1.5": ({"stack": 1.5}, OptionError, "stack", "1.5"),
    "stack None": ({"stack": None}, OptionError, "stack", "None"),
    "stack and theta": ({"stack": 2, "theta": THETA}, OptionError, "train(stack)", "(2,)"),
    "stack and theta's": (
        {"stack": 2, "theta": TARGETS.init(stack=3, dtype="float64")},
        OptionError,
        "train(stack)",
        "(3,), theta's leading axes",
    ),
    "l2 -1": ({"l2": -1.0}, OptionError, "train(l2)", "-1.0"),
    "l2 NaN": ({"l2": np.nan}, OptionError, "train(l2)", "nan"),
    "l2 text": ({"l2": "some"}, OptionError, "train(l2)", "'some'"),
    "optimizer number": ({"optimizer": 0.1}, OptionError, "train(optimizer)", "0.1"),
    "optimizer class": ({"optimizer": bp.SGD}, OptionError, "train(optimizer)", "SGD"),
    "optimizer text": (
        {"optimizer": "sdg"},
        OptionError,
        "train(optimizer)",
        "Did you mean 'sgd'?",
    ),
    "net": ({"net": [3, 4, 2]}, DTypeError, "train(net)", "list"),
    "device": ({"device": "cdua"}, DeviceError, "device", "Did you mean 'cuda'?"),
    "device number": ({"device": 0}, DeviceError, "device", "0"),
    # validation
    "val an array": ({"validation": X}, OptionError, "train(validation)", "ndarray"),
    "val one": ({"validation": (X,)}, OptionError, "train(validation)", "a pair (X, Y)"),
    "val four": ({"validation": (X, Y, Y, Y)}, OptionError, "train(validation)", "a pair (X, Y)"),
    "val weights": (
        {"validation": (X, Y, Y)},
        ShapeError,
        "train(validation)(weights)",
        f"shape ({M}, 2)",
    ),
    "val weights 0": (
        {"validation": (X, Y, np.zeros(M))},
        DataError,
        "train(validation)(weights)",
        "all 0",
    ),
    "val weight < 0": (
        {"validation": (X, Y, WEIGHTS - 2)},
        DataError,
        "train(validation)(weights)",
        "a weight of -",
    ),
    "rates of one": ({"layer_rates": [1.0]}, OptionError, "train(layer_rates)", "[1.0]"),
    "rates number": ({"layer_rates": 1.0}, OptionError, "train(layer_rates)", "2 finite numbers"),
    "rates negative": ({"layer_rates": [1, -1]}, OptionError, "train(layer_rates)", "-1"),
    "rates text": ({"layer_rates": "ab"}, OptionError, "train(layer_rates)", "ab"),
    "rates of lbfgs": (
        {"layer_rates": [1, 2], "optimizer": "lbfgs", "batch_size": None},
        OptionError,
        "train(layer_rates)",
        "LBFGS, which has none",
    ),
    "rates schedule": (
        {"layer_rates": bp.schedules.Step(1.0, 5)},
        OptionError,
        "train(layer_rates)",
        "a schedule is the optimiser's learning_rate",
    ),
    "rates schedules": (
        {"layer_rates": [bp.schedules.Step(1.0, 5), 1.0]},
        OptionError,
        "train(layer_rates)",
        "a schedule is the optimiser's learning_rate",
    ),
    "rates of rprop": (
        {"layer_rates": [0, 1], "optimizer": "rprop", "batch_size": None},
        OptionError,
        "train(layer_rates)",
        "a factor of 0 for Rprop",
    ),
    "noise text": (
        {"dropout_per_network": "yes"},
        OptionError,
        "train(dropout_per_network)",
        "'yes'",
    ),
    "val number": ({"validation": 0.1}, OptionError, "train(validation)", "float"),
    "val X": ({"validation": (X[:, :2], Y)}, ShapeError, "train(validation)", "(10, 2)"),
    "val Y": ({"validation": (X, Y[:9])}, ShapeError, "train(validation)", "(9, 2)"),
    "val labels": ({"validation": (X, BITS + 5)}, DataError, "train(validation)", "label"),
    "val NaN": ({"validation": (bad(X, 0, 1, np.nan), Y)}, DataError, "train(validation)", "row 0"),
    "val empty": ({"validation": (X[:0], Y[:0])}, DataError, "train(validation)", "shape (0, 3)"),
    "val text": ({"validation": (X, ["a"] * M)}, DTypeError, "train(validation)", "<U1"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_is_refused_before_any_work(case):
    changed, kind, where, words = REFUSALS[case]
    given = {"net": TARGETS, "X": X, "Y": Y, "optimizer": Unused(), **changed}
    with pytest.raises(BackpropError) as caught:
        bp.train(given.pop("net"), given.pop("X"), given.pop("Y"), **given)
    error = caught.value
    assert type(error) is kind
    assert where in error.parts[0]
    assert words in str(error)
    assert len(error.parts) == 4
    assert all(isinstance(part, str) and part.strip() for part in error.parts)


@pytest.mark.parametrize("mixed", ["X", "Y", "theta", "case_weights", "validation"])
@pytest.mark.parametrize("xp", ["strict-device1", "torch"], indirect=True)
def test_arrays_of_two_libraries_are_not_mixed(xp, mixed):
    given = {"X": X, "Y": Y, "theta": THETA, "case_weights": WEIGHTS}
    if mixed == "validation":
        given["validation"] = xp.array(X), xp.array(Y)
    else:
        given[mixed] = xp.array(given[mixed])
    with pytest.raises(DeviceError, match=r"two libraries do not mix.*device=") as caught:
        bp.train(TARGETS, optimizer=Unused(), **given)
    assert "train(" in caught.value.parts[0]


@pytest.mark.parametrize("mixed", ["Y", "theta", "case_weights", "validation"])
@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
def test_devices_of_one_library_are_not_mixed(xp, mixed):
    def there(x, device="device1"):
        return xp.xp.asarray(x, device=xp.xp.Device(device), copy=True)

    given = {"X": X, "Y": Y, "theta": THETA, "case_weights": WEIGHTS}
    given = {name: there(x, "device2" if name == mixed else "device1") for name, x in given.items()}
    if mixed == "validation":
        given["validation"] = there(X, "device2"), there(Y, "device2")
    with pytest.raises(DeviceError, match=f"train.{mixed}.*on .*device2.*device1"):
        bp.train(TARGETS, optimizer=Unused(), **given)


@pytest.mark.parametrize("xp", ["torch", "jax"], indirect=True)
def test_bfloat16_is_refused(xp):
    x = xp.xp.asarray(xp.array(X, "float32"), dtype=xp.xp.bfloat16)
    with pytest.raises(DTypeError, match=r"train\(X\): got .*bfloat16"):
        bp.train(TARGETS, x, xp.array(Y, "float32"), optimizer=Unused())


def test_a_device_that_cannot_be_used_is_named(monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="'torch:cuda:0': got PyTorch finds no usable CUDA"):
        bp.train(TARGETS, X, Y, device="torch:cuda", optimizer=Unused())


def test_what_was_passed_in_is_not_damaged_by_a_refusal():
    given = np.array(X), np.array(Y), np.array(THETA)
    with pytest.raises(DataError):
        bp.train(TARGETS, *given, case_weights=np.zeros(M))
    for now, then in zip(given, (X, Y, THETA), strict=True):
        np.testing.assert_array_equal(now, then)


# ---------------------------------------------------------------------------------------------
# data that do not fit


FROM_A_FILE = "Pass X as np.load(path, mmap_mode='r'), whose rows are read a block at a time"


@pytest.mark.parametrize("where", ["train(X)", "train(validation)(X)", "train(theta)"])
def test_memory_that_does_not_suffice(where, memory_error, monkeypatch):
    error, lack = memory_error
    moves, move = [], loading.moved_by

    def full(by, x, *place):
        moves.append(x)
        if len(moves) == {"train(X)": 2, "train(validation)(X)": 4, "train(theta)": 5}[where]:
            raise error
        return move(by, x, *place)

    monkeypatch.setattr(loading, "moved_by", full)
    theta = THETA.copy()
    with pytest.raises(bp.OutOfMemoryError) as caught:
        bp.train(TARGETS, X, Y, theta, validation=(X, Y), optimizer=Unused())
    room, advice = "room for all cases", FROM_A_FILE
    if where == "train(theta)":
        room, advice = (
            "room for the parameters",
            "Try fewer networks in the stack, or dtype='float32'",
        )
    assert caught.value.parts == (where, f"no {lack}", room, advice)
    assert caught.value.__cause__ is error
    assert (caught.value.theta, caught.value.epoch) == (None, None)
    np.testing.assert_array_equal(theta, THETA)


@pytest.mark.parametrize("optimizer", [bp.Rprop(), bp.LBFGS()], ids=["rprop", "lbfgs"])
def test_a_full_batch_is_all_cases_and_not_one_less(optimizer):
    for size in (None, M, M + 1):
        bp.train(TARGETS, X, Y, optimizer=optimizer, batch_size=size, epochs=1)
    for size in (1, M - 1):
        with pytest.raises(OptionError, match=rf"train\(batch_size\): got {size} of {M} cases"):
            bp.train(TARGETS, X, Y, optimizer=optimizer, batch_size=size, epochs=1)


def test_a_batch_has_no_more_cases_than_there_are():
    for size, expected in ((None, M), (M + 5, M), (M, M), (3, 3)):
        task = prepared(TARGETS, X, Y, None, Options(batch_size=size))
        assert task.batch_size == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_targets_take_the_dtype_of_the_computation(dtype):
    exact = np.full((M, 2), 1 / 3)
    task = prepared(TARGETS, X, exact, None, Options(dtype=dtype))
    np.testing.assert_array_equal(task.cases.Y, exact.astype(dtype), strict=True)
