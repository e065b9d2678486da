"""Arrays from NPZ archives, of which nothing is believed: no pickles, no bombs, no surprises.

An archive promises the size of an array three times: in the array's own header, in the archive's
directory, and by the bytes that are there. Memory is taken only once the first two agree.
"""

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.errors import BackpropError, DataError, OptionError, nearest_name

__all__ = ["read_array"]

_UNREADABLE: Final = (  # what the standard library and NumPy raise on damaged archives
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    OverflowError,
)
_LARGE: Final = 2**30  # bytes; from here on, an array that was packed 100-fold is refused
_PACKED: Final = 100


def read_array(file: Path, *names: str) -> NDArray[Any]:
    """Return the first of the named arrays that an NPZ archive holds.

    Parameters
    ----------
    file : path
        An existing file.
    *names : str
        The names that will do, such as ``"X", "x"``.

    Returns
    -------
    array
        Of a bool, integer, float or str dtype in the machine's byte order, any shape.

    Raises
    ------
    OptionError
        The archive holds no array of these names.
    DataError
        The file is no NPZ archive or a damaged one; the array holds objects (they would be
        pickles, which can run code) or another unsuitable type; the array is over 1 GiB and over
        100 times the size of the file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            held = [name.removesuffix(".npy") for name in archive.namelist()]
            name = next((name for name in names if name in held), None)
            if name is None:
                came = f"an archive of {', '.join(map(repr, held[:10])) or 'nothing'}"
                expected = f"an array {' or '.join(map(repr, names))}"
                raise OptionError(file.name, came, expected, nearest_name(names[0], held))
            member = archive.getinfo(f"{name}.npy")
            _check(archive, member, file)
            with archive.open(member) as stream:
                array = np.lib.format.read_array(stream, allow_pickle=False)
            return array.astype(array.dtype.newbyteorder("="), copy=False)
    except BackpropError:
        raise
    except _UNREADABLE as error:
        came = f"a file that cannot be read ({error})"
        raise DataError(file.name, came, "a whole NPZ archive", "Save it again") from error


def _check(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path) -> None:
    where, advice = f"{file.name}, {member.filename}", "Save it again with numpy.savez"
    stored_plainly = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if member.flag_bits & 1 or not stored_plainly:
        raise DataError(where, "an unusual packing", "stored or deflated, not encrypted", advice)
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
        there = member.file_size - stream.tell()
    if dtype.hasobject or dtype.kind not in "biufU":
        came = f"an array of {dtype}" + (", that is, pickles" * dtype.hasobject)
        raise DataError(where, came, "numbers or texts", advice)
    promised = math.prod(shape) * dtype.itemsize
    if promised != there:
        came = f"a header that promises {promised:,} bytes, {shape} of {dtype}"
        raise DataError(where, came, f"the {there:,} that the archive lists", advice)
    if promised > max(_LARGE, _PACKED * file.stat().st_size):
        came = f"{promised:,} bytes packed into a file of {file.stat().st_size:,}"
        raise DataError(where, came, f"at most {_PACKED} times the file", "Save it unpacked")
