"""Memories of callbacks and schedules, and steps of preprocessing, as JSON with arrays apart.

A memory is a dict of numbers, texts, arrays, and dicts, lists and tuples of them. Values that JSON
does not have are objects with one name:

.. code-block:: text

    {"array": name}             an array, of this name in the file
    {"number": "nan"}           NaN or an infinity
    {"tuple": [value, ...]}
    {"dict": [[key, value], …]}  a dict with other keys than texts, or with one of these four names
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from backprop_xp.arrays.backend import HostArray, is_array, to_host
from backprop_xp.errors import OptionError

__all__ = ["memory_as_json", "memory_from_json"]

_SPECIAL = ("array", "number", "tuple", "dict")


def memory_as_json(value: Any, name: str, put: Callable[[str, Any], str], where: str) -> Any:
    """Return a memory as JSON holds it.

    Parameters
    ----------
    value : dict, list, tuple, array, number, text or None
    name : str
        A name for the first array; the arrays in a dict or list have longer ones.
    put : function
        Takes the name of an array and the array, and returns the name.
    where : str
        The owner of the memory, for errors.

    Raises
    ------
    OptionError
        A value is of another type, or an array holds no numbers.

    Examples
    --------
    >>> memory_as_json({"best": math.nan, "last": [1, (2,)]}, "memory", lambda *_: "", "here")
    {'best': {'number': 'nan'}, 'last': [1, {'tuple': [2]}]}
    """

    def each(values: Any) -> list[Any]:
        return [
            memory_as_json(one, f"{name}.{number}", put, where) for number, one in enumerate(values)
        ]

    if value is None or isinstance(value, str | bool | int):
        return value
    if is_array(value):
        return {"array": put(name, _of_numbers(value, where))}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": str(value)}
    if isinstance(value, Mapping):
        plain = all(isinstance(key, str) for key in value)
        if plain and not (len(value) == 1 and next(iter(value)) in _SPECIAL):
            return {
                key: memory_as_json(one, f"{name}.{key}", put, where) for key, one in value.items()
            }
        return {"dict": each([list(pair) for pair in value.items()])}
    if isinstance(value, tuple | list):
        return {"tuple": each(value)} if isinstance(value, tuple) else each(value)
    raise _refused(where, f"a {type(value).__name__}")


def memory_from_json(value: Any, array: Callable[[str], HostArray]) -> Any:
    """Return the memory of which `memory_as_json` made `value`; `array` returns arrays by name.

    Raises
    ------
    LookupError, TypeError, ValueError
        The value has another form, or there is no such array.
    """
    if isinstance(value, list):
        return [memory_from_json(one, array) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, content),) = value.items()
        if name == "array":
            return array(content)
        if name == "number":
            return float(content)
        if name == "tuple":
            return tuple(memory_from_json(content, array))
        if name == "dict":
            return dict(memory_from_json(content, array))
    return {key: memory_from_json(one, array) for key, one in value.items()}


def _of_numbers(x: Any, where: str) -> HostArray:
    """Return an array of any library on the host.

    Raises
    ------
    OptionError
        A file cannot hold its dtype.
    """
    try:
        host = to_host(x)
    except TypeError as error:  # PyTorch's, for a dtype that NumPy does not have
        raise _refused(where, f"an array of dtype {x.dtype}") from error
    if host.dtype.kind not in "biuf" or host.dtype.itemsize > 8:
        raise _refused(where, f"an array of dtype {host.dtype}")
    return host.astype(host.dtype.newbyteorder("="), copy=False)


def _refused(where: str, came: str) -> OptionError:
    expected = "numbers, texts, arrays of numbers, and dicts, lists and tuples of them"
    return OptionError(f"Checkpoint, {where}", came, expected, "Return those alone")
