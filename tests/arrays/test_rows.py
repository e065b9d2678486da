"""Rows of data that need not be in memory: from what they are read, and in which order."""

import errno
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import needs

from backprop_xp.arrays import rows as source_rows
from backprop_xp.arrays.random_streams import generator
from backprop_xp.arrays.rows import (
    Group,
    check_source,
    chunk_rows,
    is_source,
    plan,
    read_blocks,
    read_rows,
    shuffled_groups,
)
from backprop_xp.errors import BackpropError, DataError, ShapeError

counts = st.integers(1, 200)


def read_group(sources, group):
    """Return the shuffled rows of a group."""
    return next(read_blocks(sources, [group], len(group.order)))


class Rows:
    """A source that counts what is read of it; each number tells its row and column."""

    def __init__(self, m, n=3, dtype="float32"):
        self.shape, self.dtype, self.read = (m, n), np.dtype(dtype), []

    def __getitem__(self, key):
        self.read.append((key.start, key.stop))
        rows = np.arange(key.start, key.stop)[:, None] * 10 + np.arange(self.shape[1])
        return rows.astype(self.dtype)


class Given:
    """A source of two rows whose slices return what it was given."""

    shape, dtype = (2, 3), "float32"

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, key):
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


def numbers(m, n=3, dtype="float32"):
    return (np.arange(m)[:, None] * 10 + np.arange(n)).astype(dtype)


def mapped(path, values, mode="r", offset=0):
    """Write an array to a file and return the memmap of it."""
    with path.open("wb") as file:
        file.write(bytes(offset))
        values.tofile(file)
    return np.memmap(path, values.dtype, mode, offset, values.shape)


def order_of(groups):
    return np.concatenate([group.numbers for group in groups])


# what a source is


def test_memmaps_and_their_views_are_sources(tmp_path):
    x = mapped(tmp_path / "x", numbers(20))
    for view in (x, x[3:], x[:, 1], x.T, x[::2], x.reshape(-1)):
        assert is_source(view)
    for in_memory in (x + 1, x[[1, 2]], x.copy(), np.asarray(x), np.array(x), x[0, 0]):
        assert not is_source(in_memory)


def test_arrays_in_memory_are_none(xp):
    assert not is_source(xp.array(numbers(4)))


@pytest.mark.parametrize("x", [[1.0], (1.0,), 1.0, "text", None, memoryview(b"ab"), np.float32(1)])
def test_other_things_are_none(x):
    assert not is_source(x)


def test_data_frames_are_none():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "dtype": [1.0, 2.0]})
    assert not any(map(is_source, (frame, frame["a"], frame.index)))


def test_sparse_matrices_are_sources_where_their_rows_lie_together():
    sparse = needs("scipy.sparse", "scipy")
    for kind in (sparse.csr_array, sparse.csr_matrix):
        assert is_source(kind(np.eye(3)))
        for other in ("coo", "csc", "bsr", "dia", "dok", "lil"):
            assert not is_source(kind(np.eye(3)).asformat(other))


def test_an_object_with_rows_is_one():
    assert is_source(Rows(4))
    assert chunk_rows(Rows(4)) is None


def test_stacks_are_refused(tmp_path):
    check_source(Rows(4), "train(X)")
    with pytest.raises(ShapeError, match=r"train\(X\): got a file of shape \(2, 4, 3\); expected"):
        check_source(mapped(tmp_path / "x", np.zeros((2, 4, 3))), "train(X)")


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
    each = row_bytes + source_rows.ORDER_BYTES
    least = source_rows.GROUP_BYTES // source_rows.LEAST_RUNS
    assert run_rows >= 1
    assert runs >= source_rows.LEAST_RUNS
    assert run_rows * each <= max(least, each)
    assert run_rows * runs * each <= max(source_rows.GROUP_BYTES, source_rows.LEAST_RUNS * each)
    if chunk is not None and chunk * each <= least:
        assert run_rows % chunk == 0


# reading


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "bool", ">f4", ">i2"])
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_rows_of_a_memmap(tmp_path, dtype, mode):
    values = numbers(50, dtype=dtype)
    x = mapped(tmp_path / "x", values, mode)
    rows = read_rows(x, 7, 19)
    np.testing.assert_array_equal(rows, values[7:19], strict=True)
    assert type(rows) is np.ndarray
    assert rows.flags.owndata
    assert rows.flags.c_contiguous
    assert rows.flags.writeable
    assert rows.dtype == x.dtype
    assert read_rows(x, 45, 60).shape == (5, 3)  # as slices do
    assert read_rows(x, 60, 70).shape == (0, 3)


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1000:],
        lambda x: x[5:900:3],
        lambda x: x[::-1],
        lambda x: x[:, 2],
        lambda x: x[:, ::-2],
        lambda x: x.T,
        lambda x: x.reshape(-1),
        lambda x: x[3::2].T[1:],
        lambda x: x.view("int32"),
        lambda x: x[:12].reshape(4, 3, 5),
    ],
)
@pytest.mark.parametrize("offset", [0, 4, 128, 4096, 70_000])
def test_rows_of_views_of_a_memmap(tmp_path, mode, view, offset):
    values = numbers(2000, 5)
    x, expected = view(mapped(tmp_path / "x", values, mode, offset)), view(values)
    assert is_source(x)
    for start in range(0, len(expected), 700):
        rows = read_rows(x, start, start + 700)
        np.testing.assert_array_equal(rows, expected[start : start + 700], strict=True)


def test_a_file_saved_in_columns(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(numbers(300, 4)))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(read_rows(x, 100, 200), numbers(300, 4)[100:200])


@pytest.mark.parametrize("mode", ["c", "r+", "w+"])
def test_unsaved_changes_are_seen_and_kept(tmp_path, mode):
    path = tmp_path / "x"
    x = mapped(path, numbers(3000), mode)
    x[:] = 1
    x[100] = -5
    for _ in range(2):  # the first reading gives pages back, where changes may lie
        np.testing.assert_array_equal(read_rows(x, 99, 102)[:, 0], [1, -5, 1])
        assert (x[100] == -5).all()
    x[100] = -6
    assert (read_rows(x, 100, 101) == -6).all()
    x.flush()
    saved = np.fromfile(path, "float32")[300]
    assert saved == (1000 if mode == "c" else -6)


def test_changes_of_a_second_mapping_are_seen(tmp_path):
    x = mapped(tmp_path / "x", numbers(30))
    read_rows(x, 0, 30)
    writer = np.memmap(tmp_path / "x", "float32", "r+", shape=(30, 3))
    writer[4] = -5
    assert (read_rows(x, 4, 5) == -5).all()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a mapped file as it is")
def test_another_file_of_the_same_name_is_not_read(tmp_path):
    path = tmp_path / "x"
    x = mapped(path, numbers(30))
    (-numbers(30)).tofile(tmp_path / "other")
    (tmp_path / "other").replace(path)
    np.testing.assert_array_equal(read_rows(x, 3, 9), numbers(30)[3:9])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a mapped file as it is")
def test_a_file_without_a_name_is_read(tmp_path):
    x = mapped(tmp_path / "x", numbers(30))
    (tmp_path / "x").unlink()
    np.testing.assert_array_equal(read_rows(x, 3, 9), numbers(30)[3:9])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a mapped file as it is")
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_file_that_was_cut_short_is_an_error(tmp_path, mode):
    x = mapped(tmp_path / "x", numbers(10_000), mode)
    with (tmp_path / "x").open("r+b") as file:
        file.truncate(5000 * 12)
    np.testing.assert_array_equal(read_rows(x, 4000, 5000), numbers(5000)[4000:])
    with pytest.raises(DataError, match="has become shorter; expected the length"):
        read_rows(x, 4999, 5001)
    with pytest.raises(DataError, match="has become shorter"):
        list(read_blocks([x], shuffled_groups(10_000, 100, 8, 0, 0), 64))


@pytest.mark.parametrize("chunks", [None, (7, 2), (16, 3)])
def test_rows_of_an_hdf5_file(tmp_path, chunks):
    h5py = pytest.importorskip("h5py")
    for dtype in ("float32", ">f8", "int8"):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            x = file.create_dataset("x", data=numbers(50, dtype=dtype), chunks=chunks)
            assert is_source(x)
            assert chunk_rows(x) == (chunks[0] if chunks else None)
            np.testing.assert_array_equal(read_rows(x, 7, 33), numbers(50, dtype=dtype)[7:33])
            assert read_rows(x, 7, 33).dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", ">f4", "int8"])
def test_rows_of_a_zarr_array(tmp_path, dtype):
    zarr = pytest.importorskip("zarr")
    x = zarr.create_array(tmp_path / "x.zarr", shape=(50, 3), chunks=(8, 3), dtype=dtype)
    x[:] = numbers(50, dtype=dtype)
    assert is_source(x)
    assert chunk_rows(x) == 8
    np.testing.assert_array_equal(read_rows(x, 7, 33), numbers(50, dtype=dtype)[7:33])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "bool"])
def test_rows_of_a_sparse_matrix(dtype):
    sparse = needs("scipy.sparse", "scipy")
    rows = np.where(np.arange(150).reshape(50, 3) % 4 == 0, numbers(50, dtype=dtype), 0)
    rows = rows.astype(dtype)
    for kind in (sparse.csr_array, sparse.csr_matrix):
        for start, stop in ((7, 33), (0, 50), (3, 3), (49, 60)):
            found = read_rows(kind(rows), start, stop)
            np.testing.assert_array_equal(found, rows[start:stop], strict=True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("indices", lambda x: x + 1),  # beyond the last column
        ("indices", lambda x: x - 1),
        ("indices", lambda x: x + 10**9),
        ("indices", lambda x: x[:-1]),
        ("indptr", lambda x: x[:-1]),
        ("indptr", lambda x: x + 1),
        ("indptr", lambda x: x[[0, 2, 1, 3]]),
        ("data", lambda x: x[:-1]),
        ("data", lambda x: x[:, None]),
        ("data", lambda x: x.astype("float16")),
        ("data", lambda x: np.ma.masked_less(x, 2)),
    ],
)
def test_a_sparse_matrix_whose_arrays_do_not_fit_is_refused(name, change):
    # SciPy would read and write outside of them
    x = needs("scipy.sparse", "scipy").csr_array(np.eye(3, dtype="float32"))
    check_source(x, "train(X)")
    setattr(x, name, change(getattr(x, name)))
    before = [array.copy() for array in (x.data, x.indices, x.indptr)]
    with pytest.raises(
        BackpropError, match=r"^train\(X\): got a (damaged CSR matrix|masked array)"
    ):
        check_source(x, "train(X)")
    for array, old in zip((x.data, x.indices, x.indptr), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        (numbers(1), ShapeError, r"rows 0:2 of Given: got shape \(1, 3\); expected \(2, 3\)"),
        (numbers(2, 4), ShapeError, r"shape \(2, 4\)"),
        (numbers(2)[0], ShapeError, r"shape \(3,\)"),  # would broadcast
        (numbers(2, dtype="float64"), DataError, "dtype float64; expected float32"),
        (np.ma.masked_less(numbers(2), 1), DataError, "masked values"),
        (OSError(errno.EIO, "the disk is gone"), OSError, "the disk is gone"),
    ],
)
def test_rows_that_a_source_did_not_promise(rows, error, text):
    with pytest.raises(error, match=text):
        read_rows(Given(rows), 0, 2)
    with pytest.raises(error, match=text):
        read_group([Given(rows)], Group([(0, 2)], np.array([1, 0])))


def test_rows_in_other_clothes(tmp_path):
    x = mapped(tmp_path / "x", numbers(2))
    swapped = mapped(tmp_path / "y", numbers(2, dtype=">f4"))
    for rows in (x, swapped, np.ma.masked_less(x, -1), numbers(2)[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(read_rows(Given(rows), 0, 2), numbers(2), strict=True)


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
from backprop_xp.arrays.rows import plan, read_blocks, read_rows, shuffled_groups

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
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_resident_memory_does_not_grow_with_the_file(tmp_path, mode):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(600_000_000)
    command = [sys.executable, "-c", SWEEP, str(path), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150
