"""Arrays that go the way of CuPy's, on NumPy: they record what is asked of CuPy, and refuse.

`DeviceArray` lies on the second of two pretended GPUs, while the first is the current device. Its
namespace bears CuPy's name, so that the library takes the path that it takes for CuPy. Refused,
with a `ContractError`, is what would fail, wait or cross devices there:

- an operation outside of ``with device:``, for CuPy computes and allocates on the current device;
- a creation without dtype or device, or on another device;
- a NumPy array or scalar in arithmetic, ``np.asarray`` and the like, at any time;
- a value that the host reads (``float``, ``bool``, ``.get()``, …) where it may not;
- functions that synchronise or whose shapes depend on data; masks and arrays as indices;
- numbers of 64 bits that no one asked for.
"""

import importlib
import operator
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple

import array_api_compat.numpy as on_numpy
import numpy as np
from recorder import DEVICE, SYNCHRONISES, ContractError, check_launch, now

CREATION = {"arange", "empty", "eye", "full", "linspace", "ones", "zeros"}
LIKE = {"empty_like", "full_like", "ones_like", "zeros_like"}
OF_DTYPES = {"can_cast", "finfo", "iinfo", "isdtype", "result_type"}


class Namespace:
    """Functions of the standard that record how they are called, under the name of CuPy's."""

    __name__ = "array_api_compat.cupy"

    def __getattr__(self, name: str) -> Any:
        if name in SYNCHRONISES:
            raise ContractError(f"{name} synchronises the GPU, or its shape depends on the data")
        value = getattr(on_numpy, name)
        if not callable(value) or isinstance(value, type):
            now().note("constant", name)
            return value
        return partial(_call, name, value)

    def __array_namespace_info__(self) -> "Namespace":
        return self

    def dtypes(self, *, device: Any, kind: Any = None) -> Any:
        """Return the dtypes by name; of CuPy's they are NumPy's."""
        assert device == DEVICE
        return on_numpy.__array_namespace_info__().dtypes(kind=kind)


NAMESPACE = Namespace()


class MemoryPointer(NamedTuple):
    """A place in the memory of an array, in bytes from its start."""

    memory: np.ndarray
    offset: int = 0

    def __add__(self, offset: int) -> "MemoryPointer":  # type: ignore[override]
        return MemoryPointer(self.memory, self.offset + offset)


@lru_cache  # what is not installed is looked for in every folder, and is asked for 400,000 times
def array_of_cupy() -> type | None:
    """Return CuPy's type of arrays, None where CuPy is not installed."""
    with suppress(ImportError):
        return importlib.import_module("cupy").ndarray
    return None


class DeviceArray:
    """An array on the second pretended GPU, with CuPy's operators, attributes and refusals."""

    __array_ufunc__ = None  # NumPy's arrays leave arithmetic to it
    __hash__ = None  # type: ignore[assignment]
    device = DEVICE

    def __init__(self, values: np.ndarray) -> None:
        now().check_dtype(values.dtype)
        self.values = values

    @property
    def data(self) -> MemoryPointer:
        """Where it begins."""
        now().note("attribute", "data", [self])
        return MemoryPointer(self.values.reshape(-1).view(np.uint8))

    def __array_namespace__(self, api_version: Any = None) -> Namespace:
        return NAMESPACE

    def __getattr__(self, name: str) -> Any:
        if hasattr(array_of_cupy(), name) and not name.startswith("__"):
            raise ContractError(f"cupy.ndarray.{name}, which the recorder does not know")
        raise AttributeError(name)

    def __getitem__(self, key: Any) -> "DeviceArray":
        parts = key if isinstance(key, tuple) else (key,)
        for part in parts:
            if part is not None and part is not ... and type(part) not in (int, slice):
                raise ContractError(f"an index of {type(part).__name__} synchronises or copies")
        now().note("operator", "getitem", [self])
        return DeviceArray(self.values[parts if ... in parts else (*parts, ...)])

    def __setitem__(self, key: Any, value: Any) -> None:
        raise ContractError("an array is written by its index")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise ContractError("np.asarray takes an array of the device")

    __dlpack__ = __array__


def put(x: Any) -> DeviceArray:
    """Return an array of the host on the device, floats in the dtype of the recording."""
    host = np.asarray(x)
    dtype = {"f": now().dtype, "b": "bool"}.get(host.dtype.kind, "int32")
    return DeviceArray(np.array(host, dtype=dtype))


# ---------------------------------------------------------------------------------------------
# functions


def _leaves(x: Any) -> list[Any]:
    return [leaf for one in x for leaf in _leaves(one)] if isinstance(x, tuple | list) else [x]


def plain(x: Any) -> Any:
    """Return an argument with arrays of NumPy in the place of `DeviceArray`."""
    if isinstance(x, tuple | list):
        return type(x)(map(plain, x))
    return x.values if isinstance(x, DeviceArray) else x


def _call(name: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call a function of NumPy for one of CuPy, and note it."""
    now().note("function", name, args, named)
    if name in OF_DTYPES:
        return function(*plain(args), **named)
    leaves = _leaves((args, tuple(named.values())))
    device, uploads = named.pop("device", None), name == "asarray" and type(args[0]) is np.ndarray
    if uploads:
        now().uploads += 1
    elif any(isinstance(x, np.ndarray | np.generic) for x in leaves):
        raise ContractError(f"{name} takes an array of NumPy")
    if device is None and (uploads or name in CREATION):
        raise ContractError(f"{name} without device= makes an array on the default device")
    if "dtype" not in named and name in CREATION:
        raise ContractError(f"{name} without dtype= makes an array of the default dtype")
    if device not in (None, DEVICE):
        raise ContractError(f"{name} makes an array on {device}")
    if name in CREATION or name in LIKE:  # for array-api-compat ignores CuPy's device=
        check_launch(name)
    made = function(*plain(args), **{key: plain(x) for key, x in named.items()})
    if "out" in named:
        check_launch(name)
        return named["out"]
    if uploads:
        return DeviceArray(np.array(made))
    return _result(name, made, [x.values for x in leaves if isinstance(x, DeviceArray)])


def _result(name: str, made: Any, given: list[np.ndarray]) -> Any:
    """Return what NumPy made as arrays of the device; what is no view was computed there."""
    if isinstance(made, tuple | list):
        return type(made)(_result(name, one, given) for one in made)
    made = np.asarray(made)
    if not any(np.may_share_memory(x, made) for x in given):
        check_launch(name)
    return DeviceArray(made)


# ---------------------------------------------------------------------------------------------
# operators, attributes, and what reads a value


def _operator(name: str, function: Callable[..., Any], *, swapped: bool) -> Callable[..., Any]:
    def method(self: DeviceArray, *others: Any) -> Any:
        for x in others:  # NumPy's scalars are no numbers of Python, though float64 is a float
            if not isinstance(x, DeviceArray) and type(x) not in (bool, int, float):
                raise ContractError(f"{name} meets {type(x).__module__}.{type(x).__name__}")
        operands = (*others, self) if swapped else (self, *others)
        now().note("operator", name, operands)
        check_launch(name)
        values = plain(operands)
        if name in IN_PLACE and np.result_type(*values) != self.values.dtype:
            raise ContractError(f"{name} rounds {np.result_type(*values)} to {self.values.dtype}")
        made = function(*values)
        return self if name in IN_PLACE else DeviceArray(np.asarray(made))

    return method


def _attribute(name: str) -> property:
    def value(self: DeviceArray) -> Any:
        now().note("attribute", name, [self])
        found = getattr(self.values, name)
        return DeviceArray(found) if isinstance(found, np.ndarray) else found

    return property(value)


def _read(kind: str, name: str, function: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
    def method(self: DeviceArray) -> Any:
        now().check_read(name)
        now().note(kind, name, [self])
        return function(self.values)

    return method


BINARY = ("add", "sub", "mul", "truediv", "pow", "matmul")
IN_PLACE = tuple(f"i{name}" for name in BINARY if name != "matmul")  # which CuPy has not
OTHERS = ("eq", "ne", "lt", "le", "gt", "ge", "neg", "abs")

for _name in (*BINARY, *IN_PLACE, *OTHERS):
    _method = _operator(_name, getattr(operator, _name), swapped=False)
    setattr(DeviceArray, f"__{_name}__", _method)
for _name in BINARY:
    _method = _operator(_name, getattr(operator, _name), swapped=True)
    setattr(DeviceArray, f"__r{_name}__", _method)
for _name in ("shape", "ndim", "dtype", "strides", "mT"):
    setattr(DeviceArray, _name, _attribute(_name))
for _name, _function in (("bool", bool), ("float", float), ("int", int), ("index", operator.index)):
    setattr(DeviceArray, f"__{_name}__", _read("operator", _name, _function))
for _name, _function in (("get", np.array), ("item", np.ndarray.item), ("tolist", list)):
    setattr(DeviceArray, _name, _read("method", _name, _function))
