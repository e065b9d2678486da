"""scikit-learn's tools around the estimators here give what they give around its own."""

import copy
import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.9")
pd = pytest.importorskip("pandas")

import joblib  # noqa: E402
from sklearn import (  # noqa: E402
    base,
    calibration,
    compose,
    datasets,
    ensemble,
    feature_selection,
    frozen,
    inspection,
    model_selection,
    multiclass,
    multioutput,
    neural_network,
    preprocessing,
    semi_supervised,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: E402, F401  a side effect
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline  # noqa: E402

import backprop_xp as bp  # noqa: E402

X, CLASS = datasets.load_iris(return_X_y=True)
X = preprocessing.StandardScaler().fit_transform(X)
D, NUMBER = (each[:150] for each in datasets.load_diabetes(return_X_y=True))
D, NUMBER = preprocessing.StandardScaler().fit_transform(D), NUMBER / 100
TWO = (CLASS > 0).astype(int)
LABELS = np.stack([CLASS == 0, CLASS == 1], axis=1).astype(int)
NUMBERS = np.stack([NUMBER, -NUMBER], axis=1)
FRAME = pd.DataFrame(X, columns=list("abcd"))
MIXED = FRAME.assign(letter=list("xyz") * 50)
WEIGHT = np.linspace(0.5, 2, 150)
QUICK = {"hidden_layer_sizes": (5,), "max_iter": 6, "random_state": 0, "learning_rate_init": 0.02}


class Kinds:
    """Classifiers and regressors of one library, all in one batch so that weights agree."""

    def __init__(self, module):
        self.module = module

    def classifier(self, **chosen):
        return self.module.MLPClassifier(**{**QUICK, **chosen})

    def regressor(self, **chosen):
        return self.module.MLPRegressor(**{**QUICK, **chosen})


def importance(mlp):
    return np.abs(mlp.coefs_[0]).sum(axis=1)


def curves(curve):
    return np.concatenate([np.ravel(part) for part in curve if isinstance(part, np.ndarray)])


def with_joblib(of):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlp.joblib")
        joblib.dump(of.classifier().fit(X, CLASS), path)
        return joblib.load(path, mmap_mode="r").predict_proba(X)


def halving(of):
    search = model_selection.HalvingGridSearchCV(
        of.classifier(),
        {"alpha": [1e-4, 1e-2, 1]},
        resource="max_iter",
        max_resources=9,
        min_resources=3,
        cv=3,
        random_state=0,
    ).fit(X, CLASS)
    return [search.best_score_, search.best_params_["alpha"]]


def scorers(of):
    names = ["roc_auc", "neg_log_loss", "average_precision", "f1"]
    found = model_selection.cross_validate(of.classifier(), X, TWO, scoring=names, cv=3)
    return [found[f"test_{name}"] for name in names]


def routed(of):
    """Weights come through a pipeline and a cross-validation to fit and to score."""
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = of.classifier().set_fit_request(sample_weight=True)
        mlp = mlp.set_score_request(sample_weight=True)
        scaler = preprocessing.StandardScaler().set_fit_request(sample_weight=False)
        found = model_selection.cross_validate(
            make_pipeline(scaler, mlp), X, CLASS, params={"sample_weight": WEIGHT}, cv=3
        )
    return found["test_score"]


def mixed_columns(of):
    columns = compose.make_column_transformer(
        (preprocessing.OneHotEncoder(), ["letter"]), remainder="passthrough"
    )
    return make_pipeline(columns, of.classifier()).fit(MIXED, CLASS).predict_proba(MIXED)


def nullable(of):
    rows = FRAME.convert_dtypes()
    return of.classifier().fit(rows, pd.Series(CLASS).astype("Int64")).predict_proba(rows)


def polars(of):
    rows = pytest.importorskip("polars").DataFrame(X, schema=list("abcd"))
    return of.classifier().fit(rows, CLASS).predict_proba(rows)


def proba(tool, X=X, y=CLASS, **fit):
    return tool.fit(X, y, **fit).predict_proba(X)


def numbers(tool, X=D, y=NUMBER, **fit):
    return tool.fit(X, y, **fit).predict(X)


MS, MO, MC = model_selection, multioutput, multiclass
TOOLS = {
    # copies
    "clone": lambda of: proba(base.clone(of.classifier().fit(X, CLASS))),
    "pickle": lambda of: (
        pickle.loads(  # noqa: S301  its own
            pickle.dumps(of.classifier().fit(X, CLASS))
        )
        .partial_fit(X, CLASS)
        .predict_proba(X)
    ),
    "joblib": with_joblib,
    "deepcopy": lambda of: (
        copy.deepcopy(of.classifier().fit(X, CLASS)).partial_fit(X, CLASS).predict_proba(X)
    ),
    # pipelines and searches
    "pipeline": lambda of: proba(make_pipeline(preprocessing.StandardScaler(), of.classifier())),
    "weights in a pipeline": lambda of: proba(
        Pipeline([("mlp", of.classifier())]), mlp__sample_weight=WEIGHT
    ),
    "union": lambda of: numbers(
        make_pipeline(
            FeatureUnion([("one", preprocessing.StandardScaler()), ("two", "passthrough")]),
            of.regressor(),
        )
    ),
    "grid": lambda of: (
        MS.GridSearchCV(
            of.classifier(),
            {"alpha": [1e-4, 1], "hidden_layer_sizes": [(3,), (4, 2)], "solver": ["adam", "sgd"]},
            cv=3,
            n_jobs=2,
        )
        .fit(X, CLASS)
        .cv_results_["mean_test_score"]
    ),
    "random search": lambda of: (
        MS.RandomizedSearchCV(
            make_pipeline(preprocessing.StandardScaler(), of.regressor()),
            {"mlpregressor__alpha": [1e-4, 1, 10], "mlpregressor__activation": ["relu", "tanh"]},
            n_iter=3,
            random_state=0,
            cv=3,
            n_jobs=2,
        )
        .fit(D, NUMBER)
        .cv_results_["mean_test_score"]
    ),
    "halving search": halving,
    "routing": routed,
    # calibration and thresholds
    **{
        f"calibration, {method}": lambda of, method=method: proba(
            calibration.CalibratedClassifierCV(of.classifier(), method=method, cv=3)
        )
        for method in ("sigmoid", "isotonic", "temperature")
    },
    "calibration of a frozen one": lambda of: proba(
        calibration.CalibratedClassifierCV(frozen.FrozenEstimator(of.classifier().fit(X, CLASS)))
    ),
    "tuned threshold": lambda of: (
        MS.TunedThresholdClassifierCV(of.classifier(), cv=3).fit(X, TWO).best_threshold_
    ),
    "fixed threshold": lambda of: (
        MS.FixedThresholdClassifier(of.classifier(), threshold=0.3).fit(X, TWO).predict(X)
    ),
    # inspection and curves
    "permutation importance": lambda of: (
        inspection.permutation_importance(
            of.classifier().fit(X, CLASS), X, CLASS, n_repeats=2, random_state=0
        ).importances
    ),
    "partial dependence": lambda of: inspection.partial_dependence(
        of.regressor().fit(FRAME, NUMBER), FRAME, ["a", "b"], grid_resolution=4
    )["average"],
    "learning curve": lambda of: curves(
        MS.learning_curve(of.classifier(), X, CLASS, cv=3, shuffle=True, random_state=0)[1:3]
    ),
    "incremental learning curve": lambda of: curves(
        MS.learning_curve(
            of.classifier(),
            X,
            CLASS,
            cv=3,
            shuffle=True,
            random_state=0,
            exploit_incremental_learning=True,
        )[1:3]
    ),
    "validation curve": lambda of: curves(
        MS.validation_curve(
            of.regressor(), D, NUMBER, param_name="alpha", param_range=[0.1, 1], cv=3
        )
    ),
    "predictions of the folds": lambda of: MS.cross_val_predict(
        of.classifier(), X, CLASS, method="predict_proba", cv=3
    ),
    "logarithms of the folds": lambda of: MS.cross_val_predict(
        of.classifier(), X, CLASS, method="predict_log_proba", cv=3
    ),
    "scorers": scorers,
    "weights of the folds": lambda of: MS.cross_validate(
        of.classifier(), X, CLASS, params={"sample_weight": WEIGHT}, cv=3
    )["test_score"],
    # several outputs
    "regressor of each output": lambda of: numbers(
        MO.MultiOutputRegressor(of.regressor()), y=NUMBERS
    ),
    "classifier of each output": lambda of: np.array(
        proba(MO.MultiOutputClassifier(of.classifier()), y=LABELS)
    ),
    "part by part": lambda of: np.array(
        MO.MultiOutputClassifier(of.classifier())
        .partial_fit(X, LABELS, classes=[[0, 1], [0, 1]])
        .predict_proba(X)
    ),
    "chain of labels": lambda of: proba(MO.ClassifierChain(of.classifier()), y=LABELS),
    "chain of numbers": lambda of: numbers(MO.RegressorChain(of.regressor()), y=NUMBERS),
    "one against the rest": lambda of: proba(MC.OneVsRestClassifier(of.classifier())),
    "labels against the rest": lambda of: proba(MC.OneVsRestClassifier(of.classifier()), y=LABELS),
    "one against one": lambda of: (
        MC.OneVsOneClassifier(of.classifier()).fit(X, CLASS).decision_function(X)
    ),
    "codes": lambda of: (
        MC.OutputCodeClassifier(of.classifier(), random_state=0).fit(X, CLASS).predict(X)
    ),
    # ensembles
    "stacking": lambda of: proba(
        ensemble.StackingClassifier(
            [("a", of.classifier()), ("b", of.classifier(alpha=1))],
            final_estimator=of.classifier(),
            passthrough=True,
            cv=3,
        )
    ),
    "voting": lambda of: proba(
        ensemble.VotingClassifier(
            [("a", of.classifier()), ("b", of.classifier(alpha=1))], voting="soft"
        )
    ),
    "voting of numbers": lambda of: numbers(
        ensemble.VotingRegressor([("a", of.regressor()), ("b", of.regressor(alpha=1))])
    ),
    "bagging": lambda of: proba(
        ensemble.BaggingClassifier(of.classifier(), n_estimators=3, random_state=0)
    ),
    "bagging with weights": lambda of: numbers(
        ensemble.BaggingRegressor(of.regressor(), n_estimators=3, random_state=0),
        sample_weight=WEIGHT,
    ),
    "boosting": lambda of: proba(
        ensemble.AdaBoostClassifier(of.classifier(max_iter=20), n_estimators=3, random_state=0),
        y=TWO,
    ),
    "boosting of numbers": lambda of: numbers(
        ensemble.AdaBoostRegressor(of.regressor(), n_estimators=3, random_state=0)
    ),
    "training on its own labels": lambda of: proba(
        semi_supervised.SelfTrainingClassifier(of.classifier()),
        y=np.where(np.arange(150) % 3, CLASS, -1),
    ),
    # selection of columns
    "elimination": lambda of: (
        feature_selection.RFECV(of.classifier(), importance_getter=importance, cv=3)
        .fit(X, CLASS)
        .ranking_
    ),
    "sequential selection": lambda of: (
        feature_selection.SequentialFeatureSelector(of.classifier(), cv=3)
        .fit(X, CLASS)
        .get_support()
    ),
    # targets, frames and sparse rows
    "logarithms of the target": lambda of: numbers(
        compose.TransformedTargetRegressor(of.regressor(), func=np.log1p, inverse_func=np.expm1)
    ),
    "scaled targets": lambda of: numbers(
        compose.TransformedTargetRegressor(
            of.regressor(max_iter=5), transformer=preprocessing.StandardScaler()
        )
    ),
    "frames between steps": lambda of: proba(
        make_pipeline(
            preprocessing.StandardScaler().set_output(transform="pandas"), of.classifier()
        ),
        FRAME,
    ),
    "mixed columns": mixed_columns,
    "sparse steps": lambda of: proba(
        make_pipeline(preprocessing.OneHotEncoder(handle_unknown="ignore"), of.classifier()),
        FRAME.round(0),
    ),
    "nullable columns": nullable,
    "polars": polars,
    "categories": lambda of: (
        of.classifier()
        .fit(FRAME, pd.Series(CLASS).map({0: "x", 1: "y", 2: "z"}).astype("category"))
        .predict(FRAME)
        .astype("U1")
    ),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_gives_the_same_around_both(tool):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = (np.asarray(TOOLS[tool](Kinds(of))) for of in (bp, neural_network))
    assert found.shape == expected.shape
    if expected.dtype.kind in "OU":
        assert (found == expected).all()
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
