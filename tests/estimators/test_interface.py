"""The estimators have everything that scikit-learn's two classes have: names, defaults, types."""

import inspect
import pickle
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from estimator_cases import quick

sklearn = pytest.importorskip("sklearn", minversion="1.9")

from scipy import sparse  # noqa: E402
from sklearn import neural_network  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_diabetes, load_iris  # noqa: E402
from sklearn.utils import get_tags  # noqa: E402

import backprop_xp as bp  # noqa: E402

pytest.importorskip("pandas")
import pandas as pd  # noqa: E402

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)
NAMES = ["MLPClassifier", "MLPRegressor"]
EACH = pytest.mark.parametrize("name", NAMES)


def both(name):
    return getattr(bp, name), getattr(neural_network, name)


def data_for(name):
    return IRIS if name == "MLPClassifier" else DIABETES


@EACH
def test_parameters_have_their_names_defaults_kinds_and_order(name):
    ours, theirs = (inspect.signature(one).parameters for one in both(name))
    for parameter in theirs.values():
        here = ours[parameter.name]
        assert (here.default, here.kind) == (parameter.default, parameter.kind)
    positional = [
        [n for n, one in each.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
        for each in (ours, theirs)
    ]
    assert positional[0] == positional[1]


@EACH
def test_methods_have_their_names_and_take_their_arguments(name):
    ours, theirs = both(name)
    public = [n for n in dir(theirs) if not n.startswith("_")]
    assert set(public) <= set(dir(ours))
    for method in public:
        here, there = (inspect.signature(getattr(one, method)).parameters for one in (ours, theirs))
        common = [here[n] for n in there]  # ours alone come last, by keyword
        assert [(p.name, p.kind, p.default) for p in common] == [
            (p.name, p.kind, p.default) for p in there.values()
        ]
        alone = [p for n, p in here.items() if n not in there]
        assert all(p.kind is p.KEYWORD_ONLY for p in alone)


@EACH
def test_metadata_tags_and_representations(name):
    ours, theirs = (one() for one in both(name))
    assert get_tags(ours) == replace(get_tags(theirs), array_api_support=True)
    assert repr(ours) == repr(theirs) == f"{name}()"
    for changed_only in (True, False):
        with sklearn.config_context(print_changed_only=changed_only):
            texts = [repr(one.set_params(alpha=0.5)) for one in (ours, theirs)]
        assert "alpha=0.5" in texts[0]
        assert (texts[0] == texts[1]) is changed_only
    requests = [one.get_metadata_routing()._serialize() for one in (ours, theirs)]
    assert requests[0]["fit"].pop("eval_set") is None
    assert requests[0] == requests[1]
    assert "eval_set" not in ours._repr_html_()
    assert "learning_rate_init" in ours._repr_html_()
    copy = clone(ours)
    assert repr(copy) == repr(ours)
    assert repr(pickle.loads(pickle.dumps(ours))) == repr(ours)  # noqa: S301  its own


@quick
@EACH
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fitted_attributes_have_their_names_types_and_layout(name, early_stopping, solver, dtype):
    X, y = data_for(name)
    X = pd.DataFrame(X.astype(dtype)).add_prefix("x")
    chosen = {"solver": solver, "early_stopping": early_stopping, "max_iter": 3, "random_state": 0}
    ours, theirs = (one(**chosen).fit(X, y) for one in both(name))
    for attribute in [n for n in vars(theirs) if n.endswith("_") and not n.startswith("_")]:
        found, expected = getattr(ours, attribute), getattr(theirs, attribute)
        if dtype is np.float64:
            assert type(found) is type(expected), attribute
        if isinstance(expected, list) and dtype is np.float64:
            assert [type(x) for x in found] == [type(x) for x in expected]
        if attribute in ("coefs_", "intercepts_"):
            kinds = {x.dtype for x in found}
            assert kinds == {np.dtype(dtype)}
            assert all(x.flags.c_contiguous and x.flags.writeable for x in found)
    assert {"n_iter_", "loss_", "coefs_", "feature_names_in_"} <= vars(ours).keys()


def without_address(x):
    """Return a text of x that is the same in every process, for xdist."""
    return re.sub(r" at 0x\w+", "", str(x), flags=re.IGNORECASE)


REFUSED = [
    *({"hidden_layer_sizes": value} for value in (0, (3, 0), "3", b"3", iter([3]), None, 2.5)),
    *({"activation": value} for value in ("rlu", None, 3, np.array([1, 2]))),
    *({"solver": value} for value in ("adm", None, 3, np.array([1, 2]))),
    *({"alpha": value} for value in (-1.0, np.inf, np.nan, "1", None, np.array([1.0, 2.0]))),
    *({"batch_size": value} for value in (0, "large", None, 2.5, np.array([1, 2]))),
    *({"learning_rate": value} for value in ("fast", None, 0.1, np.array([1, 2]), ["constant"])),
    *({"learning_rate_init": value} for value in (0.0, -1, "1", None, np.inf)),
    *({"power_t": value} for value in (-1, None)),
    *({"max_iter": value} for value in (0, 2.5, None, np.inf)),
    *({"shuffle": value} for value in (1, None, "yes", np.array([1, 2]))),
    *({"random_state": value} for value in (-1, 0.5, "x", [1, 2], np.random.default_rng(0))),
    *({"tol": value} for value in (-1, None, np.inf)),
    *({"verbose": value} for value in (-1, None, "yes", 0.5, [1])),
    *({"warm_start": value} for value in (1, None)),
    *({"momentum": value} for value in (-0.1, 1.1, None)),
    *({"nesterovs_momentum": value} for value in (1, None)),
    *({"early_stopping": value} for value in (1, None, "yes")),
    *({"validation_fraction": value} for value in (-0.1, 1.0, None)),
    *({"beta_1": value} for value in (-0.1, 1.0, None)),
    *({"beta_2": value} for value in (-0.1, 1.0, None)),
    *({"epsilon": value} for value in (0.0, None)),
    *({"n_iter_no_change": value} for value in (0, 2.5, None, np.array([1, 2]), pd.Series([1, 2]))),
    *({"max_fun": value} for value in (0, 2.5, None)),
    *({"loss": value} for value in ("mse", 3, [3], np.int64(3), 0.5)),
]


@EACH
@pytest.mark.parametrize("chosen", REFUSED, ids=without_address)
def test_refused_values_have_the_types_of_their_errors(name, chosen):
    """scikit-learn's InvalidParameterError is a ValueError and a TypeError."""
    (parameter,) = chosen
    ours, theirs = both(name)
    with pytest.raises(bp.ParameterError, match=rf"^{parameter}: got ") as caught:
        ours(**chosen).fit(*data_for(name))
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)
    if parameter != "loss" or name == "MLPRegressor":
        with pytest.raises(ValueError, match=parameter):
            theirs(**chosen).fit(*data_for(name))


TAKEN = [
    *({"hidden_layer_sizes": v} for v in (4, (4,), [4, 3], np.array([4]), range(2, 4), (), [])),
    {"hidden_layer_sizes": np.int32(4)},
    {"hidden_layer_sizes": pd.Series([4, 3])},
    *({"alpha": value} for value in (0, np.float32(0.5), np.int64(1), 1e10)),
    *({"batch_size": value} for value in (np.int64(5), 1000)),
    *({"verbose": value} for value in (np.bool_(False), 0, 2, True)),
    *({"shuffle": value} for value in (np.bool_(False), np.bool_(True))),
    *(
        {"random_state": value}
        for value in (None, np.int32(3), 2**32 - 1, np.random.RandomState(0))
    ),
    *({"n_iter_no_change": value} for value in (np.inf, np.int64(3), np.float64("inf"))),
    {"momentum": 1},
    {"solver": np.str_("sgd")},
    {"activation": np.str_("logistic")},
    {"tol": 0},
    {"validation_fraction": 0},
]


@quick
@EACH
@pytest.mark.parametrize("chosen", TAKEN, ids=without_address)
@pytest.mark.filterwarnings("ignore:.*batch_size")
def test_values_that_theirs_takes_are_taken_here(name, chosen):
    for one in both(name):
        one(**{"max_iter": 2, "random_state": 0, **chosen}).fit(*data_for(name))


X, CLASS = IRIS
LABELS = np.stack([CLASS == 0, CLASS != 2], axis=1).astype(int)
WITH_NAN = np.where(np.arange(600).reshape(150, 4) == 7, np.nan, X)
FRAME = pd.DataFrame(X, columns=list("abcd"))
DATA = {
    "NaN in X": (WITH_NAN, CLASS),
    "infinity in X": (np.where(np.isnan(WITH_NAN), np.inf, X), CLASS),
    "lengths": (X, CLASS[:-1]),
    "one row": (X[:1], CLASS[:1]),
    "X of one axis": (X[:, 0], CLASS),
    "X of three axes": (X[:, :, None], CLASS),
    "no rows": (X[:0], CLASS[:0]),
    "no columns": (X[:, :0], CLASS),
    "complex": (X + 0j, CLASS),
    "texts in X": (np.full((150, 4), "a", object), CLASS),
    "objects": (X.astype(object), CLASS.astype(object)),
    "lists": (X.tolist(), CLASS.tolist()),
    "NaN in y": (X, np.where(CLASS == 0, np.nan, CLASS)),
    "infinity in y": (X, np.where(CLASS == 0, np.inf, CLASS)),
    "y of floats": (X, CLASS + 0.0),
    "continuous y": (X, CLASS + 0.5),
    "a column": (X, CLASS[:, None]),
    "texts": (X, CLASS.astype(str)),
    "booleans": (X, CLASS == 0),
    "labels": (X, LABELS),
    "labels as booleans": (X, LABELS.astype(bool)),
    "one label": (X, LABELS[:, :1]),
    "several numbers": (X, np.stack([CLASS, CLASS], axis=1)),
    "y of three axes": (X, np.zeros((150, 2, 2))),
    "no y": (X, None),
    "a number": (X, np.array(3)),
    "frame and categories": (FRAME, pd.Series(pd.Categorical(CLASS.astype(str)))),
    "frame of nullable columns": (FRAME.convert_dtypes(), pd.Series(CLASS, dtype="Int64")),
    "missing class": (FRAME, pd.Series([None, *CLASS[1:]], dtype="Int64")),
    "nullable booleans": (FRAME, pd.Series(CLASS == 0, dtype="boolean")),
    "frame as y": (FRAME, pd.DataFrame({"class": CLASS})),
    "names of two types": (FRAME.rename(columns={"a": 1}), CLASS),
    "CSR": (sparse.csr_matrix(X), CLASS),
    "CSC": (sparse.csc_array(X), CLASS),
    "COO": (sparse.coo_array(X), CLASS),
    "int8": (X.astype(np.int8), CLASS.astype(np.int8)),
    "float16": (X.astype(np.float16), CLASS),
    "float32": (X.astype(np.float32), CLASS.astype(np.float32)),
    "minus and plus": (X, np.where(CLASS == 0, -1, 1)),
    "columns of Fortran": (np.asfortranarray(X), CLASS),
    "masked": (np.ma.array(X), CLASS),
}
LABELLED = {"sparse labels": (X, sparse.csr_matrix(LABELS))}  # theirs fails with numbers


def outcome(kind, X, y, **chosen):
    """Return what a fit and its predictions are like, and the classes of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mlp = kind(hidden_layer_sizes=(3,), max_iter=2, random_state=0, **chosen)
            predicted = mlp.fit(X, y).predict(X)
        except (ValueError, TypeError) as error:
            return [k for k in (ValueError, TypeError) if isinstance(error, k)], set()
    found = [type(predicted), predicted.dtype, predicted.shape, mlp.n_features_in_]
    found += [hasattr(mlp, "feature_names_in_"), mlp.out_activation_, mlp.n_outputs_]
    if hasattr(mlp, "classes_") and len(mlp.classes_) > 1:
        found += [mlp.classes_.dtype, mlp.classes_.tolist(), mlp.predict_proba(X).shape]
    return found, {one.category for one in caught}


@EACH
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("of", [*DATA, *LABELLED])
def test_data_come_out_as_theirs_do(name, solver, of):
    if of in LABELLED and name == "MLPRegressor":
        pytest.skip("scikit-learn's regressor does not take sparse targets")
    if (of, name) == ("texts", "MLPRegressor"):
        pytest.skip("scikit-learn's regressor fails within NumPy, with a TypeError")
    ours, theirs = both(name)
    X, y = {**DATA, **LABELLED}[of]
    found, expected = (outcome(kind, X, y, solver=solver) for kind in (ours, theirs))
    if (solver, of) == ("lbfgs", "float32") and name == "MLPRegressor":
        expected[0][1] = np.dtype("float32")  # theirs widens to float64
    assert found == expected


@quick
@EACH
def test_errors_before_a_fit_and_of_other_columns(name):
    ours, theirs = both(name)
    for kind in (ours, theirs):
        with pytest.raises(sklearn.exceptions.NotFittedError):
            kind().predict(X)
        mlp = kind(max_iter=2).fit(FRAME, CLASS)
        with pytest.raises(ValueError, match="features"):
            kind(max_iter=2).fit(X, CLASS).predict(X[:, :3])
        with pytest.raises(ValueError, match="feature names"):
            mlp.predict(FRAME[list("dcba")])
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            mlp.predict(X)


@quick
@EACH
def test_the_place_that_a_warning_names_is_the_line_of_the_call(name):
    X, y = data_for(name)
    kind = both(name)[0]
    classes = {"classes": np.unique(y)} if name == "MLPClassifier" else {}
    with pytest.warns(UserWarning, match="batch_size") as caught:
        kind(max_iter=2, batch_size=10_000).fit(X, y)
    assert [one.filename for one in caught] == [__file__] * 2  # of the size and of max_iter
    with pytest.warns(UserWarning, match="batch_size") as caught:
        kind(batch_size=10_000).partial_fit(X, y, **classes)
    assert [one.filename for one in caught] == [__file__]
