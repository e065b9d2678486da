"""scikit-learn's MLPClassifier and the one here: the same script, but for its import."""

import warnings
from typing import Any

from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import backprop_xp as bp
from benchmarks.job import Job
from benchmarks.peers import Peer


def own(job: Job) -> Peer:
    """Return the peer that fits this library's estimator on the device of the job."""
    return _fitting(job, bp.MLPClassifier, device=job.device)


def sklearn(job: Job) -> Peer:
    """Return the peer that fits scikit-learn's estimator, on the CPU whatever the device."""
    return _fitting(job, neural_network.MLPClassifier)


def _fitting(job: Job, kind: Any, **more: Any) -> Peer:
    """Return the peer whose `run` fits an estimator of default options for so many epochs."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs never converge
    X, Y = job.data()

    def run(epochs: int) -> float:
        mlp = kind(
            job.sizes[1:-1],
            batch_size=job.batch_size,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
            random_state=0,
            **more,
        )
        return float(mlp.fit(X, Y).loss_curve_[0])

    return Peer(run)  # a fit ends with its parameters on the host, so the host's clock tells
