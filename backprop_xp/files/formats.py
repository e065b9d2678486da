"""Suffixes of file formats, so that no file is written under the name of another format."""

import os
from pathlib import Path
from typing import Final

from backprop_xp.errors import OptionError

__all__ = ["check_format", "other_format"]

_MODELS: Final = {".onnx", ".pt", ".pth", ".ckpt", ".keras", ".tflite", ".pb", ".gguf", ".mlmodel"}
_OBJECTS: Final = {".pkl", ".pickle", ".joblib", ".npz", ".npy", ".mat", ".h5", ".hdf5", ".zarr"}
_TABLES: Final = {".csv", ".tsv", ".xls", ".xlsx", ".ods", ".parquet", ".feather", ".arrow", ".db"}
_TEXTS: Final = {".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml", ".html", ".md", ".py"}
_OTHERS: Final = {".pdf", ".png", ".jpg", ".jpeg", ".svg", ".gif", ".zip", ".gz", ".tar"}
_KNOWN: Final = {".safetensors"} | _MODELS | _OBJECTS | _TABLES | _TEXTS | _OTHERS


def other_format(path: Path) -> str:
    """Return words for the file if its name is that of another format than a model's, else "".

    Examples
    --------
    >>> other_format(Path("rents.csv")), other_format(Path("rents.safetensors"))
    ('a .csv file, which is no model file of this library', '')
    >>> other_format(Path("rents.onnx"))
    'an ONNX file, which is for other programs and no model file of this library'
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return "an ONNX file, which is for other programs and no model file of this library"
    known = suffix in _KNOWN - {".safetensors"}
    return f"a {suffix} file, which is no model file of this library" if known else ""


def check_format(path: str | os.PathLike[str], where: str, suffix: str) -> None:
    """Refuse a name that says another format than `suffix`; other names are fine.

    Parameters
    ----------
    path : path
        The file to write.
    where : str
        The argument, for the error.
    suffix : str
        The suffix of the format that is written, such as ``".safetensors"``.

    Raises
    ------
    OptionError
        The name ends in the suffix of another known format.

    Examples
    --------
    >>> check_format("model", "save(path)", ".safetensors")
    >>> check_format("model.v1.2", "save(path)", ".safetensors")
    >>> check_format("model.onnx", "save(path)", ".safetensors")
    Traceback (most recent call last):
    backprop_xp.errors.OptionError: save(path): got 'model.onnx', a name of another format; expected
        a name in .safetensors, which is what is written. Use 'model.safetensors'.
    """
    file = Path(path)
    if file.suffix.lower() in _KNOWN - {suffix}:
        came = f"{str(file)!r}, a name of another format"
        expected = f"a name in {suffix}, which is what is written"
        raise OptionError(where, came, expected, f"Use {str(file.with_suffix(suffix))!r}")
