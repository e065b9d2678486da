"""Settings as the texts that version 0.1.0 wrote before it had rooms, to resume its checkpoints.

Its texts left more out than those of `fingerprint`: the functions that a function calls, the global
values that it reads, the code of classes, and the object of a bound method.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import is_array, to_host
from backprop_xp.training.fingerprint import cell_content, digest, is_installed

__all__ = ["TextOfBefore", "text_of_before"]

_DEPTH: Final = 8  # of objects in objects; an object may hold itself


class TextOfBefore(NamedTuple):
    """The text of a setting.

    Attributes
    ----------
    text : str
    sure : bool
        Whether the text tells the setting from every other one.
    """

    text: str
    sure: bool = True


def text_of_before(value: Any, depth: int = _DEPTH) -> TextOfBefore:
    """Return the text of a setting in a checkpoint of before.

    Examples
    --------
    >>> text_of_before([0.1, None])
    TextOfBefore(text='[0.1, None]', sure=True)
    """
    if is_array(value):  # numbers of NumPy too
        host = np.ascontiguousarray(to_host(value))
        return TextOfBefore(f"array {host.shape} {host.dtype} {digest(host.tobytes())}")
    if value is None or isinstance(value, bool | int | float | str):
        return TextOfBefore(str(value))
    if depth == 0:
        return TextOfBefore("…", sure=False)
    if isinstance(value, tuple | list):
        texts, sure = _texts(value, depth)
        return TextOfBefore(f"[{', '.join(texts)}]", sure)
    name, parts, sure = _parts(value)
    if parts is None:
        return TextOfBefore(name, sure)
    texts, of_parts = _texts(parts.values(), depth)
    each = (f"{key}={text}" for key, text in zip(parts, texts, strict=True))
    return TextOfBefore(f"{name}({', '.join(each)})", sure and of_parts)


def _texts(values: Iterable[Any], depth: int) -> tuple[list[str], bool]:
    found = [text_of_before(one, depth - 1) for one in values]
    return [one.text for one in found], all(one.sure for one in found)


def _parts(value: Any) -> tuple[str, Mapping[str, Any] | None, bool]:
    """Return the name of an object, its parts or None, and whether both say everything."""
    kind = type(value)
    if isinstance(value, Mapping):
        return "", {str(key): one for key, one in value.items()}, True
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: getattr(value, one.name) for one in fields(value)}
        return kind.__qualname__, parts, is_installed(kind)
    if isinstance(value, partial):
        return "partial", {"of": value.func, "given": value.args, **value.keywords}, True
    if isinstance(value, FunctionType):
        code = digest(value.__code__.co_code + repr(_constants(value.__code__)).encode())
        taken = [cell_content(cell) for cell in value.__closure__ or ()]
        of_function = {"code": code, "taken": taken, "defaults": value.__defaults__}
        name = f"{value.__module__}.{value.__qualname__}"
        return name, of_function, is_installed(value) or _is_arithmetic(value)
    if hasattr(value, "__qualname__"):
        owner = getattr(value, "__self__", None)
        bound = not (owner is None or isinstance(owner, ModuleType | type))
        return f"{value.__module__}.{value.__qualname__}", None, not bound and is_installed(value)
    return f"{kind.__module__}.{kind.__qualname__}", getattr(value, "__dict__", {}), False


def _is_arithmetic(function: FunctionType) -> bool:
    """Tell whether a function uses nothing but its arguments, its closure and constants."""
    code = function.__code__
    inner = any(isinstance(one, CodeType) for one in code.co_consts)
    return not (code.co_names or inner or function.__kwdefaults__ or vars(function))


def _constants(code: CodeType) -> list[Any]:
    """Return the numbers and texts in a function's code, those of functions within it too."""
    return [
        _constants(one) if isinstance(one, CodeType) else one
        for one in code.co_consts
        if isinstance(one, CodeType | bool | int | float | str | tuple)
    ]
