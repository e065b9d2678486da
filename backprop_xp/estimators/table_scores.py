"""Scores of predictions for the rows of a table, beside what is reached without any columns."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import needs_extra

__all__ = ["ClassScores", "NumberScores", "TableScores", "class_scores", "number_scores"]

_LEAST_PROBABILITY = 1e-15  # of the right class in the log loss


@dataclass(frozen=True)
class ClassScores:
    """Scores of predicted classes.

    Attributes
    ----------
    rows : int
    rows_of_known_classes : int
        The rows whose class the model knows. `log_loss`, `auc` and `brier` are over them.
    classes : list of str
        The classes of the model, and after them the classes of the rows that it does not know.
    unknown : list of str
        The classes that the model does not know. Their rows count as wrong.
    accuracy : float
        The share of right rows, 0 to 1.
    largest_share : float
        The share of the class that is most frequent in training: the accuracy of naming it for
        every row. Where that class is not given, it is the known class that these rows have most.
    balanced_accuracy : float
        The mean over the classes of the rows of the share of right rows.
    log_loss : float or None
        The mean of −ln p of the right class, over rows of known classes; None without any.
    log_loss_of_shares : float or None
        The same for the shares of the classes in the same rows as probabilities.
    auc : float or None
        The area under the ROC curve; for more than two classes the mean over them, each against the
        others. None where the rows do not have all classes of the model.
    brier : float or None
        The mean over rows of known classes of Σ_j (p_j − y_j)², half of it for two classes.
    brier_of_shares : float or None
        The same for the shares of the classes in the same rows as probabilities.
    confusion : list of list of int
        The rows of a class (a line) by predicted class (a column), in the order of `classes`.
    """

    rows: int
    rows_of_known_classes: int
    classes: list[str]
    unknown: list[str]
    accuracy: float
    largest_share: float
    balanced_accuracy: float
    log_loss: float | None
    log_loss_of_shares: float | None
    auc: float | None
    brier: float | None
    brier_of_shares: float | None
    confusion: list[list[int]]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain JSON.

        Examples
        --------
        >>> scores = class_scores(["a", "b"], ["a", "b"], [[0.9, 0.1], [0.2, 0.8]], ["a", "b"])
        >>> scores.to_json()["accuracy"]
        1.0
        """
        return {"task": "classes", **asdict(self)}


@dataclass(frozen=True)
class NumberScores:
    """Scores of predicted numbers, over all rows and outputs.

    Attributes
    ----------
    rows : int
    rmse, mae : float
        The root of the mean squared error, and the mean absolute error, in the target's unit.
    r_squared : float or None
        1 − Σ(y − a)² / Σ(y − ȳ)², the mean over the outputs; None where a target does not vary.
    rmse_of_mean, mae_of_mean : float
        The errors of the mean of the rows as prediction.
    """

    rows: int
    rmse: float
    mae: float
    r_squared: float | None
    rmse_of_mean: float
    mae_of_mean: float

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain JSON.

        Examples
        --------
        >>> number_scores([1.0, 3.0], [1.0, 2.0]).to_json()["mae"]
        0.5
        """
        return {"task": "numbers", **asdict(self)}


TableScores: TypeAlias = ClassScores | NumberScores


def class_scores(
    true: Any,
    predicted: Any,
    probabilities: Any,
    classes: Sequence[Any],
    *,
    most_frequent: Any = None,
) -> ClassScores:
    """Return the scores of predicted classes.

    Parameters
    ----------
    true, predicted : array (m,)
        Classes; those of `true` may be unknown to the model.
    probabilities : array (m, n)
        Of each class of the model.
    classes : sequence of length n
        The classes of the model.
    most_frequent : class, optional
        The class of the model that is most frequent in training.

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.

    Examples
    --------
    >>> true, predicted = ["a", "b", "b", "c"], ["a", "b", "a", "b"]
    >>> scores = class_scores(true, predicted, [[1, 0], [0, 1], [1, 0], [0, 1]], ["a", "b"])
    >>> scores.accuracy, scores.largest_share, scores.unknown
    (0.5, 0.5, ['c'])
    """
    metrics = _metrics()
    names = [str(one) for one in classes]
    true, predicted = (
        np.asarray([str(x) for x in each], dtype=object) for each in (true, predicted)
    )
    p = np.asarray(probabilities, dtype=np.float64)
    unknown = sorted(set(true) - set(names))
    all_names = names + unknown
    place = {name: k for k, name in enumerate(all_names)}
    of_true, of_predicted = (np.array([place[x] for x in each]) for each in (true, predicted))
    counts = np.bincount(of_true, minlength=len(all_names))
    confusion = metrics.confusion_matrix(of_true, of_predicted, labels=np.arange(len(all_names)))
    right, there = np.diag(confusion), counts > 0
    known = of_true < len(names)
    one_hot = np.eye(len(names))[of_true[known]]
    shares = one_hot.sum(axis=0) / max(len(one_hot), 1) * np.ones_like(one_hot)
    named = counts[: len(names)].argmax() if most_frequent is None else place[str(most_frequent)]
    return ClassScores(
        rows=len(true),
        rows_of_known_classes=len(one_hot),
        classes=all_names,
        unknown=unknown,
        accuracy=float((true == predicted).mean()),
        largest_share=float(counts[named] / len(true)),
        balanced_accuracy=float((right[there] / counts[there]).mean()),
        log_loss=_log_loss(one_hot, p[known]),
        log_loss_of_shares=_log_loss(one_hot, shares),
        auc=_auc(metrics, one_hot, p[known]),
        brier=_brier(one_hot, p[known]),
        brier_of_shares=_brier(one_hot, shares),
        confusion=confusion.tolist(),
    )


def number_scores(true: Any, predicted: Any) -> NumberScores:
    """Return the scores of predicted numbers.

    Parameters
    ----------
    true, predicted : array (m,) or (m, k)

    Examples
    --------
    >>> number_scores([1.0, 3.0], [1.0, 2.0]).rmse_of_mean
    1.0
    """
    y, a = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (true, predicted))
    deviations = y - y.mean(axis=0)
    total = (deviations**2).sum(axis=0)
    explained = 1 - ((y - a) ** 2).sum(axis=0) / np.where(total > 0, total, 1.0)
    return NumberScores(
        rows=len(y),
        rmse=float(np.sqrt(((y - a) ** 2).mean())),
        mae=float(np.abs(y - a).mean()),
        r_squared=float(explained.mean()) if (total > 0).all() else None,
        rmse_of_mean=float(np.sqrt((deviations**2).mean())),
        mae_of_mean=float(np.abs(deviations).mean()),
    )


def _log_loss(one_hot: NDArray[np.float64], p: NDArray[np.float64]) -> float | None:
    if not len(one_hot):
        return None
    of_right = (one_hot * p).sum(axis=1)
    return float(-np.log(np.maximum(of_right, _LEAST_PROBABILITY)).mean()) + 0.0  # not -0.0


def _brier(one_hot: NDArray[np.float64], p: NDArray[np.float64]) -> float | None:
    if not len(one_hot):
        return None
    return float(((p - one_hot) ** 2).sum(axis=1).mean() / (1 + (one_hot.shape[1] == 2)))


def _auc(metrics: Any, one_hot: NDArray[np.float64], p: NDArray[np.float64]) -> float | None:
    if not len(one_hot) or not (one_hot.any(axis=0) & ~one_hot.all(axis=0)).all():
        return None
    if one_hot.shape[1] == 2:
        return float(metrics.roc_auc_score(one_hot[:, 1], p[:, 1]))
    return float(metrics.roc_auc_score(one_hot, p, average="macro"))


def _metrics() -> Any:
    with needs_extra("sklearn", "scores", "no scikit-learn", "the package scikit-learn"):
        from sklearn import metrics
    return metrics
