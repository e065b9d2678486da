"""What the library asks of CuPy: noted call by call, and refused where CuPy would fail or wait.

`device_array` has the arrays that are recorded; `cupy_contract` compares the record with CuPy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

SYNCHRONISES = {  # array-api-compat's clip assigns by masks
    *("argwhere", "clip", "flatnonzero", "nonzero", "unique", "unique_all", "unique_counts"),
    *("unique_inverse", "unique_values"),
}
WIDE = {"float64", "int64", "uint64", "complex64", "complex128"}


class ContractError(AssertionError):
    """CuPy lacks it, or would leave the device or wait for it."""


class Call(NamedTuple):
    """What was asked for, with the kinds of arguments in the place of their values.

    Attributes
    ----------
    kind : {"function", "constant", "operator", "method", "attribute", "cupy"}
        A function of array-api-compat's namespace, or of CuPy itself.
    name : str
    args : tuple of str
        Dtypes of arrays, types of other arguments.
    named : tuple of (str, str)
    """

    kind: str
    name: str
    args: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()


class PretendedDevice:
    """A GPU, as ``cupy.cuda.Device``: the current one within its context."""

    current = 0
    _before: tuple[int, ...] = ()

    def __init__(self, number: int) -> None:
        self.id = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PretendedDevice) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> "PretendedDevice":
        PretendedDevice._before += (PretendedDevice.current,)
        PretendedDevice.current = self.id
        return self

    def __exit__(self, *_: object) -> None:
        *before, PretendedDevice.current = PretendedDevice._before
        PretendedDevice._before = tuple(before)


DEFAULT, DEVICE = PretendedDevice(0), PretendedDevice(1)


class Recording:
    """What has been asked for so far, and what is allowed now.

    Parameters
    ----------
    wide : bool
        Whether numbers of 64 bits are welcome.
    """

    def __init__(self, *, wide: bool) -> None:
        self.calls: set[Call] = set()
        self.uploads = 0
        self.readable, self._wide = True, wide

    @property
    def dtype(self) -> str:
        """The dtype of floats."""
        return "float64" if self._wide else "float32"

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Refuse to read a value within the context."""
        before, self.readable = self.readable, False
        try:
            yield
        finally:
            self.readable = before

    def note(self, kind: str, name: str, args: Any = (), named: Any = ()) -> None:
        """Add a call to the record."""
        arguments = tuple(map(kind_of, args)), tuple((key, kind_of(named[key])) for key in named)
        self.calls.add(Call(kind, name, *arguments))

    def check_read(self, name: str) -> None:
        """Refuse to read a value between the edges of epochs."""
        if not self.readable:
            raise ContractError(f"{name} reads a value of the device within an epoch")

    def check_dtype(self, dtype: Any) -> None:
        """Refuse arrays of 64 bits that no one asked for."""
        if dtype.name in WIDE and not self._wide:
            raise ContractError(f"an array of {dtype} is made, which no one asked for")


_recordings = [Recording(wide=False)]


def now() -> Recording:
    """Return the recording that is going on."""
    return _recordings[-1]


@contextmanager
def recording(*, wide: bool = False) -> Iterator[Recording]:
    """Return the context of a new recording."""
    _recordings.append(Recording(wide=wide))
    try:
        yield now()
    finally:
        _recordings.pop()


def kind_of(x: Any) -> str:
    """Return what stands for an argument in a record."""
    if hasattr(x, "_fields"):
        return type(x).__name__
    if isinstance(x, tuple | list) and any(hasattr(one, "__array_namespace__") for one in x):
        return f"[{', '.join(sorted({kind_of(one) for one in x}))}]"
    if isinstance(x, np.ndarray):
        return f"host {x.dtype}"
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return "dtype"
    if hasattr(x, "__array_namespace__"):
        return str(x.values.dtype)
    return "device" if isinstance(x, PretendedDevice) else type(x).__name__


def check_launch(name: str) -> None:
    """Refuse an operation on another device than the current one, which CuPy computes on."""
    if PretendedDevice.current != DEVICE.id:
        current = PretendedDevice(PretendedDevice.current)
        raise ContractError(f"{name} is computed on {current}, outside of `with {DEVICE}:`")
