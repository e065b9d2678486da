"""An array from an NPZ archive that may come from anywhere: no pickles, no zip bombs.

An archive gives the size of an array three times: in the array's header, in the archive's
directory, and by the bytes themselves. No memory is taken before header and directory agree, and
before the size is known to be one that such a file may hold.
"""

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.datasets.packing import PACKED, most_unpacked
from backprop_xp.errors import BackpropError, DataError, OptionError

__all__ = ["read_array"]

_UNREADABLE: Final = (  # errors of the standard library and NumPy on damaged archives
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


def read_array(file: Path, *names: str) -> NDArray[Any]:
    """Return an array of an NPZ archive, by the first of the names that the archive has.

    Parameters
    ----------
    file : path
        An existing file.
    *names : str
        The names that are accepted, such as ``"X", "x"``.

    Returns
    -------
    array
        Of a bool, integer, float or str dtype in the machine's byte order, any shape.

    Raises
    ------
    OptionError
        The archive has no array of these names.
    DataError
        The file is no NPZ archive or damaged; the array is of another dtype, such as objects, which
        are pickles and can run code; or the array is larger than 256 MiB and larger than 100 times
        the file.
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
    """Refuse an array by its header and its directory entry, before its values are read."""
    where, advice = f"{file.name}, {member.filename}", "Save it again with numpy.savez"
    stored_plainly = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if member.flag_bits & 1 or not stored_plainly:
        expected = "an array that is stored or deflated, not encrypted"
        raise DataError(where, "an unusual packing", expected, advice)
    if member.file_size > most_unpacked(file):
        came = f"{member.file_size:,} bytes packed into a file of {file.stat().st_size:,}"
        unpack = "If you trust it, unpack it: numpy.savez(new, **numpy.load(old))"
        raise DataError(where, came, f"at most {PACKED} times the file", unpack)
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
    if not dtype.itemsize:
        came = f"an array of {dtype}, texts without a letter that take no bytes"
        raise DataError(where, came, "numbers or texts", advice)
    promised = math.prod(shape) * dtype.itemsize
    if promised != there:
        came = f"a header that promises {promised:,} bytes, {shape} of {dtype}"
        raise DataError(where, came, f"the {there:,} bytes of the archive's directory", advice)
