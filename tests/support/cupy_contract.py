"""What the library asks of CuPy, compared with what CuPy has.

``python tests/support/cupy_contract.py`` runs the computing surface on arrays that record,
and writes CONTRACT.md. It needs CuPy, and neither a GPU nor a driver.
"""

import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from checks import recorded
from recorder import Call, ContractError
from surface import ITEMS

PATH = Path(__file__).with_name("CONTRACT.md")
UFUNCS = {  # behind the operators
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "pow": "power",
    "matmul": "matmul",
    "neg": "negative",
    "abs": "absolute",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
NUMBERS = {"bool": True, "int": 1, "float": 1.0}


def asked(name: str) -> frozenset[Call]:
    """Return what an item of the surface asks of CuPy, step by step and in fused kernels."""
    return recorded(name) | recorded(name, fused=True)


def all_asked() -> frozenset[Call]:
    """Return what the whole surface asks of CuPy."""
    return frozenset().union(*map(asked, ITEMS))


def check(calls: Iterable[Call]) -> None:
    """Refuse calls that CuPy does not take, with a `ContractError`."""
    for call in sorted(calls):
        found_in_cupy(call)


def found_in_cupy(call: Call) -> str:
    """Return what CuPy has for a call.

    Raises
    ------
    ContractError
        It has nothing that takes these arguments.
    """
    if call.kind in ("function", "constant"):
        xp = importlib.import_module("array_api_compat.cupy")
        found = _attribute(xp, call.name)
        return _function(found, call) if call.kind == "function" else "constant"
    cupy = importlib.import_module("cupy")
    if call.kind == "cupy":
        return _function(_attribute(cupy, call.name), call)
    array = cupy.ndarray
    if call.kind != "operator":
        return type(_attribute(array, call.name)).__name__.removesuffix("_descriptor")
    name = f"__{call.name}__"
    _attribute(array, name)
    behind = UFUNCS.get(call.name, UFUNCS.get(call.name[1:]))  # `iadd` is an `add`
    if behind is None:
        return f"ndarray.{name}"
    return _function(_attribute(cupy, behind), call)


def _attribute(owner: Any, name: str) -> Any:
    if not hasattr(owner, name):
        raise ContractError(f"{getattr(owner, '__name__', owner)} has no {name}")
    return getattr(owner, name)


def _function(function: Any, call: Call) -> str:
    cupy = importlib.import_module("cupy")
    named = dict(call.named)
    if isinstance(function, cupy.ufunc):
        if len(call.args) != function.nin or not set(named) <= {"out", "dtype", "casting"}:
            raise ContractError(f"{call} does not fit {function!r}, of {function.nin} inputs")
        return f"ufunc, `{_loop(function, call)}`"
    if isinstance(function, type):
        return "class"  # without a signature; `execution/cuda/test_replay` makes some
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*call.args, **named)
        passed_on = [p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
        if passed_on:  # a function of array-api-compat passes these to CuPy's
            extra = bound.arguments.get(passed_on[0], {})
            inspect.signature(getattr(cupy, call.name)).bind_partial(**extra)
    except TypeError as error:
        raise ContractError(f"{call} does not fit {call.name}{signature}: {error}") from error
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return f"`{signature.replace(parameters=plain, return_annotation=signature.empty)}`"


def _loop(ufunc: Any, call: Call) -> str:
    """Return the loop of a ufunc that takes the arguments, such as "ff->f"."""
    arrays = [np.dtype(arg) for arg in call.args if arg not in NUMBERS]
    common = np.result_type(*arrays, *(NUMBERS[arg] for arg in call.args if arg in NUMBERS))
    given = [common if arg in NUMBERS else np.dtype(arg) for arg in call.args]
    for loop in ufunc.types:
        takes = [c for c in loop.partition("->")[0] if c in np.typecodes["All"]]
        if len(takes) == len(given) and all(map(np.can_cast, given, takes)):
            return str(loop)
    raise ContractError(f"{call} has no loop among {ufunc.types}")


# ---------------------------------------------------------------------------------------------
# CONTRACT.md

TITLES = {
    "function": "Functions of array-api-compat's CuPy",
    "cupy": "Functions of CuPy itself",
    "operator": "Operators",
    "attribute": "Attributes",
    "method": "Methods",
    "constant": "Constants",
}


def versions() -> str:
    """Return the versions that CONTRACT.md speaks of."""
    modules = map(importlib.import_module, ("cupy", "array_api_compat"))
    return ", ".join(f"{module.__name__} {module.__version__}" for module in modules)


def text(calls: Iterable[Call]) -> str:
    """Return CONTRACT.md."""
    lines = [
        "# What the library asks of CuPy",
        "",
        "Each function, operator and attribute of arrays that the computing surface",
        "(`tests/support/surface.py`) uses on a device, with the kinds of its arguments, and what",
        f"{versions()} has for it: the signature, or the loop of the ufunc.",
        "",
        "Recorded on arrays that go the way of CuPy's, with fused kernels and without. Streams and",
        "pinned memory (`backprop_xp/arrays/cuda_streaming.py`) are not in it:",
        "`test_cuda_streaming.py` acts them. Written by `python tests/support/cupy_contract.py`;",
        "`test_cupy_contract.py` compares it with what is recorded now.",
    ]
    by_name: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in sorted(calls):
        by_name[call.kind, call.name].append(call)
    for kind, title in TITLES.items():
        lines += ["", f"## {title}", "", "| name | called with | CuPy |", "|---|---|---|"]
        for (of, name), each in by_name.items():
            if of == kind:
                has = sorted({found_in_cupy(call) for call in each})
                lines.append(f"| `{name}` | {_listed(map(_arguments, each))} | {_listed(has)} |")
    return "\n".join(lines) + "\n"


def _listed(parts: Iterable[str]) -> str:
    return "<br>".join(part.replace("|", "\\|") for part in parts)


def _arguments(call: Call) -> str:
    named = [f"{key}={kind}" for key, kind in call.named]
    return f"`{', '.join((*call.args, *named)) or '-'}`"


if __name__ == "__main__":
    PATH.write_text(text(all_asked()), encoding="utf-8")
