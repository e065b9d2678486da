"""Arrays of any library: their namespaces, devices, dtypes and copies.

Other modules receive arrays, and call `namespace` for the functions that belong to them.
"""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import array_api_compat
import numpy as np

from backprop_xp.errors import DTypeError

__all__ = [
    "ENABLE_X64",
    "Array",
    "ArrayT",
    "ArrayT_co",
    "HostArray",
    "Namespace",
    "astype",
    "broadcasts_to",
    "compiled",
    "compiles",
    "context",
    "context_of",
    "copied",
    "detached",
    "device_of",
    "dtype_name",
    "from_host",
    "from_host_like",
    "has_dtype",
    "ignore_overflow",
    "is_array",
    "is_floating",
    "is_on_cpu",
    "item_bytes",
    "kept",
    "library_name",
    "namespace",
    "to_host",
    "with_derivatives",
    "without_derivatives",
]

HostArray: TypeAlias = np.ndarray[Any, Any]  # of NumPy
Namespace: TypeAlias = Any  # a module with the functions of the Array API standard
F = TypeVar("F", bound=Callable[..., Any])

ENABLE_X64 = "jax.config.update('jax_enable_x64', True)"

# exp(1000) is infinity, and 1 / infinity is the right result; NumPy alone warns of the overflow
ignore_overflow = np.errstate(over="ignore", under="ignore")


class Array(Protocol):
    """The interface of an array of any library: the operators of the Array API standard.

    Arrays of NumPy, PyTorch and JAX have it, and so have those of other libraries that follow the
    standard. Functions of this library return arrays of the type that they were given: annotate
    with the type of your library, such as ``NDArray[np.float32]``, and with `Array` where code
    shall work for any of them.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> def doubled(x: bp.Array) -> bp.Array:
    ...     twice: bp.Array = x + x
    ...     return twice
    >>> doubled(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    # The operators return Any: libraries overload them, and basedpyright would compare all of the
    # overloads for each operator of each result, which takes minutes.

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis.

        Examples
        --------
        >>> import numpy as np
        >>> np.zeros((2, 3)).shape
        (2, 3)
        """

    @property
    def ndim(self) -> int:
        """The number of axes.

        Examples
        --------
        >>> import numpy as np
        >>> np.zeros((2, 3)).ndim
        2
        """

    @property
    def dtype(self) -> Any:
        """The type of the numbers, an object of the array's library.

        Examples
        --------
        >>> import numpy as np
        >>> np.zeros((2, 3)).dtype
        dtype('float64')
        """

    @property
    def mT(self) -> Any:
        """The array with its last two axes swapped: of each matrix, the transpose.

        Examples
        --------
        >>> import numpy as np
        >>> np.array([[1.0, 2.0]]).mT
        array([[1.],
               [2.]])
        """

    def __neg__(self) -> Any: ...
    def __abs__(self) -> Any: ...
    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __matmul__(self, other: Any, /) -> Any: ...
    def __ge__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __getitem__(self, key: Any, /) -> Any: ...
    def __float__(self) -> float: ...
    def __bool__(self) -> bool: ...


ArrayT = TypeVar("ArrayT", bound=Array)  # of one library, such as np.ndarray or torch.Tensor
if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault  # typing has it from 3.13 on

    ArrayT_co = TypeVarWithDefault("ArrayT_co", bound=Array, covariant=True, default=Any)
else:
    ArrayT_co = TypeVar("ArrayT_co", bound=Array, covariant=True)

_NAMESPACES: dict[type, Namespace] = {}  # array_namespace costs a microsecond, a look-up a tenth


def namespace(x: Any) -> Namespace:
    """Return the Array API namespace that the array `x` belongs to.

    Raises
    ------
    DTypeError
        `x` is no array.
    """
    try:
        return _NAMESPACES[type(x)]
    except KeyError:
        if not is_array(x):
            came, advice = f"{type(x).__name__} {x!r:.40}", "Convert it with numpy.asarray"
            raise DTypeError("an array argument", came, "an array", advice) from None
        return _NAMESPACES.setdefault(type(x), array_api_compat.array_namespace(x))


def is_array(x: Any) -> bool:
    """Tell whether `x` is an array, or a number, of an array library; a class of arrays is none.

    Examples
    --------
    >>> is_array(np.zeros(3)), is_array(np.float32(3)), is_array(np.ndarray), is_array([3.0])
    (True, True, False, False)
    """
    return not isinstance(x, type) and bool(array_api_compat.is_array_api_obj(x))


def device_of(x: Any) -> Any:
    """Return the device of the array `x`, as the functions of its library take it."""
    return array_api_compat.device(x)


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype of any library.

    Examples
    --------
    >>> dtype_name(np.float32), dtype_name("float64"), dtype_name(np.dtype("int8"))
    ('float32', 'float64', 'int8')
    """
    try:
        return str(np.dtype(dtype).name)
    except TypeError:
        return str(dtype).rpartition(".")[2]


def library_name(xp: Namespace) -> str:
    """Return the name of the array library of a namespace, such as ``"numpy"``."""
    return str(xp.__name__).removeprefix("array_api_compat.")


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Tell whether an array of this shape broadcasts to `target` without enlarging it.

    Examples
    --------
    >>> broadcasts_to((), (5, 1)), broadcasts_to((5, 1), (5, 1)), broadcasts_to((5,), (5, 1))
    (True, True, False)
    """
    try:
        return np.broadcast_shapes(shape, target) == tuple(target)
    except ValueError:
        return False


def is_floating(x: Any) -> bool:
    """Tell whether `x` is an array of real floating-point numbers."""
    return bool(namespace(x).isdtype(x.dtype, "real floating"))


def item_bytes(x: Any) -> int:
    """Return the size of one element of the array `x`, in bytes."""
    return int(np.dtype(dtype_name(x.dtype)).itemsize)


def is_on_cpu(x: Any) -> bool:
    """Tell whether the array `x` is in the memory of the host."""
    device = str(device_of(x)).lower()
    return not any(name in device for name in ("cuda", "gpu", "rocm", "mps", "tpu", "xpu"))


def astype(x: Any, dtype: Any) -> Array:
    """Return `x` in the given dtype of its library; `x` itself where it already has this dtype."""
    converted: Array = x if x.dtype == dtype else namespace(x).astype(x, dtype)
    return converted


def copied(x: ArrayT) -> ArrayT:
    """Return a copy of the array `x` in its own library, on its own device."""
    with context(x):
        copy: ArrayT = namespace(x).asarray(x, copy=True)
    return copy


def kept(x: ArrayT) -> ArrayT:
    """Return an array with the values that `x` has now: `x` on JAX, whose arrays never change.

    On other libraries, which may change `x` in place, it is a copy.
    """
    return x if array_api_compat.is_jax_array(x) else copied(x)


def to_host(x: Any) -> HostArray:
    """Return the array `x` of any library and device as a NumPy array, which may share memory."""
    if array_api_compat.is_numpy_array(x):
        return np.asarray(x)
    if array_api_compat.is_cupy_array(x):
        return np.asarray(x.get())
    if array_api_compat.is_torch_array(x):
        return np.asarray(x.detach().cpu().resolve_neg())
    if array_api_compat.is_jax_array(x):
        return np.asarray(x)
    return np.from_dlpack(x)


_ALWAYS_THERE = ("bool", "int32", "float32")  # dtypes of every library on each of its devices


def has_dtype(xp: Namespace, device: Any, dtype: str) -> bool:
    """Tell whether a library has a dtype on a device."""
    if dtype in _ALWAYS_THERE:  # the call below takes a tenth of a millisecond on JAX
        return True
    outside_standard = dtype == "float16" and hasattr(xp, dtype)
    return outside_standard or dtype in xp.__array_namespace_info__().dtypes(device=device)


def from_host(x: Any, xp: Namespace, device: Any, dtype: str) -> Array:
    """Return a new array of namespace `xp` on `device` with the values of the NumPy array `x`.

    Raises
    ------
    DTypeError
        The library or the device has no such dtype.
    """
    if not has_dtype(xp, device, dtype):
        known = xp.__array_namespace_info__().dtypes(device=device)
        raise DTypeError(
            f"dtype on {library_name(xp)}, device {device}",
            f"{dtype}",
            f"one of {', '.join(sorted(name for name in known if 'float' in name))}",
            f'Use float32, such as dtype="float32". For float64 on JAX call {ENABLE_X64} first',
        )
    host = np.array(x, dtype=dtype, order="C")  # a copy: torch.asarray would share its memory
    if array_api_compat.is_jax_namespace(xp):  # jax.numpy.asarray takes four times as long
        put: Array = importlib.import_module("jax").device_put(host, device)
        return put
    with context_of(xp, device):
        moved: Array = xp.asarray(host, device=device)
    return moved


def from_host_like(x: Any, like: Array, dtype: str | None = None) -> Array:
    """Return a new array with the values of the NumPy array `x`, in the library of `like`.

    It lies on the device of `like` and has its dtype, or `dtype` where that is given.

    Raises
    ------
    DTypeError
        The library or the device has no such dtype.

    Examples
    --------
    >>> theta = np.zeros(3, dtype="float32")
    >>> from_host_like([0, 1], theta), from_host_like([0, 1], theta, "int32")
    (array([0., 1.], dtype=float32), array([0, 1], dtype=int32))
    """
    return from_host(x, namespace(like), device_of(like), dtype or dtype_name(like.dtype))


def context_of(xp: Namespace, device: Any) -> AbstractContextManager[Any]:
    """Return the context in which new arrays are created on `device`; it is needed on CuPy alone.

    CuPy computes and allocates on its current device, wherever the operands are. Its creation
    functions in array-api-compat ignore ``device=``.
    """
    return device if array_api_compat.is_cupy_namespace(xp) else nullcontext()


def context(x: Any) -> AbstractContextManager[Any]:
    """Return the context in which new arrays are created on the device of the array `x`."""
    return nullcontext() if type(x) is np.ndarray else context_of(namespace(x), device_of(x))


def without_derivatives(x: Any, *, allowed: bool = False) -> AbstractContextManager[Any]:
    """Return the context in which PyTorch records nothing for automatic differentiation.

    It makes steps a fifth faster. Tensors created in it cannot be differentiated later; a copy by
    `copied` outside of it can. Where derivatives are `allowed`, code in the context may record some
    within ``torch.enable_grad()``; steps are then a tenth faster.
    """
    if not array_api_compat.is_torch_array(x):
        return nullcontext()
    torch = importlib.import_module("torch")
    mode: AbstractContextManager[Any] = torch.no_grad() if allowed else torch.inference_mode()
    return mode


def with_derivatives(x: Any) -> AbstractContextManager[Any]:
    """Return the context, within `without_derivatives`, in which PyTorch records them again."""
    if array_api_compat.is_torch_array(x):
        mode: AbstractContextManager[Any] = importlib.import_module("torch").inference_mode(False)
        return mode
    return nullcontext()


def detached(x: Any) -> Any:
    """Return a PyTorch tensor without its graph of derivatives; any other object unchanged."""
    return x.detach() if array_api_compat.is_torch_array(x) else x


def compiled(function: F, xp: Namespace) -> F:
    """Return `function` under ``jax.jit`` where `xp` is JAX, else `function` itself."""
    if not array_api_compat.is_jax_namespace(xp):
        return function
    jit: Callable[[F], F] = importlib.import_module("jax").jit
    return jit(function)


def compiles(xp: Namespace) -> bool:
    """Tell whether steps are compiled, which takes seconds."""
    return bool(array_api_compat.is_jax_namespace(xp))
