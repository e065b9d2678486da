"""What was read of a table, in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from backprop_xp.datasets.cells import in_a_line

__all__ = ["summary_of"]

_WORDS: Final = {  # in the order of the words
    "number": ("number", "numbers"),
    "category": ("category", "categories"),
    "truth": ("truth value", "truth values"),
    "date": ("date", "dates"),
}
_SHOWN: Final = 10  # names, classes or lines


class _Read(Protocol):
    """The attributes of `MixedTable` that a summary names."""

    @property
    def Y(self) -> NDArray[Any] | None: ...
    @property
    def task(self) -> str | None: ...
    @property
    def target_names(self) -> tuple[str, ...]: ...
    @property
    def class_names(self) -> tuple[str, ...] | None: ...
    @property
    def left_out(self) -> Mapping[str, str]: ...
    @property
    def lines(self) -> NDArray[np.int64]: ...
    @property
    def without_target(self) -> NDArray[np.int64]: ...
    @property
    def unit(self) -> str: ...
    @property
    def decided(self) -> dict[str, Any]: ...


def summary_of(table: _Read) -> str:
    """Return the columns of a table by kind, its rows and its target, in a line each."""
    rows = f"{len(table.lines):,} row{'s' * (len(table.lines) != 1)}"
    lines = table.without_target.tolist()
    if lines:
        where = _listed([f"{line:,}" for line in lines])
        unit = table.unit + "s" * (len(lines) > 1)
        rows += f"; {len(lines):,} more without a target left out, {unit} {where}"
    found = [_columns(table), rows]
    if table.Y is not None:
        found.append(_target(table, table.Y))
    return "\n".join(found)


def _columns(table: _Read) -> str:
    columns, ids = table.decided["columns"], table.decided["ids"]
    total = len(columns) + len(ids) + len(table.left_out)
    counted = Counter(column["kind"] for column in columns)
    kinds = [
        f"{counted[kind]:,} {words[counted[kind] > 1]}"
        for kind, words in _WORDS.items()
        if counted[kind]
    ]
    text = f"{total:,} column{'s' * (total != 1)}: {', '.join(kinds)}"
    if ids:
        text += f"; {len(ids)} id{'s' * (len(ids) > 1)}: {_names([one['name'] for one in ids])}"
    if table.left_out:
        reasons = [f"{in_a_line(name)}, {why}" for name, why in table.left_out.items()]
        text += f"; {len(reasons):,} left out: {_listed(reasons, '; ')}"
    return text


def _listed(words: Sequence[str], between: str = ", ") -> str:
    return between.join(words[:_SHOWN]) + (f"{between}..." * (len(words) > _SHOWN))


def _names(names: Sequence[str]) -> str:
    return _listed(list(map(in_a_line, names)))


def _target(table: _Read, Y: NDArray[Any]) -> str:
    names = _names(table.target_names)
    title = f"target{'s' * (len(table.target_names) > 1)} {names}"
    if table.class_names is not None:
        counts = np.bincount(Y, minlength=len(table.class_names)).tolist()
        classes = [
            f"{in_a_line(name)} ({count:,})"
            for name, count in zip(table.class_names, counts, strict=True)
        ]
        return f"{title}: {len(classes):,} classes, {_listed(classes)}"
    if table.task == "labels":
        ones = zip(table.target_names, Y.sum(axis=0).tolist(), strict=True)
        shares = [f"{in_a_line(name)} ({count:,.0f})" for name, count in ones]
        return f"{title}: labels, ones in {_listed(shares)}"
    return f"{title}: numbers from {Y.min():,.6g} to {Y.max():,.6g}"
