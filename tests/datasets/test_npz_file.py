"""NPZ files: inputs and targets by name, and one error for what is no data."""

import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import every

from backprop_xp.datasets import packing
from backprop_xp.datasets.npz_file import read_array
from backprop_xp.datasets.tables import read_table
from backprop_xp.errors import DataError, OptionError


class Trap:
    """An object whose pickle would create a file when loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def archive(path, members, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as held:
        for name, data in members.items():
            held.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i8", "f2", "f4", ">f8", ">i4", "U3"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_what_was_saved(tmp_path, dtype, save):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    save(tmp_path / "a.npz", X=array, other=np.zeros(3))
    read = read_array(tmp_path / "a.npz", "absent", "X")
    np.testing.assert_array_equal(read, array)
    assert read.dtype.isnative


def test_a_name_that_is_not_there(tmp_path):
    np.savez(tmp_path / "a.npz", data=np.zeros(3), Y=np.zeros(3))
    with pytest.raises(OptionError, match=r"of 'data', 'Y'; expected an array 'X' or 'x'"):
        read_array(tmp_path / "a.npz", "X", "x")


def test_pickles_are_not_loaded(tmp_path):
    touched = tmp_path / "touched"
    path = archive(tmp_path / "a.npz", {"X": npy(np.array([Trap(touched)], dtype=object))})
    with pytest.raises(DataError, match="pickles"):
        read_array(path, "X")
    path.write_bytes(pickle.dumps(Trap(touched)))
    with pytest.raises(DataError, match="whole NPZ archive"):
        read_array(path, "X")
    assert not touched.exists()


@pytest.mark.parametrize(
    "array",
    [np.zeros(2, "c16"), np.zeros(2, "M8[s]"), np.zeros(2, "S3"), np.zeros(2, [("a", "f4")])],
)
def test_other_types_are_refused(tmp_path, array):
    with pytest.raises(DataError, match="expected numbers or texts"):
        read_array(archive(tmp_path / "a.npz", {"X": npy(array)}), "X")


def half_an_archive(path):
    np.savez(path, X=np.zeros(100))
    return path.read_bytes()[:500]


@pytest.mark.parametrize("kind", ["empty", "text", "npy", "half"])
def test_no_archive(tmp_path, kind):
    path = tmp_path / "a.npz"
    data = {"empty": b"", "text": b"no archive", "npy": npy(np.zeros(3))}
    path.write_bytes(half_an_archive(path) if kind == "half" else data[kind])
    with pytest.raises(DataError, match="whole NPZ archive"):
        read_array(path, "X")


@pytest.mark.parametrize("shape", ["(10000000000000,)", "(2,)", "(4,)", "(-3, -1)", "(3.0,)", "3"])
def test_a_header_that_promises_something_else(tmp_path, shape):
    data = npy(np.zeros(3))
    start = data.index(b"(3,)")
    end = data.index(b"\n")
    text = data[10:start] + shape.encode() + b", }"
    path = archive(tmp_path / "a.npz", {"X": data[:10] + text.ljust(end - 10) + data[end:]})
    with pytest.raises(DataError):
        read_array(path, "X")


def test_bombs_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_LARGE", 2**20)
    path = archive(tmp_path / "a.npz", {"X": npy(np.zeros(2**18))})
    with pytest.raises(DataError, match="at most 100 times the file"):
        read_array(path, "X")
    path = archive(tmp_path / "a.npz", {"X": npy(np.zeros(2**18))}, zipfile.ZIP_STORED)
    assert read_array(path, "X").shape == (2**18,)


@pytest.mark.parametrize("m", [1, 30_000_000, 2**62])
def test_texts_that_take_no_bytes_are_refused(tmp_path, m):
    stream = io.BytesIO()
    header = {"descr": "<U0", "fortran_order": False, "shape": (m,)}
    np.lib.format.write_array_header_1_0(stream, header)
    path = archive(tmp_path / "a.npz", {"X": npy(np.eye(2)), "Y": stream.getvalue()})
    with pytest.raises(DataError, match="texts without a letter"):
        read_array(path, "Y")


def test_a_header_is_not_unpacked_before_its_size_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_LARGE", 2**20)
    header = b"\x93NUMPY\x02\x00" + (2**25).to_bytes(4, "little") + b" " * 2**25
    path = archive(tmp_path / "a.npz", {"X": header})
    tracemalloc.start()
    with pytest.raises(DataError, match="at most 100 times the file"):
        read_array(path, "X")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_labels_take_little_beside_their_array(tmp_path):
    labels = np.tile(np.arange(4, dtype=np.uint8), 2**18)
    np.savez(tmp_path / "a.npz", X=labels[:, None].astype(np.float32), Y=labels)
    tracemalloc.start()
    table = read_table(tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(table.Y, labels)
    assert table.class_names == ("0", "1", "2", "3")
    assert peak < 32 * len(labels)  # X has 4 bytes a row, Y 8; a list of texts would take 64


def test_unusual_packing_is_refused(tmp_path):
    pytest.importorskip("bz2")
    path = archive(tmp_path / "a.npz", {"X": npy(np.zeros(3))}, zipfile.ZIP_BZIP2)
    with pytest.raises(DataError, match="unusual packing"):
        read_array(path, "X")


@settings(deadline=None)  # files take as long as the disk does
@given(data=st.data())
def test_damaged_bytes_give_an_array_or_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    archive(path, {"X": npy(np.arange(3.0))}, data.draw(st.sampled_from([0, 8])))
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        read = read_array(path, "X")
    except (DataError, OptionError):
        return
    assert read.dtype.kind in "biufU"


def packed(path, nbytes, file_bytes):
    """Write an archive of so many bytes with an array X of `nbytes` zeros."""
    filler = 0
    for _ in range(2):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held:
            held.writestr("X.npy", npy(np.zeros(nbytes, "u1")))
            held.writestr("filler", bytes(filler), zipfile.ZIP_STORED)
        filler += file_bytes - path.stat().st_size
    assert path.stat().st_size == file_bytes
    return path


def test_the_limit_of_packing_is_100_times_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_LARGE", 0)
    # with 128 bytes of NPY header, 200,000 in all
    assert read_array(packed(tmp_path / "a.npz", 199_872, 2000), "X").shape == (199_872,)
    for nbytes, file_bytes in ((199_873, 2000), (199_872, 1999)):
        path = packed(tmp_path / "b.npz", nbytes, file_bytes)
        with pytest.raises(DataError, match="at most 100 times the file"):
            read_array(path, "X")


def test_small_arrays_may_be_packed_at_will(tmp_path, monkeypatch):
    path = packed(tmp_path / "a.npz", 200_000, 1000)
    assert read_array(path, "X").shape == (200_000,)
    for large, fits in ((200_128, True), (200_127, False)):  # with the header
        monkeypatch.setattr(packing, "_LARGE", large)
        if fits:
            assert read_array(path, "X").shape == (200_000,)
            continue
        with pytest.raises(DataError, match="packed into a file of 1,000; expected at most 100"):
            read_array(path, "X")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_a_header_is_read(tmp_path, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(3.0), version)
    path = archive(tmp_path / "a.npz", {"X": stream.getvalue()})
    np.testing.assert_array_equal(read_array(path, "X"), np.arange(3.0), strict=True)


def test_encrypted_arrays_are_refused_by_name(tmp_path):
    path = archive(tmp_path / "a.npz", {"X": npy(np.zeros(3))})
    data = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"X.npy: got an unusual packing; .* not encrypted"):
        read_array(path, "X")


def test_the_first_name_that_is_there_is_read_whatever_the_order_of_the_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3), X=np.ones(2))
    assert read_array(tmp_path / "a.npz", "X", "x").tolist() == [1, 1]
    assert read_array(tmp_path / "a.npz", "Z", "x", "X").tolist() == [0, 0, 0]


def test_the_advice_for_a_tightly_packed_array_makes_a_file_that_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_LARGE", 2**20)
    old, new = tmp_path / "old.npz", tmp_path / "new.npz"
    X, Y = np.eye(1000, dtype=np.float32), np.arange(1000)
    np.savez_compressed(old, X=X, Y=Y)
    with pytest.raises(DataError, match=r"unpack it: numpy.savez\(new, \*\*numpy.load\(old\)\)"):
        read_table(old)
    with np.load(old) as arrays:
        np.savez(new, **arrays)
    np.testing.assert_array_equal(read_table(new).X, X)


@every
def test_rows_with_a_single_one_are_read_from_a_packed_file(tmp_path):
    X = np.zeros((2**14, 2**11), np.float32)  # 128 MiB
    X[np.arange(2**14), np.random.default_rng(0).integers(0, 2**11, 2**14)] = 1
    np.savez_compressed(tmp_path / "a.npz", X=X)
    assert X.nbytes > 100 * (tmp_path / "a.npz").stat().st_size
    np.testing.assert_array_equal(read_array(tmp_path / "a.npz", "X"), X)


def test_whole_numbers_to_predict_take_little_beside_their_array(tmp_path):
    Y = np.arange(2**18) * 3
    np.savez(tmp_path / "a.npz", X=np.ones((len(Y), 1), np.float32), Y=Y)
    tracemalloc.start()
    table = read_table(tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(table.Y, Y[:, None])
    assert peak < 8 * Y.nbytes  # a text for each number would take 8, and a set of them as much
