"""The standings of methods: scores and ranks over the splits that all of them have done."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.tabular.cells import Cell

__all__ = ["Duel", "Standings", "mean_ranks"]

Result = Mapping[str, Any]


class Duel(NamedTuple):
    """A method beside the ensemble, over the cells that both have done.

    Attributes
    ----------
    cells : int
        Pairs of a table and a split.
    won : int
        The cells in which the ensemble has the better score.
    score_ratio : float
        Geometric mean of the method's score / the ensemble's.
    timed : int
        The cells in which both trained on the same number of rows.
    seconds, own_seconds : float
        CPU time of the method and of the ensemble, summed over the timed cells.
    """

    cells: int
    won: int
    score_ratio: float
    timed: int
    seconds: float
    own_seconds: float


@dataclass(frozen=True)
class Standings:
    """The results of methods on splits of tables.

    Attributes
    ----------
    tables, methods : sequence of str
    splits : int
        Splits from this number on are left out.
    results : dict
        As `Cells.results`.
    """

    tables: Sequence[str]
    methods: Sequence[str]
    splits: int
    results: Mapping[Cell, Result]

    @property
    def compared(self) -> list[str]:
        """The methods that have done any split."""
        return [name for name in self.methods if any(self._of(t, name) for t in self.tables)]

    def on(self, table: str) -> dict[int, dict[str, Result]]:
        """Return the results of each split that every method has done which has done any.

        The count is of this table: a method that has done none of its splits is left out.
        """
        of_methods = {name: self._of(table, name) for name in self.methods}
        of_methods = {name: found for name, found in of_methods.items() if found}
        shared = set.intersection(*map(set, of_methods.values())) if of_methods else set()
        return {
            split: {name: found[split] for name, found in of_methods.items()}
            for split in sorted(shared)
        }

    def means(self, table: str) -> dict[str, float]:
        """Return the mean score of each method over the splits of `on`."""
        found = list(self.on(table).values())
        return {
            name: statistics.fmean(each[name]["score"] for each in found)
            for name in (found[0] if found else ())
        }

    def shared(self) -> dict[tuple[str, int], dict[str, Result]]:
        """Return the results of each (table, split) that all compared methods have done."""
        compared = self.compared
        return {
            (table, split): found
            for table in self.tables
            for split, found in self.on(table).items()
            if len(found) == len(compared)
        }

    def duel(self, own: str, other: str) -> Duel | None:
        """Return a method beside the ensemble `own`; None where they share no cell."""
        pairs = [
            (mine[split], theirs[split])
            for table in self.tables
            for mine, theirs in [(self._of(table, own), self._of(table, other))]
            for split in sorted(mine.keys() & theirs.keys())
        ]
        if not pairs:
            return None
        timed = [(a, b) for a, b in pairs if a.get("rows") == b.get("rows")]
        return Duel(
            len(pairs),
            sum(a["score"] < b["score"] for a, b in pairs),
            statistics.geometric_mean(b["score"] / a["score"] for a, b in pairs),
            len(timed),
            sum(b["cpu_seconds"] for _, b in timed),
            sum(a["cpu_seconds"] for a, _ in timed),
        )

    def fewer_rows(self, methods: Sequence[str]) -> list[str]:
        """Return the tables in which any of these methods trained on fewer rows than another."""
        found = []
        for table in self.tables:
            for split in self.on(table).values():
                rows = {name: each.get("rows", 0) for name, each in split.items()}
                if any(rows[name] < max(rows.values()) for name in methods if name in rows):
                    found.append(table)
                    break
        return found

    def _of(self, table: str, method: str) -> dict[int, Result]:
        found = {k: self.results.get(Cell(table, method, k)) for k in range(self.splits)}
        return {k: result for k, result in found.items() if result is not None}


def mean_ranks(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean rank of each method, 1 for the lowest score; equal scores share a rank.

    Parameters
    ----------
    scores : sequence of dict
        The score of each method, of the same methods in each.

    Examples
    --------
    >>> mean_ranks([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 3.0}])
    {'a': 1.25, 'b': 1.75}
    """
    ranks: dict[str, list[float]] = {}
    for found in scores:
        for method, value in found.items():
            below = sum(other < value for other in found.values())
            same = sum(other == value for other in found.values())
            ranks.setdefault(method, []).append(below + (same + 1) / 2)
    return {method: statistics.fmean(each) for method, each in ranks.items()}
