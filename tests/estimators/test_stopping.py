"""When the training of an estimator ends: the rule of scikit-learn."""

import inspect

import numpy as np
import pytest
from needs import needs

from backprop_xp.estimators.stopping import Watch


class Told:
    """What `Watch` asks of `Progress`."""

    def __init__(self):
        self.history, self.theta, self.why = {"cost": []}, np.zeros(1), None

    def stop(self, why):
        self.why = why


def first(theta):
    return float(theta[0])


@pytest.mark.parametrize(
    ("costs", "ends"),
    [
        ([5, 4, 3, 2, 1], None),
        ([5, 5, 5, 5], 3),  # more than 2 in a row, after the first
        ([5, 4.5, 4.0, 3.5], None),  # 0.5 is a gain of tol
        ([5, 4.6, 4.2, 3.8], 3),  # 0.4 is none, though the best falls with each
        ([5, 6, 6, 1, 2, 2, 2], 6),
        ([5, 6, 6, 4.4, 5, 5], None),
    ],
)
def test_the_rule_is_that_of_scikit_learn(costs, ends):
    watch, told = Watch(0.5, 2), Told()
    for epoch, cost in enumerate(costs):
        told.history["cost"].append(cost)
        watch.on_epoch_end(told)
        assert (told.why is None) == (ends is None or epoch < ends)
    needs("sklearn")
    from sklearn.neural_network import MLPRegressor

    peer = MLPRegressor(tol=0.5, n_iter_no_change=2)
    peer.best_loss_, peer._no_improvement_count, peer.loss_curve_ = np.inf, 0, []
    for epoch, cost in enumerate(costs):
        peer.loss_curve_.append(cost)
        update = peer._update_no_improvement_count
        update(False, *[None] * (len(inspect.signature(update).parameters) - 1))
        assert (peer._no_improvement_count > 2) == (ends is not None and epoch >= ends)


def test_where_cases_are_held_out_the_best_is_kept():
    told = Told()
    told.history["cost"].append(0.0)
    watch = Watch(0.5, 1, score=first, decides=True)
    for number in (1.0, 1.1, 1.2, 0.0):
        told.theta = np.array([number])
        watch.on_epoch_end(told)
    assert watch.curves.scores == [1.0, 1.1, 1.2, 0.0]
    assert (watch.curves.best_score, watch.theta.tolist()) == (1.2, [1.2])
    assert told.why == "no gain of the score by 0.5 for 1 epochs"


def test_a_score_that_is_no_number_is_no_gain():
    told = Told()
    told.history["cost"].append(0.0)
    watch = Watch(0.0, 2, score=first, decides=True)
    for number in (np.nan, 1.0, np.nan, np.nan):
        told.theta = np.array([number])
        watch.on_epoch_end(told)
        assert told.why is None
    assert (watch.curves.best_score, watch.theta.tolist()) == (1.0, [1.0])
    told.theta = np.array([np.nan])
    watch.on_epoch_end(told)
    assert told.why == "no gain of the score by 0.0 for 2 epochs"


@pytest.mark.parametrize("patience", [1, 4, 5, 6, 7, 10, 30])
def test_it_ends_after_more_epochs_than_its_patience(patience):
    watch, told = Watch(0.5, patience), Told()
    for epoch in range(patience + 5):
        told.history["cost"].append(5.0)
        watch.on_epoch_end(told)
        assert (told.why is None) == (epoch <= patience)
