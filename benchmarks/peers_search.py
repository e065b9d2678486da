"""scikit-learn's search over its MLPClassifier, and the search of here over the one of here."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

import backprop_xp as bp
from benchmarks.job import Job
from benchmarks.peers import LeftOut, Peer
from benchmarks.search import FOLDS, GRID


def own(job: Job) -> Peer:
    """Return the peer that trains the candidates of a fold as a stack, on the device of the job."""
    return _searching(job, bp.StackedSearchCV, bp.MLPClassifier, device=job.device)


def one_by_one(job: Job) -> Peer:
    """Return the peer that fits this library's estimator for one candidate after another."""
    return _searching(job, GridSearchCV, bp.MLPClassifier, device=job.device)


def sklearn(job: Job) -> Peer:
    """Return the peer whose search and estimator are scikit-learn's, on the CPU."""
    if job.device != "cpu":
        raise LeftOut(f"scikit-learn trains with NumPy on the CPU only, not on {job.device}")
    return _searching(job, GridSearchCV, MLPClassifier)


def _searching(job: Job, search: Any, kind: Any, **more: Any) -> Peer:
    """Return the peer whose `run` searches with fits of so many epochs, on the 1,797 digits."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs never converge
    X, Y = bp.datasets.digits()
    X, Y = X[: job.cases].astype("float32"), Y[: job.cases]

    def run(epochs: int) -> float:
        mlp = kind(
            job.sizes[1:-1],
            batch_size=job.batch_size,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
            random_state=0,
            **more,
        )
        found = search(mlp, GRID, cv=FOLDS, refit=False).fit(X, Y)
        return float(found.cv_results_["mean_test_score"].mean())

    return Peer(run)  # a search ends with its scores on the host, so the host's clock tells
