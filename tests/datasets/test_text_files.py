"""Text files, plain and packed: the same rows, and one clear error for each that is damaged."""

import bz2
import gzip
import lzma
import zipfile

import pytest

from backprop_xp.datasets import packing, text_files
from backprop_xp.datasets.csv_rows import rows_of
from backprop_xp.errors import DataError

TEXT = "\ufeffa,b\r\n1,ü\r\n\r\n2,y\r\n".encode()
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def packed(folder, kind, data, name="a.csv"):
    path = folder / f"{name}.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
            archive.writestr("__MACOSX/._a.csv", "notes")
    else:
        path.write_bytes(PACK[kind](data))
    return path


@pytest.mark.parametrize("kind", [*PACK, "zip"])
def test_a_packed_file_has_the_rows_of_the_plain_one(tmp_path, kind):
    plain = tmp_path / "a.csv"
    plain.write_bytes(TEXT)
    rows = [(1, ["a", "b"]), (2, ["1", "ü"]), (4, ["2", "y"])]
    assert list(rows_of(plain)) == list(rows_of(packed(tmp_path, kind, TEXT))) == rows


@pytest.mark.parametrize("kind", [*PACK, "zip"])
@pytest.mark.parametrize("damage", ["no packing", "half", "other bytes"])
def test_a_damaged_file_is_refused(tmp_path, kind, damage):
    path = packed(tmp_path, kind, TEXT * 100)
    whole = path.read_bytes()
    bytes_of = {
        "no packing": b"a,b\n1,2\n",
        "half": whole[: len(whole) // 2],
        "other bytes": whole[:30] + b"x" * 20,
    }
    path.write_bytes(bytes_of[damage])
    with pytest.raises(DataError, match=rf"{path.name}.*: got .*"):
        list(rows_of(path))


@pytest.mark.parametrize("kind", [*PACK, "zip"])
def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(packing, "_LARGE", 2**16)
    path = packed(tmp_path, kind, b"a,b\n" + b"0,0\n" * 2**20)
    with pytest.raises(DataError, match="bytes when unpacked; expected at most"):
        list(rows_of(path))


@pytest.mark.parametrize("kind", [*PACK, "zip"])
def test_bytes_that_are_no_utf_8_are_refused_by_their_line(tmp_path, kind):
    path = packed(tmp_path, kind, "a,b\n1,2\n3,ü\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"line 3: got bytes that are no UTF-8"):
        list(rows_of(path))


@pytest.mark.parametrize("names", [[], ["a.csv", "b.csv"]])
def test_an_archive_holds_one_table(tmp_path, names):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "a,b\n1,2\n")
    with pytest.raises(DataError, match=f"an archive of {len(names)} files; expected one table"):
        list(rows_of(path))


def test_the_kinds_of_packing():
    assert set(text_files.PACKED_SUFFIXES) == {".gz", ".bz2", ".xz", ".zip"}
