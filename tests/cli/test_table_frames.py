"""A model of the command takes data frames as they come, and predicts as the command does."""

import datetime as dt

import numpy as np
import pytest
from cli_cases import read_csv
from mixed_tables import write_mixed
from needs import needs

pytest.importorskip("sklearn", minversion="1.6")

import backprop_xp as bp
from backprop_xp.cli.main import main
from backprop_xp.errors import DataError, DTypeError, ShapeError


@pytest.fixture
def predicted(capsys):
    """Train a model, and return the probabilities that the command predicts."""
    write_mixed()
    options = ["--target", "y", "--id", "order", "--missing=-,", "--networks", "2", "--epochs", "2"]
    assert main(["train", "orders.csv", *options]) == 0
    assert main(["predict", "orders.safetensors", "orders.csv", "--out", "p.csv"]) == 0
    capsys.readouterr()
    _, found = read_csv("p.csv")
    return np.array([row[2:] for row in found], dtype=float)


def frames(library):
    module = needs(library)
    if library == "polars":
        return module.read_csv("orders.csv"), module.read_csv("orders.csv", try_parse_dates=True)
    texts = module.read_csv("orders.csv", keep_default_na=False, dtype=str)
    return texts, module.read_csv("orders.csv", parse_dates=["when"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_as_it_comes_is_read_as_the_table_of_training(library, predicted):
    model = bp.load("orders.safetensors")
    bp.save("again.safetensors", model)
    again = bp.load("again.safetensors")
    assert again.decided == model.decided
    for frame in frames(library):
        np.testing.assert_array_equal(model.predict_proba(frame), predicted)
        np.testing.assert_array_equal(again.predict_proba(frame), predicted)
    table = bp.datasets.read_like("orders.csv", model.decided)
    np.testing.assert_array_equal(model.predict_proba(table.rows()), predicted)


def test_rows_that_were_not_read_so_are_refused_with_the_way(predicted):
    model = bp.load("orders.safetensors")
    advice = "Read a table as it comes by datasets.read_like"
    with pytest.raises(ShapeError, match=advice):
        model.predict(np.zeros((3, 2)))
    rows = bp.datasets.read_like("orders.csv", model.decided).rows()
    rows[0, model.feature_names.index("area")] = "large"
    with pytest.raises(DTypeError, match=advice):
        model.predict(rows)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_column_is_named_as_the_command_names_it(library, predicted, capsys):
    model, frame = bp.load("orders.safetensors"), frames(library)[0]
    columns = [name for name in frame.columns if name != "district"]
    with pytest.raises(DataError) as caught:
        model.predict(frame[columns])
    assert "no column 'district'; expected the columns of the first table" in str(caught.value)
    assert "'when', 'visits'" in str(caught.value)
    assert "read_like" not in str(caught.value)
    rows = bp.datasets.read_like("orders.csv", model.decided).rows()
    features = needs("pandas").DataFrame(rows, columns=model.feature_names)
    np.testing.assert_array_equal(model.predict_proba(features), predicted)


DATES = {
    "days": np.array(["2024-01-31", "2024-02-01"] * 20, dtype="datetime64[D]"),
    "spans": np.arange(40).astype("timedelta64[ms]"),
    "objects": np.array([[dt.date(2024, 1, k % 28 + 1), 1.0] for k in range(40)], object),
}


@pytest.mark.parametrize("kind", DATES)
@pytest.mark.parametrize("library", ["", "pandas", "polars"])
def test_estimators_refuse_dates_and_name_the_reader(library, kind):
    dates = DATES[kind]
    X = dates.reshape(40, -1)
    if library:
        # beside numbers, from which pandas has no common dtype
        columns = {"when": list(X[:, 0]) if kind == "objects" else dates, "x": np.arange(40.0)}
        X = needs(library).DataFrame(columns)
    y = np.arange(40.0)
    mlp = bp.MLPEnsembleRegressor(networks=1, epochs=1)
    with pytest.raises(DTypeError, match=r"in column (when|0).*read_mixed\(X\)"):
        mlp.fit(X, y)
    if library:
        mlp.fit(needs(library).DataFrame({"when": y, "x": y}), y)
        with pytest.raises(DTypeError):
            mlp.predict(X)
