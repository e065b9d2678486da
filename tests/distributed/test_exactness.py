"""Ranks that share batches train as one process does."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from needs import every
from rank_cases import EVERY, OTHERS_TO_A_COST, difference, trained
from ranks import on_ranks

import backprop_xp as bp
from backprop_xp.training import driver, trainer
from backprop_xp.training.data import batches
from backprop_xp.training.options import Options
from backprop_xp.training.step import stack_groups

SIZES = [2, pytest.param(3, marks=every)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", EVERY)
def test_ranks_train_as_one_process(name, size):
    expected = trained(EVERY[name])
    for run in on_ranks(size, lambda ranks: trained(EVERY[name], ranks)):
        assert difference(run, expected) <= 1e-10


@pytest.mark.parametrize("name", OTHERS_TO_A_COST)
def test_other_optimisers_reach_the_same_cost(name):
    expected = trained(OTHERS_TO_A_COST[name]).history["cost"][-1]
    for run in on_ranks(3, lambda ranks: trained(OTHERS_TO_A_COST[name], ranks)):
        assert abs(run.history["cost"][-1] - expected) <= 1e-6


@pytest.mark.parametrize("name", EVERY | OTHERS_TO_A_COST)
def test_one_rank_gives_the_bits_of_one_process(name):
    options = (EVERY | OTHERS_TO_A_COST)[name]
    (run,) = on_ranks(1, lambda ranks: trained(options, ranks, 5))
    expected = trained(options, None, 5)
    assert np.asarray(run.theta).tobytes() == np.asarray(expected.theta).tobytes()
    assert {n: np.array(x).tobytes() for n, x in run.history.items()} == {
        n: np.array(x).tobytes() for n, x in expected.history.items()
    }


def test_ranks_have_the_same_bits_in_each_run():
    runs = [on_ranks(3, lambda ranks: trained({"dropout": 0.2}, ranks, 3)) for _ in range(2)]
    assert len({np.asarray(run.theta).tobytes() for of in runs for run in of}) == 1


@pytest.mark.parametrize("parts", [2, 5])
def test_parts_of_a_share_add_up_to_it(parts):
    expected = trained({"dropout": 0.2, "batch_size": 32})
    options = {"dropout": 0.2, "batch_size": 32}
    for run in on_ranks(2, lambda ranks: trained(options, ranks), accumulate=parts):
        assert difference(run, expected) <= 1e-10


@pytest.mark.parametrize("options", [{}, {"dropout": 0.2, "class_weights": "balanced"}])
def test_ranks_on_every_library(xp64, options):
    expected = trained(options, epochs=3)
    for run in on_ranks(2, lambda ranks: trained(options, ranks, 3, xp64.array)):
        theta = xp64.host(run.theta)
        np.testing.assert_allclose(theta, expected.theta, rtol=0, atol=1e-10)


def test_one_sum_of_the_gradient_in_each_step():
    def work(ranks):
        run = trained({"batch_size": 50}, ranks, 4)
        return ranks.sums, len(run.history["cost"])

    # 3 batches an epoch; costs, accuracies, and both of the validation follow each epoch
    assert on_ranks(2, work) == [((3 + 4) * 4, 4)] * 2


@pytest.mark.parametrize("options", [{}, {"batch_size": 50, "optimizer": bp.Adam(0.01)}])
def test_the_gradient_is_summed_where_it_stays(options):
    class Alone(bp.distributed.Ranks):
        rank, size = 0, 1

        def __init__(self):
            super().__init__()
            self.places = set()

        def sum(self, x):
            assert type(x) is np.ndarray
            if x.dtype == np.float32:  # costs are float64
                self.places.add((x.ctypes.data, x.flags.c_contiguous, x.flags.writeable))
            return x

        def gathered(self, value):
            return [value]

    ranks = Alone()
    run = trained(options, ranks, 3, lambda x: x.astype(np.float32) if x.dtype.kind == "f" else x)
    assert len(ranks.places) == 2  # a recording for whole batches, and one for the rest
    assert {place[1:] for place in ranks.places} == {(True, True)}
    assert run.execution == "recorded, a sum by ranks in between"


def test_a_divergence_is_seen_by_all_ranks():
    def work(ranks):
        try:
            trained({"optimizer": bp.SGD(1e306), "l2": 1e10}, ranks)
        except bp.DivergenceError as error:
            return error.epoch, error.batch, np.asarray(error.theta).tobytes()

    first, second = on_ranks(2, work)
    assert first == second is not None


def test_a_callback_in_one_rank_stops_all():
    def work(ranks):
        class Stop:
            def on_epoch_end(self, progress):
                if ranks.rank == 1 and progress.epoch == 3:
                    progress.stop("enough")

        run = trained({"callbacks": [Stop()]}, ranks)
        return run.epoch, run.stopped

    assert on_ranks(3, work) == [(3, "enough")] * 3


def test_another_theta_in_one_rank_is_an_error():
    def work(ranks):
        class Change:
            def on_epoch_end(self, progress):
                if ranks.rank == 1:
                    progress.take(progress.theta * 2)

        return trained({"callbacks": [Change()]}, ranks)

    with pytest.raises(
        bp.OptionError, match=r"train\(reduce\), rank 1.*another theta after epoch 1"
    ):
        on_ranks(2, work)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 1), ("epochs", 7), ("batch_size", 17), ("l2", 0.1), ("optimizer", bp.SGD(0.2))],
)
def test_other_arguments_in_one_rank_are_an_error_that_names_them(name, value):
    def work(ranks):
        return trained({name: value} if ranks.rank == 1 else {}, ranks)

    with pytest.raises(bp.OptionError, match=rf"train\(reduce\), rank 1: got {name}: "):
        on_ranks(2, work)


def test_other_data_in_one_rank_are_an_error():
    def work(ranks):
        return trained({}, ranks, convert=lambda x: x + (ranks.rank and x.dtype.kind == "f"))

    with pytest.raises(bp.OptionError, match=r"train\(reduce\), rank 1: got X: "):
        on_ranks(2, work)


def test_what_is_no_ranks_is_refused():
    with pytest.raises(bp.OptionError, match=r"train\(reduce\).*Such as bp.distributed.MPI\(\)"):
        trained({}, "mpi")


def test_an_argument_that_cannot_be_compared_is_named_beside_reduce():
    with Path(__file__).open() as lines:

        def order(_):
            return lines.readline()

        with pytest.raises(bp.OptionError, match=r"train\(order\), with reduce: got a .*TextIO"):
            on_ranks(1, lambda ranks: trained({"order": order}, ranks))


def test_jobs_in_a_rank_run_as_one():
    with pytest.warns(UserWarning, match=r"train\(jobs\): 2 jobs run as one: the sums"):
        (run,) = on_ranks(1, lambda ranks: trained({"stack": 64, "jobs": 2}, ranks, 1))
    assert run.theta.tobytes() == trained({"stack": 64}, None, 1).theta.tobytes()


def test_a_rank_takes_one_device():
    driver._check_one_worker(Options(device=["cuda:0"]))
    with pytest.raises(bp.OptionError, match=r"with reduce: got 2 devices; expected one device"):
        driver._check_one_worker(Options(device=["cuda:0", "cuda:1"]))


@pytest.mark.parametrize("size", SIZES)
def test_networks_leave_the_stacks_of_all_ranks(size):
    options = {
        "stack": 12,
        "optimizer": bp.SGD(np.linspace(0.01, 2, 12)),
        "callbacks": "early stopping",
    }
    expected = trained(options, epochs=40)
    assert len(set(expected.epoch.tolist())) > 1
    for run in on_ranks(size, lambda ranks: trained(options, ranks, 40)):
        assert difference(run, expected) <= 1e-10


def test_ranks_that_take_other_times_sum_the_groups_in_the_same_order(monkeypatch):
    number = itertools.count()

    class Uneven(trainer.Looks):
        """Each rank trains on another number of blocks at once."""

        def __init__(self, most):
            super().__init__(most)
            self.blocks = 1 + next(number) % 5

        def begin(self, *_):
            return self.blocks

    monkeypatch.setattr(trainer, "Looks", Uneven)
    monkeypatch.setattr(stack_groups, "most_at_once", lambda *_, **__: 2)
    monkeypatch.setattr(batches, "BLOCK_ROWS", 1)  # a batch is a block
    rates = np.array([0.01, 0.05, 0.1, 0.2, 0.3])
    options = {"stack": 5, "optimizer": bp.SGD(rates), "batch_size": 8}
    expected = trained(options)
    for run in on_ranks(3, lambda ranks: trained(options, ranks)):
        assert difference(run, expected) <= 1e-10
