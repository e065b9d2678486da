"""IDX files, compressed or not: there and back, and one error for damaged ones."""

import gzip
import os
import re
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backprop_xp.arrays.advice import install_command
from backprop_xp.datasets import idx_file
from backprop_xp.errors import BackpropError, DataError, MissingExtraError, MissingFileError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def header(code, *shape):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)


def idx_bytes(array):
    code = CODES[array.dtype.str[1:]]
    return header(code, *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


def small_mnist(folder, style="{}"):
    """Write a training part of 20 cases and a test part of 10; return the training images."""
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = (np.arange(30) % 10).astype(np.uint8)
    parts = (images[:20], labels[:20], images[20:], labels[20:])
    for name, part in zip(FILES, parts, strict=True):
        path = Path(folder, style.format(name))
        data = idx_bytes(part)
        path.write_bytes(gzip.compress(data) if style.endswith(".gz") else data)
    return images[:20]


@settings(deadline=None)  # files take as long as the disk does
@given(
    array=hnp.arrays(
        st.sampled_from(sorted(CODES)), hnp.array_shapes(max_dims=4, max_side=5), fill=st.nothing()
    ),
    packed=st.booleans(),
)
def test_reads_what_was_written(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    read = idx_file.read_idx(path)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"\0\0", "first bytes 00 00"),
        (b"P5\n8", "first bytes 50 35 0a 38"),
        (header(10, 2) + b"ab", "first bytes 00 00 0a 01"),
        (header(8) + b"a", "0 dimensions"),
        (header(8, *[1] * 9) + b"a", "9 dimensions"),
        (header(8, 2, 2)[:9], "the dimensions (2,)"),
        (header(8, 2, 0), "the dimensions (2, 0)"),
        (header(8, 3) + b"ab", "2 bytes of values; expected the 3"),
        (header(8, 3) + b"abcd", "more bytes of values; expected the 3"),
        (header(8, 2**32 - 1, 2**32 - 1) + b"a", "a header that promises"),
        (header(8, 2**28) + b"a", "1 bytes of values; expected the 268,435,456"),
    ],
)
def test_refuses_what_is_no_idx(tmp_path, data, words, packed):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError) as caught:
        idx_file.read_idx(path)
    assert words in str(caught.value)


@settings(deadline=None)  # files take as long as the disk does
@given(data=st.data())
def test_damaged_gzip_is_one_clear_error_or_harmless(tmp_path_factory, data):
    array = np.arange(50, dtype=np.uint8)
    whole = bytearray(gzip.compress(idx_bytes(array)))
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        whole = whole[:place]
    else:
        whole[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    path.write_bytes(whole)
    try:
        read = idx_file.read_idx(path)
    except DataError:
        return
    np.testing.assert_array_equal(read, array)  # a byte that only describes, such as the time


def test_bytes_after_the_gzip_are_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(idx_bytes(np.arange(5, dtype=np.uint8))) + b"more")
    with pytest.raises(DataError, match="damaged gzip"):
        idx_file.read_idx(path)


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header(8, 1000) + bytes(2**27)))
    tracemalloc.start()
    with pytest.raises(DataError, match="more bytes"):
        idx_file.read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22  # the bomb holds 2**27 bytes, the gzip module's own buffers 2**17


def test_a_large_array_may_not_be_packed_at_will(tmp_path):
    data = header(8, 2**28 + 1) + b"a"
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(data))
    with pytest.raises(
        DataError, match=r"promises 268,435,457 bytes.*; expected at most 268,435,4"
    ):
        idx_file.read_idx(path)
    path.write_bytes(data)
    with pytest.raises(DataError, match="1 bytes of values; expected the 268,435,457"):
        idx_file.read_idx(path)


@pytest.mark.parametrize("name", ["absent", ".", "a\0b"])
def test_missing_file(tmp_path, name):
    with pytest.raises(MissingFileError, match=r"Check the name|Name a file in it"):
        idx_file.read_idx(tmp_path / name)


@pytest.mark.parametrize("style", ["{}", "{}.gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_mnist_from_a_folder(tmp_path, style, dotted):
    images = small_mnist(tmp_path, style)
    if dotted:
        for path in tmp_path.iterdir():
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    (X, Y), (X_test, Y_test) = idx_file.read_mnist(tmp_path)
    assert (X.shape, Y.shape, X_test.shape, Y_test.shape) == ((20, 784), (20,), (10, 784), (10,))
    assert (X.dtype, Y.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(X, images.reshape(20, 784).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(Y, np.arange(20) % 10)


def test_mnist_from_the_environment(tmp_path, monkeypatch):
    small_mnist(tmp_path)
    monkeypatch.setenv("BACKPROP_XP_MNIST", str(tmp_path))
    assert idx_file.read_mnist()[0][0].shape == (20, 784)


def test_mnist_lacks_a_file(tmp_path):
    small_mnist(tmp_path)
    (tmp_path / FILES[2]).unlink()
    with pytest.raises(MissingFileError, match=r"expected a folder with t10k-images-idx3-ubyte"):
        idx_file.read_mnist(tmp_path)
    with pytest.raises(MissingFileError, match="no folder"):
        idx_file.read_mnist(tmp_path / "absent")


@pytest.mark.parametrize(
    ("position", "array", "words"),
    [
        (0, np.zeros((20, 27, 28), np.uint8), "images"),
        (0, np.zeros((20, 28, 28), np.float32), "images"),
        (0, np.zeros(20, np.uint8), "images"),
        (1, np.zeros(19, np.uint8), "one label per image"),
        (1, np.zeros((20, 1), np.uint8), "one label per image"),
        (1, np.full(20, 10, np.uint8), "labels from 0 to 9"),
    ],
)
def test_mnist_of_another_form(tmp_path, position, array, words):
    small_mnist(tmp_path)
    (tmp_path / FILES[position]).write_bytes(idx_bytes(array))
    with pytest.raises(DataError, match=words):
        idx_file.read_mnist(tmp_path)


@pytest.fixture
def no_folder(monkeypatch):
    monkeypatch.delenv("BACKPROP_XP_MNIST", raising=False)


@pytest.fixture
def cache(no_folder, monkeypatch, tmp_path):
    """Keep the cache in the test's folder, and the download at an address that cannot exist."""
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(idx_file, "_SOURCE", "http://127.0.0.1:0/")
    return tmp_path / "backprop_xp"


@pytest.mark.usefixtures("no_folder")
def test_mnist_without_pooch(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("mnist"))):
        idx_file.read_mnist()


@pytest.mark.usefixtures("cache")
def test_mnist_without_network():
    with pytest.raises(MissingFileError, match="set BACKPROP_XP_MNIST to a folder"):
        idx_file.read_mnist()


def test_mnist_from_the_cache(cache, monkeypatch):
    pooch = pytest.importorskip("pooch")
    cache.mkdir()
    small_mnist(cache, "{}.gz")
    sums = {name: pooch.file_hash(cache / f"{name}.gz") for name in FILES}
    monkeypatch.setattr(idx_file, "_SHA256", sums)
    assert idx_file.read_mnist()[1][0].shape == (10, 784)


def test_a_cached_file_with_another_sum_is_not_used(cache):
    cache.mkdir()
    small_mnist(cache, "{}.gz")
    with pytest.raises(BackpropError, match="BACKPROP_XP_MNIST"):
        idx_file.read_mnist()


def test_the_real_mnist():
    folder = os.environ.get("BACKPROP_XP_MNIST")
    if not folder:
        pytest.skip("BACKPROP_XP_MNIST names no folder with the files of MNIST")
    (X, Y), (X_test, Y_test) = idx_file.read_mnist(folder)
    assert (X.shape, X_test.shape) == ((60000, 784), (10000, 784))
    assert (X.min(), X.max()) == (0, 1)
    assert X.mean(dtype=np.float64) == pytest.approx(0.13066, abs=1e-5)  # the usual mean, 5 digits
    assert np.bincount(Y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert Y[:5].tolist() == [5, 0, 4, 1, 9]
    assert Y_test[:5].tolist() == [7, 2, 1, 0, 4]


def test_the_most_bytes_are_read_and_one_more_is_refused(tmp_path, monkeypatch):
    assert idx_file.MAX_BYTES == 2**30
    monkeypatch.setattr(idx_file, "MAX_BYTES", 12)
    for dtype, count in (("u1", 12), ("i4", 3), ("f8", 1)):
        path = tmp_path / "a"
        path.write_bytes(idx_bytes(np.ones(count, dtype)))
        assert idx_file.read_idx(path).shape == (count,)
        path.write_bytes(idx_bytes(np.ones(count + 1, dtype)))
        with pytest.raises(DataError, match="at most 12 bytes"):
            idx_file.read_idx(path)
