"""The floor on a GPU: its arithmetic by hand, its measurement on the CPU."""

from functools import partial

import numpy as np
import pytest
from needs import needs

from benchmarks import bound, floor
from benchmarks.bound import (
    Chip,
    Computed,
    Rates,
    bound_seconds,
    busiest_flops,
    fastest,
    needed_bytes,
    rates_of,
)
from benchmarks.job import Job
from benchmarks.meters import HostMeter
from benchmarks.peers import LeftOut

TRAIN = Job("train", [2, 3, 1], batch_size=5, cases=20, device="cuda")  # 13 parameters, 4 steps


def test_each_of_three_times_can_be_the_bound():
    # 20 cases: W a 2 · (6 + 3), ∂E/∂W 18, ∂E/∂a 6 operations; X and labels 240 bytes
    # θ is read and written at each of 4 steps: 4 · 2 · 52 bytes
    assert TRAIN.flops() == 20 * 42
    assert needed_bytes(TRAIN, 0) == 240 + 416
    nothing = Chip(4, 0)
    assert bound_seconds(TRAIN, Rates(840, 1e9), nothing) == 1
    assert bound_seconds(TRAIN, Rates(1e9, 656), nothing) == 1
    stack = Job("stack", [2, 3, 1], 5, 20, device="cuda", stack=5)
    assert busiest_flops(stack, 4) == 2 * 840  # two of five networks on one of four
    assert bound_seconds(stack, Rates(4 * 840, 1e9), nothing) == 2
    assert bound_seconds(stack, Rates(4 * 840, 1e9), Chip(5, 0)) == 5 / 4
    assert busiest_flops(TRAIN, 4) == 0


def test_bytes_that_lie_on_the_chip_are_not_counted():
    assert needed_bytes(TRAIN, 52) == 240 - 52
    assert needed_bytes(TRAIN, 240) == 0
    adam = Job("train", [2, 3, 1], 5, 20, device="cuda", optimizer="adam")
    assert needed_bytes(adam, 0) == 240 + 3 * 416
    predict = Job("predict", [2, 3, 1], 20, 20, device="cuda")
    assert needed_bytes(predict, 0) == 20 * 4 * (2 + 1) + 52


def test_the_fastest_trial_counts_and_the_first_is_not_timed():
    class Slower(HostMeter):
        times = iter([1.0, 5.0, 3.0, 2.0, 4.0, 9.0])

        def seconds(self, work):
            work()
            return next(self.times), None

    done = []
    assert fastest(Slower(), lambda: done.append(1)) == 2.0
    assert len(done) == 1 + bound.TRIALS

    class Clock(HostMeter):
        def seconds(self, work):
            return work(), None

    found = rates_of([(10, lambda: 2.0), (20, lambda: 4.0)], (50, lambda: 0.5), Clock())
    assert found == Rates(4000.0, 200.0)  # 2 · 20³ / 4, and 50 bytes read and written


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_rates_are_measured_with_either_library(library):
    xp = needs(library)
    x, y = (xp.zeros(2 * 64 * 64, dtype=xp.float32) for _ in range(2))
    copy = partial(np.copyto, y, x) if library == "numpy" else partial(y.copy_, x)
    products = [(n, bound._product(xp.matmul, x, y, n)) for n in (32, 64)]
    found = rates_of(products, (4 * len(x), copy), HostMeter())
    assert found.flops > 0
    assert found.bytes > 0


def test_a_computed_time_is_that_of_so_many_times():
    peer = Computed(0.25)
    assert peer.memory(lambda: peer.run(1)) == ({"peak": 0}, None)
    assert peer.seconds(partial(peer.run, 3)) == (0.75, None)


def test_the_floor_of_a_gpu_is_the_bound(monkeypatch):
    monkeypatch.setattr(bound, "_with_cupy", lambda _: (Rates(840, 1e9), Chip(4, 0)))
    peer = floor.floor(TRAIN)
    assert peer.meter.seconds(partial(peer.run, 2)) == (2.0, None)

    def missing(_):
        raise ImportError("No module named 'cupy'")

    monkeypatch.setattr(bound, "_with_cupy", missing)
    with pytest.raises(LeftOut, match="no library to measure the device: No module named 'cupy'"):
        floor.floor(TRAIN)


@pytest.mark.parametrize("task", ["train", "stack", "predict"])
def test_a_graph_has_all_products_of_a_step_and_no_others(task):
    job = Job(task, [6, 4, 3], 5, 20, stack=2 * (task == "stack"))
    made, launches = [], []

    def multiply(x, y, out):
        made.append((x, y, out))
        return partial(np.matmul, x, y, out=out)

    def launched(calls):
        def launch():
            launches.append(len(calls))
            floor.one_by_one(calls)()

        return launch

    peer = floor.multiplied(job, np.asarray, multiply, HostMeter(), launched)
    launches.clear()
    peer.run(3)
    products = 2 if task == "predict" else 5
    assert launches == [products] * (3 if task == "predict" else 3 * 4)
    for x, y, out in made[-products:]:
        np.testing.assert_allclose(out, x @ y, rtol=1e-5, atol=1e-6)


def test_without_a_gpu_there_is_no_graph():
    for device, reason in (("cpu", "need a CUDA device"), ("jax:cuda", "JAX has no products")):
        with pytest.raises(LeftOut, match=reason):
            floor.graph(Job("train", [6, 4, 3], 5, 20, device=device))
