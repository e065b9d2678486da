"""The results of methods on splits of tables: a line of JSON for each, written when it is there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Cell", "Cells"]


class Cell(NamedTuple):
    """A method on a split of a table."""

    table: str
    method: str
    split: int


class Cells:
    """Results in a file, to which more are added.

    Parameters
    ----------
    path : Path
        Created with the first result. A last line that was cut off by a killed process is ignored.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cells = Cells(Path(folder, "cells.jsonl"))
    ...     cells.add(Cell("concrete", "XGBoost", 0), {"score": 4.5})
    ...     print(Cells(Path(folder, "cells.jsonl")).results)
    {Cell(table='concrete', method='XGBoost', split=0): {'score': 4.5}}
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.results: dict[Cell, dict[str, Any]] = dict(self._read())

    def _read(self) -> Iterator[tuple[Cell, dict[str, Any]]]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
                key = Cell(found.pop("table"), found.pop("method"), found.pop("split"))
            except (ValueError, KeyError, AttributeError):
                continue
            yield key, found

    def add(self, cell: Cell, result: dict[str, Any]) -> None:
        """Add a result to the file and to `results`."""
        self.results[cell] = result
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        begins = "" if not text or text.endswith("\n") else "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{begins}{json.dumps({**cell._asdict(), **result})}\n")
