"""scikit-learn's MLPClassifier as a peer, with given initial parameters and a given order."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.job import Job
from benchmarks.peers import LeftOut, Peer

ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic"}


class GivenOrder(np.random.RandomState):
    """A random state whose shuffles give the job's order of the cases, epoch by epoch."""

    def __init__(self, job: Job) -> None:
        super().__init__(0)
        self._job = job
        self._epoch = 0
        self._place = np.arange(job.cases)  # the place of each case now

    def shuffle(self, x: Any) -> None:
        """Write into `x` the indices that put the cases into the next order."""
        order = self._job.order(self._epoch)
        x[:] = self._place[order]
        self._place[order] = np.arange(self._job.cases)
        self._epoch += 1


class GivenStart(MLPClassifier):  # type: ignore[misc]
    """A classifier whose initial parameters are in its attribute `start`."""

    start: Iterator[tuple[Any, Any]]

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:  # noqa: ARG002
        W, b = next(self.start)
        return W.T.astype(dtype, order="C"), b.astype(dtype)


def train(job: Job) -> Peer:
    """Return the peer that trains one classifier, or the classifiers of a stack in turn."""
    _check(job)
    X, Y = job.data()
    starts = [
        [(W[at], b[at]) for W, b in job.layers()]
        for at in (range(job.stack) if job.stack else [...])
    ]

    def run(epochs: int) -> float:
        costs = []
        for start in starts:
            classifier = _classifier(job, epochs)
            classifier.start = iter(start)
            costs.append(classifier.fit(X, Y).loss_curve_[0])
        return float(np.mean(costs))

    return Peer(run)


def predict(job: Job) -> Peer:
    """Return the peer that predicts probabilities."""
    _check(job)
    X, Y = job.data()
    layers = job.layers()
    classifier = _classifier(job, epochs=1)
    classifier.start = iter(layers)
    classifier.fit(X, Y)
    classifier.coefs_ = [np.ascontiguousarray(W.T) for W, _ in layers]
    classifier.intercepts_ = [b for _, b in layers]

    def run(passes: int) -> Any:
        for _ in range(passes):
            outputs = classifier.predict_proba(X)
        return outputs

    return Peer(run)


def _check(job: Job) -> None:
    if job.device != "cpu":
        raise LeftOut(f"scikit-learn trains with NumPy on the CPU only, not on {job.device}")
    if min(job.sizes[-1], job.cases) < 3:
        raise LeftOut("scikit-learn has a softmax only for three classes or more")


def _classifier(job: Job, epochs: int) -> GivenStart:
    warnings.simplefilter("ignore", ConvergenceWarning)  # so few epochs never converge
    return GivenStart(
        job.sizes[1:-1],
        activation=ACTIVATIONS[job.hidden],
        solver=job.optimizer,
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        learning_rate_init=job.learning_rate,
        batch_size=job.batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        random_state=GivenOrder(job),
    )
