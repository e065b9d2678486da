"""Settings as texts, by which a resumed run is compared with its checkpoint.

Equal settings have equal texts in any process. A text holds everything that decides what a setting
does. A number is described as it is, an array
by its bytes, an object by its class and its attributes, a function by its code and the values that
the code reads. Functions and classes of installed packages are described by their names alone.
"""

import copyreg
import dis
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from pickle import PicklingError
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray, is_array, to_host
from backprop_xp.errors import OptionError

__all__ = ["cell_content", "described", "digest", "is_installed"]

_PACKAGE = __name__.partition(".")[0]
_ABSENT = object()
_FOLDERS = {"site-packages", "dist-packages"}  # of installed packages
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")  # of the object that the instruction before has loaded
_PADDING = ("EXTENDED_ARG", "PUSH_NULL", "CACHE")  # instructions in between, which load nothing
_OF_EVERY_CLASS = re.compile(
    "__(annotations|dict|doc|firstlineno|match_args|module|qualname|static_attributes|weakref|"
    "dataclass_fields|dataclass_params|abstractmethods|annotate|annotate_func|annotations_cache)__"
    "|_abc_impl"
)


def described(value: Any, where: str = "train") -> str:
    """Return a text that is the same for equal settings, in any process.

    An object with a method ``state()`` is described by the name of its class and this state.

    Parameters
    ----------
    value : object
    where : str
        The argument, for errors.

    Raises
    ------
    OptionError
        The value holds an object whose state cannot be read, such as an open file.

    Examples
    --------
    >>> described(0.1), described([1, 2]), described(max)
    ('0.1', '[1, 2]', 'builtins.max')
    """
    return _Description(where)(value)


class _Description:
    """Describes a value and the values within it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: list[Any] = []  # objects whose parts are being described
        self._met: dict[int, Any] = {}  # functions and classes by their id

    def __call__(self, value: Any) -> str:
        if isinstance(value, np.generic) and not isinstance(value, np.void):
            value = value.item()  # float16(0.1) is another number than 0.1
        if value is None or isinstance(value, bool | int | float | complex | str):
            return str(value)
        array = _as_array(value)
        if array is not None:
            if array.dtype.hasobject:
                return self(array.tolist())
            return f"array {array.shape} {array.dtype} {digest(array.tobytes())}"
        if isinstance(value, FunctionType | type):
            return self._once(value)
        for distance, one in enumerate(reversed(self._open)):
            if one is value:
                return f"… {distance}"  # an object that holds itself
        self._open.append(value)
        text = self._of_object(value)
        self._open.pop()
        return text

    def _of_object(self, value: Any) -> str:
        kind, state = type(value), _own_state(value)
        if isinstance(value, Mapping):
            each = sorted(((str(key), one) for key, one in value.items()), key=itemgetter(0))
            return self._of_parts("", each)
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self, value))}]"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self, value)))}}}"
        if state is not _ABSENT:
            return self._of_parts(_name(kind), [("state", state)])
        if is_dataclass(value) and is_installed(kind):
            return self._of_parts(kind.__qualname__, _fields_in_use(value))
        if isinstance(value, CodeType):
            return self._of_code(value)
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        return self._of_method(value)

    def _of_method(self, value: Any) -> str:
        if isinstance(value, MethodType):
            return self._of_parts("method", [("is", value.__func__), ("of", value.__self__)])
        if isinstance(value, BuiltinFunctionType):
            owner = value.__self__
            if owner is None or isinstance(owner, ModuleType | type):
                return _name(value)
            return self._of_parts("method", [("is", value.__name__), ("of", owner)])
        if isinstance(value, property):
            return self(("property", value.fget, value.fset, value.fdel))
        if isinstance(value, staticmethod | classmethod):
            return self((type(value).__name__, value.__func__))
        if isinstance(value, cached_property):  # it holds a lock before Python 3.12
            return self(("cached_property", value.func))
        return self._of_reduced(value)

    def _of_parts(self, name: str, parts: Iterable[tuple[str, Any]]) -> str:
        return f"{name}({', '.join(f'{key}={self(one)}' for key, one in parts)})"

    def _of_reduced(self, value: Any) -> str:
        """Return the text of an object from the parts that `copy` and `pickle` would take."""
        kind, reduced = type(value), _reduced(value)
        wrapped = getattr(value, "__wrapped__", None)
        if isinstance(reduced, str | None) and wrapped is not None:  # such as by `lru_cache`
            return self._of_parts(_name(kind), [("of", wrapped)])
        if isinstance(reduced, str):
            return f"{getattr(value, '__module__', kind.__module__)}.{reduced}"
        if reduced is None:
            came = f"a {_name(kind)}, whose state cannot be read"
            expected = "settings by which two runs can be compared"
            advice = "Give the object that holds it a method state() that returns its numbers"
            raise OptionError(self._where, came, expected, advice)
        _, made_of, state, items, pairs = (*reduced, None, None, None)[:5]
        parts: dict[str, Any] = {"made of": [one for one in made_of if one is not kind]}
        of_dict, of_slots = state if _has_slots(state) else (state, None)
        parts |= of_dict if isinstance(of_dict, dict) else {"state": of_dict}
        parts |= {**(of_slots or {}), "items": [*(items or ())], "pairs": dict(pairs or ())}
        parts |= {} if is_installed(kind) else {"class": kind}
        used = ((key, one) for key, one in parts.items() if not _is_empty(one))
        return self._of_parts(_name(kind), used)

    def _once(self, value: Any) -> str:
        """Return the text of a function or class, where it is met first; then its name."""
        name = _name(value)
        if is_installed(value) and (isinstance(value, type) or _by_name(value) is value):
            return name
        if id(value) in self._met:
            return f"{name} again"
        self._met[id(value)] = value
        if isinstance(value, type):
            each = {
                key: one for key, one in vars(value).items() if not _OF_EVERY_CLASS.fullmatch(key)
            }
            return f"{name}({digest(self((value.__bases__, each)).encode())})"
        taken = [cell_content(cell) for cell in value.__closure__ or ()]
        parts = [value.__defaults__, value.__kwdefaults__, taken]
        if not is_installed(value):
            read = dict(_globals_read(value.__code__, value.__globals__))
            parts += [value.__code__, read, vars(value)]
        return f"{name}({digest(self(parts).encode())})"

    def _of_code(self, code: CodeType) -> str:
        constants = [
            self(one) if isinstance(one, CodeType | frozenset) else repr(one)
            for one in code.co_consts
        ]
        form = code.co_argcount, code.co_kwonlyargcount, code.co_flags
        return digest(f"{code.co_code!r} {code.co_names} {constants} {form}".encode())


def _fields_in_use(value: Any) -> list[tuple[str, Any]]:
    """Return the fields of a dataclass; a field added later (`optimizers`) only if it is set."""
    every = [(one, getattr(value, one.name)) for one in fields(value)]
    return [
        (one.name, x) for one, x in every if not one.metadata.get("added_later") or x != one.default
    ]


def _as_array(value: Any) -> HostArray | None:
    """Return an array of any library, a data frame or a buffer as a NumPy array; else None."""
    if is_array(value):
        return np.ascontiguousarray(to_host(value))
    if isinstance(value, type):
        return None
    if hasattr(value, "__array__"):
        return np.ascontiguousarray(np.asarray(value))
    try:
        return np.ascontiguousarray(np.asarray(memoryview(value)))
    except TypeError:
        return None


def _own_state(value: Any) -> Any:
    """Return what the method ``state()`` of an object returns; `_ABSENT` where it has none."""
    method = getattr(value, "state", None)
    if not callable(method):
        return _ABSENT
    try:
        return method()
    except TypeError:  # it takes arguments, so it is another method
        return _ABSENT


def _reduced(value: Any) -> Any:
    """Return what a pickle would hold of an object, a name or a tuple; None where it cannot."""
    if isinstance(value, np.ufunc):
        return None if "(vectorized)" in value.__name__ else value.__name__  # of `frompyfunc`
    registered = copyreg.dispatch_table.get(type(value))
    try:
        return registered(value) if registered else value.__reduce_ex__(4)
    except (AttributeError, PicklingError, RuntimeError, TypeError, ValueError):
        return None


def _is_empty(part: Any) -> bool:
    return part is None or (isinstance(part, list | dict) and not part)


def _has_slots(state: Any) -> bool:
    """Tell whether a state is of an object with ``__slots__``: a pair of dicts, or of None."""
    pair = isinstance(state, tuple) and len(state) == 2
    return pair and isinstance(state[0], dict | None) and isinstance(state[1], dict)


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _by_name(value: Any) -> Any:
    """Return the object in the module of a function or class that has its name."""
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found


def is_installed(value: Any) -> bool:
    """Tell whether a function or class is of Python, of this package or of an installed one."""
    package = (value.__module__ or "").partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    installed = file is not None and not _FOLDERS.isdisjoint(Path(file).parts)
    return installed or package in sys.stdlib_module_names or package == _PACKAGE


def cell_content(cell: Any) -> Any:
    """Return the value in a cell of a closure, which may be empty as yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _globals_read(code: CodeType, variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of global variables that code reads, ``module.attribute`` too."""
    steps = [one for one in dis.get_instructions(code) if one.opname not in _PADDING]
    for at, step in enumerate(steps):
        if step.opname not in ("LOAD_GLOBAL", "LOAD_NAME"):
            continue
        name, value = step.argval, variables.get(step.argval, _ABSENT)
        for after in steps[at + 1 :]:
            if not isinstance(value, ModuleType) or after.opname not in _ATTRIBUTES:
                break
            name, value = f"{name}.{after.argval}", getattr(value, after.argval, _ABSENT)
        if value is not _ABSENT:
            yield name, value
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals_read(inner, variables)


def digest(content: bytes) -> str:
    """Return a short text of some bytes, from their SHA-256."""
    from hashlib import sha256

    return sha256(content).hexdigest()[:16]
