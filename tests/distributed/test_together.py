"""Ranks that are at different places, or pass other arguments, stop with an error."""

import re
import threading

import numpy as np
import pytest
from rank_cases import data, trained
from ranks import on_ranks

import backprop_xp as bp
from backprop_xp.training.interrupts import Interrupts

X, Y, *_ = data()
LABELS, TARGETS = Y, np.eye(3)[Y]
GIVEN = {  # by rank 0 and by rank 1, where each has rows of its own
    "case_weights": ({}, {"case_weights": np.ones(len(X))}),
    "class_weights": ({"class_weights": {0: 2.0}}, {"class_weights": "balanced"}),
    "validation": ({}, {"validation": (X, Y)}),
    "validation(weights)": ({"validation": (X, Y)}, {"validation": (X, Y, np.ones(len(X)))}),
    "validation(Y) of classes": ({"validation": (X, Y)}, {"validation": (X, TARGETS)}),
    "Y of classes": ({"Y": LABELS}, {"Y": TARGETS}),
    "stack": ({}, {"stack": 2}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_other_arguments_beside_own_rows_are_an_error_that_names_them(name):
    net = bp.Network([7, 3], output="softmax", loss="cross_entropy")

    def work(ranks):
        return bp.train(net, X, epochs=1, reduce=ranks, **{"Y": Y, **GIVEN[name][ranks.rank]})

    said = re.escape(f"train(reduce), rank 1: got {name}: ")
    with pytest.raises(bp.OptionError, match=said):
        on_ranks(2, work, rows="own")


def test_rows_that_are_common_in_one_rank_and_own_in_another_are_an_error():
    def work(ranks):
        ranks.rows = "own" if ranks.rank else "common"
        return trained({}, ranks)

    with pytest.raises(bp.OptionError, match="rank 1: got rows: own; expected common"):
        on_ranks(2, work)


def of_rank(ranks, number, action):
    """Return a callback that acts after each epoch of one rank."""

    class Acts:
        def on_epoch_end(self, progress):
            if ranks.rank == number:
                action(progress)

    return Acts()


def test_a_training_inside_a_callback_of_one_rank_is_an_error():
    def work(ranks):
        inner = of_rank(ranks, 1, lambda _: trained({}, ranks, 1))
        return trained({"callbacks": [inner]}, ranks)

    with pytest.raises(bp.OptionError, match=r"of a training.*Call train in all ranks"):
        on_ranks(2, work)


def test_a_training_inside_a_callback_of_all_ranks_changes_nothing():
    def work(ranks):
        inner = of_rank(ranks, ranks.rank, lambda _: trained({}, ranks, 1))
        return trained({"callbacks": [inner]}, ranks, 2)

    first, second = on_ranks(2, work)
    expected = on_ranks(2, lambda ranks: trained({}, ranks, 2))[0]
    assert first.theta.tobytes() == second.theta.tobytes() == expected.theta.tobytes()


def test_an_error_that_one_rank_catches_is_seen_in_the_next_training():
    def work(ranks):
        def fail(_):
            raise ValueError

        try:
            trained({"callbacks": [of_rank(ranks, 1, fail)]}, ranks)
        except ValueError:
            return trained({}, ranks)

    with pytest.raises(bp.OptionError, match="catch no error of one rank alone"):
        on_ranks(2, work)


@pytest.mark.parametrize("stack", [(), 2])
def test_early_stopping_by_other_numbers_in_one_rank_is_an_error(stack):
    """A history of a user's own may differ, so that ranks would return θ of other epochs."""

    def work(ranks):
        class Own:
            def on_epoch_end(self, progress):
                sign = 1 if ranks.rank else -1
                entry = np.full(np.shape(progress.history["cost"][-1]), sign * progress.epoch)
                progress.history.setdefault("own", []).append(entry.astype(float))

        stopping = bp.EarlyStopping("own", patience=1)
        return trained({"callbacks": [Own(), stopping], "stack": stack}, ranks)

    with pytest.raises(bp.OptionError, match="rank 1: got epoch of theta: "):
        on_ranks(2, work)


def test_ctrl_c_while_the_ranks_agree_ends_all_after_the_next_epoch(monkeypatch):
    of_thread = {}

    def entered(interrupts):
        of_thread[threading.get_ident()] = interrupts
        return interrupts

    monkeypatch.setattr(Interrupts, "__enter__", entered)

    def work(ranks):
        before = ranks.gathered

        def gathered(value):
            found = before(value)
            if ranks.rank == 1 and "the end of epoch 2" in value:
                of_thread[threading.get_ident()].noted = True
            return found

        ranks.gathered = gathered
        run = trained({}, ranks, 5)
        return run.epoch, run.stopped

    assert on_ranks(2, work) == [(3, "interrupted after 3 epochs")] * 2
