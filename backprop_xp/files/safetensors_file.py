"""Tensors and texts in one safetensors file, read as if a stranger had written it.

Nothing in a file is run. Whatever is wrong with it, there is one error, `ModelFileError`; and what
a header claims is held against the size of the file before any memory is taken for it.
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
from backprop_xp.errors import BackpropError, MissingFileError, ModelFileError, OptionError

__all__ = ["HEADER_BYTES", "Contents", "description", "interpreting", "read", "refusal", "to_bytes"]

HEADER_BYTES = 2**24  # reading a header takes up to 64 times its size: no more than 1 GiB
_QUOTED = 200  # characters of what came, in an error
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_WRITTEN = "a model written by save()"


class Contents(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    tensors : dict of str to ndarray
    texts : dict of str to str
    """

    tensors: dict[str, HostArray]
    texts: dict[str, str]


def to_bytes(tensors: Mapping[str, HostArray], texts: Mapping[str, str]) -> bytes:
    """Return the file that holds tensors, contiguous ones, and texts.

    Raises
    ------
    OptionError
        The texts do not fit into a header.
    """
    content: bytes = save(dict(tensors), metadata=dict(texts))
    size = _header_size(content)
    if size > HEADER_BYTES:
        came, most = f"texts for a header of {size:,} bytes", f"at most {HEADER_BYTES:,}"
        raise OptionError("save(notes)", came, most, "Keep them in a file of their own")
    return content


def read(path: Path, where: str, *, tensors: bool = True) -> Contents:
    """Return what a file holds, without its tensors where they are not asked for.

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
        came = f"a file that is truncated or not safetensors ({error})"
        raise refusal(where, came) from error


def description(texts: Mapping[str, str], key: str, where: str, version: int) -> dict[str, Any]:
    """Return the JSON object among the texts that says what the tensors are.

    Its "format_version" is 1 to `version`. No name comes twice in an object of it, and each number
    is finite, so that all who read the file read the same.

    Raises
    ------
    ModelFileError
    """
    try:
        found = json.loads(
            texts[key], object_pairs_hook=_without_doubles, parse_constant=_no_number
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
    """Have whatever is raised by what a file holds raised as a `ModelFileError`.

    Raises
    ------
    ModelFileError
    """
    try:
        yield
    except ModelFileError:
        raise
    except (BackpropError, RecursionError, *_UNREADABLE) as error:
        raise refusal(where, f"a description that does not hold: {error}") from error


def refusal(where: str, came: str) -> ModelFileError:
    """Return the error for a file that holds something else than a model, `came` cut to a line."""
    came = came if len(came) <= _QUOTED else f"{came[:_QUOTED]} …"
    return ModelFileError(where, came, _WRITTEN, "Save the model anew")


def _check_size(path: Path, where: str) -> None:
    """Refuse what is no file, and a header that is too large; of one cut off the library tells."""
    if not path.is_file():
        raise MissingFileError(where, "no such file", "a model file", "Check the path")
    with path.open("rb") as file:
        size = _header_size(file.read(8))
    if HEADER_BYTES < size <= path.stat().st_size:
        raise refusal(where, f"a header of {size:,} bytes, of which {HEADER_BYTES:,} are allowed")


def _header_size(start: bytes) -> int:
    return int(struct.unpack_from("<Q", start)[0]) if len(start) >= 8 else 0


def _shortened(came: object) -> str:
    """Return what came as text; an integer of thousands of digits has none in Python."""
    try:
        return f"{came!r:.40}"
    except ValueError:
        return "beyond all numbers"


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
