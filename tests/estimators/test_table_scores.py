"""Scores of a table's rows: by hand, and those of scikit-learn."""

import numpy as np
import pytest

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

from backprop_xp.estimators.column_importance import permutation_importance  # noqa: E402
from backprop_xp.estimators.table_scores import class_scores, number_scores  # noqa: E402


@pytest.mark.parametrize("n", [2, 3, 5])
def test_scores_of_classes_are_those_of_scikit_learn(n):
    rng = np.random.default_rng(n)
    names = np.array([f"class {k}" for k in range(n)])
    y, p = rng.integers(n, size=200), rng.dirichlet(np.ones(n), 200)
    true, predicted = names[y], names[p.argmax(axis=1)]
    found = class_scores(true, predicted, p, names)
    assert found.accuracy == metrics.accuracy_score(true, predicted)
    assert found.balanced_accuracy == pytest.approx(
        metrics.balanced_accuracy_score(true, predicted)
    )
    assert found.log_loss == pytest.approx(metrics.log_loss(y, p))
    right = metrics.roc_auc_score(y, p[:, 1] if n == 2 else p, multi_class="ovr")
    assert found.auc == pytest.approx(right)
    of_each = [np.mean((p[:, k] - (y == k)) ** 2) for k in range(n)]
    assert found.brier == pytest.approx(of_each[1] if n == 2 else sum(of_each))
    assert found.confusion == metrics.confusion_matrix(true, predicted).tolist()
    shares = np.bincount(y) / 200
    assert found.largest_share == shares.max()
    assert found.log_loss_of_shares == pytest.approx(-np.sum(shares * np.log(shares)))
    assert found.brier_of_shares == pytest.approx((1 - shares @ shares) / (1 + (n == 2)))
    assert (found.unknown, found.rows_of_known_classes) == ([], 200)


def test_scores_of_classes_by_hand():
    p = [[0.5, 0.5], [0.25, 0.75], [1.0, 0.0], [0.0, 1.0]]
    found = class_scores(list("abab"), list("abab"), p, ["a", "b"])
    assert (found.accuracy, found.balanced_accuracy, found.largest_share) == (1.0, 1.0, 0.5)
    assert found.log_loss == pytest.approx((np.log(2) + np.log(4 / 3)) / 4)
    assert found.brier == pytest.approx((0.25 + 0.0625) / 4)


def test_a_class_that_the_model_does_not_know_counts_as_wrong():
    found = class_scores(["a", "c", "c"], ["a", "a", "b"], [[0.9, 0.1]] * 3, ["a", "b"])
    assert found.unknown == ["c"]
    assert found.classes == ["a", "b", "c"]
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.balanced_accuracy == 0.5
    assert found.confusion == [[1, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert found.log_loss == pytest.approx(-np.log(0.9))
    assert found.auc is None
    only = class_scores(["c"], ["a"], [[0.9, 0.1]], ["a", "b"])
    assert (only.accuracy, only.log_loss, only.brier, only.auc) == (0.0, None, None, None)
    assert (only.log_loss_of_shares, only.brier_of_shares) == (None, None)
    assert (only.rows_of_known_classes, only.largest_share) == (0, 0.0)


def test_rows_of_unknown_classes_are_in_no_probability_score_and_in_none_beside():
    true, p = list("aabzzzz"), np.tile([0.75, 0.25], (7, 1))
    found = class_scores(true, ["a"] * 7, p, ["a", "b"])
    known = class_scores(true[:3], ["a"] * 3, p[:3], ["a", "b"])
    assert (found.rows, found.rows_of_known_classes, known.rows_of_known_classes) == (7, 3, 3)
    for name in ("log_loss", "log_loss_of_shares", "brier", "brier_of_shares", "auc"):
        assert getattr(found, name) == getattr(known, name)
    assert found.to_json()["rows_of_known_classes"] == 3


@pytest.mark.parametrize(
    ("most_frequent", "share"), [(None, 2 / 7), ("a", 2 / 7), ("b", 1 / 7), ("c", 0)]
)
def test_the_largest_share_is_that_of_a_class_that_the_model_knows(most_frequent, share):
    p = np.tile([0.5, 0.25, 0.25], (7, 1))
    found = class_scores(list("aabzzzz"), ["a"] * 7, p, list("abc"), most_frequent=most_frequent)
    assert found.largest_share == pytest.approx(share)


def test_a_right_class_of_probability_0_costs_a_finite_loss():
    assert class_scores(["a"], ["b"], [[0.0, 1.0]], ["a", "b"]).log_loss == pytest.approx(
        -np.log(1e-15)
    )


def test_integer_classes_are_compared_as_texts():
    found = class_scores([1, 2, 2], np.array([1, 2, 1]), [[1, 0], [0, 1], [1, 0]], np.array([1, 2]))
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.classes == ["1", "2"]


@pytest.mark.parametrize("outputs", [1, 3])
def test_scores_of_numbers_are_those_of_scikit_learn(outputs):
    y, a = np.random.default_rng(0).normal(size=(2, 50, outputs))
    found = number_scores(y, a)
    assert found.rmse == pytest.approx(np.sqrt(metrics.mean_squared_error(y, a)))
    assert found.mae == pytest.approx(metrics.mean_absolute_error(y, a))
    assert found.r_squared == pytest.approx(metrics.r2_score(y, a))
    mean = np.broadcast_to(y.mean(axis=0), y.shape)
    assert found.rmse_of_mean == pytest.approx(np.sqrt(metrics.mean_squared_error(y, mean)))
    assert found.mae_of_mean == pytest.approx(metrics.mean_absolute_error(y, mean))


def test_a_target_that_does_not_vary_has_no_r_squared():
    assert number_scores([2.0, 2.0], [2.0, 3.0]).r_squared is None


def test_importance_of_a_linear_model_is_twice_the_variance():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 3))
    coefficients = np.array([2.0, 1.0, 0.0])
    y = x @ coefficients
    found = permutation_importance(
        lambda rows: 3 + float(((rows @ coefficients - y) ** 2).mean()),  # 3 without a change
        x,
        {"two": [0], "one": [1], "none": [2], "both": [0, 1]},
    )
    assert next(iter(found)) == "both"
    for name, value in {"both": 10, "two": 8, "one": 2, "none": 0}.items():
        assert found[name] == pytest.approx(value, rel=0.1, abs=1e-12)


def test_rows_are_not_changed():
    rows = np.array([["a", 1.0], ["b", None], ["c", 3.0]], dtype=object)
    before = rows.copy()
    permutation_importance(lambda x: float(len(x)), rows, {"a": [0], "b": [1]})
    assert (rows == before).all()
