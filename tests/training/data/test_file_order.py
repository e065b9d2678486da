"""The order of cases in a file: each row once an epoch, well mixed, and read in long pieces."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import every
from source_cases import Rows, mapped, numbers, read_group

from backprop_xp.arrays.random_streams import generator
from backprop_xp.training.data import file_order
from backprop_xp.training.data.file_order import plan, read_blocks, shuffled_groups

counts = st.integers(1, 200)


def order_of(groups):
    return np.concatenate([group.numbers for group in groups])


# the order


@given(counts, counts, counts)
def test_every_row_comes_once_in_an_epoch(m, run_rows, runs_per_group):
    groups = list(shuffled_groups(m, run_rows, runs_per_group, seed=1, epoch=2))
    np.testing.assert_array_equal(np.sort(order_of(groups)), np.arange(m))
    for group in groups:
        assert group.runs == sorted(group.runs)
        assert len(group.order) == sum(stop - start for start, stop in group.runs)
        assert all(0 < stop - start <= run_rows for start, stop in group.runs)
    sizes = [len(group.runs) for group in groups]
    assert max(sizes) <= runs_per_group
    assert max(sizes) - min(sizes) <= 1


def test_the_order_follows_from_seed_and_epoch():
    def order(seed, epoch):
        return order_of(shuffled_groups(100, 5, 4, seed, epoch))

    np.testing.assert_array_equal(order(3, 7), order(3, 7))
    for other in (order(4, 7), order(3, 8)):
        assert (order(3, 7) != other).mean() > 0.9  # by chance 1 of 100 agrees


def test_the_order_is_the_same_on_every_machine():
    # a file or a paper that names a seed means this order: it must not change
    order = order_of(shuffled_groups(12, 2, 3, seed=5, epoch=1))
    assert list(order) == [2, 10, 9, 8, 11, 3, 7, 5, 4, 0, 6, 1]


def test_one_group_has_the_order_of_an_array_in_memory():
    (group,) = shuffled_groups(50, 7, 8, seed=3, epoch=4)
    np.testing.assert_array_equal(group.numbers, generator(3, "order", 4).permutation(50))


def test_the_place_of_a_case_is_uniform():
    # χ² with 59 degrees of freedom has mean 59 and variance 118; more than 5 standard deviations
    # above come in fewer than 1 of 10⁵ draws
    places, seeds = 60, 6000
    met = np.zeros((2, places))
    for seed in range(seeds):
        order = order_of(shuffled_groups(places, 5, 3, seed, epoch=0))
        for row, case in enumerate((0, 37)):
            met[row, np.flatnonzero(order == case)[0]] += 1
    expected = seeds / places
    chi2 = ((met - expected) ** 2 / expected).sum(axis=1)
    assert (chi2 < 59 + 5 * 118**0.5).all()
    assert (chi2 > 59 - 5 * 118**0.5).all()  # nor more even than chance


def test_batches_of_a_file_sorted_by_class_are_mixed():
    """The variance of a class's share is between p (1 − p) / b and p (1 − p) (1/b + 1/k).

    Over 40 epochs of 8 groups and 256 batches its relative standard error is about 3 %, hence the
    bounds of 10 %.
    """
    m, run_rows, k, b = 8192, 16, 64, 32
    labels = np.repeat(np.arange(4), m // 4)
    p = 1 / 4

    def variance(orders):
        shares = [(labels[order].reshape(-1, b) == 0).mean(axis=1) for order in orders]
        return ((np.stack(shares) - p) ** 2).mean()

    two_levels = variance(order_of(shuffled_groups(m, run_rows, k, seed, 0)) for seed in range(40))
    full = variance(np.random.default_rng(seed).permutation(m) for seed in range(40))
    hypergeometric = p * (1 - p) / b * (m - b) / (m - 1)
    assert full == pytest.approx(hypergeometric, rel=0.1)
    assert hypergeometric < two_levels < 1.1 * p * (1 - p) * (1 / b + 1 / k)
    assert variance([np.arange(m)]) > 20 * two_levels  # what would come without a shuffle


# lengths of runs and groups


@given(st.integers(1, 10**9), st.none() | st.integers(1, 10**7))
def test_a_plan_keeps_to_its_bounds(row_bytes, chunk):
    run_rows, runs = plan(row_bytes, chunk)
    each = row_bytes + file_order.ORDER_BYTES
    least = file_order.GROUP_BYTES // file_order.LEAST_RUNS
    assert run_rows >= 1
    assert runs >= file_order.LEAST_RUNS
    assert run_rows * each <= max(least, each)
    assert run_rows * runs * each <= max(file_order.GROUP_BYTES, file_order.LEAST_RUNS * each)
    if chunk is not None and chunk * each <= least:
        assert run_rows % chunk == 0


# groups and blocks


def everything(tmp_path, m):
    """Return sources of the same rows: X of several kinds, labels, and arrays in memory."""
    X = numbers(m)
    return [
        mapped(tmp_path / "X", X),
        mapped(tmp_path / "X+", X, "r+"),
        Rows(m),
        X,
        mapped(tmp_path / "Y", np.arange(m) % 7),
        mapped(tmp_path / "W", np.arange(m, dtype=">f8")),
        np.arange(m, dtype="uint16"),
    ]


def check_together(parts, rows):
    for x in parts[:4]:
        np.testing.assert_array_equal(x, numbers(rows.max() + 1)[rows], strict=True)
    np.testing.assert_array_equal(parts[4], rows % 7)
    for x in parts[5:]:
        np.testing.assert_array_equal(x, rows)


@pytest.mark.parametrize(("run_rows", "runs_per_group"), [(7, 5), (1, 64), (500, 2)])
def test_groups_of_several_sources_stay_together(tmp_path, run_rows, runs_per_group):
    given = everything(tmp_path, 303)
    for group in shuffled_groups(303, run_rows, runs_per_group, 0, 0):
        rows = read_group(given, group)
        check_together(rows, group.numbers)
        assert [x.dtype for x in rows] == [x.dtype for x in given]


@pytest.mark.parametrize("rows", [1, 10, 64, 100, 303, 1000])
def test_blocks_are_the_groups_cut_anew(tmp_path, rows):
    given = everything(tmp_path, 303)
    order = order_of(shuffled_groups(303, 7, 5, 0, 0))
    blocks = list(read_blocks(given, shuffled_groups(303, 7, 5, 0, 0), rows))
    assert [len(block[0]) for block in blocks[:-1]] == [rows] * (303 // rows - (303 % rows == 0))
    assert [x.dtype for x in blocks[0]] == [x.dtype for x in given]
    check_together([np.concatenate(parts) for parts in zip(*blocks, strict=True)], order)


def test_nothing_is_read_twice_or_in_longer_pieces():
    x, y = Rows(1000), Rows(1000, 1)
    for _ in read_blocks([x, y], shuffled_groups(1000, 30, 4, 0, 0), 128):
        pass
    assert x.read == y.read
    assert sorted(x.read) == [(start, min(start + 30, 1000)) for start in range(0, 1000, 30)]


def test_memory_is_two_groups_at_most():
    x = Rows(40_000, 100)  # 16 MB
    group_bytes = 250 * 8 * 400  # 0.8 MB
    groups = shuffled_groups(40_000, 250, 8, 0, 0)
    tracemalloc.start()
    for rows in read_blocks([x], groups, 500):
        del rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # beside the groups: a run of int64 and of float32 that `Rows` makes, and the orders
    assert peak < 2 * group_bytes + 3 * 250 * 800 + 100_000


SWEEP = """
import sys
import numpy as np
from backprop_xp.arrays.rows import read_rows
from backprop_xp.training.data.file_order import plan, read_blocks, shuffled_groups

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

path, mode = sys.argv[1:]
x = np.memmap(path, "float32", mode, shape=(150_000, 1000))
read_rows(x, 0, 10)
before = most = resident()
for start in range(0, 150_000, 1000):
    read_rows(x, start, start + 1000)
    most = max(most, resident())
for _ in read_blocks([x], shuffled_groups(150_000, *plan(4000), 0, 0), 4000):
    most = max(most, resident())
print(most - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc/self/statm")
@pytest.mark.parametrize("mode", ["r", pytest.param("r+", marks=every)])
def test_resident_memory_does_not_grow_with_the_file(tmp_path, mode):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(600_000_000)
    command = [sys.executable, "-c", SWEEP, str(path), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150


def test_a_run_is_as_near_to_its_length_as_whole_chunks_allow():
    whole = file_order.RUN_BYTES // (1000 + file_order.ORDER_BYTES)
    assert whole == 260
    for chunk, run_rows in ((1, 260), (100, 300), (110, 220), (150, 300), (180, 180), (700, 700)):
        assert plan(1000, chunk).run_rows == run_rows
