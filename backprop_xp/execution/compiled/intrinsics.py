"""Two functions of compiled code that numba lacks: a pointer from an address, a call of an address.

Compiled programs import them by name: `pointer_f4`, `pointer_f8`, `pointer_i4`, `pointer_i8`,
`pointer_u1` and `call_loop`. numba is imported with the first of them, not with this module.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

__all__ = ["functions"]

_TYPES: Final = {"f4": "float32", "f8": "float64", "i4": "int32", "i8": "int64", "u1": "uint8"}


def __getattr__(name: str) -> Any:
    if name == "call_loop" or name.removeprefix("pointer_") in _TYPES:
        return functions()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def functions() -> Mapping[str, Any]:
    """Return the functions by name.

    Raises
    ------
    ImportError
        numba is not installed.
    """
    from numba import types

    pointers = {f"pointer_{code}": _pointer(getattr(types, of)) for code, of in _TYPES.items()}
    return {**pointers, "call_loop": _call_loop()}


def _pointer(number: Any) -> Any:
    """Return a function from an address to a pointer to numbers of this type."""
    from numba import types
    from numba.extending import intrinsic

    kind = types.CPointer(number)

    @intrinsic
    def pointer(context: Any, address: Any) -> Any:  # noqa: ARG001  numba calls it so
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            target = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], target)

        return kind(types.int64), code

    return pointer


def _call_loop() -> Any:
    """Return a function that calls an inner loop of NumPy (`loops`); all five are addresses."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def call_loop(
        context: Any,  # noqa: ARG001  numba calls it so
        function: Any,  # noqa: ARG001
        arguments: Any,  # noqa: ARG001
        lengths: Any,  # noqa: ARG001
        strides: Any,  # noqa: ARG001
        data: Any,  # noqa: ARG001
    ) -> Any:
        def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
            pointer = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [pointer] * 4)
            target = builder.inttoptr(values[0], kind.as_pointer())
            builder.call(target, [builder.inttoptr(value, pointer) for value in values[1:]])
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), code

    return call_loop
