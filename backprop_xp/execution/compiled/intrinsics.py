"""Two functions of compiled code that numba lacks: a pointer from an address, a call of an address.

Importing the module imports numba.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["call_loop", "pointer_f4", "pointer_f8", "pointer_i4", "pointer_i8", "pointer_u1"]


def _pointer(number: Any) -> Any:
    kind = types.CPointer(number)

    @intrinsic
    def pointer(context: Any, address: Any) -> Any:  # noqa: ARG001  numba calls it so
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            target = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], target)

        return kind(types.int64), code

    return pointer


pointer_f4 = _pointer(types.float32)
pointer_f8 = _pointer(types.float64)
pointer_i4 = _pointer(types.int32)
pointer_i8 = _pointer(types.int64)
pointer_u1 = _pointer(types.uint8)


@intrinsic
def call_loop(
    context: Any,  # noqa: ARG001  numba calls it so
    function: Any,  # noqa: ARG001
    arguments: Any,  # noqa: ARG001
    lengths: Any,  # noqa: ARG001
    strides: Any,  # noqa: ARG001
    data: Any,  # noqa: ARG001
) -> Any:
    """Call an inner loop of NumPy (`loops`): all five are addresses."""

    def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer] * 4)
        target = builder.inttoptr(values[0], kind.as_pointer())
        builder.call(target, [builder.inttoptr(value, pointer) for value in values[1:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), code
