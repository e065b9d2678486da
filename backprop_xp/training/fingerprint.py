"""Arguments as texts, equal for equal arguments in any process; a resumed run compares them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp.arrays.backend import to_host

__all__ = ["described"]

DEPTH = 8  # most levels of objects within objects: an object may hold itself


def described(value: Any, depth: int = DEPTH) -> str:
    """Return a text that is equal for equal values, in any process.

    The text of a number or a text is the value itself. An array is described by its shape, its
    dtype and the SHA-256 of its bytes, an object by its class and its attributes, and a function by
    its name, its code, its defaults and the values of its closure.

    Examples
    --------
    >>> described(0.1), described([1, 2]), described(max)
    ('0.1', '[1, 2]', 'builtins.max')
    """
    if array_api_compat.is_array_api_obj(value):
        host = np.ascontiguousarray(to_host(value))
        return f"array {host.shape} {host.dtype} {_sum(host.tobytes())}"
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return str(value)
    if depth == 0:
        return "…"
    if isinstance(value, tuple | list):
        return f"[{', '.join(described(one, depth - 1) for one in value)}]"
    name, parts = _parts(value)
    if parts is None:
        return name
    each = (f"{key}={described(one, depth - 1)}" for key, one in parts.items())
    return f"{name}({', '.join(each)})"


def _parts(value: Any) -> tuple[str, Mapping[str, Any] | None]:
    """Return the name of an object's class or function, and its parts by name, or None."""
    kind = type(value)
    if isinstance(value, Mapping):
        return "", {str(key): one for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return kind.__qualname__, {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, partial):
        return "partial", {"of": value.func, "given": value.args, **value.keywords}
    if isinstance(value, FunctionType):
        code = _sum(value.__code__.co_code + repr(_constants(value.__code__)).encode())
        taken = [cell.cell_contents for cell in value.__closure__ or ()]
        parts = {"code": code, "taken": taken, "defaults": value.__defaults__}
        return f"{value.__module__}.{value.__qualname__}", parts
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}", None
    return f"{kind.__module__}.{kind.__qualname__}", getattr(value, "__dict__", {})


def _constants(code: CodeType) -> list[Any]:
    """Return the constants in a function's code, with the constants of inner functions."""
    return [
        _constants(one) if isinstance(one, CodeType) else one
        for one in code.co_consts
        if isinstance(one, CodeType | bool | int | float | str | tuple)
    ]


def _sum(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()[:16]
