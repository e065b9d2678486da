"""The page of limits: its tables are the module's, its formulas laws, its crossings equalities."""

import math
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import every, needs

import backprop_xp as bp
from benchmarks import limits, limits_cost, limits_crossings, limits_fabrics, limits_ranks
from benchmarks.limits_cost import CASES, CORE, ETHERNET, H200, NETWORK, NVLINK, PCIE

SMALLEST = CASES[0]  # ((784, 30, 10), 10)
UNITS = st.integers(1, 2000)
GPUS = st.integers(2, 1024)
CLOSE = {"rel": 1e-9}  # float64 and a bisection to 1e-12


def shapes_of_products(sizes, m):
    """The shapes that a step's products have in NumPy, as DESIGN's equations write them."""
    layers = [np.zeros((n_out, n_in)) for n_in, n_out in pairwise(sizes)]
    for layer, W in enumerate(layers):
        a_prev, delta = np.zeros((W.shape[1], m)), np.zeros((W.shape[0], m))
        yield W, a_prev, W @ a_prev
        yield delta, a_prev.T, delta @ a_prev.T
        if layer:
            yield W.T, delta, W.T @ delta


def test_the_page_is_what_the_module_writes():
    page = limits.PAGE.read_text("utf-8")
    assert limits.filled(page) == page
    assert all(f"<!-- {name} -->\n|" in page for name in limits.TABLES)


def test_a_number_changed_by_hand_is_put_right():
    page = limits.PAGE.read_text("utf-8")
    assert limits.filled(page.replace("23,860", "23,861")) == page


def test_a_core_is_measured():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.limits", "--measure"],
        cwd=limits.PAGE.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Machine(name='one core', peak=")


@pytest.mark.parametrize(("sizes", "m"), [((5, 4, 3), 2), ((7, 6, 5, 4), 3), SMALLEST])
def test_flop_and_bytes_are_those_of_the_shapes(sizes, m):
    found = list(shapes_of_products(sizes, m))
    flop = sum(2 * A.shape[0] * A.shape[1] * B.shape[1] for A, B, _ in found)
    traffic = sum(4 * (A.size + B.size + C.size) for A, B, C in found)
    assert limits_cost.step_flops(sizes, m) == flop
    products = list(limits_cost.products(sizes))
    assert sum(limits_cost.product_bytes(*shape, m) for shape in products) == traffic


def test_parameters_are_those_of_the_network():
    for sizes, _ in CASES:
        assert limits_cost.parameter_count(sizes) == bp.Network(list(sizes)).parameter_count


@given(UNITS, UNITS, UNITS)
def test_intensity_is_flop_over_bytes(n_in, n_out, m):
    ratio = limits_cost.product_flops(n_in, n_out, m) / limits_cost.product_bytes(n_in, n_out, m)
    assert limits_cost.intensity(n_in, n_out, m) == pytest.approx(ratio, **CLOSE)


def test_the_smallest_case_by_hand():
    sizes, m = SMALLEST
    assert limits_cost.parameter_count(sizes) == 30 * 785 + 10 * 31 == 23_860
    # 2 products of 2·784·30·10 flop and 3 of 2·30·10·10
    assert limits_cost.step_flops(sizes, m) == 2 * 470_400 + 3 * 6_000 == 958_800
    assert limits_cost.product_bytes(784, 30, m) == 4 * (23_520 + 7_840 + 300)
    assert limits_cost.intensity(784, 30, m) == pytest.approx(470_400 / 126_640)
    # 5 products, z += b 2, max 1, δ^1 3, softmax 5, δ^2 2, Σ δ 2, SGD 2
    assert limits_cost.launches(sizes) == 5 + 2 + 1 + 3 + 5 + 2 + 2 + 2 == 22
    # for each case: 794 gathered, 40 units of 8 and 4, 30 hidden of 8 and 22, 10 outputs of 52
    other = 10 * (794 * 8 + 40 * 12 + 30 * 30 + 10 * 52) + 20 * 23_860
    assert limits_cost.other_bytes(sizes, m) == other == 559_720
    # all products wait for memory: 2 of 126,640 bytes, 3 of 4 (300 + 300 + 100)
    seconds = (2 * 126_640 + 3 * 2_800 + 559_720) / 4.8e12
    assert limits_cost.device_seconds(H200, sizes, m) == pytest.approx(seconds)
    assert limits_cost.step_seconds(H200, sizes, m) == pytest.approx(22 * 11e-6)
    assert limits_cost.epoch_seconds(H200, sizes, m, 60_000) == pytest.approx(6000 * 22 * 11e-6)
    assert limits_cost.step_memory(sizes, m) == 4 * (2 * 23_860 + 3 * 10 * 40)
    assert limits_cost.ring_bytes(23_860, 8) == 2 * 7 / 8 * 4 * 23_860 == 167_020


def test_array_operations_are_those_of_a_step_of_training(monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch records the operations")
    from torch.utils._python_dispatch import TorchDispatchMode

    class Recorder(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            infos = (result.alias_info for result in func._schema.returns)
            self.count += not any(info and not info.is_write for info in infos)  # no views
            return func(*args, **(kwargs or {}))

    def operations(sizes, steps):
        X = torch.ones((5 * steps, sizes[0]))
        Y = torch.zeros(5 * steps, dtype=torch.int64)
        with Recorder() as recorder:
            net = bp.Network(sizes, hidden="relu")
            bp.train(net, X, Y, optimizer=bp.SGD(0.1), epochs=1, batch_size=5)
        return recorder.count

    monkeypatch.setattr(
        "backprop_xp.execution.numpy_replay.BYTES_AT_ONCE", 0
    )  # steps are run as they are written
    for sizes in ([6, 4, 3], [6, 5, 4, 3]):
        of_a_step = (operations(sizes, 20) - operations(sizes, 10)) / 10
        # the page counts what the equations need; the code may differ by an operation a layer
        assert limits_cost.launches(sizes) == pytest.approx(of_a_step, abs=len(sizes) - 1)
        assert limits_cost.launches(sizes) == 9 * (len(sizes) - 1) + 4


@given(st.integers(1, 10**7), GPUS)
def test_a_ring_sends_what_its_messages_hold(P, G):
    messages = 2 * (G - 1)  # G − 1 to sum a part of P / G numbers, G − 1 to hand it on
    assert limits_cost.ring_bytes(P, G) == pytest.approx(messages * 4 * P / G, **CLOSE)
    assert limits_cost.ring_bytes(P, G) < 8 * P
    one_after_another = messages * (4 * P / G / NVLINK.rate + NVLINK.hop)
    assert limits_cost.ring_seconds(NVLINK, P, G) == pytest.approx(one_after_another, **CLOSE)


def test_one_gpu_has_nothing_to_sum():
    assert limits_cost.all_reduce_seconds(10**6, 1) == 0


@given(st.integers(1, 20))
def test_a_stack_costs_its_networks_and_the_launches_of_one(K):
    alone, stacked = (limits_cost.shares(H200, *SMALLEST, n) for n in (1, K))
    assert stacked["launches"] == alone["launches"]
    assert stacked["memory"] == pytest.approx(K * alone["memory"], **CLOSE)
    assert limits_cost.step_memory(*SMALLEST, K) == K * limits_cost.step_memory(*SMALLEST)


@given(UNITS, UNITS)
def test_arithmetic_takes_over_at_the_machine_s_balance(n_in, n_out):
    m = limits_crossings.batch_at_balance(H200, n_in, n_out)
    if math.isinf(m):
        most = limits_cost.intensity(n_in, n_out, math.inf)
        assert most <= H200.balance * (1 + 1e-9)
    else:
        flop = limits_cost.product_flops(n_in, n_out, m) / H200.peak
        traffic = limits_cost.product_bytes(n_in, n_out, m) / H200.bandwidth
        assert flop == pytest.approx(traffic, rel=1e-6)  # 1/m is a difference of close numbers


@pytest.mark.parametrize("machine", [CORE, H200])
@pytest.mark.parametrize("m", [10, 128])
def test_the_device_outlasts_the_launches_at_the_width(machine, m):
    n = limits_crossings.width_past_launches(machine, m)
    shares = limits_cost.shares(machine, [n] * 4, m)
    assert shares["arithmetic"] + shares["memory"] == pytest.approx(shares["launches"], **CLOSE)


@pytest.mark.parametrize(("sizes", "m"), CASES)
def test_the_device_outlasts_the_launches_at_the_stack(sizes, m):
    K = limits_crossings.stack_past_launches(H200, sizes, m)
    shares = limits_cost.shares(H200, sizes, m, K)
    assert shares["arithmetic"] + shares["memory"] == pytest.approx(shares["launches"], **CLOSE)


def test_tiles_for_all_processors_by_hand():
    assert limits_crossings.stack_with_tiles(30, 10) == 132  # one tile each
    assert limits_crossings.stack_with_tiles(1024, 512) == 5  # 8 · 4 tiles each, 132 / 32


@given(st.integers(1, 10**7), st.floats(1e-5, 1))
def test_a_ring_of_so_many_gpus_takes_as_long_as_the_step(P, seconds):
    G = limits_crossings.gpus_at_parity(NETWORK, P, seconds)
    # G from a difference of close numbers, 1e-6 for the shortest steps
    assert limits_cost.ring_seconds(NETWORK, P, G) == pytest.approx(seconds, rel=1e-5)


@pytest.mark.parametrize(("sizes", "m"), CASES)
@pytest.mark.parametrize("G", [8, 64])
def test_the_all_reduce_hides_behind_the_batch(sizes, m, G):
    batch = limits_crossings.batch_hiding(H200, sizes, G)
    device = limits_cost.device_seconds(H200, sizes, batch)
    together = limits_cost.all_reduce_seconds(limits_cost.parameter_count(sizes), G)
    assert device == pytest.approx(together, **CLOSE)


def test_the_laws_of_wide_networks():
    sizes, m = [10_000] * 20, 1e9  # arithmetic alone
    P = limits_cost.parameter_count(sizes)
    flop = limits_cost.step_flops(sizes, m) / m
    assert flop == pytest.approx(6 * P, rel=0.02)  # the first of 19 layers lacks a product
    hidden = limits_crossings.parameters_past_stream(H200, PCIE, 4 * 784)
    assert 6 * hidden / H200.peak == pytest.approx(4 * 784 / PCIE.rate, **CLOSE)
    law = 2 / 3 * 784 * H200.peak / PCIE.rate
    assert hidden == pytest.approx(law, **CLOSE)


def test_a_crossing_outside_is_an_end():
    assert limits_crossings.crossing(lambda x: x, low=1) == 1
    assert limits_crossings.crossing(lambda x: x - 2e9) == math.inf


def test_what_the_page_says_of_its_tables():
    for sizes, m in CASES:
        shares, P = limits_cost.shares(H200, sizes, m), limits_cost.parameter_count(sizes)
        assert shares["launches"] > shares["arithmetic"] + shares["memory"]
        for G in (64, 1024):
            hops = 2 * (G - 1) * NETWORK.hop
            assert hops > limits_cost.ring_bytes(P, G) / NETWORK.rate
        assert limits_cost.tree_seconds(NETWORK, P, 1024) < limits_cost.ring_seconds(
            NETWORK, P, 1024
        )
    assert limits.MANY * limits_cost.step_memory(*CASES[-1]) > H200.memory
    assert H200.memory < limits.LARGE * 4 * 784
    assert all(part.flops < part.bytes for part in (*limits_cost.PARTS, *limits_cost.OPTIMISERS))


def test_what_the_page_says_of_many_machines():
    def overtaken(rows):
        return np.array([[float(x) for x in row[-2:]] for row in list(rows)[1:]]).T

    weak, strong = overtaken(limits_fabrics.weak()), overtaken(limits_fabrics.strong())
    assert 1 < min(weak[0]) < 2
    assert 4 < max(weak[0]) < 5
    assert [math.ceil(of(strong[0])) for of in (min, max)] == [6, 23]
    assert [math.ceil(of(strong[1])) for of in (min, max)] == [4, 9]
    for sizes, _ in CASES:
        on = [limits_fabrics.strong_speed_up(NETWORK, sizes, 65_536, G) for G in (64, 1024)]
        assert on[1] < 1.25 * on[0]


@given(GPUS)
def test_bytes_of_a_ring_take_as_long_as_its_hops_at_the_balance(G):
    balance = limits_fabrics.numbers_at_balance(NETWORK, G)
    hops = 2 * (G - 1) * NETWORK.hop
    assert limits_cost.ring_bytes(balance, G) / NETWORK.rate == pytest.approx(hops, **CLOSE)


@pytest.mark.parametrize("sizes", [sizes for sizes, _ in CASES])
@pytest.mark.parametrize("link", [NVLINK, NETWORK, ETHERNET])
def test_the_sum_takes_as_long_as_the_step_at_the_overtaking(sizes, link):
    G = limits_fabrics.gpus_at_overtaking(link, sizes, 65_536)
    step = limits_fabrics.step_of(sizes, 65_536 / G)
    together = limits_cost.ring_seconds(link, limits_cost.parameter_count(sizes), G)
    assert step == pytest.approx(together, rel=1e-6)


@pytest.mark.parametrize(("sizes", "m"), CASES)
def test_one_gpu_scales_to_itself(sizes, m):
    assert limits_fabrics.weak_efficiency(NETWORK, sizes, m, 1) == 1
    assert limits_fabrics.strong_speed_up(NETWORK, sizes, m, 1) == 1


@given(st.floats(1e8, 1e12), st.floats(1e-7, 1e-4), GPUS)
def test_the_rate_and_the_hop_of_a_ring_are_found_from_its_times(rate, hop, G):
    link = limits_cost.Link("of a ring", rate, hop)
    times = [limits_cost.ring_seconds(link, P, G) for P in limits_ranks.SIZES]
    found = limits_ranks.fitted(limits_ranks.SIZES, times, G)
    assert (found.rate, found.hop) == pytest.approx((rate, hop), rel=1e-3)


@every
def test_two_ranks_are_measured():
    needs("mpi4py")
    if not shutil.which("mpiexec"):
        pytest.skip("mpiexec is not there")
    assert limits_ranks.measured().startswith("Link(name='two ranks, measured', rate=")


def test_numbers_are_short():
    shown = [limits.number(x, "s") for x in (0.0000123, 4567, 25)]
    assert shown == ["12 µs", "1.3 h", "25 s"]
    assert [limits.number(x) for x in (23_860, math.inf, 3.66, 4.5e7)] == [
        "24,000",
        "never",
        "3.7",
        "45 M",
    ]
