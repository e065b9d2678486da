"""Frames, pipelines, and the check that a loaded model predicts as its pipeline."""

import warnings

import numpy as np
from needs import needs

import backprop_xp as bp

pd = needs("pandas")
needs("sklearn")

from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    OneHotEncoder,
    StandardScaler,
)

TIGHT = {"rtol": 1e-12, "atol": 1e-12}
M = 60
CITIES = np.array(["Rome", "Oslo", "Bonn", "Lima", "Kyiv"], dtype=object)


def frame(seed=0, m=M, missing=0.1):
    """Return a frame of numbers, whole numbers, texts and booleans, with gaps."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 12, m),
            "income": rng.lognormal(8, 1, m),
            "rooms": rng.integers(1, 6, m),
            "city": rng.choice(CITIES, m, p=[0.5, 0.3, 0.1, 0.05, 0.05]),
            "owner": rng.random(m) < 0.5,
        }
    )
    table["city"] = table["city"].astype(object)
    if missing:
        for name in ("age", "income", "city"):
            table.loc[rng.random(m) < missing, name] = np.nan
    return table


def target(kind, m=M, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "two": rng.choice(["no", "yes"], m),
        "three": rng.choice(["a", "b", "c"], m),
        "whole": rng.choice([3, 5, 8], m),
        "bools": rng.random(m) < 0.5,
        "objects": rng.choice(np.array(["x", "y", "zz"], dtype=object), m),
        "labels": rng.integers(0, 2, (m, 3)),
        "number": rng.normal(size=m),
        "numbers": rng.normal(size=(m, 2)),
    }[kind]


def quiet(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args)


def fitted(*steps, X, y, **settings):
    numbers = np.asarray(y).dtype.kind == "f"
    kind = bp.MLPRegressor if numbers else bp.MLPClassifier
    mlp = kind(hidden_layer_sizes=[4], max_iter=3, random_state=0, **settings)
    return quiet(make_pipeline(*steps, mlp).fit, X, y)


def saved(path, estimator):
    bp.save(path, estimator)
    return bp.load(path)


def check_same(path, pipeline, *tables, mine=lambda table: table):
    """The loaded model predicts as the pipeline, to 1e-12."""
    model = saved(path, pipeline)
    for table in tables:
        expected, found = quiet(pipeline.predict, table), model.predict(mine(table))
        assert found.shape == expected.shape
        if hasattr(pipeline, "classes_"):
            np.testing.assert_array_equal(model.classes, pipeline.classes_)
            np.testing.assert_array_equal(found, expected)
            assert found.dtype.kind == expected.dtype.kind
            p = quiet(pipeline.predict_proba, table)
            np.testing.assert_allclose(model.predict_proba(mine(table)), p, **TIGHT)
        else:
            np.testing.assert_allclose(found, expected, **TIGHT)
    return model


NUMBERS, TEXTS = ["age", "income", "rooms"], ["city", "owner"]


def columns(numbers=None, texts=None, **settings):
    numbers = make_pipeline(SimpleImputer(), StandardScaler()) if numbers is None else numbers
    texts = OneHotEncoder(handle_unknown="ignore") if texts is None else texts
    return ColumnTransformer([("n", numbers, NUMBERS), ("t", texts, TEXTS)], **settings)
