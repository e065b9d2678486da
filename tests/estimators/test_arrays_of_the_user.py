"""Arrays of any library under scikit-learn's dispatch: results come back where X is."""

import copy
import io
import pickle
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from cupy_path import as_cupy
from device_array import DeviceArray, put
from estimator_cases import CLASSES, NUMBERS, TWO, X, quick
from host_guard import OnHostError, kept_from_host
from libraries import open_library

sklearn = pytest.importorskip("sklearn", minversion="1.6")

import joblib  # noqa: E402
from sklearn.metrics import r2_score  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import backprop_xp as bp  # noqa: E402
from backprop_xp.arrays.backend import device_of, dtype_name, namespace  # noqa: E402
from backprop_xp.estimators.user_arrays import r_squared  # noqa: E402

pytestmark = quick
WHOLE = np.array([3, 5, 8])[(CLASSES == "y") + 2 * (CLASSES == "z")]
LABELS = np.stack([TWO, WHOLE > 3], axis=1).astype("int32")
BOTH = np.stack([NUMBERS, NUMBERS**2], axis=1)
WEIGHTS = np.arange(90) % 4 / 2
CASES = {
    "three classes": (bp.MLPClassifier, WHOLE.astype("int32")),
    "texts": (bp.MLPClassifier, CLASSES),
    "two classes": (bp.MLPClassifier, TWO),
    "labels": (bp.MLPClassifier, LABELS),
    "a number": (bp.MLPRegressor, NUMBERS),
    "numbers": (bp.MLPRegressor, BOTH),
}
each_case = pytest.mark.parametrize(("kind", "y"), CASES.values(), ids=CASES)
COUNTS = np.abs(NUMBERS).round()


NAMES = ("numpy", "strict-device1", "strict-no_float64", "strict-flags-off", "torch")


@pytest.fixture(params=[*NAMES, pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    library = open_library(request.param)
    off = {"boolean_indexing": False, "data_dependent_shapes": False}
    flags = library.xp.ArrayAPIStrictFlags(**off) if "off" in library.name else nullcontext()
    with flags:
        yield library


@pytest.fixture(autouse=True)
def dispatch(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


def without_dispatch():
    return sklearn.config_context(array_api_dispatch=False)


def new(kind, **chosen):
    numbers = {"max_iter": 4, "random_state": 0, "learning_rate_init": 0.01}
    return kind(hidden_layer_sizes=[5], **{**numbers, **chosen})


def given(xp, y):
    """Return X and y in a library; texts stay where they are."""
    return xp.array(X), y if y.dtype.kind == "U" else xp.array(y)


def same(found, expected, xp, tolerance=1e-10):
    """Check that an array is of a library, on its device, with known values."""
    assert namespace(found) is xp.xp
    assert device_of(found) == xp.device
    close = tolerance if xp.float64 else 1e-4
    np.testing.assert_allclose(xp.host(found), expected, close, close)


def methods(mlp):
    names = ("predict", "predict_proba", "predict_log_proba")
    return [name for name in names if hasattr(mlp, name)]


def check_answers(mlp, known, rows, xp):
    """Compare each method of an estimator with one that has been fitted on NumPy arrays."""
    for name in methods(mlp):
        found, expected = getattr(mlp, name)(rows), getattr(known, name)(X)
        assert tuple(found.shape) == expected.shape
        if expected.dtype.kind == "U":
            np.testing.assert_array_equal(found, expected)
        else:
            same(found, expected, xp)


# ---------------------------------------------------------------------------------------------
# in every library


@each_case
@pytest.mark.parametrize(
    "chosen",
    [
        {"solver": "sgd"},
        {"early_stopping": True},
        {"solver": "lbfgs", "max_iter": 2},
        {"dropout": 0.3, "batch_size": 20},
    ],
    ids=["sgd", "early_stopping", "lbfgs", "dropout"],
)
def test_a_fit_answers_where_x_is(xp, kind, y, chosen):
    known = new(kind, **chosen).fit(X, y)
    rows, targets = given(xp, y)
    with kept_from_host(columns=4):
        mlp = new(kind, **chosen).fit(rows, targets)
        parts = (mlp.coefs_ + mlp.intercepts_, known.coefs_ + known.intercepts_)
        for found, expected in zip(*parts, strict=True):
            same(found, expected, xp)
        same(mlp.theta_, known.theta_, xp)
        same(mlp.run_.theta, known.theta_, xp)
        check_answers(mlp, known, rows, xp)
        score = mlp.score(rows, targets)
    assert score == pytest.approx(known.score(X, y), abs=1e-10 if xp.float64 else 0.05)
    close = {"rtol": 1e-10 if xp.float64 else 1e-4}
    np.testing.assert_allclose(mlp.loss_curve_, known.loss_curve_, **close)
    if mlp.validation_scores_ is not None and xp.float64:
        np.testing.assert_allclose(mlp.validation_scores_, known.validation_scores_)


@each_case
def test_weights_and_cases_of_ones_own(xp, kind, y):
    rows, targets = given(xp, y)
    w = xp.array(WEIGHTS)
    known = new(kind).fit(X, y, WEIGHTS, eval_set=(X[:30], y[:30]))
    with kept_from_host(columns=4):
        mlp = new(kind).fit(rows, targets, w, eval_set=(rows[:30, :], targets[:30, ...]))
    same(mlp.theta_, known.theta_, xp)
    for name in ("loss", "score"):
        close = {"rtol": 1e-10} if xp.float64 else {"atol": 0.05}
        np.testing.assert_allclose(mlp.evals_result_[name], known.evals_result_[name], **close)
    with kept_from_host(columns=4):
        E, gradient = mlp.gradient_(rows, targets, w)
        seen = mlp.trace(rows[:3, :], targets[:3, ...])
    E_known, gradient_known = known.gradient_(X, y, WEIGHTS)
    assert pytest.approx(E_known, rel=1e-4) == E
    same(gradient, gradient_known, xp)
    same(seen.layers[0].delta, known.trace(X[:3], y[:3]).layers[0].delta, xp)


@each_case
def test_fits_that_go_on(xp, kind, y):
    rows, targets = given(xp, y)
    names = {"classes": np.unique(y) if y.ndim == 1 else np.arange(2)}
    names = names if kind is bp.MLPClassifier else {}
    known = new(kind).partial_fit(X, y, **names).partial_fit(X, y)
    with kept_from_host(columns=4):
        mlp = new(kind).partial_fit(rows, targets, **names).partial_fit(rows, targets)
    same(mlp.theta_, known.theta_, xp)
    again = pickle.loads(pickle.dumps(mlp))  # noqa: S301  its own
    same(again.partial_fit(rows, targets).theta_, known.partial_fit(X, y).theta_, xp)
    known, mlp = (new(kind, warm_start=True) for _ in range(2))
    known.fit(X, y).fit(X, y)
    mlp.fit(X, y).fit(rows, targets)  # from the weights of the host
    same(mlp.theta_, known.theta_, xp)


def test_the_poisson_cost(xp):
    known = new(bp.MLPRegressor, loss="poisson").fit(X, COUNTS, WEIGHTS)
    mlp = new(bp.MLPRegressor, loss="poisson").fit(*given(xp, COUNTS), xp.array(WEIGHTS))
    np.testing.assert_allclose(mlp.loss_curve_, known.loss_curve_, 1e-10 if xp.float64 else 1e-4)
    assert new(bp.MLPRegressor, loss="poisson").fit(*given(xp, COUNTS)).loss_ > 0


@pytest.mark.parametrize(
    ("kind", "y", "scoring"),
    [
        (bp.MLPClassifier, TWO, "roc_auc"),
        (bp.MLPClassifier, CLASSES, "neg_log_loss"),
        (bp.MLPClassifier, WHOLE, "f1_macro"),
        (bp.MLPRegressor, NUMBERS, "neg_mean_absolute_error"),
    ],
)
def test_scorers_see_predictions_on_the_host(xp, kind, y, scoring):
    chosen = {"early_stopping": True, "scoring": scoring}
    known = new(kind, **chosen).fit(X, y)
    with kept_from_host(columns=4):
        mlp = new(kind, **chosen).fit(*given(xp, y))
    close = {"rtol": 1e-8} if xp.float64 else {"atol": 0.05}
    np.testing.assert_allclose(mlp.validation_scores_, known.validation_scores_, **close)
    check_answers(mlp, known, xp.array(X), xp)


@pytest.mark.parametrize("name", ["three classes", "a number"])
def test_jax_too(name):
    test_a_fit_answers_where_x_is(open_library("jax"), *CASES[name], {"early_stopping": True})


# ---------------------------------------------------------------------------------------------
# between places


@pytest.mark.parametrize("name", ["texts", "labels", "a number"])
@pytest.mark.parametrize("how", ["pickle", "joblib", "copy", "deepcopy"])
def test_copies_hold_arrays_of_the_host(xp, name, how):
    kind, y = CASES[name]
    rows, targets = given(xp, y)
    mlp = new(kind).partial_fit(rows, targets, **_classes(kind, y))
    file = io.BytesIO()
    if how == "joblib":
        joblib.dump(mlp, file)
        file.seek(0)
    again = {
        "pickle": lambda: pickle.loads(pickle.dumps(mlp)),  # noqa: S301  its own
        "joblib": lambda: joblib.load(file),
        "copy": lambda: copy.copy(mlp),
        "deepcopy": lambda: copy.deepcopy(mlp),
    }[how]()
    numpy = open_library("numpy")
    theta = xp.host(mlp.theta_)
    for found in (again.theta_, again.run_.theta, *again._optimizer.state.arrays):
        assert isinstance(found, np.ndarray)
    same(again.theta_, theta, numpy, 0)
    for name in methods(mlp):
        of_device = getattr(mlp, name)(rows)
        found, on_host = getattr(again, name)(rows), getattr(again, name)(xp.host(rows))
        assert type(found) is type(of_device)
        assert isinstance(on_host, np.ndarray)
        if on_host.dtype.kind != "U":
            same(found, xp.host(of_device), xp)
            np.testing.assert_allclose(on_host, xp.host(found), 1e-10 if xp.float64 else 1e-4)


def _classes(kind, y):
    if kind is not bp.MLPClassifier:
        return {}
    return {"classes": np.unique(y) if y.ndim == 1 else np.arange(2)}


def test_a_pickle_loads_without_the_library():
    xp = open_library("torch")
    mlp = new(bp.MLPClassifier, device=bp.select_device("torch:cpu")).fit(*given(xp, WHOLE))
    mlp.set_params(device=None)
    code = (
        "import pickle, sys, numpy\n"
        "class Absent:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] == 'torch': raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "mlp = pickle.load(sys.stdin.buffer)\n"
        "print(mlp.predict(numpy.zeros((1, 4)))[0] in (3, 5, 8))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(mlp), capture_output=True, check=False
    )
    assert run.stdout == b"True\n", run.stderr.decode()


def test_a_pickle_names_its_device():
    mlp = new(bp.MLPRegressor, device=bp.select_device("cpu")).fit(X, NUMBERS)
    assert pickle.loads(pickle.dumps(mlp)).device == "cpu"  # noqa: S301  its own


@pytest.mark.parametrize("name", ["three classes", "numbers"])
@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
def test_a_named_device_computes_and_x_says_where_results_go(xp, name, device):
    kind, y = CASES[name]
    if device == "torch:cpu":
        open_library("torch")
    known = new(kind, early_stopping=True).fit(X, y)
    rows, targets = given(xp, y)
    mlp = new(kind, device=device, early_stopping=True).fit(rows, targets)
    same(mlp.theta_, known.theta_, xp)
    check_answers(mlp, known, rows, xp)


def test_a_fit_that_diverges_has_theta_where_x_is(xp):
    for device in (None, "cpu"):
        mlp = new(bp.MLPRegressor, solver=bp.SGD(1e30), device=device)
        with pytest.raises(bp.DivergenceError) as caught:
            mlp.fit(*given(xp, NUMBERS))
        assert namespace(caught.value.theta) is xp.xp
        assert device_of(caught.value.theta) == xp.device


def test_x_elsewhere_than_in_fit_is_refused():
    strict = open_library("strict-device1")
    mlp = new(bp.MLPClassifier).fit(*given(strict, WHOLE))
    for rows in (X, open_library("strict").array(X)):
        for name in methods(mlp):
            words = rf"MLPClassifier\.{name}\(\): got X on .* must use the same namespace"
            with pytest.raises(bp.DeviceError, match=words):
                getattr(mlp, name)(rows)
    with without_dispatch():
        assert isinstance(mlp.predict(X), np.ndarray)
    mlp.theta_ = strict.host(mlp.theta_)
    assert isinstance(mlp.predict(X), np.ndarray)


def test_targets_and_weights_follow_x(xp):
    strict = open_library("strict-device2")
    for kind, y in ((bp.MLPClassifier, WHOLE), (bp.MLPRegressor, NUMBERS)):
        known = new(kind).fit(X, y, WEIGHTS)
        for targets, w in ((strict.array(y), strict.array(WEIGHTS)), (y, WEIGHTS.tolist())):
            same(new(kind).fit(xp.array(X), targets, w).theta_, known.theta_, xp)
        mlp = new(kind).fit(X, strict.array(y), strict.array(WEIGHTS))
        same(mlp.theta_, known.theta_, open_library("numpy"))


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_dtypes_of_x(xp, dtype):
    rows = np.round(2 * X).astype(dtype)
    known = new(bp.MLPClassifier).fit(rows, WHOLE)
    mlp = new(bp.MLPClassifier).fit(xp.array(rows, dtype), WHOLE)
    expected = dtype_name(known.coefs_[0].dtype) if xp.float64 else "float32"
    assert dtype_name(mlp.coefs_[0].dtype) == expected
    assert dtype_name(mlp.predict_proba(xp.array(rows, dtype)).dtype) == expected


def test_in_the_tools_of_scikit_learn():
    torch = open_library("torch")
    pipe = make_pipeline(StandardScaler(), new(bp.MLPClassifier, max_iter=30))
    rows, y = given(torch, WHOLE)
    assert len(cross_val_score(pipe, rows, y, cv=3)) == 3
    same(pipe.fit(rows, y).predict(rows)[:3], pipe.predict(rows)[:3], torch)


def test_a_search_in_stacks_takes_them_too():
    torch = open_library("torch")
    search = bp.StackedSearchCV(new(bp.MLPClassifier), {"alpha": [0.0, 0.1]}, cv=3)
    known = search.fit(X, WHOLE).cv_results_["mean_test_score"]
    search.fit(*given(torch, WHOLE))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], known)
    assert namespace(search.best_estimator_.theta_) is torch.xp


# ---------------------------------------------------------------------------------------------
# the way of CuPy


@pytest.mark.parametrize("chosen", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("name", ["three classes", "two classes", "labels", "a number"])
def test_on_the_way_of_cupy_x_stays_on_the_device(name, chosen):
    """The arrays refuse the host at any time, but for ``.get()``, which is watched."""
    kind, y = CASES[name]
    chosen = {"random_state": 0, "max_iter": 3, **chosen}
    with without_dispatch():
        known = new(kind, **chosen).fit(X.astype("float32"), y)
        proba = known.predict_proba(X) if kind is bp.MLPClassifier else None
    wide = kind is bp.MLPClassifier  # argmax is of 64 bits
    with as_cupy(wide=wide), kept_from_host(columns=4):
        rows, targets = put(X), put(y)
        mlp = new(kind, **chosen).fit(rows, targets, put(np.ones(90)))
        assert {type(x) for x in mlp.coefs_ + mlp.intercepts_} == {DeviceArray}
        assert isinstance(mlp.predict(rows), DeviceArray)
        if wide:
            found = mlp.predict_proba(rows)
            np.testing.assert_allclose(found.values, proba, 1e-3, 1e-3)
            assert isinstance(mlp.predict_log_proba(rows), DeviceArray)
        assert isinstance(mlp.theta_, DeviceArray)
        assert isinstance(mlp.gradient_(rows, targets)[1], DeviceArray)
        assert 0 <= mlp.score(rows, targets) <= 1 or kind is bp.MLPRegressor
        again = pickle.loads(pickle.dumps(mlp))  # noqa: S301  its own
        assert isinstance(again.theta_, np.ndarray)


def test_the_watch_sees_x_on_its_way():
    with as_cupy(), kept_from_host(columns=4), pytest.raises(OnHostError):
        put(X).get()
    torch = open_library("torch")
    with kept_from_host(columns=4), pytest.raises(OnHostError):
        np.asarray(torch.array(X))
    strict = open_library("strict")
    with kept_from_host(columns=4), pytest.raises(OnHostError):
        np.from_dlpack(strict.array(X))
    with kept_from_host(columns=4), pytest.raises(OnHostError):
        new(bp.MLPRegressor, device="cpu").fit(torch.array(X), NUMBERS)


# ---------------------------------------------------------------------------------------------
# without dispatch


def test_without_dispatch_a_tensor_becomes_a_numpy_array():
    torch = open_library("torch")
    with without_dispatch():
        known = new(bp.MLPClassifier).fit(X, WHOLE)
        mlp = new(bp.MLPClassifier).fit(*given(torch, WHOLE))
        check_answers(mlp, known, torch.array(X), open_library("numpy"))
    mlp.fit(*given(torch, WHOLE))
    with without_dispatch():
        assert isinstance(mlp.predict(torch.array(X)), np.ndarray)


def test_without_dispatch_an_array_of_a_gpu_is_refused(monkeypatch):
    from backprop_xp.estimators import user_arrays

    monkeypatch.setattr(user_arrays, "is_on_cpu", lambda _: False)
    torch = open_library("torch")
    words = r"fit\(X\): got an array of torch on cpu; .*set_config\(array_api_dispatch=True\)"
    with without_dispatch(), pytest.raises(bp.DeviceError, match=words):
        new(bp.MLPClassifier).fit(*given(torch, WHOLE))


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0])], ids=["one", "weighted"])
@pytest.mark.parametrize("off", [0.0, 1.0], ids=["right", "wrong"])
@pytest.mark.parametrize("constant", [7.0, 0.1])
def test_r_squared_is_that_of_scikit_learn_where_a_number_is_constant(constant, off, weights):
    def columns(first, second):
        return np.stack([np.array(first), np.full(3, second)], axis=1)

    varied, predicted = [1.0, 2.0, 4.0], [1.5, 2.0, 3.0]
    y, p = columns(varied, constant), columns(predicted, constant + off)
    exact = columns(varied, 7.0), columns(predicted, 7.0 + off)  # the mean of 7 has no rounding
    expected = r2_score(*exact, sample_weight=weights)
    assert r_squared(y, p, weights) == pytest.approx(expected, rel=1e-12)
