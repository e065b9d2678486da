"""Rows of data that need not be in memory: what a source is, and what is read of it."""

import errno
import sys

import numpy as np
import pytest
from needs import needs
from source_cases import Given, Rows, mapped, numbers, read_group

from backprop_xp.arrays.rows import check_source, chunk_rows, is_source, read_rows
from backprop_xp.errors import BackpropError, DataError, ShapeError
from backprop_xp.training.data.file_order import Group, read_blocks, shuffled_groups

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
