"""Data frames of all dtypes of numbers train as their numbers do; missing values are refused."""

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.arrays.data_frames import host_array
from backprop_xp.errors import DataError, DTypeError

NUMBERS = np.array([[1.5, 1, 0], [2, 0, 1], [0.5, 1, 1], [1, 0, 0]])
LABELS = np.array([0, 1, 1, 0])
NET = bp.Network([3, 4, 2], "tanh")
ONE = bp.Network([3, 1], output="identity", loss="squared_error")


class Nullable:
    """A dtype that names the NumPy dtype of its values."""

    def __init__(self, name):
        self.numpy_dtype = np.dtype(name)


class Frame:
    """The methods of a data frame with nullable columns, where pandas is not installed."""

    columns = ("a", "b", "c")

    def __init__(self, values, dtypes):
        self.values, self.dtypes = np.asarray(values, object), [Nullable(one) for one in dtypes]

    def isna(self):
        return np.array([[value is None for value in row] for row in self.values])

    def to_numpy(self, dtype=None, na_value=None):
        if na_value is not None:
            self.values[self.isna()] = na_value
        return self.values.astype(dtype)

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(dtype)


def trained(X, Y, net=NET, **settings):
    return bp.train(net, X, Y, epochs=3, batch_size=2, **settings).theta


def frames():
    pandas = pytest.importorskip("pandas")
    plain = pandas.DataFrame(NUMBERS, columns=["a", "b", "c"])
    counted = plain.astype({"b": "int64", "c": "int64"})
    return {
        "bool and float": plain.astype({"b": bool, "c": bool}),
        "bool and int": counted.astype({"b": bool}),
        "get_dummies": pandas.get_dummies(
            pandas.DataFrame({"a": NUMBERS[:, 0], "k": ["x", "y", "x", "y"]})
        ),
        "sparse dummies": pandas.get_dummies(
            pandas.DataFrame({"a": NUMBERS[:, 0], "k": ["x", "y", "x", "y"]}), sparse=True
        ),
        "nullable": counted.astype({"a": "Float64", "b": "boolean", "c": "Int64"}),
        "Float64": plain.astype("Float64"),
        "categories": counted.astype({"b": "category", "c": bool}),
    }


KINDS = (
    "bool and float",
    "bool and int",
    "get_dummies",
    "sparse dummies",
    "nullable",
    "Float64",
    "categories",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_is_its_numbers(kind):
    frame = frames()[kind]
    numbers = frame.astype(float).to_numpy()
    np.testing.assert_array_equal(trained(frame, LABELS), trained(numbers, LABELS))
    theta = NET.init(seed=1)
    np.testing.assert_array_equal(bp.predict(NET, theta, frame), NET.forward(theta, numbers))
    np.testing.assert_array_equal(NET.forward(theta, frame), NET.forward(theta, numbers))
    assert bp.check_gradient(NET, theta, frame, LABELS).passed


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean", "bool", "category"])
def test_a_series_of_labels(dtype):
    pandas = pytest.importorskip("pandas")
    labels = pandas.Series(LABELS).astype(dtype)
    np.testing.assert_array_equal(trained(NUMBERS, labels), trained(NUMBERS, LABELS))
    assert bp.check_gradient(NET, NET.init(seed=1), NUMBERS, labels).passed


@pytest.mark.parametrize("dtype", ["Float64", "Float32", "Int64"])
def test_a_series_of_targets_or_weights(dtype):
    pandas = pytest.importorskip("pandas")
    numbers = pandas.Series([1.0, 2.0, 3.0, 1.0]).astype(dtype)
    expected = trained(NUMBERS, numbers.to_numpy(float), ONE)
    np.testing.assert_array_equal(trained(NUMBERS, numbers, ONE), expected)
    expected = trained(NUMBERS, LABELS, case_weights=numbers.to_numpy(float))
    np.testing.assert_array_equal(trained(NUMBERS, LABELS, case_weights=numbers), expected)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_a_missing_value_is_refused_by_its_place(dtype):
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([1, 0, None, 1]).astype(dtype)
    frame = pandas.DataFrame({"a": NUMBERS[:, 0], "b": column, "c": NUMBERS[:, 2] > 0})
    with pytest.raises(DataError, match=r"train\(X\): got nan at row 2, column 1 \(counted"):
        trained(frame, LABELS)
    assert np.isnan(bp.predict(NET, NET.init(), frame)).any(axis=1).tolist() == [0, 0, 1, 0]
    for net in (NET, ONE):
        with pytest.raises(DataError, match=r"train\(Y\): got nan at row 2 \(counted"):
            trained(NUMBERS, column, net)
    with pytest.raises(DataError, match=r"train\(case_weights\): got nan at row 2 \(counted"):
        trained(NUMBERS, LABELS, case_weights=column)


def series_of(library, values):
    """Return a series with missing values, as a library holds it."""
    if library == "list":
        return list(values)
    if library == "array":
        return np.array(values, object)
    if library == "pyarrow":
        return pytest.importorskip("pyarrow").array(values)
    if library == "polars":
        return pytest.importorskip("polars").Series(values)
    return pytest.importorskip("pandas").Series(values, dtype=object)


LIBRARIES = ("list", "array", "pyarrow", "polars", "pandas")  # pandas' "boolean" has NaN, see above


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("values", [(True, False, None, True), ("a", None, "b", "a")])
def test_a_missing_label_is_said_to_be_missing(library, values):
    labels, row = series_of(library, values), values.index(None)
    for call in (
        lambda: trained(NUMBERS, labels),
        lambda: trained(NUMBERS, LABELS, validation=(NUMBERS, labels)),
        lambda: NET.cost(NET.init(), NUMBERS, labels),
        lambda: bp.ordinal_targets(labels, 2),
    ):
        with pytest.raises(DataError, match=f"missing value, .*, at row {row} .counted") as caught:
            call()
        assert "Number the classes" not in str(caught.value)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_missing_value_of_a_column_is_said_to_be_missing(library):
    columns = {"a": [1.0, 2.0, 3.0, 4.0], "b": [True, False, None, True], "c": ["x", "y", "x", "y"]}
    module = pytest.importorskip(library)
    frame = module.table(columns) if library == "pyarrow" else module.DataFrame(columns)
    with pytest.raises(DataError, match=r"train\(X\): .* missing value, None, at row 2, column"):
        trained(frame, LABELS)


def test_inputs_with_none_or_not_a_time():
    pandas = pytest.importorskip("pandas")
    for missing in (None, np.nan, pandas.NA, pandas.NaT):
        X = NUMBERS.astype(object)
        X[3, 1] = missing
        with pytest.raises(DataError, match=r"train\(X\): .* at row 3, column 1 .counted"):
            trained(X, LABELS)
    with pytest.raises(DTypeError, match="dtype object"):
        trained(np.array([[np.ones(2)], [np.ones(3)]], object), [0, 1], bp.Network([1, 2]))


def test_a_missing_label_of_an_array_is_named():
    with pytest.raises(DataError, match=r"train\(Y\): got nan at row 1 \(counted"):
        trained(NUMBERS, np.array([0, np.nan, 1, 1]))


def test_columns_that_are_no_numbers_are_named():
    pandas = pytest.importorskip("pandas")
    of_day = pandas.period_range("2020", periods=4, freq="D")
    for column in (list("wxyz"), of_day, of_day.to_timestamp(), pandas.interval_range(0, 4)):
        for beside in (NUMBERS[:, 0], NUMBERS[:, 0] > 1):
            frame = pandas.DataFrame({"a": beside, "kind": column, "c": NUMBERS[:, 2]})
            with pytest.raises(DTypeError, match=r"train\(X\): got column 'kind' of dtype"):
                trained(frame, LABELS)
    with pytest.raises(DTypeError, match="Number the classes"):
        trained(NUMBERS, pandas.Series(list("wxyz")))


@pytest.mark.parametrize(
    ("dtypes", "dtype"),
    [
        (("float32", "bool", "bool"), "float32"),
        (("int64", "bool", "int8"), "int64"),
        (("bool", "bool", "bool"), "bool"),
        (("float64", "bool", "int64"), "float64"),
    ],
)
def test_columns_are_promoted_as_numpy_promotes(dtypes, dtype):
    found = host_array(Frame([[1, True, 0], [2, False, 1]], dtypes), "train(X)")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.array([[1, 1, 0], [2, 0, 1]]).astype(dtype))


def test_a_missing_value_is_nan():
    found = host_array(Frame([[1, True, 0], [2, None, 1]], ("int64", "bool", "int8")), "train(X)")
    np.testing.assert_array_equal(found, [[1, 1, 0], [2, np.nan, 1]])
    with pytest.raises(DataError, match=r"train\(X\): got nan at row 1, column 1"):
        bp.train(NET, Frame([[1, True, 0], [2, None, 1]], ("int64", "bool", "int8")), [0, 1])
