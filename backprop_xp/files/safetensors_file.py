"""Tensors and texts in one safetensors file, which may come from a stranger.

Reading runs no code from the file. Every fault of a file raises the same error, `ModelFileError`.
The sizes that a header claims are checked against the file's own before memory is allocated.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import (
    BackpropError,
    MissingFileError,
    ModelFileError,
    OptionError,
    check_is_file,
)
from backprop_xp.files.formats import other_format

__all__ = ["HEADER_BYTES", "Contents", "description", "interpreting", "read", "refusal", "to_bytes"]

HEADER_BYTES = 2**24  # at most: reading a header takes up to 64 times its size, here 1 GiB
_QUOTED = 200  # characters of a file's content in an error, at most
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_WRITTEN = "a model written by save()"


class Contents(NamedTuple):
    """The tensors and the texts of a file, by name.

    Attributes
    ----------
    tensors : dict of str to ndarray
    texts : dict of str to str
    """

    tensors: dict[str, HostArray]
    texts: dict[str, str]


def to_bytes(tensors: Mapping[str, HostArray], texts: Mapping[str, str]) -> bytes:
    """Return the bytes of a file that holds tensors, which are contiguous, and texts.

    Raises
    ------
    OptionError
        The texts need a header of more than `HEADER_BYTES`.
    """
    content: bytes = save(dict(tensors), metadata=dict(texts))
    size = _header_size(content)
    if size > HEADER_BYTES:
        came, most = f"texts for a header of {size:,} bytes", f"at most {HEADER_BYTES:,}"
        advice = "Keep notes in a file of their own, or group categories with max_categories"
        raise OptionError("save", came, most, advice)
    return content


def read(path: Path, where: str, *, tensors: bool = True) -> Contents:
    """Return the contents of a file; with ``tensors=False`` the texts alone.

    Raises
    ------
    MissingFileError, ModelFileError
    """
    try:
        _check_size(path, where)
        with safe_open(path, framework="numpy") as file:
            texts = file.metadata() or {}
            names = list(file.keys()) if tensors else []
            return Contents({name: file.get_tensor(name) for name in names}, texts)
    except (MissingFileError, ModelFileError):
        raise
    except OSError as error:
        raise refusal(where, f"a file that cannot be read ({error})") from error
    except (SafetensorError, *_UNREADABLE) as error:
        if came := other_format(path):
            advice = "Pass the .safetensors file of the model"
            raise ModelFileError(where, came, _WRITTEN, advice) from error
        came = f"a file that is truncated or not safetensors ({error})"
        raise refusal(where, came) from error


def description(texts: Mapping[str, str], key: str, where: str, version: int) -> dict[str, Any]:
    """Return the JSON object in ``texts[key]``, which describes the tensors.

    Its "format_version" is 1 to `version`. An object in which a name appears twice is refused, and
    so is a number that is not finite: other readers may understand them differently.

    Raises
    ------
    ModelFileError
    """
    try:
        found = json.loads(
            texts[key], object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
        came = found["format_version"]
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise refusal(where, "a safetensors file without a network's description") from error
    if type(came) is not int or came < 1:
        raise refusal(where, f"format version {_shortened(came)}")
    if came > version:
        expected = f"at most {version}"
        raise ModelFileError(
            where, f"format version {_shortened(came)}", expected, "Update backprop-xp"
        )
    return dict(found)


@contextmanager
def interpreting(where: str) -> Iterator[None]:
    """Raise every error that a file's contents cause in the ``with`` block as `ModelFileError`.

    Raises
    ------
    ModelFileError
    """
    try:
        yield
    except ModelFileError:
        raise
    except (BackpropError, RecursionError, *_UNREADABLE) as error:
        raise refusal(where, f"a description that cannot be used: {error}") from error


def refusal(where: str, came: str) -> ModelFileError:
    """Return the error for a file that is no model, with `came` cut to `_QUOTED` characters."""
    came = came if len(came) <= _QUOTED else f"{came[:_QUOTED]} ..."
    return ModelFileError(where, came, _WRITTEN, "Save the model anew")


def _check_size(path: Path, where: str) -> None:
    """Refuse a path that is no file, and a header that is too large.

    A file that ends within its header is left to safetensors, which refuses it.
    """
    check_is_file(path, where, "a model file")
    with path.open("rb") as file:
        size = _header_size(file.read(8))
    if HEADER_BYTES < size <= path.stat().st_size:
        raise refusal(where, f"a header of {size:,} bytes, of which {HEADER_BYTES:,} are allowed")


def _header_size(start: bytes) -> int:
    return int(struct.unpack_from("<Q", start)[0]) if len(start) >= 8 else 0


def _shortened(came: object) -> str:
    """Return a value as a short text; Python writes no integer of thousands of digits."""
    try:
        return f"{came!r:.40}"
    except ValueError:
        return "with thousands of digits"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name appears twice")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number in JSON")
