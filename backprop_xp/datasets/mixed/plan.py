"""Everything that was decided about a table, as plain JSON and back.

A plan reads a new file the way the first one was read. It holds no cell but the names of columns,
of classes, and of missing values.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from backprop_xp.errors import DataError, OptionError

__all__ = ["CATEGORY", "DATE", "ID", "NUMBER", "TRUTH_VALUE", "ColumnPlan", "Plan", "TargetPlan"]

NUMBER: Final = "number"
CATEGORY: Final = "category"
TRUTH_VALUE: Final = "truth"
DATE: Final = "date"
ID: Final = "id"

_VERSION: Final = 1


@dataclass(frozen=True)
class ColumnPlan:
    """A column, and how its cells are read.

    Attributes
    ----------
    name : str
    position : int
        Its place in the first table, counted from 0.
    kind : {"number", "category", "truth", "date", "id"}
    decimal : str
        Of numbers, and of categories that are numbers, the decimal mark; else "".
    form : str
        Of dates their format; else "".
    """

    name: str
    position: int
    kind: str
    decimal: str = ""
    form: str = ""


@dataclass(frozen=True)
class TargetPlan:
    """The target: its columns, and what a network predicts.

    Attributes
    ----------
    task : {"classes", "numbers", "labels"}
        One class of several; numbers; or a truth value for each column.
    columns : tuple of ColumnPlan
        One for classes, one or more otherwise.
    classes : tuple of str
        The names of the classes by their labels; empty otherwise.
    """

    task: str
    columns: tuple[ColumnPlan, ...]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that was decided about a table.

    Attributes
    ----------
    header : bool
        Whether the first row names the columns.
    width : int
        The number of columns of the file.
    missing : tuple of str
        The signs of a missing value.
    columns : tuple of ColumnPlan
        The features.
    ids : tuple of ColumnPlan
    left_out : dict of str to str
        The reason for each column that is no feature.
    target : TargetPlan or None
    """

    header: bool
    width: int
    missing: tuple[str, ...]
    columns: tuple[ColumnPlan, ...]
    ids: tuple[ColumnPlan, ...]
    left_out: Mapping[str, str]
    target: TargetPlan | None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as dicts, lists, texts, numbers and truth values."""
        found = asdict(self)
        for name in ("missing", "columns", "ids"):
            found[name] = list(found[name])
        target = found["target"]
        if target is not None:
            found["target"] = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in target.items()
            }
        return {"version": _VERSION, **found}

    @classmethod
    def from_json(cls, decided: Mapping[str, Any]) -> "Plan":
        """Return the plan of what `to_json` returned.

        Raises
        ------
        OptionError
            It is not of this version.
        DataError
            An entry is missing, or is no such entry.
        """
        where = "read_like(decided)"
        version = decided.get("version") if isinstance(decided, Mapping) else None
        if version != _VERSION:
            came = f"{type(decided).__name__} of version {version}"
            advice = "Pass the attribute `decided` of a table"
            raise OptionError(where, came, f"decisions of version {_VERSION}", advice)
        try:
            target = decided["target"]
            return cls(
                header=bool(decided["header"]),
                width=int(decided["width"]),
                missing=tuple(map(str, decided["missing"])),
                columns=_columns(decided["columns"]),
                ids=_columns(decided["ids"]),
                left_out={str(name): str(why) for name, why in decided["left_out"].items()},
                target=None
                if target is None
                else TargetPlan(
                    str(target["task"]),
                    _columns(target["columns"]),
                    tuple(map(str, target["classes"])),
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            came, expected = f"an entry that cannot be used ({error!r})", "decisions as saved"
            raise DataError(where, came, expected, "Take them from the model's file") from error


def _columns(found: Any) -> tuple[ColumnPlan, ...]:
    return tuple(ColumnPlan(**one) for one in found)
