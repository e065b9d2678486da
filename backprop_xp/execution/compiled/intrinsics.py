"""Functions of compiled code that numba lacks: pointers from addresses, calls of addresses, a hint.

Compiled programs import them by name: `pointer_f4`, `pointer_f8`, `pointer_i4`, `pointer_i8`,
`pointer_u1`, `call_loop`, `call_gemm_i4`, `call_gemm_i8` and `prefetch`. numba is imported with the
first of them, not with this module.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

__all__ = ["functions"]

_TYPES: Final = {"f4": "float32", "f8": "float64", "i4": "int32", "i8": "int64", "u1": "uint8"}

_CALLS: Final = ("call_loop", "call_gemm_i4", "call_gemm_i8", "prefetch")


def __getattr__(name: str) -> Any:
    if name in _CALLS or name.removeprefix("pointer_") in _TYPES:
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
    gemms = {f"call_gemm_{code}": _call_gemm(bits) for code, bits in (("i4", 32), ("i8", 64))}
    return {**pointers, **gemms, "call_loop": _call_loop(), "prefetch": _prefetch()}


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


def _call_gemm(bits: int) -> Any:
    """Return a function that calls `gemm` of BLAS, whose lengths have so many bits, with β = 1.

    Its arguments are the address of the function; the order and two transpositions, as CBLAS counts
    them; n, m, k; α, whose type is that of the matrices; then the address and the leading dimension
    of A, B and C.
    """
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    whole, code_type, pointer = ir.IntType(bits), ir.IntType(32), ir.IntType(8).as_pointer()

    @intrinsic
    def call_gemm(
        context: Any,  # noqa: ARG001  numba calls it so
        function: Any,  # noqa: ARG001
        order: Any,  # noqa: ARG001
        turned: Any,  # noqa: ARG001
        turned_too: Any,  # noqa: ARG001
        n: Any,  # noqa: ARG001
        m: Any,  # noqa: ARG001
        k: Any,  # noqa: ARG001
        alpha: Any,
        a: Any,  # noqa: ARG001
        lda: Any,  # noqa: ARG001
        b: Any,  # noqa: ARG001
        ldb: Any,  # noqa: ARG001
        c: Any,  # noqa: ARG001
        ldc: Any,  # noqa: ARG001
    ) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            number = context.get_value_type(signature.args[7])
            kinds = [code_type] * 3 + [whole] * 3 + [number, pointer, whole, pointer, whole]
            kinds += [number, pointer, whole]
            one = ir.Constant(number, 1.0)
            given = [*values[1:12], one, *values[12:]]
            passed = [
                builder.inttoptr(value, kind)
                if kind is pointer
                else (builder.trunc(value, kind) if kind in (code_type, whole) else value)
                for value, kind in zip(given, kinds, strict=True)
            ]
            kind = ir.FunctionType(ir.VoidType(), kinds)
            builder.call(builder.inttoptr(values[0], kind.as_pointer()), passed)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, alpha, *[types.int64] * 6), code

    return call_gemm


def _prefetch() -> Any:
    """Return a function that asks for the cache line of an address, which will be read soon."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    pointer, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [pointer, whole, whole, whole])
    to_read, into_every_cache, data = (ir.Constant(whole, n) for n in (0, 3, 1))

    @intrinsic
    def prefetch(context: Any, address: Any) -> Any:  # noqa: ARG001  numba calls it so
        def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
            hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
            at = builder.inttoptr(values[0], pointer)
            builder.call(hint, [at, to_read, into_every_cache, data])
            return context.get_dummy_value()

        return types.void(types.int64), code

    return prefetch
