"""Ranks: the processes that train one network together."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, HostArray
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError

__all__ = ["ROWS", "Ranks", "Share", "gathered_at"]

ROWS = ("common", "own")


class Share(NamedTuple):
    """The cases of a batch of `size` cases that a rank takes: from `start` to `stop`.

    Examples
    --------
    >>> [Share.of(8, rank, 3) for rank in range(3)]
    [Share(start=0, stop=2, size=8), Share(start=2, stop=5, size=8), Share(start=5, stop=8, size=8)]
    """

    start: int
    stop: int
    size: int

    @classmethod
    def of(cls, size: int, rank: int, ranks: int) -> "Share":
        """Return the share of a rank, where all shares are equal but for one case.

        Examples
        --------
        >>> Share.of(8, 2, 3)
        Share(start=5, stop=8, size=8)
        """
        return cls(size * rank // ranks, size * (rank + 1) // ranks, size)

    @property
    def cases(self) -> int:
        """The number of cases, which may be 0.

        Examples
        --------
        >>> Share.of(8, 1, 3).cases
        3
        """
        return self.stop - self.start


@checks_keywords
class Ranks(ABC):
    """The processes that train one network together, and this one among them.

    Each rank has a share of the cases of each batch. The gradient of a batch is the sum of the
    gradients of its shards, so that one sum over the ranks makes them train as one.

    A subclass gives `rank`, `size`, `sum` and `gathered`. Every rank calls these methods the same
    number of times, in the same order. `MPI` has the processes of MPI.

    Parameters
    ----------
    rows : {"common", "own"}
        Whether X and Y are the same cases in all ranks, or each rank has cases of its own.
    accumulate : int
        ≥ 1, the number of parts in which a rank goes through its share of a batch. The gradients of
        the parts are added before the sum over the ranks. More parts take less memory.

    Attributes
    ----------
    rank : int
        The number of this process, counted from 0.
    size : int
        The number of processes.
    on_machine : int
        The number of these processes on this machine, which share its cores.
    transport : str
        How sums go from rank to rank.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> class Alone(bp.distributed.Ranks):
    ...     rank, size = 0, 1
    ...     def sum(self, x):
    ...         return x
    ...     def gathered(self, value):
    ...         return [value]
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> run = bp.train(net, X, Y, reduce=Alone())
    >>> bool((run.theta == bp.train(net, X, Y).theta).all())
    True
    """

    rank: int
    size: int
    on_machine: int = 1
    transport: str = "ranks"

    def __init__(self, rows: str = "common", accumulate: int = 1) -> None:
        name = type(self).__name__
        if rows not in ROWS:
            came, expected = repr(rows), " or ".join(map(repr, ROWS))
            advice = "Use 'common' where each process passes the same X, 'own' where a part of it"
            raise OptionError(f"{name}(rows)", came, expected, advice)
        self.rows = rows
        self.accumulate = check_count(accumulate, f"{name}(accumulate)", least=1)

    @abstractmethod
    def sum(self, x: Array) -> Array:
        """Return the sum of `x` over the ranks, with equal bits in all ranks; `x` is consumed.

        Examples
        --------
        >>> import numpy as np
        >>> MPI().sum(np.ones(3)) / size  # doctest: +SKIP
        array([1., 1., 1.])
        """

    @abstractmethod
    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all ranks, by their numbers. A value can be pickled.

        Examples
        --------
        >>> ranks.gathered(ranks.rank)  # doctest: +SKIP
        [0, 1]
        """

    @property
    def writes(self) -> bool:
        """Whether this rank writes files and to the screen.

        Examples
        --------
        >>> if ranks.writes:  # doctest: +SKIP
        ...     bp.save("model.safetensors", net, run.theta)
        """
        return self.rank == 0

    def ended_epoch(self) -> None:  # noqa: B027  a subclass may know no deadlines
        """Note the end of an epoch.

        Examples
        --------
        >>> ranks.ended_epoch()  # doctest: +SKIP
        """

    def place(self, device: Any) -> Any:
        """Return the device of this rank, where `device` is the device of all.

        Examples
        --------
        >>> ranks.place("cuda")  # doctest: +SKIP
        'cuda:1'
        """
        return device

    def total(self, x: HostArray) -> HostArray:
        """Return the sum of a float64 array over the ranks; `x` is unchanged.

        Examples
        --------
        >>> ranks.total(np.array([ranks.rank]))  # doctest: +SKIP
        array([1.])
        """
        summed: Any = self.sum(np.array(x, np.float64))
        return np.asarray(summed)

    def agree(self, texts: Mapping[str, str], where: str) -> None:
        """Check that the texts of all ranks are equal, name by name.

        A training calls it before any other sum over ranks, and after its last one.

        Raises
        ------
        OptionError
            A text differs from the text of rank 0, in all ranks. The error names the first rank.
            Or a rank is at another place of its program.

        Examples
        --------
        >>> ranks.agree({"seed": "0"}, "train(reduce)")  # doctest: +SKIP
        """
        first, *others = gathered_at("the start or the end of a training", dict(texts), self)
        for rank, found in enumerate(others, start=1):
            for name in sorted({*first, *found}, key=[*first, *found].index):
                expected, came = first.get(name), found.get(name)
                if came != expected:
                    raise OptionError(
                        f"{where}, rank {rank}",
                        f"{name}: {came!s:.100}",
                        f"{expected!s:.100}, as in rank 0",
                        "Start all ranks with the same arguments, data and versions",
                    )

    def counts(self, count: int) -> Sequence[int]:
        """Return the number of cases of each rank, for its own rows; else of all ranks at once.

        Examples
        --------
        >>> ranks.counts(100)  # doctest: +SKIP
        [100, 98]
        """
        return gathered_at("a count of cases", count, self) if self.rows == "own" else [count]

    def share(self, count: int) -> Share:
        """Return the cases that this rank scores, of `count` cases that it has.

        Examples
        --------
        >>> ranks.share(100)  # doctest: +SKIP
        Share(start=0, stop=50, size=100)
        """
        if self.rows == "common":
            return Share.of(count, self.rank, self.size)
        return Share(0, count, sum(gathered_at("scores of cases", count, self)))


def gathered_at(moment: str, value: Any, ranks: Ranks) -> list[Any]:
    """Return the values of all ranks, after a check that all of them are at the same moment.

    Raises
    ------
    OptionError
        A rank is at another moment than this one. The error names the first such rank.

    Examples
    --------
    >>> gathered_at("the end of epoch 2", ranks.rank, ranks)  # doctest: +SKIP
    [0, 1]
    """
    found = ranks.gathered((moment, value))
    for rank, one in enumerate(found):
        other = one[0] if isinstance(one, tuple) and len(one) == 2 else "another call"
        if other != moment:
            raise OptionError(
                f"train(reduce), rank {rank}",
                f"{other!s:.100}",
                f"{moment}, as in rank {ranks.rank}",
                "Call train in all ranks, in the same order, and catch no error of one rank alone",
            )
    return [of_rank for _, of_rank in found]
